/*
 * batch: many small requests, one large one.
 *
 * If one request costs as much as a hundred, requests that come close together
 * are made as one. A batch begins when it is full or when its oldest request has
 * waited long enough, whichever comes first. Each caller gets its own answer.
 * While one batch runs, the next is gathered.
 *
 *      ann   ----+                                   +---> answer
 *      bob   ----+--> gathered: [ann bob eve] --run--+---> answer
 *      eve   ----+     size 3, or delay passed       +---> answer
 *
 * A batch runs in its own task, so no caller can take it down: a caller that is
 * cancelled leaves its place empty, and the others don't notice. If a batch
 * fails, the callers in it fail, and no others. A request that waits is a member
 * of its caller's frame: nothing is allocated, and there are never more requests
 * than tasks.
 *
 * With a delay of 0, all requests of one turn make one batch.
 */
#ifndef REACTOR_PATTERNS_BATCH_H
#define REACTOR_PATTERNS_BATCH_H

#include "reactor/task/sync.h"

struct batch;

/*
 * Awaitable: makes the requests of batch->items[0 .. count - 1]. Some of these may be NULL, because
 * a caller that leaves takes its item along. So look again after every await, and keep no pointer
 * across an await. It answers the items it can (batch_answer). Its result is the answer to all
 * other items: 0 or a count, or the -errno of the whole batch.
 */
typedef int batch_make(struct task *task, struct batch *batch);

/* One request: a member of its caller's frame, zeroed before its first use. */
struct batch_item {
    void *request; /* the caller's, valid while the item is in the batch */

    /* Of batch.c. */
    struct frame frame;
    int rc;
    struct list node; /* while it is gathered */
    struct batch_item **place; /* in the batch that runs; NULL: in none */
    int64_t due_ns; /* when its batch begins at the latest */
    struct future answer;
};

struct batch {
    struct task task; /* runs batch_step: a child of any group */

    /* Set by the program before batch_init; the rest is zeroed. */
    batch_make *make;
    struct batch_item **items; /* `size` places, which must outlive the batch */
    size_t size; /* the most requests in one batch; at least 1 */
    int64_t delay_ns; /* how long a request waits for others; 0: until the next turn */

    /* The batch that runs. */
    size_t count; /* places in use */

    /* Of batch.c. */
    struct frame frame;
    int rc;
    struct cancel_scope due;
    struct list gathered; /* of items, the oldest first */
    size_t waiting; /* how many */
    bool closed;
    struct wait_list stirred; /* batch->task, for something to do */
};

/* Prepares a batch whose four fields are set. Spawn batch->task with batch_step before or after the
 * first request. */
void batch_init(struct batch *batch);

/* The step of batch->task: runs batches until batch_close, then what is still gathered, and returns
 * 0. Cancelled, it ends with the batch that runs, and -ECANCELED; what that batch had not answered
 * and what is gathered is answered -EPIPE. */
int batch_step(struct task *task);

/*
 * Makes `request` as part of a batch. Returns its answer; -EPIPE if the batch was
 * closed before, or its task was cancelled; -ECANCELED or -ETIMEDOUT of the asking task. Whether a
 * request was made that was cut off in a batch that ran is not known. May suspend.
 */
TASK_AWAITABLE int batch_ask(struct task *task, struct batch_item *self, struct batch *batch,
                             void *request);

/* For `make`: answers one item of the batch that runs, once. */
void batch_answer(struct batch_item *item, int result);

/* Takes no more requests; those gathered are made at once. Closing twice is fine. */
void batch_close(struct batch *batch);

#endif
