/*
 * cleanup: what was acquired is released, in reverse.
 *
 * A cleanup is a stack of releases. Each acquisition that succeeded defers its
 * release; closing the cleanup, on whatever way out, runs them last first. The
 * records are members of the things acquired (or of the frame), so deferring
 * can't fail. Python's ExitStack; a `goto` ladder that outlives the function.
 *
 * cleanup_close is for releases that are done at once, in a task or outside of
 * any. A release that has to wait, for a server's last word say, is an
 * awaitable, and then the cleanup is left by cleanup_leave: AsyncExitStack.
 *
 *     TASK_AWAIT(self->rc, transfer(task, self));
 *     TASK_AWAIT(self->rc, cleanup_leave(task, &self->cleanup, self->rc));
 *     TASK_RETURN(self->rc);
 *
 * Here the part that acquires is a step of its own: it may return at any failure,
 * and there is one way out, which releases.
 *
 * Leaving is shielded, so a cancel of the task cuts it off at the cancel's deadline
 * and not before. It also runs in a cancel scope apart (task.h), so the scopes
 * around it, one of which may be why the cleanup is left, don't limit it. A release
 * that must end in time opens a scope of its own. Only a leak checker notices a
 * cleanup that is never left: a task does not know its cleanups, as it knows its
 * groups.
 */
#ifndef REACTOR_TASK_CLEANUP_H
#define REACTOR_TASK_CLEANUP_H

#include "reactor/task/task.h"

struct defer;

/* A release that may wait, an awaitable. `outcome` is how it went until here: 0 or more, or the
 * -errno of the stretch or of a release that ran before, which is why this one undoes instead of
 * completing. Returns 0, or the -errno that it failed with. */
typedef int cleanup_release(struct task *task, struct defer *defer, int outcome);

struct defer {
    struct defer *below; /* on the cleanup, or on its list of those that failed */
    void (*release)(struct defer *defer); /* NULL where it is `release_waiting` */
    cleanup_release *release_waiting;
    const char *name; /* of one that may wait, for people */
    int result; /* what that returned, valid once it failed */
};

/* Zeroed, it is open and empty. */
struct cleanup {
    struct defer *last;

    /* Of cleanup_leave. */
    struct defer
        *failed; /* whose releases failed, in that order; until the cleanup is left again */
    struct defer *releasing; /* the one at hand */
    struct cancel_scope scope; /* keeps the deadlines around it out */
    struct frame frame;
    int rc;
    int outcome;
};

/* Has `release` called with `defer` when the cleanup is closed or left, before all that was
 * deferred earlier. `defer` must stay where it is until then. A release may free the memory it
 * is in, and may defer another one. */
void cleanup_defer(struct cleanup *cleanup, struct defer *defer,
                   void (*release)(struct defer *defer));

/* The same for a release that may wait; `name` must live as long as `defer`. Where it fails, the
 * memory stays until whoever left the cleanup has looked at it. */
void cleanup_defer_waiting(struct cleanup *cleanup, struct defer *defer, const char *name,
                           cleanup_release *release);

/* Runs the releases, last first, and leaves the cleanup empty. None of them may be one that
 * waits. */
void cleanup_close(struct cleanup *cleanup);

/*
 * Runs the releases, last first, and leaves the cleanup empty. `outcome` is how the stretch went: 0
 * or more, or a -errno; it is taken from the first call. A release that fails keeps none from
 * running; it stands in cleanup->failed with its result. Returns the first error, of the stretch or
 * else of a release, or else `outcome`. A cancel that comes meanwhile is for the next await. May
 * suspend.
 */
TASK_AWAITABLE int cleanup_leave(struct task *task, struct cleanup *cleanup, int outcome);

#endif
