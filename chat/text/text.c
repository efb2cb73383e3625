#include "chat/text/text.h"

#include <assert.h>
#include <string.h>

#include "chat/text/escape.h"

/* Decoding. */

/* What a first byte says of its character. */
struct lead {
    uint8_t size; /* bytes of the character; 0: nothing begins with this byte */
    uint8_t bits; /* which of its bits are the code point's highest */
    uint8_t low; /* the second byte's range */
    uint8_t high;
};

/* Table 3-7 of the Unicode Standard. The four odd ranges of a second byte are what keeps overlong
 * forms (E0, F0), surrogates (ED) and what lies beyond U+10FFFF (F4) out. */
static const struct lead leads[256] = {
    [0x00 ... 0x7F] = {1, 0x7F, 0, 0}, [0xC2 ... 0xDF] = {2, 0x1F, 0x80, 0xBF},
    [0xE0] = {3, 0x0F, 0xA0, 0xBF},    [0xE1 ... 0xEC] = {3, 0x0F, 0x80, 0xBF},
    [0xED] = {3, 0x0F, 0x80, 0x9F},    [0xEE ... 0xEF] = {3, 0x0F, 0x80, 0xBF},
    [0xF0] = {4, 0x07, 0x90, 0xBF},    [0xF1 ... 0xF3] = {4, 0x07, 0x80, 0xBF},
    [0xF4] = {4, 0x07, 0x80, 0x8F},
};

size_t text_decode(const char *text, size_t length, uint32_t *code_point)
{
    assert(length > 0);
    const uint8_t *bytes = (const uint8_t *)text;
    struct lead lead = leads[bytes[0]];
    uint32_t value = bytes[0] & lead.bits;

    *code_point = TEXT_REPLACEMENT;
    if (lead.size == 0)
        return 1;
    for (size_t i = 1; i < lead.size; i++) {
        if (i == length || bytes[i] < lead.low || bytes[i] > lead.high)
            return i;
        value = value << 6 | (bytes[i] & 0x3F);
        lead.low = 0x80;
        lead.high = 0xBF;
    }
    *code_point = value;
    return lead.size;
}

/* Classes of characters. */

struct range {
    uint32_t first;
    uint32_t last;
};

/* What never reaches another terminal: control characters, and Unicode's category Cf (format) but
 * for the visible signs in it (U+0600-0605, 06DD, 070F, 0890-0891, 08E2, 110BD, 110CD), and the
 * unassigned among the tags. From UnicodeData.txt of Unicode 15.1. */
static const struct range dropped[] = {
    {0x0000, 0x001F},   {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x061C, 0x061C},
    {0x180E, 0x180E},   {0x200B, 0x200F},   {0x202A, 0x202E},   {0x2060, 0x2064},
    {0x2066, 0x206F},   {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},   {0x13430, 0x1343F},
    {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE007F},
};

/* What may be said, but shows nothing by itself: blanks of any kind (category Zs), the rest of
 * Default_Ignorable_Code_Point (DerivedCoreProperties.txt of Unicode 15.1), and the three whose
 * glyph is empty (U+2800, U+16FE4, U+1D159). */
static const struct range blank[] = {
    {0x0020, 0x0020},   {0x00A0, 0x00A0}, {0x034F, 0x034F}, {0x115F, 0x1160},   {0x1680, 0x1680},
    {0x17B4, 0x17B5},   {0x180B, 0x180D}, {0x180F, 0x180F}, {0x2000, 0x200A},   {0x202F, 0x202F},
    {0x205F, 0x205F},   {0x2065, 0x2065}, {0x2800, 0x2800}, {0x3000, 0x3000},   {0x3164, 0x3164},
    {0xFE00, 0xFE0F},   {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8}, {0x16FE4, 0x16FE4}, {0x1D159, 0x1D159},
    {0xE0080, 0xE0FFF},
};

static bool is_in(const struct range *ranges, size_t count, uint32_t code_point)
{
    size_t low = 0;

    while (low < count) {
        size_t middle = (low + count) / 2;
        if (code_point > ranges[middle].last)
            low = middle + 1;
        else if (code_point < ranges[middle].first)
            count = middle;
        else
            return true;
    }
    return false;
}

#define IS_IN(ranges, code_point) is_in(ranges, sizeof(ranges) / sizeof(ranges)[0], code_point)

static bool is_visible(uint32_t code_point)
{
    if (code_point > ' ' && code_point < 0x7F) /* what most lines begin with: saves two searches */
        return true;
    return !IS_IN(blank, code_point) && !IS_IN(dropped, code_point);
}

static bool is_joiner(uint32_t code_point)
{
    return code_point == 0x200C || code_point == 0x200D;
}

/* A variation selector is part of the character before it. */
static bool is_selector(uint32_t code_point)
{
    return (code_point >= 0xFE00 && code_point <= 0xFE0F) ||
           (code_point >= 0xE0100 && code_point <= 0xE01EF);
}

