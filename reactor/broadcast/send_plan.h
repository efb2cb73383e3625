/*
 * send_plan: what one receiver is sent next.
 *
 * A receiver has a queue of its own (outbox.h) and cursors into the broadcasts that
 * it subscribes to (broadcast.h). The entries of the queue and the lines of all logs
 * are numbered in one order. A plan merges them by these numbers, so that everybody
 * is shown things in the order in which they happened. The usual receiver is behind
 * in one log and has an empty queue: its plan is one stretch of memory, sent straight
 * from the log.
 *
 *      queue      [2 "* pong"]            [6 "@ann hi"]
 *      #lobby              [3][4][5]                        ->  2 3 4 5 6 7
 *      #tea                               [7]
 *
 * Sending means: make a plan, send it, and report how much of it went. A line that
 * was cut in the middle goes to the front of the queue. What the usual receiver is
 * owed can be sent without a plan (send_plan_one_piece), which saves 330 of 481
 * instructions per delivery. There is no I/O here.
 */
#ifndef REACTOR_BROADCAST_SEND_PLAN_H
#define REACTOR_BROADCAST_SEND_PLAN_H

#include "reactor/broadcast/broadcast.h"

/* Where one segment of a plan comes from. */
struct stretch {
    struct subscriber *subscriber; /* NULL: an entry of the queue */
    uint64_t from; /* its lines, up to but without `to` */
    uint64_t to;
    uint32_t missed; /* not 0: the text about a gap in front of `from`, and no lines */
};

/* The cursors stand behind it until send_plan_sent says how it went. */
struct send_plan {
    int count;
    bool whole; /* nothing is owed beyond it */
    size_t bytes;
    struct iovec segments[SYS_SEGMENTS_MAX];
    struct stretch stretches[SYS_SEGMENTS_MAX];
    size_t gap_bytes;
    char gap[FANOUT_GAP_BYTES];
};

/* For the usual receiver, which has nothing in its queue and is behind in its only log: where all
 * that it is owed lies in one piece, sets *piece and returns the subscriber, whose cursor goes to
 * broadcast_limit() once all of it was sent. NULL: send_plan_make has to look. */
static inline struct subscriber *send_plan_one_piece(const struct outbox *outbox,
                                                     struct iovec *piece)
{
    struct subscriber *only = outbox->subscribers;
    if (!only || only->next || only->missed || outbox->dead || buffer_length(&outbox->queue) > 0 ||
        broadcast_may_leave_out(only, only->cursor))
        return NULL;
    uint64_t end = broadcast_limit(only);
    if (only->cursor >= end)
        return NULL;
    const struct line_record *first = chunklog_record(&only->broadcast->log, only->cursor);
    const struct line_record *last = chunklog_record(&only->broadcast->log, end - 1);
    if (first->chunk != last->chunk)
        return NULL;
    piece->iov_base = chunklog_bytes(first);
    piece->iov_len = last->offset + last->length - first->offset;
    return only;
}

/* Plans the next send, at most SYS_SEGMENTS_MAX segments; count 0: nothing is owed. The plan points
 * into the queue and the logs: nothing may be written or appended before send_plan_sent. */
void send_plan_make(struct send_plan *plan, struct outbox *outbox, struct fanout *fanout);

/* Accounts for the first `sent` bytes of the plan; the rest is owed as before. Returns 0; -ENOMEM
 * or -ENOBUFS where the rest of a cut line can't be kept: the connection must then be given up. */
int send_plan_sent(const struct send_plan *plan, struct outbox *outbox, struct fanout *fanout,
                   size_t sent);

/* Whether anything is owed, in the queue or in a log. Settles the cursors. */
bool send_plan_owed(struct outbox *outbox);

#endif
