/*
 * Iteration: that whatever ends a loop closes what it went over, the sources and adapters one by
 * one, and random pipelines against arrays.
 */
#include "reactor/patterns/iterate.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>

#include "tests/support/fixture.h"

TestSuite(iterate, .init = fixture_open, .fini = fixture_close);

/* --- a source that is watched --- */

/* Yields 1, 2 ... `last`, each after `pause_ns`, then ends with `end`. */
struct probe {
    struct iterator iterator;
    struct frame frame;
    int rc;
    size_t last;
    int64_t pause_ns;
    int end;
    int64_t close_ns; /* how long its close takes */
    int close_result;
    int asked; /* calls of `next`, wake-ups included */
    int closed;
};

/* A generator: it goes on behind its yield. */
static int probe_next(struct task *task, struct iterator *iterator)
{
    struct probe *const self = container_of(iterator, struct probe, iterator);

    self->asked++;
    TASK_BEGIN();
    for (iterator->item.size = 1; iterator->item.size <= self->last; iterator->item.size++) {
        ITERATE_AWAIT(self->rc, self->pause_ns ? task_sleep(task, self->pause_ns) : 0);
        ITERATE_YIELD();
    }
    TASK_RETURN(self->end);
    TASK_END();
}

static int probe_close(struct task *task, struct iterator *iterator)
{
    struct probe *const self = container_of(iterator, struct probe, iterator);
    int rc = self->close_ns ? task_sleep(task, self->close_ns) : 0;
    if (rc != TASK_PENDING)
        self->closed++;
    return rc < 0 ? rc : self->close_result;
}

static struct probe probe;

static void make_probe(size_t last, int64_t pause_ns)
{
    probe = (struct probe){.last = last, .pause_ns = pause_ns};
    iterate_init(&probe.iterator, probe_next, probe_close);
}

/* --- a consumer --- */

#define SEEN_MAX 100

struct consumer {
    struct task task;
    struct frame frame;
    struct iterate_each each;
    int rc;
    struct iterator *source;
    int64_t body_ns; /* how long its body takes */
    size_t stop_at; /* breaks off behind so many; 0: never */
    int stop_with; /* ... with this */
    int64_t limit_ns;
    struct cancel_scope limit;
    size_t seen[SEEN_MAX];
    size_t count;
};

static int consume(struct task *task, void *context, struct iterate_item *item)
{
    struct consumer *consumer = context;
    if (consumer->body_ns) {
        int rc = task_sleep(task, consumer->body_ns);
        if (rc < 0)
            return rc;
    }
    cr_assert_lt(consumer->count, SEEN_MAX);
    consumer->seen[consumer->count++] = item->size;
    return consumer->count == consumer->stop_at ? consumer->stop_with : 1;
}

static int consumer_step(struct task *task)
{
    struct consumer *const self = container_of(task, struct consumer, task);

    TASK_BEGIN();
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    TASK_AWAIT(self->rc, iterate_each(task, &self->each, self->source, consume, self));
    if (self->limit_ns)
        (void)cancel_scope_close(task, &self->limit);
    TASK_RETURN(self->rc);
    TASK_END();
}

static struct consumer consumer;

static void start_consumer(struct iterator *source)
{
    consumer.source = source;
    cr_assert_eq(task_group_spawn(&actor_group, &consumer.task, "consumer", consumer_step), 0);
}

static void must_end(int result, size_t count)
{
    cr_assert(task_ended(&consumer.task));
    cr_assert_eq(consumer.task.result, result, "%d", consumer.task.result);
    cr_assert_eq(consumer.count, count);
}

/* --- whatever ends the loop --- */

Test(iterate, the_end_closes)
{
    make_probe(3, NS_PER_SECOND);
    start_consumer(&probe.iterator);
    fixture_pass(3 * NS_PER_SECOND);
    must_end(0, 3);
    cr_assert_eq(consumer.seen[2], 3);
    cr_assert_eq(probe.closed, 1);
}

