/*
 * units: numbers, sizes, durations, rates and dates as people write them. Pure.
 *
 * Inside the server a duration is int64_t nanoseconds and a size is size_t
 * bytes. Only this module reads what people type, on the command line or in the
 * chat, and writes what they are shown.
 *
 *      rc = units_parse_duration("250ms", 5, &duration_ns);
 *      units_format_duration(duration_ns, text);             `250 ms`
 *
 * Reading takes text and length, so a word in the middle of a line needs no
 * copy. It is strict: no sign, no blank, no fraction (write `90m` for 1.5 h),
 * nothing left over, and a value that does not fit is refused. Writing knows no
 * locale and no time zone but UTC.
 *
 * Every units_parse_... returns 0; -EINVAL if the text does not have the form; or
 * -ERANGE if the value is too small or too large. Only 0 writes the result.
 */
#ifndef CHAT_TEXT_UNITS_H
#define CHAT_TEXT_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "chat/text/pace.h"

/* The values that are accepted, both ends included; `most` is below UINT64_MAX. */
struct units_range {
    uint64_t least;
    uint64_t most;
};

/* The largest rate and burst. Larger ones would limit nothing, and these keep arithmetic in
 * nanoseconds far from overflow. */
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
#define UNITS_UTC_TEXT 20

/* Writes a duration in its one or two largest units, rounded down: `850 us`, `250 ms`, `3 s`,
 * `2 min`, `1 h 5 min`, `3 d 4 h`. A negative one, or one under a microsecond, is `0 s`. */
void units_format_duration(int64_t duration_ns, char text[static UNITS_DURATION_TEXT]);

/* Writes an instant of the wall clock, also before 1970, as `YYYY-MM-DD hh:mm:ss` in UTC. */
void units_format_utc(int64_t realtime_ns, char text[static UNITS_UTC_TEXT]);

#endif
