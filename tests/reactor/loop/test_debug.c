/*
 * What counts as slow, who is told, and what it costs. The virtual clock passes only when a
 * callback says so.
 */
#include "reactor/loop/debug.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/task/sync.h"
#include "tests/support/misuse.h"

/* Whoever runs the tests may have switched it on. */
static void open_with_debug_off(void)
{
    cr_assert_eq(unsetenv("REACTOR_DEBUG"), 0);
    fixture_open();
}

TestSuite(debug, .init = open_with_debug_off, .fini = fixture_close);

static char told[256];
static unsigned told_count;

static void tell(void *context, const struct debug_slow *slow)
{
    cr_assert_eq(context, &told_count);
    told_count++;
    const char *where = slow->where ? slow->where->text : "start";
    (void)snprintf(told, sizeof(told), "%s at %s took %jd ms", slow->name, where,
                   (intmax_t)(slow->took_ns / NS_PER_MS));
}

static void switch_on(void)
{
    loop.debug.enabled = true;
    loop.debug.report = tell;
    loop.debug.context = &told_count;
}

static int64_t takes_ns;

static void run_slowly(struct callback *callback)
{
    (void)callback;
    sim_advance(sim, takes_ns);
}

/* Slow where it is called first, and then not any more. */
static int sleep_slowly(struct task *task, void *object)
{
    (void)object;
    sim_advance(sim, takes_ns);
    takes_ns = 0;
    return task_sleep(task, 0);
}

static void call_for(int64_t duration_ns)
{
    struct callback callback = {.run = run_slowly, .name = "slow"};
    takes_ns = duration_ns;
    loop_call_soon(&loop, &callback);
    fixture_turn();
}

Test(debug, the_environment_switches_it_on_unless_empty_or_0)
{
    struct debug debug;

    debug_init(&debug, NULL);
    cr_assert_not(debug.enabled);
    cr_assert_eq(debug.threshold_ns, DEBUG_SLOW_CALLBACK_NS);
    debug_init(&debug, "");
    cr_assert_not(debug.enabled);
    debug_init(&debug, "0");
    cr_assert_not(debug.enabled);
    debug_init(&debug, "1");
    cr_assert(debug.enabled);
    debug_init(&debug, "00");
    cr_assert(debug.enabled);
}

Test(debug, a_new_loop_follows_the_environment)
{
    struct loop other;

    cr_assert_eq(setenv("REACTOR_DEBUG", "1", 1), 0);
    cr_assert_eq(loop_init(&other, sim_door(sim)), 0);
    cr_assert_not(other.debug.enabled, "a simulation looks past its door");
    loop_release(&other);
    cr_assert_eq(loop_init(&other, sys_kernel()), 0);
    cr_assert(other.debug.enabled);
    loop_release(&other);
    cr_assert_eq(unsetenv("REACTOR_DEBUG"), 0);
    sim_set_environment(sim, "REACTOR_DEBUG", "1");
    cr_assert_eq(loop_init(&other, sim_door(sim)), 0);
    cr_assert(other.debug.enabled);
    loop_release(&other);
}

Test(debug, only_what_takes_longer_than_the_threshold_is_slow)
{
    switch_on();
    call_for(DEBUG_SLOW_CALLBACK_NS);
    cr_assert_eq(told_count, 0);
    call_for(DEBUG_SLOW_CALLBACK_NS + 1);
    cr_assert_eq(told_count, 1);
    cr_assert_eq(loop.debug.slow_count, 1);
    loop.debug.threshold_ns = 5 * NS_PER_MS;
    call_for(6 * NS_PER_MS);
    cr_assert_str_eq(told, "slow at start took 6 ms");
}

Test(debug, without_a_report_slow_callbacks_are_counted)
{
    loop.debug.enabled = true;
    call_for(NS_PER_SECOND);
    cr_assert_eq(loop.debug.slow_count, 1);
}

Test(debug, it_can_be_switched_while_the_loop_runs_and_keeps_its_count)
{
    call_for(NS_PER_SECOND);
    cr_assert_eq(loop.debug.slow_count, 0);
    switch_on();
    call_for(NS_PER_SECOND);
    loop.debug.enabled = false;
    call_for(NS_PER_SECOND);
    cr_assert_eq(loop.debug.slow_count, 1);
    cr_assert_eq(told_count, 1);
}

/* A task that is slow after its await. */
struct sluggard {
    struct task task;
    struct frame frame;
    struct event event;
    int rc;
};

static int sluggard_step(struct task *task)
{
    struct sluggard *const self = container_of(task, struct sluggard, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, event_wait(task, &self->event));
    sim_advance(sim, 250 * NS_PER_MS);
    TASK_RETURN(self->rc);
    TASK_END();
}

static struct sluggard *start_sluggard(const char *name)
{
    struct sluggard *sluggard = malloc(sizeof(*sluggard));
    cr_assert_not_null(sluggard);
    event_init(&sluggard->event);
    sluggard->frame = (struct frame){0};
    cr_assert_eq(task_group_spawn(&actor_group, &sluggard->task, name, sluggard_step), 0);
    fixture_settle();
    return sluggard;
}

