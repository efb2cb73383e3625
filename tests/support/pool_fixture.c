#include "tests/support/pool_fixture.h"

#include <criterion/criterion.h>

struct pool pool;
int opened, checked, closed;
int64_t open_ns, check_ns;
int open_error, check_error;

struct thing {
    struct pool_item item;
    struct frame frame;
    int rc;
    int number; /* the how manieth to be opened, from 1 */
};

static struct thing *thing_of(struct pool_item *item)
{
    return container_of(item, struct thing, item);
}

static int thing_open(struct task *task, struct pool_item *item)
{
    struct thing *const self = thing_of(item);

    TASK_BEGIN();
    if (open_ns) {
        TASK_AWAIT(self->rc, task_sleep(task, open_ns));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    if (open_error)
        TASK_RETURN(open_error);
    self->number = ++opened;
    TASK_END();
}

int thing_check(struct task *task, struct pool_item *item)
{
    struct thing *const self = thing_of(item);

    TASK_BEGIN();
    checked++;
    if (check_ns) {
        TASK_AWAIT(self->rc, task_sleep(task, check_ns));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    TASK_RETURN(check_error);
    TASK_END();
}

static void thing_close(struct pool_item *item)
{
    cr_assert(thing_of(item)->number, "what was never opened isn't closed");
    closed++;
}

void pool_fixture_open(void)
{
    fixture_open();
    pool = (struct pool){.name = "things",
                         .limit = THINGS_LIMIT,
                         .item_bytes = sizeof(struct thing),
                         .keep_ns = TIME_NEVER,
                         .open = thing_open,
                         .close = thing_close};
    pool_init(&pool, &loop);
}

void pool_fixture_close(void)
{
    pool_check(&pool);
    pool_shut(&pool);
    cr_assert_eq(pool.busy_count, 0);
    cr_assert_eq(opened, closed);
    fixture_close();
}

static int leases(struct task *task, void *object)
{
    return pool_lease(task, &((struct user *)object)->lease, &pool);
}

void user_ask(struct user *user, int64_t limit_ns)
{
    *user = (struct user){.actor = {.call = leases, .object = user, .limit_ns = limit_ns}};
    actor_start(&user->actor, "user");
}

int user_lent(const struct user *user)
{
    return actor_ended(&user->actor, 0) ? thing_of(user->lease.item)->number : 0;
}

void user_lease(struct user *user)
{
    user_ask(user, 0);
    fixture_settle();
    cr_assert(user_lent(user));
}

void user_release(struct user *user)
{
    pool_release(&pool, user->lease.item);
    user->lease.item = NULL; /* not the user's any more */
}

void user_discard(struct user *user)
{
    pool_discard(&pool, user->lease.item);
    user->lease.item = NULL;
}

void user_cancel(struct user *user)
{
    task_cancel(&user->actor.task, loop.now_ns);
}
