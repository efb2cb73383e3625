#include "chat/text/escape.h"

#include <stdbool.h>
#include <stdint.h>

#include "chat/text/text.h"

enum { BELL = 0x07, CANCEL = 0x18, SUBSTITUTE = 0x1A, ESC = 0x1B };

/* The bytes that sequences are made of (ECMA-48, section 5.3 and 5.4). */
static bool is_intermediate(uint8_t byte)
{
    return byte >= 0x20 && byte <= 0x2F;
}

static bool is_final(uint8_t byte)
{
    return byte >= 0x30 && byte <= 0x7E;
}

static bool aborts(uint8_t byte)
{
    return byte == CANCEL || byte == SUBSTITUTE;
}

/* From here on `at` is where in the text a sequence continues, and what is returned is where it
 * ends. */

/* A terminal carries out a control character inside of a CSI sequence and goes on with it. */
static size_t skip_csi(const uint8_t *text, size_t length, size_t at)
{
    /* Linux's console sends ESC [ [ A for F1. */
    if (at + 1 < length && text[at] == '[' && text[at + 1] >= 0x20 && text[at + 1] <= 0x7E)
        return at + 2;
    for (; at < length; at++) {
        uint8_t byte = text[at];
        if (aborts(byte) || (byte >= 0x40 && byte <= 0x7E))
            return at + 1;
        if (byte == ESC || byte >= 0x80)
            return at;
    }
    return length;
}

/* OSC alone also ends with BEL. */
static size_t skip_string(const uint8_t *text, size_t length, size_t at, bool bell_ends)
{
    for (; at < length; at++) {
        if (aborts(text[at]) || (bell_ends && text[at] == BELL))
            return at + 1;
        if (text[at] == ESC)
            return at + 1 < length && text[at + 1] == '\\' ? at + 2 : at;
        if (text[at] == 0xC2 && at + 1 < length && text[at + 1] == 0x9C)
            return at + 2;
    }
    return length;
}

/* The one character after SS2 and SS3, unless it is a control character. */
static size_t skip_shifted(const char *text, size_t length, size_t at)
{
    uint32_t code_point;
    if (at == length)
        return at;
    size_t size = text_decode(text + at, length - at, &code_point);
    bool shows = code_point >= ' ' && (code_point < 0x7F || code_point >= 0xA0);
    return shows && code_point != TEXT_REPLACEMENT ? at + size : at;
}

/* What follows ESC, or its equivalent among the one-character forms, which lie 0x40 higher. */
static size_t skip_introduced(const char *text, size_t length, size_t at, uint8_t introducer)
{
    switch (introducer) {
    case '[':
        return skip_csi((const uint8_t *)text, length, at);
    case ']':
        return skip_string((const uint8_t *)text, length, at, true);
    case 'P': /* DCS */
    case 'X': /* SOS */
    case '^': /* PM */
    case '_': /* APC */
        return skip_string((const uint8_t *)text, length, at, false);
    case 'N': /* SS2 */
    case 'O': /* SS3 */
        return skip_shifted(text, length, at);
    default:
        return at;
    }
}

/* ESC, intermediate bytes, a final byte. Without that byte only the ESC goes: what follows was text
 * that somebody typed after the Escape key. */
static size_t skip_short(const uint8_t *text, size_t length)
{
    size_t at = 1;
    while (at < length && is_intermediate(text[at]))
        at++;
    return at < length && is_final(text[at]) ? at + 1 : 1;
}

size_t escape_length(const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    if (length >= 2 && bytes[0] == 0xC2 && bytes[1] >= 0x80 && bytes[1] <= 0x9F)
        return skip_introduced(text, length, 2, (uint8_t)(bytes[1] - 0x40));
    if (length == 0 || bytes[0] != ESC)
        return 0;
    if (length >= 2 && bytes[1] == 'k') /* the window's title, as screen and tmux set it */
        return skip_string(bytes, length, 2, false);
    if (length >= 2 && bytes[1] >= 0x40 && bytes[1] <= 0x5F)
        return skip_introduced(text, length, 2, bytes[1]);
    return skip_short(bytes, length);
}
