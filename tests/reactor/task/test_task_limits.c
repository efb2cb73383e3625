/*
 * What ends an await before its time: deadlines, cancelling, and the shield against it.
 */
#include "reactor/task/task.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

TestSuite(task_limits, .init = fixture_open, .fini = fixture_close);

/* --- deadlines --- */

/* Makes awaits under deadlines of 30 ms and 10 ms, one in the other. */
struct limited {
    struct task task;
    struct frame frame;
    struct cancel_scope outer;
    struct cancel_scope inner;
    int64_t outer_ns;
    int64_t inner_ns;
    struct event never;
    int rc;
    int first;
    int64_t first_ns;
    int second;
    int64_t second_ns;
    bool inner_passed;
    int third;
    int64_t third_ns;
    bool outer_passed;
};

static int limited_step(struct task *task)
{
    struct limited *const self = container_of(task, struct limited, task);

    TASK_BEGIN();
    cancel_scope_open(task, &self->outer, self->outer_ns);
    cancel_scope_open(task, &self->inner, self->inner_ns);
    TASK_AWAIT(self->first, task_sleep(task, 50 * NS_PER_MS));
    self->first_ns = loop.now_ns;
    TASK_AWAIT(self->second, task_sleep(task, NS_PER_MS));
    self->second_ns = loop.now_ns;
    self->inner_passed = cancel_scope_close(task, &self->inner);
    TASK_AWAIT(self->third, event_wait(task, &self->never));
    self->third_ns = loop.now_ns;
    self->outer_passed = cancel_scope_close(task, &self->outer);
    TASK_AWAIT(self->rc, task_sleep(task, 50 * NS_PER_MS));
    TASK_RETURN(self->rc);
    TASK_END();
}

static int64_t run_limited(struct limited *limited)
{
    int64_t begun_ns = sim_now_ns(sim);
    event_init(&limited->never);
    cr_assert_eq(task_group_spawn(&actor_group, &limited->task, "limited", limited_step), 0);
    fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&limited->task));
    cr_assert_eq(limited->rc, 0, "beyond the deadlines it may wait again");
    return begun_ns;
}

Test(task_limits, an_expired_deadline_is_a_level_until_closed)
{
    struct limited limited = {.outer_ns = 30 * NS_PER_MS, .inner_ns = 10 * NS_PER_MS};
    int64_t begun_ns = run_limited(&limited);

    cr_assert_eq(limited.first, -ETIMEDOUT);
    cr_assert_eq(limited.first_ns, begun_ns + 10 * NS_PER_MS);
    cr_assert_eq(limited.second, -ETIMEDOUT, "and so does every await up to the close");
    cr_assert_eq(limited.second_ns, begun_ns + 10 * NS_PER_MS, "at once");
    cr_assert(limited.inner_passed);
    cr_assert_eq(limited.third, -ETIMEDOUT, "the one around it was armed again");
    cr_assert_eq(limited.third_ns, begun_ns + 30 * NS_PER_MS);
    cr_assert(limited.outer_passed);
}

/* Sleeps in a scope apart from its deadline, and in one more that has a deadline of its own. */
struct setter {
    struct task task;
    struct frame frame;
    int64_t limit_ns;
    struct cancel_scope limit;
    struct cancel_scope own;
    struct cancel_scope apart;
    int first, second, third;
    int64_t second_ns, third_ns;
    bool limit_passed;
};

static int setter_step(struct task *task)
{
    struct setter *const self = container_of(task, struct setter, task);

    TASK_BEGIN();
    cancel_scope_open(task, &self->limit, self->limit_ns);
    cancel_scope_open_apart(task, &self->apart);
    TASK_AWAIT(self->first, task_sleep(task, 15 * NS_PER_MS));
    cancel_scope_open(task, &self->own, 2 * NS_PER_MS);
    TASK_AWAIT(self->second, task_sleep(task, 50 * NS_PER_MS));
    self->second_ns = loop.now_ns;
    (void)cancel_scope_close(task, &self->own);
    (void)cancel_scope_close(task, &self->apart);
    TASK_AWAIT(self->third, task_sleep(task, 50 * NS_PER_MS));
    self->third_ns = loop.now_ns;
    self->limit_passed = cancel_scope_close(task, &self->limit);
    TASK_END();
}