Test(iterate, breaking_off_closes)
{
    make_probe(9, 0);
    consumer.stop_at = 2;
    start_consumer(&probe.iterator);
    fixture_settle();
    must_end(0, 2);
    cr_assert_eq(probe.asked, 2, "no more is asked for than is used");
    cr_assert_eq(probe.closed, 1);
}

Test(iterate, a_body_that_fails_closes)
{
    make_probe(9, 0);
    probe.close_result = -EBADF;
    consumer.stop_at = 2;
    consumer.stop_with = -EIO;
    start_consumer(&probe.iterator);
    fixture_settle();
    must_end(-EIO, 2);
    cr_assert_eq(probe.closed, 1);
}

Test(iterate, a_source_that_fails_is_closed)
{
    make_probe(1, 0);
    probe.end = -ECONNRESET;
    start_consumer(&probe.iterator);
    fixture_settle();
    must_end(-ECONNRESET, 1);
    cr_assert_eq(probe.closed, 1);
}

Test(iterate, the_failure_of_the_close_is_told_where_nothing_else_failed)
{
    make_probe(1, 0);
    probe.close_result = -EBADF;
    start_consumer(&probe.iterator);
    fixture_settle();
    must_end(-EBADF, 1);
}

Test(iterate, a_cancel_in_the_next_or_in_the_body_closes)
{
    for (int in_body = 0; in_body < 2; in_body++) {
        consumer = (struct consumer){.body_ns = in_body ? NS_PER_SECOND : 0};
        make_probe(9, in_body ? 0 : NS_PER_SECOND);
        start_consumer(&probe.iterator);
        fixture_pass(2 * NS_PER_SECOND + NS_PER_MS);
        task_cancel(&consumer.task, loop.now_ns);
        fixture_settle();
        must_end(-ECANCELED, 2);
        cr_assert_eq(probe.closed, 1);
    }
}

Test(iterate, a_deadline_closes_and_an_item_in_the_same_turn_beats_it)
{
    make_probe(9, NS_PER_SECOND);
    consumer.limit_ns = 2 * NS_PER_SECOND;
    start_consumer(&probe.iterator);
    fixture_pass(10 * NS_PER_SECOND);
    must_end(-ETIMEDOUT, 2);
    cr_assert_eq(probe.closed, 1);
}

Test(iterate, a_close_is_shielded_until_the_cancels_deadline)
{
    for (int enough = 0; enough < 2; enough++) {
        consumer = (struct consumer){.count = 0};
        make_probe(9, NS_PER_SECOND);
        probe.close_ns = NS_PER_SECOND;
        start_consumer(&probe.iterator);
        fixture_settle();
        task_cancel(&consumer.task, loop.now_ns + (enough ? 2 : 1) * NS_PER_SECOND / 2 + enough);
        fixture_pass(NS_PER_SECOND / 2);
        cr_assert_eq(task_ended(&consumer.task), !enough);
        fixture_pass(NS_PER_SECOND / 2);
        must_end(-ECANCELED, 0);
        cr_assert_eq(probe.closed, 1);
    }
}

Test(iterate, a_deadline_that_is_open_holds_for_the_close)
{
    make_probe(9, NS_PER_SECOND);
    probe.close_ns = NS_PER_SECOND;
    consumer.limit_ns = NS_PER_SECOND;
    consumer.stop_at = 1;
    start_consumer(&probe.iterator);
    fixture_pass(NS_PER_SECOND);
    must_end(-ETIMEDOUT, 1);
    cr_assert_eq(probe.closed, 1);
}

/* --- the protocol --- */

static int takes_next(struct task *task, void *object)
{
    return iterate_next(task, object);
}

static int closes(struct task *task, void *object)
{
    return iterate_close(task, object);
}

