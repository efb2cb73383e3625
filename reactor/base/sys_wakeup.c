#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "reactor/base/sys_internal.h"

int kernel_reset_on_close(struct sys *sys, int fd)
{
    (void)sys;
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) < 0 ? -errno : 0;
}

int kernel_wakeup_open(struct sys *sys)
{
    (void)sys;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/* Keeps errno for the signal handler that it may be called from. */
void kernel_wakeup_raise(struct sys *sys, int fd)
{
    static const uint64_t one = 1;
    int before = errno;
    ssize_t rc;
    (void)sys;
    do
        rc = write(fd, &one, sizeof one);
    while (rc < 0 && errno == EINTR); /* EAGAIN: it was raised 2^64 times, which is enough */
    errno = before;
}

int kernel_wakeup_take(struct sys *sys, int fd)
{
    (void)sys;
    uint64_t count;
    return read(fd, &count, sizeof count) < 0 ? -EAGAIN : 0;
}

int kernel_inherit(struct sys *sys, int fd)
{
    (void)sys;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return 0;
}
