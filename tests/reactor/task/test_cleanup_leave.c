/*
 * Scopes whose releases wait: order, errors, cancels at every await, and time. A thing writes its
 * letter down when its release begins, and as a capital when that has completed.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/task/cleanup.h"
#include "tests/support/fixture.h"

TestSuite(cleanup_leave, .init = fixture_open, .fini = fixture_close);

#define HANGS_NS (3600 * NS_PER_SECOND)

/* Something acquired, whose release takes a millisecond unless told otherwise. */
struct thing {
    struct defer defer;
    struct frame frame;
    int rc;
    char letter;
    int64_t takes_ns;
    int64_t limit_ns; /* of a deadline that the release opens; 0: none */
    int error; /* what it fails with when its time is over; 0: it doesn't */
    int outcome; /* what it was told */
    struct cancel_scope limit;
    struct cleanup *inner; /* one that it leaves itself; NULL: none */
};

static char released[64];

static void note(int letter)
{
    released[strlen(released)] = (char)letter;
}

static int release_thing(struct task *task, struct defer *defer, int outcome)
{
    struct thing *const self = container_of(defer, struct thing, defer);

    TASK_BEGIN();
    note(self->letter);
    self->outcome = outcome;
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    TASK_AWAIT(self->rc, task_sleep(task, self->takes_ns));
    if (self->limit_ns)
        (void)cancel_scope_close(task, &self->limit);
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    if (self->inner)
        TASK_AWAIT(self->rc, cleanup_leave(task, self->inner, outcome));
    note(toupper((unsigned char)self->letter));
    TASK_RETURN(self->rc < 0 ? self->rc : self->error);
    TASK_END();
}

static void release_at_once(struct defer *defer)
{
    note(container_of(defer, struct thing, defer)->letter);
}

static void defer_thing(struct cleanup *cleanup, struct thing *thing)
{
    static char names[] = "a\0b\0c\0d\0e\0f";
    cleanup_defer_waiting(cleanup, &thing->defer, &names[2 * (thing->letter - 'a')], release_thing);
}

static struct thing thing_of(char letter)
{
    return (struct thing){.letter = letter, .takes_ns = NS_PER_MS};
}

/* The stretch: acquires three things, a millisecond each, works for two more, and ends. */
struct stretch {
    struct frame frame;
    int rc;
    int at;
    int result;
};

/* Who owns the cleanup. */
struct owner {
    struct task task;
    struct frame frame;
    int rc;
    struct cleanup cleanup;
    struct thing things[3];
    struct stretch stretch;
    int64_t limit_ns; /* of a deadline around all of it; 0: none */
    struct cancel_scope limit;
    bool limit_passed;
    int after; /* what an await behind it answered */
    int64_t ended_ns;
};

static int do_stretch(struct task *task, struct owner *owner)
{
    struct stretch *const self = &owner->stretch;

    TASK_BEGIN();
    for (self->at = 0; self->at < 3; self->at++) {
        TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
        defer_thing(&owner->cleanup, &owner->things[self->at]);
    }
    TASK_AWAIT(self->rc, task_sleep(task, 2 * NS_PER_MS));
    TASK_RETURN(self->rc < 0 ? self->rc : self->result);
    TASK_END();
}

static int owner_step(struct task *task)
{
    struct owner *const self = container_of(task, struct owner, task);

    TASK_BEGIN();
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    TASK_AWAIT(self->rc, do_stretch(task, self));
    TASK_AWAIT(self->rc, cleanup_leave(task, &self->cleanup, self->rc));
    if (self->limit_ns)
        self->limit_passed = cancel_scope_close(task, &self->limit);
    self->ended_ns = task->loop->now_ns;
    TASK_AWAIT(self->after, task_sleep(task, 0));
    TASK_RETURN(self->rc);
    TASK_END();
}

static struct owner owner_of(int result)
{
    return (struct owner){.stretch.result = result,
                          .things = {thing_of('a'), thing_of('b'), thing_of('c')}};
}

static void start(struct owner *owner)
{
    cr_assert_eq(task_group_spawn(&actor_group, &owner->task, "owner", owner_step), 0);
    fixture_settle();
}

static void run(struct owner *owner)
{
    start(owner);
    fixture_pass(20 * NS_PER_MS);
    cr_assert(task_ended(&owner->task));
    cr_assert(!owner->cleanup.last);
}

