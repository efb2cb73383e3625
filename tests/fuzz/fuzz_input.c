/*
 * A fuzz target for libFuzzer: the way from a client's bytes to clean lines.
 * `make fuzz` runs it.
 *
 * The first byte chooses the longest line, the second how the rest is split.
 */
#include <stdlib.h>

#include "chat/text/text.h"
#include "tests/support/input_transcript.h"
#include "tests/support/utf8_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct transcript whole, split;

/* Reads of 1 to 16 bytes, chosen by the bytes themselves and by `salt`. */
static void feed_split(const uint8_t *bytes, size_t size, uint8_t salt)
{
    for (size_t at = 0, step; at < size; at += step) {
        step = 1 + ((bytes[at] + at) * (salt | 1u) >> 3) % 16;
        step = step < size - at ? step : size - at;
        transcript_feed(&split, bytes + at, step);
    }
}

static void check_text(const char *text, size_t length)
{
    char *cleaned = malloc(TEXT_CLEAN_GROWTH * length + 1);
    char *expected = malloc(TEXT_CLEAN_GROWTH * length + 1);
    size_t cleaned_length = text_clean(cleaned, text, length);

    if (!utf8_oracle_showable(cleaned, cleaned_length))
        abort();
    if (cleaned_length != utf8_oracle_clean(expected, text, length) ||
        memcmp(cleaned, expected, cleaned_length) != 0)
        abort();
    if (text_last_character(text, length) != utf8_oracle_last(text, length))
        abort();
    free(cleaned);
    free(expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t max_bytes = INPUT_MAX_BYTES_LEAST + data[0];

    transcript_begin(&whole, max_bytes);
    transcript_feed(&whole, data + 2, size - 2);
    transcript_end(&whole);
    transcript_begin(&split, max_bytes);
    feed_split(data + 2, size - 2, data[1]);
    transcript_end(&split);
    if (!transcript_equal(&whole, &split))
        abort();
    check_text(whole.text, whole.length);
    check_text((const char *)data, size);
    return 0;
}
