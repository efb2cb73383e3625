/*
 * Batches: each promise of the header on the virtual clock. test_batch_model.c has random callers.
 */
#include "reactor/patterns/batch.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "tests/support/fixture.h"

#define SIZE 3
#define BATCHES_MAX 32

/* What a batch takes, and how it goes. */
static int64_t takes_ns;
static int whole_result; /* of each batch */
static bool answers_each; /* with the number asked for, doubled */

/* What was seen of the batches. */
static unsigned batches;
static int64_t begun_ns[BATCHES_MAX];
static unsigned counts[BATCHES_MAX];
static unsigned places_left; /* by callers, while their batch ran */

static struct batch_item *places[SIZE];

static struct doubler {
    struct batch batch;
    struct frame frame;
    int rc;
} doubler;

static void note_batch(const struct batch *batch)
{
    must(batches < BATCHES_MAX, "more than %u batches", BATCHES_MAX);
    must(batch->count >= 1 && batch->count <= batch->size, "%zu in a batch", batch->count);
    begun_ns[batches] = loop.now_ns;
    counts[batches] = (unsigned)batch->count;
    batches++;
}

static void answer_each(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct batch_item *item = batch->items[i];
        places_left += !item;
        if (item && answers_each)
            batch_answer(item, 2 * *(const int *)item->request);
    }
}

static int doubles(struct task *task, struct batch *batch)
{
    struct doubler *const self = container_of(batch, struct doubler, batch);

    TASK_BEGIN();
    note_batch(batch);
    if (takes_ns) {
        TASK_AWAIT(self->rc, task_sleep(task, takes_ns));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    answer_each(batch);
    TASK_RETURN(whole_result);
    TASK_END();
}

struct caller {
    struct actor actor;
    struct batch_item item;
    int number;
};

static int asks(struct task *task, void *object)
{
    struct caller *caller = object;
    return batch_ask(task, &caller->item, &doubler.batch, &caller->number);
}

static void start_caller(struct caller *caller, int number)
{
    caller->actor.call = asks;
    caller->actor.object = caller;
    caller->number = number;
    actor_start(&caller->actor, "caller");
}

static void prepare(int64_t delay_ns)
{
    batches = 0;
    places_left = 0;
    takes_ns = 0;
    whole_result = 0;
    answers_each = true;
    doubler = (struct doubler){
        .batch = {.make = doubles, .items = places, .size = SIZE, .delay_ns = delay_ns}};
    batch_init(&doubler.batch);
    cr_assert_eq(task_group_spawn(&actor_group, &doubler.batch.task, "batch", batch_step), 0);
}

/* Up to three in a batch, 10 ms after the first at the latest. */
static void open_batch(void)
{
    fixture_open();
    prepare(10 * NS_PER_MS);
}

static void close_batch(void)
{
    batch_close(&doubler.batch);
    fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&doubler.batch.task));
    cr_assert_eq(doubler.batch.waiting, 0);
    fixture_close();
}

TestSuite(batch, .init = open_batch, .fini = close_batch);

/* --- by size and by time --- */

Test(batch, a_full_one_begins_at_once_and_each_has_its_own_answer)
{
    struct caller callers[SIZE] = {0};

    for (int i = 0; i < SIZE; i++)
        start_caller(&callers[i], i + 1);
    fixture_settle();
    for (int i = 0; i < SIZE; i++)
        cr_assert(actor_ended(&callers[i].actor, 2 * (i + 1)));
    cr_assert_eq(batches, 1);
    cr_assert_eq(counts[0], SIZE);
}

Test(batch, one_that_is_not_full_begins_when_the_oldest_has_waited_long_enough)
{
    struct caller first = {0}, second = {0};
    int64_t start_ns = sim_now_ns(sim);

    start_caller(&first, 1);
    fixture_pass(6 * NS_PER_MS);
    start_caller(&second, 2);
    fixture_pass(3 * NS_PER_MS);
    cr_assert_eq(batches, 0);
    fixture_pass(NS_PER_MS);
    cr_assert_eq(batches, 1);
    cr_assert_eq(begun_ns[0], start_ns + 10 * NS_PER_MS);
    cr_assert(actor_ended(&first.actor, 2));
    cr_assert(actor_ended(&second.actor, 4));
}

