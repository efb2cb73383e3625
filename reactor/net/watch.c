#include "reactor/net/watch.h"

#include <assert.h>

static void notify(struct descriptor *descriptor)
{
    wait_list_wake_all(&container_of(descriptor, struct watch, descriptor)->waiting);
}

int watch_open(struct watch *watch, struct loop *loop, int fd)
{
    watch->loop = loop;
    wait_list_init(&watch->waiting);
    return loop_watch(loop, &watch->descriptor, fd, notify);
}

void watch_close(struct watch *watch)
{
    assert(list_empty(&watch->waiting.tasks) && "nobody waits for a watch that is closed");
    (void)loop_forget(watch->loop, &watch->descriptor); /* the number is its owner's */
}

int watch_wait(struct task *task, struct watch *watch, uint32_t wanted)
{
    uint32_t ready = watch->descriptor.ready & (wanted | SYS_HANGUP | SYS_ERROR);
    int rc = task_wait(task, &watch->waiting, ready);
    return rc == 0 ? (int)ready : rc;
}

void watch_exhausted(struct watch *watch, uint32_t bits)
{
    watch->descriptor.ready &= ~bits;
}
