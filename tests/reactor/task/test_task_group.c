/*
 * Who owns the tasks, and how groups end. The last test grows random trees.
 */
#include "reactor/task/task_group.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

TestSuite(task_group, .init = fixture_open, .fini = fixture_close);

/*
 * A child: sleeps, perhaps cleans up when it is cancelled, and ends with `result`, or with what cut
 * the sleep short.
 */
struct child {
    struct task task;
    struct frame frame;
    int64_t sleep_ns;
    int64_t clean_up_ns; /* a shielded sleep after a cancel; 0: none */
    int result;
    int cancelled_result; /* what it ends with when it was cut short; 0: what the await said */
    int rc;
    int cleaned; /* what the clean-up's await returned */
    int64_t ended_ns;
};

static int child_step(struct task *task)
{
    struct child *const self = container_of(task, struct child, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->sleep_ns));
    if (self->rc == -ECANCELED && self->clean_up_ns) {
        task_shield(task);
        TASK_AWAIT(self->cleaned, task_sleep(task, self->clean_up_ns));
        task_unshield(task);
    }
    self->ended_ns = loop.now_ns;
    if (self->rc < 0 && self->cancelled_result)
        TASK_RETURN(self->cancelled_result);
    TASK_RETURN(self->rc < 0 ? self->rc : self->result);
    TASK_END();
}

/* An owner: spawns three children, perhaps under a deadline, and joins them. */
struct owner {
    struct task task;
    struct frame frame;
    struct task_group group;
    enum group_policy policy;
    int64_t limit_ns; /* 0: none */
    bool shielded; /* while it joins */
    int64_t busy_ns; /* slept between the spawning and the join */
    struct child children[3];
    int spawned[3]; /* what the spawns returned */
    int rc;
    int joined; /* what the join returned */
    int64_t joined_ns;
    bool limit_passed;
    struct cancel_scope limit;
    void (*on_end)(struct task_group *group, struct task *task);
    void (*release)(struct task_group *group, struct task *task);
};

static void spawn_children(struct owner *owner)
{
    static const char *const names[3] = {"ann", "bob", "eve"};

    task_group_open(&owner->group, &owner->task, "children", owner->policy);
    owner->group.on_end = owner->on_end;
    owner->group.release = owner->release;
    for (int i = 0; i < 3; i++)
        owner->spawned[i] =
            task_group_spawn(&owner->group, &owner->children[i].task, names[i], child_step);
}

static int owner_step(struct task *task)
{
    struct owner *const self = container_of(task, struct owner, task);

    TASK_BEGIN();
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    spawn_children(self);
    if (self->busy_ns)
        TASK_AWAIT(self->rc, task_sleep(task, self->busy_ns));
    if (self->shielded)
        task_shield(task);
    TASK_AWAIT(self->joined, task_group_join(task, &self->group));
    self->joined_ns = loop.now_ns;
    if (self->shielded)
        task_unshield(task);
    if (self->limit_ns)
        self->limit_passed = cancel_scope_close(task, &self->limit);
    TASK_RETURN(0);
    TASK_END();
}

static int64_t begun_ns;

/* Children that would sleep for 10, 20 and 30 ms. */
static struct owner owner_of(enum group_policy policy)
{
    struct owner owner = {.policy = policy, .joined = 1};
    for (int i = 0; i < 3; i++)
        owner.children[i].sleep_ns = (i + 1) * 10 * NS_PER_MS;
    return owner;
}

static void start(struct owner *owner)
{
    cr_assert_eq(task_group_spawn(&actor_group, &owner->task, "owner", owner_step), 0);
    fixture_settle();
    begun_ns = loop.now_ns;
}

static int64_t elapsed_ms(int64_t at_ns)
{
    return (at_ns - begun_ns) / NS_PER_MS;
}

/* --- joining --- */

