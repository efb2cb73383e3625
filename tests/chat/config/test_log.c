#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/config/log.h"
#include "reactor/base/clock.h"
#include "tests/support/fake_door.h"

#define NOON_NS (1767355445 * NS_PER_SECOND) /* 2026-01-02 12:04:05 */
#define HEAD_BYTES (sizeof("2026-01-02 12:04:05 info  ") - 1)

static struct fake_door door;
static struct log chat_log;

static void open_log(void)
{
    fake_door_init(&door);
    door.realtime_ns = NOON_NS;
    log_init(&chat_log, &door.sys, 2, LOG_LEVEL_INFO);
}

TestSuite(log, .init = open_log);

/* What was written since the last call. */
static const char *written(void)
{
    static char text[FAKE_DOOR_WRITTEN_MAX + 1];

    memcpy(text, door.written, door.written_bytes);
    text[door.written_bytes] = '\0';
    door.written_bytes = 0;
    door.writes = 0;
    return text;
}

Test(log, a_line_is_the_time_the_level_and_the_text)
{
    log_write(&chat_log, LOG_LEVEL_INFO, "listening on %s:%d", "127.0.0.1", 7777);
    cr_assert_str_eq(written(), "2026-01-02 12:04:05 info  listening on 127.0.0.1:7777\n");
    log_write(&chat_log, LOG_LEVEL_ERROR, "out of %s", "memory");
    cr_assert_str_eq(written(), "2026-01-02 12:04:05 error out of memory\n");
    log_write(&chat_log, LOG_LEVEL_WARN, "%s", "");
    cr_assert_str_eq(written(), "2026-01-02 12:04:05 warn  \n");
}

Test(log, a_line_is_written_in_one_piece_without_allocating)
{
    door.fail_at = 1;
    door.fail_after = true;
    log_write(&chat_log, LOG_LEVEL_INFO, "hello");
    cr_assert_eq(door.writes, 1);
    cr_assert_eq(door.allocations, 0);
}

Test(log, each_level_includes_those_before_it)
{
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        chat_log.level = (enum log_level)level;
        for (int line = LOG_LEVEL_ERROR; line <= LOG_LEVEL_DEBUG; line++) {
            log_write(&chat_log, (enum log_level)line, "x");
            cr_assert_eq(door.writes, line <= level, "level %d, line %d", level, line);
            cr_assert_eq(log_enabled(&chat_log, (enum log_level)line), line <= level);
            (void)written();
        }
    }
}

Test(log, nothing_in_an_argument_can_forge_a_line_or_reach_a_terminal)
{
    log_write(&chat_log, LOG_LEVEL_INFO, "%s left",
              "ann\n2026-01-02 12:04:05 error forged\r\x1b[2J\x7f\xc2\x9b\xe2\x80\xae\xff");
    cr_assert_str_eq(written(), "2026-01-02 12:04:05 info  "
                                "ann2026-01-02 12:04:05 error forged\xef\xbf\xbd left\n");
}

Test(log, a_line_that_is_too_long_is_cut_at_a_character_and_marked)
{
    char text[2 * LOG_LINE_BYTES];

    for (size_t length = LOG_LINE_BYTES - 40; length < LOG_LINE_BYTES + 40; length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        log_write(&chat_log, LOG_LEVEL_INFO, "%s", text);
        const char *line = written();
        bool fits = HEAD_BYTES + length + 1 <= LOG_LINE_BYTES;
        cr_assert_eq(strlen(line), fits ? HEAD_BYTES + length + 1 : LOG_LINE_BYTES, "%zu", length);
        cr_assert_eq(strcmp(line + strlen(line) - 4, "...\n") == 0, !fits, "%zu", length);
    }
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        log_write(&chat_log, LOG_LEVEL_INFO, "%s", text);
        const char *line = written();
        size_t euros = strlen(line) - HEAD_BYTES - shift - strlen("...\n");
        cr_assert_eq(euros % 3, 0, "a character was cut in two");
        cr_assert_gt(strlen(line), LOG_LINE_BYTES - 3);
        cr_assert_leq(strlen(line), LOG_LINE_BYTES);
    }
}

Test(log, a_cut_is_marked_also_where_cleaning_made_the_rest_short)
{
    char text[2 * LOG_LINE_BYTES];

    memset(text, '\x01', sizeof(text));
    memcpy(text, "begin", 5);
    text[sizeof(text) - 1] = '\0';
    log_write(&chat_log, LOG_LEVEL_INFO, "%s", text);
    cr_assert_str_eq(written(), "2026-01-02 12:04:05 info  begin...\n");
}

