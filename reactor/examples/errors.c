/*
 * errors: a start in which several things fail, and all of them are told.
 *
 * A server opens four doors and reads its motd. One address is of a family that
 * this machine doesn't have: that is dealt with by the task which opens the doors,
 * as `except* OSError` with a test for the errno would. The other failures go on
 * up, beside that of the motd, and are printed as a tree.
 *
 * What to look for: that no failure hides another; that what was matched is not in
 * the tree, and what wasn't is, with the place where it waited last; that the task
 * which was only called off is no failure. book/02-errors.md tells the rest.
 *
 * It runs on the simulated door, where the clock jumps. errors.expected holds what
 * it prints.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

/* A part of the start: takes its time, and ends with `result`. */
struct part {
    struct task task;
    const char *name;
    int64_t takes_ns;
    int result;
    struct frame frame;
    int rc;
};

static int work(struct task *task, const struct part *part)
{
    return task_sleep(task, part->takes_ns);
}

static int part_step(struct task *task)
{
    struct part *const self = container_of(task, struct part, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, work(task, self));
    TASK_RETURN(self->rc < 0 ? self->rc : self->result);
    TASK_END();
}

/* A door gives its verdict though others have failed before: whoever mends the configuration wants
 * all of them at once. */
static int door_step(struct task *task)
{
    struct part *const self = container_of(task, struct part, task);

    TASK_BEGIN();
    task_shield(task);
    TASK_AWAIT(self->rc, work(task, self));
    task_unshield(task);
    TASK_RETURN(self->result);
    TASK_END();
}

static struct part doors[] = {
    {.name = "127.0.0.1:80", .takes_ns = 1 * NS_PER_MS, .result = -EACCES},
    {.name = "[::1]:80", .takes_ns = 1 * NS_PER_MS, .result = -EAFNOSUPPORT},
    {.name = "10.0.0.9:7777", .takes_ns = 2 * NS_PER_MS, .result = -EADDRINUSE},
    {.name = "unix:/run/sock", .takes_ns = 3 * NS_PER_MS, .result = -EEXIST},
};
static struct part motd = {.takes_ns = 3 * NS_PER_MS, .result = -EIO};
static struct part history = {.takes_ns = 90 * NS_PER_MS};

struct opener {
    struct task task;
    struct frame frame;
    int rc;
    struct task_group group;
    struct list matched;
};

static int opener_step(struct task *task)
{
    struct opener *const self = container_of(task, struct opener, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "doors", GROUP_FAIL_FAST);
    for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++)
        (void)task_group_spawn(&self->group, &doors[i].task, doors[i].name, door_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    list_init(&self->matched);
    task_group_match(&self->group, -EAFNOSUPPORT, &self->matched);
    list_for_each(node, &self->matched)
        printf("goes on without %s\n", task_of_sibling(node)->wake.callback.name);
    TASK_RETURN(task_group_raise(&self->group));
    TASK_END();
}

static void print_line(void *context, const char *line)
{
    (void)context;
    puts(line);
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    struct task_group group;
    struct opener opener;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "start", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->group, &self->opener.task, "doors", opener_step);
    (void)task_group_spawn(&self->group, &motd.task, "motd", part_step);
    (void)task_group_spawn(&self->group, &history.task, "history", part_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    printf("the start has failed: %s\n", strerror(-self->rc));
    task_group_print(&self->group.failures, print_line, NULL);
    printf("history: %s\n", strerror(-history.task.result));
    TASK_END();
}

int main(void)
{
    struct program program = {.rc = 0};
    struct sim *sim = sim_create(NULL);
    struct loop loop;

    if (loop_init(&loop, sim_door(sim)) < 0)
        return 1;
    int rc = loop_run(&loop, &program.task, "program", program_step);
    loop_release(&loop);
    sim_free(sim);
    return rc < 0;
}
