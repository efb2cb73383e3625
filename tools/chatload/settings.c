#include "tools/chatload/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/config/options.h"
#include "tools/chatload/message.h"

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
 * where they end, or NULL if there are none, or too many. */
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

#define DEFAULT_TARGET "127.0.0.1:7777"
#define DEFAULT_SENDERS 10
#define LIMIT_WORDS \
    "lost, duplicated, reordered or rate and a number, or p50, p90, p99, p999 or max"

static const char *read_target(const struct option *option, void *target, const char *value)
{
    struct settings *settings = target;
    struct endpoint endpoint;
    if (endpoint_parse(value, &endpoint) ||
        (endpoint.kind == ENDPOINT_TCP && (!endpoint.port || !endpoint.host[0])))
        return option->accepted;
    settings->address = endpoint;
    settings->address_name = value;
    return NULL;
}

static const char *read_protocol(const struct option *option, void *target, const char *value)
{
    struct settings *settings = target;
    if (strcmp(value, "chatd") == 0)
        settings->protocol = PROTOCOL_CHATD;
    else if (strcmp(value, "raw") == 0)
        settings->protocol = PROTOCOL_RAW;
    else
        return option->accepted;
    return NULL;
}

static const char *read_limit(const struct option *option, void *target, const char *value)
{
    struct settings *settings = target;
    if (settings->limit_count == SETTINGS_LIMITS_MAX)
        return "32 of them at most";
    if (limit_parse(value, &settings->limits[settings->limit_count]))
        return option->accepted;
    settings->limit_count++;
    return NULL;
}

static bool rooms_fit(const void *target, char accepted[static OPTIONS_ACCEPTED_TEXT])
{
    const struct settings *settings = target;
    if (settings->protocol == PROTOCOL_RAW) {
        snprintf(accepted, OPTIONS_ACCEPTED_TEXT, "1 with --proto raw, which knows no rooms");
        return settings->rooms == 1;
    }
    snprintf(accepted, OPTIONS_ACCEPTED_TEXT,
             "up to %u with --clients %u: each room needs a sender and a receiver",
             settings->clients / 2, settings->clients);
    return settings->rooms <= settings->clients / 2;
}

static bool senders_fit(const struct settings *settings,
                        char accepted[static OPTIONS_ACCEPTED_TEXT])
{
    uint64_t in_a_room = settings->senders / settings->rooms + 1;
    if (settings->senders > settings->clients) {
        snprintf(accepted, OPTIONS_ACCEPTED_TEXT, "up to %u with --clients %u", settings->clients,
                 settings->clients);
        return false;
    }
    snprintf(accepted, OPTIONS_ACCEPTED_TEXT,
             "senders of a room x clients up to %u million: each pair is checked",
             (unsigned)(SETTINGS_PAIRS_MAX / 1000000));
    return in_a_room * settings->clients <= SETTINGS_PAIRS_MAX;
}

static bool burst_fits(const void *target, char accepted[static OPTIONS_ACCEPTED_TEXT])
{
    const struct settings *settings = target;
    snprintf(accepted, OPTIONS_ACCEPTED_TEXT, "1 without a schedule (--rate)");
    return settings->burst == 1 || settings->rate > 0;
}

#define FIELD(member) .offset = offsetof(struct settings, member)