/* Cleaning. */

struct cleaning {
    char *out;
    size_t used;
    bool after_visible; /* the last character written can be seen */
    uint32_t joiner; /* one that stays if the next character can be seen; 0: none */
};

static void put_code_point(struct cleaning *cleaning, uint32_t code_point)
{
    static const uint8_t marks[] = {0, 0, 0xC0, 0xE0, 0xF0}; /* of a first byte, by size */
    size_t size = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    char *bytes = cleaning->out + cleaning->used;

    for (size_t i = size - 1; i > 0; i--, code_point >>= 6)
        bytes[i] = (char)(0x80 | (code_point & 0x3F));
    bytes[0] = (char)(marks[size] | code_point);
    cleaning->used += size;
}

static void clean_character(struct cleaning *cleaning, uint32_t code_point)
{
    if (code_point == '\t' || code_point == 0x2028 || code_point == 0x2029)
        code_point = ' ';
    if (is_joiner(code_point)) {
        cleaning->joiner = cleaning->after_visible ? code_point : 0;
        return;
    }
    if (IS_IN(dropped, code_point))
        return;
    bool visible = !IS_IN(blank, code_point);
    if (cleaning->joiner && visible)
        put_code_point(cleaning, cleaning->joiner);
    cleaning->joiner = 0;
    put_code_point(cleaning, code_point);
    if (!is_selector(code_point))
        cleaning->after_visible = visible;
}

/* Cleans the sequence or the character that `in` begins with, and returns its bytes. */
static size_t clean_next(struct cleaning *cleaning, const char *in, size_t length)
{
    uint32_t code_point;
    size_t size = escape_length(in, length);

    if (size == 0) {
        size = text_decode(in, length, &code_point);
        clean_character(cleaning, code_point);
    }
    return size;
}

/* The bytes of printable ASCII that `text` begins with. */
static size_t printable_length(const char *text, size_t length)
{
    size_t size = 0;

    while (length - size >= TEXT_STRIDE) {
        uint64_t bytes = text_stride(text + size);
        if (text_controls(bytes) | text_beyond_ascii(bytes))
            break;
        size += TEXT_STRIDE;
    }
    while (size < length && text[size] >= ' ' && text[size] <= '~')
        size++;
    return size;
}

/* The fast path: most text is printable ASCII, which is copied as it is. */
static size_t copy_printable(struct cleaning *cleaning, const char *in, size_t length)
{
    size_t size = cleaning->joiner ? 0 : printable_length(in, length);

    if (size > 0) {
        memcpy(cleaning->out + cleaning->used, in, size);
        cleaning->used += size;
        cleaning->after_visible = in[size - 1] != ' ';
    }
    return size;
}

size_t text_clean(char *out, const char *in, size_t length)
{
    struct cleaning cleaning = {0};

    cleaning.out = out;
    for (size_t at = 0; at < length;) {
        at += copy_printable(&cleaning, in + at, length - at);
        if (at < length)
            at += clean_next(&cleaning, in + at, length - at);
    }
    return cleaning.used;
}

bool text_visible(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t code_point;
        at += text_decode(text + at, length - at, &code_point);
        if (is_visible(code_point))
            return true;
    }
    return false;
}

/* Cutting. */

static bool is_continuation(char byte)
{
    return ((uint8_t)byte & 0xC0) == 0x80;
}

/* Only a part's first byte is not among 80..BF, and no part is longer than four bytes. So the last
 * part begins at the last such byte within reach, or is a stray continuation byte by itself. */
size_t text_last_character(const char *text, size_t length)
{
    size_t size = 1;
    uint32_t code_point;

    if (length == 0)
        return 0;
    while (size < 4 && size < length && is_continuation(text[length - size]))
        size++;
    return text_decode(text + length - size, size, &code_point) == size ? size : 1;
}

/* A part that the cut would divide begins at most three bytes before it. */
size_t text_cut(const char *text, size_t length, size_t most)
{
    size_t at = most;
    uint32_t code_point;

    if (length <= most)
        return length;
    while (at > 0 && most - at < 3 && is_continuation(text[at]))
        at--;
    return at + text_decode(text + at, length - at, &code_point) > most ? at : most;
}

/* Words. */

bool text_equal_folded(const char *one, const char *other, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text_fold(one[i]) != text_fold(other[i]))
            return false;
    }
    return true;
}

size_t text_trim(const char **text, size_t length)
{
    while (length > 0 && (*text)[length - 1] == ' ')
        length--;
    while (length > 0 && **text == ' ') {
        (*text)++;
        length--;
    }
    return length;
}

char *text_put_number(char *to, uint32_t number)
{
    char digits[TEXT_NUMBER - 1]; /* the last first */
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        *to++ = digits[--count];
    *to = '\0';
    return to;
}

char *text_put_words(char *to, const char *const words[])
{
    *to = '\0';
    for (; *words; words++)
        to = stpcpy(to, *words);
    return to;
}
