/*
 * How long an item lives, what is done with a returned one, and a lease that does not wait. The
 * cases follow puddle's pool_test.go (TryAcquire, MaxConnLifetime) and pgxpool's AfterRelease.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "tests/support/pool_fixture.h"

TestSuite(pool_life, .init = pool_fixture_open);

static int resets, reset_result;

static int thing_reset(struct pool_item *item)
{
    cr_assert_not(item->leased);
    resets++;
    return reset_result;
}

static void lease_and_return(struct user *user)
{
    user_lease(user);
    user_release(user);
}

Test(pool_life, an_item_that_is_too_old_is_closed_instead_of_lent)
{
    struct user user = {.lease = {.rc = 0}};
    pool.life_ns = NS_PER_SECOND;
    lease_and_return(&user);
    fixture_pass(NS_PER_SECOND - 1);
    lease_and_return(&user);
    cr_assert_eq(opened, 1);
    fixture_pass(1);
    lease_and_return(&user);
    cr_assert_eq(closed, 1);
    cr_assert_eq(opened, 2, "its life counts from when it was made, not from its last use");
    pool_check(&pool);
    pool_fixture_close();
}

Test(pool_life, an_item_that_is_too_old_is_closed_when_it_comes_back)
{
    struct user user = {.lease = {.rc = 0}};
    pool.life_ns = NS_PER_SECOND;
    user_lease(&user);
    fixture_pass(NS_PER_SECOND);
    user_release(&user);
    cr_assert_eq(closed, 1);
    cr_assert_eq(pool.idle_count, 0);
    pool_fixture_close();
}

Test(pool_life, a_returned_item_is_reset_and_closed_if_that_fails)
{
    struct user user = {.lease = {.rc = 0}};
    pool.reset = thing_reset;
    lease_and_return(&user);
    cr_assert_eq(resets, 1);
    cr_assert_eq(pool.idle_count, 1);
    reset_result = -EIO;
    lease_and_return(&user);
    cr_assert_eq(opened, 1);
    cr_assert_eq(closed, 1);
    cr_assert_eq(pool.idle_count, 0);
    user_lease(&user);
    user_discard(&user);
    cr_assert_eq(resets, 2, "what is broken isn't reset");
    pool_fixture_close();
}

Test(pool_life, a_lease_that_does_not_wait_takes_only_what_is_there)
{
    struct user user = {.lease = {.rc = 0}};
    cr_assert_null(pool_try_lease(&pool), "none was made yet");
    lease_and_return(&user);
    struct pool_item *item = pool_try_lease(&pool);
    cr_assert_not_null(item);
    cr_assert_null(pool_try_lease(&pool));
    pool_release(&pool, item);
    pool.check = thing_check;
    cr_assert_null(pool_try_lease(&pool), "a check might wait");
    pool.trust_ns = NS_PER_SECOND;
    item = pool_try_lease(&pool);
    cr_assert_not_null(item);
    pool_release(&pool, item);
    cr_assert_eq(opened, 1);
    pool_check(&pool);
    pool_fixture_close();
}

Test(pool_life, a_lease_that_does_not_wait_overtakes_nobody)
{
    struct user users[3] = {{.lease = {.rc = 0}}};
    user_lease(&users[0]);
    user_lease(&users[1]);
    user_ask(&users[2], 0);
    fixture_settle();
    pool_release(&pool, users[0].lease.item);
    cr_assert_null(pool_try_lease(&pool), "somebody waits for it");
    fixture_settle();
    cr_assert_eq(user_lent(&users[2]), 1);
    user_release(&users[1]);
    user_release(&users[2]);
    pool_fixture_close();
}

Test(pool_life, an_item_that_is_too_old_is_not_lent_without_waiting_either)
{
    struct user user = {.lease = {.rc = 0}};
    pool.life_ns = NS_PER_SECOND;
    lease_and_return(&user);
    fixture_pass(NS_PER_SECOND);
    cr_assert_null(pool_try_lease(&pool));
    cr_assert_eq(closed, 1);
    pool_shut(&pool);
    cr_assert_null(pool_try_lease(&pool));
    pool_fixture_close();
}
