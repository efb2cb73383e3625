#include "reactor/net/listener.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* Newcomers that the kernel holds for us; it caps this by net.core.somaxconn. */
#define LISTEN_QUEUE 4096

/* Keep-alive, tcp(7): a peer that vanished is let go after two minutes and a half. */
#define KEEP_IDLE_SECONDS 60
#define KEEP_INTERVAL_SECONDS 15
#define KEEP_PROBES 6

static void wake_up(struct listener *listener)
{
    wait_list_wake_first(&listener->waiting);
}

static void notify(struct descriptor *descriptor)
{
    wake_up(container_of(descriptor, struct listener, descriptor));
}

static void rest_over(struct callback *callback)
{
    listener_retry(container_of(callback, struct listener, rest.callback));
}

/* What accepted sockets inherit. Unix sockets have none of it. */
static int set_options(struct sys *sys, int fd, const struct sys_address *address)
{
    static const struct {
        int level, option, value;
    } options[] = {
        {SOL_SOCKET, SO_REUSEADDR, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        /* A telnet Synch sends its mark as urgent data, which would leave a lone IAC behind. */
        {SOL_SOCKET, SO_OOBINLINE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_SECONDS},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_SECONDS},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES},
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, LISTENER_NOTSENT_BYTES},
    };
    if (address->any.sa_family == AF_UNIX)
        return 0;
    /* Each family has its own socket: one for both would show IPv4 peers as mapped addresses. */
    if (address->any.sa_family == AF_INET6) {
        int rc = sys->set_option(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        int rc = sys->set_option(sys, fd, options[i].level, options[i].option, options[i].value);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Asks whether a server answers at a unix path: 1, 0 where the socket is a dead server's, or
 * -errno. */
static int somebody_answers(struct sys *sys, const struct sys_address *address)
{
    int fd = sys->socket(sys, AF_UNIX);
    if (fd < 0)
        return fd;
    int rc = sys->connect(sys, fd, address);
    (void)sys->close(sys, fd); /* it was only a question */
    if (rc == -ECONNREFUSED)
        return 0;
    return rc == 0 || rc == -EAGAIN ? 1 : rc; /* EAGAIN: its queue is full */
}

/* Makes a unix path free, if what is there is a socket that a dead server left. */
static int clear_path(struct sys *sys, const struct sys_address *address)
{
    struct sys_file_info info;
    int rc = sys->path_info(sys, address->local.sun_path, &info);
    if (rc < 0)
        return rc;
    if (info.kind == SYS_FILE_NONE)
        return 0;
    if (info.kind != SYS_FILE_SOCKET)
        return -EEXIST;
    rc = somebody_answers(sys, address);
    if (rc != 0)
        return rc < 0 ? rc : -EADDRINUSE;
    return sys->unlink(sys, address->local.sun_path);
}

static int bind_and_listen(struct sys *sys, int fd, const struct sys_address *address)
{
    bool local = address->any.sa_family == AF_UNIX;
    int rc = local ? clear_path(sys, address) : set_options(sys, fd, address);
    if (rc < 0)
        return rc;
    rc = sys->bind(sys, fd, address);
    if (rc < 0)
        return rc;
    rc = sys->listen(sys, fd, LISTEN_QUEUE);
    if (rc < 0 && local)
        (void)sys->unlink(sys, address->local.sun_path); /* ours, and of no use */
    return rc;
}

static void remove_path(struct listener *listener)
{
    struct sys *sys = listener->loop->sys;
    if (listener->address.any.sa_family == AF_UNIX)
        (void)sys->unlink(sys, listener->address.local.sun_path); /* gone already: as well */
}

int listener_open(struct listener *listener, struct loop *loop, const struct sys_address *address)
{
    struct sys *sys = loop->sys;
    *listener = (struct listener){.loop = loop, .address = *address, .spare = -1};
    listener->descriptor.fd = -1;
    listener->rest.callback = (struct callback){.run = rest_over, .name = "listener rest"};
    wait_list_init(&listener->waiting);
    int fd = sys->socket(sys, address->any.sa_family);
    if (fd < 0)
        return fd;
    int rc = bind_and_listen(sys, fd, address);
    if (rc < 0)
        goto close_socket;
    rc = sys->local_address(sys, fd, &listener->address);
    if (rc < 0)
        goto remove;
    listener->spare = sys->socket(sys, AF_UNIX);
    if (listener->spare < 0) {
        rc = listener->spare;
        goto remove;
    }
    rc = loop_watch(loop, &listener->descriptor, fd, notify);
    if (rc < 0)
        goto close_spare;
    return 0;

close_spare:
    (void)sys->close(sys, listener->spare);
remove:
    listener->address = *address;
    remove_path(listener);
close_socket:
    (void)sys->close(sys, fd);
    listener->descriptor.fd = -1;
    return rc;
}

void listener_close(struct listener *listener)
{
    assert(list_empty(&listener->waiting.tasks));
    if (listener->descriptor.fd < 0)
        return;
    struct sys *sys = listener->loop->sys;
    remove_path(listener);
    loop_stop(listener->loop, &listener->rest);
    loop_close(listener->loop, &listener->descriptor);
    if (listener->spare >= 0)
        (void)sys->close(sys, listener->spare);
    listener->spare = -1;
    listener->resting = false; /* a retry that comes later must not open a spare again */
}

/* Before anybody is let in, or the next one for whom there is no place could not be told. */
static void regain_spare(struct listener *listener)
{
    if (listener->spare < 0)
        listener->spare = listener->loop->sys->socket(listener->loop->sys, AF_UNIX);
}

void listener_retry(struct listener *listener)
{
    if (!listener->resting)
        return;
    listener->resting = false;
    regain_spare(listener);
    wake_up(listener);
}

static bool out_of_resources(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/* The newcomer is gone already, or its network said something on the way: accept(2). */
static bool newcomers_own_trouble(int error)
{
    return error == -ECONNABORTED || error == -EPROTO || error == -EPERM || error == -ENETDOWN ||
           error == -ENOPROTOOPT || error == -EHOSTDOWN || error == -ENONET ||
           error == -EHOSTUNREACH || error == -EOPNOTSUPP || error == -ENETUNREACH;
}

/* Gives the spare descriptor up for one newcomer, so that it is told. Returns -ECONNABORTED once
 * that is done, for it is gone; or why it can't be, -EAGAIN where there is none. */
static int refuse_one(struct listener *listener)
{
    struct sys *sys = listener->loop->sys;
    struct sys_address peer;
    if (!listener->refuse || listener->spare < 0)
        return -EMFILE;
    (void)sys->close(sys, listener->spare);
    listener->spare = -1;
    int fd = sys->accept(sys, listener->descriptor.fd, &peer);
    if (fd >= 0) {
        listener->refuse(listener, fd);
        (void)sys->close(sys, fd);
    }
    regain_spare(listener);
    return fd < 0 ? fd : -ECONNABORTED;
}

static void rest(struct listener *listener)
{
    listener->resting = true;
    loop_call_at(listener->loop, &listener->rest,
                 time_after(listener->loop->now_ns, LISTENER_REST_NS));
}

/* One newcomer: its descriptor; -EAGAIN where there is none yet; or the socket's own error. The
 * kernel looks for a free descriptor before it looks for a newcomer: without one, only the spare
 * can tell that nobody is there. */
static int accept_one(struct listener *listener, struct sys_address *peer)
{
    struct sys *sys = listener->loop->sys;
    int fd = sys->accept(sys, listener->descriptor.fd, peer);
    if (out_of_resources(fd))
        fd = refuse_one(listener);
    if (fd == -EAGAIN)
        listener->descriptor.ready = 0;
    if (out_of_resources(fd))
        rest(listener);
    return out_of_resources(fd) || newcomers_own_trouble(fd) ? -EAGAIN : fd;
}

/* Whether this turn has room for one more. */
static bool within_budget(struct listener *listener)
{
    if (listener->turn != listener->loop->turn) {
        listener->turn = listener->loop->turn;
        listener->accepted = 0;
    }
    return listener->accepted++ < LISTENER_BUDGET;
}

int listener_accept(struct task *task, struct listener *listener, struct sys_address *peer)
{
    int fd = -EAGAIN;
    if (listener->descriptor.ready && !listener->resting && !task_cancelled(task) &&
        wait_list_is_next(&listener->waiting, task)) {
        if (within_budget(listener))
            fd = accept_one(listener, peer);
        if (fd == -EAGAIN && listener->descriptor.ready && !listener->resting)
            task_wake(task); /* there may be more, but not in this batch */
    }
    int rc = task_wait(task, &listener->waiting, fd != -EAGAIN);
    if (rc < 0)
        return rc;
    if (listener->descriptor.ready)
        wake_up(listener); /* there may be one for the next who waits, too */
    return fd;
}