Test(task_group, a_join_waits_for_the_last_child)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    start(&owner);
    task_group_check(&owner.group);
    fixture_pass(29 * NS_PER_MS);
    cr_assert_eq(owner.group.alive, 1);
    cr_assert_not(task_ended(&owner.task));
    fixture_pass(NS_PER_MS);
    cr_assert_eq(owner.joined, 0);
    cr_assert_null(owner.task.groups, "the group is closed");
}

Test(task_group, a_group_without_children_joins_at_once)
{
    static struct task_group group;
    struct actor actor = {.call = actor_waits};

    actor.task = (struct task){.loop = &loop};
    task_group_open(&group, &actor.task, "empty", GROUP_FAIL_FAST);
    cr_assert_eq(task_group_join(&actor.task, &group), 0);
}

Test(task_group, children_that_ended_before_the_join_are_joined)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.busy_ns = 50 * NS_PER_MS;
    start(&owner);
    fixture_pass(50 * NS_PER_MS);
    cr_assert_eq(owner.joined, 0);
    cr_assert_eq(elapsed_ms(owner.joined_ns), 50);
}

Test(task_group, a_count_is_no_failure)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.children[0].result = 5;
    start(&owner);
    fixture_pass(30 * NS_PER_MS);
    cr_assert_eq(owner.joined, 0);
    cr_assert_eq(owner.children[0].task.result, 5);
    cr_assert_eq(owner.children[2].rc, 0);
}

Test(task_group, join_is_never_cut_short_and_passes_the_cancel_on)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.children[1].clean_up_ns = 5 * NS_PER_MS;
    start(&owner);
    task_cancel(&owner.task, loop.now_ns + 50 * NS_PER_MS);
    fixture_settle();
    cr_assert_not(task_ended(&owner.task), "one is still cleaning up");
    cr_assert_eq(owner.group.alive, 1);
    cr_assert_eq(owner.children[0].rc, -ECANCELED);
    fixture_pass(5 * NS_PER_MS);
    cr_assert_eq(owner.children[1].cleaned, 0);
    cr_assert_eq(owner.joined, -ECANCELED);
    cr_assert(list_empty(&owner.group.failures), "they did what they were told");
}

Test(task_group, the_cancels_deadline_is_passed_on_too)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.children[1].clean_up_ns = NS_PER_SECOND;
    start(&owner);
    task_cancel(&owner.task, loop.now_ns + 50 * NS_PER_MS);
    fixture_pass(10 * NS_PER_MS);
    task_cancel(&owner.task, loop.now_ns + 10 * NS_PER_MS);
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(owner.children[1].cleaned, -ECANCELED);
    cr_assert_eq(elapsed_ms(owner.joined_ns), 20);
}

Test(task_group, a_shielded_join_passes_the_cancel_on_and_returns_what_the_children_did)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.shielded = true;
    start(&owner);
    task_cancel(&owner.task, TIME_NEVER);
    fixture_settle();
    cr_assert_eq(owner.children[2].rc, -ECANCELED);
    cr_assert_eq(owner.joined, 0);
}

Test(task_group, a_cancel_that_finds_the_owner_elsewhere_reaches_the_children_with_the_join)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.busy_ns = 50 * NS_PER_MS;
    start(&owner);
    task_cancel(&owner.task, TIME_NEVER);
    fixture_settle();
    cr_assert_eq(owner.rc, -ECANCELED);
    cr_assert_eq(owner.joined, -ECANCELED);
    cr_assert_eq(owner.children[0].rc, -ECANCELED);
}

Test(task_group, a_group_is_cancelled_while_its_owner_is_in_another_await)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.busy_ns = 50 * NS_PER_MS;
    start(&owner);
    task_group_cancel(&owner.group, loop.now_ns);
    fixture_settle();
    cr_assert_eq(owner.children[2].rc, -ECANCELED);
    cr_assert_not(task_ended(&owner.task), "the owner itself is not cancelled");
    fixture_pass(50 * NS_PER_MS);
    cr_assert_eq(owner.rc, 0);
    cr_assert_eq(owner.joined, 0);
}

/* --- a joiner's deadline --- */

