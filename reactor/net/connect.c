#include "reactor/net/connect.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "reactor/net/stream_internal.h"

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
static int begin(const struct sys_address *address, struct sys *sys,
                 const struct sys_address *source)
{
    int family = address->any.sa_family;
    int fd = sys->socket(sys, family);
    if (fd < 0)
        return fd;
    if (family != AF_UNIX) /* a kernel that refuses it is only slower */
        (void)sys->set_option(sys, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    int rc = bind_source(sys, fd, source);
    if (rc < 0)
        goto close_socket;
    rc = sys->connect(sys, fd, address);
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

/* The error of a socket that was connecting, as a result: 0, or -errno. */
static int socket_error(struct sys *sys, int fd)
{
    int error = 0;
    int rc = sys->get_option(sys, fd, SOL_SOCKET, SO_ERROR, &error);
    return rc < 0 ? rc : -error;
}

/* What became of the attempt: 0, or its -errno. The kernel tells an error once, so where something
 * was written already, the send may have had it. */
static int verdict(const struct stream *stream)
{
    return stream->error ? stream->error : socket_error(stream_sys(stream), stream->descriptor.fd);
}

int stream_connect(struct task *task, struct stream_connect *const self, struct stream *stream,
                   struct fanout *fanout)
{
    TASK_BEGIN();
    self->rc = begin(&self->address, fanout->loop->sys, &self->source);
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

/* Several addresses. */

static void attempt_stirred(struct descriptor *descriptor)
{
    struct connect_attempt *attempt = container_of(descriptor, struct connect_attempt, descriptor);
    wait_list_wake_first(&attempt->race->stirred);
}

/* The address to try next: the first one left of another family than the last tried, if there is
 * one, because a whole family may be out of reach. */
static size_t next_address(const struct stream_connect_first *self)
{
    size_t first = self->count;
    for (size_t i = self->count; i-- > 0;) {
        if (!self->attempts[i].begun)
            first = i;
    }
    for (size_t i = first; i < self->count; i++) {
        if (!self->attempts[i].begun && self->addresses[i].any.sa_family != self->last_family)
            return i;
    }
    return first;
}

/* Begins the next attempt. One that fails at once is noted, and the one after it is due. */
static void begin_attempt(struct stream_connect_first *self, struct loop *loop)
{
    size_t index = next_address(self);
    struct connect_attempt *attempt = &self->attempts[index];
    attempt->begun = true;
    attempt->race = self;
    self->begun++;
    self->last_family = self->addresses[index].any.sa_family;
    int fd = begin(&self->addresses[index], loop->sys, &self->source);
    int rc = fd < 0 ? fd : loop_watch(loop, &attempt->descriptor, fd, attempt_stirred);
    if (rc < 0) {
        if (fd >= 0)
            (void)loop->sys->close(loop->sys, fd); /* nothing was sent on it */
        attempt->descriptor.fd = -1;
        self->error = rc;
        return;
    }
    self->alive++;
    self->due_ns = time_after(loop->now_ns, CONNECT_STAGGER_NS);
}

static bool may_begin(const struct stream_connect_first *self, int64_t now_ns)
{
    return self->begun < self->count && (self->alive == 0 || now_ns >= self->due_ns);
}

/* Looks at those the kernel has reported. Returns one that is connected, or NULL; those that failed
 * are closed, and make the next one due. */
static struct connect_attempt *judge_attempts(struct stream_connect_first *self, struct loop *loop)
{
    for (size_t i = 0; i < self->count; i++) {
        struct descriptor *descriptor = &self->attempts[i].descriptor;
        if (descriptor->fd < 0 || !descriptor->ready)
            continue;
        int rc = socket_error(loop->sys, descriptor->fd);
        if (rc == 0)
            return &self->attempts[i];
        self->error = rc;
        self->alive--;
        self->due_ns = loop->now_ns;
        loop_close(loop, descriptor);
    }
    return NULL;
}

static bool stirred(const struct stream_connect_first *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->attempts[i].descriptor.fd >= 0 && self->attempts[i].descriptor.ready)
            return true;
    }
    return false;
}

/* Goes on until an attempt is connected or there is none left. Returns whether it is over. */
static bool race_over(struct stream_connect_first *self, struct loop *loop)
{
    self->winner = judge_attempts(self, loop);
    while (!self->winner && may_begin(self, loop->now_ns))
        begin_attempt(self, loop);
    return self->winner || self->alive == 0;
}

static int64_t until_next_ns(const struct stream_connect_first *self, int64_t now_ns)
{
    return self->begun == self->count ? TIME_NEVER : self->due_ns - now_ns;
}

static void prepare(struct stream_connect_first *self)
{
    assert(self->count > 0 && "there is an address to connect to");
    assert(self->count <= CONNECT_ADDRESSES_MAX && "addresses beyond CONNECT_ADDRESSES_MAX");
    self->begun = self->alive = 0;
    self->last_family = AF_UNSPEC;
    wait_list_init(&self->stirred);
    for (size_t i = 0; i < self->count; i++)
        self->attempts[i] = (struct connect_attempt){.descriptor.fd = -1};
}

static void close_attempts(struct stream_connect_first *self, struct loop *loop)
{
    for (size_t i = 0; i < self->count; i++)
        loop_close(loop, &self->attempts[i].descriptor);
}

int stream_connect_first(struct task *task, struct stream_connect_first *const self,
                         struct stream *stream, struct fanout *fanout)
{
    TASK_BEGIN();
    prepare(self);
    while (!race_over(self, task->loop)) {
        cancel_scope_open(task, &self->stagger, until_next_ns(self, task->loop->now_ns));
        TASK_AWAIT(self->rc, task_wait(task, &self->stirred, stirred(self)));
        bool next = cancel_scope_close(task, &self->stagger);
        if (self->rc < 0 && !next)
            break;
        self->rc = 0;
    }
    if (self->winner)
        stream_adopt(stream, fanout, &self->winner->descriptor);
    else if (self->rc == 0)
        self->rc = self->error;
    close_attempts(self, task->loop);
    TASK_RETURN(self->rc);
    TASK_END();
}
