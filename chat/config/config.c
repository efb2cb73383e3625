#include "chat/config/config.h"

#include <stdio.h>
#include <string.h>

#include "chat/text/text.h"
#include "chat/text/units.h"

/* Room, name and the rest of what stands around a line. */
#define LINE_OVERHEAD 128

/* No reader skips because of one line alone: a backlog holds this many of the longest. */
#define BACKLOG_LINES_MIN 4
#define BACKLOG_MAX (UINT64_C(1) << 30)

/* With fewer, a single busy room would use all of it up. */
#define MEMORY_BACKLOGS_MIN 4
#define MEMORY_MAX (UINT64_C(1) << 40)

static const char *read_listener(const struct option *option, void *target, const char *value)
{
    struct config *config = target;
    struct endpoint endpoint;

    if (endpoint_parse(value, &endpoint))
        return option->accepted;
    for (size_t i = 0; i < config->listener_count; i++)
        if (endpoint_same(&config->listeners[i], &endpoint))
            return "each address once";
    if (config->listener_count == CONFIG_LISTENERS_MAX)
        return "16 addresses at most";
    config->listeners[config->listener_count++] = endpoint;
    return NULL;
}

/* A name is sent to everybody, so it is one that cleaning would leave as it is. */
static const char *read_name(const struct option *option, void *target, const char *value)
{
    struct config *config = target;
    char clean[CONFIG_NAME_MAX * TEXT_CLEAN_GROWTH];
    const size_t length = strlen(value);

    if (length > CONFIG_NAME_MAX || !text_visible(value, length))
        return option->accepted;
    if (text_clean(clean, value, length) != length || memcmp(clean, value, length) != 0)
        return option->accepted;
    config->name = value;
    return NULL;
}

static const char *read_rate(const struct option *option, void *target, const char *value)
{
    struct config *config = target;

    return units_parse_rate(value, strlen(value), &config->rate) ? option->accepted : NULL;
}

/* A default is read like what is given, but it is the table's own text. */
static bool was_given(const struct option *option, const char *value)
{
    return value != option->fallback;
}

static const char *read_per_host(const struct option *option, void *target, const char *value)
{
    struct config *config = target;

    config->hosts.connections_were_given = was_given(option, value);
    return options_read_number(option, target, value);
}

static const char *read_connect_rate(const struct option *option, void *target, const char *value)
{
    struct config *config = target;

    config->hosts.rate_was_given = was_given(option, value);
    return units_parse_rate(value, strlen(value), &config->hosts.rate) ? option->accepted : NULL;
}

static const char *read_slow_policy(const struct option *option, void *target, const char *value)
{
    struct config *config = target;

    if (strcmp(value, "skip") == 0)
        config->slow_policy = CONFIG_SLOW_SKIP;
    else if (strcmp(value, "disconnect") == 0)
        config->slow_policy = CONFIG_SLOW_DISCONNECT;
    else
        return option->accepted;
    return NULL;
}

static const char *read_journal_sync(const struct option *option, void *target, const char *value)
{
    static const char *const names[] = {"always", "second", "off"};
    struct config *config = target;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(value, names[i]) == 0) {
            config->journal_sync = (enum config_journal_sync)i;
            return NULL;
        }
    }
    return option->accepted;
}

/* --check without a journal has nothing to verify. */
static bool check_fits(const void *target, char accepted[static OPTIONS_ACCEPTED_TEXT])
{
    const struct config *config = target;

    snprintf(accepted, OPTIONS_ACCEPTED_TEXT, "--journal FILE, the file to verify");
    return !config->check || config->journal;
}

/* What fits into a socket's address, unix(7). */
#define SOCKET_PATH_MAX 107

static const char *read_admin(const struct option *option, void *target, const char *value)
{
    struct config *config = target;

    if (!*value || strlen(value) > SOCKET_PATH_MAX)
        return option->accepted;
    config->admin = value;
    return NULL;
}

static const char *read_log_level(const struct option *option, void *target, const char *value)
{
    struct config *config = target;

    return log_level_parse(value, &config->log_level) ? option->accepted : NULL;
}

