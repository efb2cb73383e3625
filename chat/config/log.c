#include "chat/config/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chat/text/text.h"
#include "chat/text/units.h"
#include "reactor/base/clock.h"

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

#define LEVEL_COUNT (sizeof(level_names) / sizeof(level_names[0]))

static const char ellipsis[] = "...";

/* How long a line waits for a slow reader. */
#define LOG_PATIENCE_NS (NS_PER_SECOND / 10)

void log_init(struct log *log, struct sys *sys, int fd, enum log_level level)
{
    log->sys = sys;
    log->fd = fd;
    log->level = level;
    log->lost = 0;
}

bool log_enabled(const struct log *log, enum log_level level)
{
    return level <= log->level;
}

/* Replaces the end of `text` by an ellipsis, at a whole character, so that it takes `limit` bytes
 * at most; returns what it takes. */
static size_t cut(size_t limit, char *text, size_t length)
{
    size_t kept = text_cut(text, length, limit - strlen(ellipsis));
    memcpy(text + kept, ellipsis, strlen(ellipsis));
    return kept + strlen(ellipsis);
}

/* Writes all of it, as far as the descriptor goes along. */
static void write_out(struct log *log, const char *line, size_t length)
{
    while (length > 0) {
        ssize_t written = log->sys->write(log->sys, log->fd, line, length);
        if (written <= 0)
            return;
        line += written;
        length -= (size_t)written;
    }
}

/* Composes a text of at most `limit` bytes and returns its length. `text` has room for what
 * cleaning makes of LOG_LINE_BYTES. */
static size_t compose(char *text, size_t limit, const char *format, va_list arguments)
{
    char raw[LOG_LINE_BYTES];
    int wanted = vsnprintf(raw, sizeof(raw), format, arguments);

    if (wanted < 0)
        return 0;
    size_t length = text_clean(text, raw, strlen(raw));
    if ((size_t)wanted < sizeof(raw) && length <= limit)
        return length;
    return cut(limit, text, length);
}

/* Whether the line goes out without stopping the server. A reader that has stopped is waited for
 * once. */
static bool is_taken(struct log *log)
{
    struct sys *sys = log->sys;
    return sys->takes(sys, log->fd, log->lost ? 0 : LOG_PATIENCE_NS) != 0;
}

/* The time and the level, as every line begins. */
static size_t write_head(const struct log *log, enum log_level level, char *line, size_t size)
{
    units_format_utc(log->sys->realtime_ns(log->sys), line);
    size_t head = strlen(line);
    return head + (size_t)snprintf(line + head, size - head, " %-5s ", level_names[level]);
}

static void tell_lost(struct log *log)
{
    char line[128];
    size_t length = write_head(log, LOG_LEVEL_WARN, line, sizeof(line));
    length +=
        (size_t)snprintf(line + length, sizeof(line) - length,
                         "%" PRIu64 " lines of the log are lost: nobody read it\n", log->lost);
    log->lost = 0;
    write_out(log, line, length);
}

void log_write(struct log *log, enum log_level level, const char *format, ...)
{
    char line[UNITS_UTC_TEXT + sizeof(" error ") + LOG_LINE_BYTES * TEXT_CLEAN_GROWTH];
    va_list arguments;

    if (!log_enabled(log, level))
        return;
    if (!is_taken(log)) {
        log->lost++;
        return;
    }
    if (log->lost)
        tell_lost(log);
    size_t head = write_head(log, level, line, sizeof(line));
    va_start(arguments, format);
    size_t length = compose(line + head, LOG_LINE_BYTES - 1 - head, format, arguments);
    va_end(arguments);
    line[head + length] = '\n';
    write_out(log, line, head + length + 1);
}

int log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    return -EINVAL;
}
