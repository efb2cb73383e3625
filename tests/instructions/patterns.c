/*
 * What tests/scripts/instructions.sh counts: one operation of a pattern, a thousand times over,
 * where nobody has to wait. The argument is the function that is counted.
 */
#include <stdio.h>
#include <string.h>

#include "reactor/reactor.h"

#define TIMES 1000

static const struct breaker_policy policy = {.failures = 3, .open_ns = NS_PER_SECOND};
static struct breaker breaker;
static struct once once;
static struct pool pool;

static int make(struct task *task, void *object)
{
    (void)task, (void)object;
    return 0;
}

static int open_item(struct task *task, struct pool_item *item)
{
    (void)task, (void)item;
    return 0;
}

static void close_item(struct pool_item *item)
{
    (void)item;
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    int i;
    const char *function;
    struct once_ask ask;
    struct pool_lease lease;
};

static int enter_and_leave(int64_t now_ns)
{
    struct breaker_pass pass = {.breaker = NULL};
    int rc = breaker_enter(&breaker, &pass, now_ns);
    if (rc == 0)
        breaker_leave(&pass, now_ns, 0);
    return rc;
}

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    for (self->i = 0; self->i < TIMES; self->i++) {
        if (strncmp(self->function, "breaker", strlen("breaker")) == 0) {
            self->rc = enter_and_leave(task->loop->now_ns);
        } else if (strcmp(self->function, "once_get") == 0) {
            TASK_AWAIT(self->rc, once_get(task, &once, &self->ask));
        } else {
            TASK_AWAIT(self->rc, pool_lease(task, &self->lease, &pool));
            pool_release(&pool, self->lease.item);
        }
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    TASK_AWAIT(self->rc, pool_drain(task, &pool));
    TASK_RETURN(self->rc);
    TASK_END();
}

int main(int argc, char **argv)
{
    struct program program = {.function = argc > 1 ? argv[1] : "once_get"};
    struct loop loop;

    if (loop_init(&loop, sys_kernel()) < 0)
        return 1;
    breaker_init(&breaker, NULL, "breaker", &policy);
    once_init(&once, make, NULL);
    pool = (struct pool){.name = "pool", .limit = 1, .item_bytes = sizeof(struct pool_item)};
    pool.open = open_item;
    pool.close = close_item;
    pool.keep_ns = TIME_NEVER;
    pool_init(&pool, &loop);
    int rc = loop_run(&loop, &program.task, "program", program_step);
    loop_release(&loop);
    printf("%d\n", TIMES);
    return rc < 0;
}
