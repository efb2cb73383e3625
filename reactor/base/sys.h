/*
 * sys: the door to the kernel.
 *
 * Every system call, every look at a clock and every allocation of the library
 * and of what is built on it goes through one table of functions. Two tables
 * exist: sys_kernel() is the real one, sim.h the simulated one; a loop is given
 * its door when it is made and never asks which it is. That is what makes the
 * whole server testable: the clock jumps, the network is memory, and the Nth
 * call fails because a test said so.
 *
 * Every function returns 0, a count or a descriptor, or -errno; none sets
 * errno for its caller. Interrupted calls (EINTR) are repeated behind the door,
 * but for poll_wait, which then reports 0 events. Descriptors are always
 * non-blocking and close-on-exec. None of these may suspend a task.
 */
#ifndef REACTOR_BASE_SYS_H
#define REACTOR_BASE_SYS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "reactor/base/clock.h"

/* Where a socket is or whom it is connected to: IPv4, IPv6 or a unix path. */
struct sys_address {
    socklen_t length; /* bytes of `storage` that count; 0: none */
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un local;
    };
};

/* What poll_wait says of a descriptor; several may be set at once. */
enum sys_ready {
    SYS_READABLE = 1, /* data, a connection to accept, or end of input */
    SYS_WRITABLE = 2,
    SYS_HANGUP = 4, /* the peer sends no more, or the connection is gone (RDHUP, HUP) */
    SYS_ERROR = 8,
    SYS_URGENT = 16 /* urgent data has come: a read ends short of it, tcp(7) */
};

struct sys_event {
    uint64_t key; /* as given to poll_add */
    uint32_t ready; /* enum sys_ready, or-ed */
};

enum sys_file_kind { SYS_FILE_NONE, SYS_FILE_REGULAR, SYS_FILE_SOCKET, SYS_FILE_OTHER };

/* What a name or a descriptor stands for. Two are the same file if device and inode are equal. */
struct sys_file_info {
    enum sys_file_kind kind; /* SYS_FILE_NONE: the name does not exist; the rest is then 0 */
    int64_t size;
    uint64_t device;
    uint64_t inode;
};

/* How long lock_directory waits for another holder: a start holds the lock for microseconds. */
#define SYS_LOCK_PATIENCE_NS (1000 * NS_PER_MS)

/* What the kernel knows of a TCP peer that has not acknowledged everything: TCP_INFO, tcp(7). */
struct sys_peer_state {
    uint32_t unacked_segments; /* sent to it and not acknowledged */
    uint32_t probes; /* of its window, which is shut, that it has not answered */
    int64_t silent_ns; /* since it last acknowledged anything */
};

/* The most segments that one sendmsg takes. */
#define SYS_SEGMENTS_MAX 64

struct sys {
    /* Memory. `size` > 0; NULL where there is none. resize keeps the old block when it fails. */
    void *(*allocate)(struct sys *sys, size_t size);
    void *(*resize)(struct sys *sys, void *block, size_t size);
    void (*release)(struct sys *sys, void *block); /* NULL is fine */
    size_t (*held_bytes)(struct sys *sys); /* in all blocks that were not released */

    /* Clocks: the one that only goes forward, and the wall's (since 1970, UTC). */
    int64_t (*monotonic_ns)(struct sys *sys);
    int64_t (*realtime_ns)(struct sys *sys);

    /* Readiness: epoll(7), edge-triggered, both directions, registered once; close() deregisters.
     * poll_wait sleeps for `timeout_ns` and not less, unless something is ready (TIME_NEVER: no
     * limit; 0: not at all; rounded up to milliseconds on kernels before Linux 5.11, which have no
     * epoll_pwait2). It returns how many of `events` it filled. */
    int (*poll_open)(struct sys *sys);
    int (*poll_add)(struct sys *sys, int poll, int fd, uint64_t key);
    int (*poll_wait)(struct sys *sys, int poll, struct sys_event *events, int max_events,
                     int64_t timeout_ns);

    /* Signals, as signalfd(2) does it: the set is blocked for the process and read from the
     * descriptor. signals_read returns the next signal's number, or -EAGAIN. signals_close also
     * restores the mask that was in force before. */
    int (*signals_open)(struct sys *sys, const sigset_t *set);
    int (*signals_read)(struct sys *sys, int fd);
    void (*signals_close)(struct sys *sys, int fd);
    void (*signals_restore)(struct sys *sys); /* the mask only, for a child after fork(2) */

    /* Sockets: stream sockets only. bind_path binds a unix socket, and its file has exactly `mode`
     * from the first moment on. accept fills in `peer`. A connect under way is -EINPROGRESS. */
    int (*socket)(struct sys *sys, int family);
    int (*bind)(struct sys *sys, int fd, const struct sys_address *address);
    int (*bind_path)(struct sys *sys, int fd, const struct sys_address *address, mode_t mode);
    int (*listen)(struct sys *sys, int fd, int backlog);
    int (*accept)(struct sys *sys, int fd, struct sys_address *peer);
    int (*connect)(struct sys *sys, int fd, const struct sys_address *address);
    ssize_t (*receive)(struct sys *sys, int fd, void *buffer, size_t size);
    ssize_t (*send)(struct sys *sys, int fd, const void *data, size_t size);
    ssize_t (*send_segments)(struct sys *sys, int fd, const struct iovec *segments, int count);
    int (*shutdown_write)(struct sys *sys, int fd);
    int (*reset_on_close)(struct sys *sys,
                          int fd); /* close() sends a reset: SO_LINGER, socket(7) */
    int (*unsent)(struct sys *sys, int fd); /* bytes not yet acknowledged: SIOCOUTQ, tcp(7) */
    int (*peer_state)(struct sys *sys, int fd, struct sys_peer_state *state); /* TCP alone */
    int (*set_option)(struct sys *sys, int fd, int level, int option, int value);
    int (*get_option)(struct sys *sys, int fd, int level, int option, int *value);
    int (*local_address)(struct sys *sys, int fd, struct sys_address *address);
    int (*peer_user)(struct sys *sys, int fd, uid_t *uid); /* SO_PEERCRED, unix(7) */

