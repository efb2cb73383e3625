/* Too many: clients, clients of one address, descriptors, rooms, ignored people; and the idle ones.
 * Who is in never notices; who is turned away is told. */
#include "tests/support/client.h"
#include "tests/support/crowd.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FULL "! server full"

Test(limits, a_client_beyond_max_clients_is_told_and_closed)
{
    struct server *server = server_start("--max-clients", "2");
    struct client *ann = client_guest(server);
    struct client *bob = client_guest(server);
    struct client *late = client_open(server);
    expect_next(late, FULL);
    cr_assert_null(next_line_or_end(late), "more than one line");
    expect_quiet(ann);
    expect_quiet(bob);
    server_stop(server);
}

/* Tries until somebody is let in: the place of one who left is free a moment later. */
static struct client *client_guest_at_last(struct server *server)
{
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;
    while (harness_now_ms() < deadline_ms) {
        struct client *client = client_open(server);
        const char *line = next_line(client);
        if (strncmp(line, "* Welcome to ", 13) == 0)
            return client;
        cr_assert_str_eq(line, FULL);
        expect_end(client);
        client_close(client);
    }
    cr_assert_fail("nobody was let in again");
    return NULL;
}

Test(limits, a_place_that_becomes_free_is_given_away)
{
    struct server *server = server_start("--max-clients", "2");
    struct client *ann = client_guest(server);
    struct client *bob = client_guest(server);
    for (int i = 0; i < 3; i++) {
        say(bob, "/quit");
        expect_end(bob);
        client_close(bob);
        bob = client_guest_at_last(server);
        barrier(bob);
        barrier(ann);
    }
    server_stop(server);
}

Test(limits, a_connection_beyond_max_per_host_is_told_and_closed)
{
    struct server *server = server_start("--max-per-host", "2");
    struct client *ann = client_guest(server);
    struct client *bob = client_guest(server);
    struct client *late = client_open(server);
    expect_next(late, "! too many connections from your address");
    cr_assert_null(next_line_or_end(late), "more than one line");
    expect_quiet(ann);
    expect_quiet(bob);
    server_stop(server);
}

Test(limits, max_per_host_counts_each_address_for_itself)
{
    struct server *server =
        server_start("-l", "127.0.0.1:0", "-l", "[::1]:0", "--max-per-host", "1");
    struct client *ann = client_guest(server);
    struct client *bob = client_open_listener(server, 1);
    expect_greeting(bob, "chatd");
    struct client *late = client_open_listener(server, 1);
    expect_next(late, "! too many connections from your address");
    expect_end(late);
    expect_quiet(ann);
    server_stop(server);
}

Test(limits, a_newcomer_turned_away_reads_why_whatever_it_sent)
{
    static char junk[1 << 20];
    struct server *server = server_start("--max-clients", "1");
    struct client *ann = client_guest(server);
    struct crowd *crowd = crowd_new(server);
    memset(junk, 'x', sizeof(junk));
    /* To close on input that is there already would be a reset, and the line might be lost. */
    server_freeze(server);
    crowd_connect(crowd, 20);
    for (size_t who = 0; who < 20; who++)
        crowd_send_bytes(crowd, who, junk, sizeof(junk));
    crowd_pump(crowd, 0);
    server_thaw(server);
    crowd_await(crowd, 0, 20, FULL "\r\n");
    crowd_await_end(crowd, 0, 20);
    for (size_t who = 0; who < 20; who++) {
        cr_assert_str_eq(crowd_seen(crowd, who), FULL "\r\n");
        cr_assert(crowd->members[who].ended, "it was reset");
    }
    expect_quiet(ann);
    crowd_free(crowd);
    server_stop(server);
}

Test(limits, a_silent_client_is_let_go_and_any_byte_is_a_sign_of_life)
{
    struct server *server = server_start("--idle-timeout", "1s");
    struct client *typing = client_open_as(server, "typing");
    struct client *silent = client_open_as(server, "silent");
    struct client *watch = client_open_as(server, "watch");
    say(silent, "I fall asleep");
    expect(watch, "#lobby <silent> I fall asleep");
    /* Half a line, byte by byte, until the silent one, who came later, has been let go. */
    while (!strstr(silent->received.data, "idle for too long")) {
        send_text(typing, "x");
        send_text(watch, "\n");
        if (harness_wait(server, silent->fd, POLLIN, harness_now_ms() + 50))
            cr_assert_gt(bytes_read(&silent->received, silent->fd), 0, "closed without a word");
    }
    expect_prefix(silent, "* idle for too long");
    expect_end(silent);
    expect_prefix(watch, "#lobby -- silent left (idle)");
    send_text(typing, "\n");
    barrier(typing);
    server_stop(server);
}

