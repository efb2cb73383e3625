/*
 * A breaker that says what becomes of it, and probes that don't come back. The cases follow
 * gobreaker's gobreaker_test.go (OnStateChange, half-open).
 */
#include "reactor/patterns/breaker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/fixture.h"

/* Opens at the third failure within 10 s, for 5 s. */
static const struct breaker_policy policy = {
    .failures = 3, .window_ns = 10 * NS_PER_SECOND, .open_ns = 5 * NS_PER_SECOND};
static struct breaker breaker;

static void open_breaker(void)
{
    fixture_open();
    breaker_init(&breaker, NULL, "mail", &policy);
}

TestSuite(breaker_changes, .init = open_breaker, .fini = fixture_close);

/* One call at `now_ns` that ends at once. Returns what breaker_enter said. */
static int call(int64_t now_ns, int result)
{
    struct breaker_pass pass = {.breaker = NULL};
    int rc = breaker_enter(&breaker, &pass, now_ns);
    if (rc == 0)
        breaker_leave(&pass, now_ns, result);
    return rc;
}

static void trip_at(int64_t now_ns)
{
    for (unsigned i = 0; i < policy.failures; i++)
        cr_assert_eq(call(now_ns, -EIO), 0);
    cr_assert_eq(breaker_state(&breaker, now_ns), BREAKER_OPEN);
}

Test(breaker_changes, a_probe_that_never_leaves_does_not_refuse_everybody_for_ever)
{
    struct breaker_pass hung = {.breaker = NULL};
    int64_t lost_ns = 2 * policy.open_ns + 1;

    trip_at(0);
    cr_assert_eq(breaker_enter(&breaker, &hung, policy.open_ns), 0);
    cr_assert_eq(call(lost_ns - 1, 0), -EHOSTDOWN);
    cr_assert_eq(call(lost_ns, 0), 0, "the next probe");
    cr_assert_eq(breaker_state(&breaker, lost_ns), BREAKER_CLOSED);
    breaker_leave(&hung, lost_ns, -EIO);
    cr_assert_eq(breaker_state(&breaker, lost_ns), BREAKER_CLOSED, "it comes too late");
}

Test(breaker_changes, a_slow_probe_decides_if_it_is_the_first_to_come_back)
{
    struct breaker_pass slow = {.breaker = NULL}, next = {.breaker = NULL};
    int64_t late_ns = 3 * policy.open_ns;

    trip_at(0);
    breaker_enter(&breaker, &slow, policy.open_ns);
    cr_assert_eq(breaker_enter(&breaker, &next, late_ns), 0);
    breaker_leave(&slow, late_ns, 0);
    cr_assert_eq(breaker_state(&breaker, late_ns), BREAKER_CLOSED);
    breaker_leave(&next, late_ns, -EIO);
    cr_assert_eq(breaker_state(&breaker, late_ns), BREAKER_CLOSED);
}

/* --- changes: gobreaker's TestCustomCircuitBreaker, OnStateChange --- */

static enum breaker_state changes[8];
static unsigned change_count;

static void note_change(void *context, const struct breaker *changed, enum breaker_state state)
{
    cr_assert_eq(context, &change_count);
    cr_assert_str_eq(changed->name, "told");
    must(change_count < 8, "more changes than there can be");
    changes[change_count++] = state;
}

Test(breaker_changes, each_change_of_its_state_is_reported_once)
{
    static const enum breaker_state expected[] = {BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_OPEN,
                                                  BREAKER_HALF_OPEN, BREAKER_CLOSED};
    struct breaker_policy told = policy;
    told.on_change = note_change;
    told.context = &change_count;
    breaker_init(&breaker, NULL, "told", &told);
    for (int i = 0; i < 4; i++)
        call(0, -EIO);
    call(policy.open_ns, -EIO);
    call(policy.open_ns, 0);
    call(2 * policy.open_ns, 0);
    call(2 * policy.open_ns, -EIO);
    cr_assert_eq(change_count, 5);
    cr_assert_eq(memcmp(changes, expected, sizeof(expected)), 0);
}
