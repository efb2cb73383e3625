#include "reactor/patterns/pool.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static struct pool_item *item_of_node(struct list *node)
{
    return container_of(node, struct pool_item, node);
}

/* Places: there are `limit` of them, and who has one may hold one item. */

static int take_place(struct task *task, struct pool *pool)
{
    bool free = pool->busy_count < pool->limit && wait_list_is_next(&pool->waiting, task);
    int rc = task_wait(task, &pool->waiting, free || pool->shut);
    if (rc < 0)
        return rc;
    if (pool->shut)
        return -ESHUTDOWN;
    /* Several releases of one turn have all woken the same first in line. */
    if (++pool->busy_count < pool->limit)
        wait_list_wake_first(&pool->waiting);
    return 0;
}

static void leave_place(struct pool *pool)
{
    assert(pool->busy_count > 0);
    pool->busy_count--;
    wait_list_wake_first(&pool->waiting);
    if (pool->shut && pool->busy_count == 0)
        wait_list_wake_all(&pool->drainers);
}

/* Items. */

/* Memory for a new one. Returns 0 with it in *item, or -errno. */
static int create(struct pool *pool, struct pool_item **item)
{
    struct sys *sys = pool->loop->sys;
    if (pool->shut)
        return -ESHUTDOWN;
    *item = sys->allocate(sys, pool->item_bytes);
    if (!*item)
        return -ENOMEM;
    memset(*item, 0, pool->item_bytes);
    (*item)->pool = pool;
    (*item)->made_ns = pool->loop->now_ns;
    return 0;
}

static void destroy(struct pool *pool, struct pool_item *item)
{
    pool->loop->sys->release(pool->loop->sys, item);
}

static void close_item(struct pool *pool, struct pool_item *item)
{
    pool->close(item);
    destroy(pool, item);
}

static bool too_old(const struct pool *pool, const struct pool_item *item)
{
    return pool->life_ns > 0 && pool->loop->now_ns - item->made_ns >= pool->life_ns;
}

/* The latest returned that is not too old, off the list of the idle; NULL if there is none. */
static struct pool_item *take_idle(struct pool *pool)
{
    struct list *node;
    while ((node = list_pop(&pool->idle))) {
        pool->idle_count--;
        if (!too_old(pool, item_of_node(node)))
            return item_of_node(node);
        close_item(pool, item_of_node(node));
    }
    return NULL;
}

static bool trusted(const struct pool *pool, const struct pool_item *item)
{
    return !pool->check || pool->loop->now_ns - item->idle_since_ns < pool->trust_ns;
}

/* When the oldest of the idle is to be closed. */
static int64_t oldest_ends_ns(const struct pool *pool)
{
    return time_after(item_of_node(pool->idle.prev)->idle_since_ns, pool->keep_ns);
}

/* One timer serves all: it is not moved when the oldest item is lent again, but fires once in vain.
 * So a lease and a release leave the wheel alone. */
static void arm(struct pool *pool)
{
    bool needed = pool->idle_count > 0 && pool->keep_ns != TIME_NEVER;
    if (needed && !wheel_running(&pool->expiry.wheel))
        loop_call_at(pool->loop, &pool->expiry, oldest_ends_ns(pool));
}

static void close_oldest(struct pool *pool)
{
    struct pool_item *item = item_of_node(pool->idle.prev);
    list_remove(&item->node);
    pool->idle_count--;
    close_item(pool, item);
}

static void expire(struct callback *callback)
{
    struct pool *pool = container_of(callback, struct pool, expiry.callback);
    while (pool->idle_count > 0 && oldest_ends_ns(pool) <= pool->loop->now_ns)
        close_oldest(pool);
    arm(pool);
}

void pool_init(struct pool *pool, struct loop *loop)
{
    assert(!pool->loop && "a pool is initialised once, in zeroed memory");
    assert(pool->limit > 0 && "a pool holds one item at least");
    assert(pool->limit <= PTRDIFF_MAX && "a limit isn't negative");
    assert(pool->item_bytes >= sizeof(struct pool_item) && "an item begins with a pool_item");
    assert(pool->item_bytes <= PTRDIFF_MAX && "a size isn't negative");
    assert(pool->open && "a pool can make items");
    assert(pool->close && "a pool can end its items");
    assert(pool->keep_ns >= 0 && "items aren't kept for less than no time");
    assert(pool->trust_ns >= 0 && "items aren't trusted for less than no time");
    assert(pool->life_ns >= 0 && "items don't live for less than no time");
    pool->loop = loop;
    pool->expiry.callback.run = expire;
    pool->expiry.callback.name = pool->name;
    list_init(&pool->idle);
    wait_list_init(&pool->waiting);
    wait_list_init(&pool->drainers);
}

