/*
 * breaker: a client that asks a service every second, also while that is down.
 *
 * The service is down from second 3 to second 17, and a call to it takes half a
 * second to fail. The breaker opens at the third failure within ten seconds and
 * stays open for five. What to look for: that calls to an open breaker fail at
 * once and never reach the service; that a single probe finds out whether it is
 * back, first in vain and then not; and the last line, which an operator could
 * be shown at any time. Chapter 11 of the book tells the rest.
 *
 * It runs on the simulated door, where the clock jumps: the twenty seconds take
 * none. breaker.expected holds what it prints.
 */
#include <errno.h>
#include <stdio.h>

#include "reactor/patterns/breaker.h"
#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

#define ROUNDS 22

static const struct breaker_policy policy = {
    .failures = 3,
    .window_ns = 10 * NS_PER_SECOND,
    .open_ns = 5 * NS_PER_SECOND,
};

/* The main task: the client and all it has. */
struct client {
    struct task task;
    struct frame frame;
    int rc;
    int round;
    int64_t began_ns;
    struct breaker_board board;
    struct breaker breaker;
    struct breaker_run call;

    struct mail {
        struct frame frame;
        int rc;
        unsigned calls; /* that reached it */
        int64_t began_ns;
    } mail;
};

static int64_t elapsed_ns(const struct task *task, int64_t since_ns)
{
    return task->loop->now_ns - since_ns;
}

static bool is_down(const struct task *task, int64_t began_ns)
{
    int64_t second = elapsed_ns(task, began_ns) / NS_PER_SECOND;
    return second >= 3 && second < 17;
}

/* The call that the breaker stands in front of: any awaitable would do. */
static int serve_step(struct task *task, void *object)
{
    struct mail *const self = object;

    TASK_BEGIN();
    self->calls++;
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_SECOND / 2));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    TASK_RETURN(is_down(task, self->began_ns) ? -EIO : 0);
    TASK_END();
}

static void say(const struct client *client)
{
    const char *answer = client->rc == 0            ? "answered"
                         : client->rc == -EHOSTDOWN ? "refused by the breaker, at once"
                                                    : "failed, after half a second";
    static const char *const states[] = {"closed", "open", "half-open"};
    enum breaker_state state = breaker_state(&client->breaker, client->task.loop->now_ns);
    printf("second %2d: %-32s %s\n", client->round, answer, states[state]);
}

static void say_how_it_went(const struct client *client)
{
    char text[BREAKER_TEXT_BYTES];
    const struct breaker *breaker = breaker_find(&client->board, "mail");

    breaker_describe(breaker, client->task.loop->now_ns, text);
    puts(text);
    printf("%u of %d calls reached the service\n", client->mail.calls, ROUNDS);
}

static int client_step(struct task *task)
{
    struct client *const self = container_of(task, struct client, task);

    TASK_BEGIN();
    self->began_ns = self->mail.began_ns = task->loop->now_ns;
    breaker_init(&self->breaker, &self->board, "mail", &policy);
    for (self->round = 0; self->round < ROUNDS; self->round++) {
        TASK_AWAIT(self->rc,
                   breaker_run(task, &self->call, &self->breaker, serve_step, &self->mail));
        say(self);
        TASK_AWAIT(self->rc,
                   task_sleep_until(task, self->began_ns + (self->round + 1) * NS_PER_SECOND));
    }
    say_how_it_went(self);
    breaker_release(&self->breaker);
    TASK_RETURN(0);
    TASK_END();
}

int main(void)
{
    struct client client = {.rc = 0};
    struct loop loop;
    struct sim *sim = sim_create(NULL);

    if (loop_init(&loop, sim_door(sim)) < 0)
        return 1;
    int rc = loop_run(&loop, &client.task, "client", client_step);
    loop_release(&loop);
    sim_free(sim);
    return rc < 0;
}
