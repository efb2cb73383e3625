/* How a session ends whose connection is lost: what is read before, and what the room is shown. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/server_fixture.h"

static struct sim_peer *ann, *bob;

static void open_room(const char *const *arguments)
{
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    ann = server_fixture_enter();
    bob = server_fixture_enter();
    server_fixture_say(ann, "/nick ann");
    server_fixture_say(bob, "/nick bob");
    cr_assert(server_fixture_pass(10 * NS_PER_SECOND)); /* all is announced, all may be said */
    sim_peer_forget(ann);
}

static void close_room(void)
{
    cr_assert_eq(server_fixture_end(), 0);
    server_fixture_stop();
    server_fixture_raze();
}

Test(session_lost, a_connection_that_timed_out_is_lost_and_not_idle)
{
    static const int error = -ETIMEDOUT;
    open_room((const char *const[]){"--idle-timeout", "0", NULL});
    sim_answer(server_fixture.sim, SIM_RECEIVE, &error, 1);
    sim_peer_say(bob, "hello\n");
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    server_fixture_expect(ann, "bob left (connection lost)");
    close_room();
}

Test(session_lost, a_connection_that_times_out_at_ctrl_c_is_lost_too)
{
    static const int error = -ETIMEDOUT;
    open_room((const char *const[]){"--idle-timeout", "1h", NULL});
    sim_peer_send(bob, "\377\364", 2); /* IAC IP: it waits a moment for the timing mark */
    cr_assert(server_fixture_pass(0));
    sim_answer(server_fixture.sim, SIM_RECEIVE, &error, 1);
    sim_peer_say(bob, "hello\n");
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    server_fixture_expect(ann, "bob left (connection lost)");
    close_room();
}

Test(session_lost, what_was_said_before_a_send_failed_is_carried_out)
{
    static const int error = -EPIPE;
    open_room((const char *const[]){"--rate", "1/1", NULL});
    sim_peer_say(bob, "one\ntwo\n/history\nthree\n");
    cr_assert(server_fixture_pass(0));
    sim_answer(server_fixture.sim, SIM_SEND, &error, 1);
    sim_answer(server_fixture.sim, SIM_SEND_SEGMENTS, &error, 1);
    server_fixture_say(ann, "anybody there?");
    cr_assert(server_fixture_pass(10 * NS_PER_SECOND));
    const char *seen = sim_peer_text(ann);
    cr_assert(strstr(seen, "<bob> one\r\n") && strstr(seen, "<bob> two\r\n"), "%s", seen);
    cr_assert(strstr(seen, "<bob> three\r\n"), "%s", seen);
    server_fixture_expect(ann, "bob left (connection lost)");
    close_room();
}