Test(limits, a_client_is_in_twenty_rooms_at_most)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    for (int i = 1; i < 20; i++) {
        say(ann, "/join #room%d", i);
        expect_accepted(ann);
    }
    say(ann, "/join #room20");
    expect_refusal(ann, "20");
    expect_quiet(ann);
    say(ann, "/join #room1"); /* where she is in already */
    expect_accepted(ann);
    say(ann, "/leave #room1");
    expect_accepted(ann);
    say(ann, "/join #room20");
    expect_accepted(ann);
    server_stop(server);
}

Test(limits, a_client_ignores_a_hundred_people_at_most)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct crowd *crowd = crowd_new(server);
    crowd_join(crowd, 101);
    for (size_t who = 0; who < 101; who++)
        crowd_sendf(crowd, who, "/nick p%zu\n", who);
    crowd_barrier(crowd, 0, 101);
    for (int i = 0; i < 100; i++)
        say(ann, "/ignore p%d", i);
    expect_accepted(ann);
    say(ann, "/ignore p100");
    barrier(ann);
    cr_assert_eq(heard_count(ann, "! "), 1, "the hundred and first is refused");
    crowd_send(crowd, 99, "unheard\n");
    crowd_barrier(crowd, 99, 1);
    crowd_send(crowd, 100, "heard\n");
    expect(ann, "#lobby <p100> heard");
    for (size_t i = 0; i < ann->line_count; i++)
        cr_assert_null(strstr(ann->lines[i], "unheard"), "not ignored: %s", ann->lines[i]);
    say(ann, "/unignore p0");
    say(ann, "/ignore p100");
    expect_accepted(ann);
    crowd_free(crowd);
    server_stop(server);
}

Test(limits, there_are_ten_thousand_rooms_at_most)
{
    enum { CLIENTS = 530, EACH = 19, FREE = 10000 - 1 }; /* one is #lobby */
    struct server *server = server_start();
    struct crowd *crowd = crowd_new(server);
    size_t refused = 0;
    crowd_join(crowd, CLIENTS);
    for (size_t who = 0; who < CLIENTS; who++)
        for (int i = 0; i < EACH; i++)
            crowd_sendf(crowd, who, "/join #r%zu-%d\n", who, i);
    crowd_barrier(crowd, 0, CLIENTS);
    for (size_t who = 0; who < CLIENTS; who++)
        refused += crowd_count(crowd, who, "! ");
    cr_assert_eq(refused, CLIENTS * EACH - FREE, "%zu were refused", refused);
    crowd_send(crowd, 0, "/leave #r0-0\n");
    crowd_barrier(crowd, 0, 1);
    crowd_send(crowd, 0, "/join #again\n");
    crowd_barrier(crowd, 0, 1);
    cr_assert_eq(crowd_count(crowd, 0, "! "), 0, "a room that ended makes place for another");
    crowd_free(crowd);
    server_stop(server);
}

Test(limits, a_connection_above_the_connect_rate_is_told_and_closed)
{
    struct server *server = server_start("--connect-rate", "1/2");
    struct client *ann = client_guest(server);
    struct client *bob = client_guest(server);
    struct client *late = client_open(server);
    expect_next(late, "! you connect too often: try again in a minute");
    cr_assert_null(next_line_or_end(late), "more than one line");
    expect_quiet(ann);
    expect_quiet(bob);
    server_stop(server);
}

/* ---- descriptors ---- */

enum { DESCRIPTORS = 64, RESERVED = 16 };

static struct server *start_with_few_descriptors(const char *rate)
{
    harness_limit_descriptors(DESCRIPTORS);
    return server_start("--rate", rate);
}

/* Connects until the server is full, and then as many again as it can have descriptors; returns how
 * many are in, who are the first ones. */
