/*
 * shutdown: a program that ends when it is told to, in two phases.
 *
 * Three guests are in when TERM comes. Ann needs 1 s to put her things in order,
 * bob 3 s, and eve waits for a word that nobody says. There are 5 s for that. On
 * the second evening somebody loses patience after 2 s, and sends TERM again.
 *
 * What to look for: that in the first phase nobody is hurried; that in the second
 * whoever is left is named, with the await it hangs in, before it is cut off.
 * book/05-shutdown.md tells the rest. It runs on the simulated door, where a
 * signal is a call. shutdown.expected holds what it prints.
 */
#include <signal.h>
#include <stdio.h>

#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

static struct sim *sim;
static struct loop loop;
static int64_t begin_ns;

static void say(const char *who, const char *what)
{
    printf("%4d ms  %s %s\n", (int)((loop.now_ns - begin_ns) / NS_PER_MS), who, what);
}

/* A guest stays until it is told to go, and then needs its time. */
struct guest {
    struct task task;
    struct frame frame;
    int rc;
    int64_t needs_ns; /* 0: until it hears the word */
    struct event word;
};

static int guest_step(struct task *task)
{
    struct guest *const self = container_of(task, struct guest, task);

    TASK_BEGIN();
    event_init(&self->word);
    TASK_AWAIT(self->rc, task_sleep(task, TIME_NEVER));
    task_shield(task);
    if (self->needs_ns)
        TASK_AWAIT(self->rc, task_sleep(task, self->needs_ns));
    else
        TASK_AWAIT(self->rc, event_wait(task, &self->word));
    task_unshield(task);
    say(task->wake.callback.name, self->rc < 0 ? "is cut off" : "is done");
    TASK_END();
}

static struct guest ann = {.needs_ns = 1 * NS_PER_SECOND}, bob = {.needs_ns = 3 * NS_PER_SECOND};
static struct guest eve;

static struct program {
    struct task task;
    struct frame frame;
    int rc;
    struct signals signals;
    struct event ending; /* a signal has asked for the end */
    struct timer grace; /* to the end of the first phase */
    struct task_group guests;
} program;

static void print_pending(void *context, const char *line)
{
    (void)context;
    printf("         pending: %s\n", line);
}

/* The second phase. */
static void cut(void)
{
    root_print_pending(&program.guests, 10, print_pending, NULL);
    task_group_cancel(&program.guests, loop.now_ns);
}

static void grace_ended(struct callback *callback)
{
    (void)callback;
    say("the grace", "is over");
    cut();
}

static void on_signal(struct signals *signals, int number)
{
    (void)signals, (void)number;
    say("TERM", program.ending.set ? "again" : "comes");
    if (program.ending.set)
        cut();
    event_set(&program.ending);
}

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    task_group_open(&self->guests, task, "guests", GROUP_CONTAIN);
    (void)task_group_spawn(&self->guests, &ann.task, "ann", guest_step);
    (void)task_group_spawn(&self->guests, &bob.task, "bob", guest_step);
    (void)task_group_spawn(&self->guests, &eve.task, "eve", guest_step);
    TASK_AWAIT(self->rc, event_wait(task, &self->ending));

    loop_call_at(&loop, &self->grace, loop.now_ns + 5 * NS_PER_SECOND);
    task_group_cancel(&self->guests, TIME_NEVER);
    TASK_AWAIT(self->rc, task_group_join(task, &self->guests));
    loop_stop(&loop, &self->grace);
    say("the program", "ends");
    TASK_END();
}

/* Whoever runs the program. */
static void send_term(struct callback *callback)
{
    (void)callback;
    sim_raise(sim, SIGTERM);
}

static int spend_evening(int64_t again_ns)
{
    struct timer first = {.callback = {.run = send_term, .name = "TERM"}}, second = first;
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    sim = sim_create(NULL);
    if (loop_init(&loop, sim_door(sim)) < 0)
        return -1;
    begin_ns = loop.now_ns;
    program = (struct program){.grace = {.callback = {.run = grace_ended, .name = "grace"}}};
    event_init(&program.ending);
    if (signals_open(&program.signals, &loop, "signals", &set, on_signal) < 0)
        return -1;
    loop_call_at(&loop, &first, begin_ns + NS_PER_SECOND);
    loop_call_at(&loop, &second, again_ns ? begin_ns + again_ns : TIME_NEVER);
    int rc = loop_run(&loop, &program.task, "program", program_step);
    signals_close(&program.signals);
    loop_release(&loop);
    sim_free(sim);
    return rc;
}

int main(void)
{
    return spend_evening(0) < 0 || spend_evening(3 * NS_PER_SECOND) < 0;
}
