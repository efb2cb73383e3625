/* The whole server on the simulated door: time, faults and accounts. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/server_fixture.h"

/* TERM ends it with status 0, and nothing is left behind. */
static void end_cleanly(void)
{
    cr_assert_eq(server_fixture_end(), 0);
    server_fixture_stop();
    server_fixture_raze();
}

TestSuite(server, .timeout = 300);

Test(server, two_people_hear_each_other)
{
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(NULL), 0);
    struct sim_peer *ann = server_fixture_enter();
    server_fixture_expect(ann, "* Welcome to chatd. You are guest1 in #lobby.\r\n");
    struct sim_peer *bob = server_fixture_enter();
    server_fixture_say(ann, "hello");
    server_fixture_expect(bob, "#lobby <guest1> hello\r\n");
    cr_assert_eq(server_fixture_end(), 0);
    server_fixture_expect(bob, "* server is shutting down\r\n");
    cr_assert(sim_peer_at_end(bob));
    server_fixture_stop();
    server_fixture_raze();
}

Test(server, an_idle_house_sleeps)
{
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(NULL), 0);
    for (int i = 0; i < 20; i++)
        (void)server_fixture_enter();
    cr_assert_eq(names_count(&server_fixture.server.chat.people), 20);
    cr_assert(server_fixture_pass(60 * NS_PER_SECOND)); /* announced, and acknowledged */
    uint64_t turns = server_fixture.loop.turn;
    cr_assert(server_fixture_pass(3600 * NS_PER_SECOND));
    cr_assert_leq(server_fixture.loop.turn - turns, 1);
    end_cleanly();
}

Test(server, arrivals_are_announced_together_after_200_ms)
{
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(NULL), 0);
    struct sim_peer *ann = server_fixture_enter();
    cr_assert(server_fixture_pass(199 * NS_PER_MS));
    (void)server_fixture_enter();
    cr_assert_not(strstr(sim_peer_text(ann), "joined"));
    cr_assert(server_fixture_pass(2 * NS_PER_MS));
    server_fixture_expect(ann, "#lobby -- guest1 and guest2 joined\r\n");
    end_cleanly();
}

Test(server, who_takes_the_name_of_one_who_left_is_announced_after_the_leaving)
{
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(NULL), 0);
    struct sim_peer *ann = server_fixture_enter();
    struct sim_peer *bob = server_fixture_enter();
    struct sim_peer *eve = server_fixture_enter();
    server_fixture_say(bob, "/nick bob");
    cr_assert(server_fixture_pass(NS_PER_SECOND)); /* arrivals are announced */
    server_fixture_say(bob, "/quit");
    server_fixture_say(ann, "/nick bob");
    server_fixture_expect(eve, "#lobby -- bob left\r\n"
                               "#lobby -- guest1 is now bob\r\n");
    end_cleanly();
}

Test(server, silence_is_counted_from_the_last_byte)
{
    static const char *const arguments[] = {"--idle-timeout", "10s", NULL};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *ann = server_fixture_enter();
    cr_assert(server_fixture_pass(9 * NS_PER_SECOND));
    sim_peer_say(ann, "x");
    cr_assert(server_fixture_pass(9 * NS_PER_SECOND));
    cr_assert_not(sim_peer_at_end(ann));
    cr_assert(server_fixture_pass(2 * NS_PER_SECOND));
    server_fixture_expect(ann, "* idle for too long\r\n");
    cr_assert(sim_peer_at_end(ann));
    end_cleanly();
}

Test(server, whois_tells_how_long_somebody_has_been_silent)
{
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(NULL), 0);
    struct sim_peer *ann = server_fixture_enter();
    struct sim_peer *bob = server_fixture_enter();
    cr_assert(server_fixture_pass(65 * NS_PER_SECOND));
    server_fixture_say(bob, "/whois guest1");
    server_fixture_expect(bob, "* guest1 has been idle for 1 min 5 s, in #lobby.\r\n");
    sim_peer_say(ann, "x"); /* no line yet */
    cr_assert(server_fixture_pass(3 * NS_PER_SECOND));
    server_fixture_say(bob, "/whois guest1");
    server_fixture_expect(bob, "* guest1 is active now, in #lobby.\r\n");
    end_cleanly();
}

