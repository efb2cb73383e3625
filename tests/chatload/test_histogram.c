/* The histogram of latencies, checked against sorted samples. */
#include "tools/chatload/histogram.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "tests/support/fixture.h"

#define SAMPLES 20000

static struct histogram histogram;
static uint64_t samples[SAMPLES];
static uint64_t seed = 20240229;

static int compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

/* Anything from 1 us to 60 s, each order of magnitude as likely as any other. */
static uint64_t random_us(void)
{
    return (uint64_t)exp(log(60e6) * fixture_random(&seed, 1000000) / 1e6);
}

static void fill(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        samples[i] = random_us();
        histogram_record(&histogram, (int64_t)samples[i] * 1000 + fixture_random(&seed, 1000));
    }
    qsort(samples, count, sizeof(*samples), compare);
}

/* One part in a thousand too large at most, and never too small. */
static void must_be(uint64_t seen, uint64_t exact, const char *what)
{
    must(seen >= exact, "%s: %llu is less than %llu", what, (unsigned long long)seen,
         (unsigned long long)exact);
    must((double)seen <= (double)exact * 1.001, "%s: %llu is far above %llu", what,
         (unsigned long long)seen, (unsigned long long)exact);
}

Test(chatload_histogram, every_counter_holds_a_stretch_and_the_stretches_meet)
{
    uint64_t last = 0;
    for (size_t index = 1; index < HISTOGRAM_COUNTERS; index++) {
        uint64_t value = histogram_value_us(index);
        must(histogram_index(value) == index, "%zu is not its own", index);
        must(histogram_index(last + 1) == index, "between %zu and the one before is a gap", index);
        last = value;
    }
    cr_assert_geq(last, HISTOGRAM_MOST_US);
}

Test(chatload_histogram, percentiles_are_those_of_sorted_samples_to_three_digits)
{
    static const double fractions[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    static const size_t counts[] = {1, 2, 3, 10, 999, 1000, SAMPLES};
    for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
        size_t count = counts[c];
        histogram_clear(&histogram);
        fill(count);
        for (size_t i = 0; i < sizeof(fractions) / sizeof(*fractions); i++) {
            size_t rank = (size_t)ceil(fractions[i] * (double)count);
            must_be(histogram_at_us(&histogram, fractions[i]), samples[rank ? rank - 1 : 0],
                    "percentile");
        }
    }
}

Test(chatload_histogram, the_largest_value_is_exact)
{
    histogram_record(&histogram, 123456789 * INT64_C(1000));
    histogram_record(&histogram, 5000);
    cr_assert_eq(histogram.max_us, 123456789);
    cr_assert_eq(histogram_at_us(&histogram, 1), 123456789);
    cr_assert_eq(histogram_at_us(&histogram, 0.5), 5);
}

Test(chatload_histogram, an_empty_one_has_no_values)
{
    struct histogram_point points[HISTOGRAM_CURVE_MAX];
    cr_assert_eq(histogram_at_us(&histogram, 0.5), 0);
    cr_assert_eq(histogram_curve(&histogram, points), 0);
}

Test(chatload_histogram, what_takes_no_time_counts_as_a_microsecond)
{
    histogram_record(&histogram, 0);
    histogram_record(&histogram, -5000);
    cr_assert_eq(histogram.count, 2);
    cr_assert_eq(histogram_at_us(&histogram, 0.5), 1);
}

Test(chatload_histogram, two_that_are_merged_are_one_that_counted_everything)
{
    static struct histogram first;
    static struct histogram second;
    for (int i = 0; i < SAMPLES; i++) {
        int64_t latency_ns = (int64_t)random_us() * 1000;
        histogram_record(&histogram, latency_ns);
        histogram_record(i % 3 ? &first : &second, latency_ns);
    }
    histogram_merge(&first, &second);
    cr_assert_arr_eq(&first, &histogram, sizeof(histogram));
}

Test(chatload_histogram, the_curve_rises_from_the_least_to_the_largest)
{
    struct histogram_point points[HISTOGRAM_CURVE_MAX];
    fill(SAMPLES);
    size_t count = histogram_curve(&histogram, points);
    cr_assert_gt(count, 40);
    must_be(points[0].value_us, samples[0], "the least");
    cr_assert_eq(points[count - 1].value_us, samples[SAMPLES - 1]);
    cr_assert_eq(points[count - 1].fraction, 1);
    for (size_t i = 0; i + 1 < count; i++) {
        size_t rank = (size_t)ceil(points[i].fraction * SAMPLES);
        must_be(points[i].value_us, samples[rank ? rank - 1 : 0], "a point");
        must(points[i].fraction < points[i + 1].fraction, "point %zu doesn't rise", i);
        must(points[i].value_us <= points[i + 1].value_us, "point %zu falls", i);
    }
}
