#include "reactor/net/service.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static struct connection *connection_of(struct task *task)
{
    return container_of(task, struct connection, task);
}

/* Around the program's step: however that ended, what it wrote is sent before the socket goes. */
static int connection_step(struct task *task)
{
    struct connection_end *const self = &connection_of(task)->end;

    TASK_BEGIN();
    TASK_AWAIT(self->result, connection_of(task)->service->step(task));
    self->finish.linger_ns = STREAM_LINGER_NS;
    self->finish.limit_ns = STREAM_FINISH_NS;
    task_shield(task);
    TASK_AWAIT(self->rc, stream_finish(task, &self->finish, &connection_of(task)->stream));
    task_unshield(task);
    stream_close(&connection_of(task)->stream);
    TASK_RETURN(self->result);
    TASK_END();
}

/* The reap phase. A descriptor has become free, too. */
static void release_connection(struct task_group *group, struct task *task)
{
    struct service *service = container_of(group, struct service, connections);
    group->loop->sys->release(group->loop->sys, connection_of(task));
    semaphore_release(&service->places);
    listener_retry(&service->listener);
}

/* Gives the newcomer at `fd` a task, or closes it where there is no memory for one. */
static void start_connection(struct service *service, int fd)
{
    struct sys *sys = service->fanout->loop->sys;
    size_t size = service->connection_bytes ? service->connection_bytes : sizeof(struct connection);
    struct connection *connection = sys->allocate(sys, size);
    if (!connection)
        goto close_fd;
    memset(connection, 0, size);
    connection->service = service;
    connection->peer = service->peer;
    if (stream_open(&connection->stream, service->fanout, fd, 0) < 0)
        goto free_connection;
    if (task_group_spawn(&service->connections, &connection->task, service->task.wake.callback.name,
                         connection_step) < 0)
        goto close_stream;
    return;

close_stream:
    stream_close(&connection->stream);
    fd = -1; /* closed with the stream */
free_connection:
    sys->release(sys, connection);
close_fd:
    if (fd >= 0)
        (void)sys->close(sys, fd); /* nothing was sent on it */
    semaphore_release(&service->places);
}

static void prepare(struct service *service, struct fanout *fanout)
{
    assert(service->step && "a service has a step");
    assert(service->connections_max <= INT_MAX && "a limit isn't negative");
    assert((!service->connection_bytes || service->connection_bytes >= sizeof(struct connection)) &&
           "a connection begins with struct connection");
    service->fanout = fanout;
    semaphore_init(&service->places, service->connections_max ? service->connections_max : INT_MAX);
}

int service_open(struct service *service, struct fanout *fanout, const char *host, uint16_t port)
{
    struct sys *sys = fanout->loop->sys;
    struct sys_address address;
    prepare(service, fanout);
    int found = sys->resolve(sys, host, port, &address, 1);
    if (found <= 0)
        return found < 0 ? found : -ENOENT;
    return listener_open(&service->listener, fanout->loop, &address);
}

int service_inherit(struct service *service, struct fanout *fanout, int fd)
{
    prepare(service, fanout);
    return listener_inherit(&service->listener, fanout->loop, fd);
}

int service_step(struct task *task)
{
    struct service *const self = container_of(task, struct service, task);

    TASK_BEGIN();
    task_group_open(&self->connections, task, "connections", GROUP_CONTAIN);
    self->connections.release = release_connection;
    for (;;) {
        TASK_AWAIT(self->rc, semaphore_acquire(task, &self->places));
        if (self->rc < 0)
            break;
        TASK_AWAIT(self->rc, listener_accept(task, &self->listener, &self->peer));
        if (self->rc < 0)
            break;
        start_connection(self, self->rc);
    }
    self->error = self->rc;
    listener_close(&self->listener);
    TASK_AWAIT(self->rc, task_group_join(task, &self->connections));
    TASK_RETURN(self->error);
    TASK_END();
}
