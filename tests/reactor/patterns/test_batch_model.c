/*
 * Batches: random callers, cancels, deadlines and failures against what must hold of every request.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "reactor/patterns/batch.h"
#include "tests/support/fixture.h"

TestSuite(batch_model, .init = fixture_open, .fini = fixture_close);

#define MODEL_SEEDS 1500
#define MODEL_ROUNDS 60
#define MODEL_CALLERS 12

/* Each call has a number of its own, and it is known what became of it. */
struct model {
    uint64_t seed;
    uint64_t random;
    int64_t delay_ns;
    struct batch batch;
    struct batch_item *places[5];
    struct frame frame;
    int rc;
    int64_t now_takes_ns;

    struct model_caller {
        struct actor actor;
        struct batch_item item;
        struct model *model;
        bool waiting;
        bool cancelled;
        int number;
        int64_t asked_ns;
        bool taken; /* was in a batch that began */
        int fails; /* the -errno of the batch that it was in; 0: none */
    } callers[MODEL_CALLERS];
    int numbers;
    int last_taken; /* requests are taken in the order in which they were made */
    int64_t idle_ns; /* since when no batch runs */
};

static struct model_caller *model_caller_of(struct batch_item *item)
{
    return container_of(item, struct model_caller, item);
}

/* A batch begins in the turn in which it is full, its oldest is due or the one before has ended. */
static void model_take(struct model *model)
{
    uintmax_t number = model->seed;
    struct batch *batch = &model->batch;
    bool full = batch->count == batch->size;
    int64_t due_ns = model_caller_of(batch->items[0])->asked_ns + model->delay_ns;
    int64_t full_ns = model_caller_of(batch->items[batch->count - 1])->asked_ns;

    if (full && full_ns < due_ns)
        due_ns = full_ns;
    due_ns = due_ns > model->idle_ns ? due_ns : model->idle_ns;
    must(loop.now_ns == due_ns, "seed %ju: not in time", number);
    for (size_t i = 0; i < batch->count; i++) {
        struct model_caller *caller = model_caller_of(batch->items[i]);
        must(!caller->taken, "seed %ju: %d is made twice", number, caller->number);
        must(caller->number > model->last_taken, "seed %ju: overtaken", number);
        model->last_taken = caller->number;
        caller->taken = true;
    }
}

static void model_answer(struct model *model)
{
    bool fails = fixture_random(&model->random, 4) == 0;

    model->rc = fails ? -EIO : 0;
    for (size_t i = 0; i < model->batch.count; i++) {
        struct batch_item *item = model->batch.items[i];
        if (!item)
            continue;
        model_caller_of(item)->fails = fails ? -EIO : 0;
        if (!fails)
            batch_answer(item, model_caller_of(item)->number);
    }
}

static int model_make(struct task *task, struct batch *batch)
{
    struct model *const self = container_of(batch, struct model, batch);

    TASK_BEGIN();
    model_take(self);
    self->now_takes_ns = fixture_random(&self->random, 3) * 5 * NS_PER_MS;
    if (self->now_takes_ns)
        TASK_AWAIT(self->rc, task_sleep(task, self->now_takes_ns));
    model_answer(self);
    self->idle_ns = loop.now_ns;
    TASK_RETURN(self->rc);
    TASK_END();
}

static int model_asks(struct task *task, void *object)
{
    struct model_caller *caller = object;
    return batch_ask(task, &caller->item, &caller->model->batch, NULL);
}

static void model_act(struct model *model, struct model_caller *caller)
{
    if (caller->waiting) {
        caller->cancelled = true;
        task_cancel(&caller->actor.task, loop.now_ns);
        return;
    }
    *caller = (struct model_caller){.model = model, .waiting = true, .number = ++model->numbers};
    caller->actor.call = model_asks;
    caller->actor.object = caller;
    caller->actor.limit_ns = fixture_random(&model->random, 4) ? 0 : 7 * NS_PER_MS;
    caller->asked_ns = loop.now_ns;
    actor_start(&caller->actor, "caller");
}

static void model_settle(struct model *model, struct model_caller *caller)
{
    int result = caller->actor.task.result;
    int expected = caller->fails ? caller->fails : caller->number;

    caller->waiting = false;
    if (result == -ECANCELED && caller->cancelled)
        return;
    if (result == -ETIMEDOUT && caller->actor.limit_ns)
        return;
    must(caller->taken, "seed %ju: answered, but not made", (uintmax_t)model->seed);
    must(result == expected, "seed %ju: %d, not %d", (uintmax_t)model->seed, result, expected);
}

static unsigned model_check(struct model *model)
{
    unsigned waiting = 0;

    for (int i = 0; i < MODEL_CALLERS; i++) {
        struct model_caller *caller = &model->callers[i];
        if (caller->waiting && task_ended(&caller->actor.task))
            model_settle(model, caller);
        waiting += caller->waiting;
    }
    return waiting;
}

static void model_run(uint64_t seed)
{
    struct model model = {.seed = seed, .random = seed};

    model.delay_ns = fixture_random(&model.random, 4) * 5 * NS_PER_MS;
    model.batch = (struct batch){.make = model_make, .items = model.places};
    model.batch.size = fixture_random(&model.random, 5) + 1;
    model.batch.delay_ns = model.delay_ns;
    batch_init(&model.batch);
    cr_assert_eq(task_group_spawn(&actor_group, &model.batch.task, "model", batch_step), 0);
    for (int round = 0; round < MODEL_ROUNDS; round++) {
        for (unsigned i = fixture_random(&model.random, 5); i > 0; i--)
            model_act(&model, &model.callers[fixture_random(&model.random, MODEL_CALLERS)]);
        fixture_pass(fixture_random(&model.random, 4) * NS_PER_MS);
        (void)model_check(&model);
    }
    fixture_pass(NS_PER_SECOND);
    must(model_check(&model) == 0, "seed %ju: some wait for ever", (uintmax_t)seed);
    batch_close(&model.batch);
    fixture_settle();
    must(task_ended(&model.batch.task), "seed %ju: it doesn't end", (uintmax_t)seed);
}

Test(batch_model, every_request_is_made_once_in_order_and_in_time)
{
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++)
        model_run(seed);
}
