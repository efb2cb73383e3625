/*
 * task_group: who owns the tasks.
 *
 * There are no free-floating tasks. Every task belongs to a group, every group
 * to a task (the one that opened it), and the main task, run by root.h, is where
 * the tree begins. A task ends with none of its groups open, and a group is
 * closed by joining it, which waits for every child: so when a task has ended,
 * so has all that it started. Python calls this a TaskGroup, Trio a nursery.
 *
 *      main -- group "server" -+- task "listener 127.0.0.1:7777"
 *                              +- task "signals"
 *                              +- task "ann" -- group ...
 *
 * GROUP_FAIL_FAST: the first child to fail cancels its siblings; all failures
 * are kept for the owner. GROUP_CONTAIN: children are independent (sessions of a
 * server); each end is handed to `on_end`, the others live. A failure, and an
 * expired deadline of the joining task, set no limit on shielded clean-up: only
 * a cancel has a deadline.
 *
 * The record of a failure lies in the failed task itself, so keeping it can't
 * fail: a child's memory belongs to whoever spawned it until the join has
 * returned, or, where the group has a `release`, until that is called with it.
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

    /* Optional, set after task_group_open. `on_end` is told of each child that ended, in its last
     * batch; it may spawn. `release` gets it in the reap phase and may free it. */
    void (*on_end)(struct task_group *group, struct task *task);
    void (*release)(struct task_group *group, struct task *task);

    /* The children. */
    struct list children; /* those who live */
    struct list failures; /* those who failed, in that order, where there is no `release` */
    size_t alive; /* children that have not ended, or not been released yet */
    int first_error; /* the -errno of the first to fail; 0: none */
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
 * Starts `step` as a child: `task` may be uninitialised memory, `name` must live as long as it. Its
 * first step runs in the next batch, even if it is cancelled before that, for it owns what it was
 * given. Returns 0, or -ECANCELED from a group that was cancelled: the task was not touched, and
 * what was meant for it is still the caller's. A child may spawn into its own group. To spawn into
 * a group that was joined is a bug: nobody would wait for that child.
 */
int task_group_spawn(struct task_group *group, struct task *task, const char *name,
                     task_step *step);

/* Cancels all children and refuses new ones; shielded clean-up may last until `cancel_ns` (an
 * instant), which a second call may only bring nearer. */
void task_group_cancel(struct task_group *group, int64_t cancel_ns);

/*
 * Waits until the last child has ended and closes the group. Never cut short: a cancel or an
 * expired deadline of the joining task is passed on to the children, and the wait goes on. Returns
 * -ECANCELED, else the first failure's -errno, else -ETIMEDOUT where a deadline cancelled the
 * children, else 0. Its owner joins it, once. May suspend.
 */
TASK_AWAITABLE int task_group_join(struct task *task, struct task_group *group);

/* Moves the failures of a joined group whose result is `error` (a -errno) to the end of `matched`,
 * in order, linked by `sibling`: what `except*` does. What is left in group->failures is the rest.
 */
void task_group_match(struct task_group *group, int error, struct list *matched);

/*
 * Hands what is left of a joined group's failures on up, into the group that its owner is a child
 * of, where they stand before the owner's own. Returns what the owner ends with: the first's
 * -errno; where none is left -ECANCELED or -ETIMEDOUT, if that ended the children, else 0. In a
 * group that keeps no failures they end here.
 */
int task_group_raise(struct task_group *group);

/*
 * Hands a list of failures to `print` as a tree, a line at a time without its newline, indented by
 * two spaces a level: name, text of the error, errno, and the await at which it was last parked
 * (none where it never was). Below a task that failed stand those it has raised. The tasks and the
 * groups that were raised from must still be there: they are while they lie in the memory of
 * children not yet released.
 */
void task_group_print(const struct list *failures, void (*print)(void *context, const char *line),
                      void *context);

/* The task on a list of children or failures. */
static inline struct task *task_of_sibling(struct list *node)
{
    return container_of(node, struct task, sibling);
}

/* Asserts the invariants of a group; for tests. */
void task_group_check(const struct task_group *group);

#endif
