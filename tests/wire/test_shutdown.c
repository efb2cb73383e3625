/* The end: of the server, by signal; of a connection, by either side. Whoever ends it, what was
 * sent arrives. */
#include "tests/support/client.h"
#include "tests/support/crowd.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTICE "* server is shutting down"

/* The number behind "flood " in the last such line before the notice, which must be the very last;
 * the flood before it must be whole, from the first line that `who` was shown. */
static long check_last_words(const struct crowd *crowd, size_t who)
{
    struct crowd_lines seen = crowd_lines(crowd, who, NULL);
    long last = -1;
    cr_assert_gt(seen.count, 0, "member %zu received nothing", who);
    cr_assert_str_eq(seen.line[seen.count - 1], NOTICE, "member %zu ended with: %s", who,
                     seen.line[seen.count - 1]);
    for (size_t i = 0; i + 1 < seen.count; i++) {
        const char *flood = strstr(seen.line[i], "> flood ");
        if (!flood)
            continue;
        long number = strtol(flood + strlen("> flood "), NULL, 10);
        cr_assert_eq(number, last + 1, "member %zu was shown %ld after %ld", who, number, last);
        last = number;
    }
    crowd_lines_free(&seen);
    return last;
}

/* The server, which was told to end, does so in good order. */
static void expect_exit_0(struct server *server)
{
    cr_assert_eq(server_wait(server), 0, "exit status");
    server_stop(server);
}

Test(shutdown, in_the_middle_of_a_flood_everybody_who_reads_is_shown_all_of_it)
{
    enum { FLOODER, CLIENTS = 1000, STALLED = 10, FLOOD = 4000 };
    struct server *server = server_start("--grace", "20s");
    struct crowd *crowd = crowd_new(server);
    crowd_join(crowd, CLIENTS);
    size_t stalled = crowd_join_slow(crowd, STALLED);
    crowd_barrier(crowd, 0, crowd->count);
    for (size_t i = 0; i < STALLED; i++)
        crowd_pause(crowd, stalled + i);
    for (int i = 0; i < FLOOD; i++)
        crowd_sendf(crowd, FLOODER, "flood %d\n", i);
    crowd_await(crowd, 1, 1, "> flood 20\r\n");
    server_signal(server, SIGTERM);
    crowd_await_end(crowd, 0, CLIENTS);
    long last = check_last_words(crowd, 1);
    for (size_t who = 1; who < CLIENTS; who++) {
        cr_assert(crowd->members[who].ended, "member %zu: connection broke", who);
        cr_assert_eq(check_last_words(crowd, who), last, "member %zu was shown less", who);
    }
    cr_assert(crowd->members[FLOODER].ended, "the flooder's connection broke");
    (void)check_last_words(crowd, FLOODER);
    crowd_free(crowd);
    expect_exit_0(server);
}

Test(shutdown, input_left_unread_costs_nobody_what_was_owed)
{
    /* Held back by their rate, all of them have typed far more than was read. */
    enum { CLIENTS = 100 };
    struct server *server = server_start_exactly("--rate", "10/5", "--grace", "20s");
    struct crowd *crowd = crowd_new(server);
    static char typed[300000];
    size_t length = 0;
    while (length + 32 < sizeof(typed))
        length += (size_t)snprintf(typed + length, 32, "/ping %zu\n", length);
    crowd_join(crowd, CLIENTS);
    for (size_t who = 0; who < CLIENTS; who++)
        crowd_send(crowd, who, typed);
    crowd_await(crowd, 0, CLIENTS, "* pong 0\r\n");
    server_signal(server, SIGTERM);
    crowd_await_end(crowd, 0, CLIENTS);
    for (size_t who = 0; who < CLIENTS; who++) {
        cr_assert(crowd->members[who].ended, "member %zu: the connection broke", who);
        (void)check_last_words(crowd, who);
    }
    crowd_free(crowd);
    expect_exit_0(server);
}

/* Members with far more owed to them than any kernel holds, which they don't read. */
static size_t join_stalled(struct crowd *crowd, size_t count)
{
    size_t stalled = crowd_join_slow(crowd, count);
    size_t talker = crowd_join(crowd, 1);
    crowd_barrier(crowd, stalled, count + 1);
    for (size_t i = 0; i < count; i++)
        crowd_pause(crowd, stalled + i);
    for (int i = 0; i < 800; i++)
        crowd_sendf(crowd, talker, "flood %d %01000d\n", i, 0);
    crowd_barrier(crowd, talker, 1);
    return stalled;
}

Test(shutdown, the_grace_cuts_what_nobody_reads_and_logs_how_many)
{
    enum { STALLED = 17 };
    struct server *server = server_start("--grace", "300ms");
    struct crowd *crowd = crowd_new(server);
    size_t stalled = join_stalled(crowd, STALLED);
    size_t reader = crowd_join(crowd, 1);
    size_t logged_bytes = strlen(server_log(server));
    server_signal(server, SIGTERM);
    crowd_await(crowd, reader, 1, NOTICE "\r\n");
    crowd_await_end(crowd, reader, 1);
    cr_assert_eq(server_wait(server), 0, "exit status");
    cr_assert(has_word(server_log(server) + logged_bytes, "17"), "the log doesn't count them:\n%s",
              server_log(server) + logged_bytes);
    for (size_t i = 0; i < STALLED; i++)
        crowd_resume(crowd, stalled + i);
    crowd_await_end(crowd, stalled, STALLED);
    for (size_t i = 0; i < STALLED; i++)
        cr_assert_eq(crowd_count(crowd, stalled + i, NOTICE), 0, "it was not cut at all");
    crowd_free(crowd);
    server_stop(server);
}