/* How long a line may be decides how small a backlog may be. */
static bool backlog_fits(const void *target, char accepted[static OPTIONS_ACCEPTED_TEXT])
{
    const struct config *config = target;
    const size_t least_bytes = BACKLOG_LINES_MIN * config_longest_line(config);

    snprintf(accepted, OPTIONS_ACCEPTED_TEXT,
             "a size from %zu, which is 4 x (max-line + 128) with --max-line %zu, to 1G",
             least_bytes, config->max_line_bytes);
    return config->backlog_bytes >= least_bytes;
}

static const char *read_memory(const struct option *option, void *target, const char *value)
{
    struct config *config = target;

    config->memory_was_given = was_given(option, value);
    return options_read_size(option, target, value);
}

/* A default that is too small for the backlog that was given is raised instead: config_parse. */
static bool memory_fits(const void *target, char accepted[static OPTIONS_ACCEPTED_TEXT])
{
    const struct config *config = target;
    const size_t least_bytes = MEMORY_BACKLOGS_MIN * config->backlog_bytes;

    snprintf(accepted, OPTIONS_ACCEPTED_TEXT,
             "0 (no limit), or a size from %zu (four backlogs) to 1024G", least_bytes);
    return !config->memory_was_given || config->memory_bytes == 0 ||
           config->memory_bytes >= least_bytes;
}

#define FIELD(member) .offset = offsetof(struct config, member)

