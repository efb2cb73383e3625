/*
 * queue: a bounded first-in first-out of pointers between tasks.
 *
 * A task that puts into a full queue waits, and so does one that gets from an
 * empty one: that is the back-pressure. Both kinds are served in the order in
 * which they came. A closed queue takes no more items; the items in it can still
 * be got. The slots are the caller's memory. The queue doesn't own the items.
 *
 * The awaits may also answer -ECANCELED or -ETIMEDOUT, and have then moved
 * nothing. The try_ forms never wait and take no task, so the callback of a timer
 * or a signal can feed a queue; they don't overtake a task that waits.
 */
#ifndef REACTOR_TASK_QUEUE_H
#define REACTOR_TASK_QUEUE_H

#include "reactor/task/task.h"

struct queue {
    void **slots;
    size_t capacity;
    size_t first; /* index of the oldest item */
    size_t count;
    bool closed;
    struct wait_list putters;
    struct wait_list getters;
};

/* Makes an empty queue of `capacity` > 0 in `slots`, which must outlive it. */
void queue_init(struct queue *queue, void **slots, size_t capacity);

/* Puts `item`. Returns 0, or -EPIPE from a closed queue. May suspend. */
TASK_AWAITABLE int queue_put(struct task *task, struct queue *queue, void *item);

/* The same without waiting. Returns 0, -EPIPE from a closed queue, or -EAGAIN if it is full or a
 * task waits to put. */
int queue_try_put(struct queue *queue, void *item);

/* Gets the oldest item. Returns 1 with it in *item, or 0 if the queue is closed and empty. May
 * suspend. */
TASK_AWAITABLE int queue_get(struct task *task, struct queue *queue, void **item);

/* The same without waiting. Returns 1, 0, or -EAGAIN if the queue is empty or a task waits to
 * get. */
int queue_try_get(struct queue *queue, void **item);

/* Takes no more items and wakes all tasks that wait. Closing twice is fine. */
void queue_close(struct queue *queue);

#endif
