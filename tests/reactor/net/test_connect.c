/* Outgoing connections on the simulated door, to a listener of the same loop. */
#include "reactor/net/connect.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "reactor/net/listener.h"
#include "tests/support/fixture.h"

static struct fanout fanout;
static struct listener listener;

/* A task that connects, and holds what came of it. */
struct caller {
    struct task task;
    struct frame frame;
    int rc;
    int64_t limit_ns; /* 0: none */
    struct cancel_scope limit;
    struct stream_connect connect;
    struct stream stream;
    const char *first_words; /* written while the connection is under way; NULL: none */
    bool connected;
};

static struct caller caller;

static struct sys_address at(const char *host, uint16_t port)
{
    struct sys_address address;
    cr_assert_eq(loop.sys->resolve(loop.sys, host, port, &address, 1), 1);
    return address;
}

static int connects(struct task *task, struct caller *self)
{
    int rc = stream_connect(task, &self->connect, &self->stream, &fanout);
    if (rc == TASK_PENDING && self->first_words) {
        cr_assert_eq(stream_write(&self->stream, self->first_words, strlen(self->first_words)), 0);
        self->first_words = NULL;
    }
    return rc;
}

static int caller_step(struct task *task)
{
    struct caller *const self = container_of(task, struct caller, task);

    TASK_BEGIN();
    if (self->limit_ns)
        cancel_scope_open(task, &self->limit, self->limit_ns);
    TASK_AWAIT(self->rc, connects(task, self));
    self->connected = self->rc == 0;
    if (self->limit_ns)
        (void)cancel_scope_close(task, &self->limit);
    TASK_RETURN(self->rc);
    TASK_END();
}

/* Calls port 7007; the rest of `caller` is set before. */
static void start(void)
{
    caller.connect.address = at("127.0.0.1", 7007);
    cr_assert_eq(task_group_spawn(&actor_group, &caller.task, "caller", caller_step), 0);
    fixture_settle();
}

static void open_all(void)
{
    struct sys_address address;
    fixture_open();
    fanout_init(&fanout, &loop, NULL);
    address = at("127.0.0.1", 7007);
    cr_assert_eq(listener_open(&listener, &loop, &address), 0);
}

/* Each test calls it last: Criterion doesn't count what fails in a `.fini`. */
static void close_all(void)
{
    if (caller.connected)
        stream_close(&caller.stream);
    listener_close(&listener);
    fanout_release(&fanout);
    fixture_settle();
    fixture_close();
}

/* The descriptor of whoever waits at the listener, and who that is. */
static int accepted(struct sys_address *peer)
{
    fixture_settle();
    int fd = loop.sys->accept(loop.sys, listener.descriptor.fd, peer);
    cr_assert_geq(fd, 0);
    return fd;
}

TestSuite(connect, .init = open_all);

Test(connect, answers_0_and_the_stream_is_connected)
{
    struct sys_address peer;
    char heard[8] = "";
    start();
    cr_assert_eq(caller.task.result, 0);
    cr_assert(caller.connected);
    int fd = accepted(&peer);
    cr_assert_eq(stream_write(&caller.stream, "hello", 5), 0);
    fixture_settle();
    fixture_settle();
    cr_assert_eq(loop.sys->receive(loop.sys, fd, heard, sizeof(heard)), 5);
    cr_assert_str_eq(heard, "hello");
    cr_assert_eq(loop.sys->close(loop.sys, fd), 0);
    close_all();
}

Test(connect, sets_nodelay)
{
    int value = 0;
    start();
    int fd = caller.stream.descriptor.fd;
    cr_assert_eq(loop.sys->get_option(loop.sys, fd, IPPROTO_TCP, TCP_NODELAY, &value), 0);
    cr_assert_eq(value, 1);
    close_all();
}

Test(connect, is_refused_where_nobody_listens)
{
    listener_close(&listener);
    start();
    cr_assert(task_ended(&caller.task));
    cr_assert_eq(caller.task.result, -ECONNREFUSED);
    close_all();
}

