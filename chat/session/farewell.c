#include "chat/session/farewell.h"

#include <stdio.h>

/* Room for a refusal with its mark and its newline. */
#define LINE_BYTES 160

/* Reads, of 4 KiB, from a newcomer without a place: hardly anybody has sent more by then. */
#define BRIEF_READS 16

struct farewell {
    struct task task;
    struct frame frame;
    int rc;
    struct host *host; /* where the refusal is counted */
    struct stream stream;
    struct stream_finish finish;
};

static struct sys *sys_of(const struct farewells *farewells)
{
    return farewells->fanout->loop->sys;
}

static size_t compose(char line[LINE_BYTES], const char *reason)
{
    int length = snprintf(line, LINE_BYTES, "! %s\r\n", reason);
    return length < LINE_BYTES ? (size_t)length : LINE_BYTES - 1;
}

static int farewell_step(struct task *task)
{
    struct farewell *const self = container_of(task, struct farewell, task);

    TASK_BEGIN();
    self->finish =
        (struct stream_finish){.linger_ns = STREAM_LINGER_NS, .limit_ns = STREAM_FINISH_NS};
    task_shield(task);
    TASK_AWAIT(self->rc, stream_finish(task, &self->finish, &self->stream));
    task_unshield(task);
    stream_close(&self->stream);
    TASK_END();
}

/* Reads and drops what a newcomer has sent already: with input unread, the close that follows
 * would take back what was sent. */
static void drop_input(struct sys *sys, int fd)
{
    char dropped[4096];
    for (int reads = 0; reads < BRIEF_READS; reads++)
        if (sys->receive(sys, fd, dropped, sizeof(dropped)) <= 0)
            return;
}

void farewell_brief(struct sys *sys, int fd, const char *reason)
{
    char line[LINE_BYTES];
    (void)sys->send(sys, fd, line, compose(line, reason)); /* there is no second try */
    (void)sys->shutdown_write(sys, fd); /* the close that follows says it too */
    drop_input(sys, fd);
}

/* Opens the stream, queues the line and spawns the task. Returns 0 or -errno; the stream may be
 * open even so. */
static int start(struct farewells *farewells, struct farewell *self, int fd, const char *reason)
{
    char line[LINE_BYTES];
    int rc = stream_open(&self->stream, farewells->fanout, fd, 0);
    if (rc == 0)
        rc = stream_write(&self->stream, line, compose(line, reason));
    if (rc == 0)
        rc = task_group_spawn(&farewells->group, &self->task, "farewell", farewell_step);
    return rc;
}

/* Takes a place; NULL if there is none, or no memory. */
static struct farewell *take_place(struct farewells *farewells, const struct sys_address *peer)
{
    if (farewells->count == FAREWELLS_MAX)
        return NULL;
    struct farewell *self = sys_of(farewells)->allocate(sys_of(farewells), sizeof(*self));
    if (!self)
        return NULL;
    *self = (struct farewell){.host = hosts_refuse(farewells->hosts, peer)};
    if (self->host) {
        farewells->count++;
        return self;
    }
    sys_of(farewells)->release(sys_of(farewells), self);
    return NULL;
}

static void give_back_place(struct farewells *farewells, struct farewell *self)
{
    hosts_refused(farewells->hosts, self->host);
    farewells->count--;
    sys_of(farewells)->release(sys_of(farewells), self);
}

/* The reap phase. */
static void release_farewell(struct task_group *group, struct task *task)
{
    struct farewells *farewells = container_of(group, struct farewells, group);
    give_back_place(farewells, container_of(task, struct farewell, task));
}

void farewells_open(struct farewells *farewells, struct task *owner, struct fanout *fanout,
                    struct hosts *hosts)
{
    *farewells = (struct farewells){.fanout = fanout, .hosts = hosts};
    task_group_open(&farewells->group, owner, "farewells", GROUP_CONTAIN);
    farewells->group.release = release_farewell;
}

void farewell_start(struct farewells *farewells, int fd, const struct sys_address *peer,
                    const char *reason)
{
    struct farewell *self = take_place(farewells, peer);
    if (self && start(farewells, self, fd, reason) == 0)
        return;
    farewell_brief(sys_of(farewells), fd, reason);
    if (self && self->stream.descriptor.fd == fd)
        stream_close(&self->stream); /* and `fd` with it */
    else
        (void)sys_of(farewells)->close(sys_of(farewells), fd); /* all was said that could be */
    if (self)
        give_back_place(farewells, self);
}
