/*
 * The wheel beside a model that is too simple to be wrong: an array of timers, looked through from
 * end to end. Beside that, the arithmetic of the slots at every border, where a wheel goes wrong.
 */
#include "reactor/base/wheel.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_NS (INT64_C(365) * 24 * 3600 * NS_PER_SECOND)
#define LAST_TICK (TIME_NEVER / WHEEL_TICK_NS)

/* Plain, where a test checks millions of things: an assertion of Criterion's is a message. */
#define must(condition, ...)             \
    do {                                 \
        if (!(condition))                \
            cr_assert_fail(__VA_ARGS__); \
    } while (0)

static struct wheel wheel;
static struct list expired;

static void begin_at(int64_t now_ns)
{
    wheel_init(&wheel, now_ns);
    list_init(&expired);
}

/* Advances to `now_ns` and returns how many timers expired; they are popped. */
static size_t expire(int64_t now_ns)
{
    size_t count = 0;
    wheel_advance(&wheel, now_ns, &expired);
    wheel_check(&wheel);
    while (list_pop(&expired))
        count++;
    return count;
}

static struct wheel_timer *pop_expired(void)
{
    struct list *node = list_pop(&expired);
    return node ? container_of(node, struct wheel_timer, node) : NULL;
}

/* --- what the header promises, one by one --- */

Test(wheel, a_timer_is_as_small_as_three_words)
{
    cr_assert_eq(sizeof(struct wheel_timer), 24);
}

Test(wheel, an_empty_wheel_never_needs_to_be_advanced)
{
    begin_at(0);
    cr_assert_eq(wheel_next(&wheel), TIME_NEVER);
    cr_assert_eq(wheel_count(&wheel), 0);
    cr_assert_eq(expire(100 * YEAR_NS), 0);
    cr_assert_eq(wheel_next(&wheel), TIME_NEVER);
}

Test(wheel, a_zeroed_timer_is_stopped)
{
    struct wheel_timer timer = {0};

    begin_at(0);
    cr_assert_not(wheel_running(&timer));
    wheel_stop(&wheel, &timer);
    wheel_check(&wheel);
    cr_assert_not(wheel_running(&timer));
    cr_assert_eq(wheel_count(&wheel), 0);
}

Test(wheel, a_deadline_is_rounded_up_to_its_tick)
{
    struct wheel_timer timer = {0};

    begin_at(10 * WHEEL_TICK_NS);
    wheel_start(&wheel, &timer, 11 * WHEEL_TICK_NS + 1);
    cr_assert_eq(wheel_next(&wheel), 12 * WHEEL_TICK_NS);
    cr_assert_eq(expire(11 * WHEEL_TICK_NS + 1), 0);
    cr_assert_eq(expire(12 * WHEEL_TICK_NS - 1), 0);
    cr_assert_eq(expire(12 * WHEEL_TICK_NS), 1);
    cr_assert_not(wheel_running(&timer));
}

Test(wheel, a_deadline_on_a_tick_fires_at_that_tick)
{
    struct wheel_timer timer = {0};

    begin_at(10 * WHEEL_TICK_NS + 7);
    wheel_start(&wheel, &timer, 11 * WHEEL_TICK_NS);
    cr_assert_eq(expire(11 * WHEEL_TICK_NS - 1), 0);
    cr_assert_eq(expire(11 * WHEEL_TICK_NS), 1);
}

Test(wheel, a_deadline_that_is_not_after_now_is_due_at_once)
{
    const int64_t now_ns = 5 * WHEEL_TICK_NS + 600;
    const int64_t deadlines_ns[] = {now_ns, now_ns - 1, 5 * WHEEL_TICK_NS, 1, 0, -1, INT64_MIN};

    for (size_t i = 0; i < sizeof deadlines_ns / sizeof *deadlines_ns; i++) {
        struct wheel_timer timer = {0};
        begin_at(now_ns);
        wheel_start(&wheel, &timer, deadlines_ns[i]);
        wheel_check(&wheel);
        cr_assert_eq(wheel_next(&wheel), now_ns);
        cr_assert_eq(wheel_count(&wheel), 1);
        cr_assert_eq(expire(now_ns), 1);
        cr_assert_eq(wheel_next(&wheel), TIME_NEVER);
    }
}

