/*
 * The first of several addresses that answers. The cases follow CPython's test_staggered.py and
 * RFC 8305.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "reactor/net/connect.h"
#include "reactor/net/listener.h"
#include "tests/support/fixture.h"
#include "tests/support/misuse.h"

static struct fanout fanout;
static struct listener listener;
static struct sys_address addresses[4];
static struct stream stream;
static struct stream_connect_first race;
static struct actor caller;

static int connects(struct task *task, void *object)
{
    return stream_connect_first(task, object, &stream, &fanout);
}

static void open_all(void)
{
    struct sys_address address;
    fixture_open();
    fanout_init(&fanout, &loop, NULL);
    cr_assert_eq(loop.sys->resolve(loop.sys, "127.0.0.1", 7007, &address, 1), 1);
    cr_assert_eq(listener_open(&listener, &loop, &address), 0);
}

static void close_all(void)
{
    listener_close(&listener);
    fanout_release(&fanout);
    fixture_close();
}

TestSuite(connect_first, .init = open_all, .fini = close_all);

static void look_up(const char *const *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(loop.sys->resolve(loop.sys, hosts[i], 7007, &addresses[i], 1), 1);
}

static void start_race(size_t count)
{
    race = (struct stream_connect_first){.addresses = addresses, .count = count};
    caller.call = connects;
    caller.object = &race;
    actor_start(&caller, "caller");
    fixture_settle();
}

/* Begins to connect to these hosts; somebody listens at 127.0.0.1 alone. */
static void start(const char *const *hosts, size_t count)
{
    look_up(hosts, count);
    start_race(count);
}

Test(connect_first, one_address_is_as_good_as_many)
{
    start((const char *const[]){"127.0.0.1"}, 1);
    cr_assert(actor_ended(&caller, 0));
    cr_assert_eq(stream_write(&stream, "hello", 5), 0);
    fixture_turn();
    cr_assert_eq(stream.error, 0);
    stream_close(&stream);
}

Test(connect_first, after_a_refusal_the_next_is_tried_at_once)
{
    start((const char *const[]){"127.0.0.2", "::1", "127.0.0.1"}, 3);
    cr_assert(actor_ended(&caller, 0));
    cr_assert_eq(race.begun, 3);
    stream_close(&stream);
}

Test(connect_first, families_take_turns)
{
    start((const char *const[]){"127.0.0.1", "127.0.0.2", "::1"}, 3);
    stream_close(&stream);
    cr_assert_eq(race.begun, 1);
    static const int error = -ENETUNREACH;
    sim_answer(sim, SIM_CONNECT, &error, 1);
    start((const char *const[]){"::2", "::1", "127.0.0.1"}, 3);
    cr_assert(actor_ended(&caller, 0));
    cr_assert_not(race.attempts[1].begun, "the other family came before");
    stream_close(&stream);
}

Test(connect_first, if_all_fail_the_last_error_is_the_answer)
{
    start((const char *const[]){"127.0.0.2", "::1"}, 2);
    cr_assert(actor_ended(&caller, -ECONNREFUSED));
}

Test(connect_first, one_that_is_silent_holds_nobody_up)
{
    sim_options(sim)->delay_min_ns = sim_options(sim)->delay_max_ns = 600 * NS_PER_MS;
    start((const char *const[]){"127.0.0.1", "127.0.0.1", "127.0.0.1"}, 3);
    cr_assert_eq(race.begun, 1);
    fixture_pass(CONNECT_STAGGER_NS - 1);
    cr_assert_eq(race.begun, 1);
    fixture_pass(1);
    cr_assert_eq(race.begun, 2);
    fixture_pass(CONNECT_STAGGER_NS);
    cr_assert_eq(race.begun, 3);
    fixture_pass(NS_PER_SECOND);
    cr_assert(actor_ended(&caller, 0));
    cr_assert_eq(race.winner, &race.attempts[0], "the first to answer is taken");
    stream_close(&stream);
}

Test(connect_first, a_cancel_or_a_deadline_leaves_nothing_behind)
{
    for (int late = 0; late < 2; late++) {
        sim_options(sim)->delay_min_ns = sim_options(sim)->delay_max_ns = 2 * NS_PER_SECOND;
        caller.limit_ns = late ? NS_PER_SECOND : 0;
        int before = sim_open_descriptors(sim);
        start((const char *const[]){"127.0.0.1", "127.0.0.1"}, 2);
        fixture_pass(CONNECT_STAGGER_NS);
        cr_assert_eq(sim_open_descriptors(sim) - before, 2);
        if (!late)
            task_cancel(&caller.task, loop.now_ns);
        fixture_pass(NS_PER_SECOND);
        cr_assert(actor_ended(&caller, late ? -ETIMEDOUT : -ECANCELED));
        cr_assert_eq(sim_open_descriptors(sim), before);
    }
}

Test(connect_first, whatever_call_fails_it_answers_and_leaves_nothing)
{
    int before = sim_open_descriptors(sim);
    bool more = true;
    for (uint64_t nth = 1; more; nth++) {
        look_up((const char *const[]){"127.0.0.2", "127.0.0.1"}, 2);
        sim_fail_nth(sim, nth, 0);
        start_race(2);
        more = sim_failed_call(sim) != NULL;
        cr_assert(task_ended(&caller.task));
        if (caller.task.result == 0)
            stream_close(&stream);
        cr_assert_eq(sim_open_descriptors(sim), before);
    }
    cr_assert_eq(caller.task.result, 0);
}

static int connects_to_nothing(struct task *task, void *object)
{
    (void)object;
    race = (struct stream_connect_first){.count = 0};
    return connects(task, &race);
}

Test(connect_first, no_address_is_a_bug)
{
    misuse_by_task(connects_to_nothing, "there is an address to connect to");
}
