/*
 * task_group: who owns the tasks.
 *
 * Every task belongs to a group, and every group to the task that opened it; the
 * tree begins at the main task, which root.h runs. A group is closed by joining
 * it, and the join waits for every child. A task joins its groups before it
 * ends, so when a task has ended, all that it started has ended too. Python
 * calls this a TaskGroup, Trio a nursery.
 *
 *      main -- group "server" -+- task "listener 127.0.0.1:7777"
 *                              +- task "signals"
 *                              +- task "ann" -- group ...
 *
 * GROUP_FAIL_FAST is for children that work on one thing. The first child to
 * fail cancels its siblings, and all failures are kept for the owner. The body of
 * such a group, from the open to the join, is a cancel scope (task.h): from the
 * first failure on, every await of the owner answers -ECANCELED, in groups opened
 * in the body too. So an owner does not wait for a child that is dead. It leaves
 * its body and joins, and the join answers the failure. A shield that was put up
 * before the open does not hide this; one put up in the body does. Fail-fast
 * groups are joined in the reverse order of their opening.
 *
 * GROUP_CONTAIN is for children that are independent of each other, such as the
 * sessions of a server. Each end is reported to `on_end`, and the others live.
 *
 * Memory. A failed task is itself the record of its failure, so keeping that
 * can't run out of memory. A child's memory belongs to whoever spawned it, and may
 * be used again
 *   - if the group has a `release`: when that is called with it;
 *   - if not, and it failed in a fail-fast group: after the join, once nobody
 *     looks at the failures any more;
 *   - else as soon as `on_end` has returned.
 */
#ifndef REACTOR_TASK_TASK_GROUP_H
#define REACTOR_TASK_TASK_GROUP_H

#include "reactor/task/task.h"

enum group_policy { GROUP_FAIL_FAST, GROUP_CONTAIN };

struct task_group {
    struct task *owner; /* NULL for the root's */
    struct loop *loop;
    const char *name;
    enum group_policy policy;
    struct task_group *next; /* among the owner's groups */
    struct task_group *moves_to; /* of task_group_start: where a child goes when it is ready */
    struct cancel_scope body; /* of a fail-fast group that has an owner */

    /* Optional, set after task_group_open. `on_end` is called for each child that ended, in its
     * last batch; it may spawn. `release` is called for it later, in the reap phase, and may free
     * it. */
    void (*on_end)(struct task_group *group, struct task *task);
    void (*release)(struct task_group *group, struct task *task);

    /* The children. */
    struct list children; /* that live */
    struct list failures; /* that failed, in that order; empty if there is a `release` */
    size_t alive; /* children that have not ended, or not been released, or not come yet */
    int first_error; /* the first failure's -errno; 0: none */
    bool cancelled;
    bool timed_out; /* an expired deadline of the joining task cancelled it */
    bool joined; /* it is closed */
    int64_t cancel_ns;
    struct wait_list joiner;
};

/* Opens a group owned by `owner` (NULL only for the root's, in root.c). Can't fail. */
void task_group_open(struct task_group *group, struct task *owner, const char *name,
                     enum group_policy policy);

/*
 * Starts `step` as a child. `task` may be uninitialised memory, or that of a task which has ended;
 * to spawn a task that still runs is a bug, which an assert finds. `name` must live as long as the
 * task. The first step runs in the next batch, even if the task is cancelled before that, because
 * it owns what it was given. Returns 0, or -ECANCELED from a group that was cancelled: the task was
 * not touched, and what was meant for it is still the caller's. A child may spawn into its own
 * group. Spawning into a group that was joined is a bug: nobody would wait for that child.
 */
int task_group_spawn(struct task_group *group, struct task *task, const char *name,
                     task_step *step);

/*
 * Starts a child and waits until it says that it is ready, by task_ready: a server that listens, a
 * connection that is set up. `start` is a zeroed member of the caller's frame.
 * Returns 0 if the child is ready and is now a child of `group`. Else the child has ended, `group`
 * knows nothing of it, and its memory is the caller's: its own -errno if it failed, -ECHILD if it
 * ended well without being ready, -ECANCELED or -ETIMEDOUT if the caller, or a cancel of `group`
 * before the call, ended the wait (the child is cancelled and waited for). May suspend.
 */
struct task_group_start {
    struct frame frame;
    int rc;
    struct task_group group; /* where the child is until it is ready */
};
TASK_AWAITABLE int task_group_start(struct task *task, struct task_group_start *start,
                                    struct task_group *group, struct task *child, const char *name,
                                    task_step *step);

/* Says that `task`, which runs, is ready. Does nothing in a task that was spawned, or whose start
 * was cancelled. */
void task_ready(struct task *task);

/* Cancels all children and refuses new ones; shielded clean-up may last until `cancel_ns` (an
 * instant), which a second call may only bring nearer. It does not cancel the body: the owner's
 * awaits go on. */
void task_group_cancel(struct task_group *group, int64_t cancel_ns);

/*
 * Waits until the last child has ended and closes the group. Called by its owner, once. Never cut
 * short: a cancel, or an expired deadline, of the joining task is passed on to the children, and
 * the wait goes on. A failure and an expired deadline set no limit on the children's shielded
 * clean-up; only a cancel has one. Returns the first of these that applies:
 *   -ECANCELED       the owner is cancelled, or a scope around the body is (an outer group failed);
 *                    `failures` is kept all the same
 *   a child's -errno the first failure, in a fail-fast group
 *   -ETIMEDOUT       a deadline of the owner cancelled the children
 *   0                else
 * So 0 is the answer if the program cancelled the group and its children ended with -ECANCELED, for
 * they did what they were told; and a group that contains never answers a child's failure. May
 * suspend.
 */
TASK_AWAITABLE int task_group_join(struct task *task, struct task_group *group);

/* Moves the failures of a joined group whose result is `error` (a -errno) to the end of `matched`,
 * in order, linked by `sibling`: what `except*` does. The others stay in group->failures. */
void task_group_match(struct task_group *group, int error, struct list *matched);

/*
 * Hands the remaining failures of a joined group on up, into the group that its owner is a child
 * of; there they stand before the owner's own, and that group's join answers the first of them.
 * Returns what the owner should end with: the first failure's -errno; if none is left, -ECANCELED
 * or
 * -ETIMEDOUT if that ended the children, else 0. An owner that has raised failures must end with an
 * error, and fails even if that is -ECANCELED. In a group that keeps no failures they end here.
 */
int task_group_raise(struct task_group *group);

/*
 * Prints a list of failures as a tree. `print` is called for each line, without its newline,
 * indented by two spaces a level: name, text of the error, errno, and the await at which the task
 * was last parked (if it ever was). Below a failed task are the failures that it has raised. The
 * tasks, and the groups that were raised from, must still exist: they do while they are in the
 * memory of children not yet released.
 */
void task_group_print(const struct list *failures, void (*print)(void *context, const char *line),
                      void *context);

/* To be set as `on_end`: the first child to end cancels the others, so the join waits for the first
 * of several (sync.h has an example). They may clean up as long as they need. */
void task_group_cancel_rest(struct task_group *group, struct task *task);

/* The task on a list of children or failures. */
static inline struct task *task_of_sibling(struct list *node)
{
    return container_of(node, struct task, sibling);
}

/* The first of the living children, which becomes the last; NULL if there is none. To look at all
 * of them, a few per turn: after as many calls as were alive, each that still lives was returned,
 * whoever came or ended meanwhile. */
struct task *task_group_rotate(struct task_group *group);

/* Asserts the invariants of a group; for tests. */
void task_group_check(const struct task_group *group);

#endif
