/*
 * The body of a fail-fast group: what the owner's awaits answer from a child's failure to the join.
 * Each case names the test of asyncio (test_taskgroups.py, by its name) or trio (test_run.py) that
 * it follows; "ours" is a rule that neither has.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"
#include "tests/support/misuse.h"

TestSuite(task_group_body, .init = fixture_open, .fini = fixture_close);

/* Sleeps and ends with `error`; if it is cancelled before, with `cancelled` or what the sleep
 * says. */
struct child {
    struct task task;
    struct frame frame;
    int64_t sleep_ms;
    int error;
    int cancelled;
    int rc;
};

static int child_step(struct task *task)
{
    struct child *const self = container_of(task, struct child, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->sleep_ms * NS_PER_MS));
    if (self->rc < 0)
        TASK_RETURN(self->cancelled ? self->cancelled : self->rc);
    TASK_RETURN(self->error);
    TASK_END();
}

enum body_flag {
    SHIELD_OUTSIDE = 1, /* put up before the group is opened */
    SHIELD_INSIDE = 2, /* around the first await */
    INNER = 4, /* a second group is opened in the body, with one child */
    INNER_CONTAINS = 8,
    SCOPE_AROUND = 16, /* the first await is in a scope of its own */
    SCOPE_APART = 32 /* the first await is in a scope apart */
};

/* What it does, and what it must see. A time is in ms; children: when, with what. */
struct body_case {
    const char *follows;
    unsigned flags; /* enum body_flag, or-ed */
    int64_t child_ms;
    int child_error;
    int64_t first_ms; /* how long the body's first await would take */
    int64_t cancel_ms; /* when the owner is cancelled; 0: never */
    int64_t inner_ms;
    int inner_error;
    int inner_cancelled;

    int first; /* what the first await answers */
    int64_t first_at_ms;
    int second; /* what a sleep of 0 answers after it */
    int inner_joined;
    int joined;
    int64_t joined_at_ms;
};

struct body {
    struct task task;
    struct frame frame;
    const struct body_case *row;
    int rc;
    struct task_group outer, inner;
    struct child child, sibling, inner_child;
    struct cancel_scope scope;
    int64_t begun_ns;
    int first, second, inner_joined, joined, after;
    int64_t first_ns, joined_ns;
};

static bool has(const struct body *self, unsigned flag)
{
    return self->row->flags & flag;
}

static void open_groups(struct body *self)
{
    struct task *task = &self->task;
    self->child = (struct child){.sleep_ms = self->row->child_ms, .error = self->row->child_error};
    self->sibling = (struct child){.sleep_ms = 50};
    self->inner_child = (struct child){.sleep_ms = self->row->inner_ms,
                                       .error = self->row->inner_error,
                                       .cancelled = self->row->inner_cancelled};
    task_group_open(&self->outer, task, "outer", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->outer, &self->child.task, "child", child_step);
    (void)task_group_spawn(&self->outer, &self->sibling.task, "sibling", child_step);
    if (!has(self, INNER))
        return;
    enum group_policy policy = has(self, INNER_CONTAINS) ? GROUP_CONTAIN : GROUP_FAIL_FAST;
    task_group_open(&self->inner, task, "inner", policy);
    (void)task_group_spawn(&self->inner, &self->inner_child.task, "inner", child_step);
}

static void enter_first(struct body *self)
{
    if (has(self, SHIELD_INSIDE))
        task_shield(&self->task);
    if (has(self, SCOPE_AROUND))
        cancel_scope_open(&self->task, &self->scope, TIME_NEVER);
    if (has(self, SCOPE_APART))
        cancel_scope_open_apart(&self->task, &self->scope);
}

static void leave_first(struct body *self)
{
    self->first_ns = loop.now_ns;
    if (has(self, SCOPE_AROUND | SCOPE_APART))
        (void)cancel_scope_close(&self->task, &self->scope);
    if (has(self, SHIELD_INSIDE))
        task_unshield(&self->task);
}