Test(wheel, equal_deadlines_fire_in_start_order)
{
    struct wheel_timer timers[4] = {0};

    begin_at(0);
    for (size_t i = 0; i < 4; i++)
        wheel_start(&wheel, &timers[i], 5000 * WHEEL_TICK_NS);
    wheel_advance(&wheel, 5000 * WHEEL_TICK_NS, &expired);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pop_expired(), &timers[i]);
}

/* The early starters come down from higher levels, the late ones are put on the lowest directly. */
Test(wheel, a_timer_from_far_away_fires_before_a_late_starter_of_the_same_tick)
{
    struct wheel_timer timers[WHEEL_LEVELS] = {0};
    const int64_t tick = INT64_C(0x76543210fed);

    begin_at(0);
    for (unsigned i = 0; i < WHEEL_LEVELS; i++) {
        unsigned shift = (WHEEL_LEVELS - i) * WHEEL_SLOT_BITS;
        must(expire((tick >> shift << shift) * WHEEL_TICK_NS) == 0, "early at level %u", i);
        wheel_start(&wheel, &timers[i], tick * WHEEL_TICK_NS);
        wheel_check(&wheel);
    }
    wheel_advance(&wheel, tick * WHEEL_TICK_NS, &expired);
    for (unsigned i = 0; i < WHEEL_LEVELS; i++)
        cr_assert_eq(pop_expired(), &timers[i]);
}

Test(wheel, a_rearmed_timer_goes_behind_its_equals)
{
    struct wheel_timer timers[2] = {0};

    begin_at(0);
    wheel_start(&wheel, &timers[0], 70 * WHEEL_TICK_NS);
    wheel_start(&wheel, &timers[1], 70 * WHEEL_TICK_NS);
    wheel_start(&wheel, &timers[0], 70 * WHEEL_TICK_NS);
    cr_assert_eq(wheel_count(&wheel), 2);
    wheel_advance(&wheel, 70 * WHEEL_TICK_NS, &expired);
    cr_assert_eq(pop_expired(), &timers[1]);
    cr_assert_eq(pop_expired(), &timers[0]);
}

Test(wheel, starting_with_never_just_stops)
{
    struct wheel_timer timer = {0};

    begin_at(0);
    wheel_start(&wheel, &timer, TIME_NEVER);
    cr_assert_not(wheel_running(&timer));
    wheel_start(&wheel, &timer, NS_PER_SECOND);
    wheel_start(&wheel, &timer, TIME_NEVER);
    cr_assert_not(wheel_running(&timer));
    wheel_check(&wheel);
    cr_assert_eq(wheel_count(&wheel), 0);
    cr_assert_eq(wheel_next(&wheel), TIME_NEVER);
}

Test(wheel, the_last_tick_of_the_clock_is_kept_and_beyond_it_is_never)
{
    struct wheel_timer last = {0};
    struct wheel_timer beyond = {0};

    begin_at(0);
    wheel_start(&wheel, &last, LAST_TICK * WHEEL_TICK_NS);
    wheel_start(&wheel, &beyond, LAST_TICK * WHEEL_TICK_NS + 1);
    wheel_check(&wheel);
    cr_assert(wheel_running(&last));
    cr_assert_not(wheel_running(&beyond));
    cr_assert_eq(expire(LAST_TICK * WHEEL_TICK_NS - 1), 0);
    cr_assert_eq(wheel_next(&wheel), LAST_TICK * WHEEL_TICK_NS);
    cr_assert_eq(expire(TIME_NEVER), 1);
}

