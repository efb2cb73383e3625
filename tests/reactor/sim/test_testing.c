/* The test harness of the library, tested: what it runs, what it reports, and what its peers do. */
#include "reactor/sim/testing.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "reactor/task/sync.h"

#define LINE_MAX_BYTES 100

static struct testing testing;

/* A task that makes one await. */
struct waiter {
    struct task task;
    struct frame frame;
    int rc;
    int64_t sleep_ns; /* 0: it waits for the event */
    struct event event;
};

static int waiter_step(struct task *task)
{
    struct waiter *const self = container_of(task, struct waiter, task);

    TASK_BEGIN();
    if (self->sleep_ns)
        TASK_AWAIT(self->rc, task_sleep(task, self->sleep_ns));
    else
        TASK_AWAIT(self->rc, event_wait(task, &self->event));
    TASK_RETURN(self->rc);
    TASK_END();
}

static bool reported(const char *text)
{
    return strstr(testing.report, text) != NULL;
}

/* --- running --- */

Test(testing, half_an_hour_of_waiting_takes_no_time)
{
    struct waiter waiter = {.sleep_ns = 1800 * NS_PER_SECOND};

    testing_open(&testing, NULL);
    int64_t begin_ns = sim_now_ns(testing.sim);
    cr_assert(testing_run(&testing, &waiter.task, "waiter", waiter_step, 3600 * NS_PER_SECOND));
    cr_assert_eq(waiter.task.result, 0);
    cr_assert_eq(sim_now_ns(testing.sim), begin_ns + waiter.sleep_ns);
    cr_assert(testing_close(&testing), "%s", testing.report);
}

Test(testing, one_after_another_may_be_run)
{
    testing_open(&testing, NULL);
    for (int i = 0; i < 3; i++) {
        struct waiter waiter = {.sleep_ns = NS_PER_SECOND};
        cr_assert(testing_run(&testing, &waiter.task, "waiter", waiter_step, NS_PER_SECOND));
    }
    cr_assert(testing_close(&testing), "%s", testing.report);
}

/* A task that has a child. */
struct parent {
    struct task task;
    struct frame frame;
    int rc;
    struct task_group group;
    struct waiter child;
};

