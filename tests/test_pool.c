/*
 * The pool: each promise of the header, every await of a lease cut short, and random users against
 * a model of who is served.
 */
#include "reactor/pool.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "tests/stage.h"

#define LIMIT 2

static struct pool pool;

/* What is pooled, and how the next ones behave. */
struct thing {
    struct pool_item item;
    struct frame frame;
    int rc;
    int number; /* the how manieth to be opened, from 1 */
};

static int opened, checked, closed;
static int64_t open_ns, check_ns; /* how long it takes; 0: it doesn't suspend */
static int open_error, check_error; /* how it ends */

static struct thing *thing_of(struct pool_item *item)
{
    return container_of(item, struct thing, item);
}

static int thing_open(struct task *task, struct pool_item *item)
{
    struct thing *const self = thing_of(item);

    TASK_BEGIN();
    if (open_ns) {
        TASK_AWAIT(self->rc, task_sleep(task, open_ns));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    if (open_error)
        TASK_RETURN(open_error);
    self->number = ++opened;
    TASK_END();
}

static int thing_check(struct task *task, struct pool_item *item)
{
    struct thing *const self = thing_of(item);

    TASK_BEGIN();
    checked++;
    if (check_ns) {
        TASK_AWAIT(self->rc, task_sleep(task, check_ns));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    TASK_RETURN(check_error);
    TASK_END();
}

static void thing_close(struct pool_item *item)
{
    cr_assert(thing_of(item)->number, "what was never opened isn't closed");
    closed++;
}

static void open_pool(void)
{
    stage_open();
    pool = (struct pool){.name = "things",
                         .limit = LIMIT,
                         .item_bytes = sizeof(struct thing),
                         .keep_ns = TIME_NEVER,
                         .open = thing_open,
                         .close = thing_close};
    pool_init(&pool, &loop);
}

/* Each test calls it, for Criterion doesn't count what fails in a `.fini`. */
static void close_pool(void)
{
    pool_check(&pool);
    pool_shut(&pool);
    cr_assert_eq(pool.busy_count, 0);
    cr_assert_eq(opened, closed);
    stage_close();
}

TestSuite(pool, .init = open_pool);

/* One who leases. */
struct user {
    struct actor actor;
    struct pool_lease lease;
};

static int leases(struct task *task, void *object)
{
    return pool_lease(task, &((struct user *)object)->lease, &pool);
}

/* Asks for an item, for `limit_ns` at most (0: for ever). */
static void ask(struct user *user, int64_t limit_ns)
{
    *user = (struct user){.actor = {.call = leases, .object = user, .limit_ns = limit_ns}};
    actor_start(&user->actor, "user");
}

/* The number of what `user` was lent; 0 where it was lent nothing. */
static int lent(const struct user *user)
{
    return actor_ended(&user->actor, 0) ? thing_of(user->lease.item)->number : 0;
}

static void lease(struct user *user)
{
    ask(user, 0);
    stage_settle();
    cr_assert(lent(user));
}

static void release(struct user *user)
{
    pool_release(&pool, user->lease.item);
}

static void cancel(struct user *user)
{
    task_cancel(&user->actor.task, loop.now_ns);
}

/* --- lending --- */

Test(pool, an_item_is_made_when_it_is_first_needed_and_lent_again)
{
    struct user a, b, c;

    cr_assert_eq(opened, 0);
    lease(&a);
    release(&a);
    lease(&b);
    cr_assert_eq(lent(&b), 1);
    lease(&c);
    cr_assert_eq(lent(&c), 2);
    release(&b);
    release(&c);
    cr_assert_eq(pool.idle_count, 2);
    close_pool();
}

Test(pool, the_latest_returned_is_lent_first)
{
    struct user a, b, c;

    lease(&a);
    lease(&b);
    release(&b);
    release(&a);
    lease(&c);
    cr_assert_eq(lent(&c), 1);
    release(&c);
    close_pool();
}

Test(pool, a_lease_of_what_is_idle_does_not_suspend)
{
    struct user a, b;

    lease(&a);
    release(&a);
    ask(&b, 0);
    stage_turn();
    cr_assert_eq(lent(&b), 1);
    release(&b);
    close_pool();
}

Test(pool, those_who_wait_are_served_in_the_order_in_which_they_came)
{
    struct user users[5];

    for (int i = 0; i < 5; i++)
        ask(&users[i], 0);
    stage_settle();
    for (int i = 0; i < 5; i++) {
        cr_assert(lent(&users[i]));
        for (int later = i + LIMIT; later < 5; later++)
            cr_assert(actor_waiting(&users[later].actor));
        release(&users[i]);
        stage_settle();
    }
    cr_assert_eq(opened, LIMIT);
    close_pool();
}

Test(pool, as_many_are_served_as_came_back_in_a_turn)
{
    struct user users[4];

    for (int i = 0; i < 4; i++)
        ask(&users[i], 0);
    stage_settle();
    release(&users[0]);
    release(&users[1]);
    stage_settle();
    cr_assert(lent(&users[2]) && lent(&users[3]));
    release(&users[2]);
    release(&users[3]);
    close_pool();
}

Test(pool, a_newcomer_never_overtakes_who_was_woken)
{
    struct user a, b, waiter, newcomer;

    lease(&a);
    lease(&b);
    ask(&newcomer, 0);
    stage_turn();
    cancel(&newcomer);
    ask(&waiter, 0);
    stage_settle();
    ask(&newcomer, 0); /* it runs before the waiter, which is woken after */
    release(&a);
    stage_settle();
    cr_assert_eq(lent(&waiter), 1);
    cr_assert(actor_waiting(&newcomer.actor));
    release(&b);
    release(&waiter);
    stage_settle();
    release(&newcomer);
    close_pool();
}

Test(pool, one_that_is_woken_and_cancelled_passes_it_on)
{
    struct user a, b, first, second;

    lease(&a);
    lease(&b);
    ask(&first, 0);
    ask(&second, 0);
    stage_settle();
    release(&a);
    cancel(&first);
    stage_settle();
    cr_assert(actor_ended(&first.actor, -ECANCELED));
    cr_assert_eq(lent(&second), 1);
    release(&b);
    release(&second);
    close_pool();
}

/* --- limits of the wait --- */

Test(pool, a_deadline_ends_the_wait_and_the_place_in_line)
{
    struct user a, b, hasty, patient;

    lease(&a);
    lease(&b);
    ask(&hasty, NS_PER_SECOND);
    ask(&patient, 0);
    stage_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&hasty.actor, -ETIMEDOUT));
    release(&a);
    stage_settle();
    cr_assert(lent(&patient));
    release(&b);
    release(&patient);
    close_pool();
}

