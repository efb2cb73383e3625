/*
 * The bounded queue: each promise of the header, and random putters and getters against a model.
 */
#include "reactor/task/queue.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "tests/support/fixture.h"

#define SLOTS 3

static struct queue queue;
static void *slots[SLOTS];

/* One who puts `item`, or gets it. */
struct user {
    struct actor actor;
    void *item;
};

static int puts_item(struct task *task, void *object)
{
    return queue_put(task, &queue, ((struct user *)object)->item);
}

static int gets_item(struct task *task, void *object)
{
    return queue_get(task, &queue, &((struct user *)object)->item);
}

static void start_putter(struct user *user, void *item)
{
    *user = (struct user){.item = item, .actor = {.call = puts_item, .object = user}};
    actor_start(&user->actor, "putter");
}

static void start_getter(struct user *user)
{
    *user = (struct user){.actor = {.call = gets_item, .object = user}};
    actor_start(&user->actor, "getter");
}

static void open_queue(void)
{
    fixture_open();
    queue_init(&queue, slots, SLOTS);
}

TestSuite(queue, .init = open_queue, .fini = fixture_close);

static int things[16];

/* Puts things[first] to things[last], which must fit. */
static void fill(int first, int last)
{
    for (int i = first; i <= last; i++) {
        struct user putter;
        start_putter(&putter, &things[i]);
        fixture_settle();
        cr_assert(actor_ended(&putter.actor, 0));
    }
}

/* Gets one thing, which must be there. */
static int get(void)
{
    struct user getter;
    start_getter(&getter);
    fixture_settle();
    cr_assert(actor_ended(&getter.actor, 1));
    return (int)((int *)getter.item - things);
}

Test(queue, what_went_in_first_comes_out_first_round_and_round)
{
    for (int i = 0; i < 10; i++) {
        fill(i, i + 1);
        cr_assert_eq(get(), i);
        cr_assert_eq(get(), i + 1);
    }
}

Test(queue, whoever_puts_into_a_full_queue_waits)
{
    struct user a, b;

    fill(0, SLOTS - 1);
    start_putter(&a, &things[3]);
    start_putter(&b, &things[4]);
    fixture_settle();
    cr_assert(actor_waiting(&a.actor) && actor_waiting(&b.actor));
    cr_assert_eq(get(), 0);
    cr_assert(actor_ended(&a.actor, 0));
    cr_assert(actor_waiting(&b.actor));
    for (int i = 1; i < 5; i++)
        cr_assert_eq(get(), i);
    cr_assert(actor_ended(&b.actor, 0));
}

Test(queue, whoever_gets_from_an_empty_queue_waits)
{
    struct user a, b;

    start_getter(&a);
    start_getter(&b);
    fixture_settle();
    cr_assert(actor_waiting(&a.actor) && actor_waiting(&b.actor));
    fill(0, 0);
    cr_assert(actor_ended(&a.actor, 1));
    cr_assert_eq(a.item, &things[0]);
    cr_assert(actor_waiting(&b.actor));
    fill(1, 1);
    cr_assert(actor_ended(&b.actor, 1));
}

Test(queue, as_many_getters_are_served_as_items_came_in_a_turn)
{
    struct user getters[3], putters[2];

    for (int i = 0; i < 3; i++)
        start_getter(&getters[i]);
    fixture_settle();
    for (int i = 0; i < 2; i++)
        start_putter(&putters[i], &things[i]);
    fixture_settle();
    cr_assert_eq(getters[0].item, &things[0]);
    cr_assert_eq(getters[1].item, &things[1]);
    cr_assert(actor_waiting(&getters[2].actor));
    fill(2, 2);
    cr_assert(actor_ended(&getters[2].actor, 1));
}

Test(queue, a_newcomer_never_overtakes_who_was_woken)
{
    struct user waiter, newcomer, putter;

    start_getter(&waiter);
    fixture_settle();
    start_putter(&putter, &things[0]);
    start_getter(&newcomer);
    fixture_settle();
    cr_assert_eq(waiter.item, &things[0]);
    cr_assert(actor_waiting(&newcomer.actor));
    fill(1, 1);
    cr_assert_eq(newcomer.item, &things[1]);
}

Test(queue, a_cancelled_getter_leaves_the_item_to_the_next)
{
    struct user first, second, putter;

    start_getter(&first);
    start_getter(&second);
    fixture_settle();
    start_putter(&putter, &things[0]);
    fixture_turn(); /* the item is in, and the first getter woken */
    task_cancel(&first.actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&first.actor, -ECANCELED));
    cr_assert_null(first.item);
    cr_assert_eq(second.item, &things[0]);
}