static int parent_step(struct task *task)
{
    struct parent *const self = container_of(task, struct parent, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "children", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->group, &self->child.task, "child", waiter_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_RETURN(self->rc);
    TASK_END();
}

Test(testing, what_does_not_finish_is_told_of_with_what_every_task_waits_for)
{
    struct parent parent = {.rc = 0};

    event_init(&parent.child.event);
    testing_open(&testing, NULL);
    cr_assert_not(testing_run(&testing, &parent.task, "parent", parent_step, NS_PER_SECOND));
    cr_assert(reported("parent did not finish: it waited to the end of its time\n"));
    cr_assert(reported("[root] 1 task\n"));
    cr_assert(reported("task_group_join(task, &self->group)\n"));
    cr_assert(reported("[children] 1 task\n"));
    cr_assert(reported("child  tests/reactor/sim/test_testing.c:"));
    cr_assert(reported("event_wait(task, &self->event)\n"), "%s", testing.report);
    cr_assert(testing_close(&testing), "%s", testing.report);
    cr_assert_eq(parent.task.result, -ECANCELED, "the close has ended it");
}

Test(testing, a_run_without_a_limit_ends_where_nothing_can_happen_any_more)
{
    struct waiter waiter = {.rc = 0}, sleeper = {.sleep_ns = 100000 * NS_PER_SECOND};

    event_init(&waiter.event);
    testing_open(&testing, NULL);
    cr_assert(testing_run(&testing, &sleeper.task, "sleeper", waiter_step, TIME_NEVER));
    cr_assert_not(testing_run(&testing, &waiter.task, "waiter", waiter_step, TIME_NEVER));
    cr_assert(reported("waiter did not finish: it waited to the end of its time\n"));
    cr_assert(testing_close(&testing), "%s", testing.report);
}

Test(testing, a_run_that_did_not_finish_is_resumed)
{
    struct waiter waiter = {.sleep_ns = 3 * NS_PER_SECOND};

    testing_open(&testing, NULL);
    cr_assert_not(testing_run(&testing, &waiter.task, "waiter", waiter_step, NS_PER_SECOND));
    cr_assert_not(testing_resume(&testing, NS_PER_SECOND));
    cr_assert(testing_resume(&testing, NS_PER_SECOND));
    cr_assert(testing_close(&testing), "%s", testing.report);
}

static int spinner_step(struct task *task)
{
    struct waiter *const self = container_of(task, struct waiter, task);

    TASK_BEGIN();
    do {
        TASK_AWAIT(self->rc, task_sleep(task, 0));
    } while (self->rc == 0);
    TASK_END();
}

Test(testing, what_turns_without_end_is_told_of)
{
    struct waiter waiter = {.rc = 0};

    testing_open(&testing, NULL);
    cr_assert_not(testing_run(&testing, &waiter.task, "spinner", spinner_step, NS_PER_SECOND));
    cr_assert(reported("spinner did not finish: it turns without end in one instant\n"));
    cr_assert(testing_close(&testing), "%s", testing.report);
}

static int deaf_step(struct task *task)
{
    struct waiter *const self = container_of(task, struct waiter, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, wait_list_settle(task, &self->event.waiting, self->event.set));
    TASK_END();
}

Test(testing, the_close_tells_of_a_task_that_hears_no_cancel)
{
    struct waiter waiter = {.rc = 0};

    event_init(&waiter.event);
    testing_open(&testing, NULL);
    cr_assert_not(testing_run(&testing, &waiter.task, "deaf", deaf_step, 0));
    cr_assert_not(testing_close(&testing));
    cr_assert(reported("deaf did not finish"));
}

/* --- what is left --- */

Test(testing, the_close_tells_of_blocks_timers_and_streams_that_are_left)
{
    static struct timer timer;
    struct stream stream;
    struct sim_peer *peer;

    testing_open(&testing, NULL);
    loop_call_at(&testing.loop, &timer, testing.loop.now_ns + NS_PER_SECOND);
    cr_assert_eq(testing_stream(&testing, &stream, &peer), 0);
    cr_assert_not(testing_close(&testing));
    cr_assert(reported("1 timers are left\n"));
    cr_assert(reported("1 streams or listeners are left open\n"));

    testing_open(&testing, NULL);
    cr_assert(testing.loop.sys->allocate(testing.loop.sys, 100));
    cr_assert_not(testing_close(&testing));
    cr_assert(reported("1 blocks are left, 100 bytes\n"));
    cr_assert_not(reported("timers"));

    testing_open(&testing, NULL);
    cr_assert(testing.loop.sys->socket(testing.loop.sys, AF_INET) >= 0);
    cr_assert_not(testing_close(&testing));
    cr_assert(reported("1 descriptors are left\n"));
}

/* --- scripted peers --- */

/* Asks who is there, greets until nobody is. */
struct greeter {
    struct task task;
    struct frame frame;
    int rc;
    struct stream stream;
    char *line;
    size_t size;
    int greeted;
};

static void say(struct stream *stream, const char *text)
{
    cr_assert_eq(stream_write(stream, text, strlen(text)), 0);
}

static int greeter_step(struct task *task)
{
    struct greeter *const self = container_of(task, struct greeter, task);

    TASK_BEGIN();
    for (;;) {
        say(&self->stream, "who are you?\n");
        TASK_AWAIT(self->rc,
                   stream_read_line(task, &self->stream, LINE_MAX_BYTES, &self->line, &self->size));
        if (self->rc <= 0)
            break;
        self->greeted++;
        say(&self->stream, "hello ");
        say(&self->stream, self->line);
        say(&self->stream, "\n");
        TASK_AWAIT(self->rc, stream_drain(task, &self->stream, 0));
        if (self->rc < 0)
            break;
    }
    stream_close(&self->stream);
    TASK_RETURN(self->rc);
    TASK_END();
}

/* Runs a greeter against `acts` on a network with `options`. Returns whether it ended. */
static bool greet(struct greeter *greeter, struct testing_script *script,
                  const struct sim_options *options, const struct testing_act *acts)
{
    struct sim_peer *peer;

    *greeter = (struct greeter){.rc = 0};
    testing_open(&testing, options);
    cr_assert_eq(testing_stream(&testing, &greeter->stream, &peer), 0);
    testing_play(&testing, script, peer, acts);
    return testing_run(&testing, &greeter->task, "greeter", greeter_step, 10 * NS_PER_SECOND);
}

static const struct testing_act polite[] = {
    {.verb = TESTING_EXPECT, .text = "who are you?"},
    {.verb = TESTING_SAY, .text = "ann\r\n"},
    {.verb = TESTING_EXPECT, .text = "hello ann\n"},
    {.verb = TESTING_WAIT, .duration_ns = NS_PER_SECOND},
    {.verb = TESTING_EXPECT, .text = "who are you?\n"},
    {.verb = TESTING_SAY, .text = "bob"},
    {.verb = TESTING_SHUTDOWN},
    {.verb = TESTING_EXPECT, .text = "hello bob\n"},
    {.verb = TESTING_END},
};

Test(testing, a_script_is_played_to_its_end_however_its_bytes_are_cut)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        const struct sim_options options = {
            .seed = seed,
            .segments = (enum sim_segments)(seed % 3),
            .delay_max_ns = (int64_t)(seed / 3 % 2) * NS_PER_MS,
            .short_read_ppm = seed % 2 ? 200000 : 0,
            .short_write_ppm = seed % 2 ? 200000 : 0,
        };
        struct greeter greeter;
        struct testing_script script;
        cr_assert(greet(&greeter, &script, &options, polite), "seed %lu: %s", seed, testing.report);
        cr_assert_eq(greeter.task.result, 0, "seed %lu", seed);
        cr_assert_eq(greeter.greeted, 2, "seed %lu", seed);
        cr_assert(testing_played(&testing, &script), "seed %lu", seed);
        cr_assert(testing_close(&testing), "seed %lu: %s", seed, testing.report);
    }
}

