#define _GNU_SOURCE 1
#include "reactor/base/sys_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/clock.h"
#include "reactor/base/list.h"

/* glibc has it, musl does not: repeats a call that a signal interrupted. */
#ifndef TEMP_FAILURE_RETRY
#define TEMP_FAILURE_RETRY(call)                 \
    ({                                           \
        __typeof__(call) result_;                \
        do                                       \
            result_ = (call);                    \
        while (result_ == -1 && errno == EINTR); \
        result_;                                 \
    })
#endif

/* What the real door remembers: a process has one signal mask, so one descriptor reads signals. */
struct kernel {
    struct sys sys;
    bool has_no_pwait2; /* the kernel, or who filters its calls, refused epoll_pwait2 */
    size_t held_bytes; /* as malloc rounds them up */
    bool signals_are_open;
    sigset_t mask_before; /* valid while signals_are_open */
};

/* The one place where errno becomes a result. */
static ssize_t answer(ssize_t result)
{
    return result < 0 ? -errno : result;
}

/* --- memory ------------------------------------------------------------------------------- */

/* NULL is fine. */
static void *counted(struct sys *sys, void *block)
{
    container_of(sys, struct kernel, sys)->held_bytes += malloc_usable_size(block);
    return block;
}

static void *kernel_allocate(struct sys *sys, size_t size)
{
    assert(size > 0);
    return counted(sys, malloc(size));
}

static void *kernel_resize(struct sys *sys, void *block, size_t size)
{
    struct kernel *kernel = container_of(sys, struct kernel, sys);
    assert(size > 0);
    size_t before = malloc_usable_size(block);
    void *resized = realloc(block, size);
    if (resized)
        kernel->held_bytes -= before;
    return counted(sys, resized);
}

static void kernel_release(struct sys *sys, void *block)
{
    struct kernel *kernel = container_of(sys, struct kernel, sys);
    kernel->held_bytes -= malloc_usable_size(block);
    free(block);
}

static size_t kernel_held_bytes(struct sys *sys)
{
    return container_of(sys, struct kernel, sys)->held_bytes;
}

/* --- clocks ------------------------------------------------------------------------------- */

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    /* With a valid clock and a valid pointer this call has no way to fail. */
    (void)clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static int64_t kernel_monotonic_ns(struct sys *sys)
{
    (void)sys;
    return clock_ns(CLOCK_MONOTONIC);
}

static int64_t kernel_realtime_ns(struct sys *sys)
{
    (void)sys;
    return clock_ns(CLOCK_REALTIME);
}

/* --- readiness ---------------------------------------------------------------------------- */

/* Events fetched by one epoll_wait: 3 KiB of stack. Callers that ask for more get the rest at once
 * with their next call, for epoll hands out what is ready in turn. */
#define EVENTS_MAX 256

static int kernel_poll_open(struct sys *sys)
{
    (void)sys;
    return (int)answer(epoll_create1(EPOLL_CLOEXEC));
}

static int kernel_poll_add(struct sys *sys, int poll, int fd, uint64_t key)
{
    (void)sys;
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.u64 = key,
    };
    return (int)answer(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event));
}

static uint32_t ready_of(uint32_t events)
{
    uint32_t ready = 0;
    if (events & EPOLLIN)
        ready |= SYS_READABLE;
    if (events & EPOLLOUT)
        ready |= SYS_WRITABLE;
    if (events & (EPOLLRDHUP | EPOLLHUP))
        ready |= SYS_HANGUP;
    if (events & EPOLLERR)
        ready |= SYS_ERROR;
    if (events & EPOLLPRI)
        ready |= SYS_URGENT;
    return ready;
}

static int wait_ms(int64_t timeout_ns)
{
    if (timeout_ns == TIME_NEVER)
        return -1;
    int64_t timeout_ms = time_round_up(timeout_ns, NS_PER_MS);
    return timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
}

/* The number of this call is the same on nearly all machines; older headers lack it. */
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* epoll_wait(2) counts in milliseconds; epoll_pwait2(2) in nanoseconds, since Linux 5.11. As a raw
 * call, because older C libraries lack it; with two 64-bit fields, whatever the machine's time_t
 * is. */
