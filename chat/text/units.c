#include "chat/text/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/clock.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define SECONDS_PER_MINUTE 60
#define SECONDS_PER_HOUR (60 * SECONDS_PER_MINUTE)
#define SECONDS_PER_DAY (24 * SECONDS_PER_HOUR)

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},
    {"K", UINT64_C(1) << 10},
    {"k", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20},
    {"m", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},
    {"g", UINT64_C(1) << 30},
};

static const struct unit duration_units[] = {
    {"", NS_PER_SECOND},
    {"ms", NS_PER_MS},
    {"s", NS_PER_SECOND},
    {"m", SECONDS_PER_MINUTE *NS_PER_SECOND},
    {"h", SECONDS_PER_HOUR *NS_PER_SECOND},
};

/* How many digits `text` begins with; *value is their number, or UINT64_MAX (which no range admits)
 * if that does not fit. */
static size_t read_digits(const char *text, size_t length, uint64_t *value)
{
    size_t used = 0;

    *value = 0;
    for (; used < length && text[used] >= '0' && text[used] <= '9'; used++) {
        uint64_t digit = (uint64_t)(text[used] - '0');
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, digit, value))
            *value = UINT64_MAX;
    }
    return used;
}

/* The unit called exactly `name`, or NULL. */
static const struct unit *find_unit(const struct unit *units, size_t count, const char *name,
                                    size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0)
            return &units[i];
    return NULL;
}

/* Reads digits and one of `units`. The form is judged before the value. */
static int parse_scaled(const char *text, size_t length, const struct unit *units, size_t count,
                        uint64_t *value)
{
    uint64_t number;
    size_t used = read_digits(text, length, &number);
    const struct unit *unit = find_unit(units, count, text + used, length - used);

    if (used == 0 || !unit)
        return -EINVAL;
    if (__builtin_mul_overflow(number, unit->factor, value))
        return -ERANGE;
    return 0;
}

static int check_range(const struct units_range *range, uint64_t value)
{
    return value < range->least || value > range->most ? -ERANGE : 0;
}

int units_parse_number(const char *text, size_t length, const struct units_range *range,
                       uint64_t *number)
{
    uint64_t value;
    size_t used = read_digits(text, length, &value);

    if (used == 0 || used != length)
        return -EINVAL;
    if (check_range(range, value))
        return -ERANGE;
    *number = value;
    return 0;
}

int units_parse_size(const char *text, size_t length, const struct units_range *range,
                     size_t *size_bytes)
{
    uint64_t value;
    int rc = parse_scaled(text, length, size_units, COUNT(size_units), &value);

    if (rc == 0)
        rc = check_range(range, value);
    if (rc == 0 && (size_t)value != value)
        rc = -ERANGE; /* more than a machine of 32 bits can address */
    if (rc == 0)
        *size_bytes = (size_t)value;
    return rc;
}

int units_parse_duration(const char *text, size_t length, int64_t *duration_ns)
{
    uint64_t value;
    int rc = parse_scaled(text, length, duration_units, COUNT(duration_units), &value);

    if (rc)
        return rc;
    if (value >= (uint64_t)TIME_NEVER)
        return -ERANGE;
    *duration_ns = (int64_t)value;
    return 0;
}

/* The burst of a rate: what follows the slash, or else a few seconds' worth. */
static int parse_burst(const char *slash, const char *end, uint64_t lines, uint64_t *burst)
{
    static const struct units_range range = {1, UNITS_RATE_BURST_MAX};

    if (slash)
        return units_parse_number(slash + 1, (size_t)(end - slash - 1), &range, burst);
    *burst = lines ? lines * UNITS_RATE_BURST_SECONDS : 1;
    return 0;
}

