/*
 * fanout: what all broadcasts and outboxes of a program share.
 *
 * A fanout hands out the order in which things were done: one number for each line
 * that is broadcast. It lists who has something to send, keeps the pool of
 * chunks, and holds the few rules that the library leaves to the program. What
 * is listed here is sent at the end of each turn (flush.h). It is made by
 * stream_fanout_init() in stream.h.
 */
#ifndef REACTOR_BROADCAST_FANOUT_H
#define REACTOR_BROADCAST_FANOUT_H

#include "reactor/broadcast/chunklog.h"
#include "reactor/loop/loop.h"

struct subscriber;
struct outbox;

/* The program's rules. Each may be NULL. None may suspend, subscribe or append. */
struct fanout_rules {
    /* Whether a line is to be left out for this receiver; asked only of outboxes that are marked
     * `selective`. Its own lines are left out without asking. */
    bool (*skips)(const struct outbox *outbox, const struct line_record *record);

    /* Composes, in at most `size` bytes of `text`, what a receiver is shown in the place of `lines`
     * that were dropped; returns its length. NULL: nothing is shown. */
    size_t (*gap)(const struct subscriber *subscriber, uint64_t lines, char *text, size_t size);

    /* Told when lines are dropped for a receiver that is behind its backlog, before they go. */
    void (*fell_behind)(struct subscriber *subscriber);

    /* An ended subscription has been shown all that it was to be shown: it is off its broadcast and
     * its outbox, and its memory is the program's again. */
    void (*ended)(struct subscriber *subscriber);
};

/* The longest text a `gap` rule may compose. */
#define FANOUT_GAP_BYTES 192

struct fanout {
    struct loop *loop;
    const struct fanout_rules *rules;
    uint64_t sequence; /* of the line that was broadcast last */
    struct chunk_pool pool; /* the memory of all logs */
    struct list passes; /* broadcasts with members to serve */
    struct list dirty; /* outboxes with something of their own, or newly writable */
    struct hook hook; /* flush_run */
    bool under_way; /* the last turn's flush left members to serve */
    void (*transmit)(struct outbox *outbox); /* sends as much as the socket takes now */
};

#endif
