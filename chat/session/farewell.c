#include "chat/session/farewell.h"

#include <stdio.h>

struct farewell {
    struct task task;
    struct frame frame;
    int rc;
    struct stream stream;
    struct stream_finish finish;
};

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

static void release_farewell(struct task_group *group, struct task *task)
{
    struct farewells *farewells = container_of(group, struct farewells, group);
    struct sys *sys = group->loop->sys;
    sys->release(sys, container_of(task, struct farewell, task));
    semaphore_release(&farewells->places);
}

void farewells_open(struct farewells *farewells, struct task *owner, struct fanout *fanout)
{
    *farewells = (struct farewells){.fanout = fanout};
    semaphore_init(&farewells->places, FAREWELLS_MAX);
    task_group_open(&farewells->group, owner, "farewells", GROUP_CONTAIN);
    farewells->group.release = release_farewell;
}

int farewell_place(struct task *task, struct farewells *farewells)
{
    return semaphore_acquire(task, &farewells->places);
}

/* Queues the line and spawns the task. False: nothing was started, and `fd` is closed. */
static bool start(struct farewells *farewells, struct farewell *self, int fd, const char *reason)
{
    struct sys *sys = farewells->fanout->loop->sys;
    char line[128];
    int length = snprintf(line, sizeof(line), "! %s\r\n", reason);
    *self = (struct farewell){.rc = 0};
    if (stream_open(&self->stream, farewells->fanout, fd, 0) < 0) {
        (void)sys->close(sys, fd); /* nothing was sent on it */
        return false;
    }
    if (stream_write(&self->stream, line, (size_t)length) == 0 &&
        task_group_spawn(&farewells->group, &self->task, "farewell", farewell_step) == 0)
        return true;
    stream_close(&self->stream);
    return false;
}

/* Where there is no memory for a polite end, the newcomer sees the connection closed. */
void farewell_start(struct farewells *farewells, int fd, const char *reason)
{
    struct sys *sys = farewells->fanout->loop->sys;
    struct farewell *self = sys->allocate(sys, sizeof(*self));
    if (self && start(farewells, self, fd, reason))
        return;
    if (!self)
        (void)sys->close(sys, fd);
    sys->release(sys, self);
    semaphore_release(&farewells->places);
}
