/* A service on the simulated door: people connect, speak, leave, and are sent what is owed. */
#include "reactor/net/service.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fixture.h"

#define ADDRESS "127.0.0.1:7007"
#define LINE_MAX_BYTES 100

static struct fanout fanout;
static struct service service;
static bool never_reads; /* whether the step leaves its input alone */

/* Sends each line back with what it is the how manieth in front. */
struct counting {
    struct connection connection;
    int lines;
};

static int counting_step(struct task *task)
{
    struct connection *const self = container_of(task, struct connection, task);

    TASK_BEGIN();
    if (never_reads) {
        self->rc = stream_write(&self->stream, "goodbye\r\n", strlen("goodbye\r\n"));
        TASK_RETURN(self->rc);
    }
    for (;;) {
        TASK_AWAIT(self->rc,
                   stream_read_line(task, &self->stream, LINE_MAX_BYTES, &self->line, &self->size));
        if (self->rc <= 0)
            TASK_RETURN(self->rc);
        char answer[LINE_MAX_BYTES + 16];
        int length = snprintf(answer, sizeof(answer), "%d %s\r\n",
                              ++container_of(self, struct counting, connection)->lines, self->line);
        self->rc = stream_write(&self->stream, answer, (size_t)length);
        if (self->rc < 0)
            TASK_RETURN(self->rc);
    }
    TASK_END();
}

static void open_service(void)
{
    fixture_open();
    fanout_init(&fanout, &loop, NULL);
    service = (struct service){.step = counting_step, .connection_bytes = sizeof(struct counting)};
    cr_assert_eq(service_open(&service, &fanout, "127.0.0.1", 7007), 0);
    cr_assert_eq(task_group_spawn(&actor_group, &service.task, "counting", service_step), 0);
    fixture_settle();
}

/* Ends the service if it still runs, leaving nobody time; fixture_close then finds nothing left.
 * Each test calls it, for Criterion doesn't count what fails in a `.fini`. */
static void close_service(void)
{
    task_cancel(&service.task, loop.now_ns);
    fixture_settle();
    cr_assert(task_ended(&service.task));
    fanout_release(&fanout);
    fixture_close();
}

TestSuite(service, .init = open_service);

Test(service, everybody_has_a_task_and_a_struct_of_their_own)
{
    struct sim_peer *ann = sim_connect(sim, ADDRESS);
    struct sim_peer *bob = sim_connect(sim, ADDRESS);

    sim_peer_say(ann, "one\ntwo\n");
    sim_peer_say(bob, "uno\r\n");
    fixture_settle();
    cr_assert_eq(service.connections.alive, 2);
    cr_assert_str_eq(sim_peer_text(ann), "1 one\r\n2 two\r\n");
    cr_assert_str_eq(sim_peer_text(bob), "1 uno\r\n");
    close_service();
}

Test(service, a_step_that_returns_has_its_connection_closed)
{
    struct sim_peer *ann = sim_connect(sim, ADDRESS);

    sim_peer_say(ann, "no newcomer to newlines");
    sim_peer_shutdown(ann);
    fixture_pass(NS_PER_SECOND);
    cr_assert_str_eq(sim_peer_text(ann), "1 no newcomer to newlines\r\n");
    cr_assert(sim_peer_at_end(ann));
    cr_assert_not(sim_peer_was_reset(ann));
    cr_assert_eq(service.connections.alive, 0);
    close_service();
}

Test(service, what_was_written_arrives_though_input_was_left_unread)
{
    never_reads = true;
    struct sim_peer *ann = sim_connect(sim, ADDRESS);
    sim_peer_say(ann, "this is never read\n");
    fixture_pass(NS_PER_SECOND);
    cr_assert_str_eq(sim_peer_text(ann), "goodbye\r\n");
    cr_assert_not(sim_peer_was_reset(ann));
    close_service();
}

