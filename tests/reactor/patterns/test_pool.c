/* The pool: who is lent what, in which order, what ends a wait. Misuse: test_misuse_patterns.c. */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/support/pool_fixture.h"

TestSuite(pool, .init = pool_fixture_open);

/* --- lending --- */

Test(pool, an_item_is_made_when_it_is_first_needed_and_lent_again)
{
    struct user a, b, c;

    cr_assert_eq(opened, 0);
    user_lease(&a);
    user_release(&a);
    user_lease(&b);
    cr_assert_eq(user_lent(&b), 1);
    user_lease(&c);
    cr_assert_eq(user_lent(&c), 2);
    user_release(&b);
    user_release(&c);
    cr_assert_eq(pool.idle_count, 2);
    pool_fixture_close();
}

Test(pool, the_latest_returned_is_lent_first)
{
    struct user a, b, c;

    user_lease(&a);
    user_lease(&b);
    user_release(&b);
    user_release(&a);
    user_lease(&c);
    cr_assert_eq(user_lent(&c), 1);
    user_release(&c);
    pool_fixture_close();
}

Test(pool, a_lease_of_what_is_idle_does_not_suspend)
{
    struct user a, b;

    user_lease(&a);
    user_release(&a);
    user_ask(&b, 0);
    fixture_turn();
    cr_assert_eq(user_lent(&b), 1);
    user_release(&b);
    pool_fixture_close();
}

Test(pool, those_who_wait_are_served_in_the_order_in_which_they_came)
{
    struct user users[5];

    for (int i = 0; i < 5; i++)
        user_ask(&users[i], 0);
    fixture_settle();
    for (int i = 0; i < 5; i++) {
        cr_assert(user_lent(&users[i]));
        for (int later = i + THINGS_LIMIT; later < 5; later++)
            cr_assert(actor_waiting(&users[later].actor));
        user_release(&users[i]);
        fixture_settle();
    }
    cr_assert_eq(opened, THINGS_LIMIT);
    pool_fixture_close();
}

Test(pool, as_many_are_served_as_came_back_in_a_turn)
{
    struct user users[4];

    for (int i = 0; i < 4; i++)
        user_ask(&users[i], 0);
    fixture_settle();
    user_release(&users[0]);
    user_release(&users[1]);
    fixture_settle();
    cr_assert(user_lent(&users[2]) && user_lent(&users[3]));
    user_release(&users[2]);
    user_release(&users[3]);
    pool_fixture_close();
}

Test(pool, a_newcomer_never_overtakes_who_was_woken)
{
    struct user a, b, waiter, newcomer;

    user_lease(&a);
    user_lease(&b);
    user_ask(&newcomer, 0);
    fixture_turn();
    user_cancel(&newcomer);
    user_ask(&waiter, 0);
    fixture_settle();
    user_ask(&newcomer, 0); /* it runs before the waiter, which is woken after */
    user_release(&a);
    fixture_settle();
    cr_assert_eq(user_lent(&waiter), 1);
    cr_assert(actor_waiting(&newcomer.actor));
    user_release(&b);
    user_release(&waiter);
    fixture_settle();
    user_release(&newcomer);
    pool_fixture_close();
}

Test(pool, one_that_is_woken_and_cancelled_passes_it_on)
{
    struct user a, b, first, second;

    user_lease(&a);
    user_lease(&b);
    user_ask(&first, 0);
    user_ask(&second, 0);
    fixture_settle();
    user_release(&a);
    user_cancel(&first);
    fixture_settle();
    cr_assert(actor_ended(&first.actor, -ECANCELED));
    cr_assert_eq(user_lent(&second), 1);
    user_release(&b);
    user_release(&second);
    pool_fixture_close();
}

/* --- limits of the wait --- */

Test(pool, a_deadline_ends_the_wait_and_the_place_in_line)
{
    struct user a, b, hasty, patient;

    user_lease(&a);
    user_lease(&b);
    user_ask(&hasty, NS_PER_SECOND);
    user_ask(&patient, 0);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&hasty.actor, -ETIMEDOUT));
    user_release(&a);
    fixture_settle();
    cr_assert(user_lent(&patient));
    user_release(&b);
    user_release(&patient);
    pool_fixture_close();
}

Test(pool, an_item_that_comes_in_the_turn_of_the_deadline_is_lent)
{
    struct user a, b, hasty;

    user_lease(&a);
    user_lease(&b);
    user_ask(&hasty, NS_PER_SECOND);
    fixture_settle();
    sim_advance(sim, NS_PER_SECOND);
    user_release(&a);
    fixture_settle();
    cr_assert_eq(user_lent(&hasty), 1);
    cr_assert(hasty.actor.limit_passed);
    user_release(&b);
    user_release(&hasty);
    pool_fixture_close();
}

Test(pool, a_cancel_in_the_turn_in_which_an_item_comes_takes_nothing)
{
    struct user a, b, waiter;

    user_lease(&a);
    user_lease(&b);
    user_ask(&waiter, 0);
    fixture_settle();
    user_release(&a);
    user_release(&b);
    user_cancel(&waiter);
    fixture_settle();
    cr_assert(actor_ended(&waiter.actor, -ECANCELED));
    cr_assert_eq(pool.idle_count, 2);
    pool_fixture_close();
}

