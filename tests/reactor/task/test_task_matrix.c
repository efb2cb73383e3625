/*
 * What an await answers under every mix of cancel, deadline and shield: the table in task.h, cell
 * by cell. It follows trio's test_run.py (test_cancel_shielding, test_cancel_scope_nesting,
 * test_cancel_shield_deadline) and asyncio's test_timeouts.py.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

TestSuite(task_matrix, .init = fixture_open, .fini = fixture_close);

enum limit {
    DEADLINE_PASSED = 1,
    TASK_IS_CANCELLED = 2, /* with clean-up time */
    TIME_IS_UP = 4, /* the clean-up time has passed */
    SCOPE_IS_CANCELLED = 8,
    SHIELD_OUTSIDE = 16, /* of the scope */
    SHIELD_INSIDE = 32,
    APART = 64
};

enum { WAITS = 1, RESULT = 0 };

static const struct row {
    const char *name;
    unsigned limits; /* enum limit, or-ed */
    int ready; /* what an await that is ready answers */
    int must_wait; /* what one that must wait answers; WAITS: it does, until it is ready */
    int ended; /* what a join of children that have ended answers */
    int alive; /* what a join of a child that lives answers */
    bool cancels; /* and it cancels the child */
} rows[] = {
    {"no limit", 0, RESULT, WAITS, RESULT, WAITS, false},
    {"deadline passed", DEADLINE_PASSED, RESULT, -ETIMEDOUT, RESULT, -ETIMEDOUT, true},
    {"task cancelled", TASK_IS_CANCELLED, -ECANCELED, -ECANCELED, -ECANCELED, -ECANCELED, true},
    {"task cancelled, deadline passed", TASK_IS_CANCELLED | DEADLINE_PASSED, -ECANCELED, -ECANCELED,
     -ECANCELED, -ECANCELED, true},
    {"task cancelled, shielded", TASK_IS_CANCELLED | SHIELD_INSIDE, RESULT, WAITS, RESULT, RESULT,
     true},
    {"task cancelled, shielded, deadline passed",
     TASK_IS_CANCELLED | SHIELD_INSIDE | DEADLINE_PASSED, RESULT, -ETIMEDOUT, RESULT, -ETIMEDOUT,
     true},
    {"task cancelled, shielded, time is up", TASK_IS_CANCELLED | SHIELD_INSIDE | TIME_IS_UP,
     -ECANCELED, -ECANCELED, -ECANCELED, -ECANCELED, true},
    {"scope cancelled", SCOPE_IS_CANCELLED, -ECANCELED, -ECANCELED, -ECANCELED, -ECANCELED, true},
    {"scope cancelled, deadline passed", SCOPE_IS_CANCELLED | DEADLINE_PASSED, -ECANCELED,
     -ECANCELED, -ECANCELED, -ECANCELED, true},
    {"scope cancelled, shielded outside", SCOPE_IS_CANCELLED | SHIELD_OUTSIDE, -ECANCELED,
     -ECANCELED, -ECANCELED, -ECANCELED, true},
    {"scope cancelled, shielded inside", SCOPE_IS_CANCELLED | SHIELD_INSIDE, RESULT, WAITS, RESULT,
     WAITS, false},
    {"scope cancelled, shielded inside, deadline passed",
     SCOPE_IS_CANCELLED | SHIELD_INSIDE | DEADLINE_PASSED, RESULT, -ETIMEDOUT, RESULT, -ETIMEDOUT,
     true},
    {"apart, the scopes around it cancelled and expired",
     SCOPE_IS_CANCELLED | DEADLINE_PASSED | APART, RESULT, WAITS, RESULT, WAITS, false},
};

enum column { READY, MUST_WAIT, JOIN_ENDED, JOIN_ALIVE, COLUMNS };

