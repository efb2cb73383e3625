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

/* Patience is a bucket: 50 ms when it is full, and a twentieth of the time that passes fills it. So
 * no second has more than 50 ms + 1 s / 20 of it. Less than the least is not worth a wait, because
 * an old kernel would round that up. */
#define PATIENCE_NS (50 * NS_PER_MS)
#define PATIENCE_SHARE 20
#define PATIENCE_LEAST_NS NS_PER_MS

void log_init(struct log *log, struct sys *sys, int fd, enum log_level level)
{
    log->sys = sys;
    log->fd = fd;
    log->level = level;
    log->lost = 0;
    log->patience_ns = PATIENCE_NS;
    log->earned_ns = sys->monotonic_ns(sys);
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

/* Writes all of it; false if the descriptor did not take it whole. */
static bool write_out(struct log *log, const char *line, size_t length)
{
    while (length > 0) {
        ssize_t written = log->sys->write(log->sys, log->fd, line, length);
        if (written <= 0)
            return false;
        line += written;
        length -= (size_t)written;
    }
    return true;
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

/* What of the patience is there at `now_ns`. */
static void earn_patience(struct log *log, int64_t now_ns)
{
    log->patience_ns += (now_ns - log->earned_ns) / PATIENCE_SHARE;
    if (log->patience_ns > PATIENCE_NS)
        log->patience_ns = PATIENCE_NS;
    log->earned_ns = now_ns;
}

/* The time that writing took, waiting included. A disk may take longer than there is patience. */
static void spend_patience(struct log *log)
{
    int64_t now_ns = log->sys->monotonic_ns(log->sys);
    log->patience_ns -= now_ns - log->earned_ns;
    if (log->patience_ns < -PATIENCE_NS)
        log->patience_ns = -PATIENCE_NS;
    log->earned_ns = now_ns;
}

/* Whether a line goes out without holding the server. A reader that has stopped is waited for
 * once. */
static bool is_taken(struct log *log)
{
    bool waits = !log->lost && log->patience_ns >= PATIENCE_LEAST_NS;
    return log->sys->takes(log->sys, log->fd, waits ? log->patience_ns : 0) != 0;
}

bool log_ready(const struct log *log)
{
    return log->sys->takes(log->sys, log->fd, 0) != 0;
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
    length += (size_t)snprintf(line + length, sizeof(line) - length,
                               "%" PRIu64 " %s of the log %s lost: the log was not read in time\n",
                               log->lost, log->lost == 1 ? "line" : "lines",
                               log->lost == 1 ? "is" : "are");
    if (write_out(log, line, length))
        log->lost = 0;
}

static void write_line(struct log *log, enum log_level level, const char *format, va_list arguments)
{
    char line[UNITS_UTC_TEXT + sizeof(" error ") + LOG_LINE_BYTES * TEXT_CLEAN_GROWTH];
    size_t head = write_head(log, level, line, sizeof(line));
    size_t length = compose(line + head, LOG_LINE_BYTES - 1 - head, format, arguments);
    line[head + length] = '\n';
    if (!write_out(log, line, head + length + 1))
        log->lost++;
}

void log_write(struct log *log, enum log_level level, const char *format, ...)
{
    va_list arguments;

    if (!log_enabled(log, level))
        return;
    earn_patience(log, log->sys->monotonic_ns(log->sys));
    if (is_taken(log)) {
        if (log->lost)
            tell_lost(log);
        va_start(arguments, format);
        write_line(log, level, format, arguments);
        va_end(arguments);
    } else {
        log->lost++;
    }
    spend_patience(log);
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
