/*
 * random: a small generator of pseudo-random numbers, splitmix64.
 *
 * For jitter and for tests that print their seed: the same seed gives the same
 * numbers everywhere. Every seed is good, also 0. Not for secrets: those come
 * from sys->random.
 */
#ifndef REACTOR_BASE_RANDOM_H
#define REACTOR_BASE_RANDOM_H

#include <stdint.h>

/* The next number; `state` is the seed at first and moves on. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The same, from 0 to `bound` - 1; `bound` > 0. The bias is below bound / 2^64. */
static inline uint64_t random_below(uint64_t *state, uint64_t bound)
{
    return random_next(state) % bound;
}

#endif