Test(server, a_door_that_rests_is_tried_again_as_soon_as_somebody_leaves)
{
    static const int short_of_memory[] = {-ENOBUFS, -ENOBUFS};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(NULL), 0);
    struct sim_peer *ann = server_fixture_enter();
    sim_answer(server_fixture.sim, SIM_ACCEPT, short_of_memory, 2);
    struct sim_peer *bob = server_fixture_enter();
    cr_assert_str_eq(sim_peer_text(bob), "");
    sim_peer_close(ann);
    cr_assert(server_fixture_pass(0));
    server_fixture_expect(bob, "* Welcome to chatd. You are guest2 in #lobby.\r\n");
    end_cleanly();
}

/* What was read from somebody and not yet consumed. */
static size_t kept_bytes(const char *name)
{
    const struct client *client = client_find(&server_fixture.server.chat, name, strlen(name));
    size_t size;
    (void)stream_input(&client->stream, &size);
    return size;
}

Test(server, of_who_is_above_the_rate_one_read_is_kept_and_then_small_ones)
{
    static const char *const arguments[] = {"--rate", "100/100", NULL};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *ann = server_fixture_enter();
    uint64_t receives = sim_count(server_fixture.sim, SIM_RECEIVE);
    for (int i = 0; i < 8000; i++)
        sim_peer_say(ann, "/ping sixteen-b\n");
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    cr_assert_gt(kept_bytes("guest1"), STREAM_READ_BYTES / 2);
    cr_assert(server_fixture_pass(8 * NS_PER_SECOND));
    cr_assert_eq(sim_count(server_fixture.sim, SIM_RECEIVE) - receives, 1,
                 "no more until it is used up");
    for (int i = 0; i < 60; i++) {
        cr_assert(server_fixture_pass(NS_PER_SECOND));
        cr_assert_leq(kept_bytes("guest1"), 4096, "after %d seconds", i);
    }
    cr_assert(server_fixture_pass(60 * NS_PER_SECOND));
    server_fixture_expect(ann, "* pong sixteen-b\r\n");
    cr_assert_eq(kept_bytes("guest1"), 0);
    end_cleanly();
}

Test(server, who_leaves_and_does_not_read_is_let_go_after_two_seconds)
{
    static const char *const arguments[] = {"--rate", "0", NULL};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *talker = server_fixture_enter();
    int descriptors = sim_open_descriptors(server_fixture.sim);
    struct sim_peer *stalled = server_fixture_enter();
    sim_peer_stall(stalled);
    for (int i = 0; i < 4000; i++)
        sim_peer_say(talker, "a line that is long enough to fill what buffers there are\n");
    cr_assert(server_fixture_pass(0));
    server_fixture_say(stalled, "/quit");
    cr_assert(server_fixture_pass(1900 * NS_PER_MS));
    cr_assert_eq(sim_open_descriptors(server_fixture.sim), descriptors + 1);
    cr_assert(server_fixture_pass(200 * NS_PER_MS));
    cr_assert_eq(sim_open_descriptors(server_fixture.sim), descriptors);
    end_cleanly();
}

/* A server with somebody who talks, as guest1, and `count` others who have stopped reading, so much
 * that what they are owed fits in no buffer. Returns the talker. */
static struct sim_peer *build_stalled(const char *grace, int count, struct sim_peer **stalled)
{
    const char *const arguments[] = {"--grace", grace, "--rate", "0", NULL};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *talker = server_fixture_enter();
    for (int i = 0; i < count; i++) {
        stalled[i] = server_fixture_enter();
        sim_peer_stall(stalled[i]);
    }
    for (int i = 0; i < 4000; i++)
        sim_peer_say(talker, "a line that is long enough to fill what buffers there are\n");
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    return talker;
}

