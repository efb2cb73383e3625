/*
 * pool_fixture: a pool of things, for the suites of the pool.
 *
 * Every test has its own process, so there is one pool, on the fixture. A thing
 * has a number; how the next ones are opened and checked is up to the test. A
 * user is an actor that leases one.
 */
#ifndef TESTS_SUPPORT_POOL_FIXTURE_H
#define TESTS_SUPPORT_POOL_FIXTURE_H

#include "reactor/patterns/pool.h"
#include "tests/support/fixture.h"

#define THINGS_LIMIT 2

extern struct pool pool;

extern int opened, checked, closed; /* how many */
extern int64_t open_ns, check_ns; /* how long it takes; 0: it doesn't suspend */
extern int open_error, check_error; /* how it ends */

/* Opens the fixture and makes the pool: without checks, for things that are kept for ever. */
void pool_fixture_open(void);

/* Shuts the pool, of which nothing may be lent, and closes the fixture. Each test calls it, for
 * Criterion doesn't count what fails in a `.fini`. */
void pool_fixture_close(void);

/* Whether things are asked for their health when they are leased. */
int thing_check(struct task *task, struct pool_item *item);

/* One who leases. */
struct user {
    struct actor actor;
    struct pool_lease lease;
};

/* Asks for a thing, for `limit_ns` at most (0: for ever). */
void user_ask(struct user *user, int64_t limit_ns);

/* The number of what `user` was lent, from 1; 0 where it was lent nothing. */
int user_lent(const struct user *user);

/* Asks for a thing that is to be had at once. */
void user_lease(struct user *user);

/* Gives it back, or says that it is broken. */
void user_release(struct user *user);
void user_discard(struct user *user);
void user_cancel(struct user *user);

#endif