static const struct option rows[] = {
    {.name = "clients",
     .argument = "N",
     .fallback = "100",
     .help = "healthy clients, the senders among them",
     .accepted = "a whole number from 2 to 1000000",
     .read = options_read_number,
     FIELD(clients),
     .range = {2, 1000000}},
    {.name = "senders",
     .argument = "N",
     .help = "how many of them send messages (10, or all if there are fewer)",
     .accepted = "a whole number from 1 to 100000",
     .read = options_read_number,
     FIELD(senders),
     .range = {1, 100000}},
    {.name = "rooms",
     .argument = "N",
     .fallback = "1",
     .help = "spread them over this many rooms, evenly; 1 is the lobby",
     .accepted = "a whole number from 1 to 9000",
     .read = options_read_number,
     FIELD(rooms),
     .range = {1, 9000},
     .fits = rooms_fit},
    {.name = "size",
     .argument = "BYTES",
     .fallback = "64",
     .help = "a message's text, without its newline",
     .accepted = "a size from 24 to 16384",
     .read = options_read_size,
     FIELD(size_bytes),
     .range = {24, 16384}},
    {.name = "duration",
     .argument = "DUR",
     .fallback = "10s",
     .help = "how long is measured",
     .accepted = "a duration of 100ms or more, such as 10s or 5m",
     .read = options_read_duration,
     FIELD(duration_ns),
     .range = {.least = 100 * 1000 * 1000}},
    {.name = "rate",
     .argument = "R",
     .fallback = "0",
     .help = "messages per second in all, on a fixed schedule; 0 = as fast as it goes",
     .accepted = "a whole number from 0 (as fast as it goes) to 10000000",
     .read = options_read_number,
     FIELD(rate),
     .range = {0, 10000000}},
    {.name = "burst",
     .argument = "N",
     .fallback = "1",
     .help = "send the scheduled messages N at a time",
     .accepted = "a whole number from 1 to 100000",
     .read = options_read_number,
     FIELD(burst),
     .range = {1, 100000},
     .fits = burst_fits},
    {.name = "spin",
     .help = "never sleep, so that waking chatload is not charged to the server; needs a CPU for "
             "itself",
     .read = options_read_flag,
     FIELD(spin)},
    {.name = "window",
     .argument = "N",
     .fallback = "8",
     .help = "messages in flight per sender if --rate is 0",
     .accepted = "a whole number from 1 to 100000",
     .read = options_read_number,
     FIELD(window),
     .range = {1, 100000}},
    {.name = "ramp",
     .argument = "DUR",
     .fallback = "0",
     .help = "spread the connecting over this time",
     .accepted = "a duration such as 250ms or 5s, or 0",
     .read = options_read_duration,
     FIELD(ramp_ns)},
    {.name = "stalled",
     .argument = "N",
     .fallback = "0",
     .help = "extra clients that stop reading",
     .accepted = "a whole number from 0 to 1000000",
     .read = options_read_number,
     FIELD(stalled),
     .range = {0, 1000000}},
    {.name = "churn",
     .argument = "N",
     .fallback = "0",
     .help = "extra clients that connect and leave all the time",
     .accepted = "a whole number from 0 to 10000",
     .read = options_read_number,
     FIELD(churn),
     .range = {0, 10000}},
    {.name = "proto",
     .argument = "WHAT",
     .fallback = "chatd",
     .help = "chatd | raw: a server that relays lines as they are",
     .accepted = "chatd or raw",
     .read = read_protocol},
    {.name = "spawn",
     .argument = "CMD",
     .help = "start this server on a free port (-l 127.0.0.1:0 is added), watch its CPU and "
             "memory, stop it after",
     .accepted = "a command",
     .read = options_read_text,
     FIELD(spawn)},
    {.name = "server-pid",
     .argument = "PID",
     .fallback = "0",
     .help = "watch the CPU and memory of this process; 0 = none",
     .accepted = "the number of a process, or 0",
     .read = options_read_number,
     FIELD(server_pid),
     .range = {0, 4194304}},
    {.name = "json",
     .argument = "FILE",
     .help = "write the report for machines; - is stdout",
     .accepted = "the name of a file, or - for stdout",
     .read = options_read_text,
     FIELD(json_path)},
    {.name = "html",
     .argument = "FILE",
     .help = "write the report for people, with plots; - is stdout",
     .accepted = "the name of a file, or - for stdout",
     .read = options_read_text,
     FIELD(html_path)},
    {.name = "fail-if",
     .argument = "LIMIT",
     .help =
         "status 1 if this is so, as in 'p99>50ms': > or < on lost, duplicated, reordered, p50, "
         "p90, p99, p999, max (us, ms, s), rate (deliveries per second); repeatable",
     .accepted = "> or < between " LIMIT_WORDS " and a time in us, ms or s",
     .read = read_limit},
    {.name = "version",
     .letter = 'V',
     .help = "print the version and exit",
     .answer = SETTINGS_VERSION},
    {.name = "help", .letter = 'h', .help = "print this and exit", .answer = SETTINGS_HELP},
};

static const struct option operand = {
    .argument = "address",
    .accepted = "HOST:PORT, [V6]:PORT or unix:PATH, with a host and a port from 1 to 65535",
    .read = read_target,
};

static const struct options command_line = {
    .program = "chatload",
    .usage = "usage: chatload [HOST:PORT] [options]      (" DEFAULT_TARGET ")",
    .note = "DUR is 250ms, 5s, 10m, 1h or a bare number of seconds. The status is 1 if a\n"
            "delivery was lost, duplicated or reordered or a --fail-if is so, 2 after a usage\n"
            "error, 130 after Ctrl-C.",
    .rows = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .operand = &operand,
};

static int refuse(char *problem, size_t size, const char *text)
{
    snprintf(problem, size, "chatload: %s", text);
    return -EINVAL;
}

/* Their default depends on the clients; so it is set here, and they are judged here. */
static int settle_senders(struct settings *settings, char *problem, size_t size)
{
    char accepted[OPTIONS_ACCEPTED_TEXT];
    uint32_t most = settings->clients < DEFAULT_SENDERS ? settings->clients : DEFAULT_SENDERS;
    if (!settings->senders)
        settings->senders = most;
    if (senders_fit(settings, accepted))
        return 0;
    snprintf(problem, size, "chatload: --senders: '%u' is not accepted: %s", settings->senders,
             accepted);
    return -EINVAL;
}

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

bool settings_use_stdout(const struct settings *settings)
{
    return is_stdout(settings->json_path) || is_stdout(settings->html_path);
}

int settings_parse(struct settings *settings, char **argv, char *problem, size_t size)
{
    *settings = (struct settings){0};
    int rc = options_parse(&command_line, settings, argv, problem, size);
    if (rc == 0)
        rc = settle_senders(settings, problem, size);
    if (rc != 0)
        return rc;
    if (settings->spawn && settings->address_name)
        return refuse(problem, size, "--spawn chooses the address itself: give one or the other");
    if (settings->spawn && settings->server_pid)
        return refuse(problem, size, "--spawn knows the process itself: leave --server-pid out");
    if (is_stdout(settings->json_path) && is_stdout(settings->html_path))
        return refuse(problem, size, "--json and --html: only one of them can go to stdout ('-')");
    if (!settings->spawn && !settings->address_name)
        (void)read_target(&operand, settings, DEFAULT_TARGET);
    return 0;
}

size_t settings_help(char *text, size_t size)
{
    return options_help(&command_line, text, size);
}
