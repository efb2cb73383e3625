/*
 * The rules of the await. What several tasks take from each other is shown with semaphores, whose
 * own promises are in test_sync.c; limits are in test_task_limits.c.
 */
#include "reactor/task/task.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

TestSuite(task, .init = fixture_open, .fini = fixture_close);

static int acquires(struct task *task, void *object)
{
    return semaphore_acquire(task, object);
}

/* --- sleeping --- */

Test(task, a_sleep_ends_at_the_first_tick_that_is_not_too_early)
{
    const int64_t durations_ns[] = {1, NS_PER_MS - 1, NS_PER_MS, NS_PER_MS + 1, 70 * NS_PER_SECOND};

    sim_advance(sim, 123456);
    fixture_settle();
    for (size_t i = 0; i < sizeof(durations_ns) / sizeof(*durations_ns); i++) {
        int64_t duration_ns = durations_ns[i];
        struct actor actor = {.call = actor_sleeps, .object = &duration_ns};
        int64_t until_ns = loop.now_ns + duration_ns;
        actor_start(&actor, "sleeper");
        fixture_pass(time_round_up(until_ns, NS_PER_MS) * NS_PER_MS - loop.now_ns - 1);
        cr_assert_not(task_ended(&actor.task), "%jd ns were %jd", (intmax_t)duration_ns,
                      (intmax_t)(loop.now_ns - until_ns));
        fixture_pass(1);
        cr_assert(actor_ended(&actor, 0));
    }
}

Test(task, a_sleep_of_nothing_lets_the_others_run_once)
{
    int64_t nothing_ns = 0;
    struct actor idler = {.call = actor_sleeps, .object = &nothing_ns};
    struct actor other = {.call = actor_sleeps, .object = &nothing_ns};

    actor_start(&idler, "idler");
    actor_start(&other, "other");
    fixture_turn();
    cr_assert_not(task_ended(&idler.task));
    cr_assert(task_where(&other.task), "the other has run");
    fixture_turn();
    cr_assert(actor_ended(&idler, 0));
}

Test(task, a_duration_becomes_a_deadline_once)
{
    int64_t duration_ns = 100 * NS_PER_MS;
    struct actor actor = {.call = actor_sleeps, .object = &duration_ns};

    actor_start(&actor, "sleeper");
    for (int i = 0; i < 9; i++) {
        fixture_pass(10 * NS_PER_MS);
        task_wake(&actor.task); /* it looks again, and computes nothing anew */
        fixture_settle();
        cr_assert(actor_waiting(&actor));
    }
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&actor, 0));
}

/* --- who comes first: cancel, success, timeout --- */

Test(task, cancel_beats_success_beats_timeout)
{
    for (unsigned outcome = 0; outcome < 8; outcome++) {
        struct event event;
        struct actor actor = {.call = actor_waits, .object = &event, .limit_ns = NS_PER_MS};

        event_init(&event);
        actor_start(&actor, "waiter");
        fixture_settle();
        if (outcome & 4)
            task_cancel(&actor.task, loop.now_ns);
        if (outcome & 2)
            event_set(&event);
        if (outcome & 1)
            sim_advance(sim, NS_PER_MS);
        fixture_settle();
        int expected = outcome & 4 ? -ECANCELED : outcome & 2 ? 0 : -ETIMEDOUT;
        cr_assert_eq(task_ended(&actor.task), outcome != 0);
        if (outcome)
            cr_assert_eq(actor.task.result, expected, "outcome %u", outcome);
        task_cancel(&actor.task, loop.now_ns);
        fixture_settle();
    }
}

Test(task, an_await_that_is_ready_at_once_succeeds_after_the_deadline_too)
{
    struct semaphore semaphore;
    struct actor actor = {.call = acquires, .object = &semaphore, .limit_ns = -1};

    semaphore_init(&semaphore, 1);
    actor_start(&actor, "late");
    fixture_settle();
    cr_assert(actor_ended(&actor, 0));
    cr_assert(actor.limit_passed, "a limit that is not positive has passed already");
}

Test(task, a_sleep_that_ends_in_the_turn_of_the_deadline_has_succeeded)
{
    int64_t duration_ns = 5 * NS_PER_MS;
    struct actor actor = {.call = actor_sleeps, .object = &duration_ns, .limit_ns = duration_ns};

    actor_start(&actor, "sleeper");
    fixture_pass(duration_ns);
    cr_assert(actor_ended(&actor, 0));
    cr_assert(actor.limit_passed);
}