Test(task_group, an_expired_deadline_of_the_joiner_cancels_the_children)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.limit_ns = 15 * NS_PER_MS;
    start(&owner);
    fixture_pass(15 * NS_PER_MS);
    cr_assert_eq(owner.joined, -ETIMEDOUT);
    cr_assert_eq(owner.children[0].rc, 0);
    cr_assert_eq(owner.children[1].rc, -ECANCELED);
    cr_assert(owner.limit_passed);
}

Test(task_group, a_deadline_that_passes_after_the_children_ended_is_not_blamed)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.limit_ns = 30 * NS_PER_MS;
    owner.busy_ns = 40 * NS_PER_MS;
    start(&owner);
    task_group_cancel(&owner.group, loop.now_ns);
    fixture_pass(40 * NS_PER_MS);
    cr_assert_eq(owner.rc, -ETIMEDOUT);
    cr_assert_eq(owner.joined, 0, "they had ended long before");
}

Test(task_group, a_deadline_leaves_children_the_time_to_clean_up)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.limit_ns = 15 * NS_PER_MS;
    owner.children[1].clean_up_ns = 5 * NS_PER_MS;
    start(&owner);
    fixture_pass(30 * NS_PER_MS);
    cr_assert_eq(owner.children[1].cleaned, 0);
    cr_assert_eq(elapsed_ms(owner.joined_ns), 20);
    cr_assert_eq(owner.joined, -ETIMEDOUT);
}

/* --- failures --- */

Test(task_group, the_first_failure_cancels_the_siblings)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.children[0].result = -EPIPE;
    start(&owner);
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(owner.joined, -EPIPE);
    cr_assert_eq(owner.children[1].rc, -ECANCELED);
    cr_assert_eq(owner.children[2].rc, -ECANCELED);
    cr_assert_eq(elapsed_ms(owner.joined_ns), 10);
}

Test(task_group, a_failure_leaves_the_siblings_the_time_to_clean_up)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.children[0].result = -EPIPE;
    owner.children[1].clean_up_ns = 5 * NS_PER_MS;
    start(&owner);
    fixture_pass(30 * NS_PER_MS);
    cr_assert_eq(owner.children[1].cleaned, 0);
    cr_assert_eq(elapsed_ms(owner.joined_ns), 15);
}

Test(task_group, a_failure_during_a_shutdown_takes_no_time_from_the_others)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.children[0].result = -EPIPE;
    owner.children[0].sleep_ns = 0;
    owner.children[1].clean_up_ns = 5 * NS_PER_MS;
    start(&owner);
    begun_ns = loop.now_ns;
    task_group_cancel(&owner.group, loop.now_ns + 10 * NS_PER_MS);
    fixture_pass(30 * NS_PER_MS);
    cr_assert_eq(owner.children[1].cleaned, 0);
}

/* The first child fails, and the others do so when they are cancelled for it. */
static void fail_all(struct owner *owner)
{
    *owner = owner_of(GROUP_FAIL_FAST);
    owner->children[0].result = -EPIPE;
    owner->children[1].cancelled_result = -EIO;
    owner->children[2].cancelled_result = -EPIPE;
    start(owner);
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(owner->joined, -EPIPE);
}

Test(task_group, all_failures_are_kept_in_their_order)
{
    struct owner owner;
    int i = 0;

    fail_all(&owner);
    list_for_each(node, &owner.group.failures)
        cr_assert_eq(task_of_sibling(node), &owner.children[i++].task);
    cr_assert_eq(i, 3);
}

Test(task_group, failures_are_matched_by_errno)
{
    struct owner owner;
    struct list matched;

    fail_all(&owner);
    list_init(&matched);
    task_group_match(&owner.group, -ENOENT, &matched);
    cr_assert(list_empty(&matched));
    task_group_match(&owner.group, -EPIPE, &matched);
    cr_assert_eq(task_of_sibling(list_pop(&matched)), &owner.children[0].task);
    cr_assert_eq(task_of_sibling(list_pop(&matched)), &owner.children[2].task);
    cr_assert(list_empty(&matched));
    cr_assert_eq(task_of_sibling(list_pop(&owner.group.failures)), &owner.children[1].task);
    cr_assert(list_empty(&owner.group.failures));
}