Test(connect, what_is_written_meanwhile_is_sent_once_it_is_there)
{
    struct sys_address peer;
    char heard[8] = "";
    caller.first_words = "early";
    sim_options(sim)->delay_min_ns = sim_options(sim)->delay_max_ns = NS_PER_MS;
    start();
    cr_assert_null(caller.first_words);
    fixture_pass(NS_PER_SECOND);
    cr_assert(caller.connected);
    int fd = accepted(&peer);
    cr_assert_eq(loop.sys->receive(loop.sys, fd, heard, sizeof(heard)), 5);
    cr_assert_str_eq(heard, "early");
    cr_assert_eq(loop.sys->close(loop.sys, fd), 0);
    close_all();
}

Test(connect, what_is_written_meanwhile_does_not_hide_that_it_was_refused)
{
    caller.first_words = "early";
    sim_options(sim)->delay_min_ns = sim_options(sim)->delay_max_ns = NS_PER_MS;
    listener_close(&listener);
    start();
    fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&caller.task));
    cr_assert_eq(caller.task.result, -ECONNREFUSED);
    close_all();
}

Test(connect, comes_from_the_source_it_was_given)
{
    struct sys_address peer;
    char name[SYS_ADDRESS_TEXT];
    caller.connect.source = at("127.0.0.9", 0);
    start();
    cr_assert(caller.connected);
    int fd = accepted(&peer);
    sys_address_format(&peer, name);
    cr_assert_eq(strncmp(name, "127.0.0.9:", strlen("127.0.0.9:")), 0, "it came from %s", name);
    cr_assert_eq(loop.sys->close(loop.sys, fd), 0);
    close_all();
}

Test(connect, a_deadline_ends_it)
{
    sim_options(sim)->delay_min_ns = sim_options(sim)->delay_max_ns = NS_PER_SECOND;
    caller.limit_ns = 10 * NS_PER_MS;
    start();
    cr_assert_not(task_ended(&caller.task));
    fixture_pass(20 * NS_PER_MS);
    cr_assert(task_ended(&caller.task));
    cr_assert_eq(caller.task.result, -ETIMEDOUT);
    close_all();
}

Test(connect, a_cancel_ends_it)
{
    sim_options(sim)->delay_min_ns = sim_options(sim)->delay_max_ns = NS_PER_SECOND;
    start();
    task_cancel(&caller.task, loop.now_ns);
    fixture_settle();
    cr_assert(task_ended(&caller.task));
    cr_assert_eq(caller.task.result, -ECANCELED);
    close_all();
}

/* One run in which the `nth` call from the start of the connecting on fails. Returns whether it
 * did. */
static bool run_failing(uint64_t nth, unsigned which)
{
    caller = (struct caller){0};
    caller.connect.address = at("127.0.0.1", 7007);
    caller.connect.source = at("127.0.0.2", 0);
    cr_assert_eq(task_group_spawn(&actor_group, &caller.task, "caller", caller_step), 0);
    int before = sim_open_descriptors(sim);
    sim_fail_nth(sim, nth, which);
    fixture_settle();
    bool failed = sim_failed_call(sim) != NULL;
    sim_fail_nth(sim, 0, 0);
    cr_assert(task_ended(&caller.task));
    cr_assert(failed || caller.connected);
    if (caller.connected)
        stream_close(&caller.stream);
    cr_assert_eq(sim_open_descriptors(sim), before, "call %d, error %u", (int)nth, which);
    return failed;
}

Test(connect, whatever_call_fails_nothing_is_left_behind)
{
    unsigned failures = 0;
    for (uint64_t nth = 1, more = 1; more; nth++)
        for (unsigned which = 0; (more = run_failing(nth, which)) || which > 0; which++) {
            if (!more) {
                more = 1;
                break;
            }
            failures++;
        }
    cr_assert_geq(failures, 5);
    caller.connected = false;
    close_all();
}
