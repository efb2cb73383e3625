/* The pool: what becomes of the things in it, idle, doubted, broken and too old. */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/support/pool_fixture.h"

TestSuite(pool_idle, .init = pool_fixture_open);

/* --- broken ones --- */

Test(pool_idle, an_item_that_is_given_back_as_broken_is_replaced)
{
    struct user a, b, waiter;

    user_lease(&a);
    user_lease(&b);
    user_ask(&waiter, 0);
    fixture_settle();
    user_discard(&a);
    fixture_settle();
    cr_assert_eq(closed, 1);
    cr_assert_eq(user_lent(&waiter), 3);
    user_release(&b);
    user_release(&waiter);
    pool_fixture_close();
}

/* Leaves both items idle, to be checked at the next lease. */
static void idle_until_doubted(void)
{
    struct user a, b;

    pool.check = thing_check;
    pool.trust_ns = NS_PER_SECOND;
    user_lease(&a);
    user_lease(&b);
    user_release(&a);
    user_release(&b);
    fixture_pass(NS_PER_SECOND);
}

Test(pool_idle, an_item_is_checked_once_it_was_idle_for_long)
{
    struct user a;

    idle_until_doubted();
    cr_assert_eq(checked, 0);
    user_lease(&a);
    cr_assert_eq(checked, 1);
    cr_assert_eq(user_lent(&a), 2);
    user_release(&a);
    fixture_pass(NS_PER_SECOND - 1);
    user_lease(&a);
    cr_assert_eq(checked, 1);
    user_release(&a);
    pool_fixture_close();
}

Test(pool_idle, one_that_fails_its_check_is_replaced)
{
    struct user a;

    idle_until_doubted();
    check_error = -EPIPE;
    check_ns = NS_PER_MS;
    user_ask(&a, 0);
    fixture_pass(2 * NS_PER_MS);
    cr_assert_eq(checked, 2);
    cr_assert_eq(closed, 2);
    cr_assert_eq(user_lent(&a), 3);
    user_release(&a);
    pool_fixture_close();
}

Test(pool_idle, a_check_that_is_cut_short_costs_its_item_and_no_other)
{
    struct user cancelled, late;

    idle_until_doubted();
    check_ns = NS_PER_SECOND;
    user_ask(&cancelled, 0);
    user_ask(&late, NS_PER_MS);
    fixture_pass(0);
    user_cancel(&cancelled);
    fixture_pass(0);
    cr_assert(actor_ended(&cancelled.actor, -ECANCELED));
    cr_assert_eq(closed, 1);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&late.actor, -ETIMEDOUT));
    cr_assert_eq(closed, 2);
    cr_assert_eq(pool.busy_count, 0);
    pool_fixture_close();
}

Test(pool_idle, one_that_is_found_good_in_the_turn_of_the_deadline_is_lent)
{
    struct user a;

    idle_until_doubted();
    check_ns = NS_PER_SECOND;
    user_ask(&a, NS_PER_SECOND);
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(user_lent(&a), 2);
    cr_assert(a.actor.limit_passed);
    user_release(&a);
    pool_fixture_close();
}

Test(pool_idle, after_a_check_cut_short_the_others_stay_idle)
{
    struct user late;

    idle_until_doubted();
    check_ns = NS_PER_SECOND;
    user_ask(&late, NS_PER_MS);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&late.actor, -ETIMEDOUT));
    cr_assert_eq(closed, 1);
    cr_assert_eq(pool.idle_count, 1);
    pool_fixture_close();
}

/* One that tells all its failures by the same error. */
static int check_says_broken(struct task *task, struct pool_item *item)
{
    int rc = thing_check(task, item);
    return rc < 0 && rc != TASK_PENDING ? -EPIPE : rc;
}

Test(pool_idle, a_check_that_fails_as_its_task_is_cancelled_costs_no_other_item)
{
    struct user cancelled;

    idle_until_doubted();
    pool.check = check_says_broken;
    check_ns = NS_PER_SECOND;
    user_ask(&cancelled, 0);
    fixture_pass(NS_PER_MS);
    user_cancel(&cancelled);
    fixture_settle();
    cr_assert(actor_ended(&cancelled.actor, -ECANCELED));
    cr_assert_eq(closed, 1);
    cr_assert_eq(pool.idle_count, 1);
    pool_fixture_close();
}