Test(testing, a_peers_pause_lasts_its_time)
{
    struct greeter greeter;
    struct testing_script script;

    cr_assert(greet(&greeter, &script, NULL, polite));
    cr_assert_eq(sim_now_ns(testing.sim), 2 * NS_PER_SECOND, "the clock began at one second");
    cr_assert(testing_close(&testing), "%s", testing.report);
}

Test(testing, a_peer_that_waits_in_vain_is_told_of)
{
    struct greeter greeter;
    struct testing_script script;
    const struct testing_act acts[] = {{.verb = TESTING_EXPECT, .text = "who"},
                                       {.verb = TESTING_EXPECT, .text = "where"},
                                       {.verb = TESTING_END}};

    cr_assert_not(greet(&greeter, &script, NULL, acts));
    cr_assert(reported("a peer waits for \"where\" and was sent \" are you?\n\""), "%s",
              testing.report);
    cr_assert_not(testing_played(&testing, &script));
    cr_assert(testing_close(&testing), "%s", testing.report);
}

Test(testing, a_peer_that_has_not_had_its_time_is_told_of)
{
    struct greeter greeter;
    struct testing_script script;
    const struct testing_act acts[] = {{.verb = TESTING_WAIT, .duration_ns = 60 * NS_PER_SECOND},
                                       {.verb = TESTING_END}};

    cr_assert_not(greet(&greeter, &script, NULL, acts));
    cr_assert(reported("a peer waits for its time\n"));
    cr_assert(testing_close(&testing), "%s", testing.report);
}

Test(testing, a_stalled_peer_holds_the_program_up_until_it_reads_again)
{
    const struct sim_options small = {.send_buffer_bytes = 8, .receive_buffer_bytes = 8};
    struct greeter greeter;
    struct testing_script script;
    const struct testing_act acts[] = {
        {.verb = TESTING_STALL},
        {.verb = TESTING_SAY, .text = "a name that is longer than both buffers\n"},
        {.verb = TESTING_WAIT, .duration_ns = 3 * NS_PER_SECOND},
        {.verb = TESTING_RESUME},
        {.verb = TESTING_EXPECT, .text = "hello a name that is longer than both buffers\nwho"},
        {.verb = TESTING_SHUTDOWN},
        {.verb = TESTING_END}};

    cr_assert(greet(&greeter, &script, &small, acts), "%s", testing.report);
    cr_assert_eq(greeter.task.result, 0);
    cr_assert_geq(sim_now_ns(testing.sim), 4 * NS_PER_SECOND);
    cr_assert(testing_close(&testing), "%s", testing.report);
}

