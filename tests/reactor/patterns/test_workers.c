/* Workers: each promise of the header, each await cut short. Misuse: test_misuse_patterns.c. */
#include "reactor/patterns/workers.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

#define CREW 2
#define QUEUE 2

static struct worker crew[CREW];
static struct workers workers;

/* Who owns the workers: it joins them when it is told to close. */
static struct boss {
    struct task task;
    struct frame frame;
    int rc;
    struct event closing;
    int64_t limit_ns; /* of a deadline around the join; 0: none */
    struct cancel_scope limit;
} boss;

static int boss_step(struct task *task)
{
    struct boss *const self = container_of(task, struct boss, task);

    TASK_BEGIN();
    workers_open(&workers, task);
    TASK_AWAIT(self->rc, event_wait(task, &self->closing));
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    TASK_AWAIT(self->rc, workers_join(task, &workers));
    if (self->limit_ns)
        (void)cancel_scope_close(task, &self->limit);
    TASK_RETURN(self->rc);
    TASK_END();
}

static void open_workers(void)
{
    fixture_open();
    workers =
        (struct workers){.name = "worker", .crew = crew, .crew_size = CREW, .queue_limit = QUEUE};
    event_init(&boss.closing);
    cr_assert_eq(task_group_spawn(&actor_group, &boss.task, "boss", boss_step), 0);
    fixture_settle();
}

/* Each test calls it, for Criterion doesn't count what fails in a `.fini`. */
static void close_workers(void)
{
    workers_check(&workers);
    event_set(&boss.closing);
    fixture_settle();
    cr_assert(task_ended(&boss.task));
    fixture_close();
}

TestSuite(workers, .init = open_workers);

/* What a job does: it takes a time and has a result. */
struct work {
    struct job job;
    struct frame frame;
    int rc;
    int64_t takes_ns;
    int64_t clean_up_ns; /* how long it cleans up, shielded, where it is cut short */
    int answer;
    int64_t begun_ns; /* when it began; 0: it hasn't */
    bool cleaned_up;
};

static int work_step(struct task *task)
{
    struct work *const self = container_of(task, struct work, job.task);

    TASK_BEGIN();
    self->begun_ns = task->loop->now_ns;
    TASK_AWAIT(self->rc, task_sleep(task, self->takes_ns));
    if (self->rc == 0)
        TASK_RETURN(self->answer);
    if (self->clean_up_ns) {
        task_shield(task);
        TASK_AWAIT(self->answer, task_sleep(task, self->clean_up_ns));
        task_unshield(task);
        self->cleaned_up = self->answer == 0;
    }
    TASK_RETURN(self->rc);
    TASK_END();
}

/* One who submits a job, and one who joins it. */
struct customer {
    struct actor submitter, joiner;
    struct work work;
};

static int submits(struct task *task, void *object)
{
    return workers_submit(task, &workers, &((struct work *)object)->job);
}

static int joins(struct task *task, void *object)
{
    return job_join(task, &((struct work *)object)->job);
}

static void submit(struct customer *customer, int64_t takes_ns, int answer)
{
    *customer = (struct customer){
        .submitter = {.call = submits, .object = &customer->work},
        .joiner = {.call = joins, .object = &customer->work},
        .work = {.job = {.step = work_step, .name = "work"},
                 .takes_ns = takes_ns,
                 .answer = answer},
    };
    actor_start(&customer->submitter, "submitter");
}

static void join(struct customer *customer, int64_t limit_ns)
{
    customer->joiner.limit_ns = limit_ns;
    actor_start(&customer->joiner, "joiner");
}

/* Submits to workers that have room, and joins. */
static void order(struct customer *customer, int64_t takes_ns, int answer)
{
    submit(customer, takes_ns, answer);
    fixture_settle();
    cr_assert(actor_ended(&customer->submitter, 0));
    join(customer, 0);
    fixture_settle();
}

static void cancel(struct actor *actor)
{
    task_cancel(&actor->task, loop.now_ns);
}

/* --- jobs --- */

Test(workers, as_many_jobs_run_at_once_as_there_are_workers)
{
    struct customer a, b, c;

    order(&a, 2 * NS_PER_SECOND, 1);
    order(&b, NS_PER_SECOND, 2);
    order(&c, NS_PER_SECOND, 3);
    cr_assert(a.work.begun_ns && b.work.begun_ns);
    cr_assert_eq(c.work.job.state, JOB_QUEUED);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&b.joiner, 2));
    cr_assert_eq(c.work.job.state, JOB_RUNNING);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&a.joiner, 1) && actor_ended(&c.joiner, 3));
    close_workers();
}