/* Makes one await in the state that a row names. */
struct prober {
    struct task task;
    struct frame frame;
    const struct row *row;
    enum column column;
    struct cancel_scope scope, limit, apart;
    struct event event;
    struct task_group group;
    struct actor child;
    int answer;
};

static bool has(const struct prober *self, unsigned limit)
{
    return self->row->limits & limit;
}

static void enter(struct prober *self)
{
    struct task *task = &self->task;
    if (has(self, SHIELD_OUTSIDE))
        task_shield(task);
    cancel_scope_open(task, &self->scope, TIME_NEVER);
    cancel_scope_open_at(task, &self->limit, has(self, DEADLINE_PASSED) ? loop.now_ns : TIME_NEVER);
    if (has(self, SCOPE_IS_CANCELLED))
        cancel_scope_cancel(&self->scope);
    if (has(self, SHIELD_INSIDE))
        task_shield(task);
    if (has(self, APART))
        cancel_scope_open_apart(task, &self->apart);
    if (has(self, TASK_IS_CANCELLED))
        task_cancel(task, has(self, TIME_IS_UP) ? loop.now_ns : TIME_NEVER);
    task_group_open(&self->group, task, "group", GROUP_CONTAIN);
}

static void leave(struct prober *self)
{
    struct task *task = &self->task;
    if (has(self, APART))
        (void)cancel_scope_close(task, &self->apart);
    if (has(self, SHIELD_INSIDE))
        task_unshield(task);
    (void)cancel_scope_close(task, &self->limit);
    (void)cancel_scope_close(task, &self->scope);
    if (has(self, SHIELD_OUTSIDE))
        task_unshield(task);
}

static int probe(struct task *task, struct prober *self)
{
    bool joins = self->column == JOIN_ENDED || self->column == JOIN_ALIVE;
    return joins ? task_group_join(task, &self->group) : event_wait(task, &self->event);
}

static int child_step(struct task *task)
{
    struct actor *const self = container_of(task, struct actor, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, event_wait(task, self->object));
    TASK_RETURN(self->rc);
    TASK_END();
}

static int prober_step(struct task *task)
{
    struct prober *const self = container_of(task, struct prober, task);

    TASK_BEGIN();
    enter(self);
    if (self->column == JOIN_ALIVE)
        (void)task_group_spawn(&self->group, &self->child.task, "child", child_step);
    TASK_AWAIT(self->answer, probe(task, self));
    if (self->column == READY || self->column == MUST_WAIT)
        TASK_AWAIT(self->child.rc, task_group_join(task, &self->group));
    leave(self);
    TASK_END();
}

/* Runs one cell and returns its answer, or WAITS if it waited until the event was set. */
static int answer_of(const struct row *row, enum column column, bool *cancelled)
{
    struct prober prober = {.row = row, .column = column};
    event_init(&prober.event);
    prober.child.object = &prober.event;
    if (column == READY)
        event_set(&prober.event);
    cr_assert_eq(task_group_spawn(&actor_group, &prober.task, "prober", prober_step), 0);
    fixture_settle();
    bool waited = !task_ended(&prober.task);
    event_set(&prober.event);
    fixture_settle();
    must(task_ended(&prober.task), "%s, column %d: it hangs", row->name, column);
    *cancelled = prober.group.cancelled;
    if (waited)
        must(prober.answer == 0, "%s, column %d: in the end %d", row->name, column, prober.answer);
    return waited ? WAITS : prober.answer;
}

Test(task_matrix, every_cell_of_the_table_is_so)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const int expected[COLUMNS] = {rows[i].ready, rows[i].must_wait, rows[i].ended,
                                       rows[i].alive};
        bool cancelled = false;
        for (enum column column = 0; column < COLUMNS; column++) {
            int answer = answer_of(&rows[i], column, &cancelled);
            must(answer == expected[column], "%s, column %d: %d", rows[i].name, column, answer);
        }
        must(cancelled == rows[i].cancels, "%s: the child's cancel", rows[i].name);
    }
}