Test(service, a_step_that_fails_harms_nobody_else)
{
    struct sim_peer *ann = sim_connect(sim, ADDRESS);
    struct sim_peer *bob = sim_connect(sim, ADDRESS);
    char flood[LINE_MAX_BYTES + 16];

    memset(flood, 'x', sizeof(flood));
    sim_peer_send(ann, flood, sizeof(flood));
    sim_peer_say(bob, "still here\n");
    fixture_pass(NS_PER_SECOND);
    cr_assert(sim_peer_at_end(ann), "her line was too long");
    cr_assert_str_eq(sim_peer_text(bob), "1 still here\r\n");
    close_service();
}

Test(service, cancelled_it_lets_go_of_its_address_and_of_everybody)
{
    struct sim_peer *ann = sim_connect(sim, ADDRESS);

    sim_peer_say(ann, "hello\n");
    fixture_settle();
    task_cancel(&service.task, time_after(loop.now_ns, NS_PER_SECOND));
    fixture_settle();
    cr_assert_null(sim_connect(sim, ADDRESS));
    fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&service.task));
    cr_assert_eq(service.task.result, -ECANCELED);
    cr_assert_str_eq(sim_peer_text(ann), "1 hello\r\n");
    cr_assert(sim_peer_at_end(ann));
    close_service();
}

Test(service, a_reader_that_hangs_is_waited_for_until_the_cancels_deadline)
{
    struct sim_peer *ann = sim_connect(sim, ADDRESS);

    sim_peer_stall(ann);
    sim_options(sim)->send_buffer_bytes = 1;
    for (int i = 0; i < 4000; i++)
        sim_peer_say(ann, "what comes back to her fills every buffer on the way and then some\n");
    fixture_settle();
    task_cancel(&service.task, time_after(loop.now_ns, NS_PER_SECOND));
    fixture_pass(NS_PER_SECOND - NS_PER_MS);
    cr_assert_not(task_ended(&service.task));
    fixture_pass(2 * NS_PER_MS);
    cr_assert(task_ended(&service.task));
    close_service();
}

Test(service, ended_while_out_of_descriptors_it_leaves_none_behind)
{
    struct sim_peer *ann = sim_connect(sim, ADDRESS);

    fixture_settle();
    sim_options(sim)->descriptor_limit = 3 + sim_open_descriptors(sim);
    (void)sim_connect(sim, ADDRESS);
    fixture_settle();
    cr_assert(service.listener.resting);
    sim_peer_close(ann);
    close_service();
}

Test(service, an_address_in_use_is_refused_with_nothing_left)
{
    struct service second = {.step = counting_step};
    int before = sim_open_descriptors(sim);

    cr_assert_eq(service_open(&second, &fanout, "127.0.0.1", 7007), -EADDRINUSE);
    cr_assert_eq(sim_open_descriptors(sim), before);
    close_service();
}

/* A short conversation in which the `nth` call fails: false where there are fewer. */
static bool converse(uint64_t nth)
{
    sim_fail_nth(sim, nth, 0);
    struct sim_peer *ann = sim_connect(sim, ADDRESS);
    if (ann) {
        sim_peer_say(ann, "hello\n");
        fixture_pass(NS_PER_SECOND);
        sim_peer_shutdown(ann);
        fixture_pass(10 * NS_PER_SECOND);
    }
    return sim_failed_call(sim) != NULL;
}

Test(service, whatever_call_fails_the_next_one_is_served)
{
    uint64_t nth = 1;

    while (converse(nth)) {
        cr_assert_not(task_ended(&service.task), "%s, the %ju. call", sim_failed_call(sim), nth);
        cr_assert_eq(service.connections.alive, 0, "%s, the %ju. call", sim_failed_call(sim), nth);
        sim_fail_nth(sim, 0, 0);
        struct sim_peer *bob = sim_connect(sim, ADDRESS);
        sim_peer_say(bob, "hello\n");
        fixture_settle();
        cr_assert_str_eq(sim_peer_text(bob), "1 hello\r\n", "after the %ju. call", nth);
        sim_peer_close(bob);
        fixture_pass(NS_PER_SECOND);
        nth++;
    }
    cr_assert_gt(nth, 5, "only %ju calls could fail", nth - 1);
    close_service();
}

/* --- a limit, and an inherited socket --- */

