#include "reactor/task_group.h"

#include <assert.h>
#include <errno.h>

void task_group_open(struct task_group *group, struct task *owner, const char *name,
                     enum group_policy policy)
{
    *group = (struct task_group){.owner = owner, .name = name, .policy = policy};
    group->cancel_ns = TIME_NEVER;
    list_init(&group->children);
    list_init(&group->failures);
    wait_list_init(&group->joiner);
    if (owner) {
        group->loop = owner->loop;
        group->next = owner->groups;
        owner->groups = group;
    }
}

static void child_left(struct task_group *group)
{
    assert(group->alive > 0);
    if (--group->alive == 0)
        wait_list_wake_all(&group->joiner);
}

/* The reap phase: nobody holds a pointer to the child any more, so its memory may go. */
static void release_child(struct callback *callback)
{
    struct task *task = container_of(callback, struct task, wake.callback);
    struct task_group *group = task->group;
    group->release(group, task);
    child_left(group);
}

/* A child that ends with -ECANCELED after it was cancelled did what it was told. */
static bool failed(const struct task *task)
{
    if (task->result >= 0)
        return false;
    return !(task->result == -ECANCELED && (task->flags & TASK_CANCELLED));
}

static void note_failure(struct task_group *group, struct task *task)
{
    if (!group->first_error)
        group->first_error = task->result;
    if (!group->release)
        list_append(&task->sibling, &group->failures);
    /* The siblings may clean up as long as they need, unless a cancel of the group limits it. */
    task_group_cancel(group, TIME_NEVER);
}

static void run_child(struct callback *callback)
{
    struct task *task = container_of(callback, struct task, wake.callback);
    if (!task_run_step(task))
        return;
    assert(!task->groups); /* it ended with a group open: join it */
    struct task_group *group = task->group;
    list_remove(&task->sibling);
    if (group->policy == GROUP_FAIL_FAST && failed(task))
        note_failure(group, task);
    if (group->on_end)
        group->on_end(group, task);
    if (!group->release) {
        child_left(group);
        return;
    }
    task->wake.callback.run = release_child;
    loop_reap(group->loop, &task->wake.callback);
}

int task_group_spawn(struct task_group *group, struct task *task, const char *name, task_step *step)
{
    if (group->cancelled)
        return -ECANCELED;
    task_start(task, group->loop, name, step, run_child);
    task->group = group;
    list_append(&task->sibling, &group->children);
    group->alive++;
    return 0;
}

void task_group_cancel(struct task_group *group, int64_t cancel_ns)
{
    if (group->cancelled && cancel_ns >= group->cancel_ns)
        return;
    group->cancelled = true;
    group->cancel_ns = cancel_ns;
    list_for_each(node, &group->children)
        task_cancel(task_of_sibling(node), cancel_ns);
}

/* Takes the group off its owner's list: it is closed. */
static void close_group(struct task_group *group)
{
    struct task_group **link = &group->owner->groups;
    while (*link != group)
        link = &(*link)->next;
    *link = group->next;
}

int task_group_join(struct task *task, struct task_group *group)
{
    assert(task == group->owner);
    /* Cancelled counts even where a shield holds: the children may need as long to clean up. */
    if (task->flags & TASK_CANCELLED)
        task_group_cancel(group, task->cancel_ns);
    if (group->alive && task_expired(task)) {
        group->timed_out = true;
        task_group_cancel(group, TIME_NEVER);
    }
    int rc = task_wait_regardless(task, &group->joiner, group->alive == 0);
    if (rc == TASK_PENDING)
        return rc;
    close_group(group);
    if (task_cancelled(task))
        return -ECANCELED;
    if (group->first_error)
        return group->first_error;
    return group->timed_out ? -ETIMEDOUT : 0;
}

void task_group_match(struct task_group *group, int error, struct list *matched)
{
    list_for_each_safe(node, &group->failures) {
        if (task_of_sibling(node)->result == error) {
            list_remove(node);
            list_append(node, matched);
        }
    }
}

void task_group_check(const struct task_group *group)
{
    size_t living = 0;
    for (struct list *node = group->children.next; node != &group->children; node = node->next) {
        const struct task *task = task_of_sibling(node);
        assert(task->group == group);
        assert(!task_ended(task));
        assert(!group->cancelled || (task->flags & TASK_CANCELLED));
        living++;
    }
    assert(living <= group->alive);
    assert(list_empty(&group->failures) || group->first_error < 0);
}
