/*
 * input: makes lines of a client's raw bytes. Pure.
 *
 * One pass takes the telnet protocol out (telnet.h), carries out what edits the
 * line and looks for its end; it is pulled and stops after each event, so that
 * a client above its rate leaves the rest of what was read where it is. Events
 * come in the same order at the same bytes however those are split over reads.
 *
 *      struct input_raw raw = {bytes, size};
 *      while ((event = input_pull(&client->input, &line, &raw)) != INPUT_MORE)
 *          ...                          each of these costs one of the rate
 *
 * Between reads a client keeps its struct input and the beginning of a line
 * (`line.length` bytes, mostly none); the memory in which a line grows may be
 * shared by all clients. Lines come out as sent, but for edits and NUL bytes:
 * text_clean makes them fit to be shown, and may leave nothing of them.
 *
 * A line ends with LF or with CR; the one LF or NUL after a CR, however late,
 * belongs to it. IAC EOF, like the end of the connection, makes a last line of
 * what stands before it. Bytes 3 and 4 (Ctrl-C, Ctrl-D) count at once where the
 * line is empty so far, whatever comes next: a client that sends each key never
 * sends a newline after them. Elsewhere they are control characters like others.
 */
#ifndef CHAT_TEXT_INPUT_H
#define CHAT_TEXT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chat/text/telnet.h"

/* The shortest limit that a line may be given. */
#define INPUT_MAX_BYTES_LEAST 2

/* Every event but INPUT_MORE costs the client one of its rate. */
enum input_event {
    INPUT_MORE, /* all bytes are used up, the line has not ended yet */
    INPUT_LINE, /* the line is complete, without its end; it may be empty */
    INPUT_TOO_LONG, /* the line has passed its limit: what it held is gone, the rest is skipped */
    INPUT_SKIPPED, /* of a line that is too long, `max_bytes` more have gone by */
    INPUT_ANSWER, /* a telnet request: `answer` of struct input is to be sent */
    INPUT_ARE_YOU_THERE, /* IAC AYT */
    INPUT_INTERRUPT, /* IAC IP or Ctrl-C: say how to leave */
    INPUT_END /* IAC EOF or Ctrl-D: leave */
};

/* The state of one client's input but for the line itself. A zeroed one is at its beginning. */
struct input {
    struct telnet telnet;
    bool after_cr; /* an LF or NUL now belongs to the line before */
    bool line_taken; /* the line was handed out: the next pull begins a new one */
    bool skipping; /* the line is too long; it is kept empty until it ends */
    uint8_t answer[TELNET_ANSWER_BYTES]; /* valid after INPUT_ANSWER, until the next pull */
    uint32_t skipped_bytes; /* of the line being skipped, since the last event */
};

/* A line under construction. The memory is the caller's. */
struct input_line {
    char *bytes; /* room for `max_bytes` */
    size_t length;
    size_t max_bytes; /* the longest line as edited, without its end; the same for ever */
};

/* What was read and not used yet. */
struct input_raw {
    const uint8_t *bytes;
    size_t size;
};

/* Uses `raw` up to the next event, moves it on past what was used, and returns the event. A line
 * is valid until the next pull, which empties it: nobody else need do so. */
enum input_event input_pull(struct input *input, struct input_line *line, struct input_raw *raw);

/* At the end of input: true where a last line, one without an end, is left in `line`. */
bool input_finish(const struct input *input, const struct input_line *line);

#endif
