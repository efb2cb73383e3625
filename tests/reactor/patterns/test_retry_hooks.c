/*
 * What a program can hang on a retry: a hook before each pause, a pause that the error chooses. The
 * cases follow tenacity's test_tenacity.py (before_sleep, wait_exception, retry_if_exception).
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "reactor/patterns/retry.h"
#include "tests/support/fixture.h"

TestSuite(retry_hooks, .init = fixture_open, .fini = fixture_close);

/* Fails with -EAGAIN until it has been asked three times. */
static struct server {
    struct actor actor;
    struct retry retry;
    unsigned asked;
    int64_t retry_after_ns; /* negative: it says nothing */
    unsigned pauses; /* seen by the hook */
    int64_t paused_ns;
} server;

static int asks(struct task *task, void *object)
{
    (void)task;
    return ++((struct server *)object)->asked < 3 ? -EAGAIN : 0;
}

static bool again(void *object, int error)
{
    cr_assert_eq(object, &server);
    return error == -EAGAIN;
}

static int64_t pause_ns(void *object, int error)
{
    cr_assert_eq(error, -EAGAIN);
    return ((struct server *)object)->retry_after_ns;
}

static void before_pause(void *object, const struct retry *retry)
{
    struct server *self = object;
    cr_assert_eq(retry, &self->retry);
    cr_assert_eq(retry->rc, -EAGAIN);
    cr_assert_eq(retry->attempts, self->asked);
    self->pauses++;
    self->paused_ns += retry->pause_ns;
}

static int retries(struct task *task, void *object)
{
    return retry_run(task, &server.retry, asks, object);
}

static const struct retry_policy policy = {.attempts = 5,
                                           .first_delay_ns = 10 * NS_PER_MS,
                                           .factor = 2,
                                           .cap_ns = 10 * NS_PER_MS,
                                           .again = again,
                                           .pause_ns = pause_ns,
                                           .before_pause = before_pause};

static void start(int64_t retry_after_ns, int64_t limit_ns)
{
    server = (struct server){.retry_after_ns = retry_after_ns};
    server.actor.call = retries;
    server.actor.object = &server;
    server.actor.limit_ns = limit_ns;
    retry_init(&server.retry, &policy, 1);
    actor_start(&server.actor, "client");
    fixture_settle();
}

Test(retry_hooks, the_hook_is_called_before_each_pause_and_not_after_the_last_attempt)
{
    start(-1, 0);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&server.actor, 0));
    cr_assert_eq(server.pauses, 2);
}

Test(retry_hooks, the_pause_that_the_error_chooses_is_made_though_it_is_above_the_cap)
{
    start(5 * NS_PER_SECOND, 0);
    fixture_pass(10 * NS_PER_SECOND - 1);
    cr_assert(actor_waiting(&server.actor));
    fixture_pass(1);
    cr_assert(actor_ended(&server.actor, 0));
    cr_assert_eq(server.paused_ns, 10 * NS_PER_SECOND);
}

Test(retry_hooks, a_pause_beyond_the_deadline_is_not_begun)
{
    start(5 * NS_PER_SECOND, 2 * NS_PER_SECOND);
    cr_assert(actor_ended(&server.actor, -EAGAIN));
    cr_assert_eq(server.pauses, 0);
}

Test(retry_hooks, a_pause_of_nothing_lasts_until_the_next_turn)
{
    start(0, 0);
    fixture_settle();
    cr_assert(actor_ended(&server.actor, 0));
    cr_assert_eq(server.pauses, 2);
}

/* The upper end of what is drawn is a pause, too. */
Test(retry_hooks, a_pause_may_be_as_long_as_its_ceiling_and_no_longer)
{
    struct retry_policy tight = {.attempts = 0, .first_delay_ns = 1, .factor = 1, .cap_ns = 1};
    unsigned seen[2] = {0, 0};
    for (uint64_t seed = 0; seed < 200; seed++) {
        server = (struct server){.asked = 1, .retry_after_ns = -1};
        server.actor.call = retries;
        server.actor.object = &server;
        retry_init(&server.retry, &tight, seed);
        actor_start(&server.actor, "client");
        fixture_pass(NS_PER_MS);
        cr_assert(actor_ended(&server.actor, 0));
        cr_assert(server.retry.pause_ns == 0 || server.retry.pause_ns == 1);
        seen[server.retry.pause_ns]++;
    }
    cr_assert_geq(seen[0], 50);
    cr_assert_geq(seen[1], 50);
}
