/*
 * Descriptors of others, and wake-ups from other threads: on the simulated door, and once each on
 * the real one. The cases follow libuv's test-poll.c and test-async.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "reactor/net/wakeup.h"
#include "reactor/net/watch.h"
#include "reactor/task/root.h"
#include "tests/support/stream_pair.h"

static struct watch watch;
static struct wakeup wakeup;
static struct sim_peer *peer;
static int fd;

static void open_both(void)
{
    stream_pairs_open();
    fd = stream_pair_accept(&peer);
    cr_assert_eq(watch_open(&watch, &loop, fd), 0);
    cr_assert_eq(wakeup_open(&wakeup, &loop), 0);
}

static void close_both(void)
{
    watch_close(&watch);
    watch_close(&watch);
    (void)loop.sys->close(loop.sys, fd); /* it stayed ours */
    wakeup_close(&wakeup);
    wakeup_close(&wakeup);
    stream_pairs_close();
}

TestSuite(watch, .init = open_both, .fini = close_both);

static int waits_readable(struct task *task, void *object)
{
    return watch_wait(task, object, SYS_READABLE);
}

static int waits_woken(struct task *task, void *object)
{
    return wakeup_wait(task, object);
}

static struct actor reader = {.call = waits_readable, .object = &watch};
static struct actor sleeper = {.call = waits_woken, .object = &wakeup};

static void start(struct actor *actor)
{
    actor_start(actor, "actor");
    fixture_settle();
}

/* --- watches --- */

Test(watch, it_waits_until_there_is_something_to_read)
{
    char byte;
    start(&reader);
    cr_assert(actor_waiting(&reader));
    sim_peer_say(peer, "x");
    fixture_settle();
    cr_assert(actor_ended(&reader, SYS_READABLE));
    start(&reader);
    cr_assert(actor_ended(&reader, SYS_READABLE), "it is a level");
    cr_assert_eq(loop.sys->receive(loop.sys, fd, &byte, 1), 1);
    cr_assert_eq(loop.sys->receive(loop.sys, fd, &byte, 1), -EAGAIN);
    watch_exhausted(&watch, SYS_READABLE);
    start(&reader);
    cr_assert(actor_waiting(&reader));
    sim_peer_shutdown(peer);
    fixture_settle();
    cr_assert(task_ended(&reader.task));
    cr_assert(reader.task.result & SYS_HANGUP, "an end is reported, too");
}

Test(watch, several_may_wait)
{
    struct actor other = {.call = waits_readable, .object = &watch};
    start(&reader);
    start(&other);
    sim_peer_say(peer, "x");
    fixture_settle();
    cr_assert(actor_ended(&reader, SYS_READABLE) && actor_ended(&other, SYS_READABLE));
}

Test(watch, a_cancel_or_a_deadline_ends_the_wait)
{
    start(&reader);
    task_cancel(&reader.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&reader, -ECANCELED));
    reader.limit_ns = NS_PER_MS;
    start(&reader);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&reader, -ETIMEDOUT));
}

Test(watch, one_that_can_not_be_opened_leaves_the_descriptor_alone)
{
    struct watch other;
    cr_assert_eq(watch_open(&other, &loop, fd), -EEXIST);
    watch_close(&other);
    start(&reader);
    sim_peer_say(peer, "x");
    fixture_settle();
    cr_assert(actor_ended(&reader, SYS_READABLE));
}

/* --- wake-ups --- */

Test(watch, a_wakeup_wakes_once_however_often_it_was_raised)
{
    start(&sleeper);
    cr_assert(actor_waiting(&sleeper));
    wakeup_raise(&wakeup);
    wakeup_raise(&wakeup);
    fixture_settle();
    cr_assert(actor_ended(&sleeper, 0));
    start(&sleeper);
    cr_assert(actor_waiting(&sleeper));
    wakeup_raise(&wakeup);
    fixture_settle();
    cr_assert(actor_ended(&sleeper, 0));
}

Test(watch, a_wakeup_that_was_raised_before_is_not_lost)
{
    wakeup_raise(&wakeup);
    fixture_settle();
    start(&sleeper);
    cr_assert(actor_ended(&sleeper, 0));
}

Test(watch, a_cancelled_wait_leaves_the_wakeup_raised)
{
    start(&sleeper);
    wakeup_raise(&wakeup);
    task_cancel(&sleeper.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&sleeper, -ECANCELED));
    start(&sleeper);
    cr_assert(actor_ended(&sleeper, 0));
    sleeper.limit_ns = NS_PER_MS;
    start(&sleeper);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&sleeper, -ETIMEDOUT));
}

Test(watch, without_descriptors_or_memory_a_wakeup_is_not_opened)
{
    static const char *const failures[] = {"wakeup_open: EMFILE", "poll_add: ENOSPC"};
    for (unsigned i = 0; i < 2; i++) {
        struct wakeup other;
        sim_fail_nth(sim, i + 1, 0);
        cr_assert_lt(wakeup_open(&other, &loop), 0);
        cr_assert_str_eq(sim_failed_call(sim), failures[i]);
        wakeup_close(&other);
    }
}

/* --- the real door --- */

static int pipe_ends[2];

static void *works(void *object)
{
    *(int *)object = 42;
    wakeup_raise(&wakeup);
    cr_assert_eq(write(pipe_ends[1], "x", 1), 1);
    return NULL;
}

static int works_in_a_thread(struct task *task)
{
    static struct frame frame;
    static int rc, answer;
    static pthread_t thread;
    struct {
        struct frame frame;
    } *const self = (void *)&frame;

    TASK_BEGIN();
    cr_assert_eq(pthread_create(&thread, NULL, works, &answer), 0);
    TASK_AWAIT(rc, wakeup_wait(task, &wakeup));
    cr_assert_eq(rc, 0);
    cr_assert_eq(answer, 42);
    TASK_AWAIT(rc, watch_wait(task, &watch, SYS_READABLE));
    cr_assert(rc & SYS_READABLE);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    TASK_END();
}

Test(watch_real, work_in_a_thread_is_awaited)
{
    struct loop real;
    struct task task;
    cr_assert_eq(loop_init(&real, sys_kernel()), 0);
    cr_assert_eq(pipe(pipe_ends), 0);
    cr_assert_eq(watch_open(&watch, &real, pipe_ends[0]), 0);
    cr_assert_eq(wakeup_open(&wakeup, &real), 0);
    cr_assert_eq(loop_run(&real, &task, "main", works_in_a_thread), 0);
    watch_close(&watch);
    wakeup_close(&wakeup);
    loop_release(&real);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}
