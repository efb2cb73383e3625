/*
 * Random trees of tasks and groups, which fail, are cancelled, time out, clean up and spawn at
 * random moments. Whatever happens, what is promised of owners has to hold: every child ends before
 * its owner, a join returns what its children did, a cancelled tree is gone at the cancel's
 * deadline, and then neither a task nor a timer is left.
 */
#include "reactor/task/task_group.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/support/fixture.h"

#define TREE_SEEDS 2000
#define TREE_DEPTH 4
#define TREE_CHILDREN 4

TestSuite(task_tree, .init = fixture_open, .fini = fixture_close);

/* A task that is somebody's child and perhaps an owner. */
struct node {
    struct task task;
    struct frame frame;
    struct list living; /* among all nodes that have not ended */
    struct list sibling; /* among its owner's, where the owner frees it */
    struct node *owner; /* NULL: the tree's root */
    unsigned depth;
    int64_t sleep_ns;
    int rc;
    int result;

    /* As an owner. */
    struct task_group group;
    bool is_open;
    struct list children; /* to be freed after the join */
    unsigned alive; /* children that have not ended */
    int first_failure;
    bool limited;
    struct cancel_scope limit;
    bool shielded;
    int joined;
};

/* What the tests check against. */
static uint64_t seed;
static uint64_t state;
static struct list living;
static unsigned living_count;
static unsigned node_count; /* allocated, not yet freed */

static unsigned chance(unsigned bound)
{
    return fixture_random(&state, bound);
}

static int64_t random_duration_ns(void)
{
    return chance(2) ? chance(6) * NS_PER_MS : chance(6 * NS_PER_MS);
}

static int node_step(struct task *task);

static struct node *make_node(struct node *owner)
{
    struct node *node = calloc(1, sizeof(*node));
    must(node, "no memory");
    node->owner = owner;
    node->depth = owner ? owner->depth + 1 : 0;
    list_init(&node->children);
    node_count++;
    return node;
}

static void free_node(struct node *node)
{
    free(node);
    node_count--;
}

static void release_node(struct task_group *group, struct task *task)
{
    (void)group;
    free_node(container_of(task, struct node, task));
}

/* Spawns a node into the group of `owner`, or into the actors. A refused one is still ours. */
static void spawn_node(struct node *owner)
{
    struct task_group *group = owner ? &owner->group : &actor_group;
    struct node *node = make_node(owner);
    if (task_group_spawn(group, &node->task, "node", node_step) < 0) {
        must(group->cancelled, "seed %ju: refused for no reason", (uintmax_t)seed);
        free_node(node);
        return;
    }
    list_append(&node->living, &living);
    living_count++;
    if (!owner)
        return;
    owner->alive++;
    if (!owner->group.release)
        list_append(&node->sibling, &owner->children);
}

static void open_group(struct node *self)
{
    enum group_policy policy = chance(2) ? GROUP_FAIL_FAST : GROUP_CONTAIN;
    task_group_open(&self->group, &self->task, "group", policy);
    self->is_open = true;
    if (chance(2))
        self->group.release = release_node;
    for (unsigned i = chance(TREE_CHILDREN + 1); i > 0; i--)
        spawn_node(self);
}

/* What the join returned, beside what the children did. */
static void judge_join(struct node *self)
{
    self->is_open = false;
    must(self->alive == 0, "seed %ju: joined with %u alive", (uintmax_t)seed, self->alive);
    bool cancelled = (self->task.flags & TASK_CANCELLED) &&
                     !(self->shielded && loop.now_ns < self->task.cancel_ns);
    int expected = cancelled ? -ECANCELED : self->first_failure;
    if (!cancelled && !self->first_failure && self->joined == -ETIMEDOUT)
        must(self->limited && loop.now_ns >= self->limit.at_ns, "seed %ju: no timeout",
             (uintmax_t)seed);
    else
        must(self->joined == expected, "seed %ju: joined %d, not %d", (uintmax_t)seed, self->joined,
             expected);
    for (struct list *node; (node = list_pop(&self->children));)
        free_node(container_of(node, struct node, sibling));
}

/* An await in the body of a group in which a child has failed. */
static void judge_body(const struct node *self)
{
    must(!self->first_failure || self->rc == -ECANCELED, "seed %ju: the body answers %d",
         (uintmax_t)seed, self->rc);
}

