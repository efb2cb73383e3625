/*
 * The breaker: each promise of the header at the edges of its times, the awaitable around it on the
 * virtual clock, and random callers against a model.
 */
#include "reactor/patterns/breaker.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

/* Opens at the third failure within 10 s, for 5 s. */
static const struct breaker_policy policy = {
    .failures = 3, .window_ns = 10 * NS_PER_SECOND, .open_ns = 5 * NS_PER_SECOND};
static struct breaker breaker;
static struct breaker_board board;

static void open_breaker(void)
{
    fixture_open();
    board = (struct breaker_board){.first = NULL};
    breaker_init(&breaker, &board, "mail", &policy);
}

TestSuite(breaker, .init = open_breaker, .fini = fixture_close);

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

/* --- closed --- */

Test(breaker, closed_it_lets_everybody_through)
{
    for (int i = 0; i < 100; i++)
        cr_assert_eq(call(i, 0), 0);
    cr_assert_eq(breaker_state(&breaker, 100), BREAKER_CLOSED);
    cr_assert_eq(breaker.counts.succeeded, 100);
}

Test(breaker, it_opens_at_the_last_of_so_many_failures)
{
    call(0, -EIO);
    call(0, -EIO);
    cr_assert_eq(breaker_state(&breaker, 0), BREAKER_CLOSED);
    call(0, -EIO);
    cr_assert_eq(breaker_state(&breaker, 0), BREAKER_OPEN);
    cr_assert_eq(breaker.counts.opened, 1);
}

Test(breaker, the_first_and_the_last_failure_lie_within_the_window)
{
    call(0, -EIO);
    call(1, -EIO);
    call(policy.window_ns + 1, -EIO);
    cr_assert_eq(breaker_state(&breaker, policy.window_ns + 1), BREAKER_CLOSED);
    call(policy.window_ns + 1, -EIO);
    cr_assert_eq(breaker_state(&breaker, policy.window_ns + 1), BREAKER_OPEN, "from 1 on: three");
}

Test(breaker, success_between_failures_makes_them_no_fewer)
{
    for (int i = 0; i < 3; i++) {
        call(i, 0);
        call(i, -EIO);
    }
    cr_assert_eq(breaker_state(&breaker, 3), BREAKER_OPEN);
}

Test(breaker, one_failure_may_be_enough)
{
    const struct breaker_policy strict = {.failures = 1, .open_ns = NS_PER_SECOND};

    breaker_init(&breaker, NULL, "strict", &strict);
    call(7, -EIO);
    cr_assert_eq(breaker_state(&breaker, 7), BREAKER_OPEN);
}

Test(breaker, as_many_failures_as_it_can_count_are_counted)
{
    const struct breaker_policy lenient = {.failures = BREAKER_FAILURES_MAX, .open_ns = 1};

    breaker_init(&breaker, NULL, "lenient", &lenient);
    for (int i = 1; i < BREAKER_FAILURES_MAX; i++)
        call(0, -EIO);
    cr_assert_eq(breaker_state(&breaker, 0), BREAKER_CLOSED);
    call(0, -EIO);
    cr_assert_eq(breaker_state(&breaker, 0), BREAKER_OPEN);
}

static bool is_of_the_service(void *context, int error)
{
    (void)context;
    return error != -ENOENT;
}

Test(breaker, an_error_that_is_not_the_services_is_a_success)
{
    struct breaker_policy choosy = policy;

    choosy.is_failure = is_of_the_service;
    breaker_init(&breaker, NULL, "choosy", &choosy);
    for (int i = 0; i < 10; i++)
        call(0, -ENOENT);
    cr_assert_eq(breaker_state(&breaker, 0), BREAKER_CLOSED);
    cr_assert_eq(breaker.counts.succeeded, 10);
    for (int i = 0; i < 3; i++)
        call(0, -EIO);
    cr_assert_eq(breaker_state(&breaker, 0), BREAKER_OPEN);
}