Test(wheel, time_that_goes_backwards_is_ignored)
{
    struct wheel_timer timer = {0};

    begin_at(NS_PER_SECOND);
    wheel_start(&wheel, &timer, NS_PER_SECOND + WHEEL_TICK_NS);
    cr_assert_eq(expire(0), 0);
    cr_assert_eq(expire(-1), 0);
    cr_assert_eq(wheel_next(&wheel), NS_PER_SECOND + WHEEL_TICK_NS);
    wheel_start(&wheel, &timer, NS_PER_SECOND);
    cr_assert_eq(expire(0), 1, "it was due, whatever the clock says");
}

Test(wheel, an_expired_timer_may_stop_one_that_expired_with_it)
{
    struct wheel_timer timers[3] = {0};

    begin_at(0);
    for (size_t i = 0; i < 3; i++)
        wheel_start(&wheel, &timers[i], WHEEL_TICK_NS);
    wheel_advance(&wheel, WHEEL_TICK_NS, &expired);
    cr_assert_eq(pop_expired(), &timers[0]);
    cr_assert(wheel_running(&timers[1]));
    wheel_stop(&wheel, &timers[1]);
    cr_assert_not(wheel_running(&timers[1]));
    wheel_check(&wheel);
    cr_assert_eq(wheel_count(&wheel), 0);
    cr_assert_eq(pop_expired(), &timers[2]);
    cr_assert_null(pop_expired());
}

Test(wheel, an_expired_timer_may_rearm_itself_and_one_that_expired_with_it)
{
    struct wheel_timer timers[2] = {0};

    begin_at(0);
    wheel_start(&wheel, &timers[0], WHEEL_TICK_NS);
    wheel_start(&wheel, &timers[1], WHEEL_TICK_NS);
    wheel_advance(&wheel, WHEEL_TICK_NS, &expired);
    cr_assert_eq(pop_expired(), &timers[0]);
    wheel_start(&wheel, &timers[0], WHEEL_TICK_NS);
    wheel_start(&wheel, &timers[1], 3 * WHEEL_TICK_NS);
    cr_assert_null(pop_expired(), "neither runs again in this round");
    wheel_check(&wheel);
    cr_assert_eq(wheel_count(&wheel), 2);
    cr_assert_eq(expire(WHEEL_TICK_NS), 1);
    cr_assert_eq(expire(3 * WHEEL_TICK_NS), 1);
}

/* --- arithmetic --- */

/* Ticks around every border between levels: 0, 1, 2; 62 to 66; 4094 to 4098; and so on. */
static size_t border_ticks(int64_t ticks[3 + 5 * WHEEL_LEVELS])
{
    size_t count = 0;
    for (int64_t tick = 0; tick < 3; tick++)
        ticks[count++] = tick;
    for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
        for (int64_t offset = -2; offset <= 2; offset++)
            ticks[count++] = (INT64_C(1) << level * WHEEL_SLOT_BITS) + offset;
    }
    return count;
}

/* Wakes as wheel_next says until the one running timer, due at `tick`, has fired. */
static void follow_one_timer(int64_t tick)
{
    int64_t woken_ns;
    unsigned needless = 0;
    size_t fired;

    do {
        woken_ns = wheel_next(&wheel);
        must(woken_ns <= tick * WHEEL_TICK_NS, "late for %jd", (intmax_t)tick);
        fired = expire(woken_ns);
        needless += fired == 0;
        must(needless < WHEEL_LEVELS, "too many wake-ups for %jd", (intmax_t)tick);
    } while (fired == 0);
    must(woken_ns == tick * WHEEL_TICK_NS, "%jd fired at %jd ns", (intmax_t)tick,
         (intmax_t)woken_ns);
}

Test(wheel, next_is_never_late_and_wakes_needlessly_at_most_once_a_level)
{
    int64_t ticks[3 + 5 * WHEEL_LEVELS];
    size_t count = border_ticks(ticks);

    for (size_t from = 0; from < count; from++) {
        for (size_t distance = 1; distance < count; distance++) {
            struct wheel_timer timer = {0};
            int64_t tick = ticks[from] + ticks[distance];
            begin_at(ticks[from] * WHEEL_TICK_NS);
            wheel_start(&wheel, &timer, tick * WHEEL_TICK_NS);
            wheel_check(&wheel);
            follow_one_timer(tick);
        }
    }
}

