/*
 * Signals as events: on the simulated door, and once on the real one, whose mask must be restored.
 */
#include "reactor/loop/signals.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/fixture.h"

TestSuite(loop_signals, .init = fixture_open, .fini = fixture_close);

static struct signals signals;
static int seen[8];
static int seen_count;

static void see(struct signals *from, int number)
{
    cr_assert_eq(from, &signals);
    seen[seen_count++] = number;
}

static void see_and_close(struct signals *from, int number)
{
    see(from, number);
    signals_close(from);
}

static sigset_t set_of(int first, int second)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, first);
    (void)sigaddset(&set, second);
    return set;
}

static int open_on(struct loop *where, void (*on_signal)(struct signals *, int))
{
    sigset_t set = set_of(SIGTERM, SIGHUP);
    return signals_open(&signals, where, "signals", &set, on_signal);
}

Test(loop_signals, a_signal_arrives_as_a_callback)
{
    cr_assert_eq(open_on(&loop, see), 0);
    fixture_settle();
    cr_assert_eq(seen_count, 0);
    for (int i = 0; i < 3; i++) {
        sim_raise(sim, SIGTERM);
        fixture_settle();
        cr_assert_eq(seen_count, i + 1);
        cr_assert_eq(seen[i], SIGTERM);
    }
    signals_close(&signals);
}

Test(loop_signals, every_pending_signal_is_read_and_equal_ones_merge)
{
    cr_assert_eq(open_on(&loop, see), 0);
    sim_raise(sim, SIGTERM);
    sim_raise(sim, SIGHUP);
    sim_raise(sim, SIGTERM);
    fixture_turn();
    cr_assert_eq(seen_count, 2);
    cr_assert_eq(seen[0] + seen[1], SIGTERM + SIGHUP);
    cr_assert_eq(signals.descriptor.ready, 0, "the level is cleared with the last one");
    signals_close(&signals);
}

Test(loop_signals, they_may_be_closed_while_one_is_handled)
{
    cr_assert_eq(open_on(&loop, see_and_close), 0);
    sim_raise(sim, SIGTERM);
    sim_raise(sim, SIGHUP);
    fixture_settle();
    cr_assert_eq(seen_count, 1, "the other one is dropped");
    signals_close(&signals);
    cr_assert_eq(open_on(&loop, see), 0, "the process' mask is free again");
    signals_close(&signals);
}

static int freed_count;

static void close_and_free(struct signals *from, int number)
{
    (void)number;
    signals_close(from);
    memset(from, 0xa5, sizeof(*from)); /* as a sanitizer's free() would leave it */
    free(from);
    freed_count++;
}

Test(loop_signals, they_may_be_closed_and_freed_while_another_is_pending)
{
    struct signals *own = malloc(sizeof(*own));
    sigset_t set = set_of(SIGTERM, SIGHUP);

    cr_assert_not_null(own);
    cr_assert_eq(signals_open(own, &loop, "signals", &set, close_and_free), 0);
    sim_raise(sim, SIGTERM);
    sim_raise(sim, SIGHUP);
    fixture_settle();
    cr_assert_eq(freed_count, 1);
}

Test(loop_signals, one_that_is_under_way_when_they_are_closed_is_dropped)
{
    cr_assert_eq(open_on(&loop, see), 0);
    sim_raise(sim, SIGTERM);
    fixture_turn();
    loop_call_soon(&loop, &signals.callback);
    signals_close(&signals);
    cr_assert_not(list_linked(&signals.callback.node), "its memory may go away now");
    fixture_settle();
    cr_assert_eq(seen_count, 1);
}

Test(loop_signals, only_one_may_be_open_at_a_time)
{
    struct signals second;
    sigset_t set = set_of(SIGUSR1, SIGUSR2);

    cr_assert_eq(open_on(&loop, see), 0);
    cr_assert_eq(signals_open(&second, &loop, "second", &set, see), -EBUSY);
    signals_close(&second);
    sim_raise(sim, SIGTERM);
    fixture_settle();
    cr_assert_eq(seen_count, 1);
    signals_close(&signals);
}

Test(loop_signals, a_failed_open_leaves_nothing_behind)
{
    int open_before = sim_open_descriptors(sim);

    for (uint64_t nth = 1;; nth++) {
        sim_fail_nth(sim, nth, 0);
        int rc = open_on(&loop, see);
        if (!sim_failed_call(sim)) {
            cr_assert_eq(rc, 0);
            cr_assert_eq(nth, 4, "descriptor, table and kernel have been seen to refuse");
            signals_close(&signals);
            return;
        }
        cr_assert_lt(rc, 0);
        cr_assert_eq(sim_open_descriptors(sim), open_before);
        signals_close(&signals); /* harmless */
    }
}

Test(loop_signals, the_real_door_blocks_the_signals_and_restores_the_mask)
{
    struct loop real;
    sigset_t before, during, after;

    cr_assert_eq(sigprocmask(SIG_SETMASK, NULL, &before), 0);
    cr_assert_eq(loop_init(&real, sys_kernel()), 0);
    cr_assert_eq(open_on(&real, see), 0);
    cr_assert_eq(sigprocmask(SIG_SETMASK, NULL, &during), 0);
    cr_assert(sigismember(&during, SIGTERM) && sigismember(&during, SIGHUP));
    pid_t child = fork();
    if (child == 0) {
        signals_restore_mask(&signals);
        _exit(sigprocmask(SIG_SETMASK, NULL, &after) != 0 || sigismember(&after, SIGTERM));
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "in the child TERM is not blocked");
    cr_assert_eq(kill(getpid(), SIGTERM), 0);
    while (seen_count == 0)
        cr_assert_eq(loop_run_once(&real), 0);
    cr_assert_eq(seen_count, 1);
    cr_assert_eq(seen[0], SIGTERM);
    signals_close(&signals);
    cr_assert_eq(sigprocmask(SIG_SETMASK, NULL, &after), 0);
    for (int number = 1; number < 32; number++)
        cr_assert_eq(sigismember(&after, number), sigismember(&before, number));
    loop_release(&real);
}