Test(pool, an_item_that_comes_in_the_turn_of_the_deadline_is_lent)
{
    struct user a, b, hasty;

    lease(&a);
    lease(&b);
    ask(&hasty, NS_PER_SECOND);
    stage_settle();
    sim_advance(sim, NS_PER_SECOND);
    release(&a);
    stage_settle();
    cr_assert_eq(lent(&hasty), 1);
    cr_assert(hasty.actor.limit_passed);
    release(&b);
    release(&hasty);
    close_pool();
}

Test(pool, a_cancel_in_the_turn_in_which_an_item_comes_takes_nothing)
{
    struct user a, b, waiter;

    lease(&a);
    lease(&b);
    ask(&waiter, 0);
    stage_settle();
    release(&a);
    release(&b);
    cancel(&waiter);
    stage_settle();
    cr_assert(actor_ended(&waiter.actor, -ECANCELED));
    cr_assert_eq(pool.idle_count, 2);
    close_pool();
}

Test(pool, who_is_cancelled_is_lent_nothing_though_an_item_is_idle)
{
    struct user a;

    lease(&a);
    release(&a);
    ask(&a, 0);
    cancel(&a);
    stage_settle();
    cr_assert(actor_ended(&a.actor, -ECANCELED));
    cr_assert_eq(pool.idle_count, 1);
    close_pool();
}

/* --- making --- */

Test(pool, whoever_is_cut_short_while_an_item_is_made_leaves_the_place_to_the_next)
{
    struct user cancelled, late, next, last;

    open_ns = 2 * NS_PER_SECOND;
    ask(&cancelled, 0);
    ask(&late, NS_PER_SECOND);
    ask(&next, 0);
    ask(&last, 0);
    stage_pass(NS_PER_MS);
    cr_assert_eq(pool.busy_count, LIMIT);
    cancel(&cancelled);
    stage_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&cancelled.actor, -ECANCELED));
    cr_assert(actor_ended(&late.actor, -ETIMEDOUT));
    stage_pass(2 * NS_PER_SECOND);
    cr_assert(lent(&next) && lent(&last));
    release(&next);
    release(&last);
    close_pool();
}

Test(pool, what_cannot_be_made_is_the_failure_of_its_caller_alone)
{
    struct user a, b, c;

    open_ns = NS_PER_MS;
    open_error = -ECONNREFUSED;
    ask(&a, 0);
    ask(&b, 0);
    ask(&c, 0);
    stage_pass(NS_PER_MS);
    cr_assert(actor_ended(&a.actor, -ECONNREFUSED) && actor_ended(&b.actor, -ECONNREFUSED));
    open_error = 0;
    stage_pass(NS_PER_MS);
    cr_assert_eq(lent(&c), 1);
    release(&c);
    close_pool();
}

