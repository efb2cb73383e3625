#include "reactor/loop/signals.h"

static void notify(struct descriptor *descriptor)
{
    struct signals *signals = container_of(descriptor, struct signals, descriptor);
    loop_call_soon(signals->loop, &signals->callback);
}

/* The number of the next pending signal, or 0. */
static int next_signal(struct signals *signals)
{
    struct sys *sys = signals->loop->sys;
    int number = sys->signals_read(sys, signals->descriptor.fd);
    if (number > 0)
        return number;
    signals->descriptor.ready = 0;
    return 0;
}

/* How often signals were closed: the process has one mask, so one struct signals is open at
 * most. */
static unsigned closed_count;

/* `on_signal` may close `signals` and free its memory, so only the count is looked at after it. */
static void run(struct callback *callback)
{
    struct signals *signals = container_of(callback, struct signals, callback);
    unsigned before = closed_count;
    for (int number; closed_count == before && (number = next_signal(signals)) > 0;)
        signals->on_signal(signals, number);
}

int signals_open(struct signals *signals, struct loop *loop, const char *name, const sigset_t *set,
                 void (*on_signal)(struct signals *signals, int number))
{
    *signals = (struct signals){.on_signal = on_signal};
    signals->callback = (struct callback){.run = run, .name = name};
    int fd = loop->sys->signals_open(loop->sys, set);
    if (fd < 0)
        return fd;
    int rc = loop_watch(loop, &signals->descriptor, fd, notify);
    if (rc < 0) {
        loop->sys->signals_close(loop->sys, fd);
        return rc;
    }
    signals->loop = loop;
    return 0;
}

void signals_close(struct signals *signals)
{
    struct loop *loop = signals->loop;
    if (!loop)
        return;
    int fd = loop_forget(loop, &signals->descriptor);
    loop->sys->signals_close(loop->sys, fd);
    list_remove(&signals->callback.node);
    signals->loop = NULL;
    closed_count++;
}

void signals_restore_mask(const struct signals *signals)
{
    struct loop *loop = signals->loop;
    if (loop)
        loop->sys->signals_restore(loop->sys);
}
