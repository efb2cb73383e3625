/* What --fail-if accepts, and when it is exceeded. */
#include "tools/chatload/limit.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>

static bool exceeded(const char *text, enum metric metric, double value)
{
    struct limit limit;
    double values[METRICS] = {0};
    values[metric] = value;
    cr_assert_eq(limit_parse(text, &limit), 0, "%s is refused", text);
    cr_assert_eq(limit.metric, metric);
    return limit_exceeded(&limit, values);
}

Test(chatload_limit, compares_in_the_units_it_was_given)
{
    cr_expect(exceeded("p99>50ms", METRIC_P99, 50001));
    cr_expect_not(exceeded("p99>50ms", METRIC_P99, 50000));
    cr_expect(exceeded("max>1.5s", METRIC_MAX, 1600000));
    cr_expect_not(exceeded("max>1.5s", METRIC_MAX, 1400000));
    cr_expect(exceeded("p50<100us", METRIC_P50, 99));
    cr_expect(exceeded("p999>1us", METRIC_P999, 2));
    cr_expect(exceeded("p90>0.5ms", METRIC_P90, 501));
    cr_expect(exceeded("rate<1000000", METRIC_RATE, 999999));
    cr_expect_not(exceeded("rate<1000000", METRIC_RATE, 1000000));
    cr_expect(exceeded("lost>0", METRIC_LOST, 1));
    cr_expect(exceeded("duplicated>3", METRIC_DUPLICATED, 4));
    cr_expect_not(exceeded("reordered>3", METRIC_REORDERED, 3));
}

Test(chatload_limit, what_was_not_measured_passes_no_limit)
{
    cr_expect(exceeded("p99>50ms", METRIC_P99, NAN));
    cr_expect(exceeded("rate<1", METRIC_RATE, NAN));
    cr_expect(exceeded("lost>0", METRIC_LOST, NAN));
}

Test(chatload_limit, takes_fifteen_digits_and_no_more)
{
    struct limit limit;
    cr_assert_eq(limit_parse("lost>999999999999999", &limit), 0);
    cr_expect_eq(limit.value, 999999999999999.0);
    cr_expect_eq(limit_parse("lost>1000000000000000", &limit), -EINVAL);
    cr_expect_eq(limit_parse("lost>0000000000000001", &limit), -EINVAL);
}

Test(chatload_limit, refuses_everything_else)
{
    static const char *const wrong[] = {
        "",
        "p99",
        "p99>",
        ">5ms",
        "p99>50",
        "p99>ms",
        "p99=50ms",
        "p98>5ms",
        "lost>5ms",
        "rate<1e6",
        "p99>1.ms",
        "p99>.5ms",
        "p99>-5ms",
        "p99>5 ms",
        "lost>",
        "p99>>5ms",
        "P99>50ms",
        "p99>5msx",
        "max<1h",
        "lost>0x1",
        "p99>inf",
        "rate>1s",
        "p99 >5ms",
        "lost>1.0.0",
        "p50>5ms,p99>6ms",
        "lost>99999999999999999999",
    };
    struct limit limit;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_expect_eq(limit_parse(wrong[i], &limit), -EINVAL, "'%s' is accepted", wrong[i]);
}
