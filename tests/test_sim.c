#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/clock.h"
#include "reactor/sim.h"
#include "reactor/sys.h"

/*
 * What only the simulated door has: peers, policies, faults, virtual time and
 * accounting. That its sockets behave like the kernel's is checked in
 * test_doors.c.
 */

#define ADDRESS "127.0.0.1:7777"
#define LISTENER 1000000 /* a key that is no descriptor */

/* A server in a few lines: echoes, closes at the end of input, ends after a signal. */
struct echo {
    struct sys *sys;
    int poll;
    int listener;
    uint64_t bytes;
};

static struct sys_address address_of(struct sys *sys, const char *host, uint16_t port)
{
    struct sys_address address;
    cr_assert_eq(sys->resolve(sys, host, port, &address, 1), 1);
    return address;
}

/* 0, or the first error; nothing stays open then. */
static int echo_open(struct echo *echo, struct sys *sys)
{
    struct sys_address address;
    int status;
    *echo = (struct echo){.sys = sys};
    echo->poll = sys->poll_open(sys);
    if (echo->poll < 0)
        return echo->poll;
    echo->listener = sys->socket(sys, AF_INET);
    if (echo->listener < 0) {
        sys->close(sys, echo->poll);
        return echo->listener;
    }
    if ((status = sys->resolve(sys, "127.0.0.1", 7777, &address, 1)) < 0 ||
        (status = sys->bind(sys, echo->listener, &address)) < 0 ||
        (status = sys->listen(sys, echo->listener, 16)) < 0 ||
        (status = sys->poll_add(sys, echo->poll, echo->listener, LISTENER)) < 0) {
        sys->close(sys, echo->listener);
        sys->close(sys, echo->poll);
        return status;
    }
    return 0;
}

static void echo_accept(struct echo *echo)
{
    struct sys_address peer;
    int fd;
    while ((fd = echo->sys->accept(echo->sys, echo->listener, &peer)) >= 0) {
        if (echo->sys->poll_add(echo->sys, echo->poll, fd, (uint64_t)fd) < 0)
            echo->sys->close(echo->sys, fd);
    }
}

/* Sends back what comes in. It trusts that the answer fits: its peers read. */
static void echo_serve(struct echo *echo, int fd)
{
    char buffer[64];
    ssize_t size;
    while ((size = echo->sys->receive(echo->sys, fd, buffer, sizeof buffer)) > 0) {
        ssize_t done = 0;
        while (done < size) {
            ssize_t sent = echo->sys->send(echo->sys, fd, buffer + done, (size_t)(size - done));
            if (sent < 0)
                break;
            done += sent;
            echo->bytes += (uint64_t)sent;
        }
    }
    if (size != -EAGAIN)
        echo->sys->close(echo->sys, fd);
}

static void echo_turn(struct echo *echo)
{
    struct sys_event events[4];
    int count = echo->sys->poll_wait(echo->sys, echo->poll, events, 4, TIME_NEVER);
    for (int i = 0; i < count; i++) {
        if (events[i].key == LISTENER)
            echo_accept(echo);
        else
            echo_serve(echo, (int)events[i].key);
    }
}

static void run(struct sim *sim, struct echo *echo, int64_t duration_ns)
{
    sim_limit(sim, time_after(sim_now_ns(sim), duration_ns));
    while (!sim_idle(sim))
        echo_turn(echo);
}

static void echo_close(struct echo *echo)
{
    echo->sys->close(echo->sys, echo->listener);
    echo->sys->close(echo->sys, echo->poll);
}

/* --- peers -------------------------------------------------------------------------------- */

