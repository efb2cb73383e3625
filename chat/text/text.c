#include "chat/text/text.h"

#include <assert.h>
#include <string.h>

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

static bool is_dropped(uint32_t code_point)
{
    switch (code_point) {
    case '\t':
        return false;
    case 0x00 ... 0x08: /* C0 */
    case 0x0A ... 0x1F:
    case 0x7F ... 0x9F: /* DEL and C1 */
    case 0x202A ... 0x202E: /* embeddings and overrides */
    case 0x2066 ... 0x2069: /* isolates */
        return true;
    default:
        return false;
    }
}

static bool is_separator(uint32_t code_point)
{
    return code_point == 0x2028 || code_point == 0x2029;
}

static bool is_printable_ascii(char byte)
{
    return byte >= ' ' && byte <= '~';
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
    while (size < length && is_printable_ascii(text[size]))
        size++;
    return size;
}

/* The bytes that `text` begins with which may be shown as they are. Most text is ASCII, and many
 * times faster where it isn't decoded. */
static size_t showable_length(const char *text, size_t length)
{
    size_t shown = 0;

    while (true) {
        shown += printable_length(text + shown, length - shown);
        if (shown == length)
            break;
        uint32_t code_point;
        size_t size = text_decode(text + shown, length - shown, &code_point);
        if (code_point == TEXT_REPLACEMENT || is_dropped(code_point) || is_separator(code_point))
            break;
        shown += size;
    }
    return shown;
}

/* Writes what stands for a character that is not shown as it is. */
static size_t substitute(char *out, uint32_t code_point)
{
    static const char replacement[] = "\xEF\xBF\xBD";

    if (is_dropped(code_point))
        return 0;
    if (is_separator(code_point)) {
        *out = ' ';
        return 1;
    }
    memcpy(out, replacement, sizeof(replacement) - 1);
    return sizeof(replacement) - 1;
}

size_t text_clean(char *out, const char *in, size_t length)
{
    size_t used = 0;

    for (size_t at = 0; at < length;) {
        size_t shown = showable_length(in + at, length - at);
        memcpy(out + used, in + at, shown);
        used += shown;
        at += shown;
        if (at < length) {
            uint32_t code_point;
            at += text_decode(in + at, length - at, &code_point);
            used += substitute(out + used, code_point);
        }
    }
    return used;
}

static bool is_continuation(char byte)
{
    return ((uint8_t)byte & 0xC0) == 0x80;
}

/* Only a part's first byte is none of 80..BF, and no part is longer than four bytes: so the last
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

bool text_equal_folded(const char *one, const char *other, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text_fold(one[i]) != text_fold(other[i]))
            return false;
    }
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

size_t text_trim(const char **text, size_t length)
{
    while (length > 0 && is_blank((*text)[length - 1]))
        length--;
    while (length > 0 && is_blank(**text)) {
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