static void expect_log(const char *text)
{
    const char *log = sim_output(server_fixture.sim, 2);
    cr_assert(strstr(log, text), "not \"%s\" in %s", text, log);
}

Test(server, the_grace_ends_what_hangs)
{
    struct sim_peer *stalled;
    struct sim_peer *talker = build_stalled("7s", 1, &stalled);
    sim_raise(server_fixture.sim, SIGTERM);
    cr_assert(server_fixture_pass(6 * NS_PER_SECOND), "it ended before its grace");
    cr_assert(sim_peer_at_end(talker));
    (void)server_fixture_pass(2 * NS_PER_SECOND);
    cr_assert(task_ended(&server_fixture.server.task));
    expect_log("the grace is over\n");
    expect_log("pending: guest2  reactor/net/stream_end.c:");
    expect_log("1 client was cut off");
    server_fixture_stop();
    server_fixture_raze();
}

Test(server, without_a_grace_everybody_is_told_all_the_same)
{
    static const char *const arguments[] = {"--grace", "0", NULL};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *ann = server_fixture_enter();
    struct sim_peer *stalled = server_fixture_enter();
    sim_peer_stall(stalled);
    sim_raise(server_fixture.sim, SIGTERM);
    (void)server_fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&server_fixture.server.task));
    server_fixture_expect(ann, "* server is shutting down\r\n");
    cr_assert(sim_peer_at_end(ann));
    server_fixture_stop();
    server_fixture_raze();
}

Test(server, a_second_signal_ends_it_at_once)
{
    struct sim_peer *stalled;
    (void)build_stalled("1h", 1, &stalled);
    sim_raise(server_fixture.sim, SIGTERM);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    sim_raise(server_fixture.sim, SIGTERM);
    sim_raise(server_fixture.sim, SIGINT);
    (void)server_fixture_pass(0);
    cr_assert(task_ended(&server_fixture.server.task));
    expect_log("pending: guest2  reactor/net/stream_end.c:");
    cr_assert_null(
        strstr(strstr(sim_output(server_fixture.sim, 2), "pending: guest2") + 1, "pending:"),
        "it is named once");
    server_fixture_stop();
    server_fixture_raze();
}

Test(server, of_many_who_are_cut_off_ten_are_named_and_all_counted)
{
    struct sim_peer *stalled[12];
    (void)build_stalled("1s", 12, stalled);
    sim_raise(server_fixture.sim, SIGTERM);
    (void)server_fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&server_fixture.server.task));
    expect_log("pending: guest11  reactor/net/stream_end.c:");
    cr_assert_null(strstr(sim_output(server_fixture.sim, 2), "pending: guest12"));
    expect_log("pending: and 2 more\n");
    expect_log("12 clients were cut off");
    server_fixture_stop();
    server_fixture_raze();
}

/* Whoever is not done by then is named, also if its connection moves in that very turn. */
Test(server, who_is_cut_off_was_named)
{
    for (int together = 0; together < 2; together++) {
        struct sim_peer *stalled;
        (void)build_stalled("1s", 1, &stalled);
        sim_raise(server_fixture.sim, SIGTERM);
        cr_assert(server_fixture_pass(NS_PER_SECOND - 1));
        sim_peer_resume(stalled);
        if (together)
            sim_advance(server_fixture.sim, 1);
        (void)server_fixture_pass(NS_PER_SECOND);
        cr_assert(task_ended(&server_fixture.server.task));
        const char *log = sim_output(server_fixture.sim, 2);
        cr_assert_eq(strstr(log, "pending: guest2") != NULL, strstr(log, "was cut off") != NULL,
                     "%s", log);
        server_fixture_stop();
        server_fixture_raze();
    }
}

