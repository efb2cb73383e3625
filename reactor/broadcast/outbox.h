/*
 * outbox: one receiver, and the queue of what only this receiver is sent.
 *
 * Answers and private messages wait in the queue until the end of the turn. Each
 * entry carries the number of the line that was broadcast last when the entry was
 * written. By these numbers send_plan.h merges the queue with the lines of the
 * broadcasts that the receiver subscribes to. What a short send cut off goes to the
 * front of the queue.
 *
 *      [REST "of it\r\n"] [6 "* pong\r\n"] [9 "@ann hi\r\n"]
 *
 * The outbox also holds what broadcasts have to know of a receiver: who it is,
 * whether its socket takes anything now, and whether its connection lives. There is
 * no I/O here. Programs use the functions of stream.h instead of these fields.
 */
#ifndef REACTOR_BROADCAST_OUTBOX_H
#define REACTOR_BROADCAST_OUTBOX_H

#include "reactor/base/buffer.h"
#include "reactor/broadcast/fanout.h"

/* What an entry is: an answer of the program, a message from somebody else, or the rest of what a
 * short send cut. They are counted apart: a client that does not read its answers is not
 * read from, and one that does not read its messages gets no more of them. */
enum outbox_kind { OUTBOX_ANSWER, OUTBOX_MESSAGE, OUTBOX_REST, OUTBOX_KINDS };

/* What every send looks at comes first, and so shares a cache line with the stream's fields. */
struct outbox {
    struct subscriber *subscribers; /* its subscriptions, those that ended included: broadcast.h */
    struct buffer queue; /* entries: a struct outbox_entry, then the bytes */
    bool blocked; /* the socket takes nothing until it is writable again */
    bool dead; /* the connection is lost: nothing is owed any more, and it isn't blocked */
    bool selective; /* the fanout's `skips` rule has something to say */
    uint32_t waiting_bytes[OUTBOX_KINDS]; /* in the queue, with the heads of entries */
    uint64_t tag; /* the author tag of its own lines; 0: it writes none */
    struct list dirty; /* on fanout->dirty while there is something to look at */
};

/* The head of an entry. Its bytes follow. What is written in a row at the head of the queue, of one
 * kind and with no line between, is one entry. */
struct outbox_entry {
    uint64_t sequence; /* of the line that was broadcast last; 0: it was begun, it goes first */
    uint32_t length;
    uint32_t kind; /* enum outbox_kind */
};

void outbox_init(struct outbox *outbox, uint64_t tag);

/* Drops what is queued. Every subscription must have been taken off. */
void outbox_release(struct outbox *outbox, struct fanout *fanout);

/* Queues a copy of `size` bytes after all that happened so far, to be sent by the next flush.
 * Returns 0, also if the connection is dead; -ENOMEM or -ENOBUFS with nothing done. */
int outbox_write(struct outbox *outbox, struct fanout *fanout, enum outbox_kind kind,
                 const char *bytes, size_t size);

/* Has the next flush look at it. */
void outbox_mark(struct outbox *outbox, struct fanout *fanout);

/* The connection is lost: drops the queue. The next flush lets go of the logs. */
void outbox_kill(struct outbox *outbox, struct fanout *fanout);

/* For send_plan.h. */

/* Copies the head of the entry at `offset` of the queue, and returns its bytes; NULL behind the
 * last one. Valid until the queue changes. */
const char *outbox_entry_at(const struct outbox *outbox, size_t offset, struct outbox_entry *entry);

/* Takes the first `sent` > 0 bytes off the first entry. */
void outbox_consume(struct outbox *outbox, size_t sent);

/* Puts a copy of the unsent rest of something that was cut in front of everything. Returns 0, or
 * -ENOMEM or -ENOBUFS with nothing done. */
int outbox_keep_rest(struct outbox *outbox, struct fanout *fanout, const char *rest, size_t size);

#endif