static const struct option rows[] = {
    {.name = "listen",
     .letter = 'l',
     .argument = "ADDR",
     .fallback = "127.0.0.1:7777",
     .help = "HOST:PORT, [V6]:PORT, :PORT (every address, both families), unix:PATH; repeatable; "
             "port 0 picks a free one",
     .accepted = "HOST:PORT, [V6]:PORT, :PORT or unix:PATH, a port up to 65535, a path up to 107 "
                 "bytes",
     .read = read_listener},
    {.name = "name",
     .argument = "NAME",
     .fallback = "chatd",
     .help = "the server's name in its greeting",
     .accepted = "1 to 64 bytes of UTF-8 without control characters",
     .read = read_name},
    {.name = "motd",
     .argument = "FILE",
     .help = "text shown after the greeting; re-read on SIGHUP",
     .accepted = "the name of a file",
     .read = options_read_text,
     FIELD(motd)},
    {.name = "max-clients",
     .argument = "N",
     .fallback = "0",
     .help = "0 = as many as the descriptor limit allows",
     .accepted = "a whole number from 0 (as many as possible) to 1000000",
     .read = options_read_number,
     FIELD(max_clients),
     .range = {0, 1000000}},
    {.name = "max-per-host",
     .argument = "N",
     .fallback = "64",
     .help = "connections from one address (IPv6: one /64), 0 = no limit; unless given, the "
             "loopback is exempt",
     .accepted = "a whole number from 0 (no limit) to 1000000",
     .read = read_per_host,
     FIELD(hosts.connections),
     .range = {0, 1000000}},
    {.name = "connect-rate",
     .argument = "N[/BURST]",
     .fallback = "5/50",
     .help = "new connections per second from one address, and how many at once (without it 4 "
             "seconds' worth), 0 = no limit; unless given, the loopback is exempt",
     .accepted = "N from 1 to 1000000 with or without /BURST from 1 to 4000000, or 0 alone",
     .read = read_connect_rate},
    {.name = "max-line",
     .argument = "BYTES",
     .fallback = "2048",
     .help = "one line of input without its newline, 16 to 16384",
     .accepted = "a size from 16 to 16384",
     .read = options_read_size,
     FIELD(max_line_bytes),
     .range = {16, 16384}},
    {.name = "rate",
     .argument = "LINES[/BURST]",
     .fallback = "10/40",
     .help = "a client's lines per second, and how many at once (without it 4 seconds' worth); "
             "0 = no limit",
     .accepted = "LINES from 1 to 1000000 with or without /BURST from 1 to 4000000, or 0 alone",
     .read = read_rate},
    {.name = "idle-timeout",
     .argument = "DUR",
     .fallback = "0",
     .help = "silence after which a client is let go; 0 = never",
     .accepted = "a duration such as 250ms, 5s, 10m or 1h, or 0 for never",
     .read = options_read_duration,
     FIELD(idle_timeout_ns)},
    {.name = "backlog",
     .argument = "SIZE",
     .fallback = "1M",
     .help = "how far a reader may fall behind its room, at least 4 x (max-line + 128)",
     .accepted = "a size such as 64K or 1M, 1G at most",
     .read = options_read_size,
     FIELD(backlog_bytes),
     .range = {1, BACKLOG_MAX},
     .fits = backlog_fits},
    {.name = "slow-policy",
     .argument = "WHAT",
     .fallback = "skip",
     .help = "skip | disconnect, once behind the backlog",
     .accepted = "skip or disconnect",
     .read = read_slow_policy},
    {.name = "history",
     .argument = "N",
     .fallback = "100",
     .help = "lines a room remembers, 100000 at most",
     .accepted = "a whole number from 0 to 100000",
     .read = options_read_number,
     FIELD(history_lines),
     .range = {0, CONFIG_HISTORY_MAX}},
    {.name = "memory",
     .argument = "SIZE",
     .fallback = "256M",
     .help = "what rooms, histories, queues and backlogs may take together, at least four "
             "backlogs; 0 = no limit",
     .accepted = "a size such as 64M or 1G, 1024G at most, or 0 for no limit",
     .read = read_memory,
     FIELD(memory_bytes),
     .range = {0, MEMORY_MAX},
     .fits = memory_fits},
    {.name = "journal",
     .argument = "FILE",
     .help = "keep history across restarts and crashes",
     .accepted = "the name of a file",
     .read = options_read_text,
     FIELD(journal)},
    {.name = "journal-sync",
     .argument = "WHEN",
     .fallback = "second",
     .help = "always | second | off",
     .accepted = "always, second or off",
     .read = read_journal_sync},
    {.name = "check",
     .help = "with --journal: verify the file, report, exit 0 or 1",
     .read = options_read_flag,
     FIELD(check),
     .fits = check_fits},
    {.name = "admin",
     .argument = "PATH",
     .help = "unix socket for the operator",
     .accepted = "the path of a socket, up to 107 bytes",
     .read = read_admin},
    {.name = "grace",
     .argument = "DUR",
     .fallback = "5s",
     .help = "how long a graceful shutdown may take",
     .accepted = "a duration such as 250ms, 5s or 1m, or 0 for none",
     .read = options_read_duration,
     FIELD(grace_ns)},
    {.name = "debug",
     .help = "reactor debug mode; also REACTOR_DEBUG=1",
     .read = options_read_flag,
     FIELD(debug)},
    {.name = "slow-callback",
     .argument = "DUR",
     .fallback = "100ms",
     .help = "what counts as a slow callback",
     .accepted = "a duration of 1ms or more such as 250ms or 5s",
     .read = options_read_duration,
     FIELD(slow_callback_ns),
     .range = {.least = 1}},
    {.name = "log-level",
     .argument = "LEVEL",
     .fallback = "info",
     .help = "error | warn | info | debug",
     .accepted = "error, warn, info or debug",
     .read = read_log_level},
    {.name = "version",
     .letter = 'V',
     .help = "print the version and exit",
     .answer = CONFIG_VERSION},
    {.name = "help", .letter = 'h', .help = "print this and exit", .answer = CONFIG_HELP},
};

static const struct options command_line = {
    .program = "chatd",
    .usage = "usage: chatd [-l ADDR]... [options]",
    .note = "DUR is 250ms, 5s, 10m, 1h or a bare number of seconds; SIZE is 4096, 64K, 1M.",
    .rows = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
};

int config_parse(struct config *config, char **argv, char *problem, size_t size)
{
    *config = (struct config){0};
    int rc = options_parse(&command_line, config, argv, problem, size);
    if (rc == 0 && !config->memory_was_given &&
        config->memory_bytes < MEMORY_BACKLOGS_MIN * config->backlog_bytes)
        config->memory_bytes = MEMORY_BACKLOGS_MIN * config->backlog_bytes;
    return rc;
}

size_t config_help(char *text, size_t size)
{
    return options_help(&command_line, text, size);
}

size_t config_longest_line(const struct config *config)
{
    return config->max_line_bytes + LINE_OVERHEAD;
}