Test(server, without_grace_everybody_is_told_all_the_same)
{
    struct sim_peer *stalled;
    struct sim_peer *talker = build_stalled("0", 1, &stalled);
    sim_raise(server_fixture.sim, SIGTERM);
    (void)server_fixture_pass(200 * NS_PER_MS);
    cr_assert(task_ended(&server_fixture.server.task));
    server_fixture_expect(talker, "* server is shutting down\r\n");
    expect_log("pending: guest2  reactor/net/stream_end.c:");
    server_fixture_stop();
    server_fixture_raze();
}

Test(server, signals_that_come_together_are_one_wish)
{
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(NULL), 0);
    struct sim_peer *ann = server_fixture_enter();
    sim_raise(server_fixture.sim, SIGTERM);
    sim_raise(server_fixture.sim, SIGINT);
    (void)server_fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&server_fixture.server.task));
    server_fixture_expect(ann, "* server is shutting down\r\n");
    cr_assert(sim_peer_at_end(ann));
    server_fixture_stop();
    server_fixture_raze();
}

Test(server, a_second_signal_however_soon_takes_the_notice_from_nobody)
{
    for (int between = 0; between < 6; between++) {
        server_fixture_build(NULL);
        cr_assert_eq(server_fixture_start(NULL), 0);
        struct sim_peer *ann = server_fixture_enter();
        sim_raise(server_fixture.sim, SIGTERM);
        for (int turn = 0; turn < between && !task_ended(&server_fixture.server.task); turn++)
            cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
        sim_raise(server_fixture.sim, SIGINT);
        (void)server_fixture_pass(NS_PER_SECOND);
        cr_assert(task_ended(&server_fixture.server.task));
        server_fixture_expect(ann, "* server is shutting down\r\n");
        cr_assert(sim_peer_at_end(ann));
        server_fixture_stop();
        server_fixture_raze();
    }
}

/* Comes, and isn't in a state to read why it can't come in. */
static struct sim_peer *come_stalled(void)
{
    struct sim_peer *peer = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    cr_assert(peer);
    sim_peer_stall(peer);
    return peer;
}

Test(server, without_a_descriptor_a_newcomer_is_told_so_whatever_it_has_sent)
{
    enum { LIMIT = 32 }; /* three of them are the standard ones */
    const struct sim_options options = {.receive_buffer_bytes = 4, .descriptor_limit = LIMIT};
    static const int short_of_memory = -ENOBUFS;
    server_fixture_build(&options);
    cr_assert_eq(server_fixture_start(NULL), 0);
    /* Not even those in reserve are left: something else has them. */
    struct sys *sys = sim_door(server_fixture.sim);
    int taken[LIMIT], count = 0;
    while ((taken[count] = sys->socket(sys, AF_UNIX)) >= 0)
        count++;
    sim_answer(server_fixture.sim, SIM_ACCEPT, &short_of_memory, 1); /* her words are there first */
    struct sim_peer *ann = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    sim_peer_say(ann, "hey");
    cr_assert(server_fixture_pass(LISTENER_REST_NS));
    server_fixture_expect(ann, "! server full\r\n");
    cr_assert(sim_peer_at_end(ann));
    cr_assert_not(sim_peer_was_reset(ann));
    while (count > 0)
        (void)sys->close(sys, taken[--count]);
    end_cleanly();
}

/* A server at its end, and a newcomer who was turned away and doesn't read why. */
static void end_with_a_farewell(const char *grace)
{
    const char *const arguments[] = {"--max-clients", "1", "--grace", grace, NULL};
    const struct sim_options options = {.receive_buffer_bytes = 4};
    server_fixture_build(&options);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *ann = server_fixture_enter();
    (void)come_stalled();
    cr_assert(server_fixture_pass(0));
    cr_assert_eq(server_fixture.server.farewells.group.alive, 1);
    sim_raise(server_fixture.sim, SIGTERM);
    cr_assert(server_fixture_pass(100 * NS_PER_MS));
    cr_assert(sim_peer_at_end(ann));
}

