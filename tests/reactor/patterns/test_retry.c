/*
 * Retry: each promise of the header, at the instants of the virtual clock, and random policies and
 * services against a model.
 */
#include "reactor/patterns/retry.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

#define ATTEMPTS_MAX 64

TestSuite(retry, .init = fixture_open, .fini = fixture_close);

/* What one attempt does: take its time, then answer. */
struct answer {
    int64_t takes_ns; /* 0: it doesn't suspend */
    int result;
};

/* One task that retries a service with prepared answers; the last one is repeated. */
struct client {
    struct actor actor;
    struct retry retry;
    const struct answer *answers;
    unsigned count;

    /* What was seen. */
    unsigned begun;
    int64_t begun_ns[ATTEMPTS_MAX];
    int64_t pauses_ns[ATTEMPTS_MAX]; /* before the attempt */

    struct frame frame;
    int rc;
};

static const struct answer *current_answer(const struct client *client)
{
    unsigned index = client->begun - 1;
    return &client->answers[index < client->count ? index : client->count - 1];
}

static void note_attempt(struct client *client)
{
    must(client->begun < ATTEMPTS_MAX, "more than %u attempts", ATTEMPTS_MAX);
    client->begun_ns[client->begun] = loop.now_ns;
    client->pauses_ns[client->begun] = client->retry.pause_ns;
    client->begun++;
}

static int asks(struct task *task, void *object)
{
    struct client *const self = object;

    TASK_BEGIN();
    note_attempt(self);
    if (current_answer(self)->takes_ns) {
        TASK_AWAIT(self->rc, task_sleep(task, current_answer(self)->takes_ns));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    TASK_RETURN(current_answer(self)->result);
    TASK_END();
}

static int retries(struct task *task, void *object)
{
    struct client *client = object;
    return retry_run(task, &client->retry, asks, client);
}

static void start_client(struct client *client, const struct retry_policy *policy, uint64_t seed)
{
    client->actor.call = retries;
    client->actor.object = client;
    client->begun = 0;
    retry_init(&client->retry, policy, seed);
    actor_start(&client->actor, "client");
}

/* Pauses of at most 10, 20, 40, 40 ... ms. */
static const struct retry_policy policy = {
    .attempts = 5, .first_delay_ns = 10 * NS_PER_MS, .factor = 2, .cap_ns = 40 * NS_PER_MS};
static const struct answer refusals[] = {{.result = -ECONNREFUSED}};
static const struct answer slow_success[] = {{.takes_ns = 50 * NS_PER_MS, .result = 1}};

/* --- how often, and how long between --- */

Test(retry, the_first_success_ends_it)
{
    static const struct answer answers[] = {{0, -EIO}, {NS_PER_MS, -ECONNREFUSED}, {0, 7}};
    struct client client = {.answers = answers, .count = 3};

    start_client(&client, &policy, 1);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&client.actor, 7));
    cr_assert_eq(client.begun, 3);
    cr_assert_eq(client.retry.attempts, 3);
}

Test(retry, the_error_of_the_last_attempt_is_the_result)
{
    static const struct answer answers[] = {
        {0, -EIO}, {0, -EIO}, {0, -EIO}, {0, -EIO}, {0, -EPIPE}};
    struct client client = {.answers = answers, .count = 5};

    start_client(&client, &policy, 1);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&client.actor, -EPIPE));
    cr_assert_eq(client.begun, 5);
}

Test(retry, a_policy_of_one_attempt_makes_no_pause)
{
    const struct retry_policy single = {.attempts = 1, .factor = 1};
    struct client client = {.answers = refusals, .count = 1};

    start_client(&client, &single, 1);
    fixture_turn();
    cr_assert(actor_ended(&client.actor, -ECONNREFUSED));
}

Test(retry, each_pause_lies_between_nothing_and_its_ceiling)
{
    const int64_t ceilings_ms[] = {0, 10, 20, 40, 40};

    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct client client = {.answers = refusals, .count = 1};
        start_client(&client, &policy, seed);
        fixture_pass(NS_PER_SECOND);
        must(client.begun == 5, "seed %ju: %u attempts", (uintmax_t)seed, client.begun);
        for (unsigned i = 1; i < 5; i++) {
            int64_t pause_ns = client.pauses_ns[i];
            int64_t slept_ns = client.begun_ns[i] - client.begun_ns[i - 1];
            must(pause_ns >= 0 && pause_ns <= ceilings_ms[i] * NS_PER_MS,
                 "seed %ju: pause %u lasts %jd ns", (uintmax_t)seed, i, (intmax_t)pause_ns);
            must(slept_ns >= pause_ns && slept_ns < pause_ns + NS_PER_MS, "seed %ju: %jd ns slept",
                 (uintmax_t)seed, (intmax_t)slept_ns);
        }
    }
}

