/*
 * loop: one turn after another.
 *
 * A turn waits for the kernel, notes what is ready, expires timers, runs the
 * batch of callbacks that is ready now, flushes and reaps; loop_run_once() is
 * that list in code. All user code is a struct callback and is called from one
 * place. What a callback makes ready runs in the next turn, so a chain of
 * callbacks can't starve the kernel, and while anything is ready the wait is 0.
 *
 *      wait ---> note ---> expire ---> run ---> flush ---> reap
 *       ^        events    timers      batch    hooks      ended      |
 *       +-------------------------------------------------------------+
 *
 * A loop owns its poll descriptor, its wheel and a table of descriptors that
 * grows with use. It owns none of the callbacks, timers, descriptors and hooks:
 * they are members of their users' structs and must be taken off before these
 * go away. There is one thread, and nothing here may be called from a signal
 * handler. Nothing in this file knows what a task is.
 */
#ifndef REACTOR_LOOP_LOOP_H
#define REACTOR_LOOP_LOOP_H

#include "reactor/base/clock.h"
#include "reactor/base/list.h"
#include "reactor/base/sys.h"
#include "reactor/base/wheel.h"
#include "reactor/loop/debug.h"

/* Events taken from the kernel a turn: enough to be cheap, few enough that a turn stays short. */
#define LOOP_EVENTS_MAX 256

/* Bytes that all streams together may read in one turn. It bounds how far talkers can outrun the
 * flush that follows, and how long others wait. */
#define LOOP_READ_BUDGET_BYTES ((size_t)256 * 1024)

/* The one kind of thing that runs. A zeroed one with `run` and `name` set is ready for use. */
struct callback {
    struct list node; /* on one of the loop's lists, or on none */
    void (*run)(struct callback *callback); /* may free what holds it in the reap phase only */
    const char *name; /* for people; must live as long as the callback */
    const struct site *where; /* where a task is parked; NULL otherwise */
};

/* A callback with a time. */
struct timer {
    struct callback callback;
    struct wheel_timer wheel;
};

/*
 * A registered descriptor. `ready` is a level of our own: set by events, cleared only by its user,
 * when the kernel said EAGAIN. `notify` is called in the note phase with the new bits already in
 * `ready`: it may only make callbacks ready, it is no place for work.
 */
struct descriptor {
    int fd; /* -1 while not watched */
    uint32_t generation; /* an event with another generation is for an older user of the number */
    uint32_t ready; /* enum sys_ready, or-ed */
    void (*notify)(struct descriptor *descriptor);
};

/* Work for the end of every turn. Returns true while it has more to do: the next wait is then 0. */
struct hook {
    struct list node;
    bool (*run)(struct hook *hook);
};

struct loop {
    struct sys *sys;
    int64_t now_ns; /* read once a turn, after the wait */
    uint64_t turn; /* counts turns */
    size_t read_budget_bytes; /* what is left of this turn's */
    struct debug debug;

    /* Of the turn itself. */
    struct list first; /* callbacks for the next batch */
    struct list ready; /* the same, behind those */
    struct list reap; /* callbacks for the reap phase of this turn */
    struct list hooks;
    struct wheel wheel;
    bool flush_pending; /* a hook has more to do, or may have */
    bool in_turn; /* user code may be running: no turn may begin */

    /* Descriptors by number. */
    int poll;
    struct descriptor **descriptors;
    size_t descriptor_capacity;
    size_t descriptor_places; /* of these, the ones that were ever in use; the rest isn't written */
    size_t descriptor_count;
    uint32_t generation;
};

/* Life cycle. */

/* Makes a loop on the door `sys`. Debug mode follows REACTOR_DEBUG. Returns 0 or -errno. */
int loop_init(struct loop *loop, struct sys *sys);

/* Closes the poll descriptor and frees the table; every descriptor must be closed before. */
void loop_release(struct loop *loop);

/* One turn. Returns 0, or -errno if waiting for the kernel failed. Runs callbacks, and must not be
 * called by one: turns don't nest. */
int loop_run_once(struct loop *loop);

/* Callbacks and timers. None of these can fail. */

/* The instant `duration_ns` from now. It asks the clock, because `now_ns` is as old as the turn and
 * a duration counts from the call that states it. What is done for every line or message adds to
 * `now_ns` instead. */
static inline int64_t loop_after(const struct loop *loop, int64_t duration_ns)
{
    if (duration_ns <= 0)
        return loop->now_ns;
    if (duration_ns == TIME_NEVER)
        return TIME_NEVER;
    return time_after(loop->sys->monotonic_ns(loop->sys), duration_ns);
}

/* Runs `callback` in the next batch; once, however often it is asked. */
static inline void loop_call_soon(struct loop *loop, struct callback *callback)
{
    if (!list_linked(&callback->node))
        list_append(&callback->node, &loop->ready);
}

/* The same, before all that loop_call_soon is asked for, even if it is ready already: for one that
 * had to do without its share of this turn. In the order of the asking, so that all get theirs. */
void loop_call_first(struct loop *loop, struct callback *callback);

/* Runs `timer`'s callback at `at_ns` or as soon as possible after; never before. Starting a timer
 * that runs, or is due and in the next batch, moves it; TIME_NEVER stops it. */
void loop_call_at(struct loop *loop, struct timer *timer, int64_t at_ns);

/* The callback will not run: neither its time nor its place in a batch is kept. */
void loop_stop(struct loop *loop, struct timer *timer);

/* Runs `callback`, which must not be ready, in the reap phase of this turn: the place to free what
 * others may still hold a pointer to while the turn lasts. The next turn doesn't wait, so that what
 * this gives the hooks to do isn't left lying. */
void loop_reap(struct loop *loop, struct callback *callback);

/* Adds `hook` behind those that are there; they run in this order. */
void loop_add_hook(struct loop *loop, struct hook *hook);

/* Takes `hook` off; a hook may do this to itself. */
void loop_remove_hook(struct hook *hook);

/* Descriptors. */

/* Registers `fd`, once and for both directions; `descriptor` owns it from here. On failure (-errno)
 * the caller still owns `fd`, and `descriptor` isn't watched. */
int loop_watch(struct loop *loop, struct descriptor *descriptor, int fd,
               void (*notify)(struct descriptor *descriptor));

/* Takes the descriptor off the loop and returns its number, -1 where it isn't watched. The caller
 * owns that again and closes it: until then the kernel goes on to report its events, in vain. */
int loop_forget(struct loop *loop, struct descriptor *descriptor);

/* Makes `to` the one that watches what `from` does, with its readiness. `from` isn't watched
 * any more. Can't fail: nothing changes for the kernel. */
void loop_adopt(struct loop *loop, struct descriptor *to, struct descriptor *from,
                void (*notify)(struct descriptor *descriptor));

/* Closes the descriptor; events under way for it are dropped. Harmless where it isn't watched. */
void loop_close(struct loop *loop, struct descriptor *descriptor);

#endif
