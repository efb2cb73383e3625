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
    list_init(&task->sibling);
    loop_call_soon(loop, &task->wake.callback);
}

void task_end(struct task *task, int result)
{
    assert(!task->waits_on && "a task that ends waits for nothing");
    assert(!task->groups && "a task joins its groups before it ends");
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

/* The scopes that limit a task are its innermost and those around that, up to one that is apart. */
static const struct cancel_scope *scope_around(const struct cancel_scope *scope)
{
    return scope->apart ? NULL : scope->outer;
}

int64_t task_deadline_ns(const struct task *task)
{
    int64_t nearest_ns = TIME_NEVER;
    for (const struct cancel_scope *scope = task->scopes; scope; scope = scope_around(scope))
        if (scope->at_ns < nearest_ns)
            nearest_ns = scope->at_ns;
    return nearest_ns;
}

bool task_scope_cancelled(const struct task *task, const struct cancel_scope *except)
{
    for (const struct cancel_scope *scope = task->scopes; scope; scope = scope_around(scope))
        if (scope != except && scope->cancelled && task->shielded <= scope->shields)
            return true;
    return false;
}

static bool shield_holds(const struct task *task)
{
    return task->shielded && task->loop->now_ns < task->cancel_ns;
}

bool task_cancelled(const struct task *task)
{
    if ((task->flags & TASK_CANCELLED) && !shield_holds(task))
        return true;
    return task_scope_cancelled(task, NULL);
}

bool task_expired(const struct task *task)
{
    return task->loop->now_ns >= task_deadline_ns(task);
}

/* Whether awaits have to look at limits: the body of a group that has not failed is none. */
static bool is_limited(const struct task *task)
{
    if (task->flags & TASK_CANCELLED)
        return true;
    for (const struct cancel_scope *scope = task->scopes; scope; scope = scope_around(scope))
        if (scope->cancelled || scope->at_ns < TIME_NEVER)
            return true;
    return false;
}

/* A limit that has passed needs no timer any more: the task was woken for it, and every await looks
 * at it. Only a join goes on waiting after that, and would be woken for nothing. */
static void consider(const struct task *task, int64_t at_ns, int64_t *nearest_ns)
{
    if (at_ns > task->loop->now_ns && at_ns < *nearest_ns)
        *nearest_ns = at_ns;
}

static void rearm(struct task *task)
{
    int64_t nearest_ns = TIME_NEVER;
    task->flags &= (uint8_t)~TASK_LIMITED;
    task->flags |= is_limited(task) ? TASK_LIMITED : 0;
    if (task->waits_on == &task_sleepers)
        consider(task, task->until_ns, &nearest_ns);
    for (const struct cancel_scope *scope = task->scopes; scope; scope = scope_around(scope))
        consider(task, scope->at_ns, &nearest_ns);
    if (task->flags & TASK_CANCELLED)
        consider(task, task->cancel_ns, &nearest_ns);
    /* Not loop_call_at, which takes a due timer back: a wake-up that the task has had must stay. */
    wheel_start(&task->loop->wheel, &task->wake.wheel, nearest_ns);
}

void cancel_scope_enter(struct task *task, struct cancel_scope *scope)
{
    *scope = (struct cancel_scope){.outer = task->scopes, .task = task, .at_ns = TIME_NEVER};
    scope->shields = task->shielded;
    task->scopes = scope;
}

void cancel_scope_leave(struct cancel_scope *scope)
{
    struct cancel_scope **link = &scope->task->scopes;
    while (*link != scope)
        link = &(*link)->outer;
    *link = scope->outer;
    if (scope->cancelled)
        rearm(scope->task);
}

void cancel_scope_open_at(struct task *task, struct cancel_scope *scope, int64_t at_ns)
{
    cancel_scope_enter(task, scope);
    scope->at_ns = at_ns;
    rearm(task);
}

void cancel_scope_open(struct task *task, struct cancel_scope *scope, int64_t duration_ns)
{
    cancel_scope_open_at(task, scope, loop_after(task->loop, duration_ns));
}

void cancel_scope_open_apart(struct task *task, struct cancel_scope *scope)
{
    cancel_scope_enter(task, scope);
    scope->apart = true;
    rearm(task);
}

void cancel_scope_move(struct cancel_scope *scope, int64_t at_ns)
{
    scope->at_ns = at_ns;
    rearm(scope->task);
    if (at_ns <= scope->task->loop->now_ns)
        task_wake(scope->task);
}

void cancel_scope_cancel(struct cancel_scope *scope)
{
    scope->cancelled = true;
    rearm(scope->task);
    task_wake(scope->task);
}

bool cancel_scope_close(struct task *task, struct cancel_scope *scope)
{
    assert(task->scopes == scope && "the innermost scope is closed first");
    task->scopes = scope->outer;
    rearm(task);
    bool passed = task->loop->now_ns >= scope->at_ns;
    return passed && (scope->apart || scope->at_ns < task_deadline_ns(task));
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

/* A task that was woken and takes nothing owes its wake-up to the next in line. */
static void leave_with_nothing(struct task *task, struct wait_list *list)
{
    bool woken = task->flags & TASK_WOKEN;
    wait_list_leave(task);
    if (woken)
        wait_list_wake_first(list);
}

int task_wait_limited(struct task *task, struct wait_list *list, bool ready)
{
    int rc = task_cancelled(task) ? -ECANCELED : !ready && task_expired(task) ? -ETIMEDOUT : 0;
    if (rc == 0)
        return wait_list_settle(task, list, ready);
    leave_with_nothing(task, list);
    return rc;
}

struct wait_list task_sleepers;

/* What a sleep answers, or TASK_PENDING while it lasts. */
static int sleep_state(const struct task *task)
{
    if (task_cancelled(task))
        return -ECANCELED;
    /* Its start doesn't count: even a sleep of nothing lets the others run once. */
    if (task->waits_on && task->loop->now_ns >= task->until_ns)
        return 0;
    return task_expired(task) ? -ETIMEDOUT : TASK_PENDING;
}

static void fall_asleep(struct task *task, int64_t at_ns)
{
    task->waits_on = &task_sleepers;
    task->until_ns = at_ns;
    rearm(task);
    if (at_ns <= task->loop->now_ns)
        task_wake(task);
}

int task_sleep_until(struct task *task, int64_t at_ns)
{
    bool asleep = task->waits_on == &task_sleepers;
    assert((asleep || !task->waits_on) && "a task waits for one thing at a time");
    int rc = sleep_state(task);
    if (rc == TASK_PENDING && !asleep)
        fall_asleep(task, at_ns);
    if (rc != TASK_PENDING && asleep) {
        task->waits_on = NULL;
        rearm(task); /* the timer may have served the sleep: what else limits the task is next */
    }
    return rc;
}

int task_sleep(struct task *task, int64_t duration_ns)
{
    if (task->waits_on == &task_sleepers)
        return task_sleep_until(task, task->until_ns);
    return task_sleep_until(task, loop_after(task->loop, duration_ns));
}
