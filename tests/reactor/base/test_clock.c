#include "reactor/base/clock.h"

#include <criterion/criterion.h>

Test(clock, an_instant_plus_a_duration_is_their_sum)
{
    cr_assert_eq(time_after(0, 0), 0);
    cr_assert_eq(time_after(5, 7), 12);
    cr_assert_eq(time_after(3 * NS_PER_SECOND, 20 * NS_PER_MS), 3020 * NS_PER_MS);
}

Test(clock, a_negative_duration_counts_as_none)
{
    cr_assert_eq(time_after(5, -1), 5);
    cr_assert_eq(time_after(5, INT64_MIN), 5);
}

Test(clock, a_sum_beyond_the_end_of_time_is_never)
{
    cr_assert_eq(time_after(0, TIME_NEVER), TIME_NEVER);
    cr_assert_eq(time_after(TIME_NEVER, 1), TIME_NEVER);
    cr_assert_eq(time_after(TIME_NEVER, TIME_NEVER), TIME_NEVER);
    cr_assert_eq(time_after(TIME_NEVER - 5, 6), TIME_NEVER);
}

Test(clock, the_last_instant_before_never_can_be_reached)
{
    cr_assert_eq(time_after(TIME_NEVER - 5, 4), TIME_NEVER - 1);
    cr_assert_eq(time_after(4, TIME_NEVER - 5), TIME_NEVER - 1);
    cr_assert_eq(time_after(4, TIME_NEVER - 4), TIME_NEVER);
}

Test(clock, never_stays_never_when_nothing_is_added)
{
    cr_assert_eq(time_after(TIME_NEVER, 0), TIME_NEVER);
}

Test(clock, rounding_up_gives_the_fewest_units_that_last_long_enough)
{
    for (int64_t unit_ns = 1; unit_ns <= 12; unit_ns++) {
        for (int64_t duration_ns = 0; duration_ns <= 60; duration_ns++) {
            int64_t units = time_round_up(duration_ns, unit_ns);
            cr_assert_geq(units * unit_ns, duration_ns);
            cr_assert_lt((units - 1) * unit_ns, duration_ns);
        }
    }
}

Test(clock, rounding_up_does_not_overflow_at_the_end_of_time)
{
    cr_assert_eq(time_round_up(TIME_NEVER, 1), TIME_NEVER);
    cr_assert_eq(time_round_up(TIME_NEVER, TIME_NEVER), 1);
    cr_assert_eq(time_round_up(TIME_NEVER, NS_PER_MS), TIME_NEVER / NS_PER_MS + 1);
}

Test(clock, a_negative_duration_rounds_up_to_no_units)
{
    cr_assert_eq(time_round_up(-1, NS_PER_MS), 0);
    cr_assert_eq(time_round_up(INT64_MIN, NS_PER_MS), 0);
}