Test(retry, pauses_are_spread_evenly)
{
    unsigned tenths[10] = {0};

    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct client client = {.answers = refusals, .count = 1};
        start_client(&client, &policy, seed);
        fixture_pass(NS_PER_SECOND);
        tenths[client.pauses_ns[3] / (4 * NS_PER_MS + 1)]++;
    }
    /* 200 each; five standard deviations are 67. */
    for (int i = 0; i < 10; i++)
        cr_assert(tenths[i] > 133 && tenths[i] < 267, "%u in tenth %d", tenths[i], i);
}

Test(retry, a_seed_gives_the_same_pauses_each_time)
{
    struct client a = {.answers = refusals, .count = 1}, b = a, other = a;

    start_client(&a, &policy, 99);
    start_client(&b, &policy, 99);
    start_client(&other, &policy, 100);
    fixture_pass(NS_PER_SECOND);
    cr_assert_arr_eq(a.pauses_ns, b.pauses_ns, sizeof(a.pauses_ns));
    cr_assert_neq(a.pauses_ns[1], other.pauses_ns[1]);
}

Test(retry, a_ceiling_that_grows_beyond_all_bounds_stays_at_the_cap)
{
    const struct retry_policy steep = {.attempts = 4,
                                       .first_delay_ns = NS_PER_SECOND,
                                       .factor = 4000000000U,
                                       .cap_ns = TIME_NEVER};
    struct client client = {.answers = refusals, .count = 1};

    start_client(&client, &steep, 3);
    fixture_pass(TIME_NEVER / 2);
    task_cancel(&client.actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(client.begun >= 2, "at least one pause was short enough to be waited for");
    cr_assert_eq(client.retry.ceiling_ns, TIME_NEVER);
    for (unsigned i = 0; i < client.begun; i++)
        cr_assert(client.pauses_ns[i] >= 0);
}

Test(retry, without_a_number_of_attempts_it_goes_on_until_cancelled)
{
    const struct retry_policy tireless = {
        .first_delay_ns = NS_PER_SECOND, .factor = 1, .cap_ns = NS_PER_SECOND};
    struct client client = {.answers = refusals, .count = 1};

    start_client(&client, &tireless, 1);
    fixture_pass(20 * NS_PER_SECOND);
    cr_assert(actor_waiting(&client.actor));
    cr_assert(client.begun > 20);
    task_cancel(&client.actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&client.actor, -ECANCELED));
}

Test(retry, even_without_a_delay_the_others_have_a_turn_between_attempts)
{
    const struct retry_policy hasty = {.attempts = 3, .factor = 1};
    struct client client = {.answers = refusals, .count = 1};

    start_client(&client, &hasty, 1);
    fixture_turn();
    cr_assert_eq(client.begun, 1);
    fixture_turn();
    cr_assert_eq(client.begun, 2);
    fixture_settle();
    cr_assert(actor_ended(&client.actor, -ECONNREFUSED));
}

static bool is_passing(void *object, int error)
{
    (void)object;
    return error == -ECONNREFUSED;
}

Test(retry, an_error_that_will_not_pass_ends_it_at_once)
{
    static const struct answer answers[] = {{0, -ECONNREFUSED}, {0, -EACCES}, {0, 1}};
    struct client client = {.answers = answers, .count = 3};
    struct retry_policy choosy = policy;

    choosy.again = is_passing;
    start_client(&client, &choosy, 1);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&client.actor, -EACCES));
    cr_assert_eq(client.begun, 2);
}

Test(retry, run_again_it_begins_anew_with_other_pauses)
{
    struct client client = {.answers = refusals, .count = 1};
    int64_t first_ns;

    start_client(&client, &policy, 1);
    fixture_pass(NS_PER_SECOND);
    first_ns = client.pauses_ns[1];
    client.begun = 0;
    actor_start(&client.actor, "again");
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&client.actor, -ECONNREFUSED));
    cr_assert_eq(client.begun, 5);
    cr_assert_neq(client.pauses_ns[1], first_ns);
    cr_assert(client.pauses_ns[1] <= 10 * NS_PER_MS, "the ceiling begins anew");
}

Test(retry, thirty_seconds_of_back_off_take_no_memory)
{
    const struct retry_policy patient = {
        .attempts = 6, .first_delay_ns = NS_PER_SECOND, .factor = 2, .cap_ns = 30 * NS_PER_SECOND};
    struct client client = {.answers = refusals, .count = 1};
    uint64_t before = sim_calls(sim);

    start_client(&client, &patient, 1);
    fixture_pass(60 * NS_PER_SECOND);
    cr_assert(actor_ended(&client.actor, -ECONNREFUSED));
    cr_assert_eq(sim_calls(sim), before, "and not one call that could fail");
}

/* --- deadlines --- */