Test(batch, the_one_that_fills_it_makes_it_begin)
{
    struct caller callers[SIZE] = {0};

    for (int i = 0; i < SIZE; i++) {
        cr_assert_eq(batches, 0);
        start_caller(&callers[i], i);
        fixture_pass(2 * NS_PER_MS);
    }
    cr_assert_eq(batches, 1);
    cr_assert(actor_ended(&callers[0].actor, 0));
}

Test(batch, each_one_has_a_time_of_its_own)
{
    struct caller callers[2] = {0};
    int64_t start_ns = sim_now_ns(sim);

    start_caller(&callers[0], 1);
    fixture_pass(15 * NS_PER_MS);
    start_caller(&callers[1], 2);
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(batches, 2);
    cr_assert_eq(begun_ns[1], start_ns + 25 * NS_PER_MS);
}

Test(batch, without_a_delay_what_is_asked_in_one_turn_is_one)
{
    struct caller callers[2] = {0}, later = {0};

    batch_close(&doubler.batch);
    fixture_settle();
    prepare(0);
    start_caller(&callers[0], 1);
    start_caller(&callers[1], 2);
    fixture_turn();
    start_caller(&later, 3);
    fixture_settle();
    cr_assert(actor_ended(&later.actor, 6));
    cr_assert_eq(batches, 2);
    cr_assert_eq(counts[0], 2);
    cr_assert_eq(counts[1], 1);
}

Test(batch, while_one_runs_the_next_are_gathered_in_order)
{
    struct caller callers[8] = {0};

    takes_ns = 20 * NS_PER_MS;
    for (int i = 0; i < 8; i++)
        start_caller(&callers[i], i);
    fixture_pass(20 * NS_PER_MS);
    cr_assert_eq(batches, 2);
    cr_assert(actor_ended(&callers[2].actor, 4));
    cr_assert(actor_waiting(&callers[3].actor));
    fixture_pass(20 * NS_PER_MS);
    cr_assert(actor_ended(&callers[5].actor, 10));
    cr_assert_eq(batches, 3, "the time of the rest was long over");
    fixture_pass(20 * NS_PER_MS);
    cr_assert(actor_ended(&callers[7].actor, 14));
    for (unsigned i = 0; i < 8; i++)
        cr_assert_eq(callers[i].actor.rank, i + 1);
}

Test(batch, it_takes_no_memory)
{
    struct caller callers[8] = {0};
    uint64_t before = sim_calls(sim);

    for (int i = 0; i < 8; i++)
        start_caller(&callers[i], i);
    fixture_pass(10 * NS_PER_MS);
    cr_assert_eq(batches, 3);
    cr_assert_eq(sim_calls(sim), before, "and not one call that could fail");
}

/* --- failures --- */

Test(batch, one_that_fails_fails_its_own_callers_only)
{
    struct caller failed[SIZE] = {0}, next = {0};

    answers_each = false;
    whole_result = -EIO;
    for (int i = 0; i < SIZE; i++)
        start_caller(&failed[i], i);
    fixture_settle();
    for (int i = 0; i < SIZE; i++)
        cr_assert(actor_ended(&failed[i].actor, -EIO));
    answers_each = true;
    start_caller(&next, 4);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&next.actor, 8));
}

static int answers_odd_ones(struct task *task, struct batch *batch)
{
    (void)task;
    for (size_t i = 0; i < batch->count; i++) {
        if (*(const int *)batch->items[i]->request % 2)
            batch_answer(batch->items[i], -ENOENT);
    }
    return -EIO;
}

Test(batch, those_it_answered_before_it_failed_keep_their_answers)
{
    struct caller callers[SIZE] = {0};

    doubler.batch.make = answers_odd_ones;
    for (int i = 0; i < SIZE; i++)
        start_caller(&callers[i], i);
    fixture_settle();
    cr_assert(actor_ended(&callers[0].actor, -EIO));
    cr_assert(actor_ended(&callers[1].actor, -ENOENT));
    cr_assert(actor_ended(&callers[2].actor, -EIO));
}

/* --- callers that leave --- */

