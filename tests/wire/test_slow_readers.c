/* Readers that stop reading. The witness of each test reads everything and sees the room's whole
 * truth; what a stalled reader was shown must be that, less its own and the ignored lines, with
 * nothing missing but what its gap lines count, exactly where they stand. */
#include "tests/support/busy_room.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP_TEXT " skipped: your connection is slow (/history shows the latest)"
#define START "this is where it starts"

/* From here on everything that is said in the room is compared. */
static void start_counting(struct busy_room *busy, const char *room)
{
    crowd_sendf(busy->crowd, ANN, "/join %s\n" START "\n", room);
    crowd_await(busy->crowd, WITNESS, 1, START);
    crowd_await(busy->crowd, BOB, busy->crowd->count - BOB, START);
}

static bool begins(const char *line, const char *prefix)
{
    return strncmp(line, prefix, strlen(prefix)) == 0;
}

/* What the room showed one reader: the witness's lines of the room but those of one name. */
struct truth {
    struct crowd_lines lines;
    const char *room;
    const char *hidden; /* whose speech this reader is not shown; NULL: nobody's */
    const char *until; /* hidden only up to the line that contains this; NULL: to the end */
    size_t at;
};

static bool is_hidden(const struct truth *truth, const char *line)
{
    char speech[64], emote[64];
    if (!truth->hidden)
        return false;
    (void)snprintf(speech, sizeof(speech), "%s <%s> ", truth->room, truth->hidden);
    (void)snprintf(emote, sizeof(emote), "%s * %s ", truth->room, truth->hidden);
    return begins(line, speech) || begins(line, emote);
}

/* The next line of the room that this reader is to be shown, or NULL. */
static const char *next_truth(struct truth *truth)
{
    char prefix[64];
    (void)snprintf(prefix, sizeof(prefix), "%s ", truth->room);
    while (truth->at < truth->lines.count) {
        const char *line = truth->lines.line[truth->at++];
        if (truth->until && strstr(line, truth->until))
            truth->hidden = NULL;
        if (begins(line, prefix) && !is_hidden(truth, line))
            return line;
    }
    return NULL;
}

/* The N of a gap line of `room`, which must be as the contract has it; 0: another line. */
static size_t gap_count(const char *line, const char *room)
{
    char expected[128];
    char *end;
    size_t count = begins(line, "* ") ? strtoul(line + 2, &end, 10) : 0;
    (void)snprintf(expected, sizeof(expected), "* %zu lines of %s" GAP_TEXT, count, room);
    return count > 0 && strcmp(line, expected) == 0 ? count : 0;
}

/* Follows what `who` received of the room beside the truth; returns how many lines it was told it
 * missed. */
static size_t follow(const struct busy_room *busy, size_t who, struct truth truth)
{
    struct crowd_lines seen = crowd_lines(busy->crowd, who, START);
    char prefix[64];
    size_t missed = 0;
    (void)snprintf(prefix, sizeof(prefix), "%s ", truth.room);
    truth.lines = crowd_lines(busy->crowd, WITNESS, START);
    for (size_t i = 0; i < seen.count; i++) {
        size_t gap = gap_count(seen.line[i], truth.room);
        missed += gap;
        while (gap-- > 0)
            cr_assert_not_null(next_truth(&truth), "member %zu missed fewer than: %s", who,
                               seen.line[i]);
        if (begins(seen.line[i], prefix))
            cr_assert_str_eq(seen.line[i], next_truth(&truth), "member %zu, line %zu", who, i);
    }
    cr_assert_null(next_truth(&truth), "member %zu was not shown the last lines", who);
    crowd_lines_free(&truth.lines);
    crowd_lines_free(&seen);
    return missed;
}

Test(slow_readers, each_of_a_hundred_is_told_exactly_how_many_lines_it_missed)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "64K"), 100);
    start_counting(&busy, "#room");
    busy_room_pause(&busy);
    busy_room_talk(&busy, ANN, 3000, 100);
    busy_room_resume(&busy);
    busy_room_talk(&busy, BOB, 100, 100);
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    for (size_t who = FIRST_STALLED; who < busy.crowd->count; who++) {
        size_t missed = follow(&busy, who, (struct truth){.room = "#room"});
        cr_assert_gt(missed, 0, "member %zu missed nothing: too little was said", who);
        cr_assert_eq(crowd_count(busy.crowd, who, GAP_TEXT), 1, "one gap, one line");
    }
    busy_room_end(&busy);
}

Test(slow_readers, who_stalls_again_is_told_of_each_gap_in_its_place)
{
    struct busy_room busy =
        busy_room_start(server_start("--backlog", "32K", "--max-line", "512"), 3);
    start_counting(&busy, "#room");
    for (int round = 0; round < 3; round++) {
        busy_room_pause(&busy);
        busy_room_talk(&busy, ANN, 1500, 150);
        busy_room_resume(&busy);
        busy_room_talk(&busy, BOB, 10, 50);
    }
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    for (size_t who = FIRST_STALLED; who < busy.crowd->count; who++) {
        follow(&busy, who, (struct truth){.room = "#room"});
        cr_assert_eq(crowd_count(busy.crowd, who, GAP_TEXT), 3, "three gaps, three lines");
    }
    busy_room_end(&busy);
}

