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
 * What only the simulated door has: peers, policies, virtual time, files. Its
 * faults are in test_sim_faults.c; that its sockets behave like the kernel's is
 * checked in test_both_sys.c.
 */

/* --- peers -------------------------------------------------------------------------------- */

Test(sim, a_peer_is_answered)
{
    struct sim *sim = sim_create(NULL);
    struct echo echo;
    cr_assert_eq(echo_open(&echo, sim_door(sim)), 0);
    struct sim_peer *ann = sim_connect(sim, ECHO_ADDRESS);
    struct sim_peer *bob = sim_connect(sim, ECHO_ADDRESS);
    sim_peer_say(ann, "hello ");
    sim_peer_say(bob, "hi");
    echo_run(sim, &echo, NS_PER_SECOND);
    sim_peer_say(ann, "world");
    cr_assert_not(sim_idle(sim));
    echo_run(sim, &echo, NS_PER_SECOND);
    cr_assert_str_eq(sim_peer_text(ann), "hello world");
    cr_assert_str_eq(sim_peer_text(bob), "hi");
    cr_assert_eq(sim_peer_text_bytes(ann), 11);
    sim_peer_forget(ann);
    cr_assert_str_eq(sim_peer_text(ann), "");

    sim_peer_shutdown(ann);
    cr_assert_not(sim_peer_at_end(ann));
    echo_run(sim, &echo, NS_PER_SECOND);
    cr_assert(sim_peer_at_end(ann));
    cr_assert_not(sim_peer_was_reset(ann));
    sim_peer_close(bob);
    echo_run(sim, &echo, NS_PER_SECOND);
    cr_assert_eq(sim_open_descriptors(sim), 2);
    echo_close(&echo);
    cr_assert_eq(sim_open_descriptors(sim), 0);
    sim_free(sim);
}

Test(sim, nobody_connects_where_nobody_listens)
{
    struct sim *sim = sim_create(NULL);
    cr_assert_null(sim_connect(sim, ECHO_ADDRESS));
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
    pair_deliver(&pair);
    cr_assert_eq(sys->unsent(sys, pair.fd), 50);
    cr_assert_eq(sys->send(sys, pair.fd, data, sizeof data), 50);
    cr_assert_eq(sim_peer_receive(pair.peer, taken, sizeof taken), 30);
    pair_deliver(&pair);
    cr_assert_eq(sys->unsent(sys, pair.fd), 70);
    cr_assert_eq(sim_peer_text_bytes(pair.peer), 0);
    sim_peer_resume(pair.peer);
    pair_deliver(&pair);
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
    pair_deliver(&pair);
    pair_deliver(&pair);
    cr_assert_eq(sim_peer_unsent(pair.peer), 6);
    cr_assert_eq(pair.sys->receive(pair.sys, pair.fd, buffer, 8), 8);
    cr_assert_arr_eq(buffer, "01234567", 8);
    pair_deliver(&pair);
    cr_assert_eq(sim_peer_unsent(pair.peer), 0);
    sim_free(pair.sim);
}

