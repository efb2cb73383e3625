#include "reactor/net/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* Binds to the address from which to connect. The port is left to connect(), which can choose one
 * that others use for other servers (ip(7)); a kernel that doesn't know the option chooses now. */
static int bind_source(struct sys *sys, int fd, const struct sys_address *source)
{
    if (!source->length)
        return 0;
    (void)sys->set_option(sys, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    return sys->bind(sys, fd, source);
}

/* Begins to connect. Returns the socket, which is perhaps not connected yet, or -errno. */
static int begin(struct sys *sys, const struct stream_connect *self)
{
    int family = self->address.any.sa_family;
    int fd = sys->socket(sys, family);
    if (fd < 0)
        return fd;
    if (family != AF_UNIX) /* a kernel that refuses it is only slower */
        (void)sys->set_option(sys, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    int rc = bind_source(sys, fd, &self->source);
    if (rc < 0)
        goto close_socket;
    rc = sys->connect(sys, fd, &self->address);
    if (rc < 0 && rc != -EINPROGRESS)
        goto close_socket;
    return fd;

close_socket:
    (void)sys->close(sys, fd); /* nothing was sent on it */
    return rc;
}

/* Makes a stream of the socket: one that is blocked, for its first event is that it is writable, or
 * an error and a hang-up. */
static int open_blocked(struct stream *stream, struct fanout *fanout, int fd)
{
    int rc = stream_open(stream, fanout, fd, 0);
    if (rc < 0) {
        (void)fanout->loop->sys->close(fanout->loop->sys, fd); /* nothing was sent on it */
        return rc;
    }
    stream->outbox.blocked = true;
    return 0;
}

/* Waits until the stream isn't blocked any more: the flush clears STREAM_DRAINING and wakes. */
static int wait_connected(struct task *task, struct stream *stream)
{
    if (stream->outbox.blocked)
        stream->flags |= STREAM_DRAINING;
    return task_wait(task, &stream->waiting, !stream->outbox.blocked);
}

/* What became of the attempt: 0, or its -errno. The kernel tells an error once, so where something
 * was written already, the send may have had it. */
static int verdict(const struct stream *stream)
{
    struct sys *sys = stream->fanout->loop->sys;
    int error = 0;
    if (stream->error)
        return stream->error;
    int rc = sys->get_option(sys, stream->descriptor.fd, SOL_SOCKET, SO_ERROR, &error);
    return rc < 0 ? rc : -error;
}

int stream_connect(struct task *task, struct stream_connect *const self, struct stream *stream,
                   struct fanout *fanout)
{
    TASK_BEGIN();
    self->rc = begin(fanout->loop->sys, self);
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    self->rc = open_blocked(stream, fanout, self->rc);
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    TASK_AWAIT(self->rc, wait_connected(task, stream));
    if (self->rc == 0)
        self->rc = verdict(stream);
    if (self->rc < 0)
        stream_close(stream);
    TASK_RETURN(self->rc);
    TASK_END();
}