Test(pool, without_memory_the_lease_fails_and_the_next_one_succeeds)
{
    struct user users[3];

    for (unsigned nth = 1; nth <= 3; nth++) {
        sim_fail_nth(sim, nth, 0);
        for (int i = 0; i < 3; i++)
            ask(&users[i], 0);
        stage_settle();
        for (unsigned i = 0; i < 3; i++) {
            bool fails = nth == i + 1 && sim_failed_call(sim);
            cr_assert(fails ? actor_ended(&users[i].actor, -ENOMEM)
                            : lent(&users[i]) || actor_waiting(&users[i].actor));
        }
        for (int i = 0; i < 3; i++) {
            if (lent(&users[i]))
                pool_discard(&pool, users[i].lease.item);
            stage_settle();
        }
        cr_assert_eq(pool.busy_count, 0);
    }
    close_pool();
}

/* --- broken ones --- */

Test(pool, an_item_that_is_given_back_as_broken_is_replaced)
{
    struct user a, b, waiter;

    lease(&a);
    lease(&b);
    ask(&waiter, 0);
    stage_settle();
    pool_discard(&pool, a.lease.item);
    stage_settle();
    cr_assert_eq(closed, 1);
    cr_assert_eq(lent(&waiter), 3);
    release(&b);
    release(&waiter);
    close_pool();
}

/* Leaves both items idle, to be checked at the next lease. */
static void idle_until_doubted(void)
{
    struct user a, b;

    pool.check = thing_check;
    pool.trust_ns = NS_PER_SECOND;
    lease(&a);
    lease(&b);
    release(&a);
    release(&b);
    stage_pass(NS_PER_SECOND);
}

Test(pool, an_item_is_checked_once_it_was_idle_for_long)
{
    struct user a;

    idle_until_doubted();
    cr_assert_eq(checked, 0);
    lease(&a);
    cr_assert_eq(checked, 1);
    cr_assert_eq(lent(&a), 2);
    release(&a);
    stage_pass(NS_PER_SECOND - 1);
    lease(&a);
    cr_assert_eq(checked, 1);
    release(&a);
    close_pool();
}

Test(pool, one_that_fails_its_check_is_replaced)
{
    struct user a;

    idle_until_doubted();
    check_error = -EPIPE;
    check_ns = NS_PER_MS;
    ask(&a, 0);
    stage_pass(2 * NS_PER_MS);
    cr_assert_eq(checked, 2);
    cr_assert_eq(closed, 2);
    cr_assert_eq(lent(&a), 3);
    release(&a);
    close_pool();
}

Test(pool, a_check_that_is_cut_short_costs_its_item_and_no_other)
{
    struct user cancelled, late;

    idle_until_doubted();
    check_ns = NS_PER_SECOND;
    ask(&cancelled, 0);
    ask(&late, NS_PER_MS);
    stage_pass(0);
    cancel(&cancelled);
    stage_pass(0);
    cr_assert(actor_ended(&cancelled.actor, -ECANCELED));
    cr_assert_eq(closed, 1);
    stage_pass(NS_PER_MS);
    cr_assert(actor_ended(&late.actor, -ETIMEDOUT));
    cr_assert_eq(closed, 2);
    cr_assert_eq(pool.busy_count, 0);
    close_pool();
}

Test(pool, after_a_check_cut_short_the_others_stay_idle)
{
    struct user late;

    idle_until_doubted();
    check_ns = NS_PER_SECOND;
    ask(&late, NS_PER_MS);
    stage_pass(NS_PER_MS);
    cr_assert(actor_ended(&late.actor, -ETIMEDOUT));
    cr_assert_eq(closed, 1);
    cr_assert_eq(pool.idle_count, 1);
    close_pool();
}

Test(pool, who_checks_an_item_stays_with_it_though_a_better_one_comes_back)
{
    struct user busy, doubts;

    idle_until_doubted();
    lease(&busy);
    check_ns = NS_PER_SECOND;
    ask(&doubts, 0);
    stage_pass(NS_PER_MS);
    release(&busy);
    stage_pass(NS_PER_SECOND);
    cr_assert_eq(lent(&doubts), 1);
    cr_assert_eq(pool.idle_count, 1);
    release(&doubts);
    close_pool();
}

/* --- expiry --- */

