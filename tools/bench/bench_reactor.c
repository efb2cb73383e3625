/*
 * bench_reactor: what the reactor's own operations cost.
 *
 *     bench_reactor                prints a line for each benchmark: name, nanoseconds
 *     bench_reactor NAME           runs one, for callgrind
 *
 * Nanoseconds depend on the machine and on its caches; instructions repeat. They
 * are counted by callgrind, of which this program knows nothing but that it can
 * be told to collect in one function only:
 *
 *     valgrind --tool=callgrind --toggle-collect=measured bench_reactor NAME
 *
 * and what it reports, divided by the operations that NAME prints, is the figure.
 * Where memory is short the program ends with a message: it has nobody to serve.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/reactor.h"

/* Operations measured at once: enough to make the clock's own cost nothing. */
#define OPERATIONS 100000

/* Tasks that are woken in one turn, so that a turn's cost is nothing beside theirs. */
#define TASKS 1000

/* A benchmark: `prepare` with the size it is called for, then `run`, which returns how many
 * operations it did and is all that is measured. */
struct benchmark {
    const char *name;
    void (*prepare)(size_t size);
    size_t (*run)(void);
    size_t size;
};

static void *allocate(size_t bytes)
{
    struct sys *sys = sys_kernel();
    void *block = sys->allocate(sys, bytes);
    if (!block) {
        fprintf(stderr, "bench_reactor: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    memset(block, 0, bytes);
    return block;
}

/* Timers. */

/* Deadlines lie within a minute: what idle time-outs, retries and pings ask for. */
#define DEADLINE_MAX_NS (60 * NS_PER_SECOND)

static struct wheel wheel;
static struct wheel_timer *timers; /* `timer_count` of them run before the measurement */
static struct wheel_timer *others; /* OPERATIONS of them */
static size_t timer_count;

/* The same numbers in every run (Knuth's multiplier): instructions are to repeat. */
static uint64_t next_random(void)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + 1;
    return state >> 20;
}

static int64_t random_deadline_ns(void)
{
    return (int64_t)(next_random() % (uint64_t)DEADLINE_MAX_NS) + 1;
}

static void prepare_running(size_t count)
{
    wheel_init(&wheel, 0);
    timer_count = count;
    timers = allocate(count * sizeof(*timers));
    others = allocate(OPERATIONS * sizeof(*others));
    for (size_t i = 0; i < count; i++)
        wheel_start(&wheel, &timers[i], random_deadline_ns());
    /* Their deadlines are written before, as the program's own work and not the wheel's. */
    for (size_t i = 0; i < OPERATIONS; i++)
        others[i].deadline_ns = random_deadline_ns();
}

static size_t start_timers(void)
{
    for (size_t i = 0; i < OPERATIONS; i++)
        wheel_start(&wheel, &others[i], others[i].deadline_ns);
    return OPERATIONS;
}

static void prepare_stop(size_t count)
{
    prepare_running(count);
    (void)start_timers();
}

static size_t stop_timers(void)
{
    for (size_t i = 0; i < OPERATIONS; i++)
        wheel_stop(&wheel, &others[i]);
    return OPERATIONS;
}

/* All over the running ones, by a stride that is prime, to where the others would have gone. */
static size_t rearm_timers(void)
{
    size_t at = 0;
    for (size_t i = 0; i < OPERATIONS; i++) {
        wheel_start(&wheel, &timers[at], others[i].deadline_ns);
        at += 7919;
        if (at >= timer_count)
            at %= timer_count;
    }
    return OPERATIONS;
}

static size_t find_next(void)
{
    int64_t latest_ns = 0;
    for (size_t i = 0; i < OPERATIONS; i++) {
        int64_t next_ns = wheel_next(&wheel);
        if (next_ns > latest_ns)
            latest_ns = next_ns;
        /* The wheel may be another one each time, for all that the compiler knows. */
        __asm__ volatile("" : "+r"(latest_ns) : : "memory");
    }
    return OPERATIONS;
}

/* As a loop would: sleep until the next deadline, take what is due. */
static size_t expire_timers(void)
{
    struct list expired;
    list_init(&expired);
    for (int64_t next_ns; (next_ns = wheel_next(&wheel)) != TIME_NEVER;) {
        wheel_advance(&wheel, next_ns, &expired);
        while (list_pop(&expired))
            continue;
    }
    return timer_count;
}

/* Tasks. */

static struct loop loop;
static struct root root;

/* One end of something that tasks do to each other. */
struct party {
    struct task task;
    struct frame frame;
    int rc;
    struct event event;
    struct semaphore semaphore;
    struct queue queue;
    void *slot;
    void *item;
};

static struct party *parties;
static struct party *partners;
static size_t items_got;

static int wait_step(struct task *task)
{
    struct party *const self = container_of(task, struct party, task);

    TASK_BEGIN();
    while (true) {
        TASK_AWAIT(self->rc, event_wait(task, &self->event));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
        event_clear(&self->event);
    }
    TASK_END();
}

static int acquire_step(struct task *task)
{
    struct party *const self = container_of(task, struct party, task);

    TASK_BEGIN();
    while (true) {
        TASK_AWAIT(self->rc, semaphore_acquire(task, &self->semaphore));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    TASK_END();
}

static int get_step(struct task *task)
{
    struct party *const self = container_of(task, struct party, task);

    TASK_BEGIN();
    while (true) {
        TASK_AWAIT(self->rc, queue_get(task, &self->queue, &self->item));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
        items_got++;
    }
    TASK_END();
}

/* Puts into the queue of the party that has its place in the other array. */
static int put_step(struct task *task)
{
    struct party *const self = container_of(task, struct party, task);

    TASK_BEGIN();
    while (true) {
        TASK_AWAIT(self->rc, queue_put(task, &parties[self - partners].queue, self));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    TASK_END();
}

static struct party *start_parties(task_step *step, size_t count)
{
    struct party *started = allocate(count * sizeof(*started));
    for (size_t i = 0; i < count; i++) {
        struct party *party = &started[i];
        event_init(&party->event);
        semaphore_init(&party->semaphore, 0);
        queue_init(&party->queue, &party->slot, 1);
        (void)task_group_spawn(&root.group, &party->task, "party", step);
    }
    return started;
}

static void turn(void)
{
    int rc = loop_run_once(&loop);
    if (rc < 0) {
        fprintf(stderr, "bench_reactor: a turn failed: %s\n", strerror(-rc));
        exit(1);
    }
}

/* Starts a loop with `step` so many times in it; each has run up to its first await. */
static void prepare_parties(task_step *step, size_t count)
{
    static struct party main_party;
    int rc = loop_init(&loop, sys_kernel());
    if (rc < 0) {
        fprintf(stderr, "bench_reactor: no loop: %s\n", strerror(-rc));
        exit(1);
    }
    event_init(&main_party.event);
    root_start(&root, &loop, &main_party.task, "main", wait_step);
    parties = start_parties(step, count);
    turn();
}

static void prepare_waiting(size_t count)
{
    prepare_parties(wait_step, count);
}

/* What it takes to wake somebody: each of them once, and nobody runs. */
static size_t wake_up(void)
{
    for (size_t i = 0; i < OPERATIONS; i++)
        event_set(&parties[i].event);
    return OPERATIONS;
}

static size_t switch_tasks(void)
{
    for (size_t done = 0; done < OPERATIONS; done += TASKS) {
        for (size_t i = 0; i < TASKS; i++)
            event_set(&parties[i].event);
        turn();
    }
    return OPERATIONS;
}

static void prepare_semaphore(size_t count)
{
    prepare_parties(acquire_step, count);
}

static size_t hand_over_permits(void)
{
    for (size_t done = 0; done < OPERATIONS; done += TASKS) {
        for (size_t i = 0; i < TASKS; i++)
            semaphore_release(&parties[i].semaphore);
        turn();
    }
    return OPERATIONS;
}

static void prepare_queue(size_t count)
{
    prepare_parties(get_step, count);
    partners = start_parties(put_step, count);
    turn();
}

/* A queue with one slot: each item costs a wake-up on both sides. */
static size_t hand_over_items(void)
{
    items_got = 0;
    while (items_got < OPERATIONS)
        turn();
    return items_got;
}

/* Turns. */

static void run_again(struct callback *callback)
{
    loop_call_soon(&loop, callback);
}

/* A callback that is ready in every turn: none of them sleeps. */
static void prepare_turn(size_t count)
{
    static struct callback again = {.run = run_again, .name = "again"};
    prepare_parties(wait_step, count);
    loop_call_soon(&loop, &again);
}

static size_t run_turns(void)
{
    for (size_t i = 0; i < OPERATIONS; i++)
        turn();
    return OPERATIONS;
}

/* The table. */

#define WITH_TIMERS(name, prepare, run)                                       \
    {name "-1000", prepare, run, 1000}, {name "-10000", prepare, run, 10000}, \
        {name "-100000", prepare, run, 100000},                               \
    {                                                                         \
        name "-1000000", prepare, run, 1000000                                \
    }

static const struct benchmark benchmarks[] = {
    WITH_TIMERS("timer-start", prepare_running, start_timers),
    WITH_TIMERS("timer-stop", prepare_stop, stop_timers),
    WITH_TIMERS("timer-rearm", prepare_running, rearm_timers),
    WITH_TIMERS("timer-expiry", prepare_running, expire_timers),
    WITH_TIMERS("timer-next", prepare_running, find_next),
    {"wake-up", prepare_waiting, wake_up, OPERATIONS},
    {"task-switch", prepare_waiting, switch_tasks, TASKS},
    {"semaphore", prepare_semaphore, hand_over_permits, TASKS},
    {"queue", prepare_queue, hand_over_items, TASKS},
    {"turn", prepare_turn, run_turns, TASKS},
};

#define BENCHMARKS (sizeof(benchmarks) / sizeof(*benchmarks))

/* Its name is what callgrind is given: one call, of which nothing may be inlined. */
__attribute__((noinline)) static size_t measured(size_t (*run)(void))
{
    size_t operations = run();
    __asm__ volatile("" : "+r"(operations));
    return operations;
}

static void run_benchmark(const struct benchmark *benchmark)
{
    struct sys *sys = sys_kernel();
    benchmark->prepare(benchmark->size);
    int64_t begun_ns = sys->monotonic_ns(sys);
    size_t operations = measured(benchmark->run);
    int64_t took_ns = sys->monotonic_ns(sys) - begun_ns;
    printf("%s %zu %.1f\n", benchmark->name, operations, (double)took_ns / (double)operations);
}

int main(int count, char **arguments)
{
    bool found = false;
    for (size_t i = 0; i < BENCHMARKS; i++) {
        if (count > 1 && strcmp(arguments[1], benchmarks[i].name) != 0)
            continue;
        run_benchmark(&benchmarks[i]);
        found = true;
    }
    if (found)
        return 0;
    fprintf(stderr, "bench_reactor: no such benchmark: %s\n", arguments[1]);
    return 2;
}