Test(sim, a_peer_is_answered)
{
    struct sim *sim = sim_create(NULL);
    struct echo echo;
    cr_assert_eq(echo_open(&echo, sim_door(sim)), 0);
    struct sim_peer *ann = sim_connect(sim, ADDRESS);
    struct sim_peer *bob = sim_connect(sim, ADDRESS);
    sim_peer_say(ann, "hello ");
    sim_peer_say(bob, "hi");
    run(sim, &echo, NS_PER_SECOND);
    sim_peer_say(ann, "world");
    cr_assert_not(sim_idle(sim));
    run(sim, &echo, NS_PER_SECOND);
    cr_assert_str_eq(sim_peer_text(ann), "hello world");
    cr_assert_str_eq(sim_peer_text(bob), "hi");
    cr_assert_eq(sim_peer_text_bytes(ann), 11);
    sim_peer_forget(ann);
    cr_assert_str_eq(sim_peer_text(ann), "");

    sim_peer_shutdown(ann);
    cr_assert_not(sim_peer_at_end(ann));
    run(sim, &echo, NS_PER_SECOND);
    cr_assert(sim_peer_at_end(ann));
    cr_assert_not(sim_peer_was_reset(ann));
    sim_peer_close(bob);
    run(sim, &echo, NS_PER_SECOND);
    cr_assert_eq(sim_open_descriptors(sim), 2);
    echo_close(&echo);
    cr_assert_eq(sim_open_descriptors(sim), 0);
    sim_free(sim);
}

Test(sim, nobody_connects_where_nobody_listens)
{
    struct sim *sim = sim_create(NULL);
    cr_assert_null(sim_connect(sim, ADDRESS));
    cr_assert_eq(errno, ECONNREFUSED);
    cr_assert_null(sim_connect(sim, "[::1]:7777"));
    cr_assert_eq(errno, ECONNREFUSED);
    cr_assert_null(sim_connect(sim, "unix:/run/chatd"));
    cr_assert_eq(errno, ENOENT);
    sim_write_file(sim, "/run/chatd", "");
    cr_assert_null(sim_connect(sim, "unix:/run/chatd"));
    cr_assert_eq(errno, ECONNREFUSED);
    sim_free(sim);
}

/* A connection accepted from a peer, without a server around it. */
struct pair {
    struct sim *sim;
    struct sys *sys;
    int poll;
    int listener;
    int fd;
    struct sim_peer *peer;
};

static void deliver(struct pair *pair)
{
    struct sys_event events[8];
    pair->sys->poll_wait(pair->sys, pair->poll, events, 8, 0);
}

static struct pair pair_open(const struct sim_options *options)
{
    struct pair pair = {.sim = sim_create(options)};
    struct sys *sys = pair.sys = sim_door(pair.sim);
    struct sys_address address = address_of(sys, "127.0.0.1", 7777);
    pair.poll = sys->poll_open(sys);
    pair.listener = sys->socket(sys, AF_INET);
    cr_assert_eq(sys->bind(sys, pair.listener, &address), 0);
    cr_assert_eq(sys->listen(sys, pair.listener, 4), 0);
    cr_assert_eq(sys->poll_add(sys, pair.poll, pair.listener, LISTENER), 0);
    pair.peer = sim_connect(pair.sim, ADDRESS);
    cr_assert_not_null(pair.peer);
    deliver(&pair);
    pair.fd = sys->accept(sys, pair.listener, &address);
    cr_assert_geq(pair.fd, 0);
    return pair;
}

Test(sim, a_stalled_peer_blocks_the_sender_and_a_reading_one_frees_it)
{
    struct sim_options options = {.send_buffer_bytes = 100, .receive_buffer_bytes = 50};
    struct pair pair = pair_open(&options);
    struct sys *sys = pair.sys;
    static const char data[1000] = {'x'};
    char taken[30];
    sim_peer_stall(pair.peer);
    cr_assert_eq(sys->send(sys, pair.fd, data, sizeof data), 100);
    cr_assert_eq(sys->send(sys, pair.fd, data, sizeof data), -EAGAIN);
    cr_assert_eq(sys->unsent(sys, pair.fd), 100);
    deliver(&pair);
    cr_assert_eq(sys->unsent(sys, pair.fd), 50);
    cr_assert_eq(sys->send(sys, pair.fd, data, sizeof data), 50);
    cr_assert_eq(sim_peer_receive(pair.peer, taken, sizeof taken), 30);
    deliver(&pair);
    cr_assert_eq(sys->unsent(sys, pair.fd), 70);
    cr_assert_eq(sim_peer_text_bytes(pair.peer), 0);
    sim_peer_resume(pair.peer);
    deliver(&pair);
    cr_assert_eq(sys->unsent(sys, pair.fd), 0);
    cr_assert_eq(sim_peer_text_bytes(pair.peer), 120);
    sim_free(pair.sim);
}

