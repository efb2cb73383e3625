/* USR1: all there is to see, in slices that hold nobody up. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/server_fixture.h"

/* No slice has more lines, by server_dump.c. */
#define SLICE_LINES 200

#define CLIENTS 700

static void raze(void)
{
    server_fixture_raze();
}

TestSuite(server_dump, .fini = raze, .timeout = 120);

static void start(void)
{
    const struct sim_options options = {.descriptor_limit = 3000};
    server_fixture_build(&options);
    cr_assert_eq(server_fixture_start(NULL), 0);
    cr_assert(server_fixture_pass(0));
}

static void enter_many(int count)
{
    for (int i = 0; i < count; i++)
        cr_assert(sim_connect(server_fixture.sim, HOUSE_ADDRESS));
    cr_assert(server_fixture_pass(NS_PER_SECOND));
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    while ((text = strstr(text, what))) {
        count++;
        text += strlen(what);
    }
    return count;
}

static const char *logged(void)
{
    return sim_output(server_fixture.sim, 2);
}

static void stop(void)
{
    cr_assert_eq(server_fixture_end(), 0);
    server_fixture_stop();
}

Test(server_dump, shows_everything_once_and_no_turn_has_more_than_a_slice)
{
    start();
    enter_many(CLIENTS);
    size_t seen = strlen(logged());
    sim_raise(server_fixture.sim, SIGUSR1);
    sim_limit(server_fixture.sim, sim_now_ns(server_fixture.sim));
    for (int turns = 0; !sim_idle(server_fixture.sim); turns++) {
        size_t before = strlen(logged());
        cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
        cr_assert_leq(count_of(logged() + before, "\n"), SLICE_LINES + 1);
        cr_assert_lt(turns, 100);
    }
    cr_assert_eq(count_of(logged() + seen, " client guest"), CLIENTS);
    cr_assert_eq(count_of(logged() + seen, "[sessions] 700 tasks"), 1);
    cr_assert_eq(count_of(logged() + seen, "session.c:"), CLIENTS, "what each waits for");
    cr_assert_eq(count_of(logged() + seen, "loop: "), 1);
    cr_assert_eq(count_of(logged() + seen, "chat: 700 clients"), 1);
    stop();
}

Test(server_dump, waits_for_its_reader_and_loses_nothing)
{
    start();
    enter_many(CLIENTS);
    size_t seen = strlen(logged());
    sim_stop_output(server_fixture.sim, true);
    sim_raise(server_fixture.sim, SIGUSR1);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    cr_assert_str_empty(logged() + seen);
    sim_stop_output(server_fixture.sim, false);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    cr_assert_eq(count_of(logged() + seen, " client guest"), CLIENTS);
    cr_assert_eq(count_of(logged() + seen, " of the log "), 0);
    stop();
}

Test(server_dump, ends_if_nobody_reads_it_and_another_may_follow)
{
    start();
    size_t seen = strlen(logged());
    sim_stop_output(server_fixture.sim, true);
    sim_raise(server_fixture.sim, SIGUSR1);
    cr_assert(server_fixture_pass(6 * NS_PER_SECOND));
    sim_stop_output(server_fixture.sim, false);
    sim_raise(server_fixture.sim, SIGUSR1);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    cr_assert(strstr(logged() + seen, "1 line of the log is lost"), "%s", logged() + seen);
    cr_assert_eq(count_of(logged() + seen, "loop: "), 1);
    stop();
}

Test(server_dump, a_second_signal_meanwhile_changes_nothing)
{
    start();
    enter_many(CLIENTS);
    size_t seen = strlen(logged());
    sim_raise(server_fixture.sim, SIGUSR1);
    cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
    cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
    sim_raise(server_fixture.sim, SIGUSR1);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    cr_assert_eq(count_of(logged() + seen, "loop: "), 1);
    stop();
}

Test(server_dump, a_server_that_ends_meanwhile_ends)
{
    start();
    enter_many(CLIENTS);
    sim_stop_output(server_fixture.sim, true);
    sim_raise(server_fixture.sim, SIGUSR1);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    stop();
}