/* Makes one call and expects its answer. */
static void call(int (*function)(struct task *task, void *object), struct iterator *iterator,
                 int result)
{
    struct actor actor = {.call = function, .object = iterator};
    actor_start(&actor, "caller");
    fixture_settle();
    cr_assert(actor_ended(&actor, result), "%d", actor.task.result);
}

Test(iterate, the_end_stays_the_end)
{
    make_probe(1, 0);
    call(takes_next, &probe.iterator, 1);
    call(takes_next, &probe.iterator, 0);
    int asked = probe.asked;
    call(takes_next, &probe.iterator, 0);
    cr_assert_eq(probe.asked, asked);
    call(closes, &probe.iterator, 0);
}

Test(iterate, a_failure_stays_too_and_the_source_is_not_asked_again)
{
    make_probe(1, 0);
    probe.end = -EIO;
    call(takes_next, &probe.iterator, 1);
    call(takes_next, &probe.iterator, -EIO);
    int asked = probe.asked;
    call(takes_next, &probe.iterator, -EIO);
    cr_assert_eq(probe.asked, asked, "or the generator would begin anew");
    call(closes, &probe.iterator, 0);
}

Test(iterate, behind_a_deadline_a_generator_goes_on_where_it_was)
{
    struct actor hasty = {.call = takes_next, .object = &probe.iterator, .limit_ns = NS_PER_MS};
    struct actor patient = {.call = takes_next, .object = &probe.iterator};

    make_probe(3, NS_PER_SECOND);
    for (size_t item = 1; item <= 3; item++) {
        for (int i = 0; i < 2; i++) {
            actor_start(&hasty, "hasty");
            fixture_pass(NS_PER_MS);
            cr_assert(actor_ended(&hasty, -ETIMEDOUT));
        }
        actor_start(&patient, "patient");
        fixture_pass(NS_PER_SECOND);
        cr_assert(actor_ended(&patient, 1));
        cr_assert_eq(probe.iterator.item.size, item, "%zu", probe.iterator.item.size);
    }
    call(takes_next, &probe.iterator, 0);
    call(closes, &probe.iterator, 0);
}

Test(iterate, asking_a_closed_iterator_is_a_bug, .signal = SIGABRT)
{
    cr_redirect_stderr();
    make_probe(1, 0);
    call(closes, &probe.iterator, 0);
    call(takes_next, &probe.iterator, 0);
}

Test(iterate, closing_twice_is_a_bug, .signal = SIGABRT)
{
    cr_redirect_stderr();
    make_probe(1, 0);
    call(closes, &probe.iterator, 0);
    call(closes, &probe.iterator, 0);
}

Test(iterate, what_was_never_made_is_a_bug, .signal = SIGABRT)
{
    struct iterator nothing = {.state = 0};
    cr_redirect_stderr();
    call(takes_next, &nothing, 0);
}

Test(iterate, closing_what_was_never_made_is_a_bug, .signal = SIGABRT)
{
    struct iterator nothing = {.state = 0};
    cr_redirect_stderr();
    call(closes, &nothing, 0);
}

Test(iterate, a_source_that_answers_a_count_is_a_bug, .signal = SIGABRT)
{
    cr_redirect_stderr();
    make_probe(0, 0);
    probe.end = 2;
    call(takes_next, &probe.iterator, 2);
}

Test(iterate, a_body_that_answers_a_count_is_a_bug, .signal = SIGABRT)
{
    cr_redirect_stderr();
    make_probe(1, 0);
    consumer.stop_at = 1;
    consumer.stop_with = 2;
    start_consumer(&probe.iterator);
    fixture_settle();
}

/* --- adapters --- */

static void square(void *context, struct iterate_item *item)
{
    (void)context;
    item->size *= item->size;
}

static bool divides(void *context, const struct iterate_item *item)
{
    return item->size % *(size_t *)context == 0;
}

