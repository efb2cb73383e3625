#define _GNU_SOURCE 1
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reactor/base/sys_internal.h"

/* musl-gcc sees no headers of the kernel: then the little that is needed of them stands here. */
#if __has_include(<linux/aio_abi.h>)
#include <linux/aio_abi.h>
#else
typedef unsigned long aio_context_t;
enum { IOCB_CMD_FDSYNC = 3, IOCB_FLAG_RESFD = 1 };

struct io_event {
    uint64_t data, obj;
    int64_t res, res2;
};

struct iocb {
    uint64_t aio_data;
    uint32_t aio_key_and_flags[2];
    uint16_t aio_lio_opcode;
    int16_t aio_reqprio;
    uint32_t aio_fildes;
    uint64_t aio_buf, aio_nbytes;
    int64_t aio_offset;
    uint64_t aio_reserved2;
    uint32_t aio_flags, aio_resfd;
};
#endif

/* Descriptors of sync_open at the same time: a journal has two files and a folder. */
#define SYNCS_MAX 4

/* One descriptor of sync_open. */
struct sync {
    int fd; /* 0: free; the standard input is never one */
    aio_context_t context;
};

static struct sync syncs[SYNCS_MAX];

static int answer(int result)
{
    return result < 0 ? -errno : result;
}

/* --- files that last ----------------------------------------------------------------------- */

int kernel_open_update(struct sys *sys, const char *path, bool fresh)
{
    (void)sys;
    /* Non-blocking, or opening a fifo could wait. */
    int flags = O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | (fresh ? O_EXCL : 0);
    return answer(open(path, flags, 0600));
}

int kernel_open_directory(struct sys *sys, const char *path)
{
    (void)sys;
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";
    if (slash) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);
        if (length >= sizeof(folder))
            return -ENAMETOOLONG;
        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    return answer(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int kernel_lock(struct sys *sys, int fd)
{
    (void)sys;
    return answer(flock(fd, LOCK_EX | LOCK_NB));
}

/* Asked again and again instead of waiting in flock(2): whoever may read the directory can hold its
 * lock, and must not stop a server for ever. */
int kernel_lock_directory(struct sys *sys, const char *path)
{
    int fd = kernel_open_directory(sys, path);
    if (fd < 0)
        return fd;
    int64_t deadline_ns = time_after(sys->monotonic_ns(sys), SYS_LOCK_PATIENCE_NS);
    int rc;
    while ((rc = kernel_lock(sys, fd)) == -EINTR ||
           (rc == -EWOULDBLOCK && sys->monotonic_ns(sys) < deadline_ns))
        (void)usleep(1000); /* cut short: asked once more */
    if (rc == 0)
        return fd;
    (void)close(fd); /* nothing was written through it */
    return rc == -EWOULDBLOCK ? -EBUSY : rc;
}

int kernel_truncate(struct sys *sys, int fd, int64_t size)
{
    (void)sys;
    return answer(ftruncate(fd, size));
}

int kernel_rename(struct sys *sys, const char *from, const char *to)
{
    (void)sys;
    return answer(rename(from, to));
}

static enum sys_file_kind kind_of(mode_t mode)
{
    if (S_ISREG(mode))
        return SYS_FILE_REGULAR;
    return S_ISSOCK(mode) ? SYS_FILE_SOCKET : SYS_FILE_OTHER;
}

static void describe(const struct stat *file, struct sys_file_info *info)
{
    *info = (struct sys_file_info){.kind = kind_of(file->st_mode),
                                   .size = file->st_size,
                                   .device = file->st_dev,
                                   .inode = file->st_ino};
}

int kernel_path_info(struct sys *sys, const char *path, struct sys_file_info *info)
{
    (void)sys;
    struct stat file;
    *info = (struct sys_file_info){.kind = SYS_FILE_NONE};
    if (lstat(path, &file) < 0)
        return errno == ENOENT ? 0 : -errno;
    describe(&file, info);
    return 0;
}

int kernel_file_info(struct sys *sys, int fd, struct sys_file_info *info)
{
    (void)sys;
    struct stat file;
    if (fstat(fd, &file) < 0)
        return -errno;
    describe(&file, info);
    return 0;
}

/* --- syncs that do not block --------------------------------------------------------------- */

/* glibc has no functions for these. */
static int aio_setup(unsigned events, aio_context_t *context)
{
    return answer((int)syscall(SYS_io_setup, events, context));
}

static int aio_take(aio_context_t context, long least, struct io_event *event)
{
    struct timespec no_time = {0};
    return answer(
        (int)syscall(SYS_io_getevents, context, least, 1L, event, least ? NULL : &no_time));
}

/* Submits a sync of `fd`, whose end is reported to the eventfd `report`, -1: to none. */
static int aio_sync(aio_context_t context, int fd, int report)
{
    struct iocb request = {.aio_lio_opcode = IOCB_CMD_FDSYNC, .aio_fildes = (unsigned)fd};
    struct iocb *requests[] = {&request};
    if (report >= 0) {
        request.aio_flags = IOCB_FLAG_RESFD;
        request.aio_resfd = (unsigned)report;
    }
    int submitted = answer((int)syscall(SYS_io_submit, context, 1L, requests));
    return submitted < 0 ? submitted : 0;
}

static struct sync *find_sync(int fd)
{
    for (size_t i = 0; i < SYNCS_MAX; i++)
        if (syncs[i].fd == fd)
            return &syncs[i];
    return NULL;
}

void kernel_sync_close(int fd)
{
    struct sync *sync = fd > 0 ? find_sync(fd) : NULL;
    if (!sync)
        return;
    (void)syscall(SYS_io_destroy, sync->context); /* fails only for what is no context */
    *sync = (struct sync){0};
}

/* A whole sync, waited for: what a kernel refuses late is refused here. */
static int try_sync(aio_context_t context, int fd)
{
    struct io_event event;
    int rc = aio_sync(context, fd, -1);
    if (rc < 0)
        return rc;
    rc = aio_take(context, 1, &event);
    return rc < 0 ? rc : (int)event.res;
}

int kernel_sync_open(struct sys *sys, int fd)
{
    (void)sys;
    struct sync *free_place = find_sync(0);
    aio_context_t context = 0;
    int rc = free_place ? aio_setup(1, &context) : -EMFILE;
    if (rc < 0)
        return rc;
    rc = try_sync(context, fd);
    if (rc < 0)
        goto destroy;
    rc = answer(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (rc < 0)
        goto destroy;
    *free_place = (struct sync){.fd = rc, .context = context};
    return rc;

destroy:
    (void)syscall(SYS_io_destroy, context); /* fails only for what is no context */
    return rc;
}

int kernel_sync_start(struct sys *sys, int fd, int file)
{
    (void)sys;
    const struct sync *sync = find_sync(fd);
    assert(sync && "sync_start takes a descriptor of sync_open");
    return aio_sync(sync->context, file, fd);
}

int kernel_sync_result(struct sys *sys, int fd)
{
    (void)sys;
    const struct sync *sync = find_sync(fd);
    assert(sync && "sync_result takes a descriptor of sync_open");
    struct io_event event;
    uint64_t ends;
    ssize_t got = read(fd, &ends, sizeof(ends)); /* the next end is news again */
    int count = aio_take(sync->context, 0, &event);
    if (count <= 0)
        return count < 0 ? count : -EAGAIN;
    (void)got; /* -EAGAIN if the end came since: then it is reported once more, in vain */
    return (int)event.res;
}