/* How the releases that failed ended, in that order, like "c -32". */
static const char *failures(const struct cleanup *cleanup)
{
    static char text[128];
    size_t length = 0;
    text[0] = '\0';
    for (const struct defer *defer = cleanup->failed; defer; defer = defer->below)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %d",
                                   length ? ", " : "", defer->name, defer->result);
    return text;
}

/* Order and errors. */

Test(cleanup_leave, after_success_all_is_released_in_reverse_one_after_the_other)
{
    struct owner owner = owner_of(7);

    start(&owner);
    fixture_pass(5 * NS_PER_MS);
    cr_assert_str_eq(released, "c");
    fixture_pass(NS_PER_MS);
    cr_assert_str_eq(released, "cCb");
    fixture_pass(2 * NS_PER_MS);
    cr_assert_str_eq(released, "cCbBaA");
    cr_assert_eq(owner.task.result, 7);
    cr_assert_str_eq(failures(&owner.cleanup), "");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(owner.things[i].outcome, 7);
}

Test(cleanup_leave, after_an_error_the_same_and_each_release_is_told)
{
    struct owner owner = owner_of(-EIO);

    run(&owner);
    cr_assert_str_eq(released, "cCbBaA");
    cr_assert_eq(owner.task.result, -EIO);
    cr_assert_str_eq(failures(&owner.cleanup), "");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(owner.things[i].outcome, -EIO);
}

Test(cleanup_leave, a_release_that_fails_stops_no_other_and_adds_to_the_errors)
{
    struct owner owner = owner_of(7);

    owner.things[2].error = -EPIPE;
    owner.things[0].error = -EIO;
    run(&owner);
    cr_assert_str_eq(released, "cCbBaA");
    cr_assert_eq(owner.task.result, -EPIPE);
    cr_assert_str_eq(failures(&owner.cleanup), "c -32, a -5");
    cr_assert_eq(owner.things[2].outcome, 7);
    cr_assert_eq(owner.things[1].outcome, -EPIPE, "what comes after a failure undoes");
}

Test(cleanup_leave, the_error_of_the_stretch_stays_the_first)
{
    struct owner owner = owner_of(-ENOENT);

    owner.things[1].error = -EPIPE;
    run(&owner);
    cr_assert_eq(owner.task.result, -ENOENT);
    cr_assert_eq(owner.things[0].outcome, -ENOENT);
    cr_assert_str_eq(failures(&owner.cleanup), "b -32");
}

/* Cancels. */

/* Runs `owner` for `turns` turns that wait, and then cancels it with `clean_up_ns` to tidy up.
 * Returns whether it was there to be cancelled. */
static bool cancel_after(struct owner *owner, int turns, int64_t clean_up_ns)
{
    cr_assert_eq(task_group_spawn(&actor_group, &owner->task, "owner", owner_step), 0);
    sim_limit(sim, TIME_NEVER);
    for (int turn = 0; turn < turns && !task_ended(&owner->task); turn++)
        cr_assert_eq(loop_run_once(&loop), 0);
    bool there = !task_ended(&owner->task);
    task_cancel(&owner->task, time_after(loop.now_ns, clean_up_ns));
    fixture_settle();
    fixture_pass(20 * NS_PER_MS);
    cr_assert(task_ended(&owner->task), "after %d turns", turns);
    cr_assert(!owner->cleanup.last, "after %d turns", turns);
    return there;
}

Test(cleanup_leave, whenever_it_is_cancelled_what_was_acquired_is_released_once)
{
    static const char all[] = "cCbBaA";
    bool more = true;

    for (int turns = 0; more; turns++) {
        struct owner owner = owner_of(7);
        memset(released, 0, sizeof(released));
        more = cancel_after(&owner, turns, HANGS_NS);
        bool completed = owner.stretch.at == 3 && owner.things[0].outcome == 7;
        cr_assert_str_eq(released, all + strlen(all) - 2 * (size_t)owner.stretch.at,
                         "after %d turns", turns);
        cr_assert_eq(owner.task.result, completed ? 7 : -ECANCELED, "after %d turns", turns);
        cr_assert_eq(owner.after, more ? -ECANCELED : 0, "after %d turns", turns);
        cr_assert_str_eq(failures(&owner.cleanup), "");
    }
}

