/*
 * stream_internal: what the files of stream share.
 *
 * stream.c opens, writes and sends; stream_read.c reads; stream_end.c ends.
 */
#ifndef REACTOR_NET_STREAM_INTERNAL_H
#define REACTOR_NET_STREAM_INTERNAL_H

#include "reactor/net/stream.h"

/* What makes a read worth trying. */
#define STREAM_INPUT_BITS ((uint32_t)SYS_READABLE | SYS_HANGUP | SYS_ERROR | SYS_URGENT)

static inline struct sys *stream_sys(const struct stream *stream)
{
    return stream->fanout->loop->sys;
}

/* Makes `stream` one of the connected socket that `from` watches. */
void stream_adopt(struct stream *stream, struct fanout *fanout, struct descriptor *from);

/* Reads once, if there may be something to read, and drops that with all earlier input. Needs no
 * memory, because the end of a connection must not depend on it. */
void stream_drop_input(const struct task *task, struct stream *stream);

/* Wakes the task in the next turn if the kernel may have more input: no event reports that again. A
 * task that found the budget of the turn used up goes first then, or the same few streams would use
 * it up every time. */
void stream_look_again(struct task *task, const struct stream *stream);

#endif