Test(sim, a_program_that_does_not_read_holds_its_peer_up)
{
    struct sim_options options = {.receive_buffer_bytes = 10};
    struct pair pair = pair_open(&options);
    char buffer[8];
    sim_peer_say(pair.peer, "0123456789abcdef");
    cr_assert_eq(sim_peer_unsent(pair.peer), 16);
    deliver(&pair);
    deliver(&pair);
    cr_assert_eq(sim_peer_unsent(pair.peer), 6);
    cr_assert_eq(pair.sys->receive(pair.sys, pair.fd, buffer, 8), 8);
    cr_assert_arr_eq(buffer, "01234567", 8);
    deliver(&pair);
    cr_assert_eq(sim_peer_unsent(pair.peer), 0);
    sim_free(pair.sim);
}

Test(sim, a_careless_close_loses_what_was_just_sent)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    sim_peer_say(pair.peer, "typed ahead");
    deliver(&pair);
    cr_assert_eq(sys->send(sys, pair.fd, "goodbye", 7), 7);
    sys->close(sys, pair.fd);
    cr_assert_str_eq(sim_peer_text(pair.peer), "");
    cr_assert(sim_peer_was_reset(pair.peer));
    cr_assert_not(sim_peer_at_end(pair.peer));
    sim_free(pair.sim);
}

Test(sim, a_careful_close_loses_nothing)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    char buffer[32];
    sim_peer_say(pair.peer, "typed ahead");
    deliver(&pair);
    cr_assert_eq(sys->send(sys, pair.fd, "goodbye", 7), 7);
    cr_assert_eq(sys->shutdown_write(sys, pair.fd), 0);
    cr_assert_eq(sys->unsent(sys, pair.fd), 8);
    cr_assert_eq(sys->receive(sys, pair.fd, buffer, sizeof buffer), 11);
    sys->close(sys, pair.fd);
    cr_assert_str_eq(sim_peer_text(pair.peer), "goodbye");
    cr_assert(sim_peer_at_end(pair.peer));
    cr_assert_not(sim_peer_was_reset(pair.peer));
    sim_free(pair.sim);
}

Test(sim, a_reset_by_the_peer_is_an_error_once)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    char buffer[8];
    sim_peer_say(pair.peer, "lost");
    sim_peer_reset(pair.peer);
    cr_assert_eq(sys->receive(sys, pair.fd, buffer, 8), -ECONNRESET);
    cr_assert_eq(sys->receive(sys, pair.fd, buffer, 8), 0);
    cr_assert_eq(sys->send(sys, pair.fd, "x", 1), -EPIPE);
    sim_free(pair.sim);
}

