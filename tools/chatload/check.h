/*
 * chatload_check: whether every receiver heard every sender, in order, once.
 * Pure.
 *
 * For each sender a receiver keeps the number that comes next, eight bytes in
 * all. Whatever arrives early leaves a hole; what arrives late fills its hole
 * and was reordered; what fits no hole was heard before and is a duplicate; a
 * hole that is never filled is a loss. So two neighbours that are swapped are
 * one reordered, and nothing is both lost and reordered.
 *
 *      heard 0 1 2 . . 5 6     next 7, one hole of two
 *
 * A server may say that it left lines out (a gap line): as many of this
 * receiver's losses count as told, not as lost. The server's count includes
 * events of the room, so a real loss may hide behind one.
 *
 * Holes cost memory, and there are CHECK_HOLES_MAX at most: beyond them a
 * straggler is taken for a duplicate, and what it was for a loss.
 */
#ifndef TOOLS_CHATLOAD_CHECK_H
#define TOOLS_CHATLOAD_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/sys.h"

/* 16 MB of them; who needs more has other worries than how exactly they are counted. */
#define CHECK_HOLES_MAX (UINT32_C(1) << 20)

/* What a receiver has heard of one sender. Zeroed: nothing. */
struct sequence {
    uint32_t next; /* the number after the largest one heard */
    uint32_t hole; /* the newest in the check's table; 0: none */
};

/* What was wrong, and where it was seen first. */
struct check_example {
    uint32_t receiver;
    uint32_t sender;
    uint32_t number;
};

struct check_count {
    uint64_t count;
    struct check_example first; /* valid where count > 0 */
};

/* Who hears: its losses are set against what it was told. */
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

/* Takes note that `ear` heard message `number` of the sender at `slot` of its table. True where it
 * is a delivery, false for a duplicate. */
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

/* The server told this ear that it left `lines` out. */
void check_skipped(struct check *check, struct receiver *receiver, uint64_t lines);

/* The end: the sender of `heard`, one of the ear's table, sent `sent` messages, and what of them
 * was not heard is missing. */
void check_end_of(struct check *check, struct receiver *receiver, struct sequence *heard,
                  uint32_t sent);

/* After check_end_of for each sender: what is missing and was not told is lost. */
void check_close(struct check *check, struct receiver *receiver);

#endif
