/* The operator's socket on the simulated door: who may come in, what is bounded, what fails. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chat/operator/operator.h"
#include "tests/support/server_fixture.h"

#define ADMIN "unix:/run/admin"

static void start(void)
{
    static const char *const arguments[] = {"--rate", "0", "--admin", "/run/admin", NULL};
    const struct sim_options options = {.descriptor_limit = 3000};
    server_fixture_build(&options);
    cr_assert_eq(server_fixture_start(arguments), 0);
    cr_assert(server_fixture_pass(0));
}

static void stop(void)
{
    if (!task_ended(&server_fixture.server.task))
        cr_assert_eq(server_fixture_end(), 0);
    server_fixture_stop();
    server_fixture_raze();
}

TestSuite(operator, .init = start, .fini = stop, .timeout = 120);

static struct sim_peer *come_in(void)
{
    struct sim_peer *peer = sim_connect(server_fixture.sim, ADMIN);
    cr_assert(peer);
    cr_assert(server_fixture_pass(0));
    return peer;
}

static void ask(struct sim_peer *peer, const char *line)
{
    sim_peer_forget(peer);
    server_fixture_say(peer, line);
}

static void expect(struct sim_peer *peer, const char *text)
{
    cr_assert_str_eq(sim_peer_text(peer), text);
}

static size_t lines_of(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

Test(operator, a_user_who_is_neither_root_nor_the_servers_is_turned_away)
{
    sim_come_as(server_fixture.sim, geteuid() + 1);
    struct sim_peer *peer = come_in();
    expect(peer, "ERR only root and the server's own user may come in\n");
    cr_assert(sim_peer_at_end(peer));
    sim_come_as(server_fixture.sim, 0);
    peer = come_in();
    ask(peer, "quit");
    expect(peer, "OK\n");
    cr_assert(sim_peer_at_end(peer));
    sim_come_as(server_fixture.sim, geteuid());
    ask(come_in(), "quit");
}

Test(operator, only_so_many_are_in_at_once)
{
    struct sim_peer *peers[OPERATORS_MAX];
    for (int i = 0; i < OPERATORS_MAX; i++)
        peers[i] = come_in();
    expect(come_in(), "ERR too many operators\n");
    ask(peers[0], "quit");
    cr_assert(server_fixture_pass(3 * NS_PER_SECOND), "the connection is over by then");
    struct sim_peer *late = come_in();
    ask(late, "debug on");
    expect(late, "OK\n");
}

Test(operator, a_line_that_is_too_long_is_an_error_and_the_next_one_counts)
{
    char line[OPERATOR_LINE_MAX + 2];
    struct sim_peer *peer = come_in();
    memset(line, 'x', sizeof(line));
    line[OPERATOR_LINE_MAX + 1] = '\0';
    ask(peer, line);
    expect(peer, "ERR a line has at most 1024 bytes\n");
    ask(peer, line + 1);
    expect(peer, "ERR no such command: help lists them\n");
}

Test(operator, words_that_are_missing_or_left_over_are_answered_with_the_usage)
{
    struct sim_peer *peer = come_in();
    ask(peer, "kick");
    expect(peer, "ERR usage: kick NICK [REASON]\n");
    ask(peer, "stats now");
    expect(peer, "ERR usage: stats\n");
    ask(peer, "");
    expect(peer, "ERR no such command: help lists them\n");
    ask(peer, "debug maybe");
    expect(peer, "ERR debug is on or off\n");
    ask(peer, "slow-callback 0");
    expect(peer, "ERR a slow callback takes 1ms or more: 250ms, 5s\n");
    ask(peer, "shutdown soon");
    expect(peer, "ERR a duration is 250ms, 5s, 10m, 1h or a number of seconds\n");
    ask(peer, "kick nobody");
    expect(peer, "ERR nobody is called that\n");
}

Test(operator, what_was_typed_ahead_is_answered_in_order)
{
    struct sim_peer *peer = come_in();
    ask(peer, "debug on\nbogus\r\n  slow-callback   5  \nquit\nstats");
    expect(peer, "OK\nERR no such command: help lists them\nOK\nOK\n");
    cr_assert(server_fixture.loop.debug.enabled);
    cr_assert_eq(server_fixture.loop.debug.threshold_ns, 5 * NS_PER_SECOND);
}

Test(operator, one_who_does_not_read_is_not_read_from)
{
    struct sim_peer *peer = come_in();
    sim_peer_stall(peer);
    for (int i = 0; i < 2000; i++)
        sim_peer_say(peer, "help\n");
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    struct sys *sys = server_fixture.loop.sys;
    size_t held_bytes = sys->held_bytes(sys);
    cr_assert_lt(held_bytes, 400 * 1024, "%zu bytes are held", held_bytes);
    sim_peer_resume(peer);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    size_t lines = lines_of(sim_peer_text(peer));
    cr_assert_geq(lines, 2000 * 5);
    cr_assert_eq(lines % 2000, 0, "every help was answered whole");
}

#define MANY 700

Test(operator, no_turn_writes_more_than_a_part_of_a_long_list)
{
    for (int i = 0; i < MANY; i++)
        cr_assert(sim_connect(server_fixture.sim, HOUSE_ADDRESS));
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    static const char *const lists[] = {"clients\n", "tasks\n"};
    for (size_t i = 0; i < 2; i++) {
        struct sim_peer *peer = come_in();
        sim_peer_say(peer, lists[i]);
        sim_limit(server_fixture.sim, sim_now_ns(server_fixture.sim));
        for (size_t before = 0; !sim_idle(server_fixture.sim);) {
            cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
            size_t length = strlen(sim_peer_text(peer));
            cr_assert_leq(length - before, 40 * 1024);
            before = length;
        }
        cr_assert(server_fixture_pass(0));
        cr_assert_geq(lines_of(sim_peer_text(peer)), MANY + 1);
        cr_assert(strstr(sim_peer_text(peer), "\nOK\n"));
    }
}

Test(operator, say_reaches_everybody_once_and_a_part_per_turn)
{
    static struct sim_peer *peers[MANY];
    for (int i = 0; i < MANY; i++)
        peers[i] = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    for (int i = 0; i < MANY; i++)
        sim_peer_forget(peers[i]);
    struct sim_peer *root = come_in();
    ask(root, "say tea is ready");
    expect(root, "OK\n");
    for (int i = 0; i < MANY; i++)
        expect(peers[i], "* the operator says: tea is ready\r\n");
}

Test(operator, shutdown_is_answered_and_ends_the_server)
{
    struct sim_peer *peer = come_in();
    struct sim_peer *ann = server_fixture_enter();
    server_fixture_say(ann, "/ping");
    sim_peer_forget(ann);
    ask(peer, "shutdown 1");
    (void)server_fixture_pass(NS_PER_SECOND);
    expect(peer, "OK\n");
    expect(ann, "* server is shutting down\r\n");
    cr_assert(task_ended(&server_fixture.server.task));
}

Test(operator, a_ban_keeps_newcomers_out_until_it_ends)
{
    struct sim_peer *ann = server_fixture_enter();
    struct sim_peer *peer = come_in();
    ask(peer, "ban 10.0.0.1/8 1m");
    expect(peer, "OK\n");
    ask(peer, "ban 127.0.0.1");
    ask(peer, "bans");
    expect(peer, "10.0.0.0/8, for 1 min\n127.0.0.1\nOK\n");
    expect(server_fixture_enter(), "! you are banned\r\n");
    server_fixture_say(ann, "/ping here");
    server_fixture_expect(ann, "* pong here\r\n");
    sim_come_from(server_fixture.sim, "10.9.8.7");
    expect(server_fixture_enter(), "! you are banned\r\n");
    cr_assert(server_fixture_pass(61 * NS_PER_SECOND));
    server_fixture_expect(server_fixture_enter(), "* Welcome");
    ask(peer, "unban 127.0.0.1");
    expect(peer, "OK\n");
    ask(peer, "bans");
    expect(peer, "OK\n");
    ask(peer, "unban 127.0.0.1");
    expect(peer, "ERR there is no such ban\n");
    ask(peer, "ban 1.2.3.4/33");
    expect(peer, "ERR an address is 192.0.2.7, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32\n");
    ask(peer, "ban 1.2.3.4 soon");
    expect(peer, "ERR a duration is 250ms, 5s, 10m, 1h or a number of seconds\n");
}

Test(operator, there_are_only_so_many_bans)
{
    struct sim_peer *peer = come_in();
    char line[64];
    for (int i = 0; i <= BANS_MAX; i++) {
        (void)snprintf(line, sizeof(line), "ban 10.0.%d.%d", i / 256, i % 256);
        ask(peer, line);
        expect(peer, i < BANS_MAX ? "OK\n" : "ERR there are too many bans\n");
    }
    ask(peer, "ban 10.0.0.0 1h");
    expect(peer, "OK\n");
}
