/* Peers that vanish without a word are let go in time; those that only stopped reading stay. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/server_fixture.h"

TestSuite(lost_peers, .timeout = 60);

static const struct sim_options small = {.send_buffer_bytes = 4096, .receive_buffer_bytes = 4096};
static const char *const arguments[] = {"--rate", "0", NULL};

static struct sim_peer *ann, *bob;

static void start(void)
{
    server_fixture_build(&small);
    cr_assert_eq(server_fixture_start(arguments), 0);
    ann = server_fixture_enter();
    bob = server_fixture_enter();
    cr_assert(server_fixture_pass(NS_PER_SECOND));
}

static void end_cleanly(void)
{
    cr_assert_eq(server_fixture_end(), 0);
    server_fixture_stop();
    server_fixture_raze();
}

/* For so long ann says something now and then; true if she hears that bob is gone. */
static bool is_lost_within(int64_t duration_ns, int64_t pause_ns)
{
    for (int64_t passed_ns = 0; passed_ns < duration_ns; passed_ns += pause_ns) {
        server_fixture_say(ann, "is somebody there?");
        cr_assert(server_fixture_pass(pause_ns));
        if (strstr(sim_peer_text(ann), "#lobby -- guest2 left (connection lost)\r\n"))
            return true;
    }
    return false;
}

Test(lost_peers, a_peer_that_vanished_from_a_busy_room_is_let_go_within_three_minutes)
{
    start();
    sim_peer_vanish(bob);
    cr_assert_not(is_lost_within(150 * NS_PER_SECOND, NS_PER_SECOND));
    cr_assert(is_lost_within(30 * NS_PER_SECOND, NS_PER_SECOND));
    cr_assert_eq(names_count(&server_fixture.server.chat.people), 1);
    end_cleanly();
}

Test(lost_peers, one_line_on_its_way_is_enough)
{
    start();
    sim_peer_vanish(bob);
    cr_assert(is_lost_within(180 * NS_PER_SECOND, 180 * NS_PER_SECOND));
    end_cleanly();
}

/* Says more than the buffers hold. */
static void fill(void)
{
    for (int i = 0; i < 500; i++)
        server_fixture_say(ann, "a line that nobody reads");
}

Test(lost_peers, one_that_had_stopped_reading_is_let_go_within_five_minutes)
{
    start();
    sim_peer_stall(bob);
    fill();
    sim_peer_vanish(bob);
    cr_assert_not(is_lost_within(240 * NS_PER_SECOND, NS_PER_SECOND));
    cr_assert(is_lost_within(60 * NS_PER_SECOND, NS_PER_SECOND));
    end_cleanly();
}

Test(lost_peers, one_that_only_stopped_reading_stays)
{
    start();
    sim_peer_stall(bob);
    fill();
    cr_assert_not(is_lost_within(3600 * NS_PER_SECOND, 10 * NS_PER_SECOND));
    sim_peer_resume(bob);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    server_fixture_say(bob, "/ping back");
    server_fixture_expect(bob, "* pong back\r\n");
    end_cleanly();
}

Test(lost_peers, one_that_reads_is_asked_nothing)
{
    start();
    cr_assert_not(is_lost_within(600 * NS_PER_SECOND, NS_PER_SECOND));
    cr_assert_eq(sim_count(server_fixture.sim, SIM_PEER_STATE), 0);
    end_cleanly();
}

Test(lost_peers, a_unix_peer_that_stopped_reading_stays)
{
    static const char *const listeners[] = {
        "-l", "127.0.0.1:7777", "-l", "unix:/run/chat", "--rate", "0", NULL};
    server_fixture_build(&small);
    cr_assert_eq(server_fixture_start(listeners), 0);
    ann = server_fixture_enter();
    bob = sim_connect(server_fixture.sim, "unix:/run/chat");
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    sim_peer_stall(bob);
    fill();
    cr_assert_not(is_lost_within(600 * NS_PER_SECOND, 10 * NS_PER_SECOND));
    end_cleanly();
}

Test(lost_peers, many_are_looked_at_in_slices)
{
    enum { PEOPLE = 3 * PEER_CHECK_SLICE };
    struct sim_peer *peers[PEOPLE];
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    ann = server_fixture_enter();
    for (int i = 0; i < PEOPLE; i++)
        peers[i] = server_fixture_enter();
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    for (int i = 0; i < PEOPLE; i++)
        sim_peer_vanish(peers[i]);
    server_fixture_say(ann, "is somebody there?");
    uint64_t most = 0;
    sim_limit(server_fixture.sim, sim_now_ns(server_fixture.sim) + 181 * NS_PER_SECOND);
    while (!sim_idle(server_fixture.sim)) {
        uint64_t before = sim_count(server_fixture.sim, SIM_PEER_STATE);
        cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
        uint64_t asked = sim_count(server_fixture.sim, SIM_PEER_STATE) - before;
        most = asked > most ? asked : most;
    }
    cr_assert_eq(names_count(&server_fixture.server.chat.people), 1);
    cr_assert(most > 0 && most <= PEER_CHECK_SLICE, "%lu in a turn", (unsigned long)most);
    end_cleanly();
}

Test(lost_peers, nothing_is_looked_for_when_nothing_was_sent)
{
    start();
    cr_assert(server_fixture_pass(60 * NS_PER_SECOND));
    uint64_t turns = server_fixture.loop.turn;
    cr_assert(server_fixture_pass(3600 * NS_PER_SECOND));
    cr_assert_leq(server_fixture.loop.turn - turns, 1);
    end_cleanly();
}
