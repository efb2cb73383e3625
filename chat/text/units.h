/*
 * units: how people write numbers, sizes, durations, rates and dates. Pure.
 *
 * Inside the server a duration is int64_t nanoseconds and a size is size_t
 * bytes; what is typed on a command line or in a chat is read here, and what
 * people are shown is written here, and nowhere else. Reading takes text and
 * length (a word in the middle of a line needs no copy) and is strict: no sign,
 * no blank, no fraction (`1.5h` is `90m`), nothing left over, never a value cut
 * down to what fits. Writing knows no locale and no time zone but UTC.
 *
 * Every units_parse_... returns 0, -EINVAL where the text has not the form, or
 * -ERANGE where it has and the value is too small or too large; the result is
 * written in the first case only.
 */
#ifndef CHAT_TEXT_UNITS_H
#define CHAT_TEXT_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "chat/text/pace.h"

/* The values that will do, both ends included; `most` is below UINT64_MAX. */
struct units_range {
    uint64_t least;
    uint64_t most;
};

/* Beyond these a limit is none; they keep arithmetic in nanoseconds far from overflow. */
#define UNITS_RATE_LINES_MAX 1000000
#define UNITS_RATE_BURST_MAX 4000000

/* A rate given without its burst allows as many seconds' worth at once: `10` is `10/40`. */
#define UNITS_RATE_BURST_SECONDS 4

/* Reads a whole number in decimal digits. */
int units_parse_number(const char *text, size_t length, const struct units_range *range,
                       uint64_t *number);

/* Reads a SIZE: `4096`, `64K`, `1M`, `1G` in powers of 1024, the letter in either case. */
int units_parse_size(const char *text, size_t length, const struct units_range *range,
                     size_t *size_bytes);

/* Reads a DUR: `250ms`, `5s`, `10m`, `1h`, or a bare number of seconds; less than TIME_NEVER. */
int units_parse_duration(const char *text, size_t length, int64_t *duration_ns);

/* Reads a RATE: LINES or LINES/BURST, each at least 1; or `0` alone, for no limit. */
int units_parse_rate(const char *text, size_t length, struct pace_limit *limit);

/* Room for whatever the functions below write, with its end. */
#define UNITS_DURATION_TEXT 32
#define UNITS_SIZE_TEXT 24
#define UNITS_UTC_TEXT 20

/* Writes a duration for people, in its one or two largest units, rounded down: `850 us`, `250 ms`,
 * `3 s`, `2 min`, `1 h 5 min`, `3 d 4 h`. What is negative or under a microsecond is `0 s`. */
void units_format_duration(int64_t duration_ns, char text[static UNITS_DURATION_TEXT]);

/* Writes a size so that units_parse_size reads the same again: `1M`, `64K`, `1500`. */
void units_format_size(size_t size_bytes, char text[static UNITS_SIZE_TEXT]);

/* Writes an instant of the wall's clock, before 1970 too, as `YYYY-MM-DD hh:mm:ss` in UTC. */
void units_format_utc(int64_t realtime_ns, char text[static UNITS_UTC_TEXT]);

#endif