Test(batch, one_cancelled_while_it_is_gathered_is_not_asked_for)
{
    struct caller stays = {0}, leaves = {0};

    start_caller(&stays, 1);
    start_caller(&leaves, 2);
    fixture_pass(5 * NS_PER_MS);
    task_cancel(&leaves.actor.task, loop.now_ns);
    fixture_pass(5 * NS_PER_MS);
    cr_assert(actor_ended(&leaves.actor, -ECANCELED));
    cr_assert(actor_ended(&stays.actor, 2));
    cr_assert_eq(counts[0], 1);
}

Test(batch, when_the_oldest_leaves_the_time_of_the_next_counts)
{
    struct caller leaves = {0}, stays = {0};
    int64_t start_ns = sim_now_ns(sim);

    start_caller(&leaves, 1);
    fixture_pass(6 * NS_PER_MS);
    start_caller(&stays, 2);
    task_cancel(&leaves.actor.task, loop.now_ns);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&stays.actor, 4));
    cr_assert_eq(begun_ns[0], start_ns + 16 * NS_PER_MS);
}

Test(batch, when_the_only_one_leaves_there_is_none)
{
    struct caller leaves = {0}, next = {0};

    start_caller(&leaves, 1);
    fixture_pass(6 * NS_PER_MS);
    task_cancel(&leaves.actor.task, loop.now_ns);
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(batches, 0);
    start_caller(&next, 2);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&next.actor, 4));
}

Test(batch, one_cancelled_while_its_batch_runs_leaves_the_others_alone)
{
    struct caller callers[SIZE] = {0};

    takes_ns = 20 * NS_PER_MS;
    for (int i = 0; i < SIZE; i++)
        start_caller(&callers[i], i);
    fixture_pass(NS_PER_MS);
    task_cancel(&callers[1].actor.task, loop.now_ns);
    fixture_turn();
    cr_assert(actor_ended(&callers[1].actor, -ECANCELED), "it doesn't wait for the others");
    memset(&callers[1], 0x5a, sizeof(callers[1])); /* its frame may be gone */
    fixture_pass(20 * NS_PER_MS);
    cr_assert(actor_ended(&callers[0].actor, 0));
    cr_assert(actor_ended(&callers[2].actor, 4));
    cr_assert_eq(places_left, 1);
}

Test(batch, one_out_of_time_leaves_gathered_or_running)
{
    struct caller gathered = {.actor = {.limit_ns = 5 * NS_PER_MS}};
    struct caller running = {.actor = {.limit_ns = 15 * NS_PER_MS}};

    takes_ns = 20 * NS_PER_MS;
    start_caller(&gathered, 1);
    start_caller(&running, 2);
    fixture_pass(5 * NS_PER_MS);
    cr_assert(actor_ended(&gathered.actor, -ETIMEDOUT));
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&running.actor, -ETIMEDOUT));
    cr_assert_eq(counts[0], 1);
    fixture_pass(20 * NS_PER_MS);
    cr_assert_eq(places_left, 1);
}

Test(batch, an_answer_in_the_turn_of_the_deadline_counts_and_a_cancel_beats_it)
{
    struct caller callers[SIZE] = {{.actor = {.limit_ns = 20 * NS_PER_MS}}};

    takes_ns = 20 * NS_PER_MS;
    for (int i = 0; i < SIZE; i++)
        start_caller(&callers[i], i + 1);
    fixture_settle();
    task_wake(&callers[0].actor.task);
    sim_advance(sim, 20 * NS_PER_MS);
    batch_answer(&callers[0].item, 7);
    fixture_turn();
    cr_assert(actor_ended(&callers[0].actor, 7));
    task_cancel(&callers[1].actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&callers[1].actor, -ECANCELED), "though it was answered");
    cr_assert(actor_ended(&callers[2].actor, 6));
}

Test(batch, one_that_was_cancelled_before_it_asked_is_not_asked_for)
{
    struct caller caller = {0};

    start_caller(&caller, 1);
    task_cancel(&caller.actor.task, loop.now_ns);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&caller.actor, -ECANCELED));
    cr_assert_eq(batches, 0);
}

/* --- the end --- */