Test(sim, a_careless_close_loses_what_was_just_sent)
{
    struct pair pair = pair_open(NULL);
    struct sys *sys = pair.sys;
    sim_peer_say(pair.peer, "typed ahead");
    pair_deliver(&pair);
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
    pair_deliver(&pair);
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
    address = echo_resolve(sys, NULL, 7777);
    cr_assert_eq(sys->bind(sys, ip4, &address), 0);
    cr_assert_eq(sys->listen(sys, ip4, 4), 0);
    sys_address_local(&address, "/run/admin");
    cr_assert_eq(sys->bind(sys, local, &address), 0);
    cr_assert_eq(sys->listen(sys, local, 4), 0);
    sim_come_from(sim, "10.1.2.3");
    sim_come_as(sim, 1234);
    cr_assert_not_null(sim_connect(sim, ECHO_ADDRESS));
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
static void arrival_sizes(enum sim_segments segments, char *sizes, size_t room)
{
    size_t length = 0;
    struct sim_options options = {.segments = segments, .segment_max_bytes = 5, .seed = 3};
    struct pair pair = pair_open(&options);
    char buffer[16];
    ssize_t size;
    pair.sys->poll_add(pair.sys, pair.poll, pair.fd, 1);
    sim_peer_say(pair.peer, "abcdefghijkl");
    sim_peer_close(pair.peer);
    do {
        pair_deliver(&pair);
        size = pair.sys->receive(pair.sys, pair.fd, buffer, sizeof buffer);
        length += (size_t)snprintf(sizes + length, room - length, "%zd ", size);
    } while (size > 0);
    sim_free(pair.sim);
}

Test(sim, segments_are_cut_as_the_options_say)
{
    char sizes[128];
    arrival_sizes(SIM_WHOLE, sizes, sizeof sizes);
    cr_assert_str_eq(sizes, "12 0 ");
    arrival_sizes(SIM_BYTES, sizes, sizeof sizes);
    cr_assert_str_eq(sizes, "1 1 1 1 1 1 1 1 1 1 1 1 0 ");
    arrival_sizes(SIM_RANDOM, sizes, sizeof sizes);
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
    static char all[40000];
    size_t length = 0;
    cr_assert_eq(echo_open(&echo, sim_door(sim)), 0);
    struct sim_peer *ann = sim_connect(sim, ECHO_ADDRESS);
    for (int i = 0; i < 1000; i++) {
        char *line = all + length;
        length += (size_t)snprintf(line, sizeof all - length, "line %d\n", i);
        sim_peer_say(ann, line);
        echo_run(sim, &echo, 1);
    }
    cr_assert_str_eq(sim_peer_text(ann), all);
    sim_free(sim);
}

/* Watches the pair's connection and drops the events that there are so far. */
static void watch(struct pair *pair)
{
    cr_assert_eq(pair->sys->poll_add(pair->sys, pair->poll, pair->fd, 1), 0);
    pair_deliver(pair);
    pair_deliver(pair);
}

/* What the next event says, waiting for at most `timeout_ns`; 0: none came. */
static uint32_t next_ready(struct pair *pair, int64_t timeout_ns)
{
    struct sys_event event = {0};
    pair->sys->poll_wait(pair->sys, pair->poll, &event, 1, timeout_ns);
    return event.ready;
}

Test(sim, a_short_read_or_write_is_followed_by_an_event)
{
    struct pair pair = pair_open(NULL);
    char buffer[10];
    watch(&pair);
    sim_peer_say(pair.peer, "0123456789");
    cr_assert_eq(next_ready(&pair, 0), SYS_READABLE | SYS_WRITABLE);
    sim_options(pair.sim)->short_read_ppm = 1000000;
    sim_options(pair.sim)->short_write_ppm = 1000000;
    cr_assert_lt(pair.sys->receive(pair.sys, pair.fd, buffer, sizeof buffer), 10);
    cr_assert_eq(next_ready(&pair, 0), SYS_READABLE | SYS_WRITABLE);
    cr_assert_eq(next_ready(&pair, 0), 0);
    cr_assert_lt(pair.sys->send(pair.sys, pair.fd, "0123456789", 10), 10);
    cr_assert(next_ready(&pair, 0) & SYS_WRITABLE);
    cr_assert_eq(next_ready(&pair, 0), 0);
    sim_free(pair.sim);
}

Test(sim, a_full_socket_is_writable_once_a_third_is_free)
{
    struct sim_options options = {.send_buffer_bytes = 90, .receive_buffer_bytes = 10};
    struct pair pair = pair_open(&options);
    static const char data[200] = {'x'};
    char taken[10];
    watch(&pair);
    sim_peer_stall(pair.peer);
    cr_assert_eq(pair.sys->send(pair.sys, pair.fd, data, sizeof data), 90);
    cr_assert_eq(next_ready(&pair, 0), 0); /* 10 have gone, */
    cr_assert_eq(sim_peer_receive(pair.peer, taken, 10), 10);
    cr_assert_eq(next_ready(&pair, 0), 0); /* then 20, */
    cr_assert_eq(sim_peer_receive(pair.peer, taken, 9), 9);
    cr_assert_eq(next_ready(&pair, 0), 0); /* 29, */
    cr_assert_eq(sim_peer_receive(pair.peer, taken, 1), 1);
    cr_assert_eq(next_ready(&pair, 0), SYS_WRITABLE); /* and 30. */
    sim_free(pair.sim);
}

Test(sim, the_end_wakes_its_sender_once_it_has_arrived)
{
    struct pair pair = pair_open(NULL);
    watch(&pair);
    sim_options(pair.sim)->delay_min_ns = 500;
    cr_assert_eq(pair.sys->shutdown_write(pair.sys, pair.fd), 0);
    cr_assert_eq(next_ready(&pair, 0), SYS_WRITABLE);
    cr_assert_eq(pair.sys->unsent(pair.sys, pair.fd), 1);
    cr_assert_eq(next_ready(&pair, NS_PER_SECOND), SYS_WRITABLE);
    cr_assert_eq(pair.sys->unsent(pair.sys, pair.fd), 0);
    cr_assert_eq(next_ready(&pair, NS_PER_SECOND), 0);
    sim_free(pair.sim);
}

Test(sim, delays_lie_between_the_given_ones_and_keep_the_order)
{
    struct sim_options options = {
        .delay_min_ns = 3 * NS_PER_MS, .delay_max_ns = 7 * NS_PER_MS, .seed = 5};
    struct sim *sim = sim_create(&options);
    struct sys *sys = sim_door(sim);
    struct echo echo;
    cr_assert_eq(echo_open(&echo, sys), 0);
    struct sim_peer *ann = sim_connect(sim, ECHO_ADDRESS);
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
        peers[i] = sim_connect(sim, ECHO_ADDRESS);
        sim_peer_say(peers[i], "x");
    }
    echo_run(sim, &echo, NS_PER_SECOND);
    for (int i = 0; i < 20; i++)
        cr_assert_str_eq(sim_peer_text(peers[i]), "x");
    sim_free(sim);
}

