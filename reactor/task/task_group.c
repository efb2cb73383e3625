#include "reactor/task/task_group.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/buffer.h"

/* Whether it is one of the groups that `owner` has yet to join; its own memory may be anything. */
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
        if (policy == GROUP_FAIL_FAST)
            cancel_scope_enter(owner, &group->body);
    }
}

static void child_left(struct task_group *group)
{
    assert(group->alive > 0);
    if (--group->alive == 0)
        wait_list_wake_all(&group->joiner);
}

/* In the reap phase nobody holds a pointer to the child any more, so its memory may go. */
__attribute__((noinline)) static void release_child(struct task *task)
{
    struct task_group *group = task->group;
    group->release(group, task);
    child_left(group);
}

/* A child that ends with -ECANCELED after it was cancelled did what it was told. A child that
 * raised failures has failed whatever it answers. */
static bool failed(const struct task *task)
{
    if (task->flags & TASK_RAISED)
        return true;
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
    if (group->owner)
        cancel_scope_cancel(&group->body);
}

/* Not part of run_child, where it would make every step dearer: a task ends once. */
__attribute__((noinline)) static void child_ended(struct task *task)
{
    struct task_group *group = task->group;
    list_remove(&task->sibling);
    bool raised = task->flags & TASK_RAISED;
    assert((task->result < 0 || !raised) && "a task that raises failures fails with them");
    if (group->policy == GROUP_FAIL_FAST && failed(task))
        note_failure(group, task);
    if (group->on_end)
        group->on_end(group, task);
    if (!group->release) {
        child_left(group);
        return;
    }
    task->wake.callback.where = NULL; /* its release is no part of that await */
    loop_reap(group->loop, &task->wake.callback);
}

/* A child that has ended is run once more, in the reap phase, if its group has a `release`. */
static void run_child(struct callback *callback)
{
    struct task *task = container_of(callback, struct task, wake.callback);
    if (task_ended(task))
        release_child(task);
    else if (task_run_step(task))
        child_ended(task);
}

/* How many children are looked at for one that is spawned again: all in a sanitizer build, and few
 * enough elsewhere that a spawn costs nothing. */
#define CHECKED_CHILDREN (BUFFER_SCRUBS ? SIZE_MAX : 16)

/* Whether `task`, which may be any memory, is a child that has yet to end. */
static bool is_child(const struct task *task, const struct task_group *group)
{
    size_t looked_at = 0;
    list_for_each(node, &group->children) {
        if (node == &task->sibling)
            return true;
        if (++looked_at == CHECKED_CHILDREN)
            return false;
    }
    return false;
}

int task_group_spawn(struct task_group *group, struct task *task, const char *name, task_step *step)
{
    assert(step && "a task has a step");
    assert(name && "a task has a name");
    assert(!group->joined && "nobody would wait for a child of a group that was joined");
    assert(!is_child(task, group) && "a task is spawned again only after it has ended");
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

/* Takes the group off its owner's list, and with it the scope of its body. */
static void close_group(struct task_group *group)
{
    struct task_group **link = &group->owner->groups;
    while (*link != group)
        link = &(*link)->next;
    *link = group->next;
    group->joined = true;
    if (group->policy == GROUP_FAIL_FAST)
        cancel_scope_leave(&group->body);
}

/* What the owner of a group ends with if nothing, or nothing of interest, has failed. */
static int end_without_failures(const struct task_group *group)
{
    if (task_cancelled(group->owner))
        return -ECANCELED;
    return group->timed_out ? -ETIMEDOUT : 0;
}

/* Whether the owner opened no fail-fast group after this one that it has yet to join. */
static bool is_innermost(const struct task_group *group)
{
    const struct task_group *open = group->owner->groups;
    while (open != group && open->policy != GROUP_FAIL_FAST)
        open = open->next;
    return open == group;
}

/* A join is never cut short: what would end another await of the owner cancels the children. */
static void pass_on(struct task_group *group)
{
    const struct task *owner = group->owner;
    /* Cancelled counts even if a shield holds: the children may need as long to clean up. */
    if (owner->flags & TASK_CANCELLED)
        task_group_cancel(group, owner->cancel_ns);
    if (task_scope_cancelled(owner, &group->body))
        task_group_cancel(group, TIME_NEVER);
    if (group->alive && task_expired(owner)) {
        group->timed_out = true;
        task_group_cancel(group, TIME_NEVER);
    }
}

int task_group_join(struct task *task, struct task_group *group)
{
    assert(task == group->owner && "a group is joined by its owner");
    assert(!group->joined && "a group is joined once");
    bool in_order = group->policy != GROUP_FAIL_FAST || is_innermost(group);
    assert(in_order && "fail-fast groups are joined in the reverse order of their opening");
    pass_on(group);
    int rc = wait_list_settle(task, &group->joiner, group->alive == 0);
    if (rc == TASK_PENDING)
        return rc;
    close_group(group);
    if (group->first_error && !task_cancelled(task))
        return group->first_error;
    return end_without_failures(group);
}

/* Starting: until a child is ready it belongs to a group of whoever waits for it, and so its
 * failure and a cancel of the waiting task go where they should. */

static void begin_start(struct task *task, struct task_group_start *start, struct task_group *group)
{
    assert(!group->joined && "nobody would wait for a child of a group that was joined");
    task_group_open(&start->group, task, "starting", GROUP_FAIL_FAST);
    start->group.moves_to = group;
    group->alive++; /* a join waits for the child to come */
}

void task_ready(struct task *task)
{
    struct task_group *from = task->group;
    struct task_group *to = from->moves_to;
    if (!to || from->cancelled)
        return;
    from->moves_to = NULL;
    list_remove(&task->sibling);
    list_append(&task->sibling, &to->children);
    task->group = to;
    if (to->cancelled)
        task_cancel(task, to->cancel_ns);
    child_left(from);
}

static int end_start(struct task_group_start *start)
{
    struct task_group *to = start->group.moves_to;
    if (!to)
        return 0;
    child_left(to); /* it never came */
    return start->rc < 0 ? start->rc : -ECHILD;
}

int task_group_start(struct task *task, struct task_group_start *const self,
                     struct task_group *group, struct task *child, const char *name,
                     task_step *step)
{
    TASK_BEGIN();
    if (group->cancelled)
        TASK_RETURN(-ECANCELED);
    begin_start(task, self, group);
    (void)task_group_spawn(&self->group, child, name, step); /* a new group refuses nobody */
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_RETURN(end_start(self));
    TASK_END();
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
    if (!outer->first_error)
        outer->first_error = error;
    group->owner->flags |= TASK_RAISED;
    return error;
}

void task_group_cancel_rest(struct task_group *group, struct task *task)
{
    (void)task;
    task_group_cancel(group, TIME_NEVER);
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

struct task *task_group_rotate(struct task_group *group)
{
    struct list *first = list_pop(&group->children);
    if (!first)
        return NULL;
    list_append(first, &group->children);
    return task_of_sibling(first);
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