Test(batch, closed_it_makes_what_is_gathered_at_once_and_no_more)
{
    struct caller callers[2] = {0}, late = {0};

    start_caller(&callers[0], 1);
    start_caller(&callers[1], 2);
    fixture_settle();
    batch_close(&doubler.batch);
    batch_close(&doubler.batch);
    start_caller(&late, 3);
    fixture_settle();
    cr_assert(actor_ended(&callers[0].actor, 2));
    cr_assert(actor_ended(&callers[1].actor, 4));
    cr_assert(actor_ended(&late.actor, -EPIPE));
    cr_assert(task_ended(&doubler.batch.task));
    cr_assert_eq(doubler.batch.task.result, 0);
}

Test(batch, closed_while_one_runs_it_makes_all_that_are_left)
{
    struct caller callers[8] = {0};

    takes_ns = NS_PER_MS;
    for (int i = 0; i < 8; i++)
        start_caller(&callers[i], i);
    fixture_settle();
    batch_close(&doubler.batch);
    fixture_pass(3 * NS_PER_MS);
    for (int i = 0; i < 8; i++)
        cr_assert(actor_ended(&callers[i].actor, 2 * i));
    cr_assert(task_ended(&doubler.batch.task));
}

Test(batch, cancelled_it_ends_with_the_batch_that_runs_and_refuses_the_rest)
{
    struct caller callers[8] = {0}, late = {0};

    takes_ns = 20 * NS_PER_MS;
    for (int i = 0; i < 8; i++)
        start_caller(&callers[i], i);
    fixture_pass(NS_PER_MS);
    task_cancel(&doubler.batch.task, loop.now_ns);
    fixture_settle();
    for (int i = 0; i < 8; i++)
        cr_assert(actor_ended(&callers[i].actor, -EPIPE), "nobody cancelled the callers");
    cr_assert_eq(batches, 1);
    cr_assert_eq(doubler.batch.task.result, -ECANCELED);
    start_caller(&late, 1);
    fixture_settle();
    cr_assert(actor_ended(&late.actor, -EPIPE));
}

Test(batch, a_batch_that_answers_that_it_was_cancelled_is_believed_while_its_task_lives)
{
    struct caller caller = {0};

    answers_each = false;
    whole_result = -ECANCELED;
    start_caller(&caller, 1);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&caller.actor, -ECANCELED));
}

Test(batch, cancelled_while_it_gathers_it_refuses_what_is_gathered)
{
    struct caller caller = {0};

    start_caller(&caller, 1);
    fixture_pass(NS_PER_MS);
    task_cancel(&doubler.batch.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&caller.actor, -EPIPE));
    cr_assert_eq(batches, 0);
}

Test(batch, cancelled_before_its_first_step_it_refuses_all)
{
    struct caller caller = {0};

    task_cancel(&doubler.batch.task, loop.now_ns);
    start_caller(&caller, 1);
    fixture_settle();
    cr_assert(actor_ended(&caller.actor, -EPIPE));
    cr_assert(task_ended(&doubler.batch.task));
}

/* --- misuse --- */

static void init_wrong(struct batch wrong)
{
    cr_redirect_stderr();
    batch_init(&wrong);
}

Test(batch, no_room_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct batch){.make = doubles, .items = places});
}

Test(batch, no_places_are_a_bug, .signal = SIGABRT)
{
    init_wrong((struct batch){.make = doubles, .size = SIZE});
}

Test(batch, nothing_to_make_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct batch){.items = places, .size = SIZE});
}

Test(batch, a_negative_delay_is_a_bug, .signal = SIGABRT)
{
    init_wrong((struct batch){.make = doubles, .items = places, .size = SIZE, .delay_ns = -1});
}

Test(batch, to_answer_what_is_only_gathered_is_a_bug, .signal = SIGABRT)
{
    struct caller caller = {0};

    cr_redirect_stderr();
    start_caller(&caller, 1);
    fixture_settle();
    batch_answer(&caller.item, 0);
}

Test(batch, to_answer_twice_is_a_bug, .signal = SIGABRT)
{
    struct caller callers[SIZE] = {0};

    cr_redirect_stderr();
    takes_ns = NS_PER_MS;
    for (int i = 0; i < SIZE; i++)
        start_caller(&callers[i], i);
    fixture_settle();
    batch_answer(&callers[0].item, 0);
    batch_answer(&callers[0].item, 0);
}