Test(queue, a_cancelled_putter_has_put_nothing)
{
    struct user first, second;

    fill(0, SLOTS - 1);
    start_putter(&first, &things[3]);
    start_putter(&second, &things[4]);
    fixture_settle();
    cr_assert_eq(get(), 0); /* makes room for the first of them */
    cr_assert(actor_ended(&first.actor, 0));
    task_cancel(&second.actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&second.actor, -ECANCELED));
    for (int i = 1; i < 4; i++)
        cr_assert_eq(get(), i);
    cr_assert_eq(queue.count, 0);
}

/* --- closing --- */

Test(queue, a_deadline_ends_both_waits_and_moves_nothing)
{
    struct user getter, putter;

    start_getter(&getter);
    getter.actor.limit_ns = NS_PER_MS;
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&getter.actor, -ETIMEDOUT));
    cr_assert_null(getter.item);
    fill(0, SLOTS - 1);
    start_putter(&putter, &things[3]);
    putter.actor.limit_ns = NS_PER_MS;
    fixture_pass(NS_PER_MS);
    cr_assert(actor_ended(&putter.actor, -ETIMEDOUT));
    for (int i = 0; i < SLOTS; i++)
        cr_assert_eq(get(), i);
    cr_assert_eq(queue.count, 0);
}

Test(queue, what_comes_in_the_turn_of_the_deadline_is_had)
{
    struct user getter, putter;

    start_getter(&getter);
    getter.actor.limit_ns = NS_PER_MS;
    fixture_settle();
    sim_advance(sim, NS_PER_MS);
    fill(0, 0);
    cr_assert(actor_ended(&getter.actor, 1));
    cr_assert(getter.actor.limit_passed);
    fill(1, SLOTS);
    start_putter(&putter, &things[4]);
    putter.actor.limit_ns = NS_PER_MS;
    fixture_settle();
    sim_advance(sim, NS_PER_MS);
    cr_assert_eq(get(), 1);
    cr_assert(actor_ended(&putter.actor, 0));
    cr_assert(putter.actor.limit_passed);
}

Test(queue, it_takes_no_memory)
{
    uint64_t before = sim_calls(sim);

    fill(0, SLOTS - 1);
    cr_assert_eq(get(), 0);
    queue_close(&queue);
    cr_assert_eq(sim_calls(sim), before, "and not one call that could fail");
}

Test(queue, a_closed_queue_takes_no_more_and_hands_out_what_it_holds)
{
    struct user putter, getter;

    fill(0, 1);
    queue_close(&queue);
    queue_close(&queue);
    start_putter(&putter, &things[2]);
    fixture_settle();
    cr_assert(actor_ended(&putter.actor, -EPIPE));
    cr_assert_eq(get(), 0);
    cr_assert_eq(get(), 1);
    start_getter(&getter);
    fixture_settle();
    cr_assert(actor_ended(&getter.actor, 0));
}

Test(queue, closing_wakes_all_who_wait)
{
    struct user getters[3];

    for (int i = 0; i < 3; i++)
        start_getter(&getters[i]);
    fixture_settle();
    queue_close(&queue);
    fixture_settle();
    for (int i = 0; i < 3; i++)
        cr_assert(actor_ended(&getters[i].actor, 0));
}

Test(queue, putters_who_wait_when_it_closes_are_refused)
{
    struct user putters[2];

    fill(0, SLOTS - 1);
    for (int i = 0; i < 2; i++)
        start_putter(&putters[i], &things[3]);
    fixture_settle();
    queue_close(&queue);
    fixture_settle();
    cr_assert(actor_ended(&putters[0].actor, -EPIPE));
    cr_assert(actor_ended(&putters[1].actor, -EPIPE));
    cr_assert_eq(get(), 0);
}

Test(queue, getters_beyond_the_last_item_of_a_closed_queue_see_its_end)
{
    struct user getters[3], putter;

    for (int i = 0; i < 3; i++)
        start_getter(&getters[i]);
    fixture_settle();
    start_putter(&putter, &things[0]);
    fixture_turn(); /* one item for three, and closed before anyone took it */
    queue_close(&queue);
    fixture_settle();
    cr_assert(actor_ended(&getters[0].actor, 1));
    cr_assert(actor_ended(&getters[1].actor, 0));
    cr_assert(actor_ended(&getters[2].actor, 0));
}

/* --- against a model --- */

#define MODEL_USERS 12
#define MODEL_ITEMS 200
#define MODEL_SEEDS 1500

enum kind { NOBODY, PUTTER, GETTER };

