/*
 * Once: each promise of the header on the virtual clock, and random askers against what must hold.
 */
#include "reactor/patterns/once.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

/* What is made: takes `takes_ns` and, in between, a limit of its own; then ends with `result`. */
struct made {
    int64_t takes_ns; /* 0: it doesn't suspend */
    int64_t limit_ns; /* 0: none */
    int result;

    /* What was seen. */
    unsigned begun;
    unsigned ended;
    unsigned inside; /* between its beginning and its end */
    const struct task *maker;

    struct frame frame;
    int rc;
    struct cancel_scope limit;
};

static struct made made;
static struct once once;

static int make_step(struct task *task, void *object)
{
    struct made *const self = object;

    TASK_BEGIN();
    self->begun++;
    self->inside++;
    self->maker = task;
    self->rc = 0;
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    if (self->takes_ns)
        TASK_AWAIT(self->rc, task_sleep(task, self->takes_ns));
    if (self->limit_ns)
        cancel_scope_close(task, &self->limit);
    self->inside--;
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    self->ended++;
    TASK_RETURN(self->result);
    TASK_END();
}

struct asker {
    struct actor actor;
    struct once_ask ask;
};

static int asks(struct task *task, void *object)
{
    return once_get(task, &once, &((struct asker *)object)->ask);
}

static void start_asker(struct asker *asker)
{
    asker->actor.call = asks;
    asker->actor.object = asker;
    actor_start(&asker->actor, "asker");
}

static void open_once(void)
{
    fixture_open();
    made = (struct made){.takes_ns = 10 * NS_PER_MS};
    once_init(&once, make_step, &made);
}

TestSuite(once, .init = open_once, .fini = fixture_close);

/* Starts a maker and two who wait for it. */
static void start_three(struct asker *askers)
{
    for (int i = 0; i < 3; i++)
        start_asker(&askers[i]);
    fixture_settle();
    cr_assert_eq(made.maker, &askers[0].actor.task);
    cr_assert_eq(made.begun, 1);
}

/* --- success and failure --- */

Test(once, the_first_makes_it_and_all_have_it)
{
    struct asker askers[3] = {0}, late = {0};

    start_three(askers);
    fixture_pass(10 * NS_PER_MS);
    for (int i = 0; i < 3; i++)
        cr_assert(actor_ended(&askers[i].actor, 0));
    start_asker(&late);
    fixture_turn();
    cr_assert(actor_ended(&late.actor, 0), "without being parked");
    cr_assert_eq(made.begun, 1);
}

Test(once, what_is_made_without_waiting_is_there_at_once)
{
    struct asker a = {0}, b = {0};

    made.takes_ns = 0;
    made.result = 5;
    start_asker(&a);
    start_asker(&b);
    fixture_turn();
    cr_assert(actor_ended(&a.actor, 0), "whatever count it is made with");
    cr_assert(actor_ended(&b.actor, 0));
    cr_assert_eq(made.begun, 1);
}

Test(once, a_failure_is_told_to_all_and_the_next_tries_again)
{
    struct asker askers[3] = {0}, next = {0};

    made.result = -EIO;
    start_three(askers);
    fixture_pass(10 * NS_PER_MS);
    for (int i = 0; i < 3; i++)
        cr_assert(actor_ended(&askers[i].actor, -EIO));
    cr_assert_eq(made.begun, 1, "each hears of the one failure, none tries on its own");
    made.result = 0;
    start_asker(&next);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&next.actor, 0));
    cr_assert_eq(made.begun, 2);
}

/* Asks as the maker does, but again at once when that fails. */
struct stubborn {
    struct asker asker;
    struct frame frame;
    int rc;
};

static int asks_twice(struct task *task, void *object)
{
    struct stubborn *const self = object;

    TASK_BEGIN();
    TASK_AWAIT(self->rc, once_get(task, &once, &self->asker.ask));
    made.result = 0;
    TASK_AWAIT(self->rc, once_get(task, &once, &self->asker.ask));
    TASK_RETURN(self->rc);
    TASK_END();
}

Test(once, who_asks_before_all_were_told_is_not_told_but_tries_again)
{
    struct stubborn stubborn = {.asker = {.actor = {.call = asks_twice, .object = &stubborn}}};
    struct asker waiting = {0};

    made.result = -EIO;
    actor_start(&stubborn.asker.actor, "stubborn");
    start_asker(&waiting);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&waiting.actor, -EIO));
    cr_assert(actor_waiting(&stubborn.asker.actor));
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&stubborn.asker.actor, 0));
    cr_assert_eq(made.begun, 2);
}

Test(once, a_time_out_of_its_own_is_a_failure_like_any)
{
    struct asker askers[3] = {0};

    made.limit_ns = NS_PER_MS;
    start_three(askers);
    fixture_pass(NS_PER_MS);
    for (int i = 0; i < 3; i++)
        cr_assert(actor_ended(&askers[i].actor, -ETIMEDOUT));
    cr_assert_eq(made.begun, 1);
}