Test(server, a_farewell_that_hangs_ends_with_the_grace)
{
    end_with_a_farewell("500ms");
    (void)server_fixture_pass(500 * NS_PER_MS);
    cr_assert(task_ended(&server_fixture.server.task));
    server_fixture_stop();
    server_fixture_raze();
}

Test(server, a_farewell_that_hangs_ends_with_a_second_signal)
{
    end_with_a_farewell("1h");
    sim_raise(server_fixture.sim, SIGTERM);
    (void)server_fixture_pass(0);
    cr_assert(task_ended(&server_fixture.server.task));
    server_fixture_stop();
    server_fixture_raze();
}

Test(server, a_last_line_without_a_newline_is_answered_whole)
{
    static const char *const arguments[] = {"--rate", "0", "--history", "2000", NULL};
    char last[64];
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *ann = server_fixture_enter();
    for (int i = 1; i <= 2000; i++) {
        (void)snprintf(last, sizeof(last), "this is line %d of two thousand", i);
        server_fixture_say(ann, last);
    }
    struct sim_peer *bob = server_fixture_enter();
    sim_peer_say(bob, "/history 2000");
    sim_peer_shutdown(bob);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    server_fixture_expect(bob,
                          "this is line 1990 of two thousand\r\n"); /* the greeting shows ten */
    cr_assert(sim_peer_at_end(bob));
    end_cleanly();
}

/* The answer is many times what the buffers hold, and the end comes in the middle of it. */
Test(server, a_long_answer_is_whole_also_at_the_end)
{
    static const char *const arguments[] = {"--rate",  "0",   "--history", "5000",
                                            "--grace", "20s", NULL};
    const struct sim_options options = {.send_buffer_bytes = 4096, .receive_buffer_bytes = 4096};
    server_fixture_build(&options);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *talker = server_fixture_enter();
    for (int i = 0; i < 4999; i++)
        sim_peer_say(talker, "a line\n");
    server_fixture_say(talker, "the last line");
    struct sim_peer *reader = server_fixture_enter();
    sim_peer_stall(reader);
    server_fixture_say(reader, "/history 5000");
    sim_raise(server_fixture.sim, SIGTERM);
    cr_assert(server_fixture_pass(NS_PER_SECOND), "it waits for who has yet to read");
    sim_peer_resume(reader);
    (void)server_fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&server_fixture.server.task));
    server_fixture_expect(reader, "#lobby <guest1> the last line\r\n* server is shutting down\r\n");
    cr_assert_null(strstr(sim_output(server_fixture.sim, 2), "cut off"));
    server_fixture_stop();
    server_fixture_raze();
}

/* What the kernel has taken would be lost by a close() with input unread; tcp(7). */
Test(server, who_is_too_slow_still_gets_what_was_sent)
{
    static const char *const arguments[] = {"--rate",        "0",          "--backlog", "64K",
                                            "--slow-policy", "disconnect", NULL};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *talker = server_fixture_enter();
    struct sim_peer *reader = server_fixture_enter();
    sim_peer_stall(reader);
    for (int i = 0; i < 8000; i++)
        sim_peer_say(talker, i == 2000
                                 ? "/msg guest2 this is for you\n"
                                 : "a line that is long enough to fill what buffers there are\n");
    cr_assert(server_fixture_pass(500 * NS_PER_MS));
    server_fixture_expect(talker, "#lobby -- guest2 left (too slow)\r\n");
    sim_peer_say(reader, "I am still typing\n");
    sim_peer_resume(reader);
    cr_assert(server_fixture_pass(3 * NS_PER_SECOND));
    cr_assert_not(sim_peer_was_reset(reader));
    cr_assert(sim_peer_at_end(reader));
    server_fixture_expect(reader, "@guest1 this is for you\r\n");
    end_cleanly();
}

