/*
 * chatload histogram: how often each latency occurred. Pure.
 *
 * A high-dynamic-range histogram: from a microsecond to a minute with three
 * significant digits, in constant memory, however many values there are. Below
 * 2,048 us each microsecond has its counter. Above, each doubling of the value
 * is divided into 1,024 equal parts, so every value is known to one part in a
 * thousand:
 *
 *      0 1 2 ... 2047 | 2048 2050 ... 4094 | 4096 4100 ... 8188 | ...
 *
 * Two histograms are merged by adding their counters. That is how the figures of
 * each interval become those of the run.
 */
#ifndef TOOLS_CHATLOAD_HISTOGRAM_H
#define TOOLS_CHATLOAD_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_PART_BITS 10
#define HISTOGRAM_PARTS (1u << HISTOGRAM_PART_BITS)

/* Longer ones are counted as this long; the largest is kept apart, as it was. */
#define HISTOGRAM_MOST_US UINT64_C(60000000)

/* 2,048 of one microsecond, then 15 doublings: up to 2^26 us, which is 67 s. */
#define HISTOGRAM_COUNTERS (2 * HISTOGRAM_PARTS + 15 * HISTOGRAM_PARTS)

/* Zeroed: empty. */
struct histogram {
    uint64_t count;
    uint64_t max_us; /* the largest value, exact */
    uint64_t counters[HISTOGRAM_COUNTERS];
};

/* The counter for `value_us`, and the largest value that counts there. */
static inline size_t histogram_index(uint64_t value_us)
{
    if (value_us < 2 * HISTOGRAM_PARTS)
        return value_us;
    unsigned shift = 63 - HISTOGRAM_PART_BITS - (unsigned)__builtin_clzll(value_us);
    return shift * HISTOGRAM_PARTS + (value_us >> shift);
}

uint64_t histogram_value_us(size_t index);

/* Counts one; less than a microsecond counts as one. */
static inline void histogram_record(struct histogram *histogram, int64_t latency_ns)
{
    uint64_t value_us = latency_ns < 1000 ? 1 : (uint64_t)latency_ns / 1000;
    if (value_us > histogram->max_us)
        histogram->max_us = value_us;
    if (value_us > HISTOGRAM_MOST_US)
        value_us = HISTOGRAM_MOST_US;
    histogram->counters[histogram_index(value_us)]++;
    histogram->count++;
}

/* Adds all that `from` has counted to `into`. */
void histogram_merge(struct histogram *into, const struct histogram *from);

void histogram_clear(struct histogram *histogram);

/* The smallest value that `fraction` (0 to 1) of all values do not exceed, in microseconds: at most
 * one part in a thousand too large, never too small. 0 if nothing was counted. */
uint64_t histogram_at_us(const struct histogram *histogram, double fraction);

/* A point of the curve: `fraction` of all values are `value_us` or less. */
struct histogram_point {
    double fraction;
    uint64_t value_us;
};

/* Five points for each halving of what is left above, down to a single value. */
#define HISTOGRAM_CURVE_MAX 320

/* Fills `points` with the curve, from the smallest value to the largest, and returns how many. The
 * last fraction is 1. */
size_t histogram_curve(const struct histogram *histogram,
                       struct histogram_point points[HISTOGRAM_CURVE_MAX]);

#endif