Test(wheel, at_every_border_a_timer_fires_at_its_tick_and_no_nanosecond_before)
{
    int64_t ticks[3 + 5 * WHEEL_LEVELS];
    size_t count = border_ticks(ticks);

    for (size_t from = 0; from < count; from++) {
        for (size_t distance = 1; distance < count; distance++) {
            struct wheel_timer timer = {0};
            int64_t deadline_ns = (ticks[from] + ticks[distance]) * WHEEL_TICK_NS;
            begin_at(ticks[from] * WHEEL_TICK_NS);
            wheel_start(&wheel, &timer, deadline_ns);
            must(expire(deadline_ns - 1) == 0, "early: %jd", (intmax_t)deadline_ns);
            must(expire(deadline_ns) == 1, "late: %jd", (intmax_t)deadline_ns);
        }
    }
}

/* One timer for each of the next 4,200 ticks, two levels and a bit, from every place in a slot. */
Test(wheel, with_a_timer_on_every_tick_one_fires_each_tick)
{
    enum { TICKS = 4200 };
    static struct wheel_timer timers[TICKS];

    for (int64_t from = 4096 - 70; from <= 4096 + 2; from++) {
        begin_at(from * WHEEL_TICK_NS);
        for (int64_t i = 0; i < TICKS; i++)
            wheel_start(&wheel, &timers[i], (from + 1 + i) * WHEEL_TICK_NS);
        for (int64_t i = 0; i < TICKS; i++) {
            int64_t now_ns = (from + 1 + i) * WHEEL_TICK_NS;
            must(wheel_next(&wheel) == now_ns, "next from %jd", (intmax_t)from);
            wheel_advance(&wheel, now_ns, &expired);
            must(pop_expired() == &timers[i], "from %jd tick %jd", (intmax_t)from, (intmax_t)i);
            must(list_empty(&expired), "two from %jd at %jd", (intmax_t)from, (intmax_t)i);
        }
        wheel_check(&wheel);
    }
}

/* Two timers in one slot: stopping one must leave the other findable, and stopping both none. */
Test(wheel, stopping_keeps_the_rest_of_a_slot)
{
    int64_t ticks[3 + 5 * WHEEL_LEVELS];
    size_t count = border_ticks(ticks);

    for (size_t i = 1; i < count; i++) {
        struct wheel_timer timers[2] = {0};
        begin_at(0);
        wheel_start(&wheel, &timers[0], ticks[i] * WHEEL_TICK_NS);
        wheel_start(&wheel, &timers[1], ticks[i] * WHEEL_TICK_NS);
        wheel_stop(&wheel, &timers[0]);
        wheel_check(&wheel);
        cr_assert_leq(wheel_next(&wheel), ticks[i] * WHEEL_TICK_NS);
        wheel_stop(&wheel, &timers[1]);
        wheel_check(&wheel);
        cr_assert_eq(wheel_next(&wheel), TIME_NEVER);
    }
}

/* --- the model --- */

enum { MODEL_TIMERS = 48, MODEL_STEPS = 300, MODEL_SEEDS = 300 };

enum state { STOPPED, RUNNING, EXPIRED };

struct model_timer {
    struct wheel_timer timer;
    enum state state;
    int64_t deadline_ns; /* as it was asked for */
    int64_t tick; /* at which it is due */
    uint64_t place; /* among equal ticks while running; among all while expired */
};

struct model {
    uint64_t seed;
    uint64_t random;
    int64_t now_ns;
    uint64_t places;
    struct model_timer timers[MODEL_TIMERS];
};

static uint64_t draw(struct model *model, uint64_t limit)
{
    model->random ^= model->random << 13;
    model->random ^= model->random >> 7;
    model->random ^= model->random << 17;
    return (model->random >> 11) % limit;
}