Test(iterate, adapters_are_lazy_and_closing_the_last_closes_the_first)
{
    static size_t two = 2;
    struct iterate_filter even;
    struct iterate_map squares;
    struct iterate_take three;

    make_probe(1000, 0);
    probe.close_ns = NS_PER_MS;
    probe.close_result = -EBADF;
    iterate_filter(&even, &probe.iterator, divides, &two);
    iterate_map(&squares, &even.iterator, square, NULL);
    iterate_take(&three, &squares.iterator, 3);
    uint64_t allocations = sim_count(sim, SIM_ALLOCATE) + sim_count(sim, SIM_RESIZE);
    start_consumer(&three.iterator);
    fixture_pass(NS_PER_MS);
    must_end(-EBADF, 3);
    cr_assert_eq(consumer.seen[0], 4);
    cr_assert_eq(consumer.seen[1], 16);
    cr_assert_eq(consumer.seen[2], 36);
    cr_assert_eq(probe.asked, 6);
    cr_assert_eq(probe.closed, 1);
    cr_assert_eq(sim_count(sim, SIM_ALLOCATE) + sim_count(sim, SIM_RESIZE), allocations);
}

Test(iterate, adapters_pass_failures_and_cancels_on)
{
    static size_t one = 1;
    struct iterate_filter all;
    struct iterate_map squares;
    struct iterate_take many;

    for (int cancelled = 0; cancelled < 2; cancelled++) {
        consumer = (struct consumer){.count = 0};
        make_probe(cancelled ? 9 : 1, NS_PER_SECOND);
        probe.end = -EIO;
        iterate_filter(&all, &probe.iterator, divides, &one);
        iterate_map(&squares, &all.iterator, square, NULL);
        iterate_take(&many, &squares.iterator, 100);
        start_consumer(&many.iterator);
        fixture_pass(NS_PER_SECOND);
        if (cancelled)
            task_cancel(&consumer.task, loop.now_ns);
        fixture_settle();
        must_end(cancelled ? -ECANCELED : -EIO, 1);
        cr_assert_eq(probe.closed, 1);
    }
}

/* One adapter of a random pipeline, and the same done to an array. */
union adapter {
    struct iterate_map map;
    struct iterate_filter filter;
    struct iterate_take take;
};

static size_t divisors[] = {1, 2, 3};

static struct iterator *adapt(union adapter *adapter, struct iterator *source, uint64_t *state,
                              size_t *model, size_t *count)
{
    size_t kept = 0;
    size_t choice = fixture_random(state, 3);
    size_t divisor = divisors[choice];
    switch (fixture_random(state, 3)) {
    case 0:
        for (size_t i = 0; i < *count; i++)
            model[i] *= model[i];
        iterate_map(&adapter->map, source, square, NULL);
        return &adapter->map.iterator;
    case 1:
        for (size_t i = 0; i < *count; i++) {
            if (model[i] % divisor == 0)
                model[kept++] = model[i];
        }
        *count = kept;
        iterate_filter(&adapter->filter, source, divides, &divisors[choice]);
        return &adapter->filter.iterator;
    default:
        kept = fixture_random(state, 40);
        if (kept < *count)
            *count = kept;
        iterate_take(&adapter->take, source, kept);
        return &adapter->take.iterator;
    }
}

Test(iterate, random_pipelines_yield_what_arrays_say)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        union adapter adapters[4];
        size_t model[SEEN_MAX], count = 60;
        uint64_t state = seed;

        make_probe(count, fixture_random(&state, 2) ? NS_PER_MS : 0);
        for (size_t i = 0; i < count; i++)
            model[i] = i + 1;
        struct iterator *last = &probe.iterator;
        for (int i = 0; i < 4; i++)
            last = adapt(&adapters[i], last, &state, model, &count);
        consumer = (struct consumer){.count = 0};
        start_consumer(last);
        fixture_pass(NS_PER_SECOND);
        cr_assert_eq(consumer.count, count, "seed %lu: %zu, not %zu", seed, consumer.count, count);
        cr_assert_arr_eq(consumer.seen, model, count * sizeof(model[0]), "seed %lu", seed);
        cr_assert_eq(probe.closed, 1, "seed %lu", seed);
    }
}

