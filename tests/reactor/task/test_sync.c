/*
 * Events, futures and semaphores: each promise of the header, and semaphores against a model.
 */
#include "reactor/task/sync.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>

#include "tests/support/fixture.h"

TestSuite(sync, .init = fixture_open, .fini = fixture_close);

/* --- events --- */

Test(sync, an_event_wakes_all_who_wait_and_stays_set)
{
    struct event event;
    struct actor a = {.call = actor_waits, .object = &event}, b = a, late = a;

    event_init(&event);
    actor_start(&a, "a");
    actor_start(&b, "b");
    fixture_settle();
    cr_assert(actor_waiting(&a) && actor_waiting(&b));
    event_set(&event);
    event_set(&event);
    fixture_settle();
    cr_assert(actor_ended(&a, 0) && actor_ended(&b, 0));
    actor_start(&late, "late");
    fixture_turn();
    cr_assert(actor_ended(&late, 0), "without being parked");
}

Test(sync, a_cleared_event_is_waited_for_again)
{
    struct event event;
    struct actor actor = {.call = actor_waits, .object = &event};

    event_init(&event);
    event_set(&event);
    event_clear(&event);
    actor_start(&actor, "actor");
    fixture_settle();
    cr_assert(actor_waiting(&actor));
    event_set(&event);
    fixture_settle();
    cr_assert(actor_ended(&actor, 0));
}

/* --- futures --- */

static int waits_for_future(struct task *task, void *object)
{
    return future_wait(task, object);
}

Test(sync, a_future_gives_all_who_wait_the_same_result)
{
    struct future future;
    struct actor a = {.call = waits_for_future, .object = &future}, b = a, late = a;
    int value = 0;

    future_init(&future);
    actor_start(&a, "a");
    actor_start(&b, "b");
    fixture_settle();
    cr_assert(actor_waiting(&a) && actor_waiting(&b));
    future_resolve(&future, 5, &value);
    fixture_settle();
    actor_start(&late, "late");
    fixture_settle();
    cr_assert(actor_ended(&a, 5) && actor_ended(&b, 5) && actor_ended(&late, 5));
    cr_assert_eq(future.value, &value);
}

Test(sync, a_future_may_be_a_failure)
{
    struct future future;
    struct actor actor = {.call = waits_for_future, .object = &future};

    future_init(&future);
    future_resolve(&future, -EIO, NULL);
    actor_start(&actor, "actor");
    fixture_settle();
    cr_assert(actor_ended(&actor, -EIO));
}

Test(sync, one_who_stops_waiting_for_a_future_leaves_it_to_the_others)
{
    struct future future;
    struct actor a = {.call = waits_for_future, .object = &future}, b = a, c = a;

    future_init(&future);
    a.limit_ns = NS_PER_MS;
    actor_start(&a, "a");
    actor_start(&b, "b");
    actor_start(&c, "c");
    fixture_pass(NS_PER_MS);
    task_cancel(&b.task, loop.now_ns);
    fixture_settle();
    future_resolve(&future, 1, NULL);
    fixture_settle();
    cr_assert(actor_ended(&a, -ETIMEDOUT));
    cr_assert(actor_ended(&b, -ECANCELED));
    cr_assert(actor_ended(&c, 1));
}

Test(sync, resolving_a_future_twice_is_a_bug, .signal = SIGABRT)
{
    struct future future;

    cr_redirect_stderr();
    future_init(&future);
    future_resolve(&future, 0, NULL);
    future_resolve(&future, 0, NULL);
}

/* --- semaphores --- */

static int acquires(struct task *task, void *object)
{
    return semaphore_acquire(task, object);
}

Test(sync, permits_are_taken_without_waiting_while_there_are_any)
{
    struct semaphore semaphore;
    struct actor a = {.call = acquires, .object = &semaphore}, b = a, c = a;

    semaphore_init(&semaphore, 2);
    actor_start(&a, "a");
    actor_start(&b, "b");
    actor_start(&c, "c");
    fixture_turn();
    cr_assert(actor_ended(&a, 0) && actor_ended(&b, 0));
    cr_assert(actor_waiting(&c));
    semaphore_release(&semaphore);
    fixture_settle();
    cr_assert(actor_ended(&c, 0));
    cr_assert_eq(semaphore.permits, 0);
}

Test(sync, as_many_are_served_as_permits_were_released_in_a_turn)
{
    struct semaphore semaphore;
    struct actor actors[4];

    semaphore_init(&semaphore, 0);
    for (int i = 0; i < 4; i++) {
        actors[i] = (struct actor){.call = acquires, .object = &semaphore};
        actor_start(&actors[i], "actor");
    }
    fixture_settle();
    for (int i = 0; i < 3; i++)
        semaphore_release(&semaphore);
    fixture_settle();
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(actors[i].rank, i + 1, "first come, first served");
    cr_assert(actor_waiting(&actors[3]));
    cr_assert_eq(semaphore.permits, 0);
    semaphore_release(&semaphore);
    fixture_settle();
}

Test(sync, a_permit_released_for_one_who_times_out_goes_to_the_next)
{
    struct semaphore semaphore;
    struct actor hasty = {.call = acquires, .object = &semaphore, .limit_ns = NS_PER_MS};
    struct actor patient = {.call = acquires, .object = &semaphore};

    semaphore_init(&semaphore, 0);
    actor_start(&hasty, "hasty");
    actor_start(&patient, "patient");
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&hasty, -ETIMEDOUT));
    cr_assert(actor_waiting(&patient));
    semaphore_release(&semaphore);
    fixture_settle();
    cr_assert(actor_ended(&patient, 0));
}

