#include "reactor/task/sync.h"

#include <assert.h>
#include <errno.h>

void event_init(struct event *event)
{
    event->set = false;
    wait_list_init(&event->waiting);
}

bool event_woke(struct task *task)
{
    /* Setting it woke all, so no other task is owed this wake-up if a limit ends the await. */
    bool woken = task->flags & TASK_WOKEN;
    task->flags &= (uint8_t)~TASK_WOKEN;
    return woken;
}

void future_init(struct future *future)
{
    *future = (struct future){.done = false};
    wait_list_init(&future->waiting);
}

void future_resolve(struct future *future, int result, void *value)
{
    assert(!future->done && "a future is resolved once");
    assert(result != TASK_PENDING && "a future's result isn't that it has none yet");
    future->done = true;
    future->result = result;
    future->value = value;
    wait_list_wake_all(&future->waiting);
}

int future_wait(struct task *task, struct future *future)
{
    int rc = task_wait(task, &future->waiting, future->done);
    return rc == 0 ? future->result : rc;
}

void semaphore_init(struct semaphore *semaphore, unsigned permits)
{
    assert(permits <= INT_MAX && "a number of permits isn't negative");
    *semaphore = (struct semaphore){.permits = permits, .permits_max = INT_MAX};
    wait_list_init(&semaphore->waiting);
}

void semaphore_init_bounded(struct semaphore *semaphore, unsigned permits)
{
    semaphore_init(semaphore, permits);
    semaphore->permits_max = permits;
}

int semaphore_acquire(struct task *task, struct semaphore *semaphore)
{
    bool ready = semaphore->permits > 0 && wait_list_is_next(&semaphore->waiting, task);
    int rc = task_wait(task, &semaphore->waiting, ready);
    if (rc < 0)
        return rc;
    /* Several releases may have woken the same first task: when it leaves it wakes the next. */
    if (--semaphore->permits > 0)
        wait_list_wake_first(&semaphore->waiting);
    return 0;
}

int semaphore_try_acquire(struct semaphore *semaphore)
{
    if (semaphore->permits == 0 || !wait_list_empty(&semaphore->waiting))
        return -EAGAIN;
    semaphore->permits--;
    return 0;
}

void semaphore_release(struct semaphore *semaphore)
{
    assert(semaphore->permits < semaphore->permits_max && "a permit is given back once");
    semaphore->permits++;
    wait_list_wake_first(&semaphore->waiting);
}

void lock_init(struct lock *lock)
{
    lock->holder = NULL;
    wait_list_init(&lock->waiting);
}

int lock_acquire(struct task *task, struct lock *lock)
{
    assert(lock->holder != task && "a task that holds a lock would wait for itself");
    bool ready = !lock->holder && wait_list_is_next(&lock->waiting, task);
    int rc = task_wait(task, &lock->waiting, ready);
    if (rc == 0)
        lock->holder = task;
    return rc;
}

int lock_try_acquire(struct task *task, struct lock *lock)
{
    if (lock->holder || !wait_list_empty(&lock->waiting))
        return -EAGAIN;
    lock->holder = task;
    return 0;
}

void lock_release(struct task *task, struct lock *lock)
{
    assert(lock->holder == task && "a lock is released by its holder");
    lock->holder = NULL;
    wait_list_wake_first(&lock->waiting);
}