/* --- queues --- */

Test(iterate, items_of_a_queue_come_until_it_is_closed)
{
    static void *slots[4];
    static int things[3];
    struct queue queue;
    struct iterate_queue items;

    queue_init(&queue, slots, 4);
    iterate_queue(&items, &queue);
    for (int i = 0; i < 3; i++) {
        queue.slots[i] = &things[i];
        queue.count++;
    }
    call(takes_next, &items.iterator, 1);
    cr_assert_eq(items.iterator.item.value, &things[0]);
    struct actor cancelled = {.call = takes_next, .object = &items.iterator};
    actor_start(&cancelled, "cancelled");
    task_cancel(&cancelled.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&cancelled, -ECANCELED));
    queue_close(&queue);
    call(takes_next, &items.iterator, 1);
    cr_assert_eq(items.iterator.item.value, &things[1], "a cancelled await took nothing");
    call(takes_next, &items.iterator, 1);
    call(takes_next, &items.iterator, 0);
    call(closes, &items.iterator, 0);
}

/* --- ticks --- */

static struct iterate_ticks ticks;

static int starts_ticks(struct task *task, void *object)
{
    iterate_ticks(&ticks, task, *(int64_t *)object);
    return 0;
}

static void start_ticks(int64_t period_ns)
{
    struct actor actor = {.call = starts_ticks, .object = &period_ns};
    actor_start(&actor, "starter");
    fixture_settle();
}

Test(iterate, ticks_come_without_drift_though_the_consumer_takes_its_time)
{
    start_ticks(10 * NS_PER_MS);
    int64_t begin_ns = loop.now_ns;
    consumer.body_ns = 7 * NS_PER_MS;
    consumer.stop_at = 5;
    start_consumer(&ticks.iterator);
    fixture_pass(NS_PER_SECOND);
    must_end(0, 5);
    cr_assert_eq(ticks.at_ns, begin_ns + 60 * NS_PER_MS);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(consumer.seen[i], 1);
}

Test(iterate, ticks_that_were_missed_are_counted_not_repeated)
{
    start_ticks(10 * NS_PER_MS);
    consumer.body_ns = 35 * NS_PER_MS;
    consumer.stop_at = 3;
    start_consumer(&ticks.iterator);
    fixture_pass(NS_PER_SECOND);
    must_end(0, 3);
    cr_assert_eq(consumer.seen[0], 1); /* at 10 */
    cr_assert_eq(consumer.seen[1], 3); /* at 45: of 20, 30 and 40 */
    cr_assert_eq(consumer.seen[2], 4); /* at 80: of 50, 60, 70 and 80 */
}

Test(iterate, an_overdue_tick_lets_the_others_run_once)
{
    start_ticks(NS_PER_MS);
    sim_advance(sim, NS_PER_SECOND);
    struct actor actor = {.call = takes_next, .object = &ticks.iterator};
    actor_start(&actor, "late");
    fixture_turn();
    cr_assert(actor_waiting(&actor));
    fixture_turn();
    cr_assert(actor_ended(&actor, 1));
    cr_assert_eq(ticks.iterator.item.size, 1000);
}

Test(iterate, a_tick_in_the_turn_of_the_deadline_is_had_and_a_cancel_beats_it)
{
    struct actor actor = {.call = takes_next, .object = &ticks.iterator, .limit_ns = NS_PER_SECOND};

    start_ticks(NS_PER_SECOND);
    actor_start(&actor, "in time");
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&actor, 1));
    cr_assert(actor.limit_passed);
    actor_start(&actor, "cancelled");
    fixture_settle();
    sim_advance(sim, NS_PER_SECOND);
    task_cancel(&actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&actor, -ECANCELED));
}

Test(iterate, a_clock_that_stands_still_is_a_bug, .signal = SIGABRT)
{
    cr_redirect_stderr();
    start_ticks(0);
}
