/*
 * chatload settings: what the command line asks for. Pure.
 *
 * A limit (--fail-if) is a figure's name, `>` or `<`, and a value: `p99>50ms`,
 * `lost>0`, `rate<1000000`. It is exceeded if what it says is so. Latencies take
 * us, ms or s; a fraction is allowed (`1.5ms`).
 */
#ifndef TOOLS_CHATLOAD_SETTINGS_H
#define TOOLS_CHATLOAD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chat/config/endpoint.h"
#include "chat/config/options.h"

enum metric {
    METRIC_LOST,
    METRIC_DUPLICATED,
    METRIC_REORDERED,
    METRIC_P50, /* latencies: in microseconds */
    METRIC_P90,
    METRIC_P99,
    METRIC_P999,
    METRIC_MAX,
    METRIC_RATE, /* deliveries per second */
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

/* More than there are figures to limit, both ways. */
#define SETTINGS_LIMITS_MAX 32

/* Pairs of a receiver and a sender that it checks, eight bytes each. */
#define SETTINGS_PAIRS_MAX (UINT64_C(200) * 1000 * 1000)

enum protocol {
    PROTOCOL_CHATD, /* `#room <nick> TEXT`, greetings, commands */
    PROTOCOL_RAW /* what is sent is what the others receive */
};

struct settings {
    struct endpoint address;
    const char *address_name; /* as given; NULL if a server is spawned */
    uint32_t clients; /* the healthy ones, senders included */
    uint32_t senders;
    uint32_t rooms;
    size_t size_bytes; /* of a message, without its newline */
    int64_t duration_ns;
    uint32_t rate; /* messages per second in all; 0: as fast as it goes */
    uint32_t burst;
    bool spin; /* never sleeps */
    uint32_t window;
    int64_t ramp_ns;
    uint32_t stalled;
    uint32_t churn;
    enum protocol protocol;
    const char *spawn; /* NULL: the server is there already */
    uint32_t server_pid; /* 0: not known */
    const char *json_path; /* NULL: none; "-": stdout */
    const char *html_path;
    struct limit limits[SETTINGS_LIMITS_MAX];
    size_t limit_count;
};

/* Answers of settings_parse besides 0 and -EINVAL. */
enum { SETTINGS_HELP = 1, SETTINGS_VERSION = 2 };

/* Room for every problem, and for the help. */
#define SETTINGS_PROBLEM_TEXT OPTIONS_PROBLEM_TEXT
#define SETTINGS_HELP_TEXT 4096

/* Reads the command line, as options_parse does. `settings` points into `argv`. */
int settings_parse(struct settings *settings, char **argv, char *problem, size_t size);

size_t settings_help(char *text, size_t size);

/* Whether a report goes to stdout, so that nothing else may. */
bool settings_use_stdout(const struct settings *settings);

#endif
