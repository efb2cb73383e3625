#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "chat/text/units.h"
#include "reactor/base/clock.h"

#define SECOND NS_PER_SECOND
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const struct units_range anything = {0, UINT64_MAX - 1};

static int parse_number(const char *text, uint64_t *number)
{
    return units_parse_number(text, strlen(text), &anything, number);
}

static int parse_size(const char *text, size_t *size_bytes)
{
    return units_parse_size(text, strlen(text), &anything, size_bytes);
}

static int parse_duration(const char *text, int64_t *duration_ns)
{
    return units_parse_duration(text, strlen(text), duration_ns);
}

static int parse_rate(const char *text, struct pace_limit *limit)
{
    return units_parse_rate(text, strlen(text), limit);
}

Test(units, a_number_is_decimal_digits_and_nothing_else)
{
    static const char *const wrong[] = {"",   " ",   "-1",  "+1",  " 1",  "1 ",
                                        "1x", "0x1", "1.5", "1/2", "1e3", "\xd9\xa1"};
    uint64_t number = 7;

    cr_assert_eq(parse_number("0", &number), 0);
    cr_assert_eq(number, 0);
    cr_assert_eq(parse_number("007", &number), 0);
    cr_assert_eq(number, 7);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(parse_number(wrong[i], &number), -EINVAL, "'%s'", wrong[i]);
    cr_assert_eq(number, 7, "a refused text changed the result");
}

Test(units, a_number_too_large_is_out_of_range_and_never_wraps)
{
    static const char *const large[] = {"18446744073709551615", "18446744073709551616",
                                        "18446744073709551625", "184467440737095516160",
                                        "99999999999999999999999999999999999999"};
    uint64_t number = 7;

    cr_assert_eq(parse_number("18446744073709551614", &number), 0);
    cr_assert_eq(number, UINT64_MAX - 1);
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
        cr_assert_eq(parse_number(large[i], &number), -ERANGE, "'%s'", large[i]);
    cr_assert_eq(number, UINT64_MAX - 1);
}

Test(units, both_ends_of_a_range_belong_to_it)
{
    static const struct units_range range = {16, 16384};
    uint64_t number;
    size_t size;

    cr_assert_eq(units_parse_number("15", 2, &range, &number), -ERANGE);
    cr_assert_eq(units_parse_number("16", 2, &range, &number), 0);
    cr_assert_eq(units_parse_number("16384", 5, &range, &number), 0);
    cr_assert_eq(units_parse_number("16385", 5, &range, &number), -ERANGE);
    cr_assert_eq(units_parse_size("16K", 3, &range, &size), 0);
    cr_assert_eq(units_parse_size("17K", 3, &range, &size), -ERANGE);
}

Test(units, only_the_given_length_is_read)
{
    uint64_t number;
    size_t size;
    int64_t duration_ns;
    struct pace_limit limit;

    cr_assert_eq(units_parse_number("123", 2, &anything, &number), 0);
    cr_assert_eq(number, 12);
    cr_assert_eq(units_parse_size("64K", 2, &anything, &size), 0);
    cr_assert_eq(size, 64);
    cr_assert_eq(units_parse_duration("5ms", 2, &duration_ns), 0);
    cr_assert_eq(duration_ns, 5 * MINUTE);
    cr_assert_eq(units_parse_rate("10/40", 4, &limit), 0);
    cr_assert_eq(limit.burst, 4);
}

Test(units, a_size_has_a_letter_of_either_case)
{
    static const struct {
        const char *text;
        size_t size;
    } sizes[] = {{"0", 0},
                 {"4096", 4096},
                 {"64K", 65536},
                 {"64k", 65536},
                 {"1M", 1048576},
                 {"2m", 2097152},
                 {"1G", 1073741824u},
                 {"3g", 3221225472u},
                 {"0K", 0},
                 {"16777215G", (size_t)16777215 << 30}};
    static const char *const wrong[] = {"", "K", "1KB", "1 K", "1.5M", "-1K", "1T", "1Ki", "1K1"};
    size_t size = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        cr_assert_eq(parse_size(sizes[i].text, &size), 0, "'%s'", sizes[i].text);
        cr_assert_eq(size, sizes[i].size, "'%s'", sizes[i].text);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(parse_size(wrong[i], &size), -EINVAL, "'%s'", wrong[i]);
    cr_assert_eq(parse_size("17179869184G", &size), -ERANGE);
    cr_assert_eq(parse_size("99999999999999999999", &size), -ERANGE);
    cr_assert_eq(parse_size("99999999999999999999KB", &size), -EINVAL);
}