Test(pool, an_idle_item_expires_and_one_in_use_does_not)
{
    struct user a, b;

    pool.keep_ns = 30 * NS_PER_SECOND;
    lease(&a);
    lease(&b);
    release(&a);
    stage_pass(30 * NS_PER_SECOND - NS_PER_MS);
    cr_assert_eq(closed, 0);
    stage_pass(NS_PER_MS);
    cr_assert_eq(closed, 1);
    stage_pass(60 * NS_PER_SECOND);
    cr_assert_eq(closed, 1);
    release(&b);
    close_pool();
}

Test(pool, each_expires_at_its_own_time_though_one_timer_serves_them_all)
{
    struct user a, b;

    pool.keep_ns = 10 * NS_PER_SECOND;
    lease(&a);
    lease(&b);
    release(&a);
    stage_pass(3 * NS_PER_SECOND);
    release(&b);
    stage_pass(3 * NS_PER_SECOND);
    lease(&b); /* the timer still stands where the first one put it */
    release(&b);
    cr_assert_eq(wheel_count(&loop.wheel), 1);
    stage_pass(4 * NS_PER_SECOND);
    cr_assert_eq(closed, 1);
    stage_pass(6 * NS_PER_SECOND - NS_PER_MS);
    cr_assert_eq(closed, 1);
    stage_pass(NS_PER_MS);
    cr_assert_eq(closed, 2);
    cr_assert_eq(wheel_count(&loop.wheel), 0);
    close_pool();
}

Test(pool, one_kept_for_no_time_is_closed_in_the_next_turn)
{
    struct user a;

    pool.keep_ns = 0;
    lease(&a);
    release(&a);
    stage_settle();
    cr_assert_eq(closed, 1);
    close_pool();
}

/* --- the end --- */

Test(pool, a_shut_pool_refuses_newcomers_and_those_who_wait)
{
    struct user a, b, first, second, newcomer;

    lease(&a);
    lease(&b);
    ask(&first, 0);
    ask(&second, 0);
    stage_settle();
    pool_shut(&pool);
    pool_shut(&pool);
    ask(&newcomer, 0);
    stage_settle();
    cr_assert(actor_ended(&first.actor, -ESHUTDOWN));
    cr_assert(actor_ended(&second.actor, -ESHUTDOWN));
    cr_assert(actor_ended(&newcomer.actor, -ESHUTDOWN));
    release(&a);
    release(&b);
    close_pool();
}

Test(pool, shutting_closes_what_is_idle_at_once_and_what_is_lent_when_it_comes_back)
{
    struct user a, b;

    lease(&a);
    lease(&b);
    release(&b);
    pool_shut(&pool);
    cr_assert_eq(closed, 1);
    release(&a);
    cr_assert_eq(closed, 2);
    close_pool();
}

Test(pool, what_is_being_made_or_checked_when_the_pool_is_shut_is_not_lent)
{
    struct user checks, makes;

    idle_until_doubted();
    lease(&makes);
    pool_discard(&pool, makes.lease.item);
    check_ns = open_ns = NS_PER_SECOND;
    ask(&checks, 0);
    ask(&makes, 0);
    stage_pass(NS_PER_MS);
    pool_shut(&pool);
    stage_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&checks.actor, -ESHUTDOWN));
    cr_assert(actor_ended(&makes.actor, -ESHUTDOWN));
    close_pool();
}

Test(pool, nothing_new_is_made_for_a_failed_check_once_the_pool_is_shut)
{
    struct user a;

    idle_until_doubted();
    check_ns = NS_PER_SECOND;
    check_error = -EPIPE;
    ask(&a, 0);
    stage_pass(NS_PER_MS);
    pool_shut(&pool);
    stage_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&a.actor, -ESHUTDOWN));
    cr_assert_eq(opened, 2);
    close_pool();
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

    lease(&a);
    lease(&b);
    actor_start(&drainer, "drainer");
    actor_start(&impatient, "impatient");
    actor_start(&cancelled, "cancelled");
    release(&a);
    stage_pass(NS_PER_SECOND);
    task_cancel(&cancelled.task, loop.now_ns);
    stage_settle();
    cr_assert(actor_ended(&impatient, -ETIMEDOUT));
    cr_assert(actor_ended(&cancelled, -ECANCELED));
    cr_assert(actor_waiting(&drainer));
    pool_discard(&pool, b.lease.item);
    stage_settle();
    cr_assert(actor_ended(&drainer, 0));
    close_pool();
}

/* --- bugs --- */

