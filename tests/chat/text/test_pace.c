#include "chat/text/pace.h"

#include <criterion/criterion.h>
#include <stdbool.h>

#include "reactor/base/clock.h"

/* A token bucket told the plain way: tokens in units of 1/NS_PER_SECOND, so that `rate` of them
 * arrive in a nanosecond and nothing is ever rounded. */
struct bucket {
    __int128 tokens;
    int64_t filled_at_ns;
};

static void bucket_fill(struct bucket *bucket, const struct pace_limit *limit, int64_t now_ns)
{
    __int128 most = (__int128)limit->burst * NS_PER_SECOND;

    bucket->tokens += (__int128)limit->rate * (now_ns - bucket->filled_at_ns);
    if (bucket->tokens > most)
        bucket->tokens = most;
    bucket->filled_at_ns = now_ns;
}

/* When one whole token is there: the first nanosecond that is not too early. */
static int64_t bucket_ready_at(const struct bucket *bucket, const struct pace_limit *limit)
{
    __int128 missing = NS_PER_SECOND - bucket->tokens;

    if (missing <= 0)
        return bucket->filled_at_ns;
    return bucket->filled_at_ns + (int64_t)((missing + limit->rate - 1) / limit->rate);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Takes lines as soon as it may, for `span_ns`, and returns how many that were. */
static uint64_t take_greedily(const struct pace_limit *limit, int64_t start_ns, int64_t span_ns)
{
    struct pace pace = {0};
    uint64_t lines = 0;
    int64_t now_ns = start_ns;

    while (now_ns <= start_ns + span_ns) {
        pace_charge(&pace, limit, now_ns, 1);
        lines++;
        int64_t ready_ns = pace_ready_at(&pace, limit);
        now_ns = ready_ns > now_ns ? ready_ns : now_ns;
    }
    return lines;
}

Test(pace, a_fresh_client_may_take_its_burst_at_once_and_not_one_more)
{
    struct pace_limit limit = {.rate = 10, .burst = 40};
    struct pace pace = {0};
    int64_t now_ns = 123456789;

    for (int i = 0; i < 40; i++) {
        cr_assert_leq(pace_ready_at(&pace, &limit), now_ns, "line %d", i);
        pace_charge(&pace, &limit, now_ns, 1);
    }
    cr_assert_eq(pace_ready_at(&pace, &limit), now_ns + NS_PER_SECOND / 10);
}

static uint32_t lines_of_a_newcomer(const struct pace_limit *limit, int64_t now_ns)
{
    struct pace pace;
    uint32_t lines = 0;

    pace_begin(&pace, limit, now_ns);
    for (; lines < 1000 && pace_ready_at(&pace, limit) <= now_ns; lines++)
        pace_charge(&pace, limit, now_ns, 1);
    return lines;
}

Test(pace, a_newcomer_has_a_seconds_lines_or_the_burst_if_that_is_less)
{
    static const uint32_t cases[][3] = {{10, 40, 10}, {20, 4, 4}, {7, 7, 7}, {1, 100, 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pace_limit limit = {.rate = cases[i][0], .burst = cases[i][1]};
        cr_assert_eq(lines_of_a_newcomer(&limit, 0), cases[i][2]);
        cr_assert_eq(lines_of_a_newcomer(&limit, 987654321), cases[i][2]);
    }
    cr_assert_eq(lines_of_a_newcomer(&(struct pace_limit){.rate = 0, .burst = 1}, 5), 1000);
}

Test(pace, a_newcomer_earns_the_rest_of_its_burst)
{
    struct pace_limit limit = {.rate = 10, .burst = 40};
    struct pace pace;
    int64_t later_ns = 3 * NS_PER_SECOND;

    pace_begin(&pace, &limit, 0);
    pace_charge(&pace, &limit, later_ns, 39);
    cr_assert_leq(pace_ready_at(&pace, &limit), later_ns);
    pace_charge(&pace, &limit, later_ns, 1);
    cr_assert_gt(pace_ready_at(&pace, &limit), later_ns);
}

/* A burst of 1 leaves no room for being late, not even by the rest of a nanosecond: see pace.h. */
Test(pace, after_the_burst_lines_come_at_exactly_the_rate_over_any_span)
{
    static const uint32_t rates[] = {1, 2, 3, 7, 10, 11, 999, 1000, 12345};

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        for (uint32_t burst = 2; burst < 50; burst += 13) {
            struct pace_limit limit = {.rate = rates[i], .burst = burst};
            uint64_t lines = take_greedily(&limit, 1, 97 * NS_PER_SECOND);
            cr_assert_eq(lines, burst + 97ull * rates[i], "rate %u/%u", rates[i], burst);
        }
    }
}

Test(pace, a_burst_of_one_never_exceeds_the_rate)
{
    struct pace_limit even = {.rate = 10, .burst = 1}, odd = {.rate = 3, .burst = 1};

    cr_assert_eq(take_greedily(&even, 1, 97 * NS_PER_SECOND), 1 + 970);
    cr_assert_eq(take_greedily(&odd, 1, 97 * NS_PER_SECOND), 97 * 3);
}

Test(pace, a_rate_that_divides_nothing_loses_no_line_in_ten_years)
{
    struct pace_limit limit = {.rate = 7, .burst = 1};
    struct pace pace = {0};
    int64_t years_ns = INT64_C(10) * 365 * 86400 * NS_PER_SECOND;

    for (int i = 0; i < 86400; i++)
        pace_charge(&pace, &limit, 0, 7 * 365 * 10);
    cr_assert_eq(pace_ready_at(&pace, &limit), years_ns);
}

Test(pace, silence_fills_the_burst_again_and_never_more)
{
    struct pace_limit limit = {.rate = 10, .burst = 3};
    struct pace pace = {0};

    pace_charge(&pace, &limit, 0, 3);
    int64_t later_ns = 1000 * NS_PER_SECOND;
    pace_charge(&pace, &limit, later_ns, 2);
    cr_assert_leq(pace_ready_at(&pace, &limit), later_ns);
    pace_charge(&pace, &limit, later_ns, 1);
    cr_assert_eq(pace_ready_at(&pace, &limit), later_ns + NS_PER_SECOND / 10);
}

Test(pace, what_is_taken_too_early_is_waited_for)
{
    struct pace_limit limit = {.rate = 10, .burst = 1};
    struct pace pace = {0};

    pace_charge(&pace, &limit, 0, 25);
    cr_assert_eq(pace_ready_at(&pace, &limit), 25 * NS_PER_SECOND / 10);
}

Test(pace, an_instant_that_is_no_whole_nanosecond_is_waited_out)
{
    struct pace_limit limit = {.rate = 3, .burst = 1};
    struct pace pace = {0};

    pace_charge(&pace, &limit, 0, 1);
    cr_assert_eq(pace_ready_at(&pace, &limit), 333333334);
    cr_assert_gt(pace_ready_at(&pace, &limit), 333333333);
}

Test(pace, without_a_limit_every_line_is_taken_at_once)
{
    struct pace_limit limit = {.rate = 0, .burst = 0};
    struct pace pace = {0};

    for (int i = 0; i < 1000; i++) {
        pace_charge(&pace, &limit, 5, 1000);
        cr_assert_leq(pace_ready_at(&pace, &limit), 5);
    }
}

/* Random visits, some at the very nanosecond of readiness and some just before it. */
static void compare_with_the_bucket(uint64_t seed)
{
    uint64_t random = seed * 0x9E3779B97F4A7C15u;
    struct pace_limit limit = {.rate = (uint32_t)(1 + next_random(&random) % 2000),
                               .burst = (uint32_t)(1 + next_random(&random) % 20)};
    struct bucket bucket = {.tokens = (__int128)limit.burst * NS_PER_SECOND};
    struct pace pace = {0};
    int64_t now_ns = (int64_t)(next_random(&random) % 1000);

    for (int i = 0; i < 200; i++) {
        bucket_fill(&bucket, &limit, now_ns);
        int64_t expected_ns = bucket_ready_at(&bucket, &limit);
        int64_t ready_ns = pace_ready_at(&pace, &limit);
        cr_assert_eq(ready_ns > now_ns ? ready_ns : now_ns, expected_ns, "seed %llu visit %d",
                     (unsigned long long)seed, i);
        uint32_t lines = (uint32_t)(next_random(&random) % 8 == 0 ? next_random(&random) % 30 : 1);
        if (expected_ns == now_ns || next_random(&random) % 4 == 0) {
            pace_charge(&pace, &limit, now_ns, lines);
            bucket.tokens -= (__int128)lines * NS_PER_SECOND;
            expected_ns = bucket_ready_at(&bucket, &limit);
        }
        switch (next_random(&random) % 4) {
        case 0:
            now_ns = expected_ns;
            break;
        case 1:
            now_ns = expected_ns > now_ns ? expected_ns - 1 : now_ns;
            break;
        case 2:
            now_ns += (int64_t)(next_random(&random) % (3 * NS_PER_SECOND / limit.rate));
            break;
        }
    }
}

Test(pace, it_is_a_token_bucket)
{
    for (uint64_t seed = 1; seed <= 5000; seed++)
        compare_with_the_bucket(seed);
}

/* Run under UBSan, this is where a sum that doesn't fit would show. */
Test(pace, nothing_overflows_at_the_ends_of_time_and_rate)
{
    static const uint32_t numbers[] = {1, 2, 3, 1000000007, UINT32_MAX};
    static const int64_t instants[] = {0, 1, TIME_NEVER - 1, TIME_NEVER};

    for (int i = 0; i < 5 * 5 * 4; i++) {
        struct pace_limit limit = {.rate = numbers[i % 5], .burst = numbers[i / 5 % 5]};
        int64_t now_ns = instants[i / 25];
        struct pace pace = {0};
        for (int k = 0; k < 8; k++) {
            int64_t before_ns = pace_ready_at(&pace, &limit);
            pace_charge(&pace, &limit, now_ns, UINT32_MAX);
            pace_charge(&pace, &limit, now_ns, 1);
            cr_assert_geq(pace_ready_at(&pace, &limit), before_ns > now_ns ? before_ns : 0);
        }
    }
}
