/*
 * sync: how tasks wait for each other.
 *
 * An event is a flag that many wait for; a future a result that comes once; a
 * semaphore a number of permits, handed out in the order in which they were
 * asked for. All are plain structs, own nothing and can't fail; nobody may be
 * waiting when one goes away. With one thread there is no lock here: between two
 * awaits nobody else runs.
 *
 * The awaits answer -ECANCELED or -ETIMEDOUT besides what is said, and have then
 * taken nothing.
 */
#ifndef REACTOR_TASK_SYNC_H
#define REACTOR_TASK_SYNC_H

#include "reactor/task/task.h"

struct event {
    bool set;
    struct wait_list waiting;
};

void event_init(struct event *event);

/* Sets it and wakes all; it stays set until event_clear. */
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

/* Waits until it is set; a task that waits when it is set goes on, even if it is cleared in the same
 * turn. Returns 0. May suspend. */
TASK_AWAITABLE static inline int event_wait(struct task *task, struct event *event)
{
    bool ready = event->set || (task->waits_on && event_woke(task));
    return task_wait(task, &event->waiting, ready);
}

struct future {
    bool done;
    int result; /* valid once done: 0, a count or -errno */
    void *value; /* valid once done; owned by whom its maker says */
    struct wait_list waiting;
};

void future_init(struct future *future);

/* Gives it its result, once, and wakes all who wait. */
void future_resolve(struct future *future, int result, void *value);

/* Waits until it is resolved. Returns the result it was given; its value is in future->value. May
 * suspend. */
TASK_AWAITABLE int future_wait(struct task *task, struct future *future);

struct semaphore {
    unsigned permits;
    struct wait_list waiting;
};

/* Makes one with `permits`, INT_MAX at most. */
void semaphore_init(struct semaphore *semaphore, unsigned permits);

/* Takes a permit, waiting behind those who came before. Returns 0. May suspend. */
TASK_AWAITABLE int semaphore_acquire(struct task *task, struct semaphore *semaphore);

/* Gives one back, to the first who waits. */
void semaphore_release(struct semaphore *semaphore);

#endif