Test(sim, peers_come_from_where_the_test_says)
{
    struct sim *sim = sim_create(NULL);
    struct sys *sys = sim_door(sim);
    struct sys_address address;
    char text[SYS_ADDRESS_TEXT];
    uid_t uid;
    int ip4 = sys->socket(sys, AF_INET);
    int local = sys->socket(sys, AF_UNIX);
    int poll = sys->poll_open(sys);
    address = address_of(sys, NULL, 7777);
    cr_assert_eq(sys->bind(sys, ip4, &address), 0);
    cr_assert_eq(sys->listen(sys, ip4, 4), 0);
    sys_address_local(&address, "/run/admin");
    cr_assert_eq(sys->bind(sys, local, &address), 0);
    cr_assert_eq(sys->listen(sys, local, 4), 0);
    sim_come_from(sim, "10.1.2.3");
    sim_come_as(sim, 1234);
    cr_assert_not_null(sim_connect(sim, ADDRESS));
    cr_assert_not_null(sim_connect(sim, "unix:/run/admin"));
    struct sys_event event;
    sys->poll_wait(sys, poll, &event, 1, 0);
    int fd = sys->accept(sys, ip4, &address);
    sys_address_format(&address, text);
    cr_assert_eq(strncmp(text, "10.1.2.3:", 9), 0, "%s", text);
    cr_assert_eq(sys->peer_user(sys, fd, &uid), -EOPNOTSUPP);
    fd = sys->accept(sys, local, &address);
    cr_assert_eq(sys->peer_user(sys, fd, &uid), 0);
    cr_assert_eq(uid, 1234);
    sim_free(sim);
}

/* --- policies ----------------------------------------------------------------------------- */

/* The sizes of the parts in which twelve bytes reach a program that reads after each wait. */
static void arrival_sizes(enum sim_segments segments, char *sizes)
{
    struct sim_options options = {.segments = segments, .segment_max_bytes = 5, .seed = 3};
    struct pair pair = pair_open(&options);
    char buffer[16];
    ssize_t size;
    pair.sys->poll_add(pair.sys, pair.poll, pair.fd, 1);
    sim_peer_say(pair.peer, "abcdefghijkl");
    sim_peer_close(pair.peer);
    do {
        deliver(&pair);
        size = pair.sys->receive(pair.sys, pair.fd, buffer, sizeof buffer);
        sizes += sprintf(sizes, "%zd ", size);
    } while (size > 0);
    sim_free(pair.sim);
}

Test(sim, segments_are_cut_as_the_options_say)
{
    char sizes[128];
    arrival_sizes(SIM_WHOLE, sizes);
    cr_assert_str_eq(sizes, "12 0 ");
    arrival_sizes(SIM_BYTES, sizes);
    cr_assert_str_eq(sizes, "1 1 1 1 1 1 1 1 1 1 1 1 0 ");
    arrival_sizes(SIM_RANDOM, sizes);
    int total = 0;
    for (char *end, *at = sizes; *at; at = end + 1) {
        long size = strtol(at, &end, 10);
        cr_assert(size >= 0 && size <= 5);
        total += (int)size;
    }
    cr_assert_eq(total, 12);
}

Test(sim, short_reads_and_writes_lose_nothing_and_are_followed_by_events)
{
    struct sim_options options = {.short_read_ppm = 500000, .short_write_ppm = 500000, .seed = 11};
    struct sim *sim = sim_create(&options);
    struct echo echo;
    char line[32];
    static char all[40000];
    cr_assert_eq(echo_open(&echo, sim_door(sim)), 0);
    struct sim_peer *ann = sim_connect(sim, ADDRESS);
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "line %d\n", i);
        strcat(all, line);
        sim_peer_say(ann, line);
        run(sim, &echo, 1);
    }
    cr_assert_str_eq(sim_peer_text(ann), all);
    sim_free(sim);
}

Test(sim, delays_lie_between_the_given_ones_and_keep_the_order)
{
    struct sim_options options = {
        .delay_min_ns = 3 * NS_PER_MS, .delay_max_ns = 7 * NS_PER_MS, .seed = 5};
    struct sim *sim = sim_create(&options);
    struct sys *sys = sim_door(sim);
    struct echo echo;
    cr_assert_eq(echo_open(&echo, sys), 0);
    struct sim_peer *ann = sim_connect(sim, ADDRESS);
    int64_t start_ns = sim_now_ns(sim);
    echo_turn(&echo); /* The connection comes, */
    int64_t took_ns = sim_now_ns(sim) - start_ns;
    cr_assert(took_ns >= 3 * NS_PER_MS && took_ns <= 7 * NS_PER_MS);
    echo_turn(&echo); /* is writable from the start, */
    sim_peer_say(ann, "abc");
    start_ns = sim_now_ns(sim);
    echo_turn(&echo); /* and then brings bytes. */
    took_ns = sim_now_ns(sim) - start_ns;
    cr_assert(took_ns >= 3 * NS_PER_MS && took_ns <= 7 * NS_PER_MS);
    cr_assert_str_eq(sim_peer_text(ann), "");
    sim_settle(sim);
    cr_assert_str_eq(sim_peer_text(ann), "abc");
    sim_free(sim);
}

