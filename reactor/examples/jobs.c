/*
 * jobs: a job processor. A job is to deliver a text to a port of this machine.
 *
 * Connect with nc to the port that it tells and say `deliver 8000 hello`; start
 * `nc -l 127.0.0.1 8000` before, later or never, and look for: attempts whose
 * pauses may be twice as long each time, and a job that has used up five of them
 * and is among the dead letters (say `dead`); a client that submits more than the
 * three workers and the queue hold, and isn't read until there is room; and, on
 * TERM or Ctrl-C, that no more is taken but what was taken is done, for at most
 * ten seconds or until it is said again. What isn't delivered by then is a dead
 * letter, too. The output tells of each, for the list ends with the program.
 *
 * Patterns: a service, workers with a bounded queue, retry with back-off and
 * jitter, a time-out a try, shutdown in two phases. Delivered means that the
 * receiver's kernel has it. tests/scripts/jobs_example.sh drives it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/reactor.h"

#define LETTER_BYTES 200 /* the longest line of a client */
#define DEAD_MAX 100 /* dead letters that are kept; beyond that the oldest goes */

struct delivery {
    struct job job;
    struct list dead_node;
    unsigned number;
    struct sys_address address;
    size_t size;
    char text[LETTER_BYTES]; /* ends with a newline */
    struct frame frame;
    int rc;
    struct retry retry;

    struct attempt {
        struct delivery *delivery;
        struct frame frame;
        int rc;
        struct cancel_scope limit;
        struct stream_connect connect;
        struct stream stream;
        struct stream_finish finish;
    } attempt;
};

static struct loop loop;
static struct fanout fanout;
static struct worker crew[3];
static struct workers workers = {.name = "workers", .crew = crew, .crew_size = 3, .queue_limit = 4};
static struct list dead; /* letters, the oldest first */
static unsigned failed, delivered, submitted;

static const struct retry_policy policy = {
    .attempts = 5, .first_delay_ns = 100 * NS_PER_MS, .factor = 2, .cap_ns = NS_PER_SECOND};

/* A job has ended, whatever way: it is delivered, or a dead letter. */
static void delivery_ended(struct job *job)
{
    struct delivery *delivery = container_of(job, struct delivery, job);
    if (job->result >= 0) {
        delivered++;
        loop.sys->release(loop.sys, delivery);
        return;
    }
    failed++;
    printf("job %u: dead letter: %s", delivery->number, delivery->text);
    list_append(&delivery->dead_node, &dead);
    if (failed > DEAD_MAX)
        loop.sys->release(loop.sys, container_of(list_pop(&dead), struct delivery, dead_node));
}

/* A try: connects, sends and waits until that has arrived; two seconds for all of it. */
static int attempt_step(struct task *task, void *object)
{
    struct attempt *const self = object;

    TASK_BEGIN();
    cancel_scope_open(task, &self->limit, 2 * NS_PER_SECOND);
    self->connect = (struct stream_connect){.address = self->delivery->address};
    TASK_AWAIT(self->rc, stream_connect(task, &self->connect, &self->stream, &fanout));
    if (self->rc == 0) {
        self->rc = stream_write(&self->stream, self->delivery->text, self->delivery->size);
        self->finish = (struct stream_finish){.linger_ns = NS_PER_SECOND};
        if (self->rc == 0)
            TASK_AWAIT(self->rc, stream_finish(task, &self->finish, &self->stream));
        stream_close(&self->stream);
    }
    (void)cancel_scope_close(task, &self->limit);
    printf("job %u: attempt %u: %s\n", self->delivery->number, self->delivery->retry.attempts,
           self->rc < 0 ? strerror(-self->rc) : "done");
    TASK_RETURN(self->rc);
    TASK_END();
}

static int delivery_step(struct task *task)
{
    struct delivery *const self = container_of(task, struct delivery, job.task);

    TASK_BEGIN();
    retry_init(&self->retry, &policy, self->number); /* each has pauses of its own */
    self->attempt.delivery = self;
    TASK_AWAIT(self->rc, retry_run(task, &self->retry, attempt_step, &self->attempt));
    TASK_RETURN(self->rc);
    TASK_END();
}

