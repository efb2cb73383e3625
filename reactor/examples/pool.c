/*
 * pool: six people and two wires to a far server, each 5 ms long in the making.
 *
 * What to look for: that a wire is made when it is first needed, and never a third
 * beside two; that Eve is given the one that Ann gives back, while Joe, who was
 * before her and would wait for 3 ms at most, has gone; that Bob's wire breaks and
 * is not lent again; that one that was idle for long is asked whether it is still
 * good, and one that was idle for very long is closed; that the end waits for Ian.
 * Chapter 13 of the book tells the rest.
 *
 * It runs on the simulated door, where the clock jumps. pool.expected holds what
 * it prints. A wire is a sleep here; the book has a real one.
 */
#include <stdio.h>

#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

static struct loop loop;
static int64_t begin_ns;

static void say(const char *who, const char *does, const char *what)
{
    printf("%3d ms  %s %s%s\n", (int)((loop.now_ns - begin_ns) / NS_PER_MS), who, does, what);
}

struct wire {
    struct pool_item item;
    char name[8];
    struct frame frame;
    int rc;
};

static int wire_open(struct task *task, struct pool_item *item)
{
    struct wire *const self = container_of(item, struct wire, item);
    static unsigned wires;

    TASK_BEGIN();
    (void)snprintf(self->name, sizeof(self->name), "wire %u", ++wires);
    TASK_AWAIT(self->rc, task_sleep(task, 5 * NS_PER_MS));
    if (self->rc == 0)
        say(self->name, "is connected", "");
    TASK_RETURN(self->rc);
    TASK_END();
}

/* Asks the far end for a sign of life. */
static int wire_check(struct task *task, struct pool_item *item)
{
    struct wire *const self = container_of(item, struct wire, item);
    self->rc = task_sleep(task, NS_PER_MS);
    if (self->rc == 0)
        say(self->name, "is still good", "");
    return self->rc;
}

static void wire_close(struct pool_item *item)
{
    say(container_of(item, struct wire, item)->name, "is closed", "");
}

static struct pool pool = {.name = "wires",
                           .limit = 2,
                           .item_bytes = sizeof(struct wire),
                           .keep_ns = 100 * NS_PER_MS,
                           .trust_ns = 20 * NS_PER_MS,
                           .open = wire_open,
                           .check = wire_check,
                           .close = wire_close};

static struct person {
    struct task task;
    const char *name;
    int begins_ms;
    int patience_ms; /* 0: without end */
    int takes_ms;
    bool breaks; /* the wire, in its hands */
    struct frame frame;
    int rc;
    struct cancel_scope limit;
    struct pool_lease lease;
} people[] = {
    {.name = "ann", .takes_ms = 10},
    {.name = "bob", .takes_ms = 30, .breaks = true},
    {.name = "joe", .begins_ms = 1, .patience_ms = 3},
    {.name = "eve", .begins_ms = 2, .takes_ms = 10},
    {.name = "kim", .begins_ms = 60, .takes_ms = 10},
    {.name = "ian", .begins_ms = 200, .takes_ms = 30},
};

static int person_step(struct task *task)
{
    struct person *const self = container_of(task, struct person, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->begins_ms * NS_PER_MS));
    cancel_scope_open(task, &self->limit,
                      self->patience_ms ? self->patience_ms * NS_PER_MS : TIME_NEVER);
    TASK_AWAIT(self->rc, pool_lease(task, &self->lease, &pool));
    cancel_scope_close(task, &self->limit);
    if (self->rc < 0) {
        say(self->name, "waits no longer", "");
        TASK_RETURN(0);
    }
    say(self->name, "has ", container_of(self->lease.item, struct wire, item)->name);
    TASK_AWAIT(self->rc, task_sleep(task, self->takes_ms * NS_PER_MS));
    say(self->name, self->breaks ? "has broken it" : "gives it back", "");
    (self->breaks ? pool_discard : pool_release)(&pool, self->lease.item);
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
    pool_init(&pool, &loop);
    task_group_open(&self->group, task, "people", GROUP_FAIL_FAST);
    for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++)
        (void)task_group_spawn(&self->group, &people[i].task, people[i].name, person_step);
    TASK_AWAIT(self->rc, task_sleep(task, 210 * NS_PER_MS));
    say("the pool", "lends no more", "");
    TASK_AWAIT(self->rc, pool_drain(task, &pool));
    say("the pool", "is empty", "");
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