/* A duration of any magnitude up to 2^`most_bits` ns; half of them whole ticks. */
static int64_t draw_duration(struct model *model, unsigned most_bits)
{
    int64_t duration_ns = (int64_t)draw(model, UINT64_C(1) << draw(model, most_bits + 1));
    return draw(model, 2) ? duration_ns : duration_ns / WHEEL_TICK_NS * WHEEL_TICK_NS;
}

/* One that someone else has (collisions are what order is about), one in the past, or any ahead. */
static int64_t draw_deadline(struct model *model)
{
    switch (draw(model, 8)) {
    case 0:
    case 1:
        return model->timers[draw(model, MODEL_TIMERS)].deadline_ns;
    case 2:
        return model->now_ns - draw_duration(model, 40);
    case 3:
        return draw(model, 10) ? model->now_ns : TIME_NEVER;
    case 4:
        return time_after(model->now_ns, draw_duration(model, 53) << 9);
    default:
        return time_after(model->now_ns, draw_duration(model, 36));
    }
}

static void model_start(struct model *model)
{
    struct model_timer *timer = &model->timers[draw(model, MODEL_TIMERS)];

    timer->deadline_ns = draw_deadline(model);
    timer->tick = time_round_up(timer->deadline_ns, WHEEL_TICK_NS);
    if (timer->deadline_ns <= model->now_ns)
        timer->tick = model->now_ns / WHEEL_TICK_NS;
    timer->state = timer->tick > LAST_TICK ? STOPPED : RUNNING;
    timer->place = model->places++;
    wheel_start(&wheel, &timer->timer, timer->deadline_ns);
}

static void model_stop(struct model *model)
{
    struct model_timer *timer = &model->timers[draw(model, MODEL_TIMERS)];
    timer->state = STOPPED;
    wheel_stop(&wheel, &timer->timer);
}

static bool due_before(const struct model_timer *a, const struct model_timer *b)
{
    return a->tick < b->tick || (a->tick == b->tick && a->place < b->place);
}

/* The timer that is to expire next at `now_ns`, NULL where none is. */
static struct model_timer *next_due(struct model *model, int64_t now_ns)
{
    struct model_timer *first = NULL;
    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        struct model_timer *timer = &model->timers[i];
        if (timer->state != RUNNING || timer->tick > now_ns / WHEEL_TICK_NS)
            continue;
        if (!first || due_before(timer, first))
            first = timer;
    }
    return first;
}

static int64_t draw_now(struct model *model)
{
    int64_t now_ns;

    switch (draw(model, 8)) {
    case 0:
        return model->now_ns - draw_duration(model, 40);
    case 1:
        now_ns = time_after(model->now_ns, draw_duration(model, 56));
        break;
    case 2:
    case 3:
        now_ns = time_after(model->now_ns, draw_duration(model, 36));
        break;
    case 4:
        return model->now_ns;
    default:
        now_ns = wheel_next(&wheel);
    }
    return now_ns == TIME_NEVER ? model->now_ns : now_ns;
}

static void model_advance(struct model *model)
{
    int64_t now_ns = draw_now(model);
    struct model_timer *timer;

    wheel_advance(&wheel, now_ns, &expired);
    if (now_ns > model->now_ns)
        model->now_ns = now_ns;
    while ((timer = next_due(model, model->now_ns))) {
        must(timer->deadline_ns <= model->now_ns, "seed %ju: early", (uintmax_t)model->seed);
        timer->state = EXPIRED;
        timer->place = model->places++;
    }
}

/* Expired timers stay on their list over some steps, where they get stopped and re-armed. */
static void model_pop(struct model *model)
{
    struct model_timer *first = NULL;

    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        struct model_timer *timer = &model->timers[i];
        if (timer->state == EXPIRED && (!first || timer->place < first->place))
            first = timer;
    }
    must(pop_expired() == (first ? &first->timer : NULL), "seed %ju: wrong timer expired",
         (uintmax_t)model->seed);
    if (first)
        first->state = STOPPED;
}