/* Makes a job of "deliver PORT TEXT". NULL where it is none, or where there is no memory. */
static struct delivery *delivery_parse(const char *line)
{
    char *end;
    if (strncmp(line, "deliver ", 8) != 0)
        return NULL;
    unsigned long port = strtoul(line + 8, &end, 10);
    if (port == 0 || port > UINT16_MAX || *end != ' ')
        return NULL;
    struct delivery *delivery = loop.sys->allocate(loop.sys, sizeof(*delivery));
    if (!delivery)
        return NULL;
    *delivery = (struct delivery){.number = ++submitted};
    delivery->job = (struct job){.step = delivery_step, .name = "job", .on_end = delivery_ended};
    (void)loop.sys->resolve(loop.sys, "127.0.0.1", (uint16_t)port, &delivery->address, 1);
    delivery->size = (size_t)snprintf(delivery->text, LETTER_BYTES, "%s\n", end + 1);
    return delivery;
}

struct client {
    struct connection its;
    struct frame frame;
    int rc;
    struct delivery *delivery; /* being submitted, and ours so long */
};

/* Lost where there is no memory: the jobs matter more. */
static void answer(struct client *client, const struct delivery *delivery, const char *what)
{
    char line[LETTER_BYTES + 100];
    int size =
        snprintf(line, sizeof(line), "* job %u: %s: %s", delivery->number, what, delivery->text);
    (void)stream_write(&client->its.stream, line, (size_t)size);
}

/* What doesn't wait: everything but a job that is in order, which is then in client->delivery. */
static void client_command(struct client *client)
{
    struct stream *stream = &client->its.stream;
    if (strcmp(client->its.line, "dead") == 0) {
        for (struct list *node = dead.next; node != &dead; node = node->next) {
            struct delivery *letter = container_of(node, struct delivery, dead_node);
            answer(client, letter, strerror(-letter->job.result));
        }
        (void)stream_write(stream, "* no more\n", 10);
    } else if (!(client->delivery = delivery_parse(client->its.line))) {
        (void)stream_write(stream, "* refused\n", 10);
    }
}

static int client_step(struct task *task)
{
    struct client *const self = container_of(task, struct client, its.task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc, stream_read_line(task, &self->its.stream, LETTER_BYTES,
                                              &self->its.line, &self->its.size));
        if (self->rc == -EMSGSIZE)
            (void)stream_write(&self->its.stream, "* refused\n", 10);
        if (self->rc <= 0)
            TASK_RETURN(self->rc);
        client_command(self);
        if (self->delivery) {
            TASK_AWAIT(self->rc, workers_submit(task, &workers, &self->delivery->job));
            if (self->rc < 0)
                break;
            answer(self, self->delivery, "queued");
            self->delivery = NULL;
        }
        TASK_AWAIT(self->rc, stream_drain(task, &self->its.stream, 65536));
    }
    answer(self, self->delivery, "refused");
    loop.sys->release(loop.sys, self->delivery);
    TASK_RETURN(self->rc);
    TASK_END();
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    struct signals signals;
    struct service service;
    struct task_group reception;
    struct cancel_scope limit;
};

static struct program program = {
    .service = {.step = client_step, .connection_bytes = sizeof(struct client)}};

static void on_signal(struct signals *signals, int number)
{
    (void)signals;
    (void)number;
    if (program.reception.cancelled)
        workers_cancel(&workers, loop.now_ns);
    else
        task_group_cancel(&program.reception, time_after(loop.now_ns, NS_PER_SECOND));
}

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    workers_open(&workers, task);
    task_group_open(&self->reception, task, "reception", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->reception, &self->service.task, "jobs", service_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->reception)); /* until the first signal */
    puts("draining");
    cancel_scope_open(task, &self->limit, 10 * NS_PER_SECOND);
    TASK_AWAIT(self->rc, workers_join(task, &workers));
    (void)cancel_scope_close(task, &self->limit);
    printf("%u delivered, %u dead letters\n", delivered, failed);
    TASK_RETURN(self->rc);
    TASK_END();
}

int main(void)
{
    char address[SYS_ADDRESS_TEXT];
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    setvbuf(stdout, NULL, _IOLBF, 0);
    list_init(&dead);
    if (loop_init(&loop, sys_kernel()) < 0)
        return 1;
    fanout_init(&fanout, &loop, NULL);
    if (signals_open(&program.signals, &loop, "signals", &set, on_signal) < 0 ||
        service_open(&program.service, &fanout, "127.0.0.1", 0) < 0)
        return 1;
    sys_address_format(&program.service.listener.address, address);
    printf("jobs on %s\n", address);
    return loop_run(&loop, &program.task, "program", program_step) < 0;
}