/* How many lines of `room` were shown or told of before the first line that contains `text`. */
static size_t accounted_before(const struct crowd_lines *lines, const char *room, const char *text)
{
    char prefix[64];
    size_t count = 0;
    size_t at = 0;
    (void)snprintf(prefix, sizeof(prefix), "%s ", room);
    for (; at < lines->count && !strstr(lines->line[at], text); at++)
        count += begins(lines->line[at], prefix) + gap_count(lines->line[at], room);
    cr_assert_lt(at, lines->count, "no line has: %s", text);
    return count;
}

Test(slow_readers, pongs_that_fall_into_a_gap_follow_its_one_notice)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "64K"), 1);
    start_counting(&busy, "#room");
    busy_room_pause(&busy);
    for (int part = 0; part < 4; part++) {
        busy_room_talk(&busy, ANN, 1500, 100);
        char own[32];
        (void)snprintf(own, sizeof(own), "here at part%d", part);
        crowd_sendf(busy.crowd, FIRST_STALLED, "/ping part%d\n%s\n", part, own);
        crowd_await(busy.crowd, WITNESS, 1, own);
    }
    busy_room_talk(&busy, ANN, 1500, 100);
    busy_room_resume(&busy);
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    cr_assert_eq(crowd_count(busy.crowd, FIRST_STALLED, GAP_TEXT), 1, "one gap, one line");
    follow(&busy, FIRST_STALLED, (struct truth){.room = "#room", .hidden = "sam0"});
    struct crowd_lines seen = crowd_lines(busy.crowd, FIRST_STALLED, START);
    struct crowd_lines truth = crowd_lines(busy.crowd, WITNESS, START);
    for (int part = 0; part < 4; part++) {
        char pong[32], own[32];
        (void)snprintf(pong, sizeof(pong), "* pong part%d", part);
        (void)snprintf(own, sizeof(own), "here at part%d", part);
        /* Its own lines were shown to the witness alone. */
        cr_assert_geq(accounted_before(&seen, "#room", pong) + (size_t)part,
                      accounted_before(&truth, "#room", own), "part %d", part);
    }
    crowd_lines_free(&truth);
    crowd_lines_free(&seen);
    busy_room_end(&busy);
}

Test(slow_readers, the_own_lines_of_one_who_talks_without_reading_are_not_counted)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "64K"), 2);
    start_counting(&busy, "#room");
    busy_room_pause(&busy);
    for (int i = 0; i < 40; i++) {
        busy_room_talk(&busy, FIRST_STALLED, 30, 100); /* is heard by all though it reads nothing */
        busy_room_talk(&busy, ANN, 70, 100);
        crowd_sendf(busy.crowd, FIRST_STALLED, "/me nods %d times\n", i);
    }
    busy_room_resume(&busy);
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    size_t missed_by_talker =
        follow(&busy, FIRST_STALLED, (struct truth){.room = "#room", .hidden = "sam0"});
    size_t missed = follow(&busy, FIRST_STALLED + 1, (struct truth){.room = "#room"});
    cr_assert(missed_by_talker > 0 && missed > missed_by_talker, "missed %zu and %zu",
              missed_by_talker, missed);
    busy_room_end(&busy);
}

Test(slow_readers, the_lines_of_ignored_people_are_not_counted)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "64K"), 2);
    crowd_send(busy.crowd, FIRST_STALLED, "/ignore bob\n");
    crowd_barrier(busy.crowd, FIRST_STALLED, 1);
    start_counting(&busy, "#room");
    busy_room_pause(&busy);
    for (int i = 0; i < 40; i++) {
        busy_room_talk(&busy, ANN, 50, 200);
        busy_room_talk(&busy, BOB, 50, 200);
    }
    busy_room_resume(&busy);
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    size_t missed_by_ignorer =
        follow(&busy, FIRST_STALLED, (struct truth){.room = "#room", .hidden = "bob"});
    size_t missed = follow(&busy, FIRST_STALLED + 1, (struct truth){.room = "#room"});
    cr_assert(missed_by_ignorer > 0 && missed > missed_by_ignorer, "missed %zu and %zu",
              missed_by_ignorer, missed);
    busy_room_end(&busy);
}

Test(slow_readers, who_stops_ignoring_counts_from_there_on)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "256K"), 1);
    size_t sam = FIRST_STALLED;
    crowd_send(busy.crowd, sam, "/ignore bob\n");
    crowd_barrier(busy.crowd, sam, 1);
    start_counting(&busy, "#room");
    busy_room_pause(&busy);
    busy_room_talk(&busy, ANN, 1500, 200);
    busy_room_talk(&busy, BOB, 200, 200);
    crowd_send(busy.crowd, sam, "/unignore bob\n/join #lobby\nI hear bob again\n");
    crowd_await(busy.crowd, WITNESS, 1, "I hear bob again");
    crowd_send(busy.crowd, ANN, "bob may speak\n");
    crowd_await(busy.crowd, WITNESS, 1, "bob may speak");
    busy_room_talk(&busy, BOB, 200, 200);
    busy_room_talk(&busy, ANN, 3000, 200);
    busy_room_resume(&busy);
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    size_t missed = follow(
        &busy, sam, (struct truth){.room = "#room", .hidden = "bob", .until = "bob may speak"});
    cr_assert_gt(missed, 0, "nothing was missed: too little was said");
    busy_room_end(&busy);
}