Test(task, a_cancelled_await_has_taken_nothing)
{
    struct semaphore semaphore;
    struct actor actor = {.call = acquires, .object = &semaphore};

    semaphore_init(&semaphore, 0);
    actor_start(&actor, "taker");
    fixture_settle();
    semaphore_release(&semaphore);
    task_cancel(&actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&actor, -ECANCELED));
    cr_assert_eq(semaphore.permits, 1);
}

/* --- the order of those who wait --- */

struct takers {
    struct semaphore semaphore;
    struct actor first;
    struct actor second;
    struct actor third;
};

/* Three who wait in this order, for none. */
static void start_takers(struct takers *takers)
{
    struct actor taker = {.call = acquires, .object = &takers->semaphore};
    *takers = (struct takers){.first = taker, .second = taker, .third = taker};
    semaphore_init(&takers->semaphore, 0);
    actor_start(&takers->first, "first");
    actor_start(&takers->second, "second");
    actor_start(&takers->third, "third");
    fixture_settle();
}

static void serve_takers(struct takers *takers)
{
    for (int i = 0; i < 3; i++)
        semaphore_release(&takers->semaphore);
    fixture_settle();
}

Test(task, a_waiter_keeps_its_place_until_its_await_ends)
{
    struct takers takers;

    start_takers(&takers);
    for (int i = 0; i < 3; i++) {
        task_wake(&takers.first.task); /* for nothing */
        fixture_settle();
        cr_assert(actor_waiting(&takers.first));
    }
    serve_takers(&takers);
    cr_assert_eq(takers.first.rank, 1);
    cr_assert_eq(takers.second.rank, 2);
    cr_assert_eq(takers.third.rank, 3);
}

Test(task, a_newcomer_goes_behind_a_woken_waiter)
{
    struct semaphore semaphore;
    struct actor waiter = {.call = acquires, .object = &semaphore};
    struct actor newcomer = waiter;

    semaphore_init(&semaphore, 0);
    actor_start(&waiter, "waiter");
    fixture_settle();
    /* The newcomer's first step comes before the waiter's: the permit is free, and not for it. */
    actor_start(&newcomer, "newcomer");
    semaphore_release(&semaphore);
    fixture_settle();
    cr_assert(actor_ended(&waiter, 0));
    cr_assert(actor_waiting(&newcomer));
    semaphore_release(&semaphore);
    fixture_settle();
    cr_assert(actor_ended(&newcomer, 0));
}

Test(task, one_that_leaves_woken_without_taking_passes_it_on)
{
    struct takers takers;

    start_takers(&takers);
    semaphore_release(&takers.semaphore); /* wakes the first ... */
    task_cancel(&takers.first.task, loop.now_ns); /* ... which won't take */
    fixture_settle();
    cr_assert(actor_ended(&takers.first, -ECANCELED));
    cr_assert(actor_ended(&takers.second, 0));
    cr_assert(actor_waiting(&takers.third));
    serve_takers(&takers);
}

Test(task, a_wake_up_is_passed_on_as_often_as_it_takes)
{
    struct takers takers;

    start_takers(&takers);
    semaphore_release(&takers.semaphore);
    task_cancel(&takers.first.task, loop.now_ns);
    task_cancel(&takers.second.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&takers.third, 0));
}

Test(task, one_that_leaves_before_it_is_woken_takes_nobodys_turn)
{
    struct takers takers;

    start_takers(&takers);
    task_cancel(&takers.second.task, loop.now_ns);
    fixture_settle();
    serve_takers(&takers);
    cr_assert(actor_ended(&takers.first, 0));
    cr_assert(actor_ended(&takers.second, -ECANCELED));
    cr_assert(actor_ended(&takers.third, 0));
    cr_assert_eq(takers.semaphore.permits, 1);
}

/* Cancels another task, in its own step. */
static int cancels(struct task *task, void *object)
{
    (void)task; /* an await that never waits */
    task_cancel(object, TIME_NEVER);
    return 0;
}

Test(task, a_cancel_within_the_batch_reaches_who_runs_later_in_it)
{
    struct semaphore semaphore;
    struct actor victim = {.call = acquires, .object = &semaphore};
    struct actor killer = {.call = cancels, .object = &victim.task};

    semaphore_init(&semaphore, 0);
    actor_start(&victim, "victim");
    fixture_settle();
    actor_start(&killer, "killer");
    semaphore_release(&semaphore); /* both are in the next batch, the killer first */
    fixture_turn();
    cr_assert(actor_ended(&victim, -ECANCELED));
    cr_assert_eq(semaphore.permits, 1);
    fixture_settle();
}

