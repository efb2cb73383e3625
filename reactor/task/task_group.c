#include "reactor/task/task_group.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Whether it is one of those that `owner` has yet to join; its own memory may be anything. */
static bool is_open(const struct task_group *group, const struct task *owner)
{
    const struct task_group *open = owner->groups;
    while (open && open != group)
        open = open->next;
    return open;
}

void task_group_open(struct task_group *group, struct task *owner, const char *name,
                     enum group_policy policy)
{
    assert(name && "a group has a name");
    assert((!owner || !is_open(group, owner)) && "a group is joined before it is opened again");
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

/* Not part of run_child, where it would make every step dearer: a task ends once. */
__attribute__((noinline)) static void child_ended(struct task *task)
{
    assert(!task->groups && "a task joins its groups before it ends");
    struct task_group *group = task->group;
    list_remove(&task->sibling);
    assert((failed(task) || !(task->flags & TASK_RAISED)) && "who raises failures fails with them");
    if (group->policy == GROUP_FAIL_FAST && failed(task))
        note_failure(group, task);
    if (group->on_end)
        group->on_end(group, task);
    if (!group->release) {
        child_left(group);
        return;
    }
    task->wake.callback.run = release_child;
    task->wake.callback.where = NULL; /* its release is no part of that await */
    loop_reap(group->loop, &task->wake.callback);
}

static void run_child(struct callback *callback)
{
    struct task *task = container_of(callback, struct task, wake.callback);
    if (task_run_step(task))
        child_ended(task);
}

int task_group_spawn(struct task_group *group, struct task *task, const char *name, task_step *step)
{
    assert(step && "a task has a step");
    assert(name && "a task has a name");
    assert(!group->joined && "nobody would wait for a child of a group that was joined");
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
    group->joined = true;
}

/* What the owner of a group ends with in which nothing, or nothing of interest, has failed. */
static int end_without_failures(const struct task_group *group)
{
    if (task_cancelled(group->owner))
        return -ECANCELED;
    return group->timed_out ? -ETIMEDOUT : 0;
}

int task_group_join(struct task *task, struct task_group *group)
{
    assert(task == group->owner && "a group is joined by its owner");
    assert(!group->joined && "a group is joined once");
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
    if (group->first_error && !task_cancelled(task))
        return group->first_error;
    return end_without_failures(group);
}

void task_group_match(struct task_group *group, int error, struct list *matched)
{
    assert(error < 0 && "failures are matched by a -errno");
    assert(group->alive == 0 && "failures are matched when the group was joined");
    list_for_each_safe(node, &group->failures) {
        if (task_of_sibling(node)->result == error) {
            list_remove(node);
            list_append(node, matched);
        }
    }
}

int task_group_raise(struct task_group *group)
{
    assert(group->alive == 0 && "failures are raised when the group was joined");
    assert(group->owner && "the root's group has nobody above to raise to");
    if (list_empty(&group->failures))
        return end_without_failures(group);
    int error = task_of_sibling(group->failures.next)->result;
    struct task_group *outer = group->owner->group;
    if (outer->policy != GROUP_FAIL_FAST || outer->release)
        return error;
    list_splice(&group->failures, &outer->failures);
    group->owner->flags |= TASK_RAISED;
    return error;
}

struct failure_printer {
    const struct list *failures;
    void (*print)(void *context, const char *line);
    void *context;
};

static bool is_listed(const struct list *failures, const struct task *task)
{
    const struct list *node = failures->next;
    while (node != failures && node != &task->sibling)
        node = node->next;
    return node != failures;
}

static void print_failure(const struct failure_printer *printer, const struct task *task, int depth)
{
    char line[256];
    const char *name = task->wake.callback.name;
    const struct site *where = task_where(task);
    int length = snprintf(line, sizeof(line), "%*s%s: %s (%d)", 2 * depth, "", name,
                          strerror(-task->result), -task->result);
    if (where && length < (int)sizeof(line))
        (void)snprintf(line + length, sizeof(line) - (size_t)length, "  %s:%d  %s", where->file,
                       where->line, where->text);
    printer->print(printer->context, line);
    const struct list *node = printer->failures->next;
    for (; node != printer->failures; node = node->next) {
        const struct task *below = container_of(node, const struct task, sibling);
        if (below->group->owner == task)
            print_failure(printer, below, depth + 1);
    }
}

void task_group_print(const struct list *failures, void (*print)(void *context, const char *line),
                      void *context)
{
    const struct failure_printer printer = {failures, print, context};
    for (const struct list *node = failures->next; node != failures; node = node->next) {
        const struct task *task = container_of(node, const struct task, sibling);
        const struct task *owner = task->group->owner;
        if (!owner || !is_listed(failures, owner))
            print_failure(&printer, task, 0);
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
