/* What is owed to somebody who doesn't read: where it waits, what it costs, what is refused, and
 * that all of it comes, in order, once they do. */
#include "tests/support/busy_room.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAM FIRST_STALLED
#define NOT_READING "! sam0 is not reading; your message was not sent"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)

static void expect_growth_below(const struct server *server, size_t before_bytes, size_t most_bytes)
{
    size_t now_bytes = server_anonymous_bytes(server);
    size_t grown_bytes = now_bytes > before_bytes ? now_bytes - before_bytes : 0;
    if (MEMORY_IS_MEASURED)
        cr_assert_leq(grown_bytes, most_bytes, "the server grew by %zu KiB", grown_bytes / KIB);
}

Test(unread, a_hundred_stalled_readers_cost_the_memory_of_one_backlog)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "1M"), 100);
    busy_room_talk(&busy, ANN, 200, 1000); /* fills what the room remembers */
    crowd_barrier(busy.crowd, 0, busy.crowd->count);
    size_t before_bytes = server_anonymous_bytes(busy.server);
    busy_room_pause(&busy);
    busy_room_talk(&busy, ANN, 6000, 1000);
    expect_growth_below(busy.server, before_bytes, 2 * MIB);
    busy_room_resume(&busy);
    cr_assert_gt(crowd_count(busy.crowd, SAM, " skipped: "), 0, "too little was said");
    busy_room_end(&busy);
}

Test(unread, people_who_ignore_each_other_and_stall_cost_no_more)
{
    enum { STALLED = 50 };
    struct busy_room busy = busy_room_start(server_start("--backlog", "256K"), STALLED);
    for (size_t who = SAM; who < busy.crowd->count; who++)
        for (size_t other = 0; other < STALLED; other++)
            if (SAM + other != who)
                crowd_sendf(busy.crowd, who, "/ignore sam%zu\n", other);
    crowd_barrier(busy.crowd, SAM, STALLED);
    busy_room_talk(&busy, ANN, 200, 500);
    crowd_barrier(busy.crowd, SAM, STALLED);
    size_t before_bytes = server_anonymous_bytes(busy.server);
    busy_room_pause(&busy);
    for (int round = 0; round < 2; round++)
        for (size_t who = SAM; who < busy.crowd->count; who++)
            busy_room_talk(&busy, who, 40, 500);
    expect_growth_below(busy.server, before_bytes, 256 * KIB + MIB);
    busy_room_resume(&busy);
    /* All that was said was said by people whom they don't hear. */
    for (size_t who = SAM; who < busy.crowd->count; who++)
        cr_assert_eq(crowd_count(busy.crowd, who, " skipped: "), 0, "member %zu", who);
    busy_room_end(&busy);
}

enum { WHISPERS = 600 };

/* Which of ann's messages were not refused. */
struct whispers {
    bool taken[WHISPERS];
    size_t count;
};

/* Ann sends all her numbered messages, of 1,000 bytes each, to sam0. */
static struct whispers whisper(struct busy_room *busy)
{
    struct whispers whispers = {.count = 0};
    crowd_send(busy->crowd, ANN, "/ping whispering\n");
    for (int i = 0; i < WHISPERS; i++) {
        crowd_sendf(busy->crowd, ANN, "/msg sam0 whisper %03d %0987d\n/ping %d\n", i, 0, i);
        if (i % 20 == 19)
            crowd_barrier(busy->crowd, ANN, 1);
    }
    struct crowd_lines answers = crowd_lines(busy->crowd, ANN, "* pong whispering");
    bool refused = false;
    for (size_t i = 0; i < answers.count; i++) {
        unsigned number;
        refused = refused || strcmp(answers.line[i], NOT_READING) == 0;
        if (sscanf(answers.line[i], "* pong %u", &number) != 1)
            continue;
        whispers.taken[number] = !refused;
        whispers.count += !refused;
        refused = false;
    }
    crowd_lines_free(&answers);
    return whispers;
}

/* Sam was shown exactly those that were taken, in their order. */
static void expect_whispers(struct busy_room *busy, const struct whispers *whispers)
{
    struct crowd_lines seen = crowd_lines(busy->crowd, SAM, NULL);
    size_t shown = 0;
    unsigned last = 0, number;
    for (size_t i = 0; i < seen.count; i++) {
        if (sscanf(seen.line[i], "@ann whisper %u ", &number) != 1)
            continue;
        cr_assert_lt(number, WHISPERS, "another message: %u", number);
        cr_assert(whispers->taken[number], "message %u had been refused", number);
        cr_assert(shown == 0 || number > last, "message %u after %u", number, last);
        last = number;
        shown++;
    }
    cr_assert_eq(shown, whispers->count, "%zu of %zu messages arrived", shown, whispers->count);
    crowd_lines_free(&seen);
}