static int wait_precisely(int poll, struct epoll_event *batch, int max, int64_t timeout_ns)
{
    struct {
        int64_t seconds, nanoseconds;
    } timeout = {timeout_ns / NS_PER_SECOND, timeout_ns % NS_PER_SECOND};
    return (int)syscall(SYS_epoll_pwait2, poll, batch, max, &timeout, NULL, 0);
}

/* Kernels without epoll_pwait2 answer ENOSYS, filters of system calls EPERM: both every time. */
static int wait_for_events(struct kernel *kernel, int poll, struct epoll_event *batch, int max,
                           int64_t timeout_ns)
{
    if (timeout_ns > 0 && timeout_ns != TIME_NEVER && !kernel->has_no_pwait2) {
        int count = wait_precisely(poll, batch, max, timeout_ns);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        kernel->has_no_pwait2 = true;
    }
    return epoll_wait(poll, batch, max, wait_ms(timeout_ns));
}

static int kernel_poll_wait(struct sys *sys, int poll, struct sys_event *events, int max_events,
                            int64_t timeout_ns)
{
    assert(max_events > 0);
    struct epoll_event batch[EVENTS_MAX];
    int max = max_events < EVENTS_MAX ? max_events : EVENTS_MAX;
    int count =
        wait_for_events(container_of(sys, struct kernel, sys), poll, batch, max, timeout_ns);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        events[i].key = batch[i].data.u64;
        events[i].ready = ready_of(batch[i].events);
    }
    return count;
}

/* --- signals ------------------------------------------------------------------------------ */

static int kernel_signals_open(struct sys *sys, const sigset_t *set)
{
    struct kernel *kernel = container_of(sys, struct kernel, sys);
    if (kernel->signals_are_open)
        return -EBUSY;
    int fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int status = sigprocmask(SIG_BLOCK, set, &kernel->mask_before);
    assert(status == 0);
    (void)status;
    kernel->signals_are_open = true;
    return fd;
}

static int kernel_signals_read(struct sys *sys, int fd)
{
    (void)sys;
    struct signalfd_siginfo info;
    ssize_t size = TEMP_FAILURE_RETRY(read(fd, &info, sizeof info));
    return size < 0 ? -errno : (int)info.ssi_signo;
}

static void restore_mask(const struct kernel *kernel)
{
    int status = sigprocmask(SIG_SETMASK, &kernel->mask_before, NULL);
    assert(status == 0);
    (void)status;
}

static void kernel_signals_restore(struct sys *sys)
{
    struct kernel *kernel = container_of(sys, struct kernel, sys);
    if (kernel->signals_are_open)
        restore_mask(kernel);
}

/* Signals that are still pending were meant for the descriptor: they are dropped, lest the mask's
 * return delivers them the default way and a second TERM kills a server that has ended well. */
static void kernel_signals_close(struct sys *sys, int fd)
{
    struct kernel *kernel = container_of(sys, struct kernel, sys);
    assert(kernel->signals_are_open);
    while (kernel_signals_read(sys, fd) > 0)
        continue;
    /* Nothing was written through it, so close has nothing to report. */
    (void)close(fd);
    restore_mask(kernel);
    kernel->signals_are_open = false;
}

/* --- sockets ------------------------------------------------------------------------------ */