Test(workers, several_jobs_of_one_turn_wake_several_workers)
{
    struct customer a, b;

    submit(&a, NS_PER_SECOND, 0);
    submit(&b, NS_PER_SECOND, 0);
    fixture_settle();
    cr_assert(a.work.begun_ns && b.work.begun_ns);
    fixture_pass(NS_PER_SECOND);
    close_workers();
}

Test(workers, a_failing_job_is_the_business_of_who_joins_it)
{
    struct customer failing[CREW + 1], fine;

    for (int i = 0; i < CREW + 1; i++) {
        order(&failing[i], NS_PER_MS, -EIO);
        fixture_pass(NS_PER_MS);
        cr_assert(actor_ended(&failing[i].joiner, -EIO));
    }
    order(&fine, NS_PER_MS, 7);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&fine.joiner, 7));
    cr_assert_eq(workers.group.alive, CREW);
    close_workers();
}

Test(workers, a_job_that_has_ended_is_joined_without_waiting_and_may_be_submitted_again)
{
    struct customer a;

    submit(&a, NS_PER_MS, 1);
    fixture_pass(NS_PER_MS);
    join(&a, 0);
    fixture_turn();
    cr_assert(actor_ended(&a.joiner, 1));
    a.work.answer = 2;
    actor_start(&a.submitter, "again");
    fixture_settle();
    join(&a, 0);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&a.joiner, 2));
    close_workers();
}

static int heard;

static void hear(struct job *job)
{
    heard++;
    loop.sys->release(loop.sys, container_of(job, struct work, job));
}

Test(workers, a_job_that_nobody_joins_may_go_when_it_has_ended)
{
    struct actor submitters[3];

    for (int i = 0; i < 3; i++) {
        struct work *work = loop.sys->allocate(loop.sys, sizeof(*work));
        *work = (struct work){.job = {.step = work_step, .name = "work", .on_end = hear},
                              .takes_ns = NS_PER_SECOND};
        submitters[i] = (struct actor){.call = submits, .object = work};
        actor_start(&submitters[i], "submitter");
    }
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(heard, 2);
    task_cancel(&boss.task, loop.now_ns);
    fixture_settle();
    cr_assert_eq(heard, 3);
    close_workers();
}

Test(workers, they_take_no_memory)
{
    struct customer customers[CREW + QUEUE];
    uint64_t before = sim_calls(sim);

    for (int i = 0; i < CREW + QUEUE; i++)
        order(&customers[i], NS_PER_MS, -EIO);
    fixture_pass(2 * NS_PER_MS);
    cr_assert(actor_ended(&customers[CREW + QUEUE - 1].joiner, -EIO));
    cr_assert_eq(sim_calls(sim), before, "and not one call that could fail");
    close_workers();
}

/* --- back-pressure --- */

/* Keeps all workers busy for a second and fills the queue. */
static void fill(struct customer customers[CREW + QUEUE])
{
    for (int i = 0; i < CREW + QUEUE; i++) {
        submit(&customers[i], NS_PER_SECOND, 0);
        fixture_settle();
        cr_assert(actor_ended(&customers[i].submitter, 0));
    }
    cr_assert_eq(workers.queued, QUEUE);
}

Test(workers, whoever_submits_to_a_full_queue_waits_in_line)
{
    struct customer full[CREW + QUEUE], a, b, c;

    fill(full);
    submit(&a, NS_PER_MS, 0);
    submit(&b, NS_PER_MS, 0);
    submit(&c, NS_PER_MS, 0);
    fixture_settle();
    cr_assert(actor_waiting(&a.submitter) && actor_waiting(&c.submitter));
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&a.submitter, 0) && actor_ended(&b.submitter, 0));
    cr_assert(actor_waiting(&c.submitter));
    cr_assert(a.submitter.rank < b.submitter.rank);
    fixture_pass(2 * NS_PER_SECOND);
    cr_assert_eq(c.work.job.state, JOB_ENDED);
    close_workers();
}

Test(workers, a_newcomer_never_overtakes_who_waits_for_room)
{
    struct customer full[CREW + QUEUE], waiter, newcomer;

    fill(full);
    submit(&waiter, NS_PER_MS, 0);
    fixture_settle();
    submit(&newcomer, NS_PER_MS, 0); /* it runs before the waiter, which is woken after */
    job_cancel(&full[CREW].work.job, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&waiter.submitter, 0));
    cr_assert(actor_waiting(&newcomer.submitter));
    fixture_pass(3 * NS_PER_SECOND);
    close_workers();
}

