/* Iteration over tasks: results as they complete, against a model of their order, and gather. */
#include "reactor/patterns/iterate.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>

#include "tests/support/fixture.h"

TestSuite(iterate_tasks, .init = fixture_open, .fini = fixture_close);

#define CHILDREN 20

struct child {
    struct task task;
    struct frame frame;
    int rc;
    int64_t takes_ns;
    int result;
};

static int child_step(struct task *task)
{
    struct child *const self = container_of(task, struct child, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->takes_ns));
    TASK_RETURN(self->rc < 0 ? self->rc : self->result);
    TASK_END();
}

/* Spawns `count` children and goes over their results; may break off, may spawn one more. */
struct parent {
    struct task task;
    struct frame frame;
    int rc, closed;
    struct iterate_results results;
    struct child children[CHILDREN];
    int count;
    int stop_at; /* 0: never */
    bool one_more; /* when the first has ended */
    bool leaves_it_open;
    int64_t limit_ns;
    struct cancel_scope limit;
    int order[CHILDREN]; /* of those that ended: their index */
    int ended;
};

static int parent_step(struct task *task)
{
    struct parent *const self = container_of(task, struct parent, task);

    TASK_BEGIN();
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    iterate_results(&self->results, task, "children");
    for (int i = 0; i < self->count; i++)
        (void)task_group_spawn(&self->results.group, &self->children[i].task, "child", child_step);
    for (;;) {
        TASK_AWAIT(self->rc, iterate_next(task, &self->results.iterator));
        if (self->rc <= 0)
            break;
        self->order[self->ended++] =
            (int)(container_of(self->results.iterator.item.value, struct child, task) -
                  self->children);
        if (self->ended == self->stop_at)
            break;
        if (self->one_more && self->ended == 1)
            (void)task_group_spawn(&self->results.group, &self->children[self->count].task, "more",
                                   child_step);
    }
    if (!self->leaves_it_open)
        TASK_AWAIT(self->closed, iterate_close(task, &self->results.iterator));
    if (self->limit_ns)
        (void)cancel_scope_close(task, &self->limit);
    TASK_RETURN(self->rc);
    TASK_END();
}

static struct parent parent;

static void start_parent(void)
{
    cr_assert_eq(task_group_spawn(&actor_group, &parent.task, "parent", parent_step), 0);
}

Test(iterate_tasks, results_come_as_tasks_end_and_a_failure_harms_no_other)
{
    parent.count = 3;
    parent.children[0].takes_ns = 3 * NS_PER_SECOND;
    parent.children[1].takes_ns = 1 * NS_PER_SECOND;
    parent.children[1].result = -EIO;
    parent.children[2].takes_ns = 2 * NS_PER_SECOND;
    start_parent();
    fixture_pass(3 * NS_PER_SECOND);
    cr_assert(task_ended(&parent.task));
    cr_assert_eq(parent.task.result, 0);
    cr_assert_eq(parent.ended, 3);
    cr_assert_eq(parent.order[0], 1);
    cr_assert_eq(parent.order[1], 2);
    cr_assert_eq(parent.order[2], 0);
    cr_assert_eq(parent.children[1].task.result, -EIO);
}

Test(iterate_tasks, breaking_off_cancels_and_joins_the_rest)
{
    parent.count = 4;
    for (int i = 0; i < 4; i++)
        parent.children[i].takes_ns = (i + 1) * NS_PER_SECOND;
    parent.stop_at = 2;
    start_parent();
    fixture_pass(2 * NS_PER_SECOND);
    cr_assert(task_ended(&parent.task));
    cr_assert_eq(parent.closed, 0);
    cr_assert_eq(parent.children[1].task.result, 0);
    cr_assert_eq(parent.children[3].task.result, -ECANCELED);
}