int units_parse_rate(const char *text, size_t length, struct pace_limit *limit)
{
    static const struct units_range range = {0, UNITS_RATE_LINES_MAX};
    const char *slash = memchr(text, '/', length);
    uint64_t lines;
    uint64_t burst = 0;
    int rc = units_parse_number(text, slash ? (size_t)(slash - text) : length, &range, &lines);

    if (rc == 0)
        rc = parse_burst(slash, text + length, lines, &burst);
    if (rc)
        return rc;
    if (lines == 0 && slash)
        return -ERANGE;
    limit->rate = (uint32_t)lines;
    limit->burst = (uint32_t)burst;
    return 0;
}

void units_format_duration(int64_t duration_ns, char text[static UNITS_DURATION_TEXT])
{
    static const struct unit units[] = {
        {"d", SECONDS_PER_DAY * NS_PER_SECOND},
        {"h", SECONDS_PER_HOUR * NS_PER_SECOND},
        {"min", SECONDS_PER_MINUTE * NS_PER_SECOND},
        {"s", NS_PER_SECOND},
        {"ms", NS_PER_MS},
        {"us", NS_PER_US},
    };
    const uint64_t whole_ns = duration_ns > 0 ? (uint64_t)duration_ns : 0;
    const struct unit *unit = units;

    while (unit < units + COUNT(units) && whole_ns < unit->factor)
        unit++;
    if (unit == units + COUNT(units)) {
        snprintf(text, UNITS_DURATION_TEXT, "0 s");
        return;
    }

    int used =
        snprintf(text, UNITS_DURATION_TEXT, "%" PRIu64 " %s", whole_ns / unit->factor, unit->name);
    uint64_t rest_ns = whole_ns % unit->factor;
    /* From a second down, nobody reads a second unit. */
    if (unit->factor > (uint64_t)NS_PER_SECOND && rest_ns >= unit[1].factor)
        snprintf(text + used, UNITS_DURATION_TEXT - (size_t)used, " %" PRIu64 " %s",
                 rest_ns / unit[1].factor, unit[1].name);
}

struct date {
    unsigned int year;
    unsigned int month;
    unsigned int day;
};

/* The Gregorian date `days` after 1970-01-01. A year is taken to begin in March, so that the leap
 * day is its last and 153 days are always five months; an era is 400 such years, 146,097 days. */
static struct date date_of_days(int64_t days)
{
    int64_t since_march_0 = days + 719468;
    int64_t era = (since_march_0 >= 0 ? since_march_0 : since_march_0 - 146096) / 146097;
    unsigned int day_of_era = (unsigned int)(since_march_0 - era * 146097);
    unsigned int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned int day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned int months_after_march = (5 * day_of_year + 2) / 153;
    struct date date;

    date.day = day_of_year - (153 * months_after_march + 2) / 5 + 1;
    date.month = months_after_march < 10 ? months_after_march + 3 : months_after_march - 9;
    date.year = (unsigned int)(era * 400 + year_of_era) + (date.month <= 2);
    return date;
}

/* Writes the last `width` digits of `value`, then `after`; returns where that ends. */
static char *put_digits(char *to, unsigned int value, int width, char after)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        to[i] = (char)('0' + value % 10);
    to[width] = after;
    return to + width + 1;
}

/* gmtime_r would read the time zone's file without going through sys.h. An int64_t of nanoseconds
 * spans 1677 to 2262, so a year has four digits. */
void units_format_utc(int64_t realtime_ns, char text[static UNITS_UTC_TEXT])
{
    int64_t seconds = realtime_ns / NS_PER_SECOND - (realtime_ns % NS_PER_SECOND < 0);
    int64_t days = seconds / SECONDS_PER_DAY - (seconds % SECONDS_PER_DAY < 0);
    unsigned int second_of_day = (unsigned int)(seconds - days * SECONDS_PER_DAY);
    struct date date = date_of_days(days);

    text = put_digits(text, date.year, 4, '-');
    text = put_digits(text, date.month, 2, '-');
    text = put_digits(text, date.day, 2, ' ');
    text = put_digits(text, second_of_day / SECONDS_PER_HOUR, 2, ':');
    text = put_digits(text, second_of_day / SECONDS_PER_MINUTE % 60, 2, ':');
    put_digits(text, second_of_day % 60, 2, '\0');
}