Test(shutdown, a_slow_reader_is_waited_for_within_the_grace)
{
    struct server *server = server_start("--grace", "20s");
    struct crowd *crowd = crowd_new(server);
    size_t stalled = join_stalled(crowd, 1);
    size_t reader = crowd_join(crowd, 1);
    server_signal(server, SIGTERM);
    crowd_await(crowd, reader, 1, NOTICE "\r\n");
    crowd_resume(crowd, stalled);
    crowd_await_end(crowd, stalled, 1);
    cr_assert_eq(check_last_words(crowd, stalled), 799, "not all that was owed");
    crowd_free(crowd);
    expect_exit_0(server);
}

Test(shutdown, a_second_term_ends_it_at_once)
{
    struct server *server = server_start("--grace", "1h");
    struct crowd *crowd = crowd_new(server);
    (void)join_stalled(crowd, 1);
    size_t reader = crowd_join(crowd, 1);
    server_signal(server, SIGTERM);
    crowd_await(crowd, reader, 1, NOTICE "\r\n");
    server_signal(server, SIGTERM);
    cr_assert_eq(server_wait(server), 0, "exit status");
    crowd_free(crowd);
    server_stop(server);
}

Test(shutdown, int_is_as_graceful_as_term)
{
    struct server *server = server_start();
    struct client *ann = client_guest(server);
    server_signal(server, SIGINT);
    expect(ann, NOTICE);
    expect_end(ann);
    expect_exit_0(server);
}

Test(shutdown, from_the_signal_on_nothing_is_read_or_announced)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");
    server_freeze(server);
    say(ann, "too late");
    say(ann, "/quit");
    server_signal(server, SIGTERM);
    client_reset(ann);
    server_thaw(server);
    while (strcmp(next_line(bob), NOTICE) != 0)
        continue;
    cr_assert_null(next_line_or_end(bob), "the notice is the last line");
    expect_exit_0(server);
}

Test(shutdown, nobody_is_accepted_any_more)
{
    struct server *server = server_start("--grace", "20s");
    struct crowd *crowd = crowd_new(server);
    (void)join_stalled(crowd, 1);
    size_t reader = crowd_join(crowd, 1);
    server_signal(server, SIGTERM);
    crowd_await(crowd, reader, 1, NOTICE "\r\n");
    size_t late = crowd_connect(crowd, 1);
    crowd_await_end(crowd, late, 1);
    cr_assert_eq(crowd_count(crowd, late, "* Welcome"), 0, "somebody was let in");
    crowd_free(crowd);
    expect_exit_0(server);
}

/* ---- one connection ---- */

Test(shutdown, quit_with_more_typed_ahead_delivers_everything_owed)
{
    static char junk[1 << 20];
    struct server *server = server_start();
    struct crowd *crowd = crowd_new(server);
    size_t bob = crowd_join(crowd, 1), ann = crowd_join_slow(crowd, 1);
    memset(junk, 'x', sizeof(junk));
    crowd_send(crowd, ann, "/nick ann\nhello\n");
    crowd_await(crowd, bob, 1, "<ann> hello");
    for (int i = 0; i < 300; i++)
        crowd_sendf(crowd, ann, "/help\n/ping %03d\n", i);
    crowd_send(crowd, ann, "/quit so long\n");
    crowd_send_bytes(crowd, ann, junk, sizeof(junk));
    crowd_await_end(crowd, ann, 1);
    cr_assert(crowd->members[ann].ended, "the connection broke");
    cr_assert_eq(crowd_count(crowd, ann, "* pong "), 300, "not all answers came");
    crowd_await(crowd, bob, 1, "#lobby -- ann left (quit: so long)\r\n");
    crowd_free(crowd);
    server_stop(server);
}

Test(shutdown, after_a_half_close_everything_is_carried_out_and_answered)
{
    enum { PINGS = 3000 };
    struct server *server = server_start();
    struct crowd *crowd = crowd_new(server);
    size_t bob = crowd_join(crowd, 1), ann = crowd_join_slow(crowd, 1);
    crowd_send(crowd, ann, "/nick ann\nhello\n");
    crowd_await(crowd, bob, 1, "<ann> hello");
    for (int i = 0; i < PINGS; i++)
        crowd_sendf(crowd, ann, "/ping %04d\n", i);
    crowd_send(crowd, ann, "a last line without a newline");
    crowd_half_close(crowd, ann);
    crowd_await_end(crowd, ann, 1);
    cr_assert(crowd->members[ann].ended, "the connection broke");
    cr_assert_eq(crowd_count(crowd, ann, "* pong "), PINGS, "not all answers came");
    crowd_await(crowd, bob, 1, "<ann> a last line without a newline\r\n");
    crowd_await(crowd, bob, 1, "#lobby -- ann left (connection closed)\r\n");
    crowd_free(crowd);
    server_stop(server);
}

Test(shutdown, a_half_close_at_once_is_enough_to_speak)
{
    struct server *server = server_start();
    struct client *bob = client_guest(server);
    struct client *nc = client_open(server);
    send_text(nc, "hi");
    client_half_close(nc);
    expect_greeting(nc, "chatd");
    expect_end(nc);
    expect(bob, "#lobby <%s> hi", nc->name);
    server_stop(server);
}

Test(shutdown, a_closed_connection_and_a_lost_one_are_told_apart)
{
    struct server *server = server_start();
    struct client *watch = client_open_as(server, "watch");
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");
    /* All are announced before, and all is read: to close with something unread is a reset. */
    say(watch, "I watch");
    barrier(watch);
    say(bob, "I am cut off");
    barrier(bob);
    say(ann, "I hang up");
    barrier(ann);
    client_close(ann);
    expect(watch, "#lobby -- ann left (connection closed)");
    client_reset(bob);
    expect(watch, "#lobby -- bob left (connection lost)");
    server_stop(server);
}