static int kernel_socket(struct sys *sys, int family)
{
    (void)sys;
    return (int)answer(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static int kernel_bind(struct sys *sys, int fd, const struct sys_address *address)
{
    (void)sys;
    return (int)answer(bind(fd, &address->any, address->length));
}

/* The mode of the file is that of the socket's inode, less the umask's bits (unix(7)): nobody sees
 * the file with any other. The process has one thread, so its umask may change for a moment. */
static int kernel_bind_path(struct sys *sys, int fd, const struct sys_address *address, mode_t mode)
{
    (void)sys;
    if (fchmod(fd, mode) < 0)
        return -errno;
    mode_t before = umask(0);
    int rc = (int)answer(bind(fd, &address->any, address->length));
    (void)umask(before);
    return rc;
}

static int kernel_listen(struct sys *sys, int fd, int backlog)
{
    (void)sys;
    return (int)answer(listen(fd, backlog));
}

static int kernel_accept(struct sys *sys, int fd, struct sys_address *peer)
{
    (void)sys;
    memset(peer, 0, sizeof *peer);
    peer->length = sizeof peer->storage;
    return (int)answer(
        TEMP_FAILURE_RETRY(accept4(fd, &peer->any, &peer->length, SOCK_NONBLOCK | SOCK_CLOEXEC)));
}

/* A connect that a signal interrupts goes on by itself: repeating it would be -EALREADY. */
static int kernel_connect(struct sys *sys, int fd, const struct sys_address *address)
{
    (void)sys;
    int status = connect(fd, &address->any, address->length);
    if (status < 0 && errno == EINTR)
        return -EINPROGRESS;
    return (int)answer(status);
}

static ssize_t kernel_receive(struct sys *sys, int fd, void *buffer, size_t size)
{
    (void)sys;
    return answer(TEMP_FAILURE_RETRY(recv(fd, buffer, size, 0)));
}

static ssize_t kernel_send(struct sys *sys, int fd, const void *data, size_t size)
{
    (void)sys;
    return answer(TEMP_FAILURE_RETRY(send(fd, data, size, MSG_NOSIGNAL)));
}

static ssize_t kernel_send_segments(struct sys *sys, int fd, const struct iovec *segments,
                                    int count)
{
    (void)sys;
    assert(count > 0 && count <= SYS_SEGMENTS_MAX);
    struct msghdr message = {
        .msg_iov = (struct iovec *)segments, /* sendmsg only reads them */
        .msg_iovlen = (size_t)count,
    };
    return answer(TEMP_FAILURE_RETRY(sendmsg(fd, &message, MSG_NOSIGNAL)));
}

static int kernel_shutdown_write(struct sys *sys, int fd)
{
    (void)sys;
    return (int)answer(shutdown(fd, SHUT_WR));
}

static int kernel_unsent(struct sys *sys, int fd)
{
    (void)sys;
    int unsent_bytes = 0;
    if (ioctl(fd, TIOCOUTQ, &unsent_bytes) < 0) /* SIOCOUTQ is the same number */
        return -errno;
    return unsent_bytes;
}

static int kernel_peer_state(struct sys *sys, int fd, struct sys_peer_state *state)
{
    (void)sys;
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return -errno;
    *state = (struct sys_peer_state){.unacked_segments = info.tcpi_unacked,
                                     .probes = info.tcpi_probes,
                                     .silent_ns = info.tcpi_last_ack_recv * NS_PER_MS};
    return 0;
}

static int kernel_set_option(struct sys *sys, int fd, int level, int option, int value)
{
    (void)sys;
    return (int)answer(setsockopt(fd, level, option, &value, sizeof value));
}

static int kernel_get_option(struct sys *sys, int fd, int level, int option, int *value)
{
    (void)sys;
    socklen_t length = sizeof *value;
    return (int)answer(getsockopt(fd, level, option, value, &length));
}

static int kernel_local_address(struct sys *sys, int fd, struct sys_address *address)
{
    (void)sys;
    memset(address, 0, sizeof *address);
    address->length = sizeof address->storage;
    return (int)answer(getsockname(fd, &address->any, &address->length));
}

static int kernel_peer_user(struct sys *sys, int fd, uid_t *uid)
{
    (void)sys;
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return -errno;
    /* The kernel doesn't refuse a socket that knows no user: it answers that nobody is there. */
    if (peer.uid == (uid_t)-1)
        return -EOPNOTSUPP;
    *uid = peer.uid;
    return 0;
}

/* --- files -------------------------------------------------------------------------------- */

static int kernel_open_read(struct sys *sys, const char *path)
{
    (void)sys;
    /* Non-blocking, or opening a fifo would wait for somebody to write into it. */
    return (int)answer(TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)));
}

static int kernel_open_write(struct sys *sys, const char *path)
{
    (void)sys;
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC;
    return (int)answer(TEMP_FAILURE_RETRY(open(path, flags, 0600)));
}

static ssize_t kernel_read(struct sys *sys, int fd, void *buffer, size_t size)
{
    (void)sys;
    return answer(TEMP_FAILURE_RETRY(read(fd, buffer, size)));
}

static int kernel_takes(struct sys *sys, int fd, int64_t timeout_ns)
{
    (void)sys;
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    return (int)answer(TEMP_FAILURE_RETRY(poll(&wanted, 1, wait_ms(timeout_ns))));
}

static ssize_t kernel_write(struct sys *sys, int fd, const void *data, size_t size)
{
    (void)sys;
    return answer(TEMP_FAILURE_RETRY(write(fd, data, size)));
}

