/*
 * input_transcript: what input.h makes of a client's bytes, as text.
 *
 * Bytes are fed in as many reads as the caller likes; the transcript of the
 * same bytes must be the same however they were split. It reads like this:
 *
 *      [a line]<long><bytes><wont 31><dont 24><ayt><intr><end>{a last line without its end}
 *
 * Each read lies in a block of exactly its size and the growing line in one of
 * exactly its limit, so that AddressSanitizer sees a byte too many; between
 * reads only the beginning of a line is kept, as a server would.
 */
#ifndef TESTS_SUPPORT_INPUT_TRANSCRIPT_H
#define TESTS_SUPPORT_INPUT_TRANSCRIPT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/text/input.h"

#define TRANSCRIPT_BYTES (1 << 16)

struct transcript {
    struct input input;
    struct input_line line; /* `bytes` is valid while fed */
    char *kept; /* the beginning of a line, between reads */
    uint64_t places; /* a sum over where in the bytes each event came */
    size_t used; /* raw bytes in all */
    unsigned cost; /* events that cost one of the rate */
    bool closed; /* after <foreign> nothing counts */
    size_t length;
    char text[TRANSCRIPT_BYTES];
};

static inline void transcript_begin(struct transcript *transcript, size_t max_bytes)
{
    memset(transcript, 0, offsetof(struct transcript, text));
    transcript->text[0] = '\0';
    transcript->line.max_bytes = max_bytes;
}

/* Texts that don't fit any more are cut: the sums still tell two such transcripts apart. */
static inline void transcript_tell(struct transcript *transcript, const char *text, size_t size)
{
    size_t room = sizeof(transcript->text) - 1 - transcript->length;
    if (size > room)
        size = room;
    memcpy(transcript->text + transcript->length, text, size);
    transcript->length += size;
    transcript->text[transcript->length] = '\0';
}

static inline void transcript_tell_line(struct transcript *transcript, const char *marks)
{
    transcript_tell(transcript, marks, 1);
    transcript_tell(transcript, transcript->line.bytes, transcript->line.length);
    transcript_tell(transcript, marks + 1, 1);
}

static inline void transcript_tell_event(struct transcript *transcript, enum input_event event)
{
    static const char *const names[] = {
        [INPUT_MORE] = "",
        [INPUT_TOO_LONG] = "<long>",
        [INPUT_BYTES] = "<bytes>",
        [INPUT_ARE_YOU_THERE] = "<ayt>",
        [INPUT_INTERRUPT] = "<intr>",
        [INPUT_END] = "<end>",
        [INPUT_FOREIGN] = "<foreign>",
    };
    const uint8_t *answer = transcript->input.answer;
    char text[16];

    transcript->cost++;
    transcript->closed = event == INPUT_FOREIGN;
    transcript->places = transcript->places * 1000003 + transcript->used;
    if (event == INPUT_LINE) {
        transcript_tell_line(transcript, "[]");
    } else if (event == INPUT_ANSWER) {
        snprintf(text, sizeof(text), "<%s %u>", answer[1] == 252 ? "wont" : "dont", answer[2]);
        transcript_tell(transcript, text, strlen(text));
    } else {
        transcript_tell(transcript, names[event], strlen(names[event]));
    }
}

static inline void transcript_load_line(struct transcript *transcript)
{
    transcript->line.bytes = malloc(transcript->line.max_bytes);
    if (transcript->line.length > 0)
        memcpy(transcript->line.bytes, transcript->kept, transcript->line.length);
    free(transcript->kept);
    transcript->kept = NULL;
}

static inline void transcript_keep_line(struct transcript *transcript)
{
    if (transcript->line.length > 0) {
        transcript->kept = malloc(transcript->line.length);
        memcpy(transcript->kept, transcript->line.bytes, transcript->line.length);
    }
    free(transcript->line.bytes);
}

/* One read. */
static inline void transcript_feed(struct transcript *transcript, const void *bytes, size_t size)
{
    uint8_t *block = malloc(size > 0 ? size : 1);
    struct input_raw raw = {block, size};
    enum input_event event;

    if (transcript->closed) {
        free(block);
        return;
    }
    memcpy(block, bytes, size);
    transcript_load_line(transcript);
    do {
        size_t left = raw.size;
        event = input_pull(&transcript->input, &transcript->line, &raw);
        transcript->used += left - raw.size;
        if (event != INPUT_MORE)
            transcript_tell_event(transcript, event);
    } while (event != INPUT_MORE && !transcript->closed);
    transcript_keep_line(transcript);
    free(block);
}

static inline void transcript_end(struct transcript *transcript)
{
    transcript_load_line(transcript);
    enum input_event event = input_finish(&transcript->input, &transcript->line);
    if (event == INPUT_LINE && !transcript->closed)
        transcript_tell_line(transcript, "{}");
    else if (event == INPUT_FOREIGN && !transcript->closed)
        transcript_tell_event(transcript, event);
    free(transcript->line.bytes);
}

static inline bool transcript_equal(const struct transcript *one, const struct transcript *other)
{
    return one->length == other->length && memcmp(one->text, other->text, one->length) == 0 &&
           one->places == other->places && one->cost == other->cost;
}

#endif
