/* A pool of connections, to a service of the same loop: whatever happens to one of them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "reactor/net/connect.h"
#include "reactor/net/service.h"
#include "reactor/patterns/pool.h"
#include "tests/support/fixture.h"

static struct fanout fanout;
static struct service service;
static struct pool pool;

struct wire {
    struct pool_item item;
    struct stream_connect connect;
    struct stream stream;
};

static struct wire *wire_of(struct pool_item *item)
{
    return container_of(item, struct wire, item);
}

static int wire_open(struct task *task, struct pool_item *item)
{
    struct wire *wire = wire_of(item);
    wire->connect.address = service.listener.address;
    return stream_connect(task, &wire->connect, &wire->stream, &fanout);
}

/* Nothing is owed on an idle one: what can be read is its end. */
static int wire_check(struct task *task, struct pool_item *item)
{
    (void)task;
    const struct stream *stream = &wire_of(item)->stream;
    return stream->error || stream->descriptor.ready & ~(unsigned)SYS_WRITABLE ? -EPIPE : 0;
}

static void wire_close(struct pool_item *item)
{
    stream_close(&wire_of(item)->stream);
}

/* The far side: sends each line back. */
static int echo_step(struct task *task)
{
    struct connection *const self = container_of(task, struct connection, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc, stream_read_line(task, &self->stream, 100, &self->line, &self->size));
        if (self->rc <= 0)
            TASK_RETURN(self->rc);
        self->line[self->size] = '\n';
        self->rc = stream_write(&self->stream, self->line, self->size + 1);
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    TASK_END();
}

/* One who leases a wire, says a word and hears it back. */
struct customer {
    struct task task;
    struct frame frame;
    int rc;
    struct pool_lease lease;
    char *line;
    size_t size;
};

static struct stream *stream_of(const struct customer *customer)
{
    return &wire_of(customer->lease.item)->stream;
}

static int customer_step(struct task *task)
{
    struct customer *const self = container_of(task, struct customer, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, pool_lease(task, &self->lease, &pool));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    self->rc = stream_write(stream_of(self), "hello\n", strlen("hello\n"));
    if (self->rc == 0)
        TASK_AWAIT(self->rc,
                   stream_read_line(task, stream_of(self), 100, &self->line, &self->size));
    if (self->rc == 1)
        pool_release(&pool, self->lease.item);
    else
        pool_discard(&pool, self->lease.item);
    TASK_RETURN(self->rc == 1 ? 0 : self->rc ? self->rc : -EPIPE);
    TASK_END();
}

static void come(struct customer *customer)
{
    *customer = (struct customer){.rc = 0};
    cr_assert_eq(task_group_spawn(&actor_group, &customer->task, "customer", customer_step), 0);
}

static void open_pool(void)
{
    fixture_open();
    fanout_init(&fanout, &loop, NULL);
    service = (struct service){.step = echo_step};
    cr_assert_eq(service_open(&service, &fanout, "127.0.0.1", 7007), 0);
    cr_assert_eq(task_group_spawn(&actor_group, &service.task, "echo", service_step), 0);
    pool = (struct pool){.name = "wires",
                         .limit = 1,
                         .item_bytes = sizeof(struct wire),
                         .keep_ns = NS_PER_SECOND,
                         .open = wire_open,
                         .check = wire_check,
                         .close = wire_close};
    pool_init(&pool, &loop);
    fixture_settle();
}

/* Each test calls it, for Criterion doesn't count what fails in a `.fini`. */
static void close_pool(void)
{
    pool_check(&pool);
    pool_shut(&pool);
    cr_assert_eq(pool.busy_count, 0);
    task_cancel(&service.task, loop.now_ns);
    fixture_settle();
    cr_assert(task_ended(&service.task));
    fanout_release(&fanout);
    fixture_close();
}

TestSuite(pool_wires, .init = open_pool);

/* Two customers for one wire, while the `nth` call fails: false where there are fewer. */
static bool serve(uint64_t nth, unsigned which)
{
    struct customer first, second;

    sim_fail_nth(sim, nth, which);
    come(&first);
    come(&second);
    fixture_pass(NS_PER_SECOND / 2);
    cr_assert(task_ended(&first.task) && task_ended(&second.task), "the %ju. call", nth);
    cr_assert_eq(pool.busy_count, 0, "the %ju. call", nth);
    return sim_failed_call(sim) != NULL;
}

Test(pool_wires, whatever_call_fails_the_next_customer_is_served)
{
    bool more = true;
    uint64_t nth;

    for (nth = 1; more; nth++) {
        more = false;
        for (unsigned which = 0; serve(nth, which); which++) {
            const char *failed = sim_failed_call(sim);
            struct customer next;

            more = true;
            sim_fail_nth(sim, 0, 0);
            come(&next);
            fixture_pass(NS_PER_SECOND / 2);
            cr_assert(task_ended(&next.task), "%s, the %ju. call", failed, nth);
            cr_assert_eq(next.task.result, 0, "%s, the %ju. call: %d", failed, nth,
                         next.task.result);
            fixture_pass(2 * NS_PER_SECOND); /* its wire expires */
            cr_assert_eq(pool.idle_count, 0);
            cr_assert_eq(service.connections.alive, 0, "%s, the %ju. call", failed, nth);
        }
    }
    cr_assert_gt(nth, 10, "only %ju calls could fail", nth - 2);
    close_pool();
}

/* A customer that is cancelled after so many turns: false where it had ended by then. */
static bool cancel_after(unsigned turns)
{
    struct customer customer;

    come(&customer);
    while (turns-- > 0)
        fixture_turn();
    bool had_ended = task_ended(&customer.task);
    task_cancel(&customer.task, loop.now_ns);
    fixture_settle();
    cr_assert(task_ended(&customer.task));
    cr_assert_eq(customer.task.result, had_ended ? 0 : -ECANCELED);
    cr_assert_eq(pool.busy_count, 0);
    return !had_ended;
}

Test(pool_wires, whenever_one_is_cancelled_the_next_customer_is_served)
{
    unsigned turns;

    for (turns = 0; cancel_after(turns); turns++) {
        struct customer next;

        come(&next);
        fixture_settle();
        cr_assert(task_ended(&next.task), "after %u turns", turns);
        cr_assert_eq(next.task.result, 0, "after %u turns: %d", turns, next.task.result);
        fixture_pass(2 * NS_PER_SECOND); /* its wire expires */
    }
    cr_assert_gt(turns, 3, "it had ended after %u turns", turns);
    close_pool();
}

Test(pool_wires, one_whose_far_end_has_gone_is_replaced)
{
    struct customer first, second;

    come(&first);
    fixture_settle();
    cr_assert(task_ended(&first.task));
    cr_assert_eq(pool.idle_count, 1);
    task_cancel(task_of_sibling(service.connections.children.next), loop.now_ns);
    fixture_settle();
    come(&second);
    fixture_settle();
    cr_assert(task_ended(&second.task));
    cr_assert_eq(second.task.result, 0);
    close_pool();
}
