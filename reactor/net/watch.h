/*
 * watch: wait for a descriptor that somebody else reads and writes.
 *
 * A library may have a descriptor of its own (a database client, a pipe, a
 * terminal). A watch waits for it; the program, or that library, reads and
 * writes it. The descriptor stays theirs and must be non-blocking.
 *
 *     watch_open(&self->watch, loop, fd);
 *     for (;;) {
 *         TASK_AWAIT(self->rc, watch_wait(task, &self->watch, SYS_READABLE));
 *         if (self->rc < 0)
 *             break;
 *         if (library_reads(fd) == -EAGAIN)
 *             watch_exhausted(&self->watch, SYS_READABLE);
 *     }
 *     watch_close(&self->watch);
 *
 * Readiness is a level: it lasts until watch_exhausted. Call that only after the
 * kernel has answered EAGAIN, because no second event reports what is still
 * there. Close the watch before the descriptor.
 */
#ifndef REACTOR_NET_WATCH_H
#define REACTOR_NET_WATCH_H

#include "reactor/task/task.h"

struct watch {
    struct descriptor descriptor;
    struct loop *loop;
    struct wait_list waiting;
};

/* Watches `fd`, which stays the caller's. Returns 0 or -errno (-EPERM: a regular file is always
 * ready, and can't be watched). */
int watch_open(struct watch *watch, struct loop *loop, int fd);

/* Stops watching. Nobody may be waiting. Harmless on a watch that is closed. */
void watch_close(struct watch *watch);

/* Waits until the descriptor is ready for one of `wanted` (SYS_READABLE, SYS_WRITABLE, SYS_URGENT,
 * or-ed), or has hung up or failed. Returns which of these it is, enum sys_ready or-ed; -ECANCELED
 * or -ETIMEDOUT. Several tasks may wait. May suspend. */
TASK_AWAITABLE int watch_wait(struct task *task, struct watch *watch, uint32_t wanted);

/* The kernel answered EAGAIN: the descriptor is no longer ready for `bits`. */
void watch_exhausted(struct watch *watch, uint32_t bits);

#endif