static void model_compare(struct model *model)
{
    const struct model_timer *nearest = NULL;
    uintmax_t seed = model->seed;
    size_t running = 0;
    int64_t next_ns = wheel_next(&wheel);

    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        const struct model_timer *timer = &model->timers[i];
        must(wheel_running(&timer->timer) == (timer->state != STOPPED), "seed %ju: state", seed);
        running += timer->state == RUNNING;
        if (timer->state == RUNNING && (!nearest || due_before(timer, nearest)))
            nearest = timer;
    }
    must(wheel_count(&wheel) == running, "seed %ju: count", seed);
    if (!nearest)
        must(next_ns == TIME_NEVER, "seed %ju: next of none", seed);
    else if (nearest->tick <= model->now_ns / WHEEL_TICK_NS)
        must(next_ns == model->now_ns, "seed %ju: next of a due one", seed);
    else
        must(next_ns > model->now_ns && next_ns <= nearest->tick * WHEEL_TICK_NS,
             "seed %ju: next is %jd", seed, (intmax_t)next_ns);
    wheel_check(&wheel);
}

static void model_run(uint64_t seed)
{
    static struct model model;

    memset(&model, 0, sizeof model);
    model.seed = seed;
    model.random = seed * UINT64_C(0x9e3779b97f4a7c15);
    model.now_ns = draw_duration(&model, 50);
    begin_at(model.now_ns);
    for (int step = 0; step < MODEL_STEPS; step++) {
        switch (draw(&model, 8)) {
        case 0:
            model_stop(&model);
            break;
        case 1:
        case 2:
            model_advance(&model);
            break;
        case 3:
        case 4:
            model_pop(&model);
            break;
        default:
            model_start(&model);
        }
        model_compare(&model);
    }
}

static void note_visit(void *context, const struct wheel_timer *timer)
{
    int64_t **next = context;
    *(*next)++ = timer->deadline_ns / NS_PER_MS;
}

Test(wheel, each_visits_those_that_run_the_nearest_slot_first)
{
    static const int64_t started_ms[] = {5000, 3, 70, 1, 90000000, 2};
    struct wheel_timer timers[6];
    int64_t visited_ms[6], *next = visited_ms;
    memset(timers, 0, sizeof(timers));
    begin_at(NS_PER_MS);
    for (size_t i = 0; i < 6; i++)
        wheel_start(&wheel, &timers[i], started_ms[i] * NS_PER_MS);
    wheel_stop(&wheel, &timers[5]);
    wheel_each(&wheel, note_visit, &next);
    cr_assert_arr_eq(visited_ms, ((int64_t[]){1, 3, 70, 5000, 90000000}), 5 * sizeof(int64_t));
    cr_assert_eq(next - visited_ms, 5);
}

/* Seeds are 1, 2, 3 ...; a failure names its own. */
Test(wheel, does_what_a_naive_model_does)
{
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++)
        model_run(seed);
}

/* A loop that only ever sleeps until wheel_next: each timer fires at the very start of its tick. */
Test(wheel, woken_by_next_alone_every_timer_fires_at_its_tick)
{
    enum { TIMERS = 2000 };
    static struct wheel_timer timers[TIMERS];
    struct model model = {.random = 4711};
    struct wheel_timer *timer;
    size_t fired = 0;
    size_t needless = 0;

    begin_at(0);
    for (size_t i = 0; i < TIMERS; i++)
        wheel_start(&wheel, &timers[i], 1 + draw_duration(&model, 62));
    for (int64_t now_ns; (now_ns = wheel_next(&wheel)) != TIME_NEVER;) {
        size_t fired_before = fired;
        wheel_advance(&wheel, now_ns, &expired);
        for (; (timer = pop_expired()); fired++)
            must(time_round_up(timer->deadline_ns, WHEEL_TICK_NS) * WHEEL_TICK_NS == now_ns,
                 "%jd fired at %jd", (intmax_t)timer->deadline_ns, (intmax_t)now_ns);
        needless += fired == fired_before;
        must(needless < TIMERS * (WHEEL_LEVELS - 1), "%zu wake-ups for nothing", needless);
    }
    cr_assert_eq(fired, TIMERS);
}
