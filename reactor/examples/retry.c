/*
 * retry: three clients try again, and each ends in another way.
 *
 * Ann's service refuses twice and then answers. Bob's says no for good, which is
 * not worth another attempt. Eve's never answers within a second, and she has
 * four seconds for all of it. What to look for: that a pause may be short, but
 * not longer than 1, 2, 4 ... seconds; that Bob is done at once; that Eve is cut
 * off in the middle of an attempt. Chapter 10 of the book tells the rest.
 *
 * It runs on the simulated door, where the clock jumps: eight seconds of
 * back-off take none. retry.expected holds what it prints.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/patterns/retry.h"
#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

/* What the service does at each attempt; the last is repeated. */
struct behaviour {
    int64_t takes_ns;
    int result;
};

struct client {
    struct task task;
    const char *name;
    struct retry_policy policy;
    struct behaviour service[3];

    struct frame frame;
    int rc;
    struct retry retry;

    struct attempt {
        struct client *client;
        struct frame frame;
        int rc;
        struct cancel_scope limit;
    } attempt;
};

static struct loop loop;
static int64_t begin_ns;

static void say(const struct client *client, const char *what, int result)
{
    int64_t elapsed_ms = (loop.now_ns - begin_ns) / NS_PER_MS;
    printf("%5d ms  %s: %s: %s\n", (int)elapsed_ms, client->name, what,
           result < 0 ? strerror(-result) : "done");
}

static const struct behaviour *service_of(const struct client *client)
{
    unsigned number = client->retry.attempts;
    return &client->service[number < 3 ? number - 1 : 2];
}

/* One attempt: a step with a frame of its own, begun again each time. It gives up on a service that
 * takes longer than a second. */
static int attempt_step(struct task *task, void *object)
{
    struct attempt *const self = object;

    TASK_BEGIN();
    cancel_scope_open(task, &self->limit, NS_PER_SECOND);
    TASK_AWAIT(self->rc, task_sleep(task, service_of(self->client)->takes_ns));
    cancel_scope_close(task, &self->limit);
    if (self->rc == 0)
        self->rc = service_of(self->client)->result;
    say(self->client, "attempt", self->rc);
    TASK_RETURN(self->rc);
    TASK_END();
}

static int client_step(struct task *task)
{
    struct client *const self = container_of(task, struct client, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, retry_run(task, &self->retry, attempt_step, &self->attempt));
    say(self, "result", self->rc);
    TASK_END();
}

/* Whoever is not allowed to will not be later either. */
static bool may_pass(void *object, int error)
{
    (void)object;
    return error != -EACCES;
}

static struct client clients[] = {
    {.name = "ann",
     .service = {{NS_PER_MS, -ECONNREFUSED}, {NS_PER_MS, -ECONNREFUSED}, {NS_PER_MS, 0}}},
    {.name = "bob", .service = {{NS_PER_MS, -EACCES}}},
    {.name = "eve",
     .policy.limit_ns = 4 * NS_PER_SECOND,
     .service = {{2 * NS_PER_SECOND, 0}, {2 * NS_PER_SECOND, 0}, {2 * NS_PER_SECOND, 0}}},
};

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
    task_group_open(&self->group, task, "clients", GROUP_FAIL_FAST);
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        struct client *client = &clients[i];
        client->policy.attempts = 6;
        client->policy.first_delay_ns = NS_PER_SECOND;
        client->policy.factor = 2;
        client->policy.cap_ns = 30 * NS_PER_SECOND;
        client->policy.again = may_pass;
        client->attempt.client = client;
        retry_init(&client->retry, &client->policy, i + 1); /* a seed of its own */
        (void)task_group_spawn(&self->group, &client->task, client->name, client_step);
    }
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_RETURN(self->rc);
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
