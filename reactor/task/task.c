#include "reactor/task/task.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void task_start(struct task *task, struct loop *loop, const char *name, task_step *step,
                void (*run)(struct callback *callback))
{
    *task = (struct task){.loop = loop, .step = step, .cancel_ns = TIME_NEVER};
    task->wake.callback.run = run;
    task->wake.callback.name = name;
    list_init(&task->waiter);
    list_init(&task->sibling);
    loop_call_soon(loop, &task->wake.callback);
}

void task_end(struct task *task, int result)
{
    assert(!list_linked(&task->waiter) && "a task that ends waits for nothing");
    assert(!task->scopes && "a task closes its scopes before it ends");
    assert(!task->shielded && "a task puts its shield down before it ends");
    task->result = result;
    task->flags &= (uint8_t)~TASK_RUNNING;
    task->flags |= TASK_ENDED;
    loop_stop(task->loop, &task->wake);
}

void task_resumed_nowhere(void)
{
    fputs("task: a frame was resumed at a line that is no await\n", stderr);
    abort();
}

void task_wake(struct task *task)
{
    if (!task_ended(task))
        loop_call_soon(task->loop, &task->wake.callback);
}

void task_wake_early(struct task *task)
{
    if (!task_ended(task))
        loop_call_first(task->loop, &task->wake.callback);
}

/* Limits: one timer serves them all, set to the nearest. */

static bool shield_holds(const struct task *task)
{
    return task->shielded && task->loop->now_ns < task->cancel_ns;
}

bool task_cancelled(const struct task *task)
{
    return (task->flags & TASK_CANCELLED) && !shield_holds(task);
}

bool task_expired(const struct task *task)
{
    return task->scopes && task->loop->now_ns >= task->scopes->at_ns;
}

/* A limit that has passed is left out: its wake-up was had, and each await asks for its level. Only
 * a join ignores that, which would be woken for nothing. */
static void consider(const struct task *task, int64_t at_ns, int64_t *nearest_ns)
{
    if (at_ns > task->loop->now_ns && at_ns < *nearest_ns)
        *nearest_ns = at_ns;
}

static void rearm(struct task *task)
{
    int64_t nearest_ns = TIME_NEVER;
    bool limited = task->scopes || (task->flags & TASK_CANCELLED);
    task->flags &= (uint8_t)~TASK_LIMITED;
    task->flags |= limited ? TASK_LIMITED : 0;
    if (task->flags & TASK_SLEEPING)
        consider(task, task->until_ns, &nearest_ns);
    if (task->scopes)
        consider(task, task->scopes->at_ns, &nearest_ns);
    if (task->flags & TASK_CANCELLED)
        consider(task, task->cancel_ns, &nearest_ns);
    /* Not loop_call_at, which takes a due timer back: a wake-up that the task has had must stay. */
    wheel_start(&task->loop->wheel, &task->wake.wheel, nearest_ns);
}

void cancel_scope_open(struct task *task, struct cancel_scope *scope, int64_t duration_ns)
{
    int64_t at_ns = time_after(task->loop->now_ns, duration_ns);
    scope->outer = task->scopes;
    if (scope->outer && scope->outer->at_ns < at_ns)
        at_ns = scope->outer->at_ns;
    scope->at_ns = at_ns;
    task->scopes = scope;
    rearm(task);
}

bool cancel_scope_close(struct task *task, struct cancel_scope *scope)
{
    assert(task->scopes == scope && "the innermost scope is closed first");
    bool expired = task_expired(task);
    bool outer_is_nearer = scope->outer && scope->outer->at_ns == scope->at_ns;
    task->scopes = scope->outer;
    rearm(task);
    return expired && !outer_is_nearer;
}

struct cancel_scope *task_deadlines_set_aside(struct task *task)
{
    struct cancel_scope *deadlines = task->scopes;
    task->scopes = NULL;
    rearm(task);
    return deadlines;
}

void task_deadlines_restore(struct task *task, struct cancel_scope *deadlines)
{
    assert(!task->scopes &&
           "deadlines opened meanwhile are closed before those set aside are restored");
    task->scopes = deadlines;
    rearm(task);
}

void task_cancel(struct task *task, int64_t cancel_ns)
{
    if (task_ended(task))
        return;
    task->flags |= TASK_CANCELLED;
    if (cancel_ns < task->cancel_ns)
        task->cancel_ns = cancel_ns;
    rearm(task);
    task_wake(task);
}

void task_shield(struct task *task)
{
    assert(task->shielded < UINT8_MAX && "shields nest no deeper than they can be counted");
    task->shielded++;
}

void task_unshield(struct task *task)
{
    assert(task->shielded > 0 && "a shield is put down once");
    task->shielded--;
}

/* Wait lists. */

void wait_list_init(struct wait_list *list)
{
    list_init(&list->tasks);
}

bool wait_list_is_next(const struct wait_list *list, const struct task *task)
{
    return list_empty(&list->tasks) || list->tasks.next == &task->waiter;
}

/* Who waits has not ended. */
static void wake_waiter(struct list *node)
{
    struct task *task = container_of(node, struct task, waiter);
    task->flags |= TASK_WOKEN;
    loop_call_soon(task->loop, &task->wake.callback);
}

void wait_list_wake_first(struct wait_list *list)
{
    if (!list_empty(&list->tasks))
        wake_waiter(list->tasks.next);
}

void wait_list_wake_all(struct wait_list *list)
{
    list_for_each(node, &list->tasks)
        wake_waiter(node);
}

/* One that was woken and takes nothing owes its wake-up to the next in line. */
static void leave_with_nothing(struct task *task, struct wait_list *list)
{
    bool woken = task->flags & TASK_WOKEN;
    wait_list_leave(task);
    if (woken)
        wait_list_wake_first(list);
}

int task_wait_limited(struct task *task, struct wait_list *list, bool ready)
{
    if (task_cancelled(task)) {
        leave_with_nothing(task, list);
        return -ECANCELED;
    }
    if (!ready && task_expired(task)) {
        leave_with_nothing(task, list);
        return -ETIMEDOUT;
    }
    return task_wait_regardless(task, list, ready);
}

/* What a sleep answers, or TASK_PENDING while it lasts. */
static int sleep_state(const struct task *task)
{
    if (task_cancelled(task))
        return -ECANCELED;
    /* Its start doesn't count: even a sleep of nothing lets the others run once. */
    if ((task->flags & TASK_SLEEPING) && task->loop->now_ns >= task->until_ns)
        return 0;
    return task_expired(task) ? -ETIMEDOUT : TASK_PENDING;
}

int task_sleep(struct task *task, int64_t duration_ns)
{
    int rc = sleep_state(task);
    bool asleep = task->flags & TASK_SLEEPING;
    if (rc != TASK_PENDING && asleep) {
        task->flags &= (uint8_t)~TASK_SLEEPING;
        rearm(task); /* the timer may have served the sleep: what else limits the task is next */
    }
    if (rc == TASK_PENDING && !asleep) {
        task->flags |= TASK_SLEEPING;
        task->until_ns = time_after(task->loop->now_ns, duration_ns);
        rearm(task);
        if (task->until_ns <= task->loop->now_ns)
            task_wake(task);
    }
    return rc;
}