Test(pool, releasing_what_another_pool_lent_is_a_bug, .signal = SIGABRT)
{
    struct user a;
    struct pool other = pool;

    cr_redirect_stderr();
    pool_init(&other, &loop);
    lease(&a);
    pool_release(&other, a.lease.item);
}

Test(pool, releasing_twice_is_a_bug, .signal = SIGABRT)
{
    struct user a;

    cr_redirect_stderr();
    lease(&a);
    release(&a);
    release(&a);
}

Test(pool, a_pool_of_nothing_is_a_bug, .signal = SIGABRT)
{
    cr_redirect_stderr();
    pool.limit = 0;
    pool_init(&pool, &loop);
}

/* --- the model --- */

#define USERS 7
#define STEPS 3000

/* Who is served, as one would write it without caring for the cost. */
struct model {
    struct {
        enum { AWAY, WAITS, HOLDS } state;
        int64_t until_ns;
        bool cancelled;
    } users[USERS];
    int line[USERS]; /* those who wait, the longest waiting first */
    int waiting;
    int holding;
};

static struct user users[USERS];

static void model_leave_line(struct model *model, int at)
{
    for (int i = at; i + 1 < model->waiting; i++)
        model->line[i] = model->line[i + 1];
    model->waiting--;
}

/* Everything that follows once the loop has settled. */
static void model_settle(struct model *model)
{
    for (int i = model->waiting - 1; i >= 0; i--) {
        if (model->users[model->line[i]].cancelled) {
            model->users[model->line[i]].state = AWAY;
            model_leave_line(model, i);
        }
    }
    while (model->waiting && model->holding < LIMIT) {
        model->users[model->line[0]].state = HOLDS;
        model->holding++;
        model_leave_line(model, 0);
    }
    for (int i = model->waiting - 1; i >= 0; i--) {
        if (loop.now_ns >= model->users[model->line[i]].until_ns) {
            model->users[model->line[i]].state = AWAY;
            model_leave_line(model, i);
        }
    }
}

static void model_act(struct model *model, int i, uint64_t *state)
{
    switch (model->users[i].state) {
    case AWAY: {
        int64_t limit_ns = (int64_t)stage_random(state, 4) * 2 * NS_PER_MS;
        ask(&users[i], limit_ns);
        model->users[i].cancelled = false;
        model->users[i].state = WAITS;
        model->users[i].until_ns = limit_ns ? sim_now_ns(sim) + limit_ns : TIME_NEVER;
        model->line[model->waiting++] = i;
        break;
    }
    case WAITS:
        cancel(&users[i]);
        model->users[i].cancelled = true;
        break;
    default:
        if (stage_random(state, 4))
            release(&users[i]);
        else
            pool_discard(&pool, users[i].lease.item);
        model->users[i].state = AWAY;
        model->holding--;
        break;
    }
}

static void model_compare(const struct model *model, uint64_t seed, int step)
{
    pool_check(&pool);
    must(opened - closed == (int)(pool.idle_count + pool.busy_count), "seed %lu step %d: a leak",
         seed, step);
    must(opened - closed <= LIMIT, "seed %lu step %d: too many", seed, step);
    for (int i = 0; i < USERS; i++) {
        bool holds = users[i].lease.item && users[i].lease.item->leased && lent(&users[i]);
        bool waits = users[i].actor.call && actor_waiting(&users[i].actor);
        must(waits == (model->users[i].state == WAITS), "seed %lu step %d: user %d", seed, step, i);
        must(model->users[i].state != HOLDS || holds, "seed %lu step %d: user %d", seed, step, i);
    }
}

static void run_model(uint64_t seed)
{
    struct model model = {.waiting = 0};
    uint64_t state = seed;

    pool.keep_ns = 3 * NS_PER_MS;
    for (int step = 0; step < STEPS; step++) {
        /* Several in one turn: newcomers meet those who are woken, cancels meet releases. */
        int touched[USERS] = {0};
        for (unsigned acts = 1 + stage_random(&state, 3); acts > 0; acts--) {
            unsigned i = stage_random(&state, USERS);
            if (!touched[i]++)
                model_act(&model, (int)i, &state);
        }
        stage_settle();
        model_settle(&model);
        stage_pass((int64_t)stage_random(&state, 3) * NS_PER_MS);
        model_settle(&model);
        model_compare(&model, seed, step);
    }
    for (int i = 0; i < USERS; i++) {
        if (model.users[i].state == WAITS)
            cancel(&users[i]);
    }
    stage_settle();
    for (int i = 0; i < USERS; i++) {
        if (model.users[i].state == HOLDS)
            release(&users[i]);
    }
}

Test(pool, random_users_are_served_as_the_model_says)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        run_model(seed);
    close_pool();
}