Test(task_limits, a_deadline_limits_nothing_in_a_scope_apart)
{
    /* It passes meanwhile; it passes later. */
    for (int64_t limit_ns = 10 * NS_PER_MS; limit_ns <= 30 * NS_PER_MS;
         limit_ns += 20 * NS_PER_MS) {
        struct setter setter = {.limit_ns = limit_ns};
        int64_t begun_ns = sim_now_ns(sim);
        cr_assert_eq(task_group_spawn(&actor_group, &setter.task, "setter", setter_step), 0);
        fixture_pass(NS_PER_SECOND);
        cr_assert(task_ended(&setter.task));
        cr_assert_eq(setter.first, 0);
        cr_assert_eq(setter.second, -ETIMEDOUT, "a scope inside the one apart limits");
        cr_assert_eq(setter.second_ns, begun_ns + 17 * NS_PER_MS);
        cr_assert_eq(setter.third, -ETIMEDOUT);
        cr_assert_eq(setter.third_ns, begun_ns + (limit_ns < 17 * NS_PER_MS ? 17 : 30) * NS_PER_MS);
        cr_assert(setter.limit_passed);
    }
}

Test(task_limits, nested_deadlines_the_nearest_wins)
{
    struct limited limited = {.outer_ns = 10 * NS_PER_MS, .inner_ns = 30 * NS_PER_MS};
    int64_t begun_ns = run_limited(&limited);

    cr_assert_eq(limited.first, -ETIMEDOUT);
    cr_assert_eq(limited.first_ns, begun_ns + 10 * NS_PER_MS);
    cr_assert_not(limited.inner_passed, "it was the outer one");
    cr_assert_eq(limited.third, -ETIMEDOUT);
    cr_assert_eq(limited.third_ns, begun_ns + 10 * NS_PER_MS);
    cr_assert(limited.outer_passed);
}

/* Sleeps briefly under a longer deadline, and then waits for what never comes. */
struct rearming {
    struct task task;
    struct frame frame;
    struct cancel_scope deadline;
    struct event event;
    int rc;
};

static int rearming_step(struct task *task)
{
    struct rearming *const self = container_of(task, struct rearming, task);

    TASK_BEGIN();
    cancel_scope_open(task, &self->deadline, 20 * NS_PER_MS);
    TASK_AWAIT(self->rc, task_sleep(task, 5 * NS_PER_MS));
    TASK_AWAIT(self->rc, event_wait(task, &self->event));
    (void)cancel_scope_close(task, &self->deadline);
    TASK_RETURN(self->rc);
    TASK_END();
}

Test(task_limits, after_a_sleep_the_deadline_around_it_still_counts)
{
    struct rearming rearming = {.rc = 0};

    event_init(&rearming.event);
    cr_assert_eq(task_group_spawn(&actor_group, &rearming.task, "rearming", rearming_step), 0);
    fixture_pass(20 * NS_PER_MS - 1);
    cr_assert_not(task_ended(&rearming.task));
    fixture_pass(1);
    cr_assert_eq(rearming.task.result, -ETIMEDOUT);
}

static int forgets_to_close(struct task *task)
{
    static struct cancel_scope deadline;
    cancel_scope_open(task, &deadline, NS_PER_SECOND);
    return 0;
}

Test(task_limits, ending_inside_a_deadline_is_a_bug, .signal = SIGABRT)
{
    static struct task task;

    cr_redirect_stderr();
    cr_assert_eq(task_group_spawn(&actor_group, &task, "sloppy", forgets_to_close), 0);
    fixture_settle();
}