static size_t exhaust(struct crowd *crowd)
{
    size_t in = 0;
    for (;;) {
        size_t who = crowd_connect(crowd, 1);
        crowd_await(crowd, who, 1, "\r\n");
        if (strstr(crowd_seen(crowd, who), FULL))
            break;
        in++;
    }
    size_t late = crowd_connect_slow(crowd, DESCRIPTORS);
    for (size_t i = 0; i < DESCRIPTORS; i++)
        crowd_pause(crowd, late + i); /* they neither read nor close */
    return in;
}

Test(limits, the_last_sixteen_descriptors_are_kept_in_reserve)
{
    struct server *server = start_with_few_descriptors("0");
    struct crowd *crowd = crowd_new(server);
    size_t in = 0;
    for (;; in++) {
        size_t who = crowd_connect(crowd, 1);
        crowd_await(crowd, who, 1, "\r\n");
        if (strstr(crowd_seen(crowd, who), FULL))
            break;
        cr_assert_leq(server_descriptors(server), DESCRIPTORS - RESERVED, "%zu are in", in + 1);
    }
    cr_assert_geq(in, DESCRIPTORS - RESERVED - 10, "only %zu were let in", in);
    crowd_free(crowd);
    server_stop(server);
}

Test(limits, the_log_says_how_many_clients_the_descriptors_are_enough_for)
{
    struct server *server = start_with_few_descriptors("0");
    struct crowd *crowd = crowd_new(server);
    char expected[64];
    snprintf(expected, sizeof(expected), "64 descriptors, at most %zu clients", exhaust(crowd));
    server_expect_log(server, 0, expected);
    crowd_free(crowd);
    server_stop(server);
}

Test(limits, out_of_descriptors_nobody_who_is_in_notices)
{
    struct server *server = start_with_few_descriptors("0");
    struct crowd *crowd = crowd_new(server);
    size_t in = exhaust(crowd);
    for (int i = 0; i < 20; i++)
        crowd_barrier(crowd, 0, in);
    crowd_send(crowd, 0, "can you hear me?\n");
    crowd_await(crowd, 1, in - 1, "> can you hear me?");
    crowd_free(crowd);
    server_stop(server);
}

Test(limits, out_of_descriptors_the_loop_does_not_spin)
{
    /* What fourteen /pings take at ten a second is more than a second; the server sleeps in it. */
    struct server *server = start_with_few_descriptors("10/1");
    struct crowd *crowd = crowd_new(server);
    size_t in = exhaust(crowd);
    crowd_barrier(crowd, 0, in);
    long before_ticks = server_processor_ticks(server);
    int64_t started_ms = harness_now_ms();
    for (int i = 0; i < 14; i++)
        crowd_send(crowd, 0, "/ping\n");
    crowd_barrier(crowd, 0, 1);
    int64_t took_ms = harness_now_ms() - started_ms;
    long ticks = server_processor_ticks(server) - before_ticks;
    cr_assert_geq(took_ms, 1200, "the window was too short to tell: %d ms", (int)took_ms);
    cr_assert_lt(ticks * 1000 / sysconf(_SC_CLK_TCK), took_ms / 4, "%ld ticks in %d ms", ticks,
                 (int)took_ms);
    crowd_free(crowd);
    server_stop(server);
}

Test(limits, out_of_descriptors_every_newcomer_is_told_in_the_end)
{
    struct server *server = start_with_few_descriptors("0");
    struct crowd *crowd = crowd_new(server);
    size_t in = exhaust(crowd);
    for (size_t who = in + 1; who < crowd->count; who++)
        crowd_resume(crowd, who);
    crowd_await(crowd, in + 1, DESCRIPTORS, FULL "\r\n");
    crowd_await_end(crowd, in, DESCRIPTORS + 1);
    crowd_barrier(crowd, 0, in);
    crowd_free(crowd);
    server_stop(server);
}

Test(limits, out_of_descriptors_it_recovers_when_one_leaves)
{
    struct server *server = start_with_few_descriptors("0");
    struct crowd *crowd = crowd_new(server);
    size_t in = exhaust(crowd);
    for (size_t who = in + 1; who < crowd->count; who++)
        crowd_close(crowd, who);
    crowd_send(crowd, 0, "/quit\n");
    crowd_await_end(crowd, 0, 1);
    struct client *late = client_guest_at_last(server);
    barrier(late);
    crowd_barrier(crowd, 1, in - 1);
    crowd_free(crowd);
    server_stop(server);
}