Test(once, what_was_reset_is_made_anew)
{
    struct asker a = {0}, b = {0};

    start_asker(&a);
    fixture_pass(10 * NS_PER_MS);
    once_reset(&once);
    start_asker(&b);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&b.actor, 0));
    cr_assert_eq(made.begun, 2);
}

Test(once, it_takes_no_memory)
{
    struct asker askers[3] = {0};
    uint64_t before = sim_calls(sim);

    start_three(askers);
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(sim_calls(sim), before, "and not one call that could fail");
}

/* --- cut off --- */

Test(once, a_maker_that_is_cancelled_hands_over_to_who_waited_longest)
{
    struct asker askers[3] = {0};

    start_three(askers);
    fixture_pass(5 * NS_PER_MS);
    task_cancel(&askers[0].actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&askers[0].actor, -ECANCELED));
    cr_assert_eq(made.maker, &askers[1].actor.task);
    fixture_pass(9 * NS_PER_MS);
    cr_assert(actor_waiting(&askers[1].actor), "it began at the beginning");
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&askers[1].actor, 0));
    cr_assert(actor_ended(&askers[2].actor, 0));
    cr_assert_eq(made.begun, 2);
    cr_assert_eq(made.ended, 1);
}

Test(once, a_maker_out_of_time_hands_over_too)
{
    struct asker askers[3] = {{.actor = {.limit_ns = 5 * NS_PER_MS}}};

    start_three(askers);
    fixture_pass(5 * NS_PER_MS);
    cr_assert(actor_ended(&askers[0].actor, -ETIMEDOUT));
    cr_assert_eq(made.maker, &askers[1].actor.task);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&askers[1].actor, 0));
    cr_assert(actor_ended(&askers[2].actor, 0));
}

Test(once, a_cancelled_maker_without_successor_leaves_it_to_the_next_who_asks)
{
    struct asker first = {0}, next = {0};

    start_asker(&first);
    fixture_settle();
    task_cancel(&first.actor.task, loop.now_ns);
    fixture_settle();
    cr_assert_eq(made.inside, 0);
    start_asker(&next);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&next.actor, 0));
}

Test(once, a_successor_cancelled_before_it_runs_hands_over_in_turn)
{
    struct asker askers[3] = {0};

    start_three(askers);
    task_cancel(&askers[0].actor.task, loop.now_ns);
    fixture_turn();
    task_cancel(&askers[1].actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&askers[1].actor, -ECANCELED));
    cr_assert_eq(made.maker, &askers[2].actor.task);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&askers[2].actor, 0));
}

Test(once, a_successor_whose_time_is_over_hands_over_in_turn)
{
    struct asker askers[3] = {{.actor = {.limit_ns = 5 * NS_PER_MS}},
                              {.actor = {.limit_ns = 5 * NS_PER_MS}}};

    start_three(askers);
    fixture_pass(5 * NS_PER_MS);
    cr_assert(actor_ended(&askers[0].actor, -ETIMEDOUT));
    cr_assert(actor_ended(&askers[1].actor, -ETIMEDOUT));
    cr_assert_eq(made.maker, &askers[2].actor.task);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&askers[2].actor, 0));
}

Test(once, a_newcomer_does_not_overtake_the_successor)
{
    struct asker askers[3] = {0}, newcomer = {0};

    start_three(askers);
    task_cancel(&askers[0].actor.task, loop.now_ns);
    start_asker(&newcomer); /* runs when the maker has left and the successor has yet to run */
    fixture_settle();
    cr_assert_eq(made.maker, &askers[1].actor.task);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&newcomer.actor, 0));
}

Test(once, those_who_stop_waiting_leave_the_others_alone)
{
    struct asker askers[3] = {[1] = {.actor = {.limit_ns = 5 * NS_PER_MS}}};
    struct asker last = {0};

    start_three(askers);
    start_asker(&last);
    fixture_pass(5 * NS_PER_MS);
    task_cancel(&askers[2].actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&askers[1].actor, -ETIMEDOUT));
    cr_assert(actor_ended(&askers[2].actor, -ECANCELED));
    fixture_pass(5 * NS_PER_MS);
    cr_assert(actor_ended(&askers[0].actor, 0));
    cr_assert(actor_ended(&last.actor, 0));
    cr_assert_eq(made.begun, 1);
}

Test(once, made_in_the_turn_of_a_deadline_is_made_and_a_cancel_beats_it)
{
    struct asker askers[3] = {{.actor = {.limit_ns = 10 * NS_PER_MS}},
                              {.actor = {.limit_ns = 10 * NS_PER_MS}}};

    start_three(askers);
    sim_advance(sim, 10 * NS_PER_MS);
    fixture_turn();
    cr_assert(actor_ended(&askers[0].actor, 0));
    task_cancel(&askers[2].actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&askers[1].actor, 0));
    cr_assert(actor_ended(&askers[2].actor, -ECANCELED));
}