Test(task_group, being_cancelled_by_nobody_is_a_failure)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.children[0].result = -ECANCELED;
    start(&owner);
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(owner.group.first_error, -ECANCELED);
    cr_assert_eq(task_of_sibling(owner.group.failures.next), &owner.children[0].task);
}

Test(task_group, a_cancelled_child_may_fail_with_something_else)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.children[0].result = -EPIPE;
    owner.children[0].sleep_ns = 0; /* succeeds with the first turn, before the cancel is seen */
    cr_assert_eq(task_group_spawn(&actor_group, &owner.task, "owner", owner_step), 0);
    fixture_turn();
    fixture_turn();
    task_group_cancel(&owner.group, loop.now_ns);
    fixture_settle();
    cr_assert_eq(owner.joined, 0, "cancel beat success");
    cr_assert_eq(owner.children[0].task.result, -ECANCELED);
}

/* --- containing --- */

static struct task *ended[8];
static unsigned ended_count;

static void note_end(struct task_group *group, struct task *task)
{
    cr_assert_eq(task->group, group);
    cr_assert(task_ended(task));
    ended[ended_count++] = task;
}

Test(task_group, contain_hands_each_end_over)
{
    struct owner owner = owner_of(GROUP_CONTAIN);

    owner.on_end = note_end;
    owner.children[0].result = -EPIPE;
    owner.children[1].result = 3;
    start(&owner);
    fixture_pass(30 * NS_PER_MS);
    cr_assert_eq(owner.joined, 0);
    cr_assert_eq(ended_count, 3);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(ended[i], &owner.children[i].task);
        cr_assert_eq(elapsed_ms(owner.children[i].ended_ns), 10 * (i + 1), "the others live");
    }
    cr_assert_eq(ended[0]->result, -EPIPE);
    cr_assert(list_empty(&owner.group.failures));
}

static struct child successor;

static void spawn_successor(struct task_group *group, struct task *task)
{
    note_end(group, task);
    if (ended_count == 3)
        cr_assert_eq(task_group_spawn(group, &successor.task, "successor", child_step), 0);
}

Test(task_group, on_end_may_spawn_even_for_the_last_child)
{
    struct owner owner = owner_of(GROUP_CONTAIN);

    owner.on_end = spawn_successor;
    successor.sleep_ns = 10 * NS_PER_MS;
    start(&owner);
    fixture_pass(30 * NS_PER_MS);
    cr_assert_not(task_ended(&owner.task), "the join waits for the successor too");
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(ended_count, 4);
    cr_assert(task_ended(&owner.task));
}

/* --- spawning --- */

Test(task_group, a_refused_spawn_leaves_it_with_the_caller)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);
    struct child late = {.rc = 77};

    owner.busy_ns = 50 * NS_PER_MS;
    start(&owner);
    task_group_cancel(&owner.group, loop.now_ns);
    late.task.result = 99;
    cr_assert_eq(task_group_spawn(&owner.group, &late.task, "late", child_step), -ECANCELED);
    fixture_pass(50 * NS_PER_MS);
    cr_assert_eq(late.rc, 77, "it never ran");
    cr_assert_eq(late.task.result, 99, "nor was it touched");
    cr_assert(task_ended(&owner.task));
}

Test(task_group, a_child_cancelled_before_its_first_step_still_runs)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    for (int i = 0; i < 3; i++)
        owner.children[i].rc = 77;
    cr_assert_eq(task_group_spawn(&actor_group, &owner.task, "owner", owner_step), 0);
    fixture_turn();
    task_group_cancel(&owner.group, loop.now_ns);
    fixture_settle();
    for (int i = 0; i < 3; i++)
        cr_assert_eq(owner.children[i].rc, -ECANCELED);
    cr_assert_eq(owner.joined, 0);
}

