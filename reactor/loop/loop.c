#include "reactor/loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int loop_init(struct loop *loop, struct sys *sys)
{
    int poll = sys->poll_open(sys);
    if (poll < 0)
        return poll;
    *loop = (struct loop){.sys = sys, .poll = poll, .now_ns = sys->monotonic_ns(sys)};
    loop->read_budget_bytes = LOOP_READ_BUDGET_BYTES;
    debug_init(&loop->debug, sys->environment(sys, "REACTOR_DEBUG"));
    list_init(&loop->first);
    list_init(&loop->ready);
    list_init(&loop->reap);
    list_init(&loop->hooks);
    wheel_init(&loop->wheel, loop->now_ns);
    return 0;
}

void loop_release(struct loop *loop)
{
    assert(loop->descriptor_count == 0);
    assert(list_empty(&loop->hooks));
    loop->sys->release(loop->sys, loop->descriptors);
    (void)loop->sys->close(loop->sys, loop->poll); /* nothing to lose in it */
    loop->poll = -1;
}

/* How long the wait phase may sleep. */
static int64_t patience_ns(const struct loop *loop)
{
    if (loop->flush_pending || !list_empty(&loop->first) || !list_empty(&loop->ready))
        return 0;
    int64_t next_ns = wheel_next(&loop->wheel);
    if (next_ns == TIME_NEVER)
        return TIME_NEVER;
    /* The callbacks of the last turn took time, so ask the clock and not the turn. */
    int64_t now_ns = loop->sys->monotonic_ns(loop->sys);
    return next_ns > now_ns ? next_ns - now_ns : 0;
}

/* Who has the number `fd`, or NULL. */
static struct descriptor *descriptor_at(const struct loop *loop, size_t fd)
{
    return fd < loop->descriptor_places ? loop->descriptors[fd] : NULL;
}

/* Believes an event only if the descriptor it was registered for is still the one in the table. */
static void note_event(struct loop *loop, const struct sys_event *event)
{
    size_t fd = event->key & UINT32_MAX;
    uint32_t generation = (uint32_t)(event->key >> 32);
    struct descriptor *descriptor = descriptor_at(loop, fd);
    if (!descriptor || descriptor->generation != generation)
        return;
    descriptor->ready |= event->ready;
    descriptor->notify(descriptor);
}

/* Due timers become ready callbacks, in the order of their deadlines. */
static void expire_timers(struct loop *loop)
{
    struct list expired;
    list_init(&expired);
    wheel_advance(&loop->wheel, loop->now_ns, &expired);
    for (struct list *node; (node = list_pop(&expired));)
        loop_call_soon(loop, &container_of(node, struct timer, wheel.node)->callback);
}

/* The one place where user code is called from, and so the one where its slowness is timed. */
static void run_callback(struct loop *loop, struct callback *callback)
{
    if (!loop->debug.enabled) {
        callback->run(callback);
        return;
    }
    assert(callback->name && "a callback has a name");
    const struct site *where = callback->where;
    /* Copied, for what the reap phase calls may free the callback and its name. */
    char name[DEBUG_NAME_BYTES];
    size_t length = strnlen(callback->name, sizeof(name) - 1);
    memcpy(name, callback->name, length);
    name[length] = '\0';
    int64_t begun_ns = loop->sys->monotonic_ns(loop->sys);
    callback->run(callback);
    int64_t took_ns = loop->sys->monotonic_ns(loop->sys) - begun_ns;
    debug_judge(&loop->debug, name, where, took_ns);
}

/* Runs what is on `from` now; what is added meanwhile stays for the next time. Returns whether
 * there was anything. */
static bool run_batch(struct loop *loop, struct list *from)
{
    struct list batch;
    list_init(&batch);
    list_splice(from, &batch);
    bool any = !list_empty(&batch);
    for (struct list *node; (node = list_pop(&batch));)
        run_callback(loop, container_of(node, struct callback, node));
    return any;
}

static bool run_hooks(struct loop *loop)
{
    bool more = false;
    list_for_each_safe(node, &loop->hooks) {
        struct hook *hook = container_of(node, struct hook, node);
        if (hook->run(hook))
            more = true;
    }
    return more;
}