Test(debug, one_slow_callback_is_reported_with_name_site_and_duration)
{
    struct sluggard *sluggard = start_sluggard("ann");

    switch_on();
    event_set(&sluggard->event);
    fixture_settle();
    cr_assert_str_eq(told, "ann at event_wait(task, &self->event) took 250 ms");
    cr_assert_eq(told_count, 1);
    free(sluggard);
}

Test(debug, a_slow_first_step_is_reported_from_its_start)
{
    switch_on();
    takes_ns = NS_PER_SECOND;
    struct actor actor = {.call = sleep_slowly};
    actor_start(&actor, "bob");
    fixture_settle();
    cr_assert_str_eq(told, "bob at start took 1000 ms");
    cr_assert_eq(told_count, 1);
    fixture_pass(NS_PER_SECOND);
}

/* A step that awaits the sluggard's. */
struct outer {
    struct task task;
    struct frame frame;
    struct sluggard inner;
    int rc;
};

static int inner_step(struct task *task, struct sluggard *self)
{
    TASK_BEGIN();
    TASK_AWAIT(self->rc, event_wait(task, &self->event));
    sim_advance(sim, 250 * NS_PER_MS);
    TASK_RETURN(self->rc);
    TASK_END();
}

static int outer_step(struct task *task)
{
    struct outer *const self = container_of(task, struct outer, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, inner_step(task, &self->inner));
    TASK_RETURN(self->rc);
    TASK_END();
}

Test(debug, of_steps_that_await_each_other_the_innermost_await_is_named)
{
    struct outer outer = {.rc = 0};

    event_init(&outer.inner.event);
    cr_assert_eq(task_group_spawn(&actor_group, &outer.task, "ann", outer_step), 0);
    fixture_settle();
    switch_on();
    event_set(&outer.inner.event);
    fixture_settle();
    cr_assert_str_eq(told, "ann at event_wait(task, &self->event) took 250 ms");
}

Test(debug, a_name_that_is_too_long_is_cut)
{
    static char name[DEBUG_NAME_BYTES + 10];
    struct callback callback = {.run = run_slowly, .name = name};

    memset(name, 'x', sizeof(name) - 1);
    switch_on();
    takes_ns = NS_PER_SECOND;
    loop_call_soon(&loop, &callback);
    fixture_turn();
    cr_assert_eq(strspn(told, "x"), DEBUG_NAME_BYTES - 1);
}

/* A release that is slow, and frees the task and its name with it. */
static void release_slowly(struct task_group *group, struct task *task)
{
    (void)group;
    free((char *)(uintptr_t)task->wake.callback.name);
    free(container_of(task, struct sluggard, task));
    sim_advance(sim, 300 * NS_PER_MS);
}

Test(debug, a_slow_release_is_reported_under_the_name_that_it_freed)
{
    actor_group.release = release_slowly;
    struct sluggard *sluggard = start_sluggard(strdup("ann"));

    switch_on();
    event_set(&sluggard->event);
    fixture_settle();
    cr_assert_eq(told_count, 2);
    cr_assert_str_eq(told, "ann at start took 300 ms");
}

static unsigned clock_reads;
static int64_t (*real_monotonic_ns)(struct sys *);

static int64_t counted_monotonic_ns(struct sys *sys)
{
    clock_reads++;
    return real_monotonic_ns(sys);
}

/* How often the clock is read in a turn that runs two callbacks, beyond one that runs none. */
static unsigned reads_of_two_callbacks(void)
{
    struct callback a = {.run = run_slowly, .name = "a"};
    struct callback b = {.run = run_slowly, .name = "b"};

    real_monotonic_ns = sim_door(sim)->monotonic_ns;
    sim_door(sim)->monotonic_ns = counted_monotonic_ns;
    clock_reads = 0;
    fixture_turn();
    unsigned reads_of_none = clock_reads;
    loop_call_soon(&loop, &a);
    loop_call_soon(&loop, &b);
    clock_reads = 0;
    fixture_turn();
    sim_door(sim)->monotonic_ns = real_monotonic_ns;
    return clock_reads - reads_of_none;
}

Test(debug, off_it_reads_no_clock)
{
    cr_assert_eq(reads_of_two_callbacks(), 0);
}

Test(debug, on_it_reads_the_clock_twice_a_callback)
{
    switch_on();
    cr_assert_eq(reads_of_two_callbacks(), 4);
}

static void open_a_group_without_a_name(void)
{
    struct task_group group;

    task_group_open(&group, NULL, NULL, GROUP_CONTAIN);
}

static void call_what_has_no_name(void)
{
    static struct callback callback = {.run = run_slowly};

    switch_on();
    loop_call_soon(&loop, &callback);
    fixture_turn();
}

Test(debug, who_gives_no_name_is_told)
{
    misuse(open_a_group_without_a_name, "a group has a name");
    misuse(call_what_has_no_name, "a callback has a name");
}