Test(breaker, a_cancelled_call_counts_for_nothing)
{
    for (int i = 0; i < 10; i++)
        call(0, -ECANCELED);
    cr_assert_eq(breaker_state(&breaker, 0), BREAKER_CLOSED);
    cr_assert_eq(breaker.counts.succeeded + breaker.counts.failed, 0);
}

/* --- open and half-open --- */

Test(breaker, open_it_refuses_everybody_until_its_time_is_over)
{
    trip_at(0);
    cr_assert_eq(call(0, 0), -EHOSTDOWN);
    cr_assert_eq(call(policy.open_ns - 1, 0), -EHOSTDOWN);
    cr_assert_eq(breaker.counts.refused, 2);
    cr_assert_eq(breaker_state(&breaker, policy.open_ns - 1), BREAKER_OPEN);
    cr_assert_eq(breaker_state(&breaker, policy.open_ns), BREAKER_HALF_OPEN);
    cr_assert_eq(call(policy.open_ns, 0), 0);
}

Test(breaker, half_open_it_lets_one_probe_through)
{
    struct breaker_pass probe = {.breaker = NULL}, other = {.breaker = NULL};

    trip_at(0);
    cr_assert_eq(breaker_enter(&breaker, &probe, policy.open_ns), 0);
    cr_assert_eq(breaker_enter(&breaker, &other, policy.open_ns), -EHOSTDOWN);
    cr_assert_eq(breaker_enter(&breaker, &other, 2 * policy.open_ns), -EHOSTDOWN, "so long");
    breaker_leave(&probe, policy.open_ns, 0);
    cr_assert_eq(breaker_state(&breaker, policy.open_ns), BREAKER_CLOSED);
    cr_assert_eq(call(policy.open_ns, 0), 0);
}

Test(breaker, closed_by_a_probe_it_has_forgotten_the_failures)
{
    trip_at(0);
    call(policy.open_ns, 0);
    call(policy.open_ns, -EIO);
    call(policy.open_ns, -EIO);
    cr_assert_eq(breaker_state(&breaker, policy.open_ns), BREAKER_CLOSED);
}

Test(breaker, a_probe_that_fails_opens_it_for_as_long_again)
{
    trip_at(0);
    call(policy.open_ns, -EIO);
    cr_assert_eq(breaker_state(&breaker, 2 * policy.open_ns - 1), BREAKER_OPEN);
    cr_assert_eq(breaker_state(&breaker, 2 * policy.open_ns), BREAKER_HALF_OPEN);
    cr_assert_eq(breaker.counts.opened, 2);
}

Test(breaker, a_cancelled_probe_leaves_its_place_to_the_next)
{
    trip_at(0);
    call(policy.open_ns, -ECANCELED);
    cr_assert_eq(breaker_state(&breaker, policy.open_ns), BREAKER_HALF_OPEN);
    cr_assert_eq(call(policy.open_ns, 0), 0);
    cr_assert_eq(breaker_state(&breaker, policy.open_ns), BREAKER_CLOSED);
}

Test(breaker, results_of_earlier_callers_decide_nothing)
{
    struct breaker_pass early[4] = {{.breaker = NULL}}, probe = {.breaker = NULL};

    for (int i = 0; i < 4; i++)
        breaker_enter(&breaker, &early[i], 0);
    trip_at(0);
    breaker_leave(&early[0], 0, 0);
    cr_assert_eq(breaker_state(&breaker, 0), BREAKER_OPEN, "a success doesn't close it");
    breaker_enter(&breaker, &probe, policy.open_ns);
    breaker_leave(&early[1], 2 * policy.open_ns, -EIO);
    cr_assert_eq(breaker_state(&breaker, 2 * policy.open_ns), BREAKER_HALF_OPEN);
    breaker_leave(&early[2], policy.open_ns, 0);
    cr_assert_eq(breaker_state(&breaker, policy.open_ns), BREAKER_HALF_OPEN);
    breaker_leave(&probe, policy.open_ns, 0);
    for (int i = 0; i < 2; i++)
        call(policy.open_ns, -EIO);
    breaker_leave(&early[3], policy.open_ns, -EIO);
    cr_assert_eq(breaker_state(&breaker, policy.open_ns), BREAKER_CLOSED, "two of its own only");
    cr_assert_eq(breaker.counts.failed, 3 + 4, "but all are counted");
}

