/*
 * pace: how fast a client's lines are taken. Pure: time is a parameter.
 *
 * The generic cell rate algorithm (ATM Forum, Traffic Management 4.0: a leaky
 * bucket expressed as virtual scheduling). Instead of tokens and the time they
 * were last counted, it keeps one instant: when the next line would be due if
 * lines came evenly. A line may be taken as long as that instant is no more than
 * BURST - 1 intervals ahead; taking it advances the instant by one interval.
 * Nothing ticks, an idle client costs nothing, and the answer to "not yet" is
 * the instant to set a timer to.
 *
 *      due         now          due + 1/rate ...
 *   ----|-----------|                             behind now: the whole burst is free
 *                   |======|======|===|           ahead by 2.5 intervals: burst 4 may
 *                                     due         take one line more, burst 3 must wait
 *
 * An interval is seldom a whole number of nanoseconds, so the fraction is kept
 * too: the rate is exact over any time. If a timer is late, the burst makes up
 * for it; with a burst of 1 that time is lost. Instants are never negative here.
 */
#ifndef CHAT_TEXT_PACE_H
#define CHAT_TEXT_PACE_H

#include <stdint.h>

/* One for all clients of a server. */
struct pace_limit {
    uint32_t rate; /* lines per second; 0: no limit */
    uint32_t burst; /* lines that may come at once, at least 1 */
};

/* One per client. A zeroed one may take the whole burst. Packed: every client has one, and the
 * padding would be a third of it. */
struct pace {
    int64_t due_ns;
    uint32_t due_fraction; /* the line is due this many 1/rate of a nanosecond after due_ns */
} __attribute__((packed, aligned(4)));

/* A newcomer at `now_ns`: it has one second's worth of lines to spend, or the burst if that is
 * less, and earns the rest. So nothing is gained by connecting again. */
void pace_begin(struct pace *pace, const struct pace_limit *limit, int64_t now_ns);

/* The instant from which the next line may be taken; if it is not later than now, at once. */
int64_t pace_ready_at(const struct pace *pace, const struct pace_limit *limit);

/* Takes `lines` lines at `now_ns`, ready or not: what is taken too early is waited for later. The
 * limit must be the same for a client as long as it lives. */
void pace_charge(struct pace *pace, const struct pace_limit *limit, int64_t now_ns, uint32_t lines);

#endif