static int body_step(struct task *task)
{
    struct body *const self = container_of(task, struct body, task);

    TASK_BEGIN();
    self->begun_ns = loop.now_ns;
    if (has(self, SHIELD_OUTSIDE))
        task_shield(task);
    open_groups(self);
    enter_first(self);
    TASK_AWAIT(self->first, task_sleep(task, self->row->first_ms * NS_PER_MS));
    leave_first(self);
    TASK_AWAIT(self->second, task_sleep(task, 0));
    if (has(self, INNER))
        TASK_AWAIT(self->inner_joined, task_group_join(task, &self->inner));
    TASK_AWAIT(self->joined, task_group_join(task, &self->outer));
    self->joined_ns = loop.now_ns;
    TASK_AWAIT(self->after, task_sleep(task, NS_PER_MS));
    if (has(self, SHIELD_OUTSIDE))
        task_unshield(task);
    TASK_END();
}

static const struct body_case body_cases[] = {
    {"asyncio test_taskgroup_02: the body waits, nothing fails", 0, 10, 0, 20, 0, 0, 0, 0, //
     0, 20, 0, 0, 0, 50},
    {"asyncio test_cancel_children_on_child_error: the body hears of it", 0, 10, -EIO, 1000, 0, 0,
     0,
     0, //
     -ECANCELED, 10, -ECANCELED, 0, -EIO, 10},
    {"trio test_nursery_cancelled_by_child_crash: before the body awaits", 0, 0, -EIO, 1000, 0, 0,
     0,
     0, //
     -ECANCELED, 0, -ECANCELED, 0, -EIO, 0},
    {"asyncio test_taskgroup_07: the owner is cancelled in the body", 0, 1000, 0, 1000, 10, 0, 0, 0,
     -ECANCELED, 10, -ECANCELED, 0, -ECANCELED, 10},
    {"asyncio test_cancellation_in_body: a failure, then a cancel of the owner", SHIELD_INSIDE, 10,
     -EIO, 20, 15, 0, 0, 0, //
     0, 20, -ECANCELED, 0, -ECANCELED, 20},
    {"asyncio test_taskgroup_13: the outer group fails, the inner has a child", INNER, 10, -EIO,
     1000, 0, 1000, 0, 0, //
     -ECANCELED, 10, -ECANCELED, -ECANCELED, -EIO, 10},
    {"asyncio test_taskgroup_14: only the inner group fails", INNER, 1000, 0, 1000, 0, 10, -EPIPE,
     0, -ECANCELED, 10, -ECANCELED, -EPIPE, 0, 1000},
    {"ours: an inner child that fails when it is cancelled is kept", INNER, 10, -EIO, 1000, 0, 1000,
     0, -EPIPE, //
     -ECANCELED, 10, -ECANCELED, -ECANCELED, -EIO, 10},
    {"ours: an inner group that contains is joined the same way", INNER | INNER_CONTAINS, 10, -EIO,
     1000, 0, 1000, 0, 0, //
     -ECANCELED, 10, -ECANCELED, -ECANCELED, -EIO, 10},
    {"trio test_cancel_shielding: a shield inside holds without limit", SHIELD_INSIDE, 10, -EIO,
     300, 0, 0, 0, 0, //
     0, 300, -ECANCELED, 0, -EIO, 300},
    {"trio test_cancel_shielding: a shield outside does not hide it", SHIELD_OUTSIDE, 10, -EIO, 300,
     0, 0, 0, 0, //
     -ECANCELED, 10, -ECANCELED, 0, -EIO, 10},
    {"trio test_cancel_scope_nesting: a scope in the body is in the body", SCOPE_AROUND, 10, -EIO,
     300, 0, 0, 0, 0, //
     -ECANCELED, 10, -ECANCELED, 0, -EIO, 10},
    {"trio test_cancel_shielding: a scope apart is not", SCOPE_APART, 10, -EIO, 300, 0, 0, 0, 0, //
     0, 300, -ECANCELED, 0, -EIO, 300},
};

