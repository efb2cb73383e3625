#include "reactor/net/listener.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

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

/* What accepted sockets inherit. Each is worth having and none is worth failing for: a kernel, a
 * container or an emulator may refuse any of them. */
static const struct {
    const char *name;
    int level, option, value;
} tuning[] = {
#define TUNING(level, option, value)  \
    {                                 \
#option, level, option, value \
    }
    TUNING(SOL_SOCKET, SO_REUSEADDR, 1),
    TUNING(SOL_SOCKET, SO_KEEPALIVE, 1),
    /* A telnet Synch sends its mark as urgent data, which would leave a lone IAC behind. */
    TUNING(SOL_SOCKET, SO_OOBINLINE, 1),
    TUNING(IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_SECONDS),
    TUNING(IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_SECONDS),
    TUNING(IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES),
    TUNING(IPPROTO_TCP, TCP_NODELAY, 1),
    TUNING(IPPROTO_TCP, TCP_NOTSENT_LOWAT, LISTENER_NOTSENT_BYTES),
#undef TUNING
};

#define TUNING_COUNT (sizeof(tuning) / sizeof(*tuning))

/* Notes an option that was refused; names that don't fit are left out. */
static void note_refused(struct listener *listener, const char *name)
{
    size_t length = strlen(listener->refused_options);
    (void)snprintf(listener->refused_options + length, sizeof(listener->refused_options) - length,
                   "%s%s", length ? ", " : "", name);
}

static int set_options(struct listener *listener, int fd)
{
    struct sys *sys = listener->loop->sys;
    /* Each family has its own socket: one for both would show IPv4 peers as mapped addresses. */
    if (listener->address.any.sa_family == AF_INET6) {
        int rc = sys->set_option(sys, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < TUNING_COUNT; i++)
        if (sys->set_option(sys, fd, tuning[i].level, tuning[i].option, tuning[i].value) < 0)
            note_refused(listener, tuning[i].name);
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
    struct sys_file_info file;
    int rc = sys->path_info(sys, address->local.sun_path, &file);
    if (rc < 0)
        return rc;
    if (file.kind == SYS_FILE_NONE)
        return 0;
    if (file.kind != SYS_FILE_SOCKET)
        return -EEXIST;
    rc = somebody_answers(sys, address);
    if (rc != 0)
        return rc < 0 ? rc : -EADDRINUSE;
    return sys->unlink(sys, address->local.sun_path);
}

/* Removes the path, unless it leads to another socket by now, such as a successor's. */
static void remove_path(struct listener *listener)
{
    struct sys *sys = listener->loop->sys;
    const char *path = listener->address.local.sun_path;
    struct sys_file_info file;
    if (listener->address.any.sa_family != AF_UNIX || sys->path_info(sys, path, &file) < 0)
        return;
    if (file.kind == SYS_FILE_SOCKET && file.device == listener->file.device &&
        file.inode == listener->file.inode)
        (void)sys->unlink(sys, path); /* nobody is left who could do anything about a failure */
}

static int bind_path_and_listen(struct listener *listener, int fd, mode_t mode)
{
    struct sys *sys = listener->loop->sys;
    const struct sys_address *address = &listener->address;
    int rc = clear_path(sys, address);
    if (rc < 0)
        return rc;
    rc = sys->bind_path(sys, fd, address, mode);
    if (rc < 0)
        return rc;
    rc = sys->path_info(sys, address->local.sun_path, &listener->file);
    if (rc == 0)
        rc = sys->listen(sys, fd, LISTEN_QUEUE);
    if (rc < 0)
        (void)sys->unlink(sys, address->local.sun_path); /* just made, and of no use */
    return rc;
}

/* A directory that can't be read or locked, on some network file systems, is no reason to fail. */
static bool goes_without_lock(int error)
{
    return error != -EBUSY && error != -EMFILE && error != -ENFILE && error != -ENOMEM;
}

/* Between its bind and its listen a server's socket looks like a dead server's to another one that
 * starts on the same path. So the directory is locked from the look at the old socket to listen. */
static int listen_at_path(struct listener *listener, int fd, mode_t mode)
{
    struct sys *sys = listener->loop->sys;
    int lock = sys->lock_directory(sys, listener->address.local.sun_path);
    if (lock < 0 && !goes_without_lock(lock))
        return lock;
    int rc = bind_path_and_listen(listener, fd, mode);
    if (lock >= 0)
        (void)sys->close(sys, lock); /* which unlocks */
    return rc;
}

static int listen_at_port(struct listener *listener, int fd)
{
    struct sys *sys = listener->loop->sys;
    int rc = set_options(listener, fd);
    if (rc == 0)
        rc = sys->bind(sys, fd, &listener->address);
    if (rc == 0)
        rc = sys->listen(sys, fd, LISTEN_QUEUE);
    if (rc == 0)
        rc = sys->local_address(sys, fd, &listener->address);
    return rc;
}

static void prepare(struct listener *listener, struct loop *loop)
{
    *listener = (struct listener){.loop = loop, .spare = -1};
    listener->descriptor.fd = -1;
    listener->rest.callback = (struct callback){.run = rest_over, .name = "listener rest"};
    wait_list_init(&listener->waiting);
}

/* Takes over a socket that listens. On failure it is still the caller's. */
static int take_over(struct listener *listener, int fd)
{
    struct sys *sys = listener->loop->sys;
    listener->spare = sys->socket(sys, AF_UNIX);
    if (listener->spare < 0)
        return listener->spare;
    int rc = loop_watch(listener->loop, &listener->descriptor, fd, notify);
    if (rc < 0) {
        (void)sys->close(sys, listener->spare);
        listener->descriptor.fd = -1;
    }
    return rc;
}

int listener_open_mode(struct listener *listener, struct loop *loop,
                       const struct sys_address *address, mode_t mode)
{
    struct sys *sys = loop->sys;
    prepare(listener, loop);
    listener->address = *address;
    int fd = sys->socket(sys, address->any.sa_family);
    if (fd < 0)
        return fd;
    int rc = address->any.sa_family == AF_UNIX ? listen_at_path(listener, fd, mode)
                                               : listen_at_port(listener, fd);
    if (rc < 0)
        goto close_socket;
    rc = take_over(listener, fd);
    if (rc < 0)
        goto remove;
    return 0;

remove:
    remove_path(listener);
close_socket:
    (void)sys->close(sys, fd);
    return rc;
}

int listener_open(struct listener *listener, struct loop *loop, const struct sys_address *address)
{
    return listener_open_mode(listener, loop, address, 0666);
}

int listener_inherit(struct listener *listener, struct loop *loop, int fd)
{
    struct sys *sys = loop->sys;
    int listens = 0;
    prepare(listener, loop);
    int rc = sys->inherit(sys, fd);
    if (rc == 0)
        rc = sys->get_option(sys, fd, SOL_SOCKET, SO_ACCEPTCONN, &listens);
    if (rc == 0)
        rc = sys->local_address(sys, fd, &listener->address);
    if (rc < 0)
        return rc;
    return listens ? take_over(listener, fd) : -EINVAL;
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