Test(unread, messages_are_refused_once_64_kib_of_them_wait)
{
    struct busy_room busy = busy_room_start(server_start(), 1);
    crowd_pause(busy.crowd, SAM);
    struct whispers whispers = whisper(&busy);
    cr_assert_geq(whispers.count * 1000, 64 * KIB, "only %zu were taken", whispers.count);
    cr_assert_leq(whispers.count * 1000, 500 * KIB, "%zu were taken", whispers.count);
    busy_room_resume(&busy);
    expect_whispers(&busy, &whispers);
    crowd_send(busy.crowd, ANN, "/msg sam0 welcome back\n");
    crowd_await(busy.crowd, SAM, 1, "@ann welcome back");
    busy_room_end(&busy);
}

static size_t whispers_taken(struct server *server)
{
    struct busy_room busy = busy_room_start(server, 1);
    crowd_pause(busy.crowd, SAM);
    struct whispers whispers = whisper(&busy);
    busy_room_resume(&busy);
    expect_whispers(&busy, &whispers);
    busy_room_end(&busy);
    return whispers.count;
}

Test(unread, a_smaller_backlog_is_also_the_limit_of_messages)
{
    /* What the kernel takes is the same for both, so it shows in the difference. */
    size_t usual = whispers_taken(server_start("--max-line", "1050"));
    size_t small = whispers_taken(server_start("--max-line", "1050", "--backlog", "16K"));
    cr_assert_geq(usual, small + 30, "%zu against %zu messages", usual, small);
}

Test(unread, who_does_not_read_its_own_answers_is_not_read_either)
{
    enum { PINGS = 30000 };
    struct busy_room busy = busy_room_start(server_start(), 1);
    size_t before_bytes = server_anonymous_bytes(busy.server);
    crowd_pause(busy.crowd, SAM);
    for (int i = 0; i < PINGS; i++)
        crowd_sendf(busy.crowd, SAM, "/ping %06d-%050d\n", i, 0);
    crowd_send(busy.crowd, SAM, "all of them asked\n");
    for (int i = 0; i < 200; i++)
        crowd_barrier(busy.crowd, WITNESS, 1);
    cr_assert_eq(crowd_count(busy.crowd, WITNESS, "all of them asked"), 0, "it was read on");
    expect_growth_below(busy.server, before_bytes, MIB);
    crowd_resume(busy.crowd, SAM);
    crowd_await(busy.crowd, WITNESS, 1, "all of them asked");
    crowd_barrier(busy.crowd, SAM, 1);
    for (int i = 0; i < PINGS; i++) {
        char pong[64];
        (void)snprintf(pong, sizeof(pong), "* pong %06d", i);
        if (i % 1000 == 0 || i == PINGS - 1)
            cr_assert_not_null(strstr(crowd_seen(busy.crowd, SAM), pong), "no %s", pong);
    }
    cr_assert_eq(crowd_count(busy.crowd, SAM, "* pong 0"), PINGS, "answers were lost");
    busy_room_end(&busy);
}

Test(unread, a_long_history_waits_for_its_reader_and_is_never_cut)
{
    enum { LINES = 3000 };
    struct busy_room busy =
        busy_room_start(server_start("--history", "3000", "--backlog", "64K"), 1);
    busy_room_talk(&busy, ANN, LINES, 500);
    crowd_barrier(busy.crowd, SAM, 1);
    size_t before_bytes = server_anonymous_bytes(busy.server);
    crowd_pause(busy.crowd, SAM);
    crowd_send(busy.crowd, SAM, "/history 3000\n");
    for (int i = 0; i < 20; i++)
        crowd_barrier(busy.crowd, WITNESS, 1);
    expect_growth_below(busy.server, before_bytes, 512 * KIB);
    busy_room_resume(&busy);
    struct crowd_lines seen = crowd_lines(busy.crowd, SAM, NULL);
    size_t next = 0;
    for (size_t i = 0; i < seen.count; i++) {
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "#room <ann> %08zu ", next);
        if (seen.line[i][0] != '~')
            continue;
        cr_assert_not_null(strstr(seen.line[i], expected), "not line %zu: %s", next, seen.line[i]);
        next++;
    }
    cr_assert_eq(next, LINES, "%zu lines were shown", next);
    crowd_lines_free(&seen);
    busy_room_end(&busy);
}

Test(unread, a_motd_of_64_kib_waits_for_its_reader)
{
    enum { LINES = 1000, LINE_BYTES = 64 };
    static char motd[LINES * LINE_BYTES + 1];
    for (size_t i = 0; i < LINES; i++)
        (void)snprintf(motd + i * LINE_BYTES, LINE_BYTES + 1, "motd %04zu %053d\n", i, 0);
    char *path = scratch_write("motd", motd);
    struct server *server = server_start("--motd", path);
    struct crowd *crowd = crowd_new(server);
    enum { READERS = 20 };
    crowd_connect_slow(crowd, READERS);
    for (size_t who = 0; who < READERS; who++)
        crowd_pause(crowd, who);
    size_t witness = crowd_join(crowd, 1);
    crowd_barrier(crowd, witness, 1);
    for (size_t who = 0; who < READERS; who++)
        crowd_resume(crowd, who);
    crowd_barrier(crowd, 0, READERS);
    for (size_t who = 0; who < READERS; who++)
        cr_assert_eq(crowd_count(crowd, who, "* motd "), LINES, "the motd was cut");
    crowd_free(crowd);
    server_stop(server);
    free(path);
}