/* --- by name --- */

static void expect_text(int64_t now_ns, const char *expected)
{
    char text[BREAKER_TEXT_BYTES];
    breaker_describe(&breaker, now_ns, text);
    cr_assert_str_eq(text, expected);
}

Test(breaker, its_counts_and_state_can_be_read)
{
    struct breaker_pass probe = {.breaker = NULL};

    call(0, 0);
    expect_text(0, "mail: closed; 1 succeeded, 0 failed, 0 refused, opened 0 times");
    trip_at(0);
    call(0, 0);
    expect_text(NS_PER_MS, "mail: open, probe in 4999 ms; 1 succeeded, 3 failed, 1 refused, "
                           "opened 1 times");
    expect_text(policy.open_ns, "mail: half-open, the next is the probe; 1 succeeded, 3 failed, "
                                "1 refused, opened 1 times");
    breaker_enter(&breaker, &probe, policy.open_ns);
    expect_text(policy.open_ns, "mail: half-open, probe under way; 1 succeeded, 3 failed, "
                                "1 refused, opened 1 times");
    breaker_leave(&probe, policy.open_ns, 0);
}

Test(breaker, a_line_of_the_longest_counts_fits)
{
    char name[200], text[BREAKER_TEXT_BYTES];

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    breaker.name = name;
    breaker.counts = (struct breaker_counts){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    breaker.tripped = true;
    breaker.probe_ns = TIME_NEVER;
    breaker_describe(&breaker, 0, text);
    cr_assert_str_eq(text + strlen(text) - strlen(" times"), " times", "%s", text);
}

Test(breaker, a_board_finds_breakers_by_name_in_their_order)
{
    struct breaker disk, network;

    breaker_init(&disk, &board, "disk", &policy);
    breaker_init(&network, &board, "network", &policy);
    cr_assert_eq(board.first, &breaker);
    cr_assert_eq(breaker.next, &disk);
    cr_assert_eq(breaker_find(&board, "mail"), &breaker);
    cr_assert_eq(breaker_find(&board, "network"), &network);
    cr_assert_null(breaker_find(&board, "net"));
    breaker_release(&disk);
    cr_assert_null(breaker_find(&board, "disk"));
    cr_assert_eq(breaker_find(&board, "network"), &network);
    breaker_release(&breaker);
    breaker_release(&network);
    cr_assert_null(board.first);
}

/* --- around an await --- */

/* Waits for `event` through the breaker, then answers `result`. */
struct caller {
    struct actor actor;
    struct breaker_run run;
    struct event event;
    int result;
    bool called;
};

static int answers_later(struct task *task, void *object)
{
    struct caller *caller = object;
    caller->called = true;
    int rc = event_wait(task, &caller->event);
    return rc == 0 ? caller->result : rc;
}

static int calls(struct task *task, void *object)
{
    struct caller *caller = object;
    return breaker_run(task, &caller->run, &breaker, answers_later, caller);
}

static void start_caller(struct caller *caller)
{
    caller->actor.call = calls;
    caller->actor.object = caller;
    event_init(&caller->event);
    actor_start(&caller->actor, "caller");
    fixture_settle();
}

Test(breaker, an_await_through_it_has_the_result_of_the_call)
{
    struct caller caller = {.result = 12};

    start_caller(&caller);
    cr_assert(actor_waiting(&caller.actor));
    cr_assert_eq(breaker.inside, 1);
    event_set(&caller.event);
    fixture_settle();
    cr_assert(actor_ended(&caller.actor, 12));
    cr_assert_eq(breaker.inside, 0);
    cr_assert_eq(breaker.counts.succeeded, 1);
}

Test(breaker, an_await_through_an_open_one_is_no_call)
{
    struct caller caller = {.result = 0};

    trip_at(loop.now_ns);
    start_caller(&caller);
    cr_assert(actor_ended(&caller.actor, -EHOSTDOWN));
    cr_assert_not(caller.called);
}

Test(breaker, a_caller_that_is_cancelled_has_left)
{
    struct caller caller = {.result = 0}, next = {.result = 0};

    trip_at(loop.now_ns);
    fixture_pass(policy.open_ns);
    start_caller(&caller);
    task_cancel(&caller.actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&caller.actor, -ECANCELED));
    cr_assert_eq(breaker.inside, 0);
    start_caller(&next);
    event_set(&next.event);
    fixture_settle();
    cr_assert(actor_ended(&next.actor, 0), "it was the probe in the other's place");
    cr_assert_eq(breaker_state(&breaker, loop.now_ns), BREAKER_CLOSED);
}

