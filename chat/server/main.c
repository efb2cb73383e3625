/*
 * main: from the command line to the exit status.
 *
 * Ready is told on stdout, everything else in the log on stderr. A command line
 * that isn't accepted is one line and status 2, a start that fails one line and
 * status 1; a graceful end is status 0.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chat/server/server.h"

#define VERSION "0.1.0"

enum status { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* Returns 0, or -errno where not all of it could be written. */
static int put(struct sys *sys, int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t sent = sys->write(sys, fd, text, length);
        if (sent < 0)
            return (int)sent;
        text += sent;
        length -= (size_t)sent;
    }
    return 0;
}

/* In one piece, as one line. */
static void put_problem(struct sys *sys, const char *prefix, const char *problem)
{
    char line[SERVER_PROBLEM_TEXT + 32];
    int length = snprintf(line, sizeof(line), "%s%s\n", prefix, problem);
    for (int i = 0; i < length - 1; i++) /* a path may hold a newline */
        if ((unsigned char)line[i] < ' ')
            line[i] = '?';
    (void)put(sys, STDERR_FILENO, line, (size_t)length); /* the exit status says it too */
}

static void put_failed_start(struct sys *sys, const char *cause)
{
    put_problem(sys, "chatd: ", cause);
}

/* Where that can't be told, the log says so, and the server serves all the same. */
static void tell_ready(struct server *server, struct log *log)
{
    struct sys *sys = server->chat.loop->sys;
    char line[SYS_ADDRESS_TEXT + 32];
    int rc = 0;
    for (size_t i = 0; i < server->listener_count && rc == 0; i++) {
        int length = snprintf(line, sizeof(line), "listening on %s\n", server->doors[i].name);
        rc = put(sys, STDOUT_FILENO, line, (size_t)length);
    }
    if (rc == 0)
        rc = put(sys, STDOUT_FILENO, "ready\n", strlen("ready\n"));
    if (rc < 0)
        log_write(log, LOG_LEVEL_WARN, "can't tell on stdout that it is ready: %s", strerror(-rc));
}

static void log_refused_options(const struct server *server, struct log *log)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        const struct chat_listener *door = &server->doors[i];
        if (*door->listener.refused_options)
            log_write(log, LOG_LEVEL_WARN, "%s: the kernel refuses %s; going on without",
                      door->name, door->listener.refused_options);
    }
}

static void log_start(const struct server *server, struct log *log)
{
    const struct config *config = server->chat.config;
    int most = server->places;
    if (server->without_ipv6)
        log_write(log, LOG_LEVEL_WARN, "no IPv6 here: listening on IPv4 alone");
    log_refused_options(server, log);
    if (*server->journal_notes)
        log_write(log, LOG_LEVEL_WARN, "journal %s: %s", config->journal, server->journal_notes);
    if (config->max_clients > 0 && (int)config->max_clients < most)
        most = (int)config->max_clients;
    log_write(log, LOG_LEVEL_INFO, "%s %s: %d descriptors, at most %d %s", config->name, VERSION,
              server->descriptor_limit, most, most == 1 ? "client" : "clients");
    if ((int)config->max_clients > most)
        log_write(log, LOG_LEVEL_WARN, "--max-clients %u is more than the descriptor limit allows",
                  config->max_clients);
}

static int run(struct loop *loop, const struct config *config)
{
    static struct server server; /* too large for a stack, and there is one */
    struct problem problem;
    struct log log;
    log_init(&log, loop->sys, STDERR_FILENO, config->log_level);
    if (server_open(&server, loop, config, &log, &problem) < 0) {
        put_failed_start(loop->sys, problem.text);
        return STATUS_FAILED;
    }
    log_start(&server, &log);
    tell_ready(&server, &log);
    int rc = server_run(&server);
    if (rc < 0) {
        log_write(&log, LOG_LEVEL_ERROR, "the loop failed: %s", strerror(-rc));
        return STATUS_FAILED; /* the kernel clears up: nothing here can be waited for any more */
    }
    server_close(&server);
    return STATUS_OK;
}

/* --check: what is in the journal, and whether all of it is good. */
static int check_journal(struct sys *sys, const struct config *config)
{
    char report[JOURNAL_NOTES_TEXT + 1];
    bool good = journal_check(sys, config->journal, report);
    size_t length = strlen(report);
    report[length++] = '\n';
    int rc = put(sys, STDOUT_FILENO, report, length);
    return good && rc == 0 ? STATUS_OK : STATUS_FAILED;
}

static int start(const struct config *config)
{
    struct sys *sys = sys_kernel();
    struct loop loop;
    int rc = loop_init(&loop, sys);
    if (rc < 0) {
        put_failed_start(sys, strerror(-rc));
        return STATUS_FAILED;
    }
    int status = run(&loop, config);
    if (loop.descriptor_count == 0)
        loop_release(&loop);
    return status;
}

/* A standard descriptor that is closed would become the next socket's, into which the log is then
 * written. So it is kept taken, by something that can't be written to. */
static void hold_standard_descriptors(struct sys *sys)
{
    int fd;
    do
        fd = sys->open_read(sys, "/dev/null");
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)sys->close(sys, fd); /* it was the first behind them */
}

/* A text that was asked for. */
static int print(struct sys *sys, const char *text, size_t length)
{
    int rc = put(sys, STDOUT_FILENO, text, length);
    if (rc == 0)
        return STATUS_OK;
    put_failed_start(sys, strerror(-rc));
    return STATUS_FAILED;
}

int main(int argc, char **argv)
{
    struct sys *sys = sys_kernel();
    struct config config;
    char problem[CONFIG_PROBLEM_TEXT];
    char help[CONFIG_HELP_TEXT];
    (void)argc; /* argv ends with a NULL */
    hold_standard_descriptors(sys);
    switch (config_parse(&config, argv, problem, sizeof(problem))) {
    case 0:
        return config.check ? check_journal(sys, &config) : start(&config);
    case CONFIG_HELP:
        return print(sys, help, config_help(help, sizeof(help)));
    case CONFIG_VERSION:
        return print(sys, "chatd " VERSION "\n", strlen("chatd " VERSION "\n"));
    default:
        put_problem(sys, "", problem); /* it begins with `chatd: ` */
        return STATUS_USAGE;
    }
}