/* Two children, of which the first ends in the turn in which the limit passes. */
static void start_parent_in_a_hurry(void)
{
    parent.count = 2;
    parent.children[0].takes_ns = NS_PER_SECOND;
    parent.children[1].takes_ns = 60 * NS_PER_SECOND;
    parent.limit_ns = NS_PER_SECOND + NS_PER_MS;
    start_parent();
    fixture_settle();
    sim_advance(sim, parent.limit_ns);
    fixture_settle();
    cr_assert(task_ended(&parent.task));
    cr_assert_eq(parent.children[1].task.result, -ECANCELED);
}

Test(iterate_tasks, a_result_in_the_turn_of_the_deadline_is_had_and_enough)
{
    parent.stop_at = 1;
    start_parent_in_a_hurry();
    cr_assert_eq(parent.task.result, 1);
    cr_assert_eq(parent.closed, 0, "the deadline has spoilt nothing: %d", parent.closed);
}

Test(iterate_tasks, the_deadline_is_told_where_more_results_are_wanted)
{
    start_parent_in_a_hurry();
    cr_assert_eq(parent.task.result, -ETIMEDOUT);
    cr_assert_eq(parent.ended, 1);
    cr_assert_eq(parent.closed, 0);
}

Test(iterate_tasks, results_that_were_not_closed_are_a_bug, .signal = SIGABRT)
{
    cr_redirect_stderr();
    parent.count = 1;
    parent.leaves_it_open = true;
    start_parent();
    fixture_settle();
}

/* Cancels at each turn in which something happens, with time to clean up and without. */
Test(iterate_tasks, wherever_a_consumer_is_cancelled_nobody_is_left_behind)
{
    bool ended = false;
    for (int turns = 0; !ended; turns++) {
        for (int grace = 0; grace < 2; grace++) {
            parent = (struct parent){.count = 3, .stop_at = 2};
            for (int i = 0; i < 3; i++)
                parent.children[i].takes_ns = (i + 1) * NS_PER_MS;
            start_parent();
            for (int i = 0; i < turns; i++) {
                sim_advance(sim, NS_PER_MS / 2);
                fixture_turn();
            }
            ended = task_ended(&parent.task);
            task_cancel(&parent.task, grace ? TIME_NEVER : loop.now_ns);
            fixture_settle();
            cr_assert(task_ended(&parent.task), "turn %d", turns);
            cr_assert_eq(parent.task.result, parent.ended == 2 ? 1 : -ECANCELED, "turn %d", turns);
        }
    }
}

Test(iterate_tasks, a_cancelled_consumer_of_results_leaves_nobody_behind)
{
    parent.count = 2;
    parent.children[0].takes_ns = NS_PER_SECOND;
    parent.children[1].takes_ns = 60 * NS_PER_SECOND;
    start_parent();
    fixture_pass(NS_PER_SECOND);
    task_cancel(&parent.task, loop.now_ns);
    fixture_settle();
    cr_assert(task_ended(&parent.task));
    cr_assert_eq(parent.task.result, -ECANCELED);
    cr_assert_eq(parent.children[1].task.result, -ECANCELED);
}

Test(iterate_tasks, tasks_may_be_spawned_while_their_results_are_gone_over)
{
    parent.count = 1;
    parent.one_more = true;
    parent.children[1].takes_ns = NS_PER_SECOND;
    start_parent();
    fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&parent.task));
    cr_assert_eq(parent.ended, 2);
}

Test(iterate_tasks, no_tasks_have_no_results)
{
    start_parent();
    fixture_settle();
    cr_assert(task_ended(&parent.task));
    cr_assert_eq(parent.ended, 0);
}

Test(iterate_tasks, random_results_come_sorted_by_their_time)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        uint64_t state = seed;
        parent = (struct parent){.count = CHILDREN};
        for (int i = 0; i < CHILDREN; i++)
            parent.children[i].takes_ns = (1 + (int64_t)fixture_random(&state, 9)) * NS_PER_MS;
        start_parent();
        fixture_pass(NS_PER_SECOND);
        cr_assert_eq(parent.ended, CHILDREN, "seed %lu", seed);
        for (int i = 1; i < CHILDREN; i++) {
            int before = parent.order[i - 1], after = parent.order[i];
            int64_t gap_ns = parent.children[after].takes_ns - parent.children[before].takes_ns;
            must(gap_ns > 0 || (gap_ns == 0 && before < after), "seed %lu: %d before %d", seed,
                 before, after);
        }
    }
}