/* A child that sleeps, and then spawns another one beside itself. */
struct parent {
    struct task task;
    struct frame frame;
    struct child child;
    int rc;
};

static int parent_step(struct task *task)
{
    struct parent *const self = container_of(task, struct parent, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, 40 * NS_PER_MS));
    self->child.sleep_ns = 10 * NS_PER_MS;
    TASK_RETURN(task_group_spawn(task->group, &self->child.task, "sibling", child_step));
    TASK_END();
}

Test(task_group, a_child_may_spawn_siblings_while_the_group_is_being_joined)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);
    struct parent parent = {.rc = 1};

    start(&owner);
    cr_assert_eq(task_group_spawn(&owner.group, &parent.task, "parent", parent_step), 0);
    fixture_pass(49 * NS_PER_MS);
    cr_assert(task_ended(&parent.task));
    cr_assert_not(task_ended(&owner.task));
    fixture_pass(NS_PER_MS);
    cr_assert_eq(owner.joined, 0);
    cr_assert_eq(elapsed_ms(owner.joined_ns), 50);
}

Test(task_group, a_sibling_spawned_into_a_cancelled_group_is_refused)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);
    struct parent parent = {.rc = 1};

    start(&owner);
    cr_assert_eq(task_group_spawn(&owner.group, &parent.task, "parent", parent_step), 0);
    task_group_cancel(&owner.group, loop.now_ns);
    fixture_settle();
    cr_assert_eq(parent.task.result, -ECANCELED);
    cr_assert_eq(owner.joined, 0, "the refusal is no failure: it was cancelled");
}

Test(task_group, a_second_cancel_of_a_group_may_only_bring_it_nearer)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.children[0].clean_up_ns = NS_PER_SECOND;
    start(&owner);
    task_group_cancel(&owner.group, begun_ns + 20 * NS_PER_MS);
    fixture_pass(NS_PER_MS);
    task_group_cancel(&owner.group, begun_ns + 30 * NS_PER_MS);
    cr_assert_eq(owner.group.cancel_ns, begun_ns + 20 * NS_PER_MS);
    task_group_cancel(&owner.group, begun_ns + 10 * NS_PER_MS);
    fixture_pass(9 * NS_PER_MS);
    cr_assert_eq(elapsed_ms(owner.joined_ns), 10);
}

/* --- releasing --- */

static bool in_batch;
static unsigned released_count;

static void note_release(struct task_group *group, struct task *task)
{
    cr_assert_eq(task->group, group);
    cr_assert(task_ended(task));
    cr_assert_not(in_batch, "others may still hold a pointer");
    released_count++;
    memset(task, 0xa5, sizeof(*task));
}

static void leave_batch(struct callback *callback)
{
    (void)callback;
    in_batch = false;
}

static void enter_batch(struct task_group *group, struct task *task)
{
    static struct callback last = {.run = leave_batch, .name = "last"};
    (void)group, (void)task;
    in_batch = true;
    loop_reap(&loop, &last);
}

Test(task_group, release_is_called_in_the_reap_phase)
{
    struct owner owner = owner_of(GROUP_CONTAIN);

    owner.on_end = enter_batch;
    owner.release = note_release;
    owner.children[1].result = -EPIPE;
    start(&owner);
    fixture_pass(20 * NS_PER_MS);
    cr_assert_eq(released_count, 2);
    cr_assert_not(task_ended(&owner.task));
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(released_count, 3);
    cr_assert_eq(owner.joined, 0);
    cr_assert_eq(elapsed_ms(owner.joined_ns), 30);
}

Test(task_group, where_children_are_released_their_first_error_is_kept)
{
    struct owner owner = owner_of(GROUP_FAIL_FAST);

    owner.release = note_release;
    owner.children[1].result = -EPIPE;
    start(&owner);
    fixture_pass(20 * NS_PER_MS);
    cr_assert_eq(owner.joined, -EPIPE);
    cr_assert_eq(released_count, 3);
    cr_assert(list_empty(&owner.group.failures));
}
