/*
 * A fuzz target for libFuzzer: numbers, sizes, durations and rates as people type them, against
 * arithmetic that stops at BEYOND. `make fuzz` runs it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chat/text/units.h"
#include "reactor/base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

/* No range admits this number, which stands for all that are at least as large: a machine of 32
 * bits has no type in which the true one fits. */
#define BEYOND INT64_MAX

static int64_t product(int64_t number, int64_t factor)
{
    return number > BEYOND / factor ? BEYOND : number * factor;
}

/* The digits that `text` begins with, as a number; -1: none. */
static int64_t model_digits(const char *text, size_t length, size_t *used)
{
    int64_t value = 0;

    for (*used = 0; *used < length && strchr("0123456789", text[*used]) && text[*used]; ++*used) {
        int64_t digit = text[*used] - '0';
        int64_t tens = product(value, 10);
        value = tens > BEYOND - digit ? BEYOND : tens + digit;
    }
    return *used > 0 ? value : -1;
}

/* The value of digits and a unit, or -1 if it has not this form. Units and factors: the last unit
 * is NULL. */
static int64_t model_scaled(const char *text, size_t length, const char *const *units,
                            const int64_t *factors)
{
    size_t used;
    int64_t digits = model_digits(text, length, &used);

    for (size_t i = 0; digits >= 0 && units[i]; i++)
        if (strlen(units[i]) == length - used && memcmp(units[i], text + used, length - used) == 0)
            return product(digits, factors[i]);
    return -1;
}

static int model_result(int64_t value, int64_t least, int64_t most)
{
    if (value < 0)
        return -EINVAL;
    return value < least || value > most ? -ERANGE : 0;
}

static void check_number_and_size(const char *text, size_t length)
{
    static const char *const none[] = {"", NULL};
    static const char *const units[] = {"", "K", "k", "M", "m", "G", "g", NULL};
    static const int64_t factors[] = {1, 1 << 10, 1 << 10, 1 << 20, 1 << 20, 1 << 30, 1 << 30};
    static const struct units_range range = {5, 5000000000};
    const int64_t largest = SIZE_MAX < 5000000000 ? (int64_t)SIZE_MAX : 5000000000;
    uint64_t number = 7;
    size_t size_bytes = 7;

    int64_t expected = model_scaled(text, length, none, factors);
    int rc = units_parse_number(text, length, &range, &number);
    require(rc == model_result(expected, 5, 5000000000));
    require(number == (rc ? 7 : (uint64_t)expected));

    expected = model_scaled(text, length, units, factors);
    rc = units_parse_size(text, length, &range, &size_bytes);
    require(rc == model_result(expected, 5, largest));
    require(size_bytes == (rc ? 7 : (size_t)expected));
}

static void check_duration(const char *text, size_t length)
{
    static const char *const units[] = {"", "ms", "s", "m", "h", NULL};
    static const int64_t factors[] = {1000000000, 1000000, 1000000000, 60000000000, 3600000000000};
    int64_t duration_ns = 7;
    int64_t expected = model_scaled(text, length, units, factors);
    int rc = units_parse_duration(text, length, &duration_ns);

    require(rc == model_result(expected, 0, TIME_NEVER - 1));
    require(duration_ns == (rc ? 7 : (int64_t)expected));
}

static void check_rate(const char *text, size_t length)
{
    static const char *const none[] = {"", NULL};
    static const int64_t one[] = {1};
    const char *slash = memchr(text, '/', length);
    size_t before = slash ? (size_t)(slash - text) : length;
    struct pace_limit limit = {7, 7};
    int64_t lines = model_scaled(text, before, none, one);
    /* Beyond the limit the product does not matter, and could overflow. */
    int64_t small_lines = lines <= UNITS_RATE_LINES_MAX ? lines : 1;
    int64_t burst = lines ? small_lines * UNITS_RATE_BURST_SECONDS : 1;

    if (slash)
        burst = model_scaled(slash + 1, length - before - 1, none, one);
    int rc = units_parse_rate(text, length, &limit);
    require((rc == 0) == (lines >= (slash ? 1 : 0) && lines <= UNITS_RATE_LINES_MAX && burst >= 1 &&
                          burst <= UNITS_RATE_BURST_MAX));
    require(limit.rate == (rc ? 7 : (uint32_t)lines));
    require(limit.burst == (rc ? 7 : (uint32_t)burst));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    if (size == 0)
        return 0; /* libFuzzer's first input may be no memory at all */
    check_number_and_size(text, size);
    check_duration(text, size);
    check_rate(text, size);
    return 0;
}
