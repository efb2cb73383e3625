/*
 * outbox: what one receiver is owed. Floor 4.
 *
 * A receiver has a queue of its own (answers, private messages) and cursors into
 * the broadcasts it subscribes to. Entries of the queue and lines of all logs
 * carry numbers of one order, the hub's, and by these they are merged: everybody
 * is shown what happened in the order in which it happened. The usual receiver
 * is behind in one log and has nothing of its own: it is owed one stretch of
 * memory, sent from where it lies.
 *
 *      queue      [2 "* pong"]            [6 "@ann hi"]
 *      #lobby              [3][4][5]                        ->  2 3 4 5 6 7
 *      #tea                               [7]
 *
 * Sending is: plan what is next, send it, say how much of it went. What was cut
 * in the middle of a line goes to the front of the queue. There is no I/O here.
 */
#ifndef REACTOR_OUTBOX_H
#define REACTOR_OUTBOX_H

#include "reactor/broadcast.h"
#include "reactor/buffer.h"

/* What is in the queue: the program's answers, other people's messages, and the rest of a line that
 * was cut. They are counted apart, since who doesn't read its answers is not read, and who doesn't
 * read messages gets no more of them. */
enum outbox_kind { OUTBOX_ANSWER, OUTBOX_MESSAGE, OUTBOX_REST, OUTBOX_KINDS };

struct outbox {
    struct buffer queue; /* entries: a head, then the bytes */
    struct subscriber *subscribers;
    struct list dirty; /* on hub->dirty while there is something to look at */
    uint64_t tag; /* the author tag of its own lines; 0: it writes none */
    uint32_t waiting_bytes[OUTBOX_KINDS]; /* in the queue */
    bool blocked; /* the socket takes nothing for now */
    bool dead; /* the connection is lost: nothing is owed any more */
    bool selective; /* the hub's `skips` rule has something to say */
};

void outbox_init(struct outbox *outbox, uint64_t tag);

/* Drops what is queued. Every subscription must have been taken off. */
void outbox_release(struct outbox *outbox, struct hub *hub);

/* Puts a copy of `size` bytes behind all that happened so far, to be sent by the next flush. Returns
 * 0, also where the connection is dead; -ENOMEM or -ENOBUFS with nothing done. */
int outbox_write(struct outbox *outbox, struct hub *hub, enum outbox_kind kind, const char *bytes,
                 size_t size);

/* Has the next flush look at it. */
void outbox_mark(struct outbox *outbox, struct hub *hub);

/* Whether anything is owed, in the queue or in a log. Settles the cursors. */
bool outbox_owes(struct outbox *outbox);

/* The connection is lost: drops the queue, and lets go of the logs. */
void outbox_kill(struct outbox *outbox, struct hub *hub);

/* Where one segment of a plan comes from. */
struct stretch {
    struct subscriber *subscriber; /* NULL: an entry of the queue */
    uint64_t from; /* its lines, up to but without `to` */
    uint64_t to;
    uint32_t missed; /* not 0: the text about a gap in front of `from`, and no lines */
};

/* What to send next. The cursors stand behind it until outbox_sent says how it went. */
struct outbox_plan {
    int count;
    size_t bytes;
    struct iovec segments[SYS_SEGMENTS_MAX];
    struct stretch stretches[SYS_SEGMENTS_MAX];
    size_t gap_bytes;
    char gap[HUB_GAP_BYTES];
};

/* Plans the next send, at most SYS_SEGMENTS_MAX segments; count 0: nothing is owed. The plan points
 * into the queue and the logs: nothing may be written or appended before outbox_sent. */
void outbox_plan(struct outbox *outbox, struct hub *hub, struct outbox_plan *plan);

/* Accounts for the first `sent` bytes of the plan; the rest is owed as before. Returns 0, or -ENOMEM
 * where the rest of a cut line can't be kept: the connection must then be given up. */
int outbox_sent(struct outbox *outbox, struct hub *hub, const struct outbox_plan *plan,
                size_t sent);

/* Takes off the subscriptions that were ended and fully shown, and tells the `ended` rule of each. */
void outbox_finish_ended(struct outbox *outbox, struct hub *hub);

#endif