/* --- all of them --- */

Test(sync, what_comes_in_the_turn_of_the_deadline_is_had_and_a_cancel_beats_it)
{
    struct event event;
    struct future future;
    struct semaphore semaphore;
    struct actor actors[] = {{.call = actor_waits, .object = &event},
                             {.call = waits_for_future, .object = &future},
                             {.call = acquires, .object = &semaphore},
                             {.call = actor_waits, .object = &event},
                             {.call = waits_for_future, .object = &future},
                             {.call = acquires, .object = &semaphore}};

    event_init(&event);
    future_init(&future);
    semaphore_init(&semaphore, 0);
    for (int i = 0; i < 6; i++) {
        actors[i].limit_ns = NS_PER_MS;
        actor_start(&actors[i], "actor");
    }
    fixture_settle();
    sim_advance(sim, NS_PER_MS);
    event_set(&event);
    future_resolve(&future, 0, NULL);
    semaphore_release(&semaphore);
    semaphore_release(&semaphore);
    for (int i = 3; i < 6; i++)
        task_cancel(&actors[i].task, loop.now_ns);
    fixture_settle();
    for (int i = 0; i < 6; i++) {
        cr_assert(actor_ended(&actors[i], i < 3 ? 0 : -ECANCELED));
        cr_assert(actors[i].limit_passed);
    }
    cr_assert_eq(semaphore.permits, 1, "the cancelled one has taken none");
}

/* --- a semaphore against a model --- */

#define MODEL_ACTORS 12
#define MODEL_ROUNDS 60
#define MODEL_SEEDS 1500

enum model_state { IDLE, WAITING, HOLDING };

/*
 * The model: who waits, in which order, and how many permits are free. It is asked only when
 * everything has settled: at any such moment nobody may wait while a permit is free, and whoever
 * got one must have been the first of the model's queue.
 */
struct model {
    struct semaphore semaphore;
    struct actor actors[MODEL_ACTORS];
    enum model_state states[MODEL_ACTORS];
    unsigned queue[MODEL_ACTORS];
    unsigned queued;
    unsigned free;
    uint64_t seed;
    uint64_t random;
};

static void model_leave(struct model *model, unsigned who)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < model->queued; i++) {
        if (model->queue[i] != who)
            model->queue[kept++] = model->queue[i];
    }
    model->queued = kept;
}

/* An actor's end, as the model sees it. `rank` orders those who ended since it last looked. */
static void model_settle(struct model *model, unsigned who)
{
    struct actor *actor = &model->actors[who];
    uintmax_t number = model->seed;

    if (actor->task.result == 0) {
        must(model->queued > 0 && model->queue[0] == who, "seed %ju: overtaken", number);
        must(model->free > 0, "seed %ju: a permit out of nothing", number);
        model->free--;
        model->states[who] = HOLDING;
    } else {
        model->states[who] = IDLE;
    }
    model_leave(model, who);
}

/* The one that ended first among those the model still believes to be waiting. */
static int model_next_ended(const struct model *model)
{
    int first = -1;
    for (int i = 0; i < MODEL_ACTORS; i++) {
        const struct actor *actor = &model->actors[i];
        if (model->states[i] != WAITING || !task_ended(&actor->task))
            continue;
        if (first < 0 || actor->rank < model->actors[first].rank)
            first = i;
    }
    return first;
}

static void model_check(struct model *model)
{
    for (int who; (who = model_next_ended(model)) >= 0;)
        model_settle(model, (unsigned)who);
    must(model->semaphore.permits == model->free, "seed %ju: %u permits, not %u",
         (uintmax_t)model->seed, model->semaphore.permits, model->free);
    must(model->free == 0 || model->queued == 0, "seed %ju: a permit and a waiter",
         (uintmax_t)model->seed);
}

/* One who is idle asks, one who waits is cancelled or woken for nothing, one who holds releases. */
static void model_act(struct model *model, unsigned who)
{
    struct actor *actor = &model->actors[who];
    switch (model->states[who]) {
    case IDLE:
        *actor = (struct actor){.call = acquires, .object = &model->semaphore};
        actor->limit_ns = fixture_random(&model->random, 3) ? 0 : NS_PER_MS;
        actor_start(actor, "actor");
        model->states[who] = WAITING;
        model->queue[model->queued++] = who;
        break;
    case WAITING:
        if (fixture_random(&model->random, 2))
            task_cancel(&actor->task, loop.now_ns);
        else
            task_wake(&actor->task);
        break;
    case HOLDING:
        model->states[who] = IDLE;
        model->free++;
        semaphore_release(&model->semaphore);
        break;
    }
}

static void model_run(uint64_t seed)
{
    struct model model = {.seed = seed, .random = seed};

    model.free = fixture_random(&model.random, 4);
    semaphore_init(&model.semaphore, model.free);
    for (int round = 0; round < MODEL_ROUNDS; round++) {
        /* Several things happen between two turns: who is woken may be cancelled as well. */
        for (unsigned i = fixture_random(&model.random, 5); i > 0; i--)
            model_act(&model, fixture_random(&model.random, MODEL_ACTORS));
        if (fixture_random(&model.random, 4) == 0)
            fixture_pass(NS_PER_MS);
        fixture_settle();
        model_check(&model);
    }
    for (unsigned i = 0; i < MODEL_ACTORS; i++) {
        if (model.states[i] == WAITING)
            task_cancel(&model.actors[i].task, loop.now_ns);
    }
    fixture_settle();
    model_check(&model);
}

Test(sync, semaphores_agree_with_a_model)
{
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++)
        model_run(seed);
}
