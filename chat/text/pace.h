/*
 * pace: how fast a client's lines are taken. Pure: time is a parameter.
 *
 * The generic cell rate algorithm (ATM Forum, Traffic Management 4.0; a leaky
 * bucket told as virtual scheduling): instead of tokens and when they were last
 * counted it keeps one instant, at which the next line would be due if lines
 * came evenly. A line may be taken as long as that lies no more than BURST - 1
 * intervals ahead; taking it moves the instant on by one interval. Nothing ticks,
 * an idle client costs nothing, and the answer to "not yet" is the very instant
 * to set a timer to.
 *
 *      due         now          due + 1/rate ...
 *   ----|-----------|                             behind now: the whole burst is free
 *                   |======|======|===|           ahead by 2.5 intervals: burst 4 may
 *                                     due         take one line more, burst 3 must wait
 *
 * An interval is seldom a whole number of nanoseconds, so the fraction is kept
 * too: the rate is exact over any time. What a timer is late is made up for out
 * of the burst, as far as it goes: with a burst of 1 it is lost. Instants are
 * never negative here.
 */
#ifndef CHAT_TEXT_PACE_H
#define CHAT_TEXT_PACE_H

#include <stdint.h>

/* One for all clients of a server. */
struct pace_limit {
    uint32_t rate; /* lines a second; 0: no limit */
    uint32_t burst; /* lines that may come at once, at least 1 */
};

/* One a client. Zeroed, it may take the whole burst. Packed: every client has one, and the padding
 * would be a third of it. */
struct pace {
    int64_t due_ns;
    uint32_t due_fraction; /* what is due is so many 1/rate of a nanosecond later */
} __attribute__((packed, aligned(4)));

/* The instant from which the next line may be taken: one that is past, or now, means at once. */
int64_t pace_ready_at(const struct pace *pace, const struct pace_limit *limit);

/* Takes `lines` lines at `now_ns`, whether or not they were ready: what is taken too early is
 * waited for later. The limit must be the same for a client as long as it lives. */
void pace_charge(struct pace *pace, const struct pace_limit *limit, int64_t now_ns, uint32_t lines);

#endif