/* --- gather --- */

struct gatherer {
    struct task task;
    struct frame frame;
    int rc;
    struct iterate_gather gather;
    struct child children[3];
    struct task *tasks[3];
    int64_t limit_ns;
    struct cancel_scope limit;
};

static int gatherer_step(struct task *task)
{
    struct gatherer *const self = container_of(task, struct gatherer, task);

    TASK_BEGIN();
    for (int i = 0; i < 3; i++)
        self->tasks[i] = &self->children[i].task;
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    TASK_AWAIT(self->rc, iterate_gather(task, &self->gather, "child", child_step, self->tasks, 3));
    if (self->limit_ns)
        (void)cancel_scope_close(task, &self->limit);
    TASK_RETURN(self->rc);
    TASK_END();
}

static struct gatherer gatherer;

/* Three children that take 3, 2 and 1 seconds. */
static void start_gatherer(void)
{
    for (int i = 0; i < 3; i++) {
        gatherer.children[i].takes_ns = (3 - i) * NS_PER_SECOND;
        gatherer.children[i].result = 10 + i;
    }
    cr_assert_eq(task_group_spawn(&actor_group, &gatherer.task, "gatherer", gatherer_step), 0);
}

Test(iterate_tasks, gather_has_all_results_in_order_in_the_time_of_the_longest)
{
    start_gatherer();
    fixture_pass(3 * NS_PER_SECOND - NS_PER_MS);
    cr_assert_not(task_ended(&gatherer.task));
    fixture_pass(NS_PER_MS);
    cr_assert(task_ended(&gatherer.task));
    cr_assert_eq(gatherer.task.result, 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(gatherer.tasks[i]->result, 10 + i);
}

Test(iterate_tasks, the_first_failure_of_a_gather_cancels_the_others)
{
    start_gatherer();
    gatherer.children[1].result = -EIO;
    fixture_pass(2 * NS_PER_SECOND);
    cr_assert(task_ended(&gatherer.task));
    cr_assert_eq(gatherer.task.result, -EIO);
    cr_assert_eq(gatherer.tasks[0]->result, -ECANCELED);
    cr_assert_eq(gatherer.tasks[2]->result, 12);
}

Test(iterate_tasks, a_timeout_around_a_gather_ends_all_of_it)
{
    gatherer.limit_ns = 1500 * NS_PER_MS;
    start_gatherer();
    fixture_pass(1500 * NS_PER_MS);
    cr_assert(task_ended(&gatherer.task));
    cr_assert_eq(gatherer.task.result, -ETIMEDOUT);
    cr_assert_eq(gatherer.tasks[0]->result, -ECANCELED);
    cr_assert_eq(gatherer.tasks[1]->result, -ECANCELED);
    cr_assert_eq(gatherer.tasks[2]->result, 12);
}

Test(iterate_tasks, a_gather_that_is_whole_in_the_turn_of_its_deadline_is_had)
{
    gatherer.limit_ns = 3 * NS_PER_SECOND + NS_PER_MS;
    start_gatherer();
    fixture_settle();
    sim_advance(sim, gatherer.limit_ns);
    fixture_settle();
    cr_assert(task_ended(&gatherer.task));
    cr_assert_eq(gatherer.task.result, 0);
}

Test(iterate_tasks, a_cancelled_gather_ends_all_of_it)
{
    start_gatherer();
    fixture_pass(NS_PER_SECOND);
    task_cancel(&gatherer.task, loop.now_ns);
    fixture_settle();
    cr_assert(task_ended(&gatherer.task));
    cr_assert_eq(gatherer.task.result, -ECANCELED);
    cr_assert_eq(gatherer.tasks[0]->result, -ECANCELED);
}
