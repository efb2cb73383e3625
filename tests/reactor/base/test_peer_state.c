/*
 * What the kernel says of a TCP peer: the figures from which a stream concludes
 * that its peer has vanished (stream_check_peer), on the real door. A peer that
 * vanished is a socket with a filter that drops every packet: its kernel
 * acknowledges nothing more, and says nothing.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reactor/base/clock.h"
#include "reactor/base/sys.h"

static struct sys *sys;
static int ours, theirs;

static void set_option(int fd, int option, int value)
{
    cr_assert_eq(sys->set_option(sys, fd, SOL_SOCKET, option, value), 0);
}

/* Two ends of a connection over the loopback, with small buffers. */
static void connect_pair(void)
{
    struct sys_address address;
    sys = sys_kernel();
    cr_assert_eq(sys->resolve(sys, "127.0.0.1", 0, &address, 1), 1);
    int listener = sys->socket(sys, AF_INET);
    cr_assert_eq(sys->bind(sys, listener, &address), 0);
    cr_assert_eq(sys->listen(sys, listener, 1), 0);
    cr_assert_eq(sys->local_address(sys, listener, &address), 0);
    theirs = sys->socket(sys, AF_INET);
    set_option(theirs, SO_RCVBUF, 4096);
    (void)sys->connect(sys, theirs, &address); /* it is under way */
    struct pollfd newcomer = {.fd = listener, .events = POLLIN};
    cr_assert_eq(poll(&newcomer, 1, 10000), 1);
    ours = sys->accept(sys, listener, &address);
    cr_assert_geq(ours, 0);
    cr_assert_eq(sys->close(sys, listener), 0);
}

static void vanish(void)
{
    struct sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog filter = {.len = 1, .filter = drop_all};
    cr_assert_eq(setsockopt(theirs, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), 0);
}

/* Sends until nothing more is taken. */
static void fill(void)
{
    static const char bytes[4096];
    while (sys->send(sys, ours, bytes, sizeof(bytes)) > 0)
        continue;
}

static struct sys_peer_state look(void)
{
    struct sys_peer_state state;
    cr_assert_eq(sys->peer_state(sys, ours, &state), 0);
    return state;
}

/* Looks every 50 ms until `so` holds of what the kernel says, for 20 s at most. */
static struct sys_peer_state look_until(bool (*so)(const struct sys_peer_state *state))
{
    struct sys_peer_state state = look();
    for (int i = 0; i < 400 && !so(&state); i++) {
        cr_assert_eq(poll(NULL, 0, 50), 0);
        state = look();
    }
    cr_assert(so(&state), "unacked %u, probes %u, silent for %ld ms", state.unacked_segments,
              state.probes, (long)(state.silent_ns / NS_PER_MS));
    return state;
}

static bool silent_for_a_second(const struct sys_peer_state *state)
{
    return state->silent_ns > NS_PER_SECOND;
}

static bool two_probes_are_lost(const struct sys_peer_state *state)
{
    return state->probes >= 2;
}

static bool nothing_is_unacked(const struct sys_peer_state *state)
{
    return state->unacked_segments == 0;
}

static void close_pair(void)
{
    cr_assert_eq(sys->close(sys, ours), 0);
    cr_assert_eq(sys->close(sys, theirs), 0);
}

Test(peer_state, a_peer_that_reads_owes_nothing)
{
    connect_pair();
    cr_assert_eq(sys->send(sys, ours, "hello", 5), 5);
    (void)look_until(nothing_is_unacked);
    cr_assert_eq(look().probes, 0);
    close_pair();
}

Test(peer_state, a_peer_that_vanished_leaves_segments_unacknowledged)
{
    connect_pair();
    vanish();
    cr_assert_eq(sys->send(sys, ours, "hello", 5), 5);
    struct sys_peer_state state = look_until(silent_for_a_second);
    cr_assert_gt(state.unacked_segments, 0);
    cr_assert_eq(state.probes, 0);
    cr_assert_gt(sys->unsent(sys, ours), 0);
    close_pair();
}

Test(peer_state, a_peer_that_stopped_reading_answers_the_probes)
{
    connect_pair();
    fill();
    (void)look_until(nothing_is_unacked);
    for (int i = 0; i < 60; i++) { /* three seconds: four probes */
        cr_assert_eq(poll(NULL, 0, 50), 0);
        cr_assert_leq(look().probes, 1);
    }
    cr_assert_lt(look().silent_ns, 3 * NS_PER_SECOND);
    cr_assert_gt(sys->unsent(sys, ours), 0);
    close_pair();
}

Test(peer_state, a_peer_that_stopped_reading_and_vanished_loses_probes)
{
    connect_pair();
    fill();
    (void)look_until(nothing_is_unacked);
    vanish();
    struct sys_peer_state state = look_until(two_probes_are_lost);
    cr_assert_eq(state.unacked_segments, 0);
    cr_assert_gt(state.silent_ns, NS_PER_SECOND / 5);
    close_pair();
}

Test(peer_state, it_is_tcp_that_is_asked)
{
    struct sys_peer_state state;
    sys = sys_kernel();
    int fd = sys->socket(sys, AF_UNIX);
    cr_assert_eq(sys->peer_state(sys, fd, &state), -EOPNOTSUPP);
    cr_assert_eq(sys->close(sys, fd), 0);
}
