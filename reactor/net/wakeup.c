#include "reactor/net/wakeup.h"

#include <assert.h>
#include <stdatomic.h>

static void notify(struct descriptor *descriptor)
{
    wait_list_wake_first(&container_of(descriptor, struct wakeup, descriptor)->waiting);
}

int wakeup_open(struct wakeup *wakeup, struct loop *loop)
{
    struct sys *sys = loop->sys;
    wakeup->loop = loop;
    wakeup->descriptor.fd = -1;
    wait_list_init(&wakeup->waiting);
    int fd = sys->wakeup_open(sys);
    if (fd < 0)
        return fd;
    int rc = loop_watch(loop, &wakeup->descriptor, fd, notify);
    if (rc < 0)
        (void)sys->close(sys, fd); /* nothing was raised */
    return rc;
}

void wakeup_close(struct wakeup *wakeup)
{
    assert(list_empty(&wakeup->waiting.tasks) && "nobody waits for a wakeup that is closed");
    loop_close(wakeup->loop, &wakeup->descriptor);
}

void wakeup_raise(struct wakeup *wakeup)
{
    struct sys *sys = wakeup->loop->sys;
    atomic_thread_fence(memory_order_release);
    sys->wakeup_raise(sys, wakeup->descriptor.fd);
}

/* Takes back what was raised. The level is cleared first: whoever raises after the read makes an
 * event of its own. */
static bool take(struct wakeup *wakeup)
{
    struct sys *sys = wakeup->loop->sys;
    wakeup->descriptor.ready = 0;
    bool raised = sys->wakeup_take(sys, wakeup->descriptor.fd) == 0;
    atomic_thread_fence(memory_order_acquire);
    return raised;
}

int wakeup_wait(struct task *task, struct wakeup *wakeup)
{
    bool may_take = (wakeup->descriptor.ready & SYS_READABLE) && !task_cancelled(task) &&
                    wait_list_is_next(&wakeup->waiting, task);
    return task_wait(task, &wakeup->waiting, may_take && take(wakeup));
}
