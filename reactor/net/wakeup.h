/*
 * wakeup: be woken by another thread.
 *
 * The library has one thread, but a program may have more: for a call that
 * blocks, say, or for work that takes long. Such a thread ends its work by
 * raising a wakeup, and a task of the loop awaits that.
 *
 *     static void *worker(void *object)          static int waiter_step(struct task *task)
 *     {                                          {
 *         struct sum *sum = object;                  ...
 *         sum->total = add_up(sum);                  TASK_AWAIT(self->rc,
 *         wakeup_raise(&sum->done);                             wakeup_wait(task, &sum->done));
 *         return NULL;                               ... sum->total ...
 *     }                                          }
 *
 * wakeup_raise is the one function of the library that any thread may call, and
 * also a signal handler. What a thread wrote before it raised is seen by the
 * task that was woken. A wakeup must stay open until every thread that may raise
 * it has ended: join those first.
 */
#ifndef REACTOR_NET_WAKEUP_H
#define REACTOR_NET_WAKEUP_H

#include "reactor/task/task.h"

struct wakeup {
    struct descriptor descriptor;
    struct loop *loop;
    struct wait_list waiting;
};

/* Returns 0 or -errno. */
int wakeup_open(struct wakeup *wakeup, struct loop *loop);

/* Nobody may be waiting, and no thread may raise it any more. Harmless on one that is closed. */
void wakeup_close(struct wakeup *wakeup);

/* Raises it, from any thread. Raised several times before it is awaited, it wakes once. */
void wakeup_raise(struct wakeup *wakeup);

/* Waits until it is raised, and takes that back. Returns 0, -ECANCELED or -ETIMEDOUT. May suspend.
 */
TASK_AWAITABLE int wakeup_wait(struct task *task, struct wakeup *wakeup);

#endif