static void run_body(const struct body_case *row)
{
    struct body body = {.row = row};

    cr_assert_eq(task_group_spawn(&actor_group, &body.task, "body", body_step), 0);
    if (row->cancel_ms) {
        fixture_pass(row->cancel_ms * NS_PER_MS);
        task_cancel(&body.task, TIME_NEVER);
    }
    fixture_pass(2 * NS_PER_SECOND);
    must(task_ended(&body.task), "%s: it has not ended", row->follows);
    must(body.first == row->first, "%s: first %d", row->follows, body.first);
    int64_t first_ms = (body.first_ns - body.begun_ns) / NS_PER_MS;
    must(first_ms == row->first_at_ms, "%s: first at %jd", row->follows, (intmax_t)first_ms);
    must(body.second == row->second, "%s: second %d", row->follows, body.second);
    must(body.inner_joined == row->inner_joined, "%s: inner %d", row->follows, body.inner_joined);
    must(body.joined == row->joined, "%s: joined %d", row->follows, body.joined);
    int64_t joined_ms = (body.joined_ns - body.begun_ns) / NS_PER_MS;
    must(joined_ms == row->joined_at_ms, "%s: joined at %jd", row->follows, (intmax_t)joined_ms);
    int after = row->cancel_ms ? -ECANCELED : 0;
    must(body.after == after, "%s: after the join %d", row->follows, body.after);
    bool kept = !list_empty(&body.inner.failures);
    if (has(&body, INNER) && !has(&body, INNER_CONTAINS))
        must(kept == (row->inner_error || row->inner_cancelled), "%s: not kept", row->follows);
}

Test(task_group_body, a_childs_failure_reaches_the_body)
{
    for (size_t i = 0; i < sizeof(body_cases) / sizeof(*body_cases); i++)
        run_body(&body_cases[i]);
}

/* --- the order of joins --- */

static struct task_group first, second;

static int joins_the_first_first(struct task *task, void *object)
{
    (void)object;
    task_group_open(&first, task, "first", GROUP_FAIL_FAST);
    task_group_open(&second, task, "second", GROUP_FAIL_FAST);
    return task_group_join(task, &first);
}

Test(task_group_body, fail_fast_groups_are_joined_in_reverse)
{
    misuse_by_task(joins_the_first_first,
                   "fail-fast groups are joined in the reverse order of their opening");
}

static int joins_a_contained_one_last(struct task *task, void *object)
{
    (void)object;
    task_group_open(&first, task, "first", GROUP_FAIL_FAST);
    task_group_open(&second, task, "second", GROUP_CONTAIN);
    int rc = task_group_join(task, &first);
    return rc ? rc : task_group_join(task, &second);
}

Test(task_group_body, groups_that_contain_are_joined_in_any_order)
{
    struct actor actor = {.call = joins_a_contained_one_last};

    actor_start(&actor, "owner");
    fixture_settle();
    cr_assert(actor_ended(&actor, 0));
}

/* --- cancel scopes --- */

/* Sleeps for 30 ms in a scope of 10 ms, and for 1 ms behind it. */
struct scoped {
    struct task task;
    struct frame frame;
    struct cancel_scope scope;
    int in, behind;
    int64_t in_ns;
    bool passed;
};

static int scoped_step(struct task *task)
{
    struct scoped *const self = container_of(task, struct scoped, task);

    TASK_BEGIN();
    cancel_scope_open(task, &self->scope, 10 * NS_PER_MS);
    TASK_AWAIT(self->in, task_sleep(task, 30 * NS_PER_MS));
    self->in_ns = loop.now_ns;
    self->passed = cancel_scope_close(task, &self->scope);
    TASK_AWAIT(self->behind, task_sleep(task, NS_PER_MS));
    TASK_END();
}

/* What happens to the scope after 5 ms, and what the sleep in it then answers. */
static const struct scope_case {
    const char *follows;
    int64_t move_ms; /* from the start; -1: it is not moved; 0: to what has passed */
    bool cancelled;
    int in;
    int64_t in_ms;
    bool passed;
} scope_cases[] = {
    {"asyncio test_timeouts test_timeout_basic", -1, false, -ETIMEDOUT, 10, true},
    {"asyncio test_timeouts test_timeout_disabled (rescheduled to None)", INT64_MAX, false, 0, 30,
     false},
    {"asyncio test_timeouts test_nested_timeouts (sooner)", 7, false, -ETIMEDOUT, 7, true},
    {"asyncio test_timeouts test_timeout_zero (to the past)", 0, false, -ETIMEDOUT, 5, true},
    {"trio test_cancel_scope_deadline (later)", 20, false, -ETIMEDOUT, 20, true},
    {"trio test_basic_cancel: by somebody else", -1, true, -ECANCELED, 5, false},
    {"ours: cancel beats an expired deadline", 0, true, -ECANCELED, 5, true},
};

