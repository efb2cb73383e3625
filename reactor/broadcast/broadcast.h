/*
 * broadcast: one to many, as a log with cursors.
 *
 * A line is appended once, however many subscribers there are. Each subscriber
 * is a cursor: the number of the next line it is shown. A slow subscriber costs
 * only the chunks of the log that are kept for it, and the backlog limits these.
 *
 *      log     [ 3  4  5  6 ][ 7  8  9 10 ][ 11 12 ]
 *                    ^               ^              ^
 *                    ann: 5          bob: 9         eve: 13, caught up
 *
 * A blocked subscriber that falls further behind steps over the oldest chunks.
 * All lines that it misses in a row make one gap, which is shown as one notice.
 * The notice stands where the first missing line would have stood; an answer or
 * a message that falls inside the gap follows the notice.
 *
 * Nothing is dropped for a subscriber that is not blocked. If the log is beyond
 * its backlog, those who want to append wait until everybody else was served:
 *
 *      TASK_AWAIT(self->rc, broadcast_wait_space(task, &room));
 *      if (self->rc == 0)
 *          self->rc = broadcast_append(&room, &self->seat, line, size);
 *
 * A cursor always stands at the start of a line: if a send is cut in the middle
 * of a line, the rest of that line is copied to the receiver's own queue. A
 * receiver is not shown its own lines, nor those that the `skips` rule leaves out.
 *
 * send_plan.h says what one receiver is sent next, fanout.h says when.
 */
#ifndef REACTOR_BROADCAST_BROADCAST_H
#define REACTOR_BROADCAST_BROADCAST_H

#include "reactor/broadcast/outbox.h"

/* The `end` of a subscription that goes on. */
#define SUBSCRIBER_OPEN UINT64_MAX

struct broadcast;

struct subscriber {
    struct broadcast *broadcast;
    struct outbox *outbox; /* the receiver */
    struct subscriber *next; /* of the same outbox */
    uint64_t cursor; /* the next line to be shown; the log's end when caught up */
    uint64_t end; /* lines from here on are not for it; SUBSCRIBER_OPEN */
    uint64_t own_end; /* the number after its last own line: no own line from here on */
    uint64_t missed_sequence; /* while `missed` is not 0: of the first missed line */
    uint32_t missed; /* lines dropped before the cursor; no notice was sent yet */
    uint32_t index; /* in broadcast->members */
};

struct broadcast {
    struct fanout *fanout;
    const char *name; /* for people */
    struct chunklog log;
    size_t backlog_bytes;

    /* The subscribers, ended ones that are still behind included. */
    struct subscriber **members;
    uint32_t count;
    uint32_t capacity;

    /* The pass under way: `left` members from `position` on are still to be served. */
    struct list pass; /* on fanout->passes while there is one, or the log is to be trimmed */
    uint32_t position;
    uint32_t left;
};

/* Makes a broadcast without members. A blocked receiver may be `backlog_bytes` behind before lines
 * are dropped for it. `name` must live as long. */
void broadcast_init(struct broadcast *broadcast, struct fanout *fanout, const char *name,
                    size_t backlog_bytes);

/* Frees its memory. Every subscription must have been taken off. May be called from the `ended`
 * rule of its last subscription. */
void broadcast_release(struct broadcast *broadcast);

/* Adds `subscriber` (any memory; the caller's until it is taken off), caught up. Returns 0 or
 * -ENOMEM. */
int broadcast_subscribe(struct broadcast *broadcast, struct subscriber *subscriber,
                        struct outbox *outbox);

/* Ends the subscription after the lines that are there now. The `ended` rule is called when these
 * were shown, which may be before this returns. */
void broadcast_end(struct subscriber *subscriber);

/* Takes off the subscriptions of `outbox` that were ended and fully shown, and calls the `ended`
 * rule for each. */
void broadcast_finish_ended(struct outbox *outbox);

/* Makes it the first of its outbox's subscriptions, as a new one is. What this order means is up to
 * the program. */
void broadcast_put_first(struct subscriber *subscriber);

