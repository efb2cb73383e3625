/*
 * log: one line an event, for whoever runs the server.
 *
 *      2026-01-02 03:04:05 info  listening on 127.0.0.1:7777
 *
 * A line is the time in UTC, the level in five columns and a text, and is
 * always one line: what gets into it has gone through text_clean, so no name,
 * path or parting word can forge a second line or reach the operator's terminal
 * as an escape sequence. It is written at once, in one piece, without
 * allocating, so that the last words before a crash and those about running out
 * of memory are there to read.
 *
 * Its reader may be slow: a line waits for it, but in any second all lines
 * together hold the server for 100 ms at most. If the reader has stopped (a
 * pager, a terminal after Ctrl-S), lines are lost instead of the server stopped;
 * the next line that is taken is preceded by their number.
 */
#ifndef CHAT_CONFIG_LOG_H
#define CHAT_CONFIG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/sys.h"

/* The most bytes of a line with its newline; a longer one is cut and ends in "...". Whole lines of
 * up to PIPE_BUF (4096, pipe(7)) stay whole in a pipe that several processes write to. */
#define LOG_LINE_BYTES 1024

/* How much is said: each level includes those before it. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* One a server; owns nothing. */
struct log {
    struct sys *sys; /* for the wall's clock and for writing */
    int fd; /* where lines go; the caller's */
    enum log_level level; /* may be changed at any time */
    uint64_t lost; /* lines that were not taken, since the last that was */
    int64_t patience_ns; /* how long writing may take now */
    int64_t earned_ns; /* when patience_ns was last brought up to date */
};

/* Makes a log that writes what is at most `level` to `fd`, 2 for the standard error output. */
void log_init(struct log *log, struct sys *sys, int fd, enum log_level level);

/* True where a line of `level` would be written: for lines that are costly to compose. */
bool log_enabled(const struct log *log, enum log_level level);

/* True if a line would be written at once: for those who would rather wait than lose it. */
bool log_ready(const struct log *log);

/* Writes one line, unless the log's level leaves it out. What can't be written (a full disk) is
 * lost and counted. */
void log_write(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets `level` to the one called `name` (error, warn, info, debug); -EINVAL where none is. */
int log_level_parse(const char *name, enum log_level *level);

#endif
