/*
 * queue: a bounded first-in first-out of pointers between tasks.
 *
 * Whoever puts into a full queue waits, and so does whoever gets from an empty
 * one: that is the back-pressure. Both kinds are served in the order in which
 * they came. A closed queue takes no more; what is in it can still be got. The
 * slots are the caller's memory; the items belong to whoever holds them.
 *
 * The awaits answer -ECANCELED or -ETIMEDOUT besides what is said, and have then
 * moved nothing.
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

/* Gets the oldest item. Returns 1 with it in *item, or 0 when the queue is closed and empty. May
 * suspend. */
TASK_AWAITABLE int queue_get(struct task *task, struct queue *queue, void **item);

/* Takes no more items and wakes all who wait. Closing twice is fine. */
void queue_close(struct queue *queue);

#endif