/* Takes the subscription off at once. What it was still owed is lost, and `ended` is not called. */
void broadcast_unsubscribe(struct subscriber *subscriber);

/* Appends a line of `size` > 0 bytes, as it is to be sent, written by `author`, which is not shown
 * it (NULL: nobody). Returns 0, or -ENOMEM with nothing done. Sends nothing, drops nothing and
 * costs the same for any number of members. Call it only if there is space, or the log grows beyond
 * its backlog. */
int broadcast_append(struct broadcast *broadcast, struct subscriber *author, const char *line,
                     size_t size);

/* Whether the log keeps within its backlog. If not, the flush makes space: it sends to every reader
 * that takes something, and the blocked ones step over the oldest lines. */
bool broadcast_has_space(const struct broadcast *broadcast);

/* Waits until there is space. Returns 0; -ECANCELED or -ETIMEDOUT. The broadcast must live until
 * then. May suspend. */
TASK_AWAITABLE static inline int broadcast_wait_space(struct task *task,
                                                      struct broadcast *broadcast)
{
    return task_wait(task, &broadcast->fanout->space, broadcast_has_space(broadcast));
}

/* Has the next flush look which chunks nobody needs any more. */
void broadcast_trim_soon(struct broadcast *broadcast);

/* Moves the cursor on to line `to`. Where it leaves the oldest chunk, the next flush looks whether
 * anybody else needs that. */
static inline void broadcast_advance(struct subscriber *subscriber, uint64_t to)
{
    const struct chunk *oldest = chunklog_oldest(&subscriber->broadcast->log);
    if (oldest && subscriber->cursor < oldest->end_line && to >= oldest->end_line)
        broadcast_trim_soon(subscriber->broadcast);
    subscriber->cursor = to;
}

/* The place in the order of what a settled subscriber is shown next (it has something to be shown).
 * A gap has the place of its first line, so what was written inside the gap follows the notice. */
uint64_t broadcast_next_sequence(const struct subscriber *subscriber);

/* The number of the first line that is not for this subscriber yet. */
static inline uint64_t broadcast_limit(const struct subscriber *subscriber)
{
    uint64_t end = subscriber->broadcast->log.end;
    return subscriber->end < end ? subscriber->end : end;
}

/* Whether any line from `line` on may be left out: mostly not, and then nobody looks. */
static inline bool broadcast_may_leave_out(const struct subscriber *subscriber, uint64_t line)
{
    return line < subscriber->own_end || subscriber->outbox->selective;
}

/* Moves the cursor past the lines that are left out for this receiver. Returns whether it has
 * something to be shown: a line at the cursor, or a gap. A receiver whose connection is lost has
 * nothing. */
bool broadcast_settle(struct subscriber *subscriber);

/* The same, without a call if the line at the cursor cannot be left out, as is mostly so. Saves 30
 * of 180 instructions per delivery. */
static inline bool broadcast_settle_fast(struct subscriber *subscriber)
{
    if (subscriber->outbox->dead || broadcast_may_leave_out(subscriber, subscriber->cursor))
        return broadcast_settle(subscriber);
    return subscriber->cursor < broadcast_limit(subscriber) || subscriber->missed;
}

/* The number after the stretch of lines that starts at the cursor (whose line is shown), lies in
 * one chunk, and contains neither a line that is left out nor one above `sequence_max`. */
uint64_t broadcast_stretch_end(const struct subscriber *subscriber, uint64_t sequence_max);

/* For the flush: frees the chunks that no member needs. If the log is beyond its backlog, blocked
 * members step over the oldest chunks; nothing is dropped for a member that is not blocked. Wakes
 * those who wait for space. */
void broadcast_trim(struct broadcast *broadcast);

/* Drops the oldest chunks until `keep_bytes` are left at most, though the backlog has room: blocked
 * members step over them. Stops at a line that a member needs which is not blocked. For a program
 * that runs out of memory; not to be called from the fanout's rules. */
void broadcast_shrink(struct broadcast *broadcast, size_t keep_bytes);

/* Asserts the invariants; for tests. */
void broadcast_check(const struct broadcast *broadcast);

#endif