/* --- a task that counts its steps, to see that nothing spins or runs twice --- */

struct counted {
    struct task task;
    struct frame frame;
    int rc;
    unsigned steps;
    struct event event;
};

static int counted_step(struct task *task)
{
    struct counted *const self = container_of(task, struct counted, task);
    self->steps++; /* before the begin, so at every call */
    TASK_BEGIN();
    TASK_AWAIT(self->rc, event_wait(task, &self->event));
    TASK_RETURN(self->rc);
    TASK_END();
}

static void start_counted(struct counted *counted)
{
    *counted = (struct counted){.rc = 0};
    event_init(&counted->event);
    cr_assert_eq(task_group_spawn(&actor_group, &counted->task, "counted", counted_step), 0);
    fixture_settle();
    cr_assert_eq(counted->steps, 1);
}

Test(task, a_task_woken_twice_in_a_turn_runs_once)
{
    struct counted counted;

    start_counted(&counted);
    task_wake(&counted.task);
    task_wake(&counted.task);
    event_set(&counted.event);
    task_cancel(&counted.task, TIME_NEVER);
    fixture_settle();
    cr_assert_eq(counted.steps, 2);
    cr_assert(task_ended(&counted.task));
}

Test(task, a_wake_up_is_only_a_hint)
{
    struct counted counted;

    start_counted(&counted);
    task_wake(&counted.task); /* for no reason */
    fixture_settle();
    cr_assert_eq(counted.steps, 2);
    cr_assert_not(task_ended(&counted.task));
    event_set(&counted.event);
    fixture_settle();
    cr_assert_eq(counted.task.result, 0);
}

Test(task, waking_and_cancelling_a_task_that_has_ended_does_nothing)
{
    struct counted counted;

    start_counted(&counted);
    event_set(&counted.event);
    fixture_settle();
    cr_assert(task_ended(&counted.task));
    task_wake(&counted.task);
    task_cancel(&counted.task, loop.now_ns);
    fixture_settle();
    cr_assert_eq(counted.steps, 2);
    cr_assert_eq(counted.task.result, 0);
}

/* --- steps in steps --- */

struct inner {
    struct frame frame;
    int begun;
    int rc;
};

static int inner_step(struct task *task, struct inner *self, struct event *event)
{
    TASK_BEGIN();
    self->begun++;
    TASK_AWAIT(self->rc, event_wait(task, event));
    event_clear(event);
    TASK_RETURN(self->rc);
    TASK_END();
}

struct outer {
    struct task task;
    struct frame frame;
    struct event event;
    struct inner inner;
    int i;
    int rc;
};

static int outer_step(struct task *task)
{
    struct outer *const self = container_of(task, struct outer, task);

    TASK_BEGIN();
    for (self->i = 0; self->i < 3; self->i++)
        TASK_AWAIT(self->rc, inner_step(task, &self->inner, &self->event));
    TASK_END();
}

Test(task, innermost_await_is_shown)
{
    struct outer outer = {.i = 0};

    event_init(&outer.event);
    cr_assert_eq(task_group_spawn(&actor_group, &outer.task, "outer", outer_step), 0);
    cr_assert_null(task_where(&outer.task), "it hasn't started");
    fixture_settle();
    cr_assert_not_null(task_where(&outer.task));
    cr_assert_str_eq(task_where(&outer.task)->text, "event_wait(task, event)");
    cr_assert_str_eq(task_where(&outer.task)->file, __FILE__);
    task_cancel(&outer.task, loop.now_ns);
    fixture_settle();
}

Test(task, an_inner_step_can_be_awaited_again_when_it_has_returned)
{
    struct outer outer = {.i = 0};

    event_init(&outer.event);
    cr_assert_eq(task_group_spawn(&actor_group, &outer.task, "outer", outer_step), 0);
    for (int i = 0; i < 3; i++) {
        fixture_settle();
        cr_assert_eq(outer.i, i);
        event_set(&outer.event);
    }
    fixture_settle();
    cr_assert_eq(outer.inner.begun, 3, "each time from its beginning");
    cr_assert(task_ended(&outer.task));
    cr_assert_eq(outer.task.result, 0);
}

Test(task, a_frame_that_was_not_zeroed_ends_the_program, .signal = SIGABRT)
{
    struct outer outer = {.frame.resume = 1};

    cr_redirect_stderr();
    cr_assert_eq(task_group_spawn(&actor_group, &outer.task, "outer", outer_step), 0);
    fixture_settle();
}
