/*
 * A fuzz target for libFuzzer: text made fit to be shown. `make fuzz` runs it.
 */
#include <stdlib.h>

#include "chat/text/escape.h"
#include "chat/text/text.h"
#include "tests/support/utf8_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Whether escape sequences could begin in it, of which the oracle knows nothing. */
static bool may_escape(const char *text, size_t length)
{
    return memchr(text, 0x1B, length) || memchr(text, 0xC2, length);
}

static bool oracle_visible(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t c;
        at += utf8_oracle_part(text + at, length - at, &c);
        if (!utf8_oracle_blank(c))
            return true;
    }
    return false;
}

static void check_cleaning(const char *text, size_t length)
{
    char *once = malloc(TEXT_CLEAN_GROWTH * length + 1);
    char *again = malloc(TEXT_CLEAN_GROWTH * TEXT_CLEAN_GROWTH * length + 1);
    size_t once_length = text_clean(once, text, length);

    require(once_length <= TEXT_CLEAN_GROWTH * length);
    require(utf8_oracle_showable(once, once_length));
    require(text_visible(once, once_length) == oracle_visible(once, once_length));
    size_t again_length = text_clean(again, once, once_length);
    require(again_length == once_length && memcmp(again, once, once_length) == 0);
    if (!may_escape(text, length)) {
        again_length = utf8_oracle_clean(again, text, length);
        require(again_length == once_length && memcmp(again, once, once_length) == 0);
    }
    free(once);
    free(again);
}

static void check_parts(const char *text, size_t length)
{
    require(text_last_character(text, length) == utf8_oracle_last(text, length));
    for (size_t most = 0; most <= length && most < 64; most++)
        require(text_cut(text, length, most) == utf8_oracle_cut(text, length, most));
    for (size_t at = 0; at < length; at++) {
        size_t escape = escape_length(text + at, length - at);
        require(escape <= length - at && (escape > 0 || text[at] != 0x1B));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1024)
        return 0;
    check_cleaning((const char *)data, size);
    check_parts((const char *)data, size);
    return 0;
}