Test(breaker, a_time_out_is_a_failure_and_success_in_its_turn_is_not)
{
    struct caller slow = {.actor = {.limit_ns = NS_PER_MS}}, just = slow;

    start_caller(&slow);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&slow.actor, -ETIMEDOUT));
    cr_assert_eq(breaker.counts.failed, 1);
    start_caller(&just);
    sim_advance(sim, NS_PER_MS);
    event_set(&just.event);
    fixture_settle();
    cr_assert(actor_ended(&just.actor, 0));
    cr_assert_eq(breaker.counts.failed, 1);
}

Test(breaker, it_takes_no_memory_and_no_timer)
{
    struct caller caller = {.result = 0};
    uint64_t before = sim_calls(sim);

    trip_at(loop.now_ns);
    cr_assert_eq(wheel_count(&loop.wheel), 0);
    fixture_pass(policy.open_ns);
    start_caller(&caller);
    event_set(&caller.event);
    fixture_settle();
    cr_assert_eq(sim_calls(sim), before, "and not one call that could fail");
}

/* --- misuse --- */

static void init_wrong(struct breaker_policy wrong)
{
    cr_redirect_stderr();
    breaker_init(&breaker, NULL, "wrong", &wrong);
}

Test(breaker, to_open_without_a_failure_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct breaker_policy){.failures = 0});
}

Test(breaker, to_count_more_failures_than_it_can_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct breaker_policy){.failures = BREAKER_FAILURES_MAX + 1});
}

Test(breaker, a_negative_window_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct breaker_policy){.failures = 1, .window_ns = -1});
}

Test(breaker, to_be_open_for_a_negative_time_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct breaker_policy){.failures = 1, .open_ns = -1});
}

Test(breaker, to_leave_twice_is_a_bug, .signal = SIGABRT)
{
    struct breaker_pass pass = {.breaker = NULL};

    cr_redirect_stderr();
    breaker_enter(&breaker, &pass, 0);
    breaker_leave(&pass, 0, 0);
    breaker_leave(&pass, 0, 0);
}

Test(breaker, to_enter_with_a_pass_that_was_not_left_is_a_bug, .signal = SIGABRT)
{
    struct breaker_pass pass = {.breaker = NULL};

    cr_redirect_stderr();
    breaker_enter(&breaker, &pass, 0);
    breaker_enter(&breaker, &pass, 0);
}

Test(breaker, to_release_it_with_somebody_inside_is_a_bug, .signal = SIGABRT)
{
    struct breaker_pass pass = {.breaker = NULL};

    cr_redirect_stderr();
    breaker_enter(&breaker, &pass, 0);
    breaker_release(&breaker);
}

/* --- against a model --- */

#define MODEL_SEEDS 2000
#define MODEL_ROUNDS 300
#define MODEL_CALLERS 6