Test(log, text_that_grows_when_cleaned_still_fits)
{
    char text[LOG_LINE_BYTES];

    memset(text, '\xff', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_write(&chat_log, LOG_LEVEL_INFO, "%s", text);
    const char *line = written();
    cr_assert_leq(strlen(line), LOG_LINE_BYTES);
    cr_assert_str_eq(line + strlen(line) - 7, "\xef\xbf\xbd...\n");
}

Test(log, a_reader_that_has_stopped_is_waited_for_once_and_then_told_what_it_missed)
{
    door.stopped = true;
    for (int i = 0; i < 3; i++)
        log_write(&chat_log, LOG_LEVEL_INFO, "nobody reads this");
    cr_assert_str_eq(written(), "");
    cr_assert_eq(door.waited_ns, 50 * NS_PER_MS);
    log_write(&chat_log, LOG_LEVEL_DEBUG, "nor is this wanted");
    door.stopped = false;
    log_write(&chat_log, LOG_LEVEL_INFO, "hello");
    cr_assert_str_eq(
        written(),
        "2026-01-02 12:04:05 warn  3 lines of the log are lost: the log was not read in time\n"
        "2026-01-02 12:04:05 info  hello\n");
    door.stopped = true;
    door.now_ns += NS_PER_SECOND;
    log_write(&chat_log, LOG_LEVEL_INFO, "it stops again");
    cr_assert_eq(door.waited_ns, 2 * 50 * NS_PER_MS, "and is waited for again");
}

/* Logs lines `pause_ns` apart for a minute to a reader that needs `reader_ns` for each, and checks
 * how long the log held the server in each second that ends with a line. */
static void expect_little_patience(int64_t reader_ns, int64_t pause_ns)
{
    enum { LINES_MAX = 1 << 16 };
    static struct {
        int64_t end_ns, waited_ns; /* in all, at the end of a line */
    } lines[LINES_MAX];
    size_t count = 0, first = 0;

    open_log();
    door.reader_ns = reader_ns;
    while (door.now_ns < 60 * NS_PER_SECOND && count < LINES_MAX) {
        log_write(&chat_log, LOG_LEVEL_INFO, "x");
        (void)written();
        lines[count].end_ns = door.now_ns;
        lines[count].waited_ns = door.waited_ns;
        while (lines[first].end_ns < door.now_ns - NS_PER_SECOND)
            first++;
        int64_t held_ns = door.waited_ns - lines[first].waited_ns;
        cr_assert_leq(held_ns, 100 * NS_PER_MS, "reader %lld, pause %lld: held for %lld ns",
                      (long long)reader_ns, (long long)pause_ns, (long long)held_ns);
        count++;
        door.now_ns += pause_ns;
    }
    cr_assert_gt(count, 100);
}

Test(log, in_no_second_is_the_server_held_for_more_than_100_ms)
{
    static const int64_t readers_ns[] = {NS_PER_MS, 7 * NS_PER_MS, 49 * NS_PER_MS, 60 * NS_PER_MS};
    static const int64_t pauses_ns[] = {NS_PER_MS, 10 * NS_PER_MS, 333 * NS_PER_MS};

    for (size_t i = 0; i < sizeof(readers_ns) / sizeof(*readers_ns); i++)
        for (size_t j = 0; j < sizeof(pauses_ns) / sizeof(*pauses_ns); j++)
            expect_little_patience(readers_ns[i], pauses_ns[j]);
}

Test(log, a_full_disk_loses_lines_and_the_log_says_how_many)
{
    door.write_most = 0;
    log_write(&chat_log, LOG_LEVEL_INFO, "lost");
    log_write(&chat_log, LOG_LEVEL_INFO, "lost");
    door.write_most = SIZE_MAX;
    log_write(&chat_log, LOG_LEVEL_INFO, "hello");
    cr_assert_str_eq(written(),
                     "2026-01-02 12:04:05 warn  2 lines of the log are lost: the log was "
                     "not read in time\n2026-01-02 12:04:05 info  hello\n");
}

Test(log, a_short_write_is_continued_and_a_failed_one_given_up)
{
    door.write_most = 7;
    log_write(&chat_log, LOG_LEVEL_INFO, "hello");
    cr_assert_str_eq(written(), "2026-01-02 12:04:05 info  hello\n");
    door.write_most = 0;
    log_write(&chat_log, LOG_LEVEL_INFO, "hello");
    cr_assert_eq(door.writes, 1);
    cr_assert_str_eq(written(), "");
}

Test(log, levels_have_names)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    static const char *const wrong[] = {"", "INFO", "inf", "info ", "warning", "4"};
    enum log_level level = LOG_LEVEL_ERROR;

    for (int i = 0; i < 4; i++) {
        cr_assert_eq(log_level_parse(names[i], &level), 0);
        cr_assert_eq((int)level, i);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(log_level_parse(wrong[i], &level), -EINVAL, "'%s'", wrong[i]);
    cr_assert_eq(level, LOG_LEVEL_DEBUG);
}
