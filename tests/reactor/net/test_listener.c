#include "reactor/net/listener.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fixture.h"

#define ADDRESS "127.0.0.1:7777"
#define PATH "/run/chat"
#define NEWCOMERS 200

static struct listener listener;

static struct sys_address address_of(const char *host, uint16_t port)
{
    struct sys_address address;
    cr_assert_eq(loop.sys->resolve(loop.sys, host, port, &address, 1), 1);
    return address;
}

static int listen_at(struct sys_address address)
{
    return listener_open(&listener, &loop, &address);
}

static int listen_at_path(void)
{
    struct sys_address address;
    cr_assert_eq(sys_address_local(&address, PATH), 0);
    return listen_at(address);
}

static void open_listener(void)
{
    fixture_open();
    cr_assert_eq(listen_at(address_of("127.0.0.1", 7777)), 0);
}

static void close_listener(void)
{
    listener_close(&listener);
    fixture_close();
}

TestSuite(listener, .init = open_listener, .fini = close_listener);
TestSuite(listener_open, .init = fixture_open, .fini = fixture_close);

/* --- a task that accepts --- */

/* Accepts until it fails; keeps what it accepted. */
static struct acceptor {
    struct task task;
    struct frame frame;
    int rc;
    struct sys_address peer;
    int fds[NEWCOMERS];
    int count;
} acceptor;

static int acceptor_step(struct task *task)
{
    struct acceptor *const self = container_of(task, struct acceptor, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc, listener_accept(task, &listener, &self->peer));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
        self->fds[self->count++] = self->rc;
    }
    TASK_END();
}

static void start_acceptor(void)
{
    memset(&acceptor, 0, sizeof(acceptor));
    cr_assert_eq(task_group_spawn(&actor_group, &acceptor.task, "acceptor", acceptor_step), 0);
    fixture_settle();
}

static void leave(int count)
{
    while (count-- > 0)
        cr_assert_eq(loop.sys->close(loop.sys, acceptor.fds[--acceptor.count]), 0);
}

static void stop_acceptor(void)
{
    leave(acceptor.count);
    task_cancel(&acceptor.task, loop.now_ns);
    fixture_settle();
}

static struct sim_peer *come(void)
{
    struct sim_peer *peer = sim_connect(sim, ADDRESS);
    cr_assert(peer);
    return peer;
}

/* --- accepting --- */

Test(listener, a_newcomer_is_accepted)
{
    char text[SYS_ADDRESS_TEXT];
    start_acceptor();
    cr_assert_eq(acceptor.count, 0);
    sim_come_from(sim, "10.1.2.3");
    come();
    fixture_settle();
    cr_assert_eq(acceptor.count, 1);
    sys_address_format(&acceptor.peer, text);
    cr_assert_eq(strncmp(text, "10.1.2.3:", 9), 0, "%s", text);
    stop_acceptor();
}

Test(listener, a_turn_accepts_so_many_and_no_more)
{
    start_acceptor();
    for (int i = 0; i < NEWCOMERS; i++)
        come();
    int before = 0;
    for (int turn = 0; turn < 10; turn++) {
        fixture_turn();
        cr_assert_leq(acceptor.count - before, LISTENER_BUDGET);
        before = acceptor.count;
    }
    cr_assert_eq(acceptor.count, NEWCOMERS);
    cr_assert_leq(sim_count(sim, SIM_ACCEPT), NEWCOMERS + 5);
    stop_acceptor();
}

Test(listener, nobody_is_lost_where_the_kernel_is_late)
{
    sim_options(sim)->late_accept_ppm = 500000;
    start_acceptor();
    for (int i = 0; i < 100; i++)
        come();
    fixture_settle();
    cr_assert_eq(acceptor.count, 100);
    stop_acceptor();
}

Test(listener, a_newcomer_that_has_gone_costs_the_others_nothing)
{
    start_acceptor();
    come();
    come();
    sim_fail_nth(sim, 1, 1);
    fixture_settle();
    cr_assert_str_eq(sim_failed_call(sim), "accept: ECONNABORTED");
    cr_assert_eq(acceptor.count, 1);
    stop_acceptor();
}

Test(listener, an_idle_listener_sleeps)
{
    start_acceptor();
    come();
    fixture_settle();
    uint64_t waits = sim_count(sim, SIM_POLL_WAIT);
    fixture_pass(60 * NS_PER_SECOND);
    cr_assert_eq(sim_count(sim, SIM_POLL_WAIT) - waits, 1);
    stop_acceptor();
}

/* --- what ends the await --- */

static int accepts(struct task *task, void *object)
{
    struct sys_address peer;
    return listener_accept(task, object, &peer);
}

Test(listener, a_cancelled_await_has_taken_nobody)
{
    struct actor actor = {.call = accepts, .object = &listener};
    actor_start(&actor, "actor");
    fixture_settle();
    come();
    task_cancel(&actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&actor, -ECANCELED));
    cr_assert_eq(sim_count(sim, SIM_ACCEPT), 0);
    start_acceptor();
    cr_assert_eq(acceptor.count, 1);
    stop_acceptor();
}