Test(sim, a_late_accept_comes_with_another_event)
{
    struct sim_options options = {.late_accept_ppm = 700000, .seed = 1};
    struct sim *sim = sim_create(&options);
    struct echo echo;
    struct sim_peer *peers[20];
    cr_assert_eq(echo_open(&echo, sim_door(sim)), 0);
    for (int i = 0; i < 20; i++) {
        peers[i] = sim_connect(sim, ADDRESS);
        sim_peer_say(peers[i], "x");
    }
    run(sim, &echo, NS_PER_SECOND);
    for (int i = 0; i < 20; i++)
        cr_assert_str_eq(sim_peer_text(peers[i]), "x");
    sim_free(sim);
}

Test(sim, without_ipv6_there_is_ipv4)
{
    struct sim_options options = {.without_ipv6 = true};
    struct sim *sim = sim_create(&options);
    struct sys *sys = sim_door(sim);
    cr_assert_eq(sys->socket(sys, AF_INET6), -EAFNOSUPPORT);
    cr_assert_geq(sys->socket(sys, AF_INET), 0);
    cr_assert_eq(sys->socket(sys, AF_PACKET), -EAFNOSUPPORT);
    sim_free(sim);
}

/* All that ten peers are sent in a world where everything is random, as one text. */
static char *random_day(uint64_t seed)
{
    struct sim_options options = {.seed = seed,
                                  .segments = SIM_RANDOM,
                                  .delay_max_ns = NS_PER_MS,
                                  .shuffle = true,
                                  .short_read_ppm = 200000,
                                  .short_write_ppm = 200000,
                                  .late_accept_ppm = 200000};
    struct sim *sim = sim_create(&options);
    struct sim_peer *peers[10];
    struct echo echo;
    char *text = calloc(1, 100000);
    cr_assert_eq(echo_open(&echo, sim_door(sim)), 0);
    sim_options(sim)->reset_ppm = 3000;
    sim_options(sim)->no_descriptor_ppm = 100000;
    for (int i = 0; i < 10; i++)
        peers[i] = sim_connect(sim, ADDRESS);
    for (int i = 0; i < 300; i++) {
        sim_peer_say(peers[i % 10], "some words ");
        run(sim, &echo, NS_PER_MS / 3);
        sprintf(text + strlen(text), "%zu:%d ", sim_peer_text_bytes(peers[i % 10]),
                sim_peer_was_reset(peers[i % 10]));
    }
    sprintf(text + strlen(text), "%llu calls", (unsigned long long)sim_calls(sim));
    sim_free(sim);
    return text;
}

Test(sim, a_seed_repeats_its_day_and_another_does_not)
{
    char *first = random_day(42);
    char *again = random_day(42);
    char *other = random_day(43);
    cr_assert_str_eq(first, again);
    cr_assert_str_neq(first, other);
    cr_assert_not_null(strstr(first, ":1 "), "no connection was reset: the rates do nothing");
    free(first);
    free(again);
    free(other);
}

/* --- time --------------------------------------------------------------------------------- */