    /* A descriptor that any thread can make readable, eventfd(2). wakeup_raise may be called from
     * any thread and from signal handlers. wakeup_take makes it unreadable again: 0, or -EAGAIN if
     * it was not raised. */
    int (*wakeup_open)(struct sys *sys);
    void (*wakeup_raise)(struct sys *sys, int fd);
    int (*wakeup_take)(struct sys *sys, int fd);

    /* Makes `fd`, which another program opened, what descriptors are here: non-blocking and
     * close-on-exec. -EBADF if it isn't open. */
    int (*inherit)(struct sys *sys, int fd);

    /* Files: small and local, so they may block for as long as a disk takes. open_read opens for
     * reading, open_write creates and truncates with mode 0600. takes waits `timeout_ns` at most
     * (rounded up) until a write of up to PIPE_BUF bytes to a pipe would not block, or would fail:
     * poll(2). It answers 1, or 0 if that time is over; of a disk it always answers 1. */
    int (*open_read)(struct sys *sys, const char *path);
    int (*open_write)(struct sys *sys, const char *path);
    ssize_t (*read)(struct sys *sys, int fd, void *buffer, size_t size);
    int (*takes)(struct sys *sys, int fd, int64_t timeout_ns);
    ssize_t (*write)(struct sys *sys, int fd, const void *data, size_t size);
    int (*unlink)(struct sys *sys, const char *path);
    int (*close)(struct sys *sys, int fd);

    /* Files that last. open_update opens a file for reading from its start and for appending, and
     * makes it (mode 0600) if the name is free; with `fresh` the name must be free (-EEXIST).
     * open_directory opens the folder that holds `path`, to lock it or to sync it. lock takes the
     * file for this process, flock(2); -EWOULDBLOCK if another has it. lock_directory opens and
     * locks that folder until the descriptor is closed, and waits for the lock; -EBUSY after
     * SYS_LOCK_PATIENCE_NS. path_info does not follow a symbolic link. */
    int (*open_update)(struct sys *sys, const char *path, bool fresh);
    int (*open_directory)(struct sys *sys, const char *path);
    int (*lock)(struct sys *sys, int fd);
    int (*lock_directory)(struct sys *sys, const char *path);
    int (*truncate)(struct sys *sys, int fd, int64_t size);
    int (*rename)(struct sys *sys, const char *from, const char *to);
    int (*path_info)(struct sys *sys, const char *path, struct sys_file_info *info);
    int (*file_info)(struct sys *sys, int fd, struct sys_file_info *info);

    /* Syncs that do not block: io_submit(2) with IOCB_CMD_FSYNC. sync_open makes a descriptor that
     * becomes readable when a sync has ended, after a first sync of `fd` (a file or a folder) that
     * blocks: -errno if the kernel or the file system can't do it. sync_start begins one, of
     * everything written to `fd` so far; at most one at a time for each descriptor of sync_open.
     * sync_result takes its end: 0, the sync's -errno, or -EAGAIN while it is under way. close()
     * waits for one under way. */
    int (*sync_open)(struct sys *sys, int fd);
    int (*sync_start)(struct sys *sys, int sync, int fd);
    int (*sync_result)(struct sys *sys, int sync);

    /* The process. environment returns a variable's value, NULL if it is not set. signal_ignored
     * tells whether the process ignores a signal, as under nohup(1). descriptor_limit raises the
     * soft limit to the hard one and returns it (at most INT_MAX). random fills the buffer from the
     * kernel's generator. */
    const char *(*environment)(struct sys *sys, const char *name);
    bool (*signal_ignored)(struct sys *sys, int number);
    int (*descriptor_limit)(struct sys *sys);
    int (*random)(struct sys *sys, void *buffer, size_t size);

    /* Looks `host` up (NULL: every address) for listening or connecting; fills at most `max` of
     * `addresses` and returns how many, or -errno (-ENOENT: no such host). May block: for the start
     * of a program only. */
    int (*resolve)(struct sys *sys, const char *host, uint16_t port, struct sys_address *addresses,
                   int max);
};

/* The real door. One for the process; owns nothing, never fails, is never released. */
struct sys *sys_kernel(void);

/* Room for any address as sys_address_format writes it: a unix path, or [v6%scope]:port. */
#define SYS_ADDRESS_TEXT 128

/* Writes `address` as people write it (127.0.0.1:7777, [::1]:7777, unix:/run/chatd) into `text`. */
void sys_address_format(const struct sys_address *address, char text[SYS_ADDRESS_TEXT]);

/* The port of an IPv4 or IPv6 address. */
uint16_t sys_address_port(const struct sys_address *address);
void sys_address_set_port(struct sys_address *address, uint16_t port);

/* Makes a unix address of `path`; -ENAMETOOLONG where it doesn't fit (107 bytes at most). */
int sys_address_local(struct sys_address *address, const char *path);

#endif
