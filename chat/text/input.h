/*
 * input: makes lines out of a client's raw bytes. Pure.
 *
 * One pass removes the telnet protocol (telnet.h), carries out what edits the
 * line and looks for its end. The caller pulls, and each pull stops after one
 * event, so what a client above its rate has sent stays where it is. The same
 * bytes give the same events at the same bytes, however they were split over
 * reads.
 *
 *      struct input_raw raw = {bytes, size};
 *      while ((event = input_pull(&client->input, &line, &raw)) != INPUT_MORE)
 *          ...                          each event costs one of the client's rate
 *
 * Between reads a client keeps its struct input and the beginning of a line
 * (`line.length` bytes, mostly none). The memory in which a line grows may be
 * shared by all clients. Lines come out as sent, but for edits and NUL bytes:
 * text_clean makes them fit to be shown, and may leave nothing of them.
 *
 * A line ends with LF or with CR; the one LF or NUL after a CR, however late,
 * belongs to it. IAC EOF, like the end of the connection, makes a last line of
 * what stands before it. A client that sends each key as it is pressed sends no
 * newline after Ctrl-C and Ctrl-D, so these bytes count at once: byte 4 only on
 * a line that is empty so far, byte 3 everywhere. IAC EL, IAC IP and byte 3 begin
 * the line anew, also one that is being skipped.
 *
 * Web pages can reach the loopback, and browsers have no way to stop once the
 * request is refused. So a connection whose first line is an HTTP request, or
 * whose first bytes are a TLS hello, is reported before anything of it counts.
 */
#ifndef CHAT_TEXT_INPUT_H
#define CHAT_TEXT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chat/text/telnet.h"

/* The shortest limit that a line may be given: a byte order mark must fit. */
#define INPUT_MAX_BYTES_LEAST 3

/* Every event but INPUT_MORE costs the client one of its rate. */
enum input_event {
    INPUT_MORE, /* all bytes are used up, the line has not ended yet */
    INPUT_LINE, /* the line is complete, without its end; it may be empty */
    INPUT_TOO_LONG, /* the line has passed its limit: what it held is gone, the rest is skipped */
    INPUT_BYTES, /* `max_bytes` more have gone by since the last event, whatever they were */
    INPUT_ANSWER, /* a telnet request: `answer` of struct input is to be sent */
    INPUT_ARE_YOU_THERE, /* IAC AYT */
    INPUT_INTERRUPT, /* IAC IP, or Ctrl-C on an empty line: say how to leave */
    INPUT_END, /* IAC EOF or Ctrl-D: leave */
    INPUT_FOREIGN /* HTTP or TLS: say so once, and close. Nothing more may be pulled */
};

/* The state of one client's input but for the line itself. A zeroed one is at its beginning. */
struct input {
    struct telnet telnet;
    uint8_t opening; /* how much of a byte order mark or a TLS hello has come: input.c's */
    bool after_cr; /* an LF or NUL now belongs to the line before */
    bool line_taken; /* the line was handed out: the next pull begins a new one */
    bool skipping; /* the line is too long; it is kept empty until it ends */
    bool first_seen; /* the first line has ended, or has become too long */
    uint8_t answer[TELNET_ANSWER_BYTES]; /* valid after INPUT_ANSWER, until the next pull */
    uint32_t unpaid_bytes; /* used since the last event; always less than `max_bytes` */
};

/* A line under construction. The memory is the caller's. */
struct input_line {
    char *bytes; /* room for `max_bytes` */
    size_t length;
    size_t max_bytes; /* the longest line as edited, without its end; never changes */
};

/* What was read and not used yet. */
struct input_raw {
    const uint8_t *bytes;
    size_t size;
};

/* Uses `raw` up to the next event, advances it past what was used, and returns the event. A line
 * is valid until the next pull, which empties it: the caller need not. */
enum input_event input_pull(struct input *input, struct input_line *line, struct input_raw *raw);

/* At the end of input: INPUT_LINE if a last line, one without an end, is left in `line`,
 * INPUT_FOREIGN if that is an HTTP request, else INPUT_MORE. */
enum input_event input_finish(const struct input *input, const struct input_line *line);

#endif