Test(task_limits, setting_a_limit_keeps_a_wake_up_that_is_under_way)
{
    struct event event;
    struct cancel_scope deadline;
    struct actor actor = {.call = actor_waits, .object = &event};

    event_init(&event);
    actor_start(&actor, "waiter");
    fixture_settle();
    event_set(&event);
    cancel_scope_open(&actor.task, &deadline, NS_PER_SECOND);
    (void)cancel_scope_close(&actor.task, &deadline);
    fixture_settle();
    cr_assert(actor_ended(&actor, 0));
}

/* --- cancelling --- */

struct stubborn {
    struct task task;
    struct frame frame;
    struct event event;
    int first;
    int second;
    int third;
};

static int stubborn_step(struct task *task)
{
    struct stubborn *const self = container_of(task, struct stubborn, task);

    TASK_BEGIN();
    TASK_AWAIT(self->first, event_wait(task, &self->event));
    TASK_AWAIT(self->second, event_wait(task, &self->event));
    TASK_AWAIT(self->third, task_sleep(task, NS_PER_SECOND));
    TASK_RETURN(7);
    TASK_END();
}

Test(task_limits, cancelling_is_a_level_until_the_task_ends)
{
    struct stubborn stubborn = {.first = 0};

    event_init(&stubborn.event);
    cr_assert_eq(task_group_spawn(&actor_group, &stubborn.task, "stubborn", stubborn_step), 0);
    fixture_settle();
    task_cancel(&stubborn.task, TIME_NEVER);
    event_set(&stubborn.event);
    fixture_settle();
    cr_assert_eq(stubborn.first, -ECANCELED);
    cr_assert_eq(stubborn.second, -ECANCELED);
    cr_assert_eq(stubborn.third, -ECANCELED);
    cr_assert_eq(stubborn.task.result, 7, "what it returns is its own affair");
}

Test(task_limits, a_task_cancelled_before_its_first_step_still_runs)
{
    struct stubborn stubborn = {.first = 0};

    event_init(&stubborn.event);
    cr_assert_eq(task_group_spawn(&actor_group, &stubborn.task, "stubborn", stubborn_step), 0);
    task_cancel(&stubborn.task, loop.now_ns);
    fixture_settle();
    cr_assert_eq(stubborn.first, -ECANCELED);
    cr_assert(task_ended(&stubborn.task));
}

/* Waits, is cancelled, and cleans up with an await that takes `clean_up_ns`. */
struct shielded {
    struct task task;
    struct frame frame;
    struct event event;
    int64_t clean_up_ns;
    int rc;
    int cleaned;
    int after;
};

static int shielded_step(struct task *task)
{
    struct shielded *const self = container_of(task, struct shielded, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, event_wait(task, &self->event));
    task_shield(task);
    TASK_AWAIT(self->cleaned, task_sleep(task, self->clean_up_ns));
    task_unshield(task);
    TASK_AWAIT(self->after, task_sleep(task, 0));
    TASK_RETURN(self->rc);
    TASK_END();
}

static void start_shielded(struct shielded *shielded, int64_t clean_up_ns)
{
    *shielded = (struct shielded){.clean_up_ns = clean_up_ns, .cleaned = 1, .after = 1};
    event_init(&shielded->event);
    cr_assert_eq(task_group_spawn(&actor_group, &shielded->task, "shielded", shielded_step), 0);
    fixture_settle();
}

Test(task_limits, shielded_clean_up_runs_until_the_cancels_deadline)
{
    struct shielded quick;
    struct shielded slow;

    start_shielded(&quick, 9 * NS_PER_MS);
    start_shielded(&slow, NS_PER_SECOND);
    task_cancel(&quick.task, loop.now_ns + 10 * NS_PER_MS);
    task_cancel(&slow.task, loop.now_ns + 10 * NS_PER_MS);
    fixture_pass(9 * NS_PER_MS);
    cr_assert_eq(quick.rc, -ECANCELED);
    cr_assert_eq(quick.cleaned, 0, "it had the time");
    cr_assert_eq(quick.after, -ECANCELED, "behind the shield it is cancelled as before");
    cr_assert(task_ended(&quick.task));
    fixture_pass(NS_PER_MS - 1);
    cr_assert_not(task_ended(&slow.task));
    fixture_pass(1);
    cr_assert_eq(slow.cleaned, -ECANCELED, "its time is up");
    cr_assert(task_ended(&slow.task));
}

