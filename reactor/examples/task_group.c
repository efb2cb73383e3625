/*
 * task_group: who waits for whom, and what a failure does.
 *
 * Two cooks make a lunch, and their results are added up. In a second house a
 * dinner and a feast are made side by side, each by a group of its own, and the
 * dinner's soup fails: the roast beside it is called off, the dinner has failed,
 * and with it goes the feast, with all its cooks.
 *
 * What to look for: that a join returns when the last child has ended and never
 * before; that whoever is called off may tidy up first; that a helper who is asked
 * for while the kitchen closes is refused. book/01-task-groups.md tells the rest.
 *
 * It runs on the simulated door, where the clock jumps. task_group.expected
 * holds what it prints.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

static struct loop loop;
static int64_t begin_ns;

static void say(const char *who, const char *what)
{
    printf("%3d ms  %s: %s\n", (int)((loop.now_ns - begin_ns) / NS_PER_MS), who, what);
}

static const char *word(int result)
{
    return result < 0 ? strerror(-result) : "done";
}

/* A child: takes its time, and ends with `result`, or tidies up where it is called off. */
struct cook {
    struct task task;
    struct frame frame;
    int rc;
    int64_t takes_ns;
    int result;
    struct task_group
        *helpers; /* where it asks for a helper when it is called off; NULL: nowhere */
    struct cook *helper;
};

static int cook_step(struct task *task)
{
    struct cook *const self = container_of(task, struct cook, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->takes_ns));
    if (self->rc == -ECANCELED) {
        task_shield(task);
        TASK_AWAIT(self->rc, task_sleep(task, 5 * NS_PER_MS));
        task_unshield(task);
        say(task->wake.callback.name, "called off, has tidied up");
        if (self->helpers) {
            self->rc = task_group_spawn(self->helpers, &self->helper->task, "helper", cook_step);
            say("a helper", word(self->rc));
        }
        TASK_RETURN(-ECANCELED);
    }
    say(task->wake.callback.name, word(self->result));
    TASK_RETURN(self->result);
    TASK_END();
}

/* One meal: a group of cooks. It is the child of another group, or awaited as a step. */
struct meal {
    struct task task;
    struct frame frame;
    int rc;
    struct task_group group;
    struct cook soup;
    struct cook roast;
};

static int meal_step(struct task *task)
{
    struct meal *const self = container_of(task, struct meal, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "kitchen", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->group, &self->soup.task, "soup", cook_step);
    (void)task_group_spawn(&self->group, &self->roast.task, "roast", cook_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    say(task->wake.callback.name, word(self->rc));
    if (self->rc == 0)
        self->rc = self->soup.task.result + self->roast.task.result; /* plates */
    TASK_RETURN(self->rc);
    TASK_END();
}

static struct cook helper;
static struct meal lunch = {.soup = {.takes_ns = 10 * NS_PER_MS, .result = 4},
                            .roast = {.takes_ns = 30 * NS_PER_MS, .result = 6}};
static struct meal dinner = {.soup = {.takes_ns = 10 * NS_PER_MS, .result = -EIO},
                             .roast = {.takes_ns = 30 * NS_PER_MS, .helper = &helper}};
static struct meal feast = {.soup = {.takes_ns = 80 * NS_PER_MS, .result = 4},
                            .roast = {.takes_ns = 90 * NS_PER_MS, .result = 6}};

struct program {
    struct task task;
    struct frame frame;
    int rc;
    struct task_group house;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    task_group_open(&self->house, task, "first house", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->house, &lunch.task, "lunch", meal_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->house));
    printf("%d plates\n", lunch.task.result);

    /* The dinner's failure ends the feast beside it; the roast asks its own group for help. */
    dinner.roast.helpers = &dinner.group;
    task_group_open(&self->house, task, "second house", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->house, &dinner.task, "dinner", meal_step);
    (void)task_group_spawn(&self->house, &feast.task, "feast", meal_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->house));
    say("second house", word(self->rc));
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
