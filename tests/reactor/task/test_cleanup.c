/*
 * Scopes that are closed at once, what is acquired until something fails, and mistakes. Those whose
 * releases wait are in test_cleanup_leave.c.
 */
#include "reactor/task/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/misuse.h"

TestSuite(cleanup, .init = fixture_open, .fini = fixture_close);

/* Something acquired, which writes its letter down when it is released. */
struct thing {
    struct defer defer;
    char letter;
    struct cleanup *cleanup; /* where its release defers another thing; NULL: it doesn't */
    struct thing *other;
};

static char released[16];

static void release_thing(struct defer *defer)
{
    struct thing *thing = container_of(defer, struct thing, defer);
    released[strlen(released)] = thing->letter;
    if (thing->other)
        cleanup_defer(thing->cleanup, &thing->other->defer, release_thing);
}

Test(cleanup, releases_run_in_reverse)
{
    struct cleanup cleanup = {0};
    struct thing a = {.letter = 'a'}, b = {.letter = 'b'}, c = {.letter = 'c'};

    cleanup_defer(&cleanup, &a.defer, release_thing);
    cleanup_defer(&cleanup, &b.defer, release_thing);
    cleanup_defer(&cleanup, &c.defer, release_thing);
    cr_assert_str_eq(released, "");
    cleanup_close(&cleanup);
    cr_assert_str_eq(released, "cba");
}

Test(cleanup, a_closed_scope_is_empty_and_can_be_used_again)
{
    struct cleanup cleanup = {0};
    struct thing a = {.letter = 'a'}, b = {.letter = 'b'};

    cleanup_close(&cleanup);
    cleanup_defer(&cleanup, &a.defer, release_thing);
    cleanup_close(&cleanup);
    cleanup_close(&cleanup);
    cleanup_defer(&cleanup, &b.defer, release_thing);
    cleanup_close(&cleanup);
    cr_assert_str_eq(released, "ab");
}

static void free_thing(struct defer *defer)
{
    release_thing(defer);
    free(container_of(defer, struct thing, defer));
}

Test(cleanup, a_release_may_free_the_memory_its_record_is_in)
{
    struct cleanup cleanup = {0};

    for (char letter = 'a'; letter <= 'c'; letter++) {
        struct thing *thing = calloc(1, sizeof(*thing));
        cr_assert_not_null(thing);
        thing->letter = letter;
        cleanup_defer(&cleanup, &thing->defer, free_thing);
    }
    cleanup_close(&cleanup);
    cr_assert_str_eq(released, "cba");
}

Test(cleanup, what_a_release_defers_is_released_before_all_that_was_there)
{
    struct cleanup cleanup = {0};
    struct thing a = {.letter = 'a'}, late = {.letter = 'l'};
    struct thing b = {.letter = 'b', .cleanup = &cleanup, .other = &late};

    cleanup_defer(&cleanup, &a.defer, release_thing);
    cleanup_defer(&cleanup, &b.defer, release_thing);
    cleanup_close(&cleanup);
    cr_assert_str_eq(released, "bla");
}

/* Acquisitions that fail: blocks and sockets, each of them a call that can. */

struct hoard {
    struct task task;
    struct frame frame;
    int rc;
    struct cleanup cleanup;
    struct hold {
        struct defer defer;
        struct frame frame;
        int rc;
        struct sys *sys;
        int fd;
        void *block;
    } holds[3];
    int count;
};

static int release_hold(struct task *task, struct defer *defer, int outcome)
{
    struct hold *const self = container_of(defer, struct hold, defer);

    TASK_BEGIN();
    (void)outcome;
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    (void)self->sys->close(self->sys, self->fd);
    self->sys->release(self->sys, self->block);
    TASK_RETURN(self->rc);
    TASK_END();
}

static int acquire_hold(struct hold *hold, struct cleanup *cleanup)
{
    struct sys *sys = hold->sys = loop.sys;
    hold->block = sys->allocate(sys, 100);
    if (!hold->block)
        return -ENOMEM;
    hold->fd = sys->socket(sys, AF_UNIX);
    if (hold->fd < 0) {
        sys->release(sys, hold->block);
        return hold->fd;
    }
    cleanup_defer_waiting(cleanup, &hold->defer, "hold", release_hold);
    return 0;
}