Test(task_limits, without_clean_up_time_a_shield_holds_nothing_off)
{
    struct shielded shielded;

    start_shielded(&shielded, NS_PER_MS);
    task_cancel(&shielded.task, loop.now_ns);
    fixture_settle();
    cr_assert_eq(shielded.cleaned, -ECANCELED);
    cr_assert(task_ended(&shielded.task));
}

Test(task_limits, a_second_cancel_may_only_bring_it_nearer)
{
    struct shielded nearer;
    struct shielded farther;

    start_shielded(&nearer, NS_PER_SECOND);
    start_shielded(&farther, NS_PER_SECOND);
    int64_t cancelled_ns = loop.now_ns;
    task_cancel(&nearer.task, cancelled_ns + 20 * NS_PER_MS);
    task_cancel(&farther.task, cancelled_ns + 20 * NS_PER_MS);
    fixture_pass(NS_PER_MS);
    task_cancel(&nearer.task, cancelled_ns + 10 * NS_PER_MS);
    task_cancel(&farther.task, cancelled_ns + NS_PER_SECOND);
    fixture_pass(9 * NS_PER_MS - 1);
    cr_assert_not(task_ended(&nearer.task));
    fixture_pass(1);
    cr_assert_eq(nearer.cleaned, -ECANCELED);
    cr_assert(task_ended(&nearer.task));
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(farther.cleaned, -ECANCELED);
    cr_assert(task_ended(&farther.task));
}

Test(task_limits, shields_nest)
{
    struct actor actor = {.call = actor_waits, .shielded = true};
    struct event event;

    event_init(&event);
    actor.object = &event;
    actor_start(&actor, "deep");
    task_shield(&actor.task);
    fixture_settle();
    task_cancel(&actor.task, TIME_NEVER);
    task_unshield(&actor.task);
    fixture_settle();
    cr_assert(actor_waiting(&actor), "one shield of two is left");
    event_set(&event);
    fixture_settle();
    cr_assert(actor_ended(&actor, 0));
}

/* --- a random walk through limits, against a model --- */

#define WALK_DEPTH 4
#define WALK_STEPS 12
#define WALK_SEEDS 3000

struct walk_await {
    int64_t begun_ns;
    int64_t ended_ns;
    int result;
};

/* A task that opens and closes deadlines and shields and sleeps, as its seed says. */
struct walker {
    struct task task;
    struct frame frame;
    uint64_t random;
    struct cancel_scope deadlines[WALK_DEPTH];
    unsigned depth;
    unsigned shields;
    unsigned i;
    int64_t sleep_ns;
    int rc;

    /* The model: limits as the rules have them, without timers and flags. */
    int64_t at_ns[WALK_DEPTH];
    int64_t cancelled_ns; /* TIME_NEVER: not yet */
    int64_t clean_up_ns;
    int64_t begun_ns;
    uint64_t seed;
};

/* Durations are a few ticks, often less than one and seldom a whole number of them. */
static int64_t walk_duration_ns(uint64_t *random)
{
    return fixture_random(random, 2) ? fixture_random(random, 4 * NS_PER_MS)
                                     : fixture_random(random, 5) * NS_PER_MS;
}

static void walk_on(struct walker *walker)
{
    unsigned choice = fixture_random(&walker->random, 6);
    if (choice < 2 && walker->depth < WALK_DEPTH) {
        int64_t duration_ns = walk_duration_ns(&walker->random);
        walker->at_ns[walker->depth] = loop.now_ns + duration_ns;
        cancel_scope_open(&walker->task, &walker->deadlines[walker->depth++], duration_ns);
    } else if (choice == 2 && walker->depth > 0) {
        (void)cancel_scope_close(&walker->task, &walker->deadlines[--walker->depth]);
    } else if (choice == 3 && walker->shields < 2) {
        walker->shields++;
        task_shield(&walker->task);
    } else if (choice == 4 && walker->shields > 0) {
        walker->shields--;
        task_unshield(&walker->task);
    }
}