Test(sim, the_clocks_jump_together)
{
    struct sim *sim = sim_create(NULL);
    struct sys *sys = sim_door(sim);
    struct sys_event event;
    int poll = sys->poll_open(sys);
    int64_t wall_ns = sys->realtime_ns(sys);
    int64_t start_ns = sys->monotonic_ns(sys);
    cr_assert_eq(wall_ns, 1735689600 * NS_PER_SECOND);
    cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, 3600 * NS_PER_SECOND), 0);
    sim_advance(sim, 5);
    cr_assert_eq(sys->monotonic_ns(sys), start_ns + 3600 * NS_PER_SECOND + 5);
    cr_assert_eq(sys->realtime_ns(sys), wall_ns + 3600 * NS_PER_SECOND + 5);
    cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, 0), 0);
    cr_assert_eq(sys->monotonic_ns(sys), start_ns + 3600 * NS_PER_SECOND + 5);
    sim_free(sim);
}

Test(sim, the_clock_stops_at_the_limit_until_something_happens)
{
    struct sim *sim = sim_create(NULL);
    struct sys *sys = sim_door(sim);
    struct sys_event event;
    int poll = sys->poll_open(sys);
    int64_t start_ns = sim_now_ns(sim);
    sim_limit(sim, start_ns + 100);
    cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, 60), 0);
    cr_assert_not(sim_idle(sim));
    cr_assert_eq(sim_now_ns(sim), start_ns + 60);
    cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, 40), 0);
    cr_assert_not(sim_idle(sim), "a wait that ends at the limit is a wait that ends");
    cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, 1), 0);
    cr_assert(sim_idle(sim));
    cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, TIME_NEVER), 0);
    cr_assert(sim_idle(sim));
    cr_assert_eq(sim_now_ns(sim), start_ns + 100);
    sim_limit(sim, start_ns + 101);
    cr_assert_not(sim_idle(sim));
    sim_free(sim);
}

Test(sim, an_arrival_beyond_the_limit_waits)
{
    struct sim_options options = {.delay_min_ns = 50, .delay_max_ns = 50};
    struct pair pair = {.sim = sim_create(&options)};
    struct echo echo;
    cr_assert_eq(echo_open(&echo, sim_door(pair.sim)), 0);
    struct sim_peer *ann = sim_connect(pair.sim, ADDRESS);
    run(pair.sim, &echo, 49);
    cr_assert_eq(sim_open_descriptors(pair.sim), 2);
    run(pair.sim, &echo, 1);
    cr_assert_eq(sim_open_descriptors(pair.sim), 3);
    sim_peer_close(ann);
    sim_free(pair.sim);
}

Test(sim, sleeping_for_ever_is_a_bug, .signal = SIGABRT)
{
    struct sim *sim = sim_create(NULL);
    struct sys *sys = sim_door(sim);
    struct sys_event event;
    sys->poll_wait(sys, sys->poll_open(sys), &event, 1, TIME_NEVER);
}

Test(sim, polling_without_end_is_a_bug, .signal = SIGABRT)
{
    struct sim *sim = sim_create(NULL);
    struct sys *sys = sim_door(sim);
    struct sys_event event;
    int poll = sys->poll_open(sys);
    for (;;)
        sys->poll_wait(sys, poll, &event, 1, 0);
}

/* --- misuse ------------------------------------------------------------------------------- */

Test(sim, a_real_descriptor_is_refused, .signal = SIGABRT)
{
    struct sys *sys = sim_door(sim_create(NULL));
    char byte;
    sys->receive(sys, 0, &byte, 1);
}

Test(sim, a_closed_descriptor_is_refused, .signal = SIGABRT)
{
    struct sys *sys = sim_door(sim_create(NULL));
    int fd = sys->socket(sys, AF_INET);
    sys->close(sys, fd);
    sys->close(sys, fd);
}

Test(sim, a_socket_is_no_file, .signal = SIGABRT)
{
    struct sys *sys = sim_door(sim_create(NULL));
    char byte;
    sys->read(sys, sys->socket(sys, AF_INET), &byte, 1);
}

Test(sim, a_signal_that_nobody_awaits_is_refused, .signal = SIGABRT)
{
    sim_raise(sim_create(NULL), SIGTERM);
}

Test(sim, a_foreign_block_is_refused, .signal = SIGABRT)
{
    struct sys *sys = sim_door(sim_create(NULL));
    static size_t block[16];
    sys->release(sys, block + 8);
}