Test(workers, a_submitter_woken_and_cancelled_passes_the_room_on)
{
    struct customer full[CREW + QUEUE], first, second;

    fill(full);
    submit(&first, NS_PER_MS, 0);
    submit(&second, NS_PER_MS, 0);
    fixture_settle();
    job_cancel(&full[CREW].work.job, loop.now_ns);
    cancel(&first.submitter);
    fixture_settle();
    cr_assert(actor_ended(&first.submitter, -ECANCELED));
    cr_assert_eq(first.work.job.state, JOB_NEW);
    cr_assert(actor_ended(&second.submitter, 0));
    fixture_pass(3 * NS_PER_SECOND);
    close_workers();
}

Test(workers, a_deadline_ends_the_wait_for_room_and_room_in_the_same_turn_beats_it)
{
    struct customer full[CREW + QUEUE], late, lucky;

    fill(full);
    submit(&late, 0, 0);
    late.submitter.limit_ns = NS_PER_MS;
    submit(&lucky, 0, 0);
    lucky.submitter.limit_ns = 2 * NS_PER_MS;
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&late.submitter, -ETIMEDOUT));
    cr_assert_eq(late.work.job.state, JOB_NEW);
    sim_advance(sim, NS_PER_MS);
    job_cancel(&full[CREW].work.job, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&lucky.submitter, 0));
    cr_assert(lucky.submitter.limit_passed);
    fixture_pass(3 * NS_PER_SECOND);
    close_workers();
}

/* --- joins cut short --- */

Test(workers, a_cancelled_join_takes_a_queued_job_out_of_the_queue)
{
    struct customer full[CREW + QUEUE], next;

    fill(full);
    submit(&next, NS_PER_MS, 0);
    join(&full[CREW], 0);
    fixture_settle();
    cancel(&full[CREW].joiner);
    fixture_settle();
    cr_assert(actor_ended(&full[CREW].joiner, -ECANCELED));
    cr_assert_eq(full[CREW].work.job.result, -ECANCELED);
    cr_assert_eq(full[CREW].work.begun_ns, 0);
    cr_assert(actor_ended(&next.submitter, 0), "there is room");
    fixture_pass(3 * NS_PER_SECOND);
    close_workers();
}

Test(workers, a_cancelled_join_cancels_a_running_job_and_waits_for_its_clean_up)
{
    struct customer a, b;

    submit(&a, 60 * NS_PER_SECOND, 0);
    a.work.clean_up_ns = NS_PER_SECOND;
    fixture_settle();
    join(&a, 0);
    fixture_settle();
    task_cancel(&a.joiner.task, TIME_NEVER);
    fixture_pass(NS_PER_SECOND - NS_PER_MS);
    cr_assert(actor_waiting(&a.joiner));
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&a.joiner, -ECANCELED));
    cr_assert(a.work.cleaned_up);
    order(&b, NS_PER_MS, 5);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&b.joiner, 5), "the worker lives");
    close_workers();
}

Test(workers, a_deadline_around_a_join_ends_the_job)
{
    struct customer running, queued, other;

    order(&other, 3 * NS_PER_SECOND, 0);
    submit(&running, 60 * NS_PER_SECOND, 0);
    fixture_settle();
    submit(&queued, 0, 0);
    fixture_settle();
    join(&running, 2 * NS_PER_SECOND);
    join(&queued, NS_PER_SECOND);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&queued.joiner, -ETIMEDOUT));
    cr_assert(actor_waiting(&running.joiner));
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&running.joiner, -ETIMEDOUT));
    cr_assert_eq(running.work.job.result, -ECANCELED);
    actor_start(&running.submitter, "again");
    fixture_settle();
    join(&running, 0);
    fixture_settle();
    job_cancel(&running.work.job, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&running.joiner, -ECANCELED), "this time it was no deadline");
    fixture_pass(NS_PER_SECOND);
    close_workers();
}

Test(workers, a_job_that_ends_in_the_turn_of_the_deadline_has_its_result)
{
    struct customer a;

    submit(&a, NS_PER_SECOND, 9);
    fixture_settle();
    join(&a, NS_PER_SECOND);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&a.joiner, 9));
    close_workers();
}

/* --- the end --- */