Test(testing, a_peer_may_close_and_reset)
{
    struct greeter greeter;
    struct testing_script script;
    const struct testing_act closes[] = {
        {.verb = TESTING_EXPECT, .text = "?\n"}, {.verb = TESTING_CLOSE}, {.verb = TESTING_END}};
    const struct testing_act resets[] = {{.verb = TESTING_RESET}, {.verb = TESTING_END}};

    cr_assert(greet(&greeter, &script, NULL, closes), "%s", testing.report);
    cr_assert_eq(greeter.task.result, 0);
    cr_assert(testing_close(&testing), "%s", testing.report);
    cr_assert(greet(&greeter, &script, NULL, resets), "%s", testing.report);
    cr_assert_eq(greeter.task.result, -ECONNRESET);
    cr_assert(testing_close(&testing), "%s", testing.report);
}

/* --- faults, counts and canned answers --- */

Test(testing, whatever_call_fails_a_stream_is_made_or_nothing_is_left)
{
    bool more = true;
    for (uint64_t nth = 1; more; nth++) {
        struct stream stream;
        struct sim_peer *peer;
        testing_open(&testing, NULL);
        sim_fail_nth(testing.sim, nth, 0);
        int rc = testing_stream(&testing, &stream, &peer);
        more = sim_failed_call(testing.sim) != NULL;
        cr_assert(rc == 0 || more, "call %lu: %d", nth, rc);
        if (rc == 0)
            stream_close(&stream);
        cr_assert(testing_close(&testing), "call %lu: %s", nth, testing.report);
    }
}

Test(testing, a_call_answers_what_it_was_told_to_in_turn)
{
    static const int answers[] = {-EMFILE, 0, -ENOBUFS};
    testing_open(&testing, NULL);
    struct sys *sys = testing.loop.sys;

    sim_answer(testing.sim, SIM_SOCKET, answers, 3);
    uint64_t before = sim_count(testing.sim, SIM_SOCKET);
    cr_assert_eq(sys->socket(sys, AF_INET), -EMFILE);
    cr_assert_str_eq(sim_failed_call(testing.sim), "socket: EMFILE");
    int first = sys->socket(sys, AF_INET);
    cr_assert_eq(sys->socket(sys, AF_INET), -ENOBUFS);
    int second = sys->socket(sys, AF_INET);
    cr_assert(first >= 0 && second >= 0);
    cr_assert_eq(sim_count(testing.sim, SIM_SOCKET) - before, 4);
    (void)sys->close(sys, first);
    (void)sys->close(sys, second);
    cr_assert(testing_close(&testing), "%s", testing.report);
}

Test(testing, other_calls_go_on_and_a_new_set_of_answers_replaces_the_old)
{
    static const int fails[] = {-ENOMEM, -ENOMEM}, succeeds[] = {0};
    testing_open(&testing, &(struct sim_options){.no_descriptor_ppm = 0});
    struct sys *sys = testing.loop.sys;

    sim_answer(testing.sim, SIM_ALLOCATE, fails, 2);
    int fd = sys->socket(sys, AF_INET);
    cr_assert(fd >= 0);
    (void)sys->close(sys, fd);
    cr_assert_null(sys->allocate(sys, 1));
    sim_answer(testing.sim, SIM_ALLOCATE, succeeds, 1);
    sim_options(testing.sim)->no_memory_ppm = 1000000;
    void *block = sys->allocate(sys, 1);
    cr_assert_not_null(block, "nothing else makes it fail");
    cr_assert_null(sys->allocate(sys, 1));
    sys->release(sys, block);
    cr_assert(testing_close(&testing), "%s", testing.report);
}

static int no_chance(struct sys *sys, void *buffer, size_t size)
{
    (void)sys;
    memset(buffer, 7, size);
    return 0;
}

Test(testing, a_test_puts_its_own_function_into_the_door)
{
    unsigned char byte = 0;
    testing_open(&testing, NULL);
    sim_door(testing.sim)->random = no_chance;
    cr_assert_eq(testing.loop.sys->random(testing.loop.sys, &byte, 1), 0);
    cr_assert_eq(byte, 7);
    cr_assert(testing_close(&testing), "%s", testing.report);
}