/* --- memory and files --------------------------------------------------------------------- */

Test(sim, blocks_are_counted_and_moved)
{
    struct sim *sim = sim_create(NULL);
    struct sys *sys = sim_door(sim);
    char *first = sys->allocate(sys, 10);
    char *second = sys->allocate(sys, 100);
    cr_assert_eq((uintptr_t)first % _Alignof(max_align_t), 0);
    memcpy(first, "0123456789", 10);
    cr_assert_eq(sim_live_blocks(sim), 2);
    cr_assert_eq(sim_live_bytes(sim), 110);
    char *moved = sys->resize(sys, first, 1000);
    cr_assert_arr_eq(moved, "0123456789", 10);
    cr_assert_eq(sim_live_blocks(sim), 2);
    cr_assert_eq(sim_live_bytes(sim), 1100);
    moved = sys->resize(sys, moved, 5);
    cr_assert_arr_eq(moved, "01234", 5);
    sim_fail_nth(sim, 1, 0);
    cr_assert_null(sys->resize(sys, moved, 5000));
    cr_assert_arr_eq(moved, "01234", 5);
    sys->release(sys, moved);
    sys->release(sys, second);
    sys->release(sys, NULL);
    cr_assert_eq(sim_live_blocks(sim), 0);
    cr_assert_eq(sim_live_bytes(sim), 0);
    sim_free(sim);
}

Test(sim, files_are_read_written_and_removed)
{
    struct sim *sim = sim_create(NULL);
    struct sys *sys = sim_door(sim);
    enum sys_file_kind kind;
    char text[8];
    cr_assert_eq(sys->open_read(sys, "/etc/motd"), -ENOENT);
    sim_write_file(sim, "/etc/motd", "hello");
    int fd = sys->open_read(sys, "/etc/motd");
    sim_write_file(sim, "/etc/motd", "changed");
    cr_assert_eq(sys->read(sys, fd, text, 3), 3);
    cr_assert_eq(sys->read(sys, fd, text + 3, 5), 2);
    cr_assert_arr_eq(text, "hello", 5);
    cr_assert_eq(sys->read(sys, fd, text, 5), 0);
    cr_assert_eq(sys->poll_add(sys, sys->poll_open(sys), fd, 0), -EPERM);
    sys->close(sys, fd);

    fd = sys->open_write(sys, "/tmp/trace");
    cr_assert_eq(sys->write(sys, fd, "one ", 4), 4);
    cr_assert_eq(sys->write(sys, fd, "two", 3), 3);
    cr_assert_str_eq(sim_file_text(sim, "/tmp/trace"), "one two");
    cr_assert_eq(sys->unlink(sys, "/tmp/trace"), 0);
    cr_assert_eq(sys->write(sys, fd, "three", 5), 5);
    cr_assert_null(sim_file_text(sim, "/tmp/trace"));
    cr_assert_eq(sys->file_kind(sys, "/tmp/trace", &kind), 0);
    cr_assert_eq(kind, SYS_FILE_NONE);
    cr_assert_eq(sys->file_kind(sys, "/etc/motd", &kind), 0);
    cr_assert_eq(kind, SYS_FILE_REGULAR);
    cr_assert_eq(sys->write(sys, 1, "ready\n", 6), 6);
    cr_assert_str_eq(sim_output(sim, 1), "ready\n");
    cr_assert_str_eq(sim_output(sim, 2), "");
    sim_free(sim);
}

Test(sim, hosts_are_resolved_without_a_network)
{
    struct sim *sim = sim_create(NULL);
    struct sys *sys = sim_door(sim);
    struct sys_address found[2];
    char text[SYS_ADDRESS_TEXT];
    cr_assert_eq(sys->resolve(sys, NULL, 7, found, 2), 2);
    sys_address_format(&found[0], text);
    cr_assert_str_eq(text, "0.0.0.0:7");
    sys_address_format(&found[1], text);
    cr_assert_str_eq(text, "[::]:7");
    cr_assert_eq(sys->resolve(sys, "localhost", 7, found, 1), 1);
    cr_assert_eq(sys->resolve(sys, "chat.example", 7, found, 2), -ENOENT);
    sim_free(sim);
}