Test(pool, who_is_cancelled_is_lent_nothing_though_an_item_is_idle)
{
    struct user a;

    user_lease(&a);
    user_release(&a);
    user_ask(&a, 0);
    user_cancel(&a);
    fixture_settle();
    cr_assert(actor_ended(&a.actor, -ECANCELED));
    cr_assert_eq(pool.idle_count, 1);
    pool_fixture_close();
}

/* --- making --- */

Test(pool, whoever_is_cut_short_while_an_item_is_made_leaves_the_place_to_the_next)
{
    struct user cancelled, late, next, last;

    open_ns = 2 * NS_PER_SECOND;
    user_ask(&cancelled, 0);
    user_ask(&late, NS_PER_SECOND);
    user_ask(&next, 0);
    user_ask(&last, 0);
    fixture_pass(NS_PER_MS);
    cr_assert_eq(pool.busy_count, THINGS_LIMIT);
    user_cancel(&cancelled);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&cancelled.actor, -ECANCELED));
    cr_assert(actor_ended(&late.actor, -ETIMEDOUT));
    fixture_pass(2 * NS_PER_SECOND);
    cr_assert(user_lent(&next) && user_lent(&last));
    user_release(&next);
    user_release(&last);
    pool_fixture_close();
}

Test(pool, an_item_that_is_made_in_the_turn_of_the_deadline_is_lent)
{
    struct user a;

    open_ns = NS_PER_SECOND;
    user_ask(&a, NS_PER_SECOND);
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(user_lent(&a), 1);
    cr_assert(a.actor.limit_passed);
    user_release(&a);
    pool_fixture_close();
}

Test(pool, what_cannot_be_made_is_the_failure_of_its_caller_alone)
{
    struct user a, b, c;

    open_ns = NS_PER_MS;
    open_error = -ECONNREFUSED;
    user_ask(&a, 0);
    user_ask(&b, 0);
    user_ask(&c, 0);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&a.actor, -ECONNREFUSED) && actor_ended(&b.actor, -ECONNREFUSED));
    open_error = 0;
    fixture_pass(NS_PER_MS);
    cr_assert_eq(user_lent(&c), 1);
    user_release(&c);
    pool_fixture_close();
}

Test(pool, without_memory_the_lease_fails_and_the_next_one_succeeds)
{
    struct user users[3];

    for (unsigned nth = 1; nth <= 3; nth++) {
        sim_fail_nth(sim, nth, 0);
        for (int i = 0; i < 3; i++)
            user_ask(&users[i], 0);
        fixture_settle();
        for (unsigned i = 0; i < 3; i++) {
            bool fails = nth == i + 1 && sim_failed_call(sim);
            cr_assert(fails ? actor_ended(&users[i].actor, -ENOMEM)
                            : user_lent(&users[i]) || actor_waiting(&users[i].actor));
        }
        for (int i = 0; i < 3; i++) {
            if (user_lent(&users[i]))
                user_discard(&users[i]);
            fixture_settle();
        }
        cr_assert_eq(pool.busy_count, 0);
    }
    pool_fixture_close();
}

/* --- the end --- */

Test(pool, a_shut_pool_refuses_newcomers_and_those_who_wait)
{
    struct user a, b, first, second, newcomer;

    user_lease(&a);
    user_lease(&b);
    user_ask(&first, 0);
    user_ask(&second, 0);
    fixture_settle();
    pool_shut(&pool);
    pool_shut(&pool);
    user_ask(&newcomer, 0);
    fixture_settle();
    cr_assert(actor_ended(&first.actor, -ESHUTDOWN));
    cr_assert(actor_ended(&second.actor, -ESHUTDOWN));
    cr_assert(actor_ended(&newcomer.actor, -ESHUTDOWN));
    user_release(&a);
    user_release(&b);
    pool_fixture_close();
}

Test(pool, shutting_closes_what_is_idle_at_once_and_what_is_lent_when_it_comes_back)
{
    struct user a, b;

    user_lease(&a);
    user_lease(&b);
    user_release(&b);
    pool_shut(&pool);
    cr_assert_eq(closed, 1);
    user_release(&a);
    cr_assert_eq(closed, 2);
    pool_fixture_close();
}

static int drains(struct task *task, void *object)
{
    return pool_drain(task, object);
}

Test(pool, draining_waits_for_the_last_item)
{
    struct user a, b;
    struct actor drainer = {.call = drains, .object = &pool};
    struct actor impatient = {.call = drains, .object = &pool, .limit_ns = NS_PER_SECOND};
    struct actor cancelled = {.call = drains, .object = &pool};

    user_lease(&a);
    user_lease(&b);
    actor_start(&drainer, "drainer");
    actor_start(&impatient, "impatient");
    actor_start(&cancelled, "cancelled");
    user_release(&a);
    fixture_pass(NS_PER_SECOND);
    task_cancel(&cancelled.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&impatient, -ETIMEDOUT));
    cr_assert(actor_ended(&cancelled, -ECANCELED));
    cr_assert(actor_waiting(&drainer));
    user_discard(&b);
    fixture_settle();
    cr_assert(actor_ended(&drainer, 0));
    pool_fixture_close();
}
