#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/clock.h"
#include "tests/support/echo.h"

/*
 * Failures made to order, the bugs of a program that the simulated door refuses
 * to go on with, and the accounting by which leaks and waste are found.
 */

/* --- faults ------------------------------------------------------------------------------- */

Test(sim_faults, a_failed_send_leaves_a_dead_connection)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    char buffer[8];
    sim_fail_nth(pair.sim, 1, 0);
    cr_assert_eq(sys->send(sys, pair.fd, "x", 1), -ECONNRESET);
    cr_assert_str_eq(sim_failed_call(pair.sim), "send: ECONNRESET");
    cr_assert_eq(sys->send(sys, pair.fd, "x", 1), -EPIPE);
    cr_assert_eq(sys->receive(sys, pair.fd, buffer, 8), 0);
    cr_assert(sim_peer_was_reset(pair.peer));
    sim_free(pair.sim);
}

Test(sim_faults, a_send_short_of_buffers_leaves_the_connection_alive)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    sim_fail_nth(pair.sim, 2, 2);
    cr_assert_eq(sys->send(sys, pair.fd, "x", 1), 1);
    cr_assert_null(sim_failed_call(pair.sim));
    cr_assert_eq(sys->send(sys, pair.fd, "y", 1), -ENOBUFS);
    cr_assert_eq(sys->send(sys, pair.fd, "z", 1), 1);
    pair_deliver(&pair);
    cr_assert_str_eq(sim_peer_text(pair.peer), "xz");
    sim_free(pair.sim);
}

Test(sim_faults, an_aborted_connection_leaves_the_queue_and_a_descriptor_error_does_not)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    struct sys_address from;
    struct sim_peer *lost = sim_connect(pair.sim, ECHO_ADDRESS);
    struct sim_peer *next = sim_connect(pair.sim, ECHO_ADDRESS);
    pair_deliver(&pair);
    sim_fail_nth(pair.sim, 1, 0);
    cr_assert_eq(sys->accept(sys, pair.listener, &from), -EMFILE);
    sim_fail_nth(pair.sim, 1, 1);
    cr_assert_eq(sys->accept(sys, pair.listener, &from), -ECONNABORTED);
    cr_assert(sim_peer_was_reset(lost));
    cr_assert_not(sim_peer_was_reset(next));
    cr_assert_geq(sys->accept(sys, pair.listener, &from), 0);
    cr_assert_eq(sys->accept(sys, pair.listener, &from), -EAGAIN);
    sim_free(pair.sim);
}

/* A short conversation whose nth call fails; true if one did. Nothing may be left behind. */
static bool converse(uint64_t nth, unsigned which, char *failed, size_t room)
{
    struct sim *sim = sim_create(NULL);
    struct echo echo;
    sim_fail_nth(sim, nth, which);
    int status = echo_open(&echo, sim_door(sim));
    if (status == 0) {
        struct sim_peer *ann = sim_connect(sim, ECHO_ADDRESS);
        sim_peer_say(ann, "hello");
        echo_run(sim, &echo, NS_PER_SECOND);
        cr_assert(sim_failed_call(sim) || strcmp(sim_peer_text(ann), "hello") == 0);
        sim_peer_close(ann);
        echo_run(sim, &echo, NS_PER_SECOND);
        echo_close(&echo);
    }
    cr_assert_eq(sim_open_descriptors(sim), 0, "after %s", sim_failed_call(sim));
    const char *call = sim_failed_call(sim);
    if (call)
        snprintf(failed + strlen(failed), room - strlen(failed), "%s\n", call);
    bool did_fail = call != NULL;
    sim_free(sim);
    return did_fail;
}

Test(sim_faults, every_call_fails_in_turn_with_each_of_its_errors)
{
    static char failed[8192];
    bool more = true;
    for (uint64_t n = 1; more; n++) {
        more = false;
        for (unsigned which = 0; converse(n, which, failed, sizeof failed); which++)
            more = true;
    }
    cr_assert_eq(strncmp(failed,
                         "poll_open: EMFILE\npoll_open: ENFILE\npoll_open: ENOMEM\n"
                         "socket: EMFILE\nsocket: ENFILE\nsocket: ENOBUFS\n"
                         "socket: EAFNOSUPPORT\nresolve: ENOENT\n",
                         110),
                 0, "%s", failed);
    cr_assert_not_null(strstr(failed, "accept: ECONNABORTED\n"));
    cr_assert_not_null(strstr(failed, "receive: ECONNRESET\n"));
    cr_assert_not_null(strstr(failed, "send: EPIPE\n"));
    cr_assert_not_null(strstr(failed, "poll_add: ENOSPC\n"));
}

/* --- accounting --------------------------------------------------------------------------- */

Test(sim_faults, calls_are_counted_by_name)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    uint64_t before = sim_calls(pair.sim);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(sys->send(sys, pair.fd, "line\n", 5), 5);
    pair_deliver(&pair);
    cr_assert_eq(sim_count(pair.sim, SIM_SEND), 1000);
    cr_assert_eq(sim_calls(pair.sim) - before, 1000);
    cr_assert_eq(sim_count(pair.sim, SIM_ACCEPT), 1);
    cr_assert_eq(sim_count(pair.sim, SIM_POLL_WAIT), 2);
    cr_assert_str_eq(sim_call_name(SIM_SEND_SEGMENTS), "send_segments");
    cr_assert_eq(sim_peer_text_bytes(pair.peer), 5000);
    sim_free(pair.sim);
}

Test(sim_faults, segments_are_sent_in_order_as_far_as_they_fit)
{
    struct sim_options options = {.send_buffer_bytes = 7};
    struct pair pair = pair_open(&options);
    struct iovec parts[] = {{"abc", 3}, {"", 0}, {"def", 3}, {"ghi", 3}};
    cr_assert_eq(pair.sys->send_segments(pair.sys, pair.fd, parts, 4), 7);
    pair_deliver(&pair);
    cr_assert_str_eq(sim_peer_text(pair.peer), "abcdefg");
    sim_free(pair.sim);
}

/* --- misuse ------------------------------------------------------------------------------- */

Test(sim_faults, a_real_descriptor_is_refused, .signal = SIGABRT)
{
    struct sys *sys = sim_door(sim_create(NULL));
    char byte;
    sys->receive(sys, 0, &byte, 1);
}

Test(sim_faults, a_closed_descriptor_is_refused, .signal = SIGABRT)
{
    struct sys *sys = sim_door(sim_create(NULL));
    int fd = sys->socket(sys, AF_INET);
    sys->close(sys, fd);
    sys->close(sys, fd);
}

Test(sim_faults, a_socket_is_no_file, .signal = SIGABRT)
{
    struct sys *sys = sim_door(sim_create(NULL));
    char byte;
    sys->read(sys, sys->socket(sys, AF_INET), &byte, 1);
}

Test(sim_faults, a_signal_that_nobody_awaits_is_refused, .signal = SIGABRT)
{
    sim_raise(sim_create(NULL), SIGTERM);
}

Test(sim_faults, a_foreign_block_is_refused, .signal = SIGABRT)
{
    struct sys *sys = sim_door(sim_create(NULL));
    static size_t block[16];
    sys->release(sys, block + 8);
}