Test(listener, an_await_may_time_out)
{
    struct actor actor = {.call = accepts, .object = &listener, .limit_ns = 10 * NS_PER_MS};
    actor_start(&actor, "actor");
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&actor, -ETIMEDOUT));
}

Test(listener, of_two_who_wait_each_gets_one)
{
    struct actor first = {.call = accepts, .object = &listener};
    struct actor second = {.call = accepts, .object = &listener};
    actor_start(&first, "first");
    actor_start(&second, "second");
    fixture_settle();
    come();
    come();
    fixture_settle();
    cr_assert(task_ended(&first.task) && task_ended(&second.task));
    cr_assert_eq(first.rank, 1);
    cr_assert_eq(loop.sys->close(loop.sys, first.rc), 0);
    cr_assert_eq(loop.sys->close(loop.sys, second.rc), 0);
}

/* --- when descriptors have run out --- */

/* Lets no more than `count` more be opened. */
static void allow(int count)
{
    sim_options(sim)->descriptor_limit = 3 + sim_open_descriptors(sim) + count;
}

static void say_full(struct listener *at, int fd)
{
    cr_assert_eq(at, &listener);
    cr_assert_eq(loop.sys->send(loop.sys, fd, "full\n", 5), 5);
}

Test(listener, a_newcomer_for_whom_there_is_no_descriptor_is_told)
{
    listener.refuse = say_full;
    start_acceptor();
    allow(1);
    struct sim_peer *first = come();
    struct sim_peer *second = come();
    struct sim_peer *third = come();
    fixture_settle();
    cr_assert_eq(acceptor.count, 1);
    cr_assert_str_eq(sim_peer_text(first), "");
    cr_assert_str_eq(sim_peer_text(second), "full\n");
    cr_assert_str_eq(sim_peer_text(third), "full\n");
    cr_assert(sim_peer_at_end(third));
    stop_acceptor();
}

Test(listener, when_everybody_has_been_told_it_sleeps)
{
    listener.refuse = say_full;
    start_acceptor();
    allow(0);
    come();
    fixture_settle();
    uint64_t waits = sim_count(sim, SIM_POLL_WAIT);
    uint64_t tries = sim_count(sim, SIM_ACCEPT);
    fixture_pass(60 * NS_PER_SECOND);
    cr_assert_leq(sim_count(sim, SIM_POLL_WAIT) - waits, 2);
    cr_assert_eq(sim_count(sim, SIM_ACCEPT), tries);
    struct sim_peer *next = come();
    fixture_settle();
    cr_assert_str_eq(sim_peer_text(next), "full\n", "and is there for the next");
    stop_acceptor();
}

Test(listener, without_a_word_to_say_a_newcomer_waits_for_somebody_to_leave)
{
    start_acceptor();
    allow(1);
    come();
    come();
    fixture_settle();
    cr_assert_eq(acceptor.count, 1);
    leave(1);
    fixture_settle();
    cr_assert_eq(acceptor.count, 0, "nobody has said so");
    listener_retry(&listener);
    fixture_turn();
    cr_assert_eq(acceptor.count, 1);
    stop_acceptor();
}

Test(listener, it_tries_again_after_a_rest_and_does_not_spin)
{
    start_acceptor();
    allow(1);
    come();
    come();
    fixture_settle();
    uint64_t waits = sim_count(sim, SIM_POLL_WAIT);
    uint64_t tries = sim_count(sim, SIM_ACCEPT);
    fixture_pass(10 * LISTENER_REST_NS);
    /* A timer may wake the loop early once a level of the wheel, and then sleeps on. */
    cr_assert_leq(sim_count(sim, SIM_POLL_WAIT) - waits, 40);
    cr_assert_leq(sim_count(sim, SIM_ACCEPT) - tries, 11);
    cr_assert_geq(sim_count(sim, SIM_ACCEPT) - tries, 9);
    leave(1);
    fixture_pass(LISTENER_REST_NS);
    cr_assert_eq(acceptor.count, 1, "nobody has said so, and yet");
    stop_acceptor();
}

Test(listener, a_retry_of_one_that_does_not_rest_does_nothing)
{
    start_acceptor();
    uint64_t tries = sim_count(sim, SIM_ACCEPT);
    listener_retry(&listener);
    fixture_settle();
    cr_assert_eq(sim_count(sim, SIM_ACCEPT), tries);
    stop_acceptor();
}

Test(listener, a_retry_of_one_that_was_closed_while_it_rested_does_nothing)
{
    start_acceptor();
    allow(0);
    come();
    fixture_settle();
    cr_assert(listener.resting);
    stop_acceptor();
    listener_close(&listener);
    listener_retry(&listener); /* its connections live on, and each tells when it has gone */
    cr_assert_eq(sim_open_descriptors(sim), 1, "but the poll's");
}

