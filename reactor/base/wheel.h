/*
 * wheel: which timers are due, and when to look again. Pure.
 *
 * A hierarchical timer wheel. Time is cut into ticks of a millisecond and a
 * deadline is rounded up to its tick, so no timer fires early. A tick's number
 * is read as digits of six bits, one per level. A timer lies on the level of
 * the highest digit in which its tick and the wheel's differ, in the slot that
 * its own digit names (wheel.c draws one):
 *
 *   - equal ticks always share a slot, so they fire in the order they were
 *     started: a timer that came down from a higher level stands before one that
 *     was started late;
 *   - everything on a level is due before anything on the level above it, and
 *     lower slots before higher ones, so the first bit that is set in the levels'
 *     bitmaps is the nearest slot.
 *
 * The wheel asks no clock, makes no call and allocates nothing; it calls nobody
 * back. Start, stop and re-arm take constant time, and a timer is moved at most
 * once per level before it is due. Instants count from 0: the clock must not be
 * negative. A wheel must not be moved in memory, nor must a running timer.
 */
#ifndef REACTOR_BASE_WHEEL_H
#define REACTOR_BASE_WHEEL_H

#include "reactor/base/clock.h"
#include "reactor/base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Coarser would show in chat; finer would wake the loop more often than its work is worth. */
#define WHEEL_TICK_NS NS_PER_MS

/* Six bits a level, so that the slots in use on a level are one 64-bit word. */
#define WHEEL_SLOT_BITS 6
#define WHEEL_SLOTS (1 << WHEEL_SLOT_BITS)

/* INT64_MAX ns are less than 2^44 ticks: with 48 bits no deadline is ever too far away. */
#define WHEEL_LEVELS 8

/* Owned by whoever embeds it, who stops it before the memory goes away. Zeroed: stopped. */
struct wheel_timer {
    struct list node; /* the wheel's while running, then on a list of expired ones */
    int64_t deadline_ns; /* as started; one already past, up to a tick earlier */
};

struct wheel {
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS]; /* equal ticks stand as they were started */
    uint64_t occupied[WHEEL_LEVELS]; /* bit n: slot n is not empty */
    uint64_t tick; /* the last one over which the wheel has advanced */
    int64_t now_ns; /* the latest instant it was told, within that tick */
    size_t ahead; /* timers in slots; those of `due` are not counted in */
    struct list due; /* started with a deadline that was not after now */
};

/* Makes `wheel` an empty one at the instant `now_ns`, which must not be negative. */
void wheel_init(struct wheel *wheel, int64_t now_ns);

/*
 * Starts `timer`, which may be running (then it is re-armed, as the last of its new tick) or on a
 * list of expired ones (then it is taken off). A deadline that is not after the wheel's now is due
 * at the next wheel_advance. TIME_NEVER just stops it, and so does a deadline in the unfinished
 * last tick of the clock, 292 years away.
 */
void wheel_start(struct wheel *wheel, struct wheel_timer *timer, int64_t deadline_ns);

/* Stops `timer`: it will not fire. Fine where it isn't running or is on a list of expired ones. */
void wheel_stop(struct wheel *wheel, struct wheel_timer *timer);

/* True from the start of `timer` until it is stopped or popped off the list of expired ones. */
bool wheel_running(const struct wheel_timer *timer);

/*
 * Sets the wheel's now (an earlier one than it knows is ignored) and moves the timers that are due
 * to the end of `expired`: in the order of their ticks, and within a tick as they were started.
 * They no longer count as the wheel's. The caller pops them one by one (list_pop), so that what one
 * of them does may still stop or re-arm the others. Costs nothing per tick that passes without a
 * timer.
 */
void wheel_advance(struct wheel *wheel, int64_t now_ns, struct list *expired);

/*
 * The instant at which to call wheel_advance next: TIME_NEVER where no timer runs, now where one is
 * due. Never later than the tick of the nearest deadline, but it may be earlier: the start of the
 * slot that holds it. Such a needless wake-up happens at most once per level.
 */
int64_t wheel_next(const struct wheel *wheel);

/* How many timers run, less those on lists of expired ones. Walks those that are due already. */
size_t wheel_count(const struct wheel *wheel);

/* Hands every running timer to `visit`, which must leave the wheel as it is: first those that are
 * due, then slot by slot, the nearest first. Those that share a slot come as they entered it. */
void wheel_each(const struct wheel *wheel,
                void (*visit)(void *context, const struct wheel_timer *timer), void *context);

/* Asserts every invariant, touching every timer: for tests. */
void wheel_check(const struct wheel *wheel);

#endif