Test(task_group_body, a_scope_is_moved_and_cancelled_by_others)
{
    for (size_t i = 0; i < sizeof(scope_cases) / sizeof(*scope_cases); i++) {
        const struct scope_case *row = &scope_cases[i];
        struct scoped scoped = {.in = 1};
        int64_t begun_ns = sim_now_ns(sim);
        cr_assert_eq(task_group_spawn(&actor_group, &scoped.task, "scoped", scoped_step), 0);
        fixture_pass(5 * NS_PER_MS);
        if (row->move_ms >= 0)
            cancel_scope_move(&scoped.scope, row->move_ms == INT64_MAX
                                                 ? TIME_NEVER
                                                 : begun_ns + row->move_ms * NS_PER_MS);
        if (row->cancelled)
            cancel_scope_cancel(&scoped.scope);
        fixture_pass(NS_PER_SECOND);
        must(task_ended(&scoped.task), "%s: not ended", row->follows);
        must(scoped.in == row->in, "%s: %d", row->follows, scoped.in);
        int64_t in_ms = (scoped.in_ns - begun_ns) / NS_PER_MS;
        must(in_ms == row->in_ms, "%s: at %jd", row->follows, (intmax_t)in_ms);
        must(scoped.passed == row->passed, "%s: passed %d", row->follows, scoped.passed);
        must(scoped.scope.cancelled == row->cancelled, "%s: cancelled", row->follows);
        must(scoped.behind == 0, "%s: behind %d", row->follows, scoped.behind);
    }
}

/* Sleeps twice in one scope. */
struct twice {
    struct task task;
    struct frame frame;
    struct cancel_scope scope;
    int first, second;
};

static int twice_step(struct task *task)
{
    struct twice *const self = container_of(task, struct twice, task);

    TASK_BEGIN();
    cancel_scope_open(task, &self->scope, 10 * NS_PER_MS);
    TASK_AWAIT(self->first, task_sleep(task, 20 * NS_PER_MS));
    cancel_scope_move(&self->scope, loop.now_ns + 10 * NS_PER_MS);
    TASK_AWAIT(self->second, task_sleep(task, 5 * NS_PER_MS));
    (void)cancel_scope_close(task, &self->scope);
    TASK_END();
}

Test(task_group_body, a_scope_that_has_expired_is_moved_and_lasts_again)
{
    struct twice twice = {.first = 1};

    cr_assert_eq(task_group_spawn(&actor_group, &twice.task, "twice", twice_step), 0);
    fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&twice.task));
    cr_assert_eq(twice.first, -ETIMEDOUT);
    cr_assert_eq(twice.second, 0);
}

/* --- durations --- */

/* Works for 40 ms, and then sleeps 50 ms under a deadline of 30 ms. */
struct worker {
    struct task task;
    struct frame frame;
    struct cancel_scope limit;
    int limited, slept;
    int64_t limited_ns, slept_ns;
};

static int worker_step(struct task *task)
{
    struct worker *const self = container_of(task, struct worker, task);

    TASK_BEGIN();
    sim_advance(sim, 40 * NS_PER_MS);
    cancel_scope_open(task, &self->limit, 30 * NS_PER_MS);
    TASK_AWAIT(self->limited, task_sleep(task, 50 * NS_PER_MS));
    self->limited_ns = loop.now_ns;
    (void)cancel_scope_close(task, &self->limit);
    sim_advance(sim, 40 * NS_PER_MS);
    TASK_AWAIT(self->slept, task_sleep(task, 50 * NS_PER_MS));
    self->slept_ns = loop.now_ns;
    TASK_END();
}

Test(task_group_body, a_duration_counts_from_the_call)
{
    struct worker worker = {.limited = 1};
    int64_t begun_ns = sim_now_ns(sim);

    cr_assert_eq(task_group_spawn(&actor_group, &worker.task, "worker", worker_step), 0);
    fixture_settle();
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(worker.limited, -ETIMEDOUT);
    cr_assert_eq((worker.limited_ns - begun_ns) / NS_PER_MS, 70);
    cr_assert_eq(worker.slept, 0);
    cr_assert_eq((worker.slept_ns - begun_ns) / NS_PER_MS, 160);
}
