#include "reactor/task/file_sync.h"

#include <assert.h>
#include <errno.h>

/* The note phase: takes the result, so that the descriptor may report the next end. */
static void note_end(struct descriptor *descriptor)
{
    struct file_sync *sync = container_of(descriptor, struct file_sync, descriptor);
    struct sys *sys = sync->loop->sys;
    descriptor->ready = 0;
    if (!sync->under_way)
        return;
    int result = sys->sync_result(sys, descriptor->fd);
    if (result == -EAGAIN)
        return; /* the descriptor is also always writable */
    sync->under_way = false;
    sync->result = result;
    wait_list_wake_all(&sync->waiting);
}

int file_sync_open(struct file_sync *sync, struct loop *loop, int fd)
{
    struct sys *sys = loop->sys;
    *sync = (struct file_sync){.loop = loop, .descriptor.fd = -1};
    wait_list_init(&sync->waiting);
    int made = sys->sync_open(sys, fd);
    if (made < 0)
        return made;
    int rc = loop_watch(loop, &sync->descriptor, made, note_end);
    if (rc < 0)
        (void)sys->close(sys, made); /* nothing was done with it */
    return rc;
}

void file_sync_close(struct file_sync *sync)
{
    if (sync->loop)
        loop_close(sync->loop, &sync->descriptor);
    sync->under_way = false;
}

/* Begins a sync of this task's own, after one that a cancelled wait has left. */
static int begin(struct task *task, struct file_sync *sync, int fd)
{
    struct sys *sys = sync->loop->sys;
    int rc = task_wait(task, &sync->waiting, !sync->under_way);
    if (rc != 0)
        return rc;
    rc = sys->sync_start(sys, sync->descriptor.fd, fd);
    if (rc < 0)
        return rc;
    sync->under_way = true;
    sync->task = task;
    return 0;
}

int file_sync_wait(struct task *task, struct file_sync *sync, int fd)
{
    assert(task);
    assert((!sync->task || sync->task == task) && "one task at a time waits for a sync");
    int rc = sync->task == task ? 0 : begin(task, sync, fd);
    if (rc != 0)
        return rc;
    rc = task_wait(task, &sync->waiting, !sync->under_way);
    if (rc == TASK_PENDING)
        return rc;
    sync->task = NULL;
    return rc < 0 ? rc : sync->result;
}