static int hoard_step(struct task *task)
{
    struct hoard *const self = container_of(task, struct hoard, task);

    TASK_BEGIN();
    for (self->count = 0; self->count < 3; self->count++) {
        self->rc = acquire_hold(&self->holds[self->count], &self->cleanup);
        if (self->rc < 0)
            break;
    }
    TASK_AWAIT(self->rc, cleanup_leave(task, &self->cleanup, self->rc));
    TASK_RETURN(self->rc);
    TASK_END();
}

Test(cleanup, whatever_call_fails_what_was_acquired_before_is_released)
{
    bool more = true;
    int failed = 0;

    for (uint64_t nth = 1; more; nth++) {
        struct hoard hoard = {.rc = 0};
        int descriptors = sim_open_descriptors(sim);
        size_t blocks = sim_live_blocks(sim);
        sim_fail_nth(sim, nth, 0);
        cr_assert_eq(task_group_spawn(&actor_group, &hoard.task, "hoard", hoard_step), 0);
        fixture_settle();
        fixture_pass(10 * NS_PER_MS);
        more = sim_failed_call(sim) != NULL;
        cr_assert(task_ended(&hoard.task));
        cr_assert_eq(hoard.task.result < 0, more);
        cr_assert_eq(sim_open_descriptors(sim), descriptors);
        cr_assert_eq(sim_live_blocks(sim), blocks);
        failed += more;
    }
    cr_assert_eq(failed, 6);
}

/* Mistakes. */

static struct cleanup misused;
static struct thing some;
static struct cancel_scope forgotten;

static int wait_a_little(struct task *task, struct defer *defer, int outcome)
{
    (void)defer, (void)outcome;
    return task_sleep(task, NS_PER_MS);
}

static void close_over_one_that_waits(void)
{
    cleanup_defer_waiting(&misused, &some.defer, "some", wait_a_little);
    cleanup_close(&misused);
}

static void close_misused(struct defer *defer)
{
    (void)defer;
    cleanup_close(&misused);
}

static int close_while_it_is_left(struct task *task, void *object)
{
    (void)object;
    cleanup_defer(&misused, &some.defer, close_misused);
    return cleanup_leave(task, &misused, 0);
}

static void defer_twice(void)
{
    cleanup_defer(&misused, &some.defer, release_thing);
    cleanup_defer(&misused, &some.defer, release_thing);
}

static void defer_nothing(void)
{
    cleanup_defer(&misused, &some.defer, NULL);
}

static void defer_without_a_name(void)
{
    cleanup_defer_waiting(&misused, &some.defer, NULL, wait_a_little);
}

static int leave_before_the_stretch_has_ended(struct task *task, void *object)
{
    (void)object;
    return cleanup_leave(task, &misused, TASK_PENDING);
}

static int leave_a_deadline_open(struct task *task, struct defer *defer, int outcome)
{
    (void)defer, (void)outcome;
    cancel_scope_open(task, &forgotten, NS_PER_SECOND);
    return 0;
}

static int release_with_a_deadline_left_open(struct task *task, void *object)
{
    (void)object;
    cleanup_defer_waiting(&misused, &some.defer, "some", leave_a_deadline_open);
    return cleanup_leave(task, &misused, 0);
}

Test(cleanup, who_misuses_it_is_told)
{
    misuse(close_over_one_that_waits, "cleanup_leave runs releases that wait");
    misuse_by_task(close_while_it_is_left, "a cleanup that is being left closes itself");
    misuse(defer_twice, "a release is deferred once");
    misuse(defer_nothing, "what is deferred is a release");
    misuse(defer_without_a_name, "a release that waits has a name");
    misuse_by_task(leave_before_the_stretch_has_ended,
                   "a cleanup is left when its stretch has ended");
    misuse_by_task(release_with_a_deadline_left_open, "the innermost scope is closed first");
}