/*
 * Random putters and getters, cancels and deadlines. Putters are served in the order in which they
 * came, so the items that went in are known without asking the queue: those of the putters that
 * ended well, in the order of their start. Exactly these must come out, in this order, to getters
 * in the order of their start.
 */
struct model {
    struct user users[MODEL_USERS];
    enum kind kinds[MODEL_USERS];
    unsigned ages[MODEL_USERS]; /* the number of the start */
    unsigned starts;
    int *in[MODEL_ITEMS];
    unsigned in_count;
    unsigned out_count;
    uint64_t seed;
    uint64_t random;
};

static int model_items[MODEL_ITEMS];

static int model_next_ended(const struct model *model, enum kind kind)
{
    int first = -1;
    for (int i = 0; i < MODEL_USERS; i++) {
        const struct actor *actor = &model->users[i].actor;
        if (model->kinds[i] != kind || !task_ended(&actor->task))
            continue;
        if (first < 0 || actor->rank < model->users[first].actor.rank)
            first = i;
    }
    return first;
}

/* Nobody of his kind who came before a served one may still wait. */
static void model_check_order(const struct model *model, int served)
{
    for (int i = 0; i < MODEL_USERS; i++)
        must(model->kinds[i] != model->kinds[served] || model->ages[i] >= model->ages[served] ||
                 task_ended(&model->users[i].actor.task),
             "seed %ju: overtaken", (uintmax_t)model->seed);
}

static void model_take_in(struct model *model, int who)
{
    struct user *user = &model->users[who];
    if (user->actor.task.result == 0) {
        model_check_order(model, who);
        model->in[model->in_count++] = user->item;
    }
    model->kinds[who] = NOBODY;
}

static void model_take_out(struct model *model, int who)
{
    struct user *user = &model->users[who];
    if (user->actor.task.result == 1) {
        model_check_order(model, who);
        must(model->out_count < model->in_count, "seed %ju: an item out of nothing",
             (uintmax_t)model->seed);
        must(user->item == model->in[model->out_count], "seed %ju: the wrong item",
             (uintmax_t)model->seed);
        model->out_count++;
    }
    model->kinds[who] = NOBODY;
}

static void model_check(struct model *model)
{
    uintmax_t number = model->seed;

    for (int who; (who = model_next_ended(model, PUTTER)) >= 0;)
        model_take_in(model, who);
    for (int who; (who = model_next_ended(model, GETTER)) >= 0;)
        model_take_out(model, who);
    must(queue.count == model->in_count - model->out_count, "seed %ju: count", number);
    for (int i = 0; i < MODEL_USERS; i++) {
        must(model->kinds[i] != PUTTER || queue.count == SLOTS, "seed %ju: putter left", number);
        must(model->kinds[i] != GETTER || queue.count == 0, "seed %ju: getter left", number);
    }
}

static void model_start(struct model *model, unsigned who)
{
    struct user *user = &model->users[who];
    if (fixture_random(&model->random, 2)) {
        start_putter(user, &model_items[model->starts]);
        model->kinds[who] = PUTTER;
    } else {
        start_getter(user);
        model->kinds[who] = GETTER;
    }
    user->actor.limit_ns = fixture_random(&model->random, 3) ? 0 : NS_PER_MS;
    model->ages[who] = model->starts++;
}

static void model_act(struct model *model, unsigned who)
{
    struct task *task = &model->users[who].actor.task;
    if (model->kinds[who] == NOBODY && model->starts < MODEL_ITEMS)
        model_start(model, who);
    else if (model->kinds[who] == NOBODY)
        return;
    else if (fixture_random(&model->random, 2))
        task_cancel(task, loop.now_ns);
    else
        task_wake(task);
}

static void model_run(uint64_t seed)
{
    struct model model = {.seed = seed, .random = seed};

    queue_init(&queue, slots, SLOTS);
    while (model.starts < MODEL_ITEMS) {
        for (unsigned i = fixture_random(&model.random, 6); i > 0; i--)
            model_act(&model, fixture_random(&model.random, MODEL_USERS));
        if (fixture_random(&model.random, 2))
            fixture_turn(); /* what follows finds some of them woken and not yet served */
        if (fixture_random(&model.random, 4) == 0)
            fixture_pass(NS_PER_MS);
        else if (fixture_random(&model.random, 2))
            fixture_settle();
        else
            continue;
        model_check(&model);
    }
    queue_close(&queue);
    fixture_settle();
    must(actor_group.alive == 0, "seed %ju: %zu outlive the close", (uintmax_t)seed,
         actor_group.alive);
}

Test(queue, random_users_agree_with_a_model)
{
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++)
        model_run(seed);
}