/* Keeps every failure since it was last closed, and looks back through all of them. */
struct model {
    uint64_t seed;
    uint64_t random;
    struct breaker_policy policy;
    int64_t now_ns;
    int64_t opened_ns; /* -1: it is closed */
    unsigned stretch; /* counts openings and closings */
    unsigned probes;
    int64_t probed_ns;
    int64_t failures_ns[MODEL_ROUNDS];
    unsigned failures;
    struct breaker_counts counts;

    struct breaker_pass passes[MODEL_CALLERS];
    unsigned stretches[MODEL_CALLERS]; /* in which each came in */
};

static void model_open(struct model *model)
{
    model->opened_ns = model->now_ns;
    model->counts.opened++;
    model->stretch++;
    model->probes = 0;
}

static void model_fail(struct model *model)
{
    unsigned recent = 0;
    model->failures_ns[model->failures++] = model->now_ns;
    for (unsigned i = 0; i < model->failures; i++)
        recent += model->now_ns - model->failures_ns[i] <= model->policy.window_ns;
    if (recent >= model->policy.failures)
        model_open(model);
}

static void model_leave(struct model *model, unsigned who, int result)
{
    model->counts.succeeded += result >= 0;
    model->counts.failed += result < 0 && result != -ECANCELED;
    if (model->stretches[who] != model->stretch)
        return;
    bool was_probe = model->probes > 0;
    model->probes -= was_probe;
    if (result == -EIO && was_probe)
        model_open(model);
    else if (result == -EIO)
        model_fail(model);
    if (result < 0 || !was_probe)
        return;
    model->opened_ns = -1;
    model->failures = 0;
    model->stretch++;
    model->probes = 0;
}

/* What breaker_enter should say. */
static int model_enter(struct model *model, unsigned who)
{
    model->stretches[who] = model->stretch;
    if (model->opened_ns < 0)
        return 0;
    bool waits = model->probes && model->now_ns <= model->probed_ns + model->policy.open_ns;
    if (!waits && model->now_ns >= model->opened_ns + model->policy.open_ns) {
        model->probes++;
        model->probed_ns = model->now_ns;
        return 0;
    }
    model->counts.refused++;
    return -EHOSTDOWN;
}

static void model_act(struct model *model, unsigned who)
{
    static const int results[] = {0, -EIO, -EIO, -ECANCELED};

    if (model->passes[who].breaker) {
        int result = results[fixture_random(&model->random, 4)];
        breaker_leave(&model->passes[who], model->now_ns, result);
        model_leave(model, who, result);
        return;
    }
    int rc = breaker_enter(&breaker, &model->passes[who], model->now_ns);
    must(rc == model_enter(model, who), "seed %ju: entering said %d", (uintmax_t)model->seed, rc);
}

static void model_check(const struct model *model)
{
    bool open = model->opened_ns >= 0;
    bool over = open && model->now_ns >= model->opened_ns + model->policy.open_ns;
    enum breaker_state expected = over ? BREAKER_HALF_OPEN : open ? BREAKER_OPEN : BREAKER_CLOSED;

    must(breaker_state(&breaker, model->now_ns) == expected, "seed %ju: the state is not %d",
         (uintmax_t)model->seed, expected);
    must(memcmp(&breaker.counts, &model->counts, sizeof(model->counts)) == 0,
         "seed %ju: the counts are wrong", (uintmax_t)model->seed);
}

static void model_run(uint64_t seed)
{
    struct model model = {.seed = seed, .random = seed, .opened_ns = -1};

    model.policy.failures = fixture_random(&model.random, 5) + 1;
    model.policy.window_ns = fixture_random(&model.random, 30);
    model.policy.open_ns = fixture_random(&model.random, 20);
    breaker_init(&breaker, NULL, "model", &model.policy);
    for (int round = 0; round < MODEL_ROUNDS; round++) {
        model.now_ns += fixture_random(&model.random, 4);
        model_act(&model, fixture_random(&model.random, MODEL_CALLERS));
        model_check(&model);
    }
}

Test(breaker, breakers_agree_with_a_model)
{
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++)
        model_run(seed);
}