/* --- faults ------------------------------------------------------------------------------- */

Test(sim, a_failed_send_leaves_a_dead_connection)
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

Test(sim, a_send_short_of_buffers_leaves_the_connection_alive)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    sim_fail_nth(pair.sim, 2, 2);
    cr_assert_eq(sys->send(sys, pair.fd, "x", 1), 1);
    cr_assert_null(sim_failed_call(pair.sim));
    cr_assert_eq(sys->send(sys, pair.fd, "y", 1), -ENOBUFS);
    cr_assert_eq(sys->send(sys, pair.fd, "z", 1), 1);
    deliver(&pair);
    cr_assert_str_eq(sim_peer_text(pair.peer), "xz");
    sim_free(pair.sim);
}

Test(sim, an_aborted_connection_leaves_the_queue_and_a_descriptor_error_does_not)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    struct sys_address from;
    struct sim_peer *lost = sim_connect(pair.sim, ADDRESS);
    struct sim_peer *next = sim_connect(pair.sim, ADDRESS);
    deliver(&pair);
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
static bool converse(uint64_t nth, unsigned which, char *failed)
{
    struct sim *sim = sim_create(NULL);
    struct echo echo;
    sim_fail_nth(sim, nth, which);
    int status = echo_open(&echo, sim_door(sim));
    if (status == 0) {
        struct sim_peer *ann = sim_connect(sim, ADDRESS);
        sim_peer_say(ann, "hello");
        run(sim, &echo, NS_PER_SECOND);
        cr_assert(sim_failed_call(sim) || strcmp(sim_peer_text(ann), "hello") == 0);
        sim_peer_close(ann);
        run(sim, &echo, NS_PER_SECOND);
        echo_close(&echo);
    }
    cr_assert_eq(sim_open_descriptors(sim), 0, "after %s", sim_failed_call(sim));
    const char *call = sim_failed_call(sim);
    if (call)
        sprintf(failed + strlen(failed), "%s\n", call);
    bool did_fail = call != NULL;
    sim_free(sim);
    return did_fail;
}

Test(sim, every_call_fails_in_turn_with_each_of_its_errors)
{
    static char failed[8192];
    bool more = true;
    for (uint64_t n = 1; more; n++) {
        more = false;
        for (unsigned which = 0; converse(n, which, failed); which++)
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

Test(sim, calls_are_counted_by_name)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    uint64_t before = sim_calls(pair.sim);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(sys->send(sys, pair.fd, "line\n", 5), 5);
    deliver(&pair);
    cr_assert_eq(sim_count(pair.sim, SIM_SEND), 1000);
    cr_assert_eq(sim_calls(pair.sim) - before, 1000);
    cr_assert_eq(sim_count(pair.sim, SIM_ACCEPT), 1);
    cr_assert_eq(sim_count(pair.sim, SIM_POLL_WAIT), 2);
    cr_assert_str_eq(sim_call_name(SIM_SEND_SEGMENTS), "send_segments");
    cr_assert_eq(sim_peer_text_bytes(pair.peer), 5000);
    sim_free(pair.sim);
}

Test(sim, segments_are_sent_in_order_as_far_as_they_fit)
{
    struct sim_options options = {.send_buffer_bytes = 7};
    struct pair pair = pair_open(&options);
    struct iovec parts[] = {{"abc", 3}, {"", 0}, {"def", 3}, {"ghi", 3}};
    cr_assert_eq(pair.sys->send_segments(pair.sys, pair.fd, parts, 4), 7);
    deliver(&pair);
    cr_assert_str_eq(sim_peer_text(pair.peer), "abcdefg");
    sim_free(pair.sim);
}
