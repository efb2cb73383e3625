/*
 * fanout: what all broadcasts and receivers of a program share, and the end of a
 * turn, when everything that was written is sent.
 *
 * A fanout gives every broadcast line a number; these numbers are the order in
 * which things happened. It holds the rules that the library leaves to the
 * program, and the pool of memory for all logs.
 *
 * At the end of each turn it flushes. First it serves the outboxes that have
 * something of their own, all of them. Then it serves a slice of the members of
 * the broadcasts that were appended to:
 *
 *      members  [.....served.....][slice][.....left.....]
 *                                 ^ position, goes round
 *
 * Between two slices the loop polls again. Lines that arrive meanwhile ride on
 * the sends that are still to be made, so in a large room one send carries many
 * lines, and nobody waits until a whole pass over the room is done. An append
 * makes all members "left" again, and the position goes on from where it is. Do
 * not keep a list of the members that are behind instead: a member that was
 * served earlier in the pass would be missed.
 *
 *      fanout_init(&fanout, &loop, NULL);
 *      broadcast_init(&room, &fanout, "room", 65536);
 *      ...
 *      broadcast_release(&room);
 *      fanout_release(&fanout);
 */
#ifndef REACTOR_BROADCAST_FANOUT_H
#define REACTOR_BROADCAST_FANOUT_H

#include "reactor/broadcast/chunklog.h"
#include "reactor/loop/loop.h"
#include "reactor/task/task.h"

/* Sends per turn to members of broadcasts: in the first turn after a rest, and in each turn that
 * follows. The first slice is small because the lines of a burst mostly arrive right after its
 * first line, and every member served before they arrive needs a second send. Measured at
 * saturation: slices of 256 cost 7 % less than slices of 64 at 100 members and 2 to 9 % less at
 * 1,000, with up to 10 % more latency; slices of 512 save nothing more. Measured in bursts: a first
 * slice of 16 costs the same as one of 64, one of 256 a tenth more. */
#define FANOUT_FIRST_SENDS 16
#define FANOUT_SLICE_SENDS 256

/* Members looked at per turn, most of which may be caught up or blocked. It keeps a turn short. */
#define FANOUT_SLICE_LOOKS 4096

/* The longest notice that a `gap` rule may compose, in bytes. */
#define FANOUT_GAP_BYTES 192

struct subscriber;
struct outbox;

/* The program's rules. Each may be NULL. None may suspend, subscribe or append. */
struct fanout_rules {
    /* Whether a line is left out for this receiver. Only called for outboxes marked `selective`. A
     * receiver's own lines are left out without asking. */
    bool (*skips)(const struct outbox *outbox, const struct line_record *record);

    /* Composes, in at most `size` bytes of `text`, the notice shown in place of `lines` lines that
     * were dropped. Returns its length. NULL: nothing is shown. */
    size_t (*gap)(const struct subscriber *subscriber, uint64_t lines, char *text, size_t size);

    /* Lines are about to be dropped for a blocked receiver that is beyond its backlog. */
    void (*fell_behind)(struct subscriber *subscriber);

    /* An ended subscription was shown everything. It is off its broadcast and its outbox, and its
     * memory is the program's again. The rule may release and free the broadcast, too, if that has
     * no other member. */
    void (*ended)(struct subscriber *subscriber);
};

struct fanout {
    struct loop *loop;
    const struct fanout_rules *rules;
    uint64_t sequence; /* of the line that was broadcast last */
    struct chunk_pool pool; /* the memory of all logs */
    struct list passes; /* broadcasts with members left to serve, or with a log to trim */
    struct list dirty; /* outboxes with something of their own, or newly writable */
    struct wait_list space; /* tasks that wait until a broadcast has space: broadcast_wait_space */
    struct hook hook; /* the flush */
    bool under_way; /* the last turn's flush left members to serve */
    void (*transmit)(struct outbox *outbox); /* sends what the socket takes now: stream.c */
};

/* Makes a fanout that flushes at the end of each turn of `loop`. `rules` must outlive it; NULL:
 * none. */
void fanout_init(struct fanout *fanout, struct loop *loop, const struct fanout_rules *rules);

/* Frees the pool and stops flushing. Every broadcast must have been released and every outbox
 * released or closed before. */
void fanout_release(struct fanout *fanout);

#endif