Test(cleanup_leave, whenever_it_is_cancelled_without_time_each_release_is_begun_once)
{
    bool more = true;

    for (int turns = 0; more; turns++) {
        struct owner owner = owner_of(7);
        memset(released, 0, sizeof(released));
        more = cancel_after(&owner, turns, 0);
        for (int i = 0; i < owner.stretch.at; i++) {
            const char *begun = strchr(released, 'a' + i);
            cr_assert(begun, "%c after %d turns", 'a' + i, turns);
            cr_assert(!strchr(begun + 1, 'a' + i), "%c after %d turns", 'a' + i, turns);
        }
        cr_assert_leq(owner.ended_ns, loop.now_ns - 20 * NS_PER_MS, "after %d turns", turns);
    }
}

Test(cleanup_leave, one_that_hangs_is_cut_at_the_cancels_deadline)
{
    struct owner owner = owner_of(7);
    int64_t begun_ns = loop.now_ns;

    owner.things[1].takes_ns = HANGS_NS;
    start(&owner);
    fixture_pass(3 * NS_PER_MS); /* all three are acquired */
    task_cancel(&owner.task, loop.now_ns + 10 * NS_PER_MS);
    fixture_pass(9 * NS_PER_MS);
    cr_assert_str_eq(released, "cCb");
    cr_assert_not(task_ended(&owner.task));
    fixture_pass(NS_PER_MS);
    cr_assert(task_ended(&owner.task));
    cr_assert_eq(owner.ended_ns, begun_ns + 13 * NS_PER_MS);
    cr_assert_str_eq(released, "cCba", "the last has no time left, but is released");
    cr_assert_eq(owner.task.result, -ECANCELED);
    cr_assert_str_eq(failures(&owner.cleanup), "b -125, a -125");
}

Test(cleanup_leave, a_cancel_while_it_is_left_doesnt_turn_a_commit_into_a_failure)
{
    struct owner owner = owner_of(7);

    start(&owner);
    fixture_pass(5 * NS_PER_MS);
    cr_assert_str_eq(released, "c");
    task_cancel(&owner.task, TIME_NEVER);
    fixture_pass(3 * NS_PER_MS);
    cr_assert_str_eq(released, "cCbBaA");
    cr_assert_eq(owner.task.result, 7);
    cr_assert_eq(owner.after, -ECANCELED);
}

/* Deadlines. */

Test(cleanup_leave, a_deadline_around_it_ends_the_stretch_and_no_release)
{
    struct owner owner = owner_of(7);

    owner.limit_ns = 4 * NS_PER_MS;
    run(&owner);
    cr_assert_str_eq(released, "cCbBaA");
    cr_assert_eq(owner.task.result, -ETIMEDOUT);
    cr_assert(owner.limit_passed);
    cr_assert_str_eq(failures(&owner.cleanup), "");
}

Test(cleanup_leave, a_deadline_that_passes_meanwhile_is_told_afterwards)
{
    struct owner owner = owner_of(7);

    owner.limit_ns = 6 * NS_PER_MS; /* when c is released */
    run(&owner);
    cr_assert_str_eq(released, "cCbBaA");
    cr_assert_eq(owner.task.result, 7);
    cr_assert(owner.limit_passed);
}

Test(cleanup_leave, a_release_may_have_a_deadline_of_its_own)
{
    struct owner owner = owner_of(7);

    owner.things[1].takes_ns = HANGS_NS;
    owner.things[1].limit_ns = 2 * NS_PER_MS;
    run(&owner);
    cr_assert_str_eq(released, "cCbaA");
    cr_assert_eq(owner.task.result, -ETIMEDOUT);
    cr_assert_str_eq(failures(&owner.cleanup), "b -110");
}

/* Scopes in scopes, and what is deferred. */

Test(cleanup_leave, a_release_may_leave_a_scope_of_its_own)
{
    struct owner owner = owner_of(7);
    struct cleanup inner = {0};
    struct thing d = thing_of('d'), e = thing_of('e');

    defer_thing(&inner, &d);
    defer_thing(&inner, &e);
    e.error = -EPIPE;
    owner.things[1].inner = &inner;
    run(&owner);
    cr_assert_str_eq(released, "cCbeEdDBaA");
    cr_assert_eq(owner.task.result, -EPIPE);
    cr_assert_str_eq(failures(&inner), "e -32");
    cr_assert_str_eq(failures(&owner.cleanup), "b -32");
    cr_assert_eq(owner.things[0].outcome, -EPIPE);
}

