/*
 * A fuzz target for libFuzzer: lines made out of a client's bytes. `make fuzz` runs it.
 *
 * The first byte chooses the longest line, the second how the rest is split. However it is split,
 * the transcript is that of the naive model.
 */
#include <stdlib.h>

#include "tests/support/input_model.h"
#include "tests/support/input_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct transcript whole, split;
static struct model model;

/* Reads of 1 to 16 bytes, chosen by the bytes themselves and by `salt`. */
static void feed_split(const uint8_t *bytes, size_t size, uint8_t salt)
{
    for (size_t at = 0, step; at < size; at += step) {
        step = 1 + ((bytes[at] + at) * (salt | 1u) >> 3) % 16;
        step = step < size - at ? step : size - at;
        transcript_feed(&split, bytes + at, step);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 4096)
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
    model_run(&model, (const char *)data + 2, size - 2, max_bytes);
    if (model.length != whole.length || memcmp(model.text, whole.text, whole.length) != 0)
        abort();
    return 0;
}