Test(units, a_duration_is_seconds_where_it_names_no_unit)
{
    static const struct {
        const char *text;
        int64_t duration_ns;
    } durations[] = {{"0", 0},
                     {"0ms", 0},
                     {"250ms", 250 * NS_PER_MS},
                     {"5", 5 * SECOND},
                     {"5s", 5 * SECOND},
                     {"10m", 10 * MINUTE},
                     {"1h", HOUR},
                     {"100h", 100 * HOUR},
                     {"2562047h", 2562047 * HOUR},
                     {"9223372036s", 9223372036 * SECOND}};
    static const char *const wrong[] = {"",    "s",  "ms",    "-5s", "0.5s", ".5",
                                        "5 s", "5S", "5msms", "1d",  "1h5m", "5min"};
    int64_t duration_ns = 0;

    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        cr_assert_eq(parse_duration(durations[i].text, &duration_ns), 0, "'%s'", durations[i].text);
        cr_assert_eq(duration_ns, durations[i].duration_ns, "'%s'", durations[i].text);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(parse_duration(wrong[i], &duration_ns), -EINVAL, "'%s'", wrong[i]);
    cr_assert_eq(parse_duration("2562048h", &duration_ns), -ERANGE);
    cr_assert_eq(parse_duration("9223372037", &duration_ns), -ERANGE);
    cr_assert_eq(parse_duration("99999999999999999999h", &duration_ns), -ERANGE);
}

Test(units, a_rate_without_a_burst_gets_four_seconds_worth)
{
    struct pace_limit limit;

    cr_assert_eq(parse_rate("10/40", &limit), 0);
    cr_assert(limit.rate == 10 && limit.burst == 40);
    cr_assert_eq(parse_rate("10", &limit), 0);
    cr_assert(limit.rate == 10 && limit.burst == 40);
    cr_assert_eq(parse_rate("5/1", &limit), 0);
    cr_assert(limit.rate == 5 && limit.burst == 1);
    cr_assert_eq(parse_rate("1000000", &limit), 0);
    cr_assert(limit.rate == UNITS_RATE_LINES_MAX && limit.burst == UNITS_RATE_BURST_MAX);
    cr_assert_eq(parse_rate("0", &limit), 0);
    cr_assert(limit.rate == 0 && limit.burst == 1, "no limit is rate 0, and a burst of 0 never is");
}

Test(units, a_rate_with_half_of_it_missing_or_zero_is_refused)
{
    static const char *const wrong[] = {"", "/", "/5", "5/", "5/5/5", "5 /5", "-5/5", "5/x", "0/"};
    static const char *const outside[] = {"5/0", "0/5", "0/0", "1000001", "1/4000001"};
    struct pace_limit limit = {7, 7};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(parse_rate(wrong[i], &limit), -EINVAL, "'%s'", wrong[i]);
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
        cr_assert_eq(parse_rate(outside[i], &limit), -ERANGE, "'%s'", outside[i]);
    cr_assert(limit.rate == 7 && limit.burst == 7);
}

Test(units, durations_are_shown_in_their_two_largest_units)
{
    static const struct {
        int64_t duration_ns;
        const char *text;
    } durations[] = {{INT64_MIN, "0 s"},
                     {-SECOND, "0 s"},
                     {0, "0 s"},
                     {999, "0 s"},
                     {1000, "1 us"},
                     {NS_PER_MS - 1, "999 us"},
                     {NS_PER_MS, "1 ms"},
                     {SECOND - 1, "999 ms"},
                     {SECOND, "1 s"},
                     {SECOND + 999 * NS_PER_MS, "1 s"},
                     {59 * SECOND, "59 s"},
                     {MINUTE, "1 min"},
                     {MINUTE + SECOND - 1, "1 min"},
                     {MINUTE + SECOND, "1 min 1 s"},
                     {HOUR - 1, "59 min 59 s"},
                     {HOUR + 59 * SECOND, "1 h"},
                     {HOUR + 5 * MINUTE + 7 * SECOND, "1 h 5 min"},
                     {DAY - 1, "23 h 59 min"},
                     {3 * DAY + 4 * HOUR, "3 d 4 h"},
                     {INT64_MAX, "106751 d 23 h"}};
    char text[UNITS_DURATION_TEXT];

    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        units_format_duration(durations[i].duration_ns, text);
        cr_assert_str_eq(text, durations[i].text);
    }
}

/* What the C library makes of the same instant. */
static void format_by_library(int64_t realtime_ns, char text[UNITS_UTC_TEXT])
{
    time_t seconds = (time_t)(realtime_ns / SECOND - (realtime_ns % SECOND < 0));
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(text, UNITS_UTC_TEXT, "%Y-%m-%d %H:%M:%S", &tm);
}

static void check_utc(int64_t realtime_ns)
{
    char expected[UNITS_UTC_TEXT];
    char text[UNITS_UTC_TEXT];

    format_by_library(realtime_ns, expected);
    units_format_utc(realtime_ns, text);
    cr_assert_str_eq(text, expected, "%" PRId64 " ns: %s, not %s", realtime_ns, text, expected);
}

Test(units, every_day_has_the_librarys_date)
{
    for (int64_t day = INT64_MIN / DAY; day <= INT64_MAX / DAY; day++) {
        check_utc(day * DAY);
        if (day > INT64_MIN / DAY)
            check_utc(day * DAY - 1);
    }
    check_utc(INT64_MIN);
    check_utc(INT64_MAX);
}

Test(units, every_second_of_a_leap_day_has_the_librarys_time)
{
    const int64_t leap_day_ns = 951782400 * SECOND; /* 2000-02-29 */
    char text[UNITS_UTC_TEXT];

    for (int64_t second = 0; second <= 86400; second++)
        check_utc(leap_day_ns + second * SECOND + 5);
    units_format_utc(leap_day_ns + 86399 * SECOND, text);
    cr_assert_str_eq(text, "2000-02-29 23:59:59");
}