/* A task with a cleanup inside of another's stretch. */
struct nest {
    struct task task;
    struct frame frame;
    int rc;
    struct cleanup outer;
    struct cleanup inner;
    struct thing a;
    struct thing b;
};

static int nest_step(struct task *task)
{
    struct nest *const self = container_of(task, struct nest, task);

    TASK_BEGIN();
    defer_thing(&self->outer, &self->a);
    defer_thing(&self->inner, &self->b);
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    TASK_AWAIT(self->rc, cleanup_leave(task, &self->inner, self->rc));
    if (self->rc == 0)
        TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    TASK_AWAIT(self->rc, cleanup_leave(task, &self->outer, self->rc));
    TASK_RETURN(self->rc);
    TASK_END();
}

Test(cleanup_leave, whenever_it_is_cancelled_the_inner_of_two_scopes_is_left_first)
{
    for (int turns = 0; turns < 6; turns++) {
        struct nest nest = {.a = thing_of('a'), .b = thing_of('b')};
        memset(released, 0, sizeof(released));
        cr_assert_eq(task_group_spawn(&actor_group, &nest.task, "nest", nest_step), 0);
        sim_limit(sim, TIME_NEVER);
        for (int turn = 0; turn < turns && !task_ended(&nest.task); turn++)
            cr_assert_eq(loop_run_once(&loop), 0);
        bool there = !task_ended(&nest.task);
        task_cancel(&nest.task, TIME_NEVER);
        fixture_settle();
        fixture_pass(10 * NS_PER_MS);
        cr_assert_str_eq(released, "bBaA", "after %d turns", turns);
        if (turns < 2)
            cr_assert_eq(nest.b.outcome, -ECANCELED);
        cr_assert_eq(nest.task.result, nest.a.outcome);
        cr_assert_eq(there, turns < 5, "%d turns", turns);
    }
}

static void free_thing(struct defer *defer)
{
    release_at_once(defer);
    free(container_of(defer, struct thing, defer));
}

/* Leaves what is deferred; a task of its own, for tests that fill the cleanup themselves. */
static int leave(struct task *task, void *object)
{
    return cleanup_leave(task, object, 0);
}

static int leave_now(struct cleanup *cleanup)
{
    struct actor actor = {.call = leave, .object = cleanup};
    actor_start(&actor, "leaver");
    fixture_settle();
    fixture_pass(10 * NS_PER_MS);
    cr_assert(task_ended(&actor.task));
    return actor.rc;
}

Test(cleanup_leave, releases_that_wait_and_such_that_dont_are_one_stack)
{
    struct cleanup cleanup = {0};
    struct thing a = thing_of('a'), c = thing_of('c'), e = thing_of('e');
    struct thing *d = malloc(sizeof(*d));

    cr_assert_not_null(d);
    *d = thing_of('d');
    cleanup_defer(&cleanup, &a.defer, release_at_once);
    defer_thing(&cleanup, &c);
    cleanup_defer(&cleanup, &d->defer, free_thing);
    defer_thing(&cleanup, &e);
    cr_assert_eq(leave_now(&cleanup), 0);
    cr_assert_str_eq(released, "eEdcCa");
}

static struct cleanup *growing;
static struct thing late;

static void release_and_defer(struct defer *defer)
{
    release_at_once(defer);
    defer_thing(growing, &late);
}

Test(cleanup_leave, what_a_release_defers_is_released_before_all_that_was_there)
{
    struct cleanup cleanup = {0};
    struct thing a = thing_of('a'), b = thing_of('b');

    growing = &cleanup;
    late = thing_of('f');
    defer_thing(&cleanup, &a);
    cleanup_defer(&cleanup, &b.defer, release_and_defer);
    cr_assert_eq(leave_now(&cleanup), 0);
    cr_assert_str_eq(released, "bfFaA");
}

Test(cleanup_leave, a_scope_that_was_left_can_be_used_again)
{
    struct cleanup cleanup = {0};
    struct thing a = thing_of('a'), b = thing_of('b');

    cr_assert_eq(leave_now(&cleanup), 0);
    a.error = -EIO;
    defer_thing(&cleanup, &a);
    cr_assert_eq(leave_now(&cleanup), -EIO);
    cr_assert_str_eq(failures(&cleanup), "a -5");
    defer_thing(&cleanup, &b);
    cr_assert_eq(leave_now(&cleanup), 0);
    cr_assert_str_eq(failures(&cleanup), "");
    cr_assert_str_eq(released, "aAbB");
}