Test(slow_readers, events_are_counted)
{
    struct busy_room busy =
        busy_room_start(server_start("--backlog", "32K", "--max-line", "512"), 2);
    start_counting(&busy, "#room");
    busy_room_pause(&busy);
    for (int i = 0; i < 60; i++) {
        busy_room_talk(&busy, ANN, 20, 150);
        crowd_sendf(busy.crowd, BOB, "/topic number %d\n/nick bob%d\n", i, i);
        if (i % 10 == 9)
            crowd_send(busy.crowd, BOB, "/join #lobby\n/leave #room\n/join #room\n");
        crowd_barrier(busy.crowd, BOB, 1);
    }
    busy_room_resume(&busy);
    crowd_send(busy.crowd, BOB, "I am still here\n"); /* announces his last return, if need be */
    crowd_await(busy.crowd, 0, 1, "I am still here");
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    cr_assert_geq(crowd_count(busy.crowd, WITNESS, "#room -- "), 100, "the events were announced");
    for (size_t who = FIRST_STALLED; who < busy.crowd->count; who++)
        cr_assert_gt(follow(&busy, who, (struct truth){.room = "#room"}), 0, "nothing missed");
    busy_room_end(&busy);
}

/* Every line that `who` was shown of either room must stand where the witness saw it. */
static void follow_order(const struct busy_room *busy, size_t who)
{
    struct crowd_lines seen = crowd_lines(busy->crowd, who, START);
    struct crowd_lines all = crowd_lines(busy->crowd, WITNESS, START);
    size_t at = 0;
    for (size_t i = 0; i < seen.count; i++) {
        if (!strchr(seen.line[i], '>'))
            continue;
        while (at < all.count && strcmp(all.line[at], seen.line[i]) != 0)
            at++;
        cr_assert_lt(at, all.count, "member %zu, out of order: %s", who, seen.line[i]);
    }
    crowd_lines_free(&seen);
    crowd_lines_free(&all);
}

Test(slow_readers, the_gaps_of_two_rooms_are_told_room_by_room)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "64K"), 5);
    for (size_t who = 0; who < busy.crowd->count; who++)
        crowd_send(busy.crowd, who, "/join #two\n");
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    start_counting(&busy, "#two");
    start_counting(&busy, "#room");
    busy_room_pause(&busy);
    for (int i = 0; i < 30; i++) {
        busy_room_talk(&busy, ANN, 70, 200);
        busy_room_talk(&busy, BOB, 40, 200);
    }
    busy_room_resume(&busy);
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    for (size_t who = FIRST_STALLED; who < busy.crowd->count; who++) {
        cr_assert_gt(follow(&busy, who, (struct truth){.room = "#room"}), 0, "none in #room");
        cr_assert_gt(follow(&busy, who, (struct truth){.room = "#two"}), 0, "none in #two");
        follow_order(&busy, who);
    }
    busy_room_end(&busy);
}

Test(slow_readers, what_a_reader_within_the_backlog_missed_is_shown_whole)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "1M"), 20);
    start_counting(&busy, "#room");
    busy_room_pause(&busy);
    busy_room_talk(&busy, ANN, 4000, 200);
    busy_room_resume(&busy);
    for (size_t who = FIRST_STALLED; who < busy.crowd->count; who++)
        cr_assert_eq(follow(&busy, who, (struct truth){.room = "#room"}), 0, "lines were skipped");
    busy_room_end(&busy);
}

Test(slow_readers, with_disconnect_the_room_is_told_why_they_left)
{
    struct server *server = server_start("--backlog", "64K", "--slow-policy", "disconnect");
    struct busy_room busy = busy_room_start(server, 10);
    start_counting(&busy, "#room");
    busy_room_pause(&busy);
    busy_room_talk(&busy, ANN, 3000, 100);
    while (crowd_count(busy.crowd, WITNESS, "left (too slow)") == 0)
        crowd_await(busy.crowd, WITNESS, 1, "left (too slow)");
    cr_assert_geq(crowd_count(busy.crowd, WITNESS, "> 0000"), 3000, "the witness lost lines");
    for (size_t who = FIRST_STALLED; who < busy.crowd->count; who++)
        crowd_resume(busy.crowd, who);
    crowd_await_end(busy.crowd, FIRST_STALLED, 10);
    for (size_t who = FIRST_STALLED; who < busy.crowd->count; who++)
        cr_assert_eq(crowd_count(busy.crowd, who, GAP_TEXT), 0, "dropped, not skipped");
    busy_room_end(&busy);
}
