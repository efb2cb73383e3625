/*
 * config: what chatd's command line says.
 *
 * The options stand in one table in config.c, in the order of --help; options.h
 * tells how they are written. The last one counts where an option is repeated,
 * but each --listen counts. Nothing is printed and nothing ends the process:
 * that is main's. REACTOR_DEBUG in the environment is the reactor's to read.
 */
#ifndef CHAT_CONFIG_CONFIG_H
#define CHAT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chat/config/endpoint.h"
#include "chat/config/log.h"
#include "chat/config/options.h"
#include "chat/text/pace.h"

/* More addresses than anybody has listened on, few enough to keep them in the struct. */
#define CONFIG_LISTENERS_MAX 16

/* Bytes of a server's name: the greeting it stands in should be one line on a screen. */
#define CONFIG_NAME_MAX 64

/* The most lines that a room may be told to remember: beyond, a file would be the place. */
#define CONFIG_HISTORY_MAX 100000

/* What config_parse answers when the command line asks for a text instead of a server. */
enum config_answer { CONFIG_HELP = 1, CONFIG_VERSION = 2 };

/* When a pong is sent: once what it confirms is on the disk, or once it is in the file; and whether
 * that is synced once per second. */
enum config_journal_sync { CONFIG_SYNC_ALWAYS, CONFIG_SYNC_SECOND, CONFIG_SYNC_OFF };

enum config_slow_policy { CONFIG_SLOW_SKIP, CONFIG_SLOW_DISCONNECT };

/* What one address may take. A limit that was not given does not hold for the loopback. */
struct config_hosts {
    uint32_t connections; /* --max-per-host: open ones; 0: no limit */
    struct pace_limit rate; /* --connect-rate: new ones; its rate 0: no limit */
    bool connections_were_given;
    bool rate_was_given;
};

/* All strings, also in the endpoints, are the table's or point into argv. */
struct config {
    size_t listener_count; /* 1 or more, of `listeners` */
    const char *name;
    const char *motd; /* a file; NULL: none */
    size_t max_line_bytes;
    int64_t idle_timeout_ns; /* 0: never */
    size_t backlog_bytes;
    size_t memory_bytes; /* 0: no limit */
    const char *journal; /* a file; NULL: none */
    const char *admin; /* the path of the operator's socket; NULL: none */
    int64_t grace_ns; /* 0: what is left is cut at once */
    int64_t slow_callback_ns;
    struct endpoint listeners[CONFIG_LISTENERS_MAX];
    uint32_t max_clients; /* 0: as many as the descriptor limit allows */
    enum config_slow_policy slow_policy;
    uint32_t history_lines;
    enum config_journal_sync journal_sync;
    enum log_level log_level;
    struct pace_limit rate; /* its rate 0: no limit */
    struct config_hosts hosts;
    bool memory_was_given;
    bool check; /* verify the journal instead of serving */
    bool debug;
};

/* Room for every problem config_parse can name, and for the help; what has less is cut. */
#define CONFIG_PROBLEM_TEXT OPTIONS_PROBLEM_TEXT
#define CONFIG_HELP_TEXT 4096

/* Reads `argv`, which begins with the program's name and ends with a NULL. Returns 0; CONFIG_HELP
 * or CONFIG_VERSION, as soon as either is met; or -EINVAL, and then `problem` is the line for the
 * standard error output, without its newline: `chatd: `, the option, the value and what would be
 * accepted; otherwise it is empty. `config` is complete only after 0. */
int config_parse(struct config *config, char **argv, char *problem, size_t size);

/* Writes the help, lines of at most 80 columns, and returns its length without the closing NUL. */
size_t config_help(char *text, size_t size);

/* The longest line that anybody is sent, in bytes: --max-line, with who says it and where. */
size_t config_longest_line(const struct config *config);

#endif