int loop_run_once(struct loop *loop)
{
    struct sys_event events[LOOP_EVENTS_MAX];
    assert(!loop->in_turn && "a turn is not run inside a callback");

    /* 1. Wait for the kernel, no longer than the next timer. */
    int count =
        loop->sys->poll_wait(loop->sys, loop->poll, events, LOOP_EVENTS_MAX, patience_ns(loop));
    if (count < 0)
        return count;
    loop->now_ns = loop->sys->monotonic_ns(loop->sys);
    loop->turn++;
    loop->in_turn = true;
    loop->read_budget_bytes = LOOP_READ_BUDGET_BYTES;

    /* 2. Note what is ready: levels are set and callbacks made ready, nothing runs. */
    for (int i = 0; i < count; i++)
        note_event(loop, &events[i]);

    /* 3. Expire timers: their callbacks go behind those of the events. */
    expire_timers(loop);

    /* 4. Run the batch that is ready now. */
    list_splice(&loop->ready, &loop->first);
    (void)run_batch(loop, &loop->first);

    /* 5. Flush: what the batch produced goes out, a slice of it at a time. */
    loop->flush_pending = run_hooks(loop);

    /* 6. Reap: what ended is freed now that nobody can hold a pointer to it any more. Whatever that
     * produced, a farewell to send perhaps, is for the next flush, which must not be slept over. */
    if (run_batch(loop, &loop->reap))
        loop->flush_pending = true;
    loop->in_turn = false;
    return 0;
}

void loop_call_first(struct loop *loop, struct callback *callback)
{
    list_remove(&callback->node);
    list_append(&callback->node, &loop->first);
}

void loop_call_at(struct loop *loop, struct timer *timer, int64_t at_ns)
{
    list_remove(&timer->callback.node);
    wheel_start(&loop->wheel, &timer->wheel, at_ns);
}

void loop_stop(struct loop *loop, struct timer *timer)
{
    wheel_stop(&loop->wheel, &timer->wheel);
    list_remove(&timer->callback.node);
}

void loop_reap(struct loop *loop, struct callback *callback)
{
    assert(!list_linked(&callback->node));
    list_append(&callback->node, &loop->reap);
}

void loop_add_hook(struct loop *loop, struct hook *hook)
{
    list_append(&hook->node, &loop->hooks);
}

void loop_remove_hook(struct hook *hook)
{
    list_remove(&hook->node);
}

/* Makes the places up to `fd` part of the table that is looked at. */
static void clear_places(struct loop *loop, size_t fd)
{
    while (loop->descriptor_places <= fd)
        loop->descriptors[loop->descriptor_places++] = NULL;
}

/* Makes `fd` a place in the table. Only places in use are written to: pages of a table that has
 * just doubled cost nothing before they are. */
static int reserve_descriptor(struct loop *loop, size_t fd)
{
    if (fd < loop->descriptor_capacity) {
        clear_places(loop, fd);
        return 0;
    }
    size_t capacity = loop->descriptor_capacity ? loop->descriptor_capacity : 64;
    while (capacity <= fd)
        capacity *= 2;
    struct descriptor **grown =
        loop->sys->resize(loop->sys, loop->descriptors, capacity * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    loop->descriptors = grown;
    loop->descriptor_capacity = capacity;
    clear_places(loop, fd);
    return 0;
}

int loop_watch(struct loop *loop, struct descriptor *descriptor, int fd,
               void (*notify)(struct descriptor *descriptor))
{
    assert(fd >= 0);
    assert(notify);
    *descriptor = (struct descriptor){.fd = -1};
    int rc = reserve_descriptor(loop, (size_t)fd);
    if (rc < 0)
        return rc;
    uint32_t generation = ++loop->generation;
    rc = loop->sys->poll_add(loop->sys, loop->poll, fd, (uint64_t)generation << 32 | (unsigned)fd);
    if (rc < 0)
        return rc;
    assert(!loop->descriptors[fd]);
    *descriptor = (struct descriptor){.fd = fd, .generation = generation, .notify = notify};
    loop->descriptors[fd] = descriptor;
    loop->descriptor_count++;
    return 0;
}

int loop_forget(struct loop *loop, struct descriptor *descriptor)
{
    int fd = descriptor->fd;
    if (fd < 0)
        return fd;
    assert(loop->descriptors[fd] == descriptor);
    loop->descriptors[fd] = NULL;
    loop->descriptor_count--;
    descriptor->fd = -1;
    descriptor->ready = 0;
    return fd;
}

void loop_adopt(struct loop *loop, struct descriptor *to, struct descriptor *from,
                void (*notify)(struct descriptor *descriptor))
{
    assert(loop->descriptors[from->fd] == from);
    *to = *from;
    to->notify = notify;
    loop->descriptors[to->fd] = to;
    *from = (struct descriptor){.fd = -1};
}

void loop_close(struct loop *loop, struct descriptor *descriptor)
{
    int fd = loop_forget(loop, descriptor);
    /* A failing close() still closes on Linux, close(2), and there is nobody left to tell. */
    if (fd >= 0)
        (void)loop->sys->close(loop->sys, fd);
}
