/* What tasks, groups and what they wait for say to who breaks their rules. */
#include <criterion/criterion.h>

#include "reactor/task/queue.h"
#include "reactor/task/sync.h"
#include "tests/support/misuse.h"

TestSuite(misuse, .init = fixture_open, .fini = fixture_close);

/* --- tasks --- */

static struct cancel_scope outer, inner;

static int leaves_a_deadline_open(struct task *task, void *object)
{
    (void)object;
    cancel_scope_open(task, &outer, NS_PER_SECOND);
    return 0;
}

static int closes_the_outer_deadline_first(struct task *task, void *object)
{
    (void)object;
    cancel_scope_open(task, &outer, NS_PER_SECOND);
    cancel_scope_open(task, &inner, NS_PER_SECOND);
    return cancel_scope_close(task, &outer);
}

static int leaves_its_shield_up(struct task *task, void *object)
{
    (void)object;
    task_shield(task);
    return 0;
}

static int puts_its_shield_down_twice(struct task *task, void *object)
{
    (void)leaves_its_shield_up(task, object);
    task_unshield(task);
    task_unshield(task);
    return 0;
}

static int waits_for_nothing(struct task *task, void *object)
{
    (void)task, (void)object;
    return TASK_PENDING;
}

Test(misuse, of_a_task_is_told)
{
    misuse_by_task(leaves_a_deadline_open, "a task closes its scopes before it ends");
    misuse_by_task(closes_the_outer_deadline_first, "the innermost scope is closed first");
    misuse_by_task(leaves_its_shield_up, "a task puts its shield down before it ends");
    misuse_by_task(puts_its_shield_down_twice, "a shield is put down once");
    misuse_by_task(waits_for_nothing, "a task is parked by an await that will wake it");
}

/* --- groups --- */

static struct task_group group;
static struct task child;

static int child_step(struct task *task)
{
    return task_sleep(task, NS_PER_SECOND);
}

/* When the task has ended its memory may be freed, with the group in it, whose child lives. */
static int ends_with_a_child_that_lives(struct task *task, void *object)
{
    (void)object;
    task_group_open(&group, task, "children", GROUP_FAIL_FAST);
    return task_group_spawn(&group, &child, "child", child_step);
}

static int opens_a_group_twice(struct task *task, void *object)
{
    (void)ends_with_a_child_that_lives(task, object);
    return ends_with_a_child_that_lives(task, object);
}

static int joins_a_group_twice(struct task *task, void *object)
{
    (void)object;
    task_group_open(&group, task, "children", GROUP_FAIL_FAST);
    int rc = task_group_join(task, &group);
    return rc ? rc : task_group_join(task, &group);
}

static int joins_the_group_of_another(struct task *task, void *object)
{
    static struct task owner;

    (void)object;
    task_group_open(&group, &owner, "children", GROUP_FAIL_FAST);
    return task_group_join(task, &group);
}

static int spawns_into_a_group_that_was_joined(struct task *task, void *object)
{
    (void)object;
    task_group_open(&group, task, "children", GROUP_FAIL_FAST);
    int rc = task_group_join(task, &group);
    return rc ? rc : task_group_spawn(&group, &child, "child", child_step);
}

static int raises_before_the_join(struct task *task, void *object)
{
    (void)ends_with_a_child_that_lives(task, object);
    return task_group_raise(&group);
}

static void spawn_without_a_step(void)
{
    (void)task_group_spawn(&actor_group, &child, "child", NULL);
}

static void spawn_without_a_name(void)
{
    (void)task_group_spawn(&actor_group, &child, NULL, child_step);
}

Test(misuse, of_a_task_group_is_told)
{
    misuse_by_task(ends_with_a_child_that_lives, "a task joins its groups before it ends");
    misuse_by_task(opens_a_group_twice, "a group is joined before it is opened again");
    misuse_by_task(joins_a_group_twice, "a group is joined once");
    misuse_by_task(joins_the_group_of_another, "a group is joined by its owner");
    misuse_by_task(spawns_into_a_group_that_was_joined,
                   "nobody would wait for a child of a group that was joined");
    misuse_by_task(raises_before_the_join, "failures are raised when the group was joined");
    misuse(spawn_without_a_step, "a task has a step");
    misuse(spawn_without_a_name, "a task has a name");
}

/* --- what tasks wait for --- */

static struct event event;
static struct future future;
static struct semaphore semaphore;
static struct queue queue;
static void *slots[1];

static int waits_for_a_zeroed_event(struct task *task, void *object)
{
    (void)object;
    return event_wait(task, &event);
}

static int gets_from_a_zeroed_queue(struct task *task, void *object)
{
    void *item;

    (void)object;
    return queue_get(task, &queue, &item);
}

static void resolve_twice(void)
{
    future_init(&future);
    future_resolve(&future, 0, NULL);
    future_resolve(&future, 0, NULL);
}

static void resolve_to_nothing_yet(void)
{
    future_init(&future);
    future_resolve(&future, TASK_PENDING, NULL);
}

static void begin_with_negative_permits(void)
{
    semaphore_init(&semaphore, (unsigned)-1);
}

static void give_back_what_was_not_taken(void)
{
    semaphore_init(&semaphore, INT_MAX);
    semaphore_release(&semaphore);
}

static void make_a_queue_without_room(void)
{
    queue_init(&queue, slots, 0);
}

static void make_a_queue_without_slots(void)
{
    queue_init(&queue, NULL, 1);
}

static void make_a_queue_of_negative_size(void)
{
    queue_init(&queue, slots, NEGATIVE_SIZE);
}

Test(misuse, of_what_tasks_wait_for_is_told)
{
    misuse_by_task(waits_for_a_zeroed_event, "what is waited for was initialised");
    misuse_by_task(gets_from_a_zeroed_queue, "what is waited for was initialised");
    misuse(resolve_twice, "a future is resolved once");
    misuse(resolve_to_nothing_yet, "a future's result isn't that it has none yet");
    misuse(begin_with_negative_permits, "a number of permits isn't negative");
    misuse(give_back_what_was_not_taken, "a permit is given back once");
    misuse(make_a_queue_without_room, "a queue has room for one item at least");
    misuse(make_a_queue_without_slots, "a queue has slots");
    misuse(make_a_queue_of_negative_size, "a capacity isn't negative");
}