/* Runs to the end under a limit and a deadline around it (0: none); returns how long it took. */
static int64_t run_limited(struct client *client, int64_t limit_ns, int64_t outer_ns)
{
    struct retry_policy limited = {
        .first_delay_ns = NS_PER_MS, .factor = 10, .cap_ns = NS_PER_SECOND, .limit_ns = limit_ns};
    int64_t begun_ns = sim_now_ns(sim);

    client->actor.limit_ns = outer_ns;
    start_client(client, &limited, 1);
    for (int i = 0; i < 1000 && !task_ended(&client->actor.task); i++)
        fixture_pass(NS_PER_MS);
    cr_assert(task_ended(&client->actor.task));
    return loop.now_ns - begun_ns;
}

Test(retry, the_limit_cuts_off_an_attempt)
{
    struct client client = {.answers = slow_success, .count = 1};

    cr_assert_eq(run_limited(&client, 30 * NS_PER_MS, 0), 30 * NS_PER_MS);
    cr_assert(actor_ended(&client.actor, -ETIMEDOUT));
    cr_assert_eq(client.begun, 1, "and none comes after it");
}

Test(retry, success_in_the_turn_of_the_limit_is_success)
{
    struct client client = {.answers = slow_success, .count = 1};

    cr_assert_eq(run_limited(&client, 50 * NS_PER_MS, 0), 50 * NS_PER_MS);
    cr_assert(actor_ended(&client.actor, 1));
}

Test(retry, the_limit_is_over_all_attempts_together)
{
    static const struct answer answers[] = {{20 * NS_PER_MS, -EIO}, {20 * NS_PER_MS, 1}};
    struct client client = {.answers = answers, .count = 2};

    cr_assert_eq(run_limited(&client, 30 * NS_PER_MS, 0), 30 * NS_PER_MS);
    cr_assert(actor_ended(&client.actor, -ETIMEDOUT));
    cr_assert_eq(client.begun, 2);
}

Test(retry, nobody_sleeps_for_an_attempt_that_could_not_be_made)
{
    struct client client = {.answers = refusals, .count = 1};
    int64_t took_ns = run_limited(&client, 100 * NS_PER_MS, 0);

    cr_assert(actor_ended(&client.actor, -ECONNREFUSED), "its own error, not that of the limit");
    cr_assert(took_ns < 100 * NS_PER_MS);
    cr_assert(took_ns + client.retry.pause_ns >= 100 * NS_PER_MS);
}

Test(retry, a_deadline_around_it_counts_as_its_own_does)
{
    struct client cut = {.answers = slow_success, .count = 1};
    struct client refused = {.answers = refusals, .count = 1};

    cr_assert_eq(run_limited(&cut, NS_PER_SECOND, 30 * NS_PER_MS), 30 * NS_PER_MS);
    cr_assert(actor_ended(&cut.actor, -ETIMEDOUT));
    cr_assert(cut.actor.limit_passed);
    cr_assert(run_limited(&refused, 0, 100 * NS_PER_MS) < 100 * NS_PER_MS);
    cr_assert(actor_ended(&refused.actor, -ECONNREFUSED));
    cr_assert_not(refused.actor.limit_passed);
}

/* --- cancelling --- */

Test(retry, a_cancel_ends_it_in_an_attempt)
{
    struct client client = {.answers = slow_success, .count = 1};

    start_client(&client, &policy, 1);
    fixture_pass(20 * NS_PER_MS);
    task_cancel(&client.actor.task, loop.now_ns);
    fixture_turn();
    cr_assert(actor_ended(&client.actor, -ECANCELED));
    cr_assert_eq(client.begun, 1);
}

Test(retry, a_cancel_ends_it_in_a_pause)
{
    struct client client = {.answers = refusals, .count = 1};

    start_client(&client, &policy, 1);
    fixture_turn();
    cr_assert(actor_waiting(&client.actor));
    task_cancel(&client.actor.task, loop.now_ns);
    fixture_turn();
    cr_assert(actor_ended(&client.actor, -ECANCELED));
    cr_assert_eq(client.begun, 1);
}

Test(retry, a_cancel_before_the_first_step_leaves_one_attempt)
{
    struct client client = {.answers = refusals, .count = 1};

    start_client(&client, &policy, 1);
    task_cancel(&client.actor.task, loop.now_ns);
    fixture_turn();
    cr_assert(actor_ended(&client.actor, -ECANCELED));
    cr_assert_eq(client.begun, 1);
}

Test(retry, shielded_it_goes_on_until_the_cancels_deadline)
{
    const struct retry_policy tireless = {
        .first_delay_ns = 10 * NS_PER_MS, .factor = 1, .cap_ns = 10 * NS_PER_MS};
    struct client client = {.answers = refusals, .count = 1, .actor = {.shielded = true}};
    int64_t begun_ns = sim_now_ns(sim);

    start_client(&client, &tireless, 1);
    fixture_turn();
    task_cancel(&client.actor.task, begun_ns + 200 * NS_PER_MS);
    fixture_pass(199 * NS_PER_MS);
    cr_assert(actor_waiting(&client.actor));
    cr_assert(client.begun > 10);
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&client.actor, -ECANCELED));
}