Test(listener, a_kernel_without_buffers_is_tried_again)
{
    start_acceptor();
    come();
    sim_fail_nth(sim, 1, 3);
    fixture_settle();
    cr_assert_str_eq(sim_failed_call(sim), "accept: ENOBUFS");
    cr_assert_eq(acceptor.count, 0);
    fixture_pass(LISTENER_REST_NS);
    cr_assert_eq(acceptor.count, 1);
    stop_acceptor();
}

Test(listener, the_spare_is_regained_when_it_was_lost)
{
    listener.refuse = say_full;
    start_acceptor();
    /* Others take the place of the spare while somebody is told. */
    allow(0);
    cr_assert_eq(loop.sys->close(loop.sys, listener.spare), 0);
    listener.spare = -1;
    int other = loop.sys->socket(loop.sys, AF_UNIX);
    struct sim_peer *peer = come();
    fixture_settle();
    cr_assert_str_eq(sim_peer_text(peer), "", "there is no way to tell");
    cr_assert_eq(loop.sys->close(loop.sys, other), 0);
    listener_retry(&listener);
    fixture_settle();
    cr_assert_geq(listener.spare, 0);
    cr_assert_str_eq(sim_peer_text(peer), "full\n");
    stop_acceptor();
}

/* --- opening --- */

Test(listener_open, the_real_address_is_known)
{
    char text[SYS_ADDRESS_TEXT];
    cr_assert_eq(listen_at(address_of("127.0.0.1", 0)), 0);
    sys_address_format(&listener.address, text);
    cr_assert_eq(strncmp(text, "127.0.0.1:", 10), 0);
    cr_assert_str_neq(text, "127.0.0.1:0");
    cr_assert(sim_connect(sim, text));
    listener_close(&listener);
    cr_assert_null(sim_connect(sim, text));
}

static int option(int fd, int level, int name)
{
    int value = -1;
    cr_assert_eq(loop.sys->get_option(loop.sys, fd, level, name, &value), 0);
    return value;
}

Test(listener_open, options_are_set_once_and_inherited)
{
    cr_assert_eq(listen_at(address_of("127.0.0.1", 7777)), 0);
    uint64_t set = sim_count(sim, SIM_SET_OPTION);
    start_acceptor();
    for (int i = 0; i < 10; i++)
        come();
    fixture_settle();
    cr_assert_eq(acceptor.count, 10);
    cr_assert_eq(sim_count(sim, SIM_SET_OPTION), set);
    int fd = acceptor.fds[9];
    cr_assert_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    cr_assert_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    cr_assert_eq(option(fd, SOL_SOCKET, SO_OOBINLINE), 1);
    cr_assert_eq(option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), LISTENER_NOTSENT_BYTES);
    cr_assert_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0, "it ends who only pressed Ctrl-S");
    stop_acceptor();
    listener_close(&listener);
}

Test(listener_open, tuning_that_is_refused_is_named_and_the_rest_is_set)
{
    static const int first_and_last[] = {-ENOPROTOOPT, 0, 0, 0, 0, 0, 0, -EPERM};
    static const int all[] = {-EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM};
    sim_answer(sim, SIM_SET_OPTION, first_and_last, 8);
    cr_assert_eq(listen_at(address_of("127.0.0.1", 7777)), 0);
    cr_assert_str_eq(listener.refused_options, "SO_REUSEADDR, TCP_NOTSENT_LOWAT");
    cr_assert_eq(option(listener.descriptor.fd, IPPROTO_TCP, TCP_NODELAY), 1);
    listener_close(&listener);
    sim_answer(sim, SIM_SET_OPTION, all, 8);
    cr_assert_eq(listen_at(address_of("127.0.0.1", 7777)), 0);
    cr_assert(strstr(listener.refused_options, "TCP_NODELAY, TCP_NOTSENT_LOWAT"));
    listener_close(&listener);
    cr_assert_eq(listen_at(address_of("127.0.0.1", 7777)), 0);
    cr_assert_str_empty(listener.refused_options);
    listener_close(&listener);
}

Test(listener_open, each_family_has_its_own_socket)
{
    struct listener other;
    struct sys_address address;
    cr_assert_eq(listen_at(address_of("::", 7777)), 0);
    cr_assert_eq(option(listener.descriptor.fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    address = address_of("0.0.0.0", 7777);
    cr_assert_eq(listener_open(&other, &loop, &address), 0);
    listener_close(&other);
    listener_close(&listener);
}

Test(listener_open, unix_sockets_have_no_options)
{
    cr_assert_eq(listen_at_path(), 0);
    cr_assert_eq(sim_count(sim, SIM_SET_OPTION), 0);
    listener_close(&listener);
}

Test(listener_open, a_closed_one_may_be_closed_again)
{
    cr_assert_eq(listen_at(address_of("127.0.0.1", 7777)), 0);
    listener_close(&listener);
    listener_close(&listener);
}
