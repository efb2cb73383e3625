/*
 * chatload check: whether each receiver got every message of every sender once,
 * and in order. Pure.
 *
 * For each sender a receiver keeps the number that it expects next, eight bytes
 * in all. A message that comes early leaves a hole. One that comes late fills
 * its hole and counts as reordered. One that fits no hole has come before and is
 * a duplicate. A hole that is never filled is a loss. So two adjacent messages
 * that change places are one reordered, and nothing is both lost and reordered.
 *
 *      heard 0 1 2 . . 5 6     next 7, one hole of two
 *
 * A server may report that it skipped lines for a receiver (a gap line). As many
 * of that receiver's missing messages do not count as lost. The server's number
 * includes events of the room, so it may excuse a real loss.
 *
 * Holes take memory, and there are CHECK_HOLES_MAX at most. Beyond them a late
 * message counts as a duplicate, and its hole as a loss.
 */
#ifndef TOOLS_CHATLOAD_CHECK_H
#define TOOLS_CHATLOAD_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/sys.h"

/* 12 MB of them. With more holes than that, an exact count matters little. */
#define CHECK_HOLES_MAX (UINT32_C(1) << 20)

/* What a receiver has heard of one sender. Zeroed: nothing. */
struct sequence {
    uint32_t next; /* the number after the largest one heard */
    uint32_t hole; /* the newest in the check's table; 0: none */
};

/* The first message that something was wrong with. */
struct check_example {
    uint32_t receiver;
    uint32_t sender;
    uint32_t number;
};

struct check_count {
    uint64_t count;
    struct check_example first; /* valid if count > 0 */
};

/* One client, and what it has received from all senders of its room. */
struct receiver {
    struct sequence *heard; /* by sender */
    uint32_t senders;
    uint32_t first_sender; /* the senders it hears are this one and every `stride`th after it */
    uint32_t stride;
    uint32_t receiver; /* its own number, for examples */
    uint64_t missing; /* in holes */
    uint64_t skipped; /* in gap lines */
};

struct check {
    struct sys *sys;
    struct check_hole *holes; /* [0] is unused */
    uint32_t hole_count;
    uint32_t hole_capacity;
    uint32_t free_hole; /* the first of those that were filled; 0: none */

    uint64_t delivered; /* each delivery once, late ones included */
    uint64_t missing; /* in holes, of all ears: the losses so far */
    uint64_t skipped;
    struct check_count lost; /* by check_close */
    struct check_count duplicated;
    struct check_count reordered;
};

void check_init(struct check *check, struct sys *sys);
void check_release(struct check *check);

/* For check_hear: a number that is not the next. */
bool check_hear_odd(struct check *check, struct receiver *receiver, uint32_t slot, uint32_t number);

/* Notes that `receiver` got message `number` of the sender at `slot` of its table. Returns true for
 * a delivery, false for a duplicate. */
static inline bool check_hear(struct check *check, struct receiver *receiver, uint32_t slot,
                              uint32_t number)
{
    struct sequence *heard = &receiver->heard[slot];
    if (heard->next != number)
        return check_hear_odd(check, receiver, slot, number);
    heard->next++;
    check->delivered++;
    return true;
}

/* The server reported that it skipped `lines` lines for this receiver. */
void check_skipped(struct check *check, struct receiver *receiver, uint64_t lines);

/* At the end: the sender of `heard`, one of the receiver's table, sent `sent` messages. Those that
 * did not arrive are missing. */
void check_end_of(struct check *check, struct receiver *receiver, struct sequence *heard,
                  uint32_t sent);

/* After check_end_of for each sender: messages that are missing and were not skipped are lost. */
void check_close(struct check *check, struct receiver *receiver);

#endif
