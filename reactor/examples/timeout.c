/*
 * timeout: limits on one await, on a stretch of awaits and on a group of tasks.
 *
 * Three sleeps: one is cut off, one is under two limits of which the nearer wins,
 * one ends at the very instant of its limit. Then what Python writes as
 *
 *     async with timeout(5): results = await gather(*[fetch(u) for u in urls])
 *
 * What to look for: that an expired limit answers each further await until it is
 * closed; which of two limits says that it was the one; that pages which arrived
 * in time are kept. book/07-timeouts.md tells the rest. It runs on the simulated
 * door, where the clock jumps. timeout.expected holds what it prints.
 */
#include <stdio.h>
#include <string.h>

#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

static struct loop loop;
static int64_t begin_ns;

static void say(const char *what, int rc)
{
    printf("%5d ms  %s: %s\n", (int)((loop.now_ns - begin_ns) / NS_PER_MS), what,
           rc < 0 ? strerror(-rc) : "done");
}

static void say_limit(const char *name, bool expired)
{
    printf("          the limit of %s %s\n", name, expired ? "has passed" : "is not to blame");
}

/* A page, and the task that fetches it. */
static struct fetch {
    struct task task;
    const char *url;
    int64_t takes_ns;
    struct frame frame;
    int rc;
} fetches[] = {
    {.url = "/news", .takes_ns = NS_PER_SECOND},
    {.url = "/maps", .takes_ns = 9 * NS_PER_SECOND},
    {.url = "/mail", .takes_ns = 2 * NS_PER_SECOND},
};
enum { FETCHES = sizeof(fetches) / sizeof(fetches[0]) };

static int fetch_step(struct task *task)
{
    struct fetch *const self = container_of(task, struct fetch, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->takes_ns));
    TASK_RETURN(self->rc);
    TASK_END();
}

/* Three sleeps, and the limits around them. */
struct sleeps {
    struct frame frame;
    int rc;
    struct cancel_scope outer;
    struct cancel_scope inner;
};

static int limit_sleeps(struct task *task, struct sleeps *self)
{
    TASK_BEGIN();
    cancel_scope_open(task, &self->outer, NS_PER_SECOND);
    TASK_AWAIT(self->rc, task_sleep(task, 30 * NS_PER_SECOND));
    say("30 s, limit 1 s", self->rc);
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    say("1 ms more, the limit still open", self->rc);
    say_limit("1 s", cancel_scope_close(task, &self->outer));

    cancel_scope_open(task, &self->outer, 2 * NS_PER_SECOND);
    cancel_scope_open(task, &self->inner, 10 * NS_PER_SECOND);
    TASK_AWAIT(self->rc, task_sleep(task, 30 * NS_PER_SECOND));
    say("30 s, limits 2 s and in it 10 s", self->rc);
    say_limit("10 s", cancel_scope_close(task, &self->inner));
    say_limit("2 s", cancel_scope_close(task, &self->outer));

    cancel_scope_open(task, &self->outer, 3 * NS_PER_SECOND);
    TASK_AWAIT(self->rc, task_sleep(task, 3 * NS_PER_SECOND));
    say("3 s, limit 3 s", self->rc);
    cancel_scope_close(task, &self->outer);
    TASK_END();
}

/* All pages, or those that five seconds are enough for. */
struct gather {
    struct frame frame;
    int rc;
    struct cancel_scope limit;
    struct task_group group;
};

static int gather_pages(struct task *task, struct gather *self)
{
    TASK_BEGIN();
    cancel_scope_open(task, &self->limit, 5 * NS_PER_SECOND);
    task_group_open(&self->group, task, "fetches", GROUP_FAIL_FAST);
    for (size_t i = 0; i < FETCHES; i++)
        (void)task_group_spawn(&self->group, &fetches[i].task, fetches[i].url, fetch_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    cancel_scope_close(task, &self->limit);
    TASK_RETURN(self->rc);
    TASK_END();
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    struct sleeps sleeps;
    struct gather gather;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, limit_sleeps(task, &self->sleeps));
    TASK_AWAIT(self->rc, gather_pages(task, &self->gather));
    say("all pages, limit 5 s", self->rc);
    for (size_t i = 0; i < FETCHES; i++) {
        int result = fetches[i].task.result;
        printf("          %s: %s\n", fetches[i].url, result < 0 ? strerror(-result) : "arrived");
    }
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
