/*
 * sync: how tasks wait for each other.
 *
 * An event is a flag that many tasks wait for. A future is a result that comes
 * once. A semaphore is a number of permits, and a lock is one permit with a
 * holder; both are handed out in the order in which they were asked for. All are
 * plain structs that own nothing and can't fail; no task may be waiting when one
 * goes away. With one thread, no other task runs between two awaits: a lock is
 * for what must stay together across awaits.
 *
 * The awaits may also answer -ECANCELED or -ETIMEDOUT, and have then taken
 * nothing. The try_ forms never wait and take no task, so a timer's or a signal's
 * callback can use them; they don't overtake a task that waits.
 *
 * To wait for the first of several things, a queue, an event and a socket, start
 * a child for each and let the first that ends cancel the others:
 *
 *     task_group_open(&self->race, task, "race", GROUP_CONTAIN);
 *     self->race.on_end = task_group_cancel_rest;
 *     (void)task_group_spawn(&self->race, &self->item.task, "item", item_step);
 *     (void)task_group_spawn(&self->race, &self->event.task, "event", event_step);
 *     (void)task_group_spawn(&self->race, &self->line.task, "line", line_step);
 *     TASK_AWAIT(self->rc, task_group_join(task, &self->race));
 *
 * A child whose result is -ECANCELED took nothing, so nothing is lost. More than
 * one may have won, if they became ready in the same turn: look at each result.
 * Calling two awaitables from one step is no way to do it: a task waits for one
 * thing at a time, which an assert checks.
 */
#ifndef REACTOR_TASK_SYNC_H
#define REACTOR_TASK_SYNC_H

#include "reactor/task/task.h"

struct event {
    bool set;
    struct wait_list waiting;
};

void event_init(struct event *event);

/* Sets the event and wakes all tasks that wait; it stays set until event_clear. */
static inline void event_set(struct event *event)
{
    event->set = true;
    wait_list_wake_all(&event->waiting);
}

static inline void event_clear(struct event *event)
{
    event->set = false;
}

/* For event_wait: whether the event was set since `task` waits. */
__attribute__((cold)) bool event_woke(struct task *task);

/* Waits until it is set. A task that waits when it is set goes on, even if it is cleared in the
 * same turn. Returns 0. May suspend. */
TASK_AWAITABLE static inline int event_wait(struct task *task, struct event *event)
{
    bool ready = event->set || (task->waits_on && event_woke(task));
    return task_wait(task, &event->waiting, ready);
}

struct future {
    bool done;
    int result; /* valid once done: 0, a count or -errno */
    void *value; /* valid once done; the program decides who owns it */
    struct wait_list waiting;
};

void future_init(struct future *future);

/* Gives the future its result, once, and wakes all tasks that wait. */
void future_resolve(struct future *future, int result, void *value);

/* Waits until it is resolved. Returns its result; the value is in future->value. May suspend. */
TASK_AWAITABLE int future_wait(struct task *task, struct future *future);

struct semaphore {
    unsigned permits;
    unsigned permits_max;
    struct wait_list waiting;
};

/* Makes a semaphore with `permits`, INT_MAX at most. More may be given than were taken. */
void semaphore_init(struct semaphore *semaphore, unsigned permits);

/* The same, but to give back more permits than were taken is a bug, which an assert finds. */
void semaphore_init_bounded(struct semaphore *semaphore, unsigned permits);

/* Takes a permit, after the tasks that asked before. Returns 0. May suspend. */
TASK_AWAITABLE int semaphore_acquire(struct task *task, struct semaphore *semaphore);

/* Takes a permit. Returns 0, or -EAGAIN if there is none or a task waits for it. */
int semaphore_try_acquire(struct semaphore *semaphore);

/* Gives a permit back, to the task that has waited longest. */
void semaphore_release(struct semaphore *semaphore);

struct lock {
    struct task *holder; /* NULL: it is free */
    struct wait_list waiting;
};

void lock_init(struct lock *lock);

/* Makes `task`, which must not hold it yet, the holder, after the tasks that asked before. Returns
 * 0. May suspend. */
TASK_AWAITABLE int lock_acquire(struct task *task, struct lock *lock);

/* The same without waiting. Returns 0, or -EAGAIN if it is held or a task waits for it. */
int lock_try_acquire(struct task *task, struct lock *lock);

/* Gives the lock of `task`, its holder, to the task that has waited longest. */
void lock_release(struct task *task, struct lock *lock);

#endif