static int kernel_unlink(struct sys *sys, const char *path)
{
    (void)sys;
    return (int)answer(unlink(path));
}

/* Not repeated after EINTR: Linux has let go of the descriptor by then, and the number may already
 * be somebody else's. */
static int kernel_close(struct sys *sys, int fd)
{
    (void)sys;
    kernel_sync_close(fd);
    int status = (int)answer(close(fd));
    assert(status != -EBADF);
    return status == -EINTR ? 0 : status;
}

/* --- the process -------------------------------------------------------------------------- */

static const char *kernel_environment(struct sys *sys, const char *name)
{
    (void)sys;
    return getenv(name);
}

static bool kernel_signal_ignored(struct sys *sys, int number)
{
    (void)sys;
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int kernel_descriptor_limit(struct sys *sys)
{
    (void)sys;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    /* Where the kernel's own maximum is lower than the hard limit, the soft one stays in force. */
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    return limit.rlim_cur > INT_MAX ? INT_MAX : (int)limit.rlim_cur;
}

static int kernel_random(struct sys *sys, void *buffer, size_t size)
{
    (void)sys;
    /* Up to 256 bytes come whole or not at all; more may come in parts (getrandom(2)). */
    for (size_t filled = 0; filled < size;) {
        ssize_t part = TEMP_FAILURE_RETRY(getrandom((char *)buffer + filled, size - filled, 0));
        if (part < 0)
            return -errno;
        filled += (size_t)part;
    }
    return 0;
}

/* --- the table ---------------------------------------------------------------------------- */

static struct kernel the_kernel = {
    .sys.allocate = kernel_allocate,
    .sys.resize = kernel_resize,
    .sys.release = kernel_release,
    .sys.held_bytes = kernel_held_bytes,
    .sys.monotonic_ns = kernel_monotonic_ns,
    .sys.realtime_ns = kernel_realtime_ns,
    .sys.poll_open = kernel_poll_open,
    .sys.poll_add = kernel_poll_add,
    .sys.poll_wait = kernel_poll_wait,
    .sys.signals_open = kernel_signals_open,
    .sys.signals_read = kernel_signals_read,
    .sys.signals_close = kernel_signals_close,
    .sys.signals_restore = kernel_signals_restore,
    .sys.socket = kernel_socket,
    .sys.bind = kernel_bind,
    .sys.bind_path = kernel_bind_path,
    .sys.listen = kernel_listen,
    .sys.accept = kernel_accept,
    .sys.connect = kernel_connect,
    .sys.receive = kernel_receive,
    .sys.send = kernel_send,
    .sys.send_segments = kernel_send_segments,
    .sys.shutdown_write = kernel_shutdown_write,
    .sys.reset_on_close = kernel_reset_on_close,
    .sys.wakeup_open = kernel_wakeup_open,
    .sys.wakeup_raise = kernel_wakeup_raise,
    .sys.wakeup_take = kernel_wakeup_take,
    .sys.inherit = kernel_inherit,
    .sys.unsent = kernel_unsent,
    .sys.peer_state = kernel_peer_state,
    .sys.set_option = kernel_set_option,
    .sys.get_option = kernel_get_option,
    .sys.local_address = kernel_local_address,
    .sys.peer_user = kernel_peer_user,
    .sys.open_read = kernel_open_read,
    .sys.open_write = kernel_open_write,
    .sys.read = kernel_read,
    .sys.takes = kernel_takes,
    .sys.write = kernel_write,
    .sys.unlink = kernel_unlink,
    .sys.close = kernel_close,
    .sys.open_update = kernel_open_update,
    .sys.open_directory = kernel_open_directory,
    .sys.lock = kernel_lock,
    .sys.lock_directory = kernel_lock_directory,
    .sys.truncate = kernel_truncate,
    .sys.rename = kernel_rename,
    .sys.path_info = kernel_path_info,
    .sys.file_info = kernel_file_info,
    .sys.sync_open = kernel_sync_open,
    .sys.sync_start = kernel_sync_start,
    .sys.sync_result = kernel_sync_result,
    .sys.environment = kernel_environment,
    .sys.signal_ignored = kernel_signal_ignored,
    .sys.descriptor_limit = kernel_descriptor_limit,
    .sys.random = kernel_random,
    .sys.resolve = sys_resolve,
};

struct sys *sys_kernel(void)
{
    return &the_kernel.sys;
}