static void walk_home(struct walker *walker)
{
    while (walker->depth > 0)
        (void)cancel_scope_close(&walker->task, &walker->deadlines[--walker->depth]);
    while (walker->shields-- > 0)
        task_unshield(&walker->task);
}

static int64_t least(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* The instant from which on the awaits of this moment are cancelled. */
static int64_t walk_cancel_ns(const struct walker *walker)
{
    if (!walker->shields || walker->cancelled_ns == TIME_NEVER)
        return walker->cancelled_ns;
    return walker->clean_up_ns > walker->cancelled_ns ? walker->clean_up_ns : walker->cancelled_ns;
}

static int64_t walk_deadline_ns(const struct walker *walker)
{
    int64_t at_ns = TIME_NEVER;
    for (unsigned i = 0; i < walker->depth; i++)
        at_ns = least(at_ns, walker->at_ns[i]);
    return at_ns;
}

/* What the sleep that now ended should have been. */
static void walk_judge(const struct walker *walker, int result)
{
    int64_t now_ns = loop.now_ns;
    int64_t until_ns = walker->begun_ns + walker->sleep_ns;
    int64_t cancel_ns = walk_cancel_ns(walker);
    int64_t deadline_ns = walk_deadline_ns(walker);
    int64_t due_ns = least(least(cancel_ns, deadline_ns), until_ns);
    int expected = now_ns >= cancel_ns ? -ECANCELED : now_ns >= until_ns ? 0 : -ETIMEDOUT;
    /* A limit that had passed before counts at once, even for a sleep of nothing. */
    if (expected == 0 && deadline_ns <= walker->begun_ns)
        expected = -ETIMEDOUT;
    must(result == expected, "seed %ju: %d, not %d", (uintmax_t)walker->seed, result, expected);
    must(now_ns >= due_ns, "seed %ju: %jd ns early", (uintmax_t)walker->seed,
         (intmax_t)(due_ns - now_ns));
    int64_t latest_ns = time_round_up(due_ns, NS_PER_MS) * NS_PER_MS;
    if (latest_ns < walker->begun_ns)
        latest_ns = walker->begun_ns;
    must(now_ns <= latest_ns, "seed %ju: %jd ns late", (uintmax_t)walker->seed,
         (intmax_t)(now_ns - latest_ns));
}

static int walker_step(struct task *task)
{
    struct walker *const self = container_of(task, struct walker, task);

    TASK_BEGIN();
    for (self->i = 0; self->i < WALK_STEPS; self->i++) {
        walk_on(self);
        self->sleep_ns = walk_duration_ns(&self->random);
        self->begun_ns = loop.now_ns;
        TASK_AWAIT(self->rc, task_sleep(task, self->sleep_ns));
        walk_judge(self, self->rc);
    }
    walk_home(self);
    TASK_END();
}

static void walk(uint64_t seed)
{
    struct walker walker = {.seed = seed, .cancelled_ns = TIME_NEVER, .clean_up_ns = TIME_NEVER};
    uint64_t random = ~seed;

    walker.random = seed;
    must(task_group_spawn(&actor_group, &walker.task, "walker", walker_step) == 0, "seed %ju",
         (uintmax_t)seed);
    while (!task_ended(&walker.task)) {
        fixture_pass(1 + walk_duration_ns(&random));
        if (fixture_random(&random, 8) != 0 || task_ended(&walker.task))
            continue;
        int64_t clean_up_ns = loop.now_ns + walk_duration_ns(&random);
        walker.cancelled_ns = least(walker.cancelled_ns, loop.now_ns);
        walker.clean_up_ns = least(walker.clean_up_ns, clean_up_ns);
        task_cancel(&walker.task, clean_up_ns);
    }
    must(wheel_count(&loop.wheel) == 0, "seed %ju: a timer is left", (uintmax_t)seed);
}

Test(task_limits, limits_agree_with_a_model)
{
    for (uint64_t seed = 1; seed <= WALK_SEEDS; seed++)
        walk(seed);
}