Test(pool_idle, who_is_cancelled_in_a_check_is_not_lent_what_came_back_meanwhile)
{
    struct user busy, cancelled;

    idle_until_doubted();
    user_lease(&busy);
    pool.check = check_says_broken;
    check_ns = NS_PER_SECOND;
    user_ask(&cancelled, 0);
    fixture_pass(NS_PER_MS);
    user_release(&busy);
    user_cancel(&cancelled);
    fixture_settle();
    cr_assert(actor_ended(&cancelled.actor, -ECANCELED));
    cr_assert_eq(pool.idle_count, 1);
    pool_fixture_close();
}

Test(pool_idle, who_checks_an_item_stays_with_it_though_a_better_one_comes_back)
{
    struct user busy, doubts;

    idle_until_doubted();
    user_lease(&busy);
    check_ns = NS_PER_SECOND;
    user_ask(&doubts, 0);
    fixture_pass(NS_PER_MS);
    user_release(&busy);
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(user_lent(&doubts), 1);
    cr_assert_eq(pool.idle_count, 1);
    user_release(&doubts);
    pool_fixture_close();
}

/* --- expiry --- */

Test(pool_idle, an_idle_item_expires_and_one_in_use_does_not)
{
    struct user a, b;

    pool.keep_ns = 30 * NS_PER_SECOND;
    user_lease(&a);
    user_lease(&b);
    user_release(&a);
    fixture_pass(30 * NS_PER_SECOND - NS_PER_MS);
    cr_assert_eq(closed, 0);
    fixture_pass(NS_PER_MS);
    cr_assert_eq(closed, 1);
    fixture_pass(60 * NS_PER_SECOND);
    cr_assert_eq(closed, 1);
    user_release(&b);
    pool_fixture_close();
}

Test(pool_idle, each_expires_at_its_own_time_though_one_timer_serves_them_all)
{
    struct user a, b;

    pool.keep_ns = 10 * NS_PER_SECOND;
    user_lease(&a);
    user_lease(&b);
    user_release(&a);
    fixture_pass(3 * NS_PER_SECOND);
    user_release(&b);
    fixture_pass(3 * NS_PER_SECOND);
    user_lease(&b); /* the timer still stands where the first one put it */
    user_release(&b);
    cr_assert_eq(wheel_count(&loop.wheel), 1);
    fixture_pass(4 * NS_PER_SECOND);
    cr_assert_eq(closed, 1);
    fixture_pass(6 * NS_PER_SECOND - NS_PER_MS);
    cr_assert_eq(closed, 1);
    fixture_pass(NS_PER_MS);
    cr_assert_eq(closed, 2);
    cr_assert_eq(wheel_count(&loop.wheel), 0);
    pool_fixture_close();
}

Test(pool_idle, one_kept_for_no_time_is_closed_in_the_next_turn)
{
    struct user a;

    pool.keep_ns = 0;
    user_lease(&a);
    user_release(&a);
    fixture_settle();
    cr_assert_eq(closed, 1);
    pool_fixture_close();
}

Test(pool_idle, what_is_being_made_or_checked_when_the_pool_is_shut_is_not_lent)
{
    struct user checks, makes;

    idle_until_doubted();
    user_lease(&makes);
    user_discard(&makes);
    check_ns = open_ns = NS_PER_SECOND;
    user_ask(&checks, 0);
    user_ask(&makes, 0);
    fixture_pass(NS_PER_MS);
    pool_shut(&pool);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&checks.actor, -ESHUTDOWN));
    cr_assert(actor_ended(&makes.actor, -ESHUTDOWN));
    pool_fixture_close();
}

Test(pool_idle, nothing_new_is_made_for_a_failed_check_once_the_pool_is_shut)
{
    struct user a;

    idle_until_doubted();
    check_ns = NS_PER_SECOND;
    check_error = -EPIPE;
    user_ask(&a, 0);
    fixture_pass(NS_PER_MS);
    pool_shut(&pool);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&a.actor, -ESHUTDOWN));
    cr_assert_eq(opened, 2);
    pool_fixture_close();
}