Test(once, a_cancelled_task_gets_nothing_though_it_is_made)
{
    struct asker maker = {0}, cancelled = {0};

    start_asker(&maker);
    fixture_pass(10 * NS_PER_MS);
    start_asker(&cancelled);
    task_cancel(&cancelled.actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&cancelled.actor, -ECANCELED));
}

Test(once, a_shielded_maker_makes_it)
{
    struct asker maker = {.actor = {.shielded = true}}, waiting = {0};

    start_asker(&maker);
    start_asker(&waiting);
    fixture_settle();
    task_cancel(&maker.actor.task, TIME_NEVER);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&maker.actor, 0));
    cr_assert(actor_ended(&waiting.actor, 0));
    cr_assert_eq(made.begun, 1);
}

/* --- misuse --- */

static int asks_for_itself(struct task *task, void *object)
{
    return asks(task, object);
}

Test(once, what_asks_for_itself_is_a_bug, .signal = SIGABRT)
{
    struct asker asker = {0};

    cr_redirect_stderr();
    once_init(&once, asks_for_itself, &asker);
    start_asker(&asker);
    fixture_turn();
}

Test(once, to_reset_what_is_being_made_is_a_bug, .signal = SIGABRT)
{
    struct asker asker = {0};

    cr_redirect_stderr();
    start_asker(&asker);
    fixture_settle();
    once_reset(&once);
}

/* --- against what must hold --- */

#define MODEL_SEEDS 1500
#define MODEL_ROUNDS 60
#define MODEL_ASKERS 10

/* What an outsider can say of every asker, knowing only which makings began and how they ended. */
struct model {
    uint64_t seed;
    uint64_t random;
    struct asker askers[MODEL_ASKERS];
    bool waiting[MODEL_ASKERS];
    bool cancelled[MODEL_ASKERS];
    bool limited[MODEL_ASKERS];
};

static void model_act(struct model *model, unsigned who)
{
    struct asker *asker = &model->askers[who];

    if (!model->waiting[who]) {
        *asker = (struct asker){.actor = {.limit_ns = 0}};
        model->limited[who] = fixture_random(&model->random, 3) == 0;
        if (model->limited[who])
            asker->actor.limit_ns = (fixture_random(&model->random, 4) + 1) * NS_PER_MS;
        model->cancelled[who] = false;
        model->waiting[who] = true;
        start_asker(asker);
    } else if (fixture_random(&model->random, 3) == 0) {
        task_wake(&asker->actor.task);
    } else {
        model->cancelled[who] = true;
        task_cancel(&asker->actor.task, loop.now_ns);
    }
}

static void model_settle(struct model *model, unsigned who)
{
    int result = model->askers[who].actor.task.result;
    uintmax_t number = model->seed;

    model->waiting[who] = false;
    must(result != -ECANCELED || model->cancelled[who], "seed %ju: cancelled by nobody", number);
    must(result != -ETIMEDOUT || model->limited[who], "seed %ju: timed out by nobody", number);
    if (result == 0 || result == -EIO)
        must(made.ended > 0, "seed %ju: %d, though nothing was made", number, result);
    else
        must(result == -ECANCELED || result == -ETIMEDOUT, "seed %ju: %d", number, result);
}

static void model_check(struct model *model)
{
    unsigned waiting = 0;

    for (unsigned who = 0; who < MODEL_ASKERS; who++) {
        if (model->waiting[who] && task_ended(&model->askers[who].actor.task))
            model_settle(model, who);
        waiting += model->waiting[who];
    }
    must(made.inside <= 1, "seed %ju: made by two", (uintmax_t)model->seed);
    must(made.inside == (waiting > 0), "seed %ju: %u wait and %u make it", (uintmax_t)model->seed,
         waiting, made.inside);
    must(!once.made || waiting == 0, "seed %ju: they wait for what is there",
         (uintmax_t)model->seed);
}

/* Nothing may change under a maker's hands; between two makings the next one's fate is drawn. */
static void model_draw(struct model *model)
{
    if (made.inside)
        return;
    if (once.made && fixture_random(&model->random, 2))
        once_reset(&once);
    made.takes_ns = fixture_random(&model->random, 4) * NS_PER_MS;
    made.result = fixture_random(&model->random, 2) ? -EIO : 0;
}

static void model_run(uint64_t seed)
{
    struct model model = {.seed = seed, .random = seed};

    made = (struct made){.result = 0};
    once_init(&once, make_step, &made);
    for (int round = 0; round < MODEL_ROUNDS; round++) {
        model_draw(&model);
        for (unsigned i = fixture_random(&model.random, 5); i > 0; i--)
            model_act(&model, fixture_random(&model.random, MODEL_ASKERS));
        fixture_pass(fixture_random(&model.random, 3) * NS_PER_MS);
        model_check(&model);
    }
    fixture_pass(NS_PER_SECOND);
    model_check(&model);
    for (unsigned i = 0; i < MODEL_ASKERS; i++)
        must(!model.waiting[i], "seed %ju: %u waits for ever", (uintmax_t)seed, i);
}

Test(once, whatever_happens_one_makes_it_and_nobody_is_forgotten)
{
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++)
        model_run(seed);
}
