#include "tools/chatload/limit.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    bool latency;
} metrics[METRICS] = {
    [METRIC_LOST] = {"lost", false},
    [METRIC_DUPLICATED] = {"duplicated", false},
    [METRIC_REORDERED] = {"reordered", false},
    [METRIC_P50] = {"p50", true},
    [METRIC_P90] = {"p90", true},
    [METRIC_P99] = {"p99", true},
    [METRIC_P999] = {"p999", true},
    [METRIC_MAX] = {"max", true},
    [METRIC_RATE] = {"rate", false},
};

static int find_metric(const char *name, size_t length)
{
    for (int i = 0; i < METRICS; i++)
        if (strlen(metrics[i].name) == length && memcmp(metrics[i].name, name, length) == 0)
            return i;
    return -EINVAL;
}

/* Digits with or without a fraction; far from strtod's freedom, which takes inf and 0x1p3. Returns
 * where they end, or NULL where there are none, or too many. */
static const char *parse_decimal(const char *text, double *value)
{
    size_t whole = strspn(text, "0123456789");
    const char *end = text + whole;
    if (whole < 1 || whole > 15)
        return NULL;
    *value = 0;
    while (text < end)
        *value = *value * 10 + (*text++ - '0');
    if (*text != '.')
        return text;
    text++;
    end = text + strspn(text, "0123456789");
    if (end == text)
        return NULL;
    double unit = 1;
    while (text < end) {
        unit /= 10;
        *value += unit * (*text++ - '0');
    }
    return text;
}

/* The factor to microseconds; 0: no unit of time. */
static double unit_us(const char *unit)
{
    if (strcmp(unit, "us") == 0)
        return 1;
    if (strcmp(unit, "ms") == 0)
        return 1e3;
    if (strcmp(unit, "s") == 0)
        return 1e6;
    return 0;
}

int limit_parse(const char *text, struct limit *limit)
{
    struct limit parsed = {.text = text};
    size_t length = strcspn(text, "<>");
    int metric = find_metric(text, length);
    if (metric < 0 || !text[length])
        return -EINVAL;
    parsed.metric = (enum metric)metric;
    parsed.above = text[length] == '>';
    const char *unit = parse_decimal(text + length + 1, &parsed.value);
    if (!unit)
        return -EINVAL;
    if (metrics[metric].latency)
        parsed.value *= unit_us(unit);
    if (metrics[metric].latency ? unit_us(unit) == 0 : *unit != '\0')
        return -EINVAL;
    *limit = parsed;
    return 0;
}

bool limit_exceeded(const struct limit *limit, const double values[METRICS])
{
    double value = values[limit->metric];
    bool passed = limit->above ? value <= limit->value : value >= limit->value;
    return !passed; /* nor does NAN, for which every comparison is false */
}
