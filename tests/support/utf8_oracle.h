/*
 * utf8_oracle: what text.h should answer, found another way.
 *
 * It knows how a code point is written (utf8_oracle_encode) and tries all of
 * them: "well-formed" is being what some scalar value is written as, and a
 * maximal subpart is the longest beginning that some scalar value shares. No
 * table of byte ranges in it, so it can't be wrong in the way text.c would be.
 */
#ifndef TESTS_SUPPORT_UTF8_ORACLE_H
#define TESTS_SUPPORT_UTF8_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Sets of byte strings of one to three bytes, as bits: those that are whole characters, and those
 * that only begin some. */
struct utf8_oracle {
    bool ready;
    uint8_t whole[4][(1 << 24) / 8];
    uint8_t begun[4][(1 << 24) / 8];
};

static struct utf8_oracle utf8_oracle;

/* How a code point is written, whether or not it should be. */
static inline size_t utf8_oracle_encode(uint32_t code_point, uint8_t bytes[4])
{
    size_t size = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const uint8_t marks[5] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = size; i-- > 0; code_point >>= 6)
        bytes[i] = (uint8_t)(i == 0 ? marks[size] | code_point : 0x80 | (code_point & 0x3F));
    return size;
}

static inline uint32_t utf8_oracle_index(const uint8_t *bytes, size_t size)
{
    uint32_t index = 0;
    for (size_t i = 0; i < size; i++)
        index = index << 8 | bytes[i];
    return index;
}

static inline void utf8_oracle_set(uint8_t *set, uint32_t index)
{
    set[index / 8] |= (uint8_t)(1 << index % 8);
}

static inline bool utf8_oracle_has(const uint8_t *set, const uint8_t *bytes, size_t size)
{
    uint32_t index = utf8_oracle_index(bytes, size);
    return set[index / 8] >> index % 8 & 1;
}

static inline void utf8_oracle_prepare(void)
{
    if (utf8_oracle.ready)
        return;
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        if (code_point >= 0xD800 && code_point <= 0xDFFF)
            continue;
        uint8_t bytes[4];
        size_t size = utf8_oracle_encode(code_point, bytes);
        for (size_t i = 1; i < size; i++)
            utf8_oracle_set(utf8_oracle.begun[i], utf8_oracle_index(bytes, i));
        if (size < 4)
            utf8_oracle_set(utf8_oracle.whole[size], utf8_oracle_index(bytes, size));
    }
    utf8_oracle.ready = true;
}

/* A fourth byte holds the lowest six bits, and nothing else of the code point depends on it. */
static inline bool utf8_oracle_whole(const uint8_t *bytes, size_t size)
{
    if (size < 4)
        return utf8_oracle_has(utf8_oracle.whole[size], bytes, size);
    return utf8_oracle_has(utf8_oracle.begun[3], bytes, 3) && bytes[3] >= 0x80 && bytes[3] <= 0xBF;
}

static inline uint32_t utf8_oracle_value(const uint8_t *bytes, size_t size)
{
    uint32_t value = size == 1 ? bytes[0] : bytes[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++)
        value = value * 64 + (bytes[i] - 0x80u);
    return value;
}

/* The bytes of the first part of `text`, and its character or U+FFFD. */
static inline size_t utf8_oracle_part(const void *text, size_t length, uint32_t *code_point)
{
    const uint8_t *bytes = text;
    size_t part = 1;

    utf8_oracle_prepare();
    *code_point = 0xFFFD;
    for (size_t size = 1; size <= 4 && size <= length; size++) {
        if (utf8_oracle_whole(bytes, size)) {
            *code_point = utf8_oracle_value(bytes, size);
            return size;
        }
        if (size == 4 || !utf8_oracle_has(utf8_oracle.begun[size], bytes, size))
            break;
        part = size;
    }
    return part;
}

/* The bytes of the last part of `text`, by counting from its beginning. */
static inline size_t utf8_oracle_last(const char *text, size_t length)
{
    size_t part = 0;
    uint32_t code_point;

    for (size_t at = 0; at < length; at += part)
        part = utf8_oracle_part(text + at, length - at, &code_point);
    return part;
}

/* The bytes of all parts that fit into `most` bytes. */
static inline size_t utf8_oracle_cut(const char *text, size_t length, size_t most)
{
    uint32_t code_point;

    for (size_t at = 0; at < length;) {
        size_t part = utf8_oracle_part(text + at, length - at, &code_point);
        if (at + part > most)
            return at;
        at += part;
    }
    return length;
}