Test(sim, the_descriptor_limit_is_above_the_highest_number_there_can_be)
{
    struct sim *sim = sim_create(&(struct sim_options){.descriptor_limit = 20});
    struct sys *sys = sim_door(sim);
    int fd, highest = 0, opened = 0;

    for (; (fd = sys->socket(sys, AF_INET)) >= 0; opened++)
        highest = fd;
    cr_assert_eq(fd, -EMFILE);
    cr_assert_eq(opened, 17, "and the standard ones");
    cr_assert_eq(sys->descriptor_limit(sys), highest + 1);
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
    size_t room = 100000;
    size_t length = 0;
    char *text = calloc(1, room);
    cr_assert_eq(echo_open(&echo, sim_door(sim)), 0);
    sim_options(sim)->reset_ppm = 3000;
    sim_options(sim)->no_descriptor_ppm = 100000;
    for (int i = 0; i < 10; i++)
        peers[i] = sim_connect(sim, ECHO_ADDRESS);
    for (int i = 0; i < 300; i++) {
        sim_peer_say(peers[i % 10], "some words ");
        echo_run(sim, &echo, NS_PER_MS / 3);
        length +=
            (size_t)snprintf(text + length, room - length, "%zu:%d ",
                             sim_peer_text_bytes(peers[i % 10]), sim_peer_was_reset(peers[i % 10]));
    }
    snprintf(text + length, room - length, "%llu calls", (unsigned long long)sim_calls(sim));
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
    struct sim_peer *ann = sim_connect(pair.sim, ECHO_ADDRESS);
    echo_run(pair.sim, &echo, 49);
    cr_assert_eq(sim_open_descriptors(pair.sim), 2);
    echo_run(pair.sim, &echo, 1);
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
    struct sys_file_info file;
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
    cr_assert_eq(sys->path_info(sys, "/tmp/trace", &file), 0);
    cr_assert_eq(file.kind, SYS_FILE_NONE);
    cr_assert_eq(sys->path_info(sys, "/etc/motd", &file), 0);
    cr_assert_eq(file.kind, SYS_FILE_REGULAR);
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