Test(server, a_motd_half_read_is_not_cut_short_by_a_new_one)
{
    enum { LINES = 1000 };
    static const char *const arguments[] = {"--motd", "/motd", NULL};
    const struct sim_options options = {.send_buffer_bytes = 4096, .receive_buffer_bytes = 4096};
    char text[LINES * sizeof("the old one, line 999\n")], last[64];
    size_t length = 0;
    for (int i = 0; i < LINES; i++)
        length += (size_t)snprintf(text + length, 32, "the old one, line %d\n", i);
    snprintf(last, sizeof(last), "* the old one, line %d\r\n", LINES - 1);

    server_fixture_build(&options);
    sim_write_file(server_fixture.sim, "/motd", text);
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *slow = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    sim_peer_stall(slow);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    sim_write_file(server_fixture.sim, "/motd", "the new one\n");
    sim_raise(server_fixture.sim, SIGHUP);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    sim_peer_resume(slow);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    server_fixture_expect(slow, last);
    server_fixture_expect(server_fixture_enter(), "* the new one\r\n");
    end_cleanly();
}

/* Seeing inside. */

static ssize_t (*real_receive)(struct sys *, int, void *, size_t);

static ssize_t receive_slowly(struct sys *sys, int fd, void *buffer, size_t size)
{
    sim_advance(server_fixture.sim, 60 * NS_PER_MS);
    return real_receive(sys, fd, buffer, size);
}

Test(server, a_slow_callback_is_logged_with_who_and_where)
{
    static const char *const arguments[] = {"--debug", "--slow-callback", "50ms", NULL};
    server_fixture_build(NULL);
    real_receive = sim_door(server_fixture.sim)->receive;
    cr_assert_eq(server_fixture_start(arguments), 0);
    struct sim_peer *ann = server_fixture_enter();
    cr_assert_not(strstr(sim_output(server_fixture.sim, 2), "slow"));
    sim_door(server_fixture.sim)->receive = receive_slowly;
    server_fixture_say(ann, "hello");
    const char *told = strstr(sim_output(server_fixture.sim, 2), "slow callback: guest1 at chat/");
    cr_assert(told, "%s", sim_output(server_fixture.sim, 2));
    cr_assert(strstr(told, "stream_fill(") && strstr(told, "took 60.000 ms\n"), "%s", told);
    end_cleanly();
}

static int resolve_slowly(struct sys *sys, const char *host, uint16_t port,
                          struct sys_address *addresses, int max)
{
    (void)sys, (void)host, (void)port, (void)addresses, (void)max;
    sim_advance(server_fixture.sim, NS_PER_SECOND);
    return -ENOENT;
}

Test(server, a_start_that_fails_slowly_logs_nothing_in_debug_mode)
{
    static const char *const arguments[] = {"--debug", "-l", "nowhere:1", "-l", "either:2", NULL};
    server_fixture_build(NULL);
    sim_door(server_fixture.sim)->resolve = resolve_slowly;
    cr_assert_eq(server_fixture_start(arguments), -ENOENT);
    cr_assert_str_eq(server_fixture.problem.text, "--listen nowhere:1: no such host or directory; "
                                                  "--listen either:2: no such host or directory");
    cr_assert_str_empty(sim_output(server_fixture.sim, 2));
    server_fixture_raze();
}

static int no_poll_wait(struct sys *sys, int poll, struct sys_event *events, int max_events,
                        int64_t timeout_ns)
{
    (void)sys, (void)poll, (void)events, (void)max_events, (void)timeout_ns;
    return -EBADF;
}

Test(server, a_loop_that_can_not_wait_fails_the_start)
{
    server_fixture_build(NULL);
    sim_door(server_fixture.sim)->poll_wait = no_poll_wait;
    cr_assert_eq(server_fixture_start(NULL), -EBADF);
    cr_assert_str_eq(server_fixture.problem.text, "can't start: Bad file descriptor");
    cr_assert_eq(sim_open_descriptors(server_fixture.sim), 0);
    cr_assert_eq(sim_live_blocks(server_fixture.sim), 0);
    server_fixture_raze();
}
