/*
 * clock: time as a value. Pure.
 *
 * Inside the library every instant and every duration is an int64_t of
 * nanoseconds whose name ends in _ns; human units exist only at the edges. An
 * instant counts from an arbitrary start (the monotonic clock's, which a test
 * may set) and is never negative. No function here asks what time it is: the
 * loop reads the clock once a turn through its door (sys.h) and hands the value
 * on.
 */
#ifndef REACTOR_BASE_CLOCK_H
#define REACTOR_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_SECOND INT64_C(1000000000)

/* The instant that never comes, and the duration that never ends. */
#define TIME_NEVER INT64_MAX

/* `now_ns` + `duration_ns`, TIME_NEVER where that would overflow; a negative duration adds 0. */
static inline int64_t time_after(int64_t now_ns, int64_t duration_ns)
{
    if (duration_ns <= 0)
        return now_ns;
    if (duration_ns >= TIME_NEVER - now_ns)
        return TIME_NEVER;
    return now_ns + duration_ns;
}

/* Whole units of `unit_ns` that last at least `duration_ns`: a sleep is never too short. */
static inline int64_t time_round_up(int64_t duration_ns, int64_t unit_ns)
{
    if (duration_ns <= 0)
        return 0;
    return (duration_ns - 1) / unit_ns + 1;
}

#endif