Test(unread, messages_and_room_lines_come_in_the_order_in_which_they_were_sent)
{
    enum { PAIRS = 400 };
    struct busy_room busy = busy_room_start(server_start("--backlog", "1M"), 1);
    crowd_pause(busy.crowd, SAM);
    for (int i = 0; i < PAIRS; i++) {
        crowd_sendf(busy.crowd, ANN, "in order %08d %01000d\n", 2 * i, 0);
        crowd_sendf(busy.crowd, ANN, "/msg sam0 in order %08d\n", 2 * i + 1);
        if (i % 20 == 19)
            crowd_barrier(busy.crowd, WITNESS, 1);
    }
    crowd_barrier(busy.crowd, ANN, 1);
    busy_room_resume(&busy);
    struct crowd_lines seen = crowd_lines(busy.crowd, SAM, "in order");
    int next = 0;
    for (size_t i = 0; i < seen.count; i++) {
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "%s in order %08d",
                       next % 2 == 0 ? "#room <ann>" : "@ann", next);
        if (!strstr(seen.line[i], "in order"))
            continue;
        cr_assert_eq(strncmp(seen.line[i], expected, strlen(expected)), 0, "not %s but %s",
                     expected, seen.line[i]);
        next++;
    }
    cr_assert_eq(next, 2 * PAIRS, "%d lines arrived", next);
    crowd_lines_free(&seen);
    busy_room_end(&busy);
}

Test(unread, a_message_after_a_gap_stands_behind_it)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "64K"), 1);
    crowd_pause(busy.crowd, SAM);
    busy_room_talk(&busy, ANN, 1000, 100);
    crowd_send(busy.crowd, ANN, "/msg sam0 half way\n");
    busy_room_talk(&busy, ANN, 2500, 100);
    crowd_send(busy.crowd, ANN, "/msg sam0 all the way\n");
    crowd_barrier(busy.crowd, ANN, 1);
    busy_room_resume(&busy);
    struct crowd_lines seen = crowd_lines(busy.crowd, SAM, "#room <ann> 00000000");
    int gaps = 0, halves = 0, wholes = 0;
    for (size_t i = 0; i < seen.count; i++) {
        const char *number = strstr(seen.line[i], "#room <ann> ");
        gaps += strstr(seen.line[i], " skipped: ") != NULL;
        halves += strcmp(seen.line[i], "@ann half way") == 0;
        wholes += strcmp(seen.line[i], "@ann all the way") == 0;
        if (!number)
            continue;
        unsigned long line = strtoul(number + strlen("#room <ann> "), NULL, 10);
        cr_assert_eq(halves, line >= 1000, "line %lu on the wrong side of the message", line);
        cr_assert_eq(wholes, 0, "line %lu after the last message", line);
    }
    cr_assert(gaps >= 1 && halves == 1 && wholes == 1, "%d gaps, %d and %d messages", gaps, halves,
              wholes);
    crowd_lines_free(&seen);
    busy_room_end(&busy);
}

Test(unread, who_leaves_a_room_unread_is_shown_it_up_to_there)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "1M"), 1);
    crowd_pause(busy.crowd, SAM);
    busy_room_talk(&busy, ANN, 500, 800);
    crowd_send(busy.crowd, SAM, "/leave #room\n");
    crowd_await(busy.crowd, WITNESS, 1, "#room -- sam0 left");
    busy_room_talk(&busy, ANN, 500, 800);
    busy_room_resume(&busy);
    cr_assert_eq(crowd_count(busy.crowd, SAM, "#room <ann> 00000"), 500, "up to there");
    cr_assert_null(strstr(crowd_seen(busy.crowd, SAM), "#room <ann> 00000500"), "and no further");
    busy_room_end(&busy);
}

Test(unread, who_quits_without_reading_loses_nothing_that_was_owed)
{
    struct busy_room busy = busy_room_start(server_start("--backlog", "1M"), 1);
    crowd_pause(busy.crowd, SAM);
    busy_room_talk(&busy, ANN, 500, 800);
    crowd_send(busy.crowd, SAM, "/quit enough\n");
    crowd_await(busy.crowd, WITNESS, 1, "#room -- sam0 left (quit: enough)");
    crowd_resume(busy.crowd, SAM);
    crowd_await_end(busy.crowd, SAM, 1);
    cr_assert(busy.crowd->members[SAM].ended, "the connection broke");
    cr_assert_eq(crowd_count(busy.crowd, SAM, "#room <ann> 00000"), 500, "all that was owed");
    busy_room_end(&busy);
}
