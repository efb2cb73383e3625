/*
 * file_sync: wait until what was written to a file is on the disk.
 *
 * fsync(2) blocks for as long as the disk takes, and the loop with it. This is
 * an awaitable: the kernel syncs in the background (io_submit(2), through the
 * door) and reports the end to a descriptor that the loop watches.
 *
 *      struct file_sync sync;
 *      int rc = file_sync_open(&sync, loop, fd);         at the start; may block
 *      ...
 *      TASK_AWAIT(self->rc, file_sync_wait(task, &sync, fd));
 *
 * A sync covers what was written before it began. After a failed one the
 * kernel may call the lost pages clean, so the next one's success proves
 * nothing: write the file anew.
 */
#ifndef REACTOR_TASK_FILE_SYNC_H
#define REACTOR_TASK_FILE_SYNC_H

#include "reactor/task/task.h"

struct file_sync {
    struct descriptor descriptor;
    struct loop *loop;
    bool under_way; /* the kernel syncs; the file may block whoever writes to it */
    int result; /* of the last one that ended: 0 or -errno */
    struct task *task; /* waits for the sync it began; NULL: none does */
    struct wait_list waiting; /* at most that task */
};

/* Makes one, after a first sync of `fd` that blocks. Returns 0, or -errno: this kernel or this file
 * system has no such sync (-ENOSYS, -EINVAL, -EPERM ...), or there is no memory or descriptor. */
int file_sync_open(struct file_sync *sync, struct loop *loop, int fd);

/* Ends it; blocks while a sync is under way. Nobody may be waiting. Harmless if it is not open. */
void file_sync_close(struct file_sync *sync);

/* Begins a sync of `fd`, which is any file or folder, and waits for its end; one task at a time.
 * Returns 0; the sync's -errno; -ECANCELED or -ETIMEDOUT: the sync then goes on, and the next call
 * waits for its end before it begins its own. May suspend. */
TASK_AWAITABLE int file_sync_wait(struct task *task, struct file_sync *sync, int fd);

#endif
