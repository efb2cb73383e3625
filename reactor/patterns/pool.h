/*
 * pool: a bounded number of items that are expensive to make, lent in turn.
 *
 * Connections to another server, for example. An item is made when it is first
 * needed, and at most `limit` exist. A returned item is kept for the next task.
 * Reuse is last in, first out, so surplus items stay idle and expire. If all are
 * lent, tasks wait in line: first come, first served, and no newcomer overtakes.
 * Only the task's own deadline limits the wait.
 *
 *     struct wire {
 *         struct pool_item item;
 *         struct stream stream;
 *     };
 *     struct pool pool = {.name = "wires", .limit = 4, .item_bytes = sizeof(struct wire),
 *                         .open = wire_open, .close = wire_close, .keep_ns = 30 * NS_PER_SECOND};
 *     ...
 *     TASK_AWAIT(self->rc, pool_lease(task, &self->lease, &pool));
 *     if (self->rc < 0)
 *         TASK_RETURN(self->rc);
 *     ... self->lease.item ...
 *     pool_release(&pool, self->lease.item);
 *
 * A task that holds an item and asks for a second one may wait for itself for
 * ever. Lease one at a time, or lease from several pools always in the same
 * order, or set a deadline.
 */
#ifndef REACTOR_PATTERNS_POOL_H
#define REACTOR_PATTERNS_POOL_H

#include "reactor/task/task.h"

struct pool;

/* The first member of the program's struct. */
struct pool_item {
    struct pool *pool; /* to which it must be returned */
    struct list node; /* among the idle ones, or on no list */
    int64_t made_ns; /* when it was made */
    int64_t idle_since_ns; /* valid while idle */
    bool leased;
};

struct pool {
    /* Set by the program; the rest zeroed. */
    const char *name; /* for people; must live as long as the pool */
    size_t limit; /* the most items there may be, lent or idle */
    size_t item_bytes; /* of the program's struct */
    int64_t keep_ns; /* an item that was idle this long is closed; TIME_NEVER: never */
    int64_t trust_ns; /* an item that was idle for less is lent without a check */
    int64_t life_ns; /* an item that is older is closed instead of lent or kept; 0: no limit */

    /* Makes what the item stands for, in memory that is zeroed. Returns 0, or -errno with nothing
     * left to close. An awaitable: it may suspend. */
    int (*open)(struct task *task, struct pool_item *item);

    /* Whether an idle item is still good: 0; or -errno, and the item is closed. NULL: items are not
     * checked. An awaitable. A check that is cut short leaves the item in the middle of something,
     * so that item is closed too. */
    int (*check)(struct task *task, struct pool_item *item);

    /* Prepares a returned item for the next task, or says why it is of no use (-errno): then it is
     * closed. NULL: nothing is to be done. Must not suspend. */
    int (*reset)(struct pool_item *item);

    /* Ends what the item stands for. Its memory is the pool's. Must not suspend. */
    void (*close)(struct pool_item *item);

    /* Of pool.c. */
    struct loop *loop;
    struct list idle; /* the latest returned first */
    size_t idle_count;
    size_t busy_count; /* places taken: items that are lent, being made or being checked */
    bool shut;
    struct wait_list waiting; /* for a place */
    struct wait_list drainers;
    struct timer expiry; /* runs while there are idle items, to the oldest's end or earlier */
};

/* The frame of pool_lease; zeroed before its first use. */
struct pool_lease {
    struct frame frame;
    int rc;
    struct pool_item *item; /* valid once 0 was answered, until it is given back */
};

/* Makes an empty pool from the fields that the program set. Can't fail, and has no counterpart: a
 * pool that is shut and has all its items back holds nothing. */
void pool_init(struct pool *pool, struct loop *loop);

/*
 * Lends an item: the latest returned that is still good, else a new one. Waits while all are lent,
 * behind those who came before. Returns 0 with it in self->item; -ESHUTDOWN from a pool that is
 * shut, -ENOMEM, what `open` failed with, -ECANCELED or -ETIMEDOUT; then nothing is lent, and the
 * place goes to the next in line. May suspend.
 */
TASK_AWAITABLE int pool_lease(struct task *task, struct pool_lease *self, struct pool *pool);

/* The same without waiting: an idle item that needs no check, if there is one and nobody waits;
 * else NULL. For a callback, or for work that can do without. */
struct pool_item *pool_try_lease(struct pool *pool);

/* Gives an item back for the next task. It must be one that this pool lent and that was not given
 * back yet. Closes it if the pool is shut, it is too old, or `reset` refuses it. */
void pool_release(struct pool *pool, struct pool_item *item);

/* Gives back an item that is broken, or in the middle of something: closes it. A new item is made
 * when it is needed. */
void pool_discard(struct pool *pool, struct pool_item *item);

/* Lends no more: closes the idle items and answers -ESHUTDOWN to every task that waits. Items that
 * are lent stay so until they are given back. Does nothing on a pool that is shut. */
void pool_shut(struct pool *pool);

/* Shuts the pool and waits until the last item came back. Returns 0; -ECANCELED or -ETIMEDOUT leave
 * it shut with items still lent. May suspend. */
TASK_AWAITABLE int pool_drain(struct task *task, struct pool *pool);

/* Asserts the invariants of a pool; for tests. */
void pool_check(const struct pool *pool);

#endif
