#include "tools/chatload/histogram.h"

#include <assert.h>
#include <string.h>

#define CURVE_STEPS 5

uint64_t histogram_value_us(size_t index)
{
    assert(index < HISTOGRAM_COUNTERS);
    if (index < 2 * HISTOGRAM_PARTS)
        return index;
    unsigned shift = (unsigned)(index / HISTOGRAM_PARTS) - 1;
    uint64_t part = index - (size_t)shift * HISTOGRAM_PARTS;
    return ((part + 1) << shift) - 1;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_COUNTERS; i++)
        into->counters[i] += from->counters[i];
    into->count += from->count;
    if (from->max_us > into->max_us)
        into->max_us = from->max_us;
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

/* No percentile is larger than the largest value. */
static uint64_t clip(const struct histogram *histogram, size_t index)
{
    uint64_t value_us = histogram_value_us(index);
    return value_us < histogram->max_us ? value_us : histogram->max_us;
}

/* How many values are at or below `fraction`: rounded up, 1 at least. */
static uint64_t rank_of(const struct histogram *histogram, double fraction)
{
    double exact = fraction * (double)histogram->count;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact)
        rank++;
    if (rank < 1)
        return 1;
    return rank < histogram->count ? rank : histogram->count;
}

/* Where the counters lead when walked from `*index` on until `rank` values were passed, of which
 * *seen were before. */
static void walk_to(const struct histogram *histogram, uint64_t rank, size_t *index, uint64_t *seen)
{
    while (*seen + histogram->counters[*index] < rank)
        *seen += histogram->counters[(*index)++];
}

uint64_t histogram_at_us(const struct histogram *histogram, double fraction)
{
    size_t index = 0;
    uint64_t seen = 0;
    if (!histogram->count)
        return 0;
    uint64_t rank = rank_of(histogram, fraction);
    if (rank == histogram->count)
        return histogram->max_us;
    walk_to(histogram, rank, &index, &seen);
    return clip(histogram, index);
}

size_t histogram_curve(const struct histogram *histogram,
                       struct histogram_point points[HISTOGRAM_CURVE_MAX])
{
    size_t count = 0;
    size_t index = 0;
    uint64_t seen = 0;
    double above = 1; /* the share of values above where the current halving began */
    if (!histogram->count)
        return 0;
    for (int step = 0; count < HISTOGRAM_CURVE_MAX - 1; step++) {
        if (step == CURVE_STEPS) {
            step = 0;
            above /= 2;
        }
        double fraction = 1 - above * (1 - 0.5 * step / CURVE_STEPS);
        uint64_t rank = rank_of(histogram, fraction);
        if (rank == histogram->count)
            break;
        walk_to(histogram, rank, &index, &seen);
        points[count++] = (struct histogram_point){fraction, clip(histogram, index)};
    }
    points[count++] = (struct histogram_point){1, histogram->max_us};
    return count;
}
