/*
 * once: four tasks need a table that takes 30 ms to load.
 *
 * Ann is the first to ask, so she loads it, and the others wait. She is cancelled
 * half-way; Bob, who has waited longest, begins anew; the disk fails, and all who
 * wait are told. Only Eve tries again, a little later. What to look for: that
 * nobody ever loads it beside another; that one who is cut off is no failure to
 * the others, but a failure is; that Joe, who comes last, doesn't wait. Chapter 9
 * of the book tells the rest.
 *
 * It runs on the simulated door, where the clock jumps. once.expected holds what
 * it prints.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/patterns/once.h"
#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

static struct loop loop;
static int64_t begin_ns;

static void say(const struct task *task, const char *what)
{
    int elapsed_ms = (int)((loop.now_ns - begin_ns) / NS_PER_MS);
    printf("%3d ms  %s: %s\n", elapsed_ms, task->wake.callback.name, what);
}

/* The table, and what loading it needs: one frame will do, for only one task loads at a time. */
static struct table {
    struct once once;
    struct frame frame;
    int rc;
    unsigned loads;
} table;

static int load_step(struct task *task, void *object)
{
    struct table *const self = object;

    TASK_BEGIN();
    self->loads++;
    say(task, "loads the table");
    TASK_AWAIT(self->rc, task_sleep(task, 30 * NS_PER_MS));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    TASK_RETURN(self->loads == 2 ? -EIO : 0);
    TASK_END();
}

static struct user {
    struct task task;
    const char *name;
    int64_t begins_ns;
    bool stubborn; /* tries again after a failure */
    struct frame frame;
    int rc;
    struct once_ask ask;
} users[] = {
    {.name = "ann"},
    {.name = "bob"},
    {.name = "eve", .stubborn = true},
    {.name = "joe", .begins_ns = 200 * NS_PER_MS},
};

static int user_step(struct task *task)
{
    struct user *const self = container_of(task, struct user, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->begins_ns));
    TASK_AWAIT(self->rc, once_get(task, &table.once, &self->ask));
    if (self->rc < 0 && self->stubborn) {
        say(task, strerror(-self->rc));
        TASK_AWAIT(self->rc, task_sleep(task, 20 * NS_PER_MS));
        TASK_AWAIT(self->rc, once_get(task, &table.once, &self->ask));
    }
    say(task, self->rc < 0 ? strerror(-self->rc) : "has the table");
    TASK_END();
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    struct task_group group;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    once_init(&table.once, load_step, &table);
    task_group_open(&self->group, task, "users", GROUP_FAIL_FAST);
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
        (void)task_group_spawn(&self->group, &users[i].task, users[i].name, user_step);
    TASK_AWAIT(self->rc, task_sleep(task, 15 * NS_PER_MS));
    task_cancel(&users[0].task, loop.now_ns);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_END();
}

int main(void)
{
    struct program program = {.rc = 0};
    struct sim *sim = sim_create(NULL);

    if (loop_init(&loop, sim_door(sim)) < 0)
        return 1;
    begin_ns = loop.now_ns;
    int rc = loop_run(&loop, &program.task, "program", program_step);
    loop_release(&loop);
    sim_free(sim);
    return rc < 0;
}