/* Ranges of code points, as python3 lists them (unicodedata of Unicode 14.0):
 *     cf = {c for c in range(0x110000) if unicodedata.category(chr(c)) == 'Cf'}
 *     cf -= {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
 *     cf |= set(range(0xE0000, 0xE0080))
 * with U+13439 to 1343F, which Unicode 15.0 added. */
static const uint32_t utf8_oracle_format[][2] = {
    {0xAD, 0xAD},       {0x61C, 0x61C},     {0x180E, 0x180E},   {0x200B, 0x200F},
    {0x202A, 0x202E},   {0x2060, 0x2064},   {0x2066, 0x206F},   {0xFEFF, 0xFEFF},
    {0xFFF9, 0xFFFB},   {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
    {0xE0000, 0xE007F},
};

/* The same for what shows nothing by itself: perl's \p{Zs} and \p{DI} of Unicode 14.0, and the
 * contract's U+2800, with two more of its like. */
static const uint32_t utf8_oracle_blanks[][2] = {
    {0x20, 0x20},     {0xA0, 0xA0},       {0x34F, 0x34F},     {0x115F, 0x1160},   {0x1680, 0x1680},
    {0x17B4, 0x17B5}, {0x180B, 0x180F},   {0x2000, 0x200A},   {0x202F, 0x202F},   {0x205F, 0x206F},
    {0x2800, 0x2800}, {0x3000, 0x3000},   {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFF8}, {0x16FE4, 0x16FE4}, {0x1D159, 0x1D159}, {0xE0000, 0xE0FFF},
};

static inline bool utf8_oracle_listed(const uint32_t (*ranges)[2], size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    }
    return false;
}

/* What nobody else's terminal may see. */
static inline bool utf8_oracle_forbidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) ||
           utf8_oracle_listed(utf8_oracle_format,
                              sizeof(utf8_oracle_format) / sizeof(*utf8_oracle_format), c);
}

/* What shows nothing by itself. */
static inline bool utf8_oracle_blank(uint32_t c)
{
    return utf8_oracle_forbidden(c) ||
           utf8_oracle_listed(utf8_oracle_blanks,
                              sizeof(utf8_oracle_blanks) / sizeof(*utf8_oracle_blanks), c);
}

static inline size_t utf8_oracle_put(char *out, uint32_t c)
{
    uint8_t bytes[4];
    size_t size = utf8_oracle_encode(c, bytes);
    memcpy(out, bytes, size);
    return size;
}

/* Cleaning, for text without escape sequences: first it is taken apart, then what stands around
 * each joiner is examined. `length` is at most 4096. */
static inline size_t utf8_oracle_clean(char *out, const char *in, size_t length)
{
    static uint32_t kept[4096];
    size_t count = 0, used = 0;

    for (size_t at = 0; at < length;) {
        uint32_t c;
        at += utf8_oracle_part(in + at, length - at, &c);
        if (c == 0x09 || c == 0x2028 || c == 0x2029)
            kept[count++] = ' ';
        else if (!utf8_oracle_forbidden(c) || c == 0x200C || c == 0x200D)
            kept[count++] = c;
    }
    for (size_t i = 0; i < count; i++) {
        if (kept[i] == 0x200C || kept[i] == 0x200D) {
            size_t before = i;
            while (before > 0 && (utf8_oracle_forbidden(kept[before - 1]) ||
                                  (kept[before - 1] >= 0xFE00 && kept[before - 1] <= 0xFE0F) ||
                                  (kept[before - 1] >= 0xE0100 && kept[before - 1] <= 0xE01EF)))
                before--;
            if (before == 0 || utf8_oracle_blank(kept[before - 1]) || i + 1 == count ||
                utf8_oracle_blank(kept[i + 1]))
                continue;
        }
        used += utf8_oracle_put(out + used, kept[i]);
    }
    return used;
}

/* True if `text` is well-formed and holds nothing that text_clean should have removed. */
static inline bool utf8_oracle_showable(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t c;
        size_t size = utf8_oracle_part(text + at, length - at, &c);
        bool joiner = c == 0x200C || c == 0x200D;
        if (!utf8_oracle_whole((const uint8_t *)text + at, size))
            return false;
        if (utf8_oracle_forbidden(c) && !joiner)
            return false;
        if (c == 0x2028 || c == 0x2029)
            return false;
        at += size;
    }
    return true;
}

#endif