/* --- bugs --- */

Test(testing, telling_close_what_to_answer_is_a_bug, .signal = SIGABRT)
{
    static const int answers[] = {-EIO};
    cr_redirect_stderr();
    testing_open(&testing, NULL);
    sim_answer(testing.sim, SIM_CLOSE, answers, 1);
}

Test(testing, a_count_is_no_answer_that_can_be_laid_down, .signal = SIGABRT)
{
    static const int answers[] = {-EIO, 5};
    cr_redirect_stderr();
    testing_open(&testing, NULL);
    sim_answer(testing.sim, SIM_RECEIVE, answers, 2);
}

static void play_one(const struct testing_act *acts)
{
    struct stream stream;
    struct sim_peer *peer;
    struct testing_script script;

    cr_redirect_stderr();
    testing_open(&testing, NULL);
    (void)testing_stream(&testing, &stream, &peer);
    testing_play(&testing, &script, peer, acts);
    (void)testing_played(&testing, &script);
}

Test(testing, expecting_nothing_is_a_bug, .signal = SIGABRT)
{
    play_one((const struct testing_act[]){{.verb = TESTING_EXPECT}, {.verb = TESTING_END}});
}

Test(testing, a_verb_that_there_is_not_is_a_bug, .signal = SIGABRT)
{
    play_one((const struct testing_act[]){{.verb = (enum testing_verb)99}, {.verb = TESTING_END}});
}

Test(testing, resuming_what_was_never_started_is_a_bug, .signal = SIGABRT)
{
    cr_redirect_stderr();
    testing_open(&testing, NULL);
    (void)testing_resume(&testing, 0);
}

Test(testing, making_a_stream_while_a_main_task_has_yet_to_end_is_a_bug, .signal = SIGABRT)
{
    struct waiter waiter = {.sleep_ns = NS_PER_SECOND};
    struct stream stream;
    struct sim_peer *peer;
    cr_redirect_stderr();
    testing_open(&testing, NULL);
    (void)testing_run(&testing, &waiter.task, "waiter", waiter_step, 0);
    (void)testing_stream(&testing, &stream, &peer);
}

Test(testing, closing_twice_is_a_bug, .signal = SIGABRT)
{
    cr_redirect_stderr();
    testing_open(&testing, NULL);
    (void)testing_close(&testing);
    (void)testing_close(&testing);
}

Test(testing, two_main_tasks_at_once_are_a_bug, .signal = SIGABRT)
{
    struct waiter a = {.sleep_ns = NS_PER_SECOND}, b = a;
    cr_redirect_stderr();
    testing_open(&testing, NULL);
    (void)testing_run(&testing, &a.task, "a", waiter_step, 0);
    (void)testing_run(&testing, &b.task, "b", waiter_step, 0);
}

/* --- until nothing is ready --- */

Test(testing, it_runs_until_nothing_is_ready_and_no_further)
{
    struct waiter waiter = {.sleep_ns = NS_PER_SECOND};

    testing_open(&testing, NULL);
    root_start(&testing.root, &testing.loop, &waiter.task, "waiter", waiter_step);
    int64_t begin_ns = sim_now_ns(testing.sim);
    cr_assert(testing_settle(&testing));
    cr_assert(task_where(&waiter.task), "it sleeps");
    cr_assert_eq(sim_now_ns(testing.sim), begin_ns);
    cr_assert(testing_resume(&testing, 2 * NS_PER_SECOND));
    cr_assert(testing_settle(&testing), "also without a main task");
    cr_assert(testing_close(&testing), "%s", testing.report);
}

static void wakes_itself(struct callback *callback)
{
    loop_call_soon(&testing.loop, callback);
}

Test(testing, what_spins_is_never_settled)
{
    struct callback callback = {.run = wakes_itself, .name = "spinner"};

    testing_open(&testing, NULL);
    loop_call_soon(&testing.loop, &callback);
    cr_assert_not(testing_settle(&testing));
    cr_assert(reported("the program did not finish: it turns without end in one instant"));
    list_remove(&callback.node);
    cr_assert(testing_close(&testing), "%s", testing.report);
}