static void restart(unsigned connections_max)
{
    task_cancel(&service.task, loop.now_ns);
    fixture_settle();
    service = (struct service){.step = counting_step,
                               .connection_bytes = sizeof(struct counting),
                               .connections_max = connections_max};
}

static void run(void)
{
    cr_assert_eq(task_group_spawn(&actor_group, &service.task, "counting", service_step), 0);
    fixture_settle();
}

Test(service, beyond_its_limit_newcomers_wait_until_somebody_leaves)
{
    struct sim_peer *peers[5];
    restart(2);
    cr_assert_eq(service_open(&service, &fanout, "127.0.0.1", 7007), 0);
    run();
    for (int i = 0; i < 5; i++) {
        peers[i] = sim_connect(sim, ADDRESS);
        sim_peer_say(peers[i], "hello\n");
    }
    fixture_settle();
    cr_assert_eq(service.connections.alive, 2);
    cr_assert_str_eq(sim_peer_text(peers[2]), "");
    for (int i = 0; i < 5; i++) {
        cr_assert_str_eq(sim_peer_text(peers[i]), "1 hello\r\n", "number %d", i);
        cr_assert_leq(service.connections.alive, 2);
        sim_peer_close(peers[i]);
        fixture_pass(NS_PER_SECOND);
    }
    cr_assert_eq(service.connections.alive, 0);
    close_service();
}

Test(service, a_newcomer_without_memory_takes_no_place)
{
    restart(1);
    cr_assert_eq(service_open(&service, &fanout, "127.0.0.1", 7007), 0);
    run();
    sim_options(sim)->no_memory_ppm = 1000000;
    for (int i = 0; i < 3; i++) {
        (void)sim_connect(sim, ADDRESS);
        fixture_settle();
    }
    sim_options(sim)->no_memory_ppm = 0;
    struct sim_peer *ann = sim_connect(sim, ADDRESS);
    sim_peer_say(ann, "hello\n");
    fixture_settle();
    cr_assert_str_eq(sim_peer_text(ann), "1 hello\r\n");
    close_service();
}

Test(service, it_serves_on_a_socket_that_was_listening_before)
{
    struct sys *sys = loop.sys;
    struct sys_address address;
    restart(0);
    cr_assert_eq(sys_address_local(&address, "/run/service"), 0);
    int fd = sys->socket(sys, AF_UNIX);
    cr_assert_eq(sys->bind(sys, fd, &address), 0);
    cr_assert_eq(service_inherit(&service, &fanout, fd), -EINVAL, "it doesn't listen");
    cr_assert_eq(sys->listen(sys, fd, 1), 0);
    cr_assert_eq(service_inherit(&service, &fanout, fd), 0);
    run();
    struct sim_peer *ann = sim_connect(sim, "unix:/run/service");
    sim_peer_say(ann, "hello\n");
    fixture_settle();
    cr_assert_str_eq(sim_peer_text(ann), "1 hello\r\n");
    task_cancel(&service.task, loop.now_ns);
    fixture_settle();
    struct sys_file_info info;
    cr_assert_eq(sys->path_info(sys, "/run/service", &info), 0);
    cr_assert_eq(info.kind, SYS_FILE_SOCKET, "whoever made the path removes it");
    close_service();
}

Test(service, an_inherited_socket_that_can_not_be_used_stays_the_callers)
{
    struct sys *sys = loop.sys;
    struct sys_address address;
    bool more = true;
    restart(0);
    cr_assert_eq(sys->resolve(sys, "127.0.0.1", 7008, &address, 1), 1);
    for (uint64_t nth = 1; more; nth++) {
        int fd = sys->socket(sys, AF_INET);
        cr_assert_eq(sys->bind(sys, fd, &address), 0);
        cr_assert_eq(sys->listen(sys, fd, 1), 0);
        int before = sim_open_descriptors(sim);
        sim_fail_nth(sim, nth, 0);
        int rc = service_inherit(&service, &fanout, fd);
        more = sim_failed_call(sim) != NULL;
        cr_assert_eq(rc < 0, more);
        if (rc < 0) {
            cr_assert_eq(sim_open_descriptors(sim), before);
            (void)sys->close(sys, fd);
        }
    }
    run();
    close_service();
}
