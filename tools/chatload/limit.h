/*
 * chatload_limit: the figures of a run by name, and what --fail-if says of them.
 * Pure.
 *
 * A limit is a name, `>` or `<`, and a value: `p99>50ms`, `lost>0`,
 * `rate<1000000`. It is exceeded when what it says is so. Latencies take us, ms
 * or s; a fraction is allowed (`1.5ms`).
 */
#ifndef TOOLS_CHATLOAD_LIMIT_H
#define TOOLS_CHATLOAD_LIMIT_H

#include <stdbool.h>
#include <stddef.h>

enum metric {
    METRIC_LOST,
    METRIC_DUPLICATED,
    METRIC_REORDERED,
    METRIC_P50, /* latencies: in microseconds */
    METRIC_P90,
    METRIC_P99,
    METRIC_P999,
    METRIC_MAX,
    METRIC_RATE, /* deliveries a second */
    METRICS
};

struct limit {
    const char *text; /* as given; points into the command line */
    enum metric metric;
    bool above; /* exceeded by a larger value, otherwise by a smaller one */
    double value;
};

/* Reads `text`, which must stay as long as the limit. 0, or -EINVAL with nothing changed. */
int limit_parse(const char *text, struct limit *limit);

/* Whether `values`, one for each metric, exceed it. NAN was not measured, which no limit passes. */
bool limit_exceeded(const struct limit *limit, const double values[METRICS]);

#endif