/* Lending. */

/* Why the task can't go on after a check that failed with `rc`, whatever the item is like; 0: it
 * can. A cancel counts whatever the check has made of it. */
static int cut_short(const struct task *task, int rc)
{
    if (task_cancelled(task))
        return -ECANCELED;
    return rc == -ETIMEDOUT && task_expired(task) ? rc : 0;
}

/* The end of every lease that found an item: it is the task's, unless the pool was shut by now. */
static int lend(struct pool_lease *self, struct pool *pool)
{
    if (pool->shut) {
        close_item(pool, self->item);
        leave_place(pool);
        return -ESHUTDOWN;
    }
    self->item->leased = true;
    return 0;
}

static int lease_step(struct task *task, struct pool_lease *self, struct pool *pool)
{
    TASK_BEGIN();
    TASK_AWAIT(self->rc, take_place(task, pool));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    while ((self->item = take_idle(pool))) {
        if (trusted(pool, self->item))
            TASK_RETURN(lend(self, pool));
        TASK_AWAIT(self->rc, pool->check(task, self->item));
        if (self->rc >= 0)
            TASK_RETURN(lend(self, pool));
        close_item(pool, self->item);
        self->rc = cut_short(task, self->rc);
        if (self->rc < 0)
            goto leave_place;
    }
    self->rc = create(pool, &self->item);
    if (self->rc < 0)
        goto leave_place;
    TASK_AWAIT(self->rc, pool->open(task, self->item));
    if (self->rc >= 0)
        TASK_RETURN(lend(self, pool));
    destroy(pool, self->item);

leave_place:
    leave_place(pool);
    TASK_RETURN(self->rc);
    TASK_END();
}

/* What most leases find: a place that nobody waits for and a good item. */
struct pool_item *pool_try_lease(struct pool *pool)
{
    bool waits = pool->busy_count == pool->limit || !list_empty(&pool->waiting.tasks);
    if (pool->idle_count == 0 || waits || !trusted(pool, item_of_node(pool->idle.next)))
        return NULL;
    struct pool_item *item = take_idle(pool);
    if (!item)
        return NULL;
    pool->busy_count++;
    item->leased = true;
    return item;
}

/* Trying first costs half the instructions of the step, which asks the same in the same order. */
int pool_lease(struct task *task, struct pool_lease *self, struct pool *pool)
{
    if (!self->frame.resume && !task_cancelled(task) && (self->item = pool_try_lease(pool)))
        return 0;
    return lease_step(task, self, pool);
}

/* Takes an item back from whoever leased it. */
static void end_lease(struct pool *pool, struct pool_item *item)
{
    assert(item->pool == pool && "an item goes back to the pool that lent it");
    assert(item->leased && "an item goes back once");
    item->leased = false;
}

void pool_release(struct pool *pool, struct pool_item *item)
{
    end_lease(pool, item);
    if (pool->shut || too_old(pool, item) || (pool->reset && pool->reset(item) < 0)) {
        close_item(pool, item);
    } else {
        item->idle_since_ns = pool->loop->now_ns;
        list_prepend(&item->node, &pool->idle);
        pool->idle_count++;
        arm(pool);
    }
    leave_place(pool);
}

void pool_discard(struct pool *pool, struct pool_item *item)
{
    end_lease(pool, item);
    close_item(pool, item);
    leave_place(pool);
}

void pool_shut(struct pool *pool)
{
    pool->shut = true;
    while (pool->idle_count > 0)
        close_oldest(pool);
    loop_stop(pool->loop, &pool->expiry);
    wait_list_wake_all(&pool->waiting);
}

int pool_drain(struct task *task, struct pool *pool)
{
    pool_shut(pool);
    return task_wait(task, &pool->drainers, pool->busy_count == 0);
}

void pool_check(const struct pool *pool)
{
    size_t idle = 0;
    int64_t since_ns = TIME_NEVER;
    list_for_each(node, &pool->idle) {
        const struct pool_item *item = item_of_node(node);
        assert(item->pool == pool);
        assert(!item->leased);
        assert(item->idle_since_ns <= since_ns);
        since_ns = item->idle_since_ns;
        idle++;
    }
    assert(idle == pool->idle_count);
    assert(pool->idle_count + pool->busy_count <= pool->limit);
    assert(!pool->shut || idle == 0);
}