static int random_result(const struct node *self)
{
    if (self->rc < 0)
        return self->rc;
    return chance(6) ? (int)chance(3) : chance(2) ? -EPIPE : -EIO;
}

static void judge_end(struct node *self)
{
    must(self->alive == 0, "seed %ju: ends before its child", (uintmax_t)seed);
    must(!self->is_open, "seed %ju: ends with an open group", (uintmax_t)seed);
    self->result = random_result(self);
    list_remove(&self->living);
    living_count--;
    if (!self->owner)
        return;
    self->owner->alive--;
    bool failed =
        self->result < 0 && !(self->result == -ECANCELED && (self->task.flags & TASK_CANCELLED));
    if (failed && self->owner->group.policy == GROUP_FAIL_FAST && !self->owner->first_failure)
        self->owner->first_failure = self->result;
}

static bool may_own(const struct node *self)
{
    return self->depth < TREE_DEPTH && (self->depth == 0 || chance(2));
}

static int node_step(struct task *task)
{
    struct node *const self = container_of(task, struct node, task);

    TASK_BEGIN();
    self->sleep_ns = random_duration_ns();
    TASK_AWAIT(self->rc, task_sleep(task, self->sleep_ns));
    if (may_own(self)) {
        self->limited = chance(4) == 0;
        if (self->limited)
            cancel_scope_open(task, &self->limit, random_duration_ns());
        open_group(self);
        self->sleep_ns = random_duration_ns();
        if (chance(2)) {
            TASK_AWAIT(self->rc, task_sleep(task, self->sleep_ns));
            judge_body(self);
        }
        self->shielded = chance(4) == 0;
        if (self->shielded)
            task_shield(task);
        TASK_AWAIT(self->joined, task_group_join(task, &self->group));
        judge_join(self);
        if (self->shielded)
            task_unshield(task);
        if (self->limited)
            (void)cancel_scope_close(task, &self->limit);
    }
    if (self->owner && chance(8) == 0)
        spawn_node(self->owner);
    if (self->rc < 0 && chance(2)) {
        task_shield(task);
        self->sleep_ns = random_duration_ns();
        TASK_AWAIT(self->joined, task_sleep(task, self->sleep_ns));
        task_unshield(task);
    }
    judge_end(self);
    TASK_RETURN(self->result);
    TASK_END();
}

static struct node *random_living(void)
{
    struct list *node = living.next;
    for (unsigned i = chance(living_count); i > 0; i--)
        node = node->next;
    return container_of(node, struct node, living);
}

/* Cancels a random task or group from outside. */
static void disturb(void)
{
    struct node *node = random_living();
    int64_t cancel_ns = chance(2) ? loop.now_ns + random_duration_ns() : TIME_NEVER;
    if (node->is_open && chance(2))
        task_group_cancel(&node->group, cancel_ns);
    else
        task_cancel(&node->task, cancel_ns);
}

static void check_groups(void)
{
    list_for_each(position, &living) {
        const struct node *node = container_of(position, struct node, living);
        if (node->is_open)
            task_group_check(&node->group);
    }
}

static void grow(void)
{
    list_init(&living);
    actor_group.release = release_node;
    spawn_node(NULL);
    struct node *root = container_of(living.next, struct node, living);
    for (int i = 0; i < 40 && living_count > 0; i++) {
        fixture_pass(random_duration_ns());
        check_groups();
        if (living_count > 0 && chance(4) == 0)
            disturb();
    }
    if (living_count > 0) {
        int64_t grace_ns = random_duration_ns();
        task_cancel(&root->task, loop.now_ns + grace_ns);
        fixture_pass(grace_ns + NS_PER_MS); /* a deadline is rounded up to its tick */
    }
    must(living_count == 0, "seed %ju: %u outlive the cancel", (uintmax_t)seed, living_count);
    must(node_count == 0, "seed %ju: %u are not released", (uintmax_t)seed, node_count);
    must(wheel_count(&loop.wheel) == 0, "seed %ju: timers are left", (uintmax_t)seed);
    must(actor_group.alive == 0, "seed %ju: the actor group is not empty", (uintmax_t)seed);
}

Test(task_tree, every_child_ends_before_its_owner_and_nothing_is_left)
{
    for (seed = 1; seed <= TREE_SEEDS; seed++) {
        state = seed;
        grow();
    }
}