/* --- misuse --- */

static void init_wrong(struct retry_policy wrong)
{
    struct retry retry;
    cr_redirect_stderr();
    retry_init(&retry, &wrong, 0);
}

Test(retry, a_factor_of_nothing_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct retry_policy){.attempts = 1});
}

Test(retry, a_negative_delay_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct retry_policy){.factor = 1, .first_delay_ns = -1});
}

Test(retry, a_cap_below_the_first_delay_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct retry_policy){.factor = 1, .first_delay_ns = 2, .cap_ns = 1});
}

Test(retry, a_negative_limit_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct retry_policy){.factor = 1, .limit_ns = -1});
}

/* --- against a model --- */

#define MODEL_SEEDS 3000
#define MODEL_ANSWERS 12

/* What the client should have done, told from its pauses. All else is in whole milliseconds, as the
 * wheel is. */
struct model {
    uint64_t seed;
    struct retry_policy policy;
    struct answer answers[MODEL_ANSWERS];
    struct client client;
};

static void model_prepare(struct model *model)
{
    uint64_t random = model->seed;
    struct retry_policy *limits = &model->policy;

    limits->attempts = fixture_random(&random, MODEL_ANSWERS) + 1;
    limits->first_delay_ns = fixture_random(&random, 20) * NS_PER_MS;
    limits->factor = fixture_random(&random, 4) + 1;
    limits->cap_ns = limits->first_delay_ns + fixture_random(&random, 100) * NS_PER_MS;
    limits->limit_ns = fixture_random(&random, 2) ? fixture_random(&random, 200) * NS_PER_MS : 0;
    limits->again = fixture_random(&random, 2) ? is_passing : NULL;
    for (int i = 0; i < MODEL_ANSWERS; i++) {
        model->answers[i].takes_ns = fixture_random(&random, 20) * NS_PER_MS;
        unsigned kind = fixture_random(&random, 12);
        model->answers[i].result = kind == 0 ? 3 : kind == 1 ? -EACCES : -ECONNREFUSED;
    }
    model->client.answers = model->answers;
    model->client.count = MODEL_ANSWERS;
}

/* Goes through the attempts as a reader of the header would. Returns the result and its instant. */
static int model_predict(const struct model *model, int64_t *now_ns)
{
    const struct retry_policy *limits = &model->policy;
    const struct client *client = &model->client;
    int64_t deadline_ns = limits->limit_ns ? *now_ns + limits->limit_ns : TIME_NEVER;
    int64_t ceiling_ns = limits->first_delay_ns;

    for (unsigned n = 0;; n++) {
        const struct answer *answer = &model->answers[n];
        if (answer->takes_ns && *now_ns + answer->takes_ns > deadline_ns) {
            *now_ns = deadline_ns;
            return -ETIMEDOUT;
        }
        *now_ns += answer->takes_ns;
        if (answer->result >= 0 || n + 1 == limits->attempts)
            return answer->result;
        if (limits->again && !limits->again(NULL, answer->result))
            return answer->result;
        bool last = n + 1 == client->begun;
        int64_t pause_ns = last ? client->retry.pause_ns : client->pauses_ns[n + 1];
        must(pause_ns <= ceiling_ns, "seed %ju: pause %u is too long", (uintmax_t)model->seed, n);
        ceiling_ns *= limits->factor;
        ceiling_ns = ceiling_ns < limits->cap_ns ? ceiling_ns : limits->cap_ns;
        if (*now_ns + pause_ns >= deadline_ns)
            return answer->result;
        must(!last, "seed %ju: no attempt after %u", (uintmax_t)model->seed, n);
        *now_ns = time_round_up(*now_ns + pause_ns, NS_PER_MS) * NS_PER_MS;
    }
}

static void model_run(uint64_t seed)
{
    struct model model = {.seed = seed};
    int64_t expected_ns = sim_now_ns(sim);

    model_prepare(&model);
    start_client(&model.client, &model.policy, seed);
    for (fixture_settle(); !task_ended(&model.client.actor.task);)
        fixture_pass(NS_PER_MS);
    int expected = model_predict(&model, &expected_ns);
    must(model.client.actor.task.result == expected, "seed %ju: %d, not %d", (uintmax_t)seed,
         model.client.actor.task.result, expected);
    must(loop.now_ns == expected_ns, "seed %ju: %jd ns off", (uintmax_t)seed,
         (intmax_t)(loop.now_ns - expected_ns));
}

Test(retry, retries_agree_with_a_model)
{
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++)
        model_run(seed);
}