Test(workers, joining_them_drains_the_queue_and_refuses_newcomers)
{
    struct customer full[CREW + QUEUE], waiter, newcomer;

    fill(full);
    submit(&waiter, NS_PER_MS, 0);
    fixture_settle();
    event_set(&boss.closing);
    fixture_settle();
    cr_assert(actor_ended(&waiter.submitter, -ESHUTDOWN));
    submit(&newcomer, NS_PER_MS, 0);
    fixture_settle();
    cr_assert(actor_ended(&newcomer.submitter, -ESHUTDOWN));
    cr_assert_eq(newcomer.work.job.state, JOB_NEW);
    fixture_pass(2 * NS_PER_SECOND - NS_PER_MS);
    cr_assert_not(task_ended(&boss.task));
    fixture_pass(NS_PER_MS);
    cr_assert(task_ended(&boss.task));
    cr_assert_eq(boss.task.result, 0);
    for (int i = 0; i < CREW + QUEUE; i++)
        cr_assert_eq(full[i].work.job.result, 0);
    close_workers();
}

Test(workers, cancelling_them_ends_what_is_queued_and_what_runs)
{
    struct customer full[CREW + QUEUE];

    fill(full);
    full[0].work.clean_up_ns = NS_PER_MS;
    full[1].work.clean_up_ns = NS_PER_SECOND;
    join(&full[0], 0);
    join(&full[CREW], 0);
    fixture_settle();
    workers_cancel(&workers, loop.now_ns + 10 * NS_PER_MS);
    fixture_settle();
    cr_assert(actor_ended(&full[CREW].joiner, -ESHUTDOWN));
    cr_assert_eq(full[CREW].work.begun_ns, 0);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&full[0].joiner, -ESHUTDOWN));
    cr_assert(full[0].work.cleaned_up);
    fixture_pass(9 * NS_PER_MS);
    cr_assert_eq(full[1].work.job.state, JOB_ENDED);
    cr_assert_not(full[1].work.cleaned_up, "the time for it was over");
    close_workers();
}

Test(workers, idle_ones_that_are_cancelled_end_at_once)
{
    struct customer late;

    workers_cancel(&workers, TIME_NEVER);
    fixture_settle();
    cr_assert_eq(workers.group.alive, 0);
    submit(&late, 0, 0);
    fixture_settle();
    cr_assert(actor_ended(&late.submitter, -ESHUTDOWN));
    close_workers();
}

/* Whoever cancels the group that the workers belong to has not called workers_cancel. */
Test(workers, a_crew_that_was_cancelled_takes_no_more_jobs)
{
    struct customer late;

    task_group_cancel(&workers.group, loop.now_ns);
    fixture_settle();
    submit(&late, 0, 0);
    fixture_settle();
    cr_assert(actor_ended(&late.submitter, -ESHUTDOWN));
    close_workers();
}

Test(workers, a_cancelled_owner_cancels_them_by_joining)
{
    struct customer full[CREW + QUEUE];

    fill(full);
    event_set(&boss.closing);
    fixture_settle();
    task_cancel(&boss.task, loop.now_ns);
    fixture_settle();
    cr_assert(task_ended(&boss.task));
    cr_assert_eq(boss.task.result, -ECANCELED);
    for (int i = 0; i < CREW + QUEUE; i++)
        cr_assert_eq(full[i].work.job.result, -ESHUTDOWN);
    close_workers();
}

Test(workers, a_deadline_around_their_join_limits_the_drain)
{
    struct customer full[CREW + QUEUE];

    boss.limit_ns = NS_PER_SECOND + NS_PER_MS;
    fill(full);
    event_set(&boss.closing);
    fixture_pass(boss.limit_ns);
    cr_assert(task_ended(&boss.task));
    cr_assert_eq(boss.task.result, -ETIMEDOUT);
    for (int i = 0; i < CREW; i++)
        cr_assert_eq(full[i].work.job.result, 0);
    for (int i = CREW; i < CREW + QUEUE; i++)
        cr_assert_eq(full[i].work.job.result, -ESHUTDOWN);
    close_workers();
}

Test(workers, a_job_that_ends_in_the_turn_in_which_the_drain_times_out_has_its_result)
{
    struct customer a;

    boss.limit_ns = NS_PER_SECOND;
    submit(&a, NS_PER_SECOND, 1);
    event_set(&boss.closing);
    fixture_settle();
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(a.work.job.state, JOB_ENDED);
    cr_assert_eq(a.work.job.result, 1);
    cr_assert(task_ended(&boss.task));
    close_workers();
}
