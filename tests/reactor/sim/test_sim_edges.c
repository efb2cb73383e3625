/*
 * Edges of the simulated kernel that nothing else meets: each fails if one line of it is missing.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "reactor/sim/testing.h"
#include "tests/support/stream_pair.h"

static struct sim_peer *peer;
static int fd;

static void open_all(void)
{
    stream_pairs_open();
    fd = stream_pair_accept(&peer);
}

static void close_all(void)
{
    (void)loop.sys->close(loop.sys, fd);
    stream_pairs_close();
}

TestSuite(sim_edges, .init = open_all, .fini = close_all);

/* What poll_wait reports of a socket that is watched by `poll`; 0: nothing. */
static uint32_t reported(int poll)
{
    struct sys_event event = {.ready = 0};
    return loop.sys->poll_wait(loop.sys, poll, &event, 1, 0) == 1 ? event.ready : 0;
}

Test(sim_edges, a_signal_after_the_program_was_idle_is_something_to_do)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    int signals = loop.sys->signals_open(loop.sys, &set);
    fixture_settle();
    cr_assert(sim_idle(sim));
    sim_raise(sim, SIGTERM);
    cr_assert_not(sim_idle(sim));
    cr_assert_eq(loop.sys->signals_read(loop.sys, signals), SIGTERM);
    loop.sys->signals_close(loop.sys, signals);
}

Test(sim_edges, what_is_written_replaces_the_whole_file)
{
    struct sys *sys = loop.sys;
    sim_write_file(sim, "/notes", "a long text that was there before");
    int file = sys->open_write(sys, "/notes");
    cr_assert_eq(sys->write(sys, file, "short", 5), 5);
    cr_assert_eq(sys->close(sys, file), 0);
    cr_assert_str_eq(sim_file_text(sim, "/notes"), "short");
}

Test(sim_edges, a_peer_that_speaks_after_its_end_is_not_heard)
{
    char text[16];
    sim_peer_say(peer, "bye");
    sim_peer_shutdown(peer);
    sim_peer_say(peer, " and more");
    fixture_settle();
    cr_assert_eq(loop.sys->receive(loop.sys, fd, text, sizeof(text)), 3);
    cr_assert_eq(loop.sys->receive(loop.sys, fd, text, sizeof(text)), 0);
}

/* A signal that was read before anybody polled. */
Test(sim_edges, readiness_whose_cause_is_gone_is_not_reported)
{
    struct sys *sys = loop.sys;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    int poll = sys->poll_open(sys), signals = sys->signals_open(sys, &set);
    cr_assert_eq(sys->poll_add(sys, poll, signals, 1), 0);
    sim_raise(sim, SIGTERM);
    cr_assert_eq(sys->signals_read(sys, signals), SIGTERM);
    cr_assert_eq(reported(poll), 0);
    sim_raise(sim, SIGTERM);
    cr_assert_eq(reported(poll), SYS_READABLE);
    cr_assert_eq(sys->signals_read(sys, signals), SIGTERM);
    sys->signals_close(sys, signals);
    cr_assert_eq(sys->close(sys, poll), 0);
}

Test(sim_edges, a_read_that_fails_leaves_nothing_of_what_had_arrived)
{
    static const int error = -ECONNRESET;
    char text[16];
    sim_peer_say(peer, "unread");
    fixture_settle();
    sim_answer(sim, SIM_RECEIVE, &error, 1);
    cr_assert_eq(loop.sys->receive(loop.sys, fd, text, sizeof(text)), -ECONNRESET);
    cr_assert_eq(loop.sys->receive(loop.sys, fd, text, sizeof(text)), 0);
    cr_assert(sim_peer_was_reset(peer));
}

Test(sim_edges, a_send_that_fails_leaves_what_had_arrived)
{
    static const int error = -ECONNRESET;
    char text[16];
    sim_peer_say(peer, "unread");
    fixture_settle();
    sim_answer(sim, SIM_SEND, &error, 1);
    cr_assert_eq(loop.sys->send(loop.sys, fd, "x", 1), -ECONNRESET);
    cr_assert_eq(loop.sys->send(loop.sys, fd, "x", 1), -EPIPE);
    cr_assert_eq(loop.sys->receive(loop.sys, fd, text, sizeof(text)), 6);
    cr_assert_eq(loop.sys->receive(loop.sys, fd, text, sizeof(text)), 0);
}

/* --- the harness --- */

/* Sleeps a millisecond at a time. */
static struct napper {
    struct task task;
    struct frame frame;
    int rc;
    int naps;
} napper;

static int napper_step(struct task *task)
{
    struct napper *const self = container_of(task, struct napper, task);

    TASK_BEGIN();
    while (self->naps-- > 0)
        TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    TASK_END();
}

Test(sim_edges_testing, many_turns_that_are_spread_over_time_are_no_spin)
{
    struct testing testing;
    napper.naps = TESTING_TURNS_MAX + 100;
    testing_open(&testing, NULL);
    cr_assert(testing_run(&testing, &napper.task, "napper", napper_step, 3600 * NS_PER_SECOND),
              "%s", testing.report);
    cr_assert(testing_close(&testing), "%s", testing.report);
}
