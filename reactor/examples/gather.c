/*
 * gather: three mirrors are asked at once, for one answer and for all of them.
 *
 * First as they complete: the first answer is enough, and the loop is left. Then
 * all of them, in the order in which they were asked. Then all of them again, but
 * one of the mirrors is broken.
 *
 * What to look for: that closing the results calls off those who have not
 * answered, and that the close waits until they are done; that answers which were
 * there before the failure are kept. book/04-iteration.md tells the rest. It runs
 * on the simulated door, where the clock jumps. gather.expected holds what it
 * prints.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/patterns/iterate.h"
#include "reactor/sim/sim.h"
#include "reactor/task/root.h"

static struct loop loop;
static int64_t begin_ns;

static void say(const char *who, const char *what)
{
    printf("%3d ms  %s %s\n", (int)((loop.now_ns - begin_ns) / NS_PER_MS), who, what);
}

static struct mirror {
    struct task task;
    struct frame frame;
    int rc;
    const char *name;
    int64_t takes_ns;
    int answer; /* how many songs it has, or -errno */
} mirrors[] = {{.name = "paris", .takes_ns = 90 * NS_PER_MS, .answer = 300},
               {.name = "oslo", .takes_ns = 30 * NS_PER_MS, .answer = 100},
               {.name = "rome", .takes_ns = 60 * NS_PER_MS, .answer = 200}};
enum { MIRRORS = sizeof(mirrors) / sizeof(mirrors[0]) };

static int mirror_step(struct task *task)
{
    struct mirror *const self = container_of(task, struct mirror, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->takes_ns));
    if (self->rc == -ECANCELED) {
        task_shield(task);
        TASK_AWAIT(self->rc, task_sleep(task, 5 * NS_PER_MS));
        task_unshield(task);
        say(self->name, "was called off, and has hung up");
        TASK_RETURN(-ECANCELED);
    }
    say(self->name, self->answer < 0 ? "is broken" : "has answered");
    TASK_RETURN(self->answer);
    TASK_END();
}

static struct task *const tasks[MIRRORS] = {&mirrors[0].task, &mirrors[1].task, &mirrors[2].task};

static void print_answers(int rc)
{
    printf("        in all: %s\n", rc < 0 ? strerror(-rc) : "well");
    for (int i = 0; i < MIRRORS; i++)
        printf("        %s: %d\n", mirrors[i].name, mirrors[i].task.result);
}

struct program {
    struct task task;
    struct frame frame;
    int rc, closed;
    struct iterate_results results;
    struct iterate_gather gather;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    iterate_results(&self->results, task, "mirrors");
    for (int i = 0; i < MIRRORS; i++)
        (void)task_group_spawn(&self->results.group, tasks[i], "mirror", mirror_step);
    TASK_AWAIT(self->rc, iterate_next(task, &self->results.iterator));
    if (self->rc == 1)
        say("the first:",
            container_of(self->results.iterator.item.value, struct mirror, task)->name);
    TASK_AWAIT(self->closed, iterate_close(task, &self->results.iterator));
    say("the others", "are done, too");

    TASK_AWAIT(self->rc,
               iterate_gather(task, &self->gather, "mirror", mirror_step, tasks, MIRRORS));
    print_answers(self->rc);

    mirrors[2].answer = -EIO;
    TASK_AWAIT(self->rc,
               iterate_gather(task, &self->gather, "mirror", mirror_step, tasks, MIRRORS));
    print_answers(self->rc);
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
