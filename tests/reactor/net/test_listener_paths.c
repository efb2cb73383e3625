/* listener_open at unix paths, and whatever it fails at. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/net/listener.h"
#include "tests/support/fixture.h"

#define PATH "/run/chat"

static struct listener listener;

TestSuite(listener_paths, .init = fixture_open, .fini = fixture_close);

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

static enum sys_file_kind kind_at_path(void)
{
    struct sys_file_info file;
    cr_assert_eq(loop.sys->path_info(loop.sys, PATH, &file), 0);
    return file.kind;
}

/* What a server leaves behind that has died. */
static void leave_a_stale_socket(void)
{
    struct sys *sys = loop.sys;
    struct sys_address address;
    int fd = sys->socket(sys, AF_UNIX);
    cr_assert_eq(sys_address_local(&address, PATH), 0);
    cr_assert_eq(sys->bind(sys, fd, &address), 0);
    cr_assert_eq(sys->listen(sys, fd, 1), 0);
    cr_assert_eq(sys->close(sys, fd), 0);
    cr_assert_eq(kind_at_path(), SYS_FILE_SOCKET);
}

Test(listener_paths, a_unix_path_is_removed_when_it_closes)
{
    cr_assert_eq(listen_at_path(), 0);
    cr_assert_eq(kind_at_path(), SYS_FILE_SOCKET);
    listener_close(&listener);
    cr_assert_eq(kind_at_path(), SYS_FILE_NONE);
}

Test(listener_paths, a_socket_of_a_dead_server_is_replaced)
{
    leave_a_stale_socket();
    cr_assert_eq(listen_at_path(), 0);
    cr_assert(sim_connect(sim, "unix:" PATH));
    listener_close(&listener);
}

Test(listener_paths, a_path_that_leads_elsewhere_by_now_is_left_alone)
{
    cr_assert_eq(listen_at_path(), 0);
    cr_assert_eq(loop.sys->unlink(loop.sys, PATH), 0);
    leave_a_stale_socket(); /* a successor's */
    listener_close(&listener);
    cr_assert_eq(kind_at_path(), SYS_FILE_SOCKET);

    cr_assert_eq(listen_at_path(), 0);
    cr_assert_eq(loop.sys->unlink(loop.sys, PATH), 0);
    sim_write_file(sim, PATH, "precious");
    listener_close(&listener);
    cr_assert_str_eq(sim_file_text(sim, PATH), "precious");
}

Test(listener_paths, a_path_that_others_keep_locked_is_a_failed_start)
{
    static const int held[] = {-EBUSY};
    sim_answer(sim, SIM_LOCK_DIRECTORY, held, 1);
    cr_assert_eq(listen_at_path(), -EBUSY);
    cr_assert_eq(kind_at_path(), SYS_FILE_NONE);
}

Test(listener_paths, a_file_that_is_no_socket_is_never_touched)
{
    sim_write_file(sim, PATH, "precious");
    cr_assert_eq(listen_at_path(), -EEXIST);
    cr_assert_str_eq(sim_file_text(sim, PATH), "precious");
}

Test(listener_paths, a_server_that_answers_keeps_its_path)
{
    struct listener other;
    struct sys_address address;
    cr_assert_eq(listen_at_path(), 0);
    cr_assert_eq(sys_address_local(&address, PATH), 0);
    cr_assert_eq(listener_open(&other, &loop, &address), -EADDRINUSE);
    cr_assert_eq(kind_at_path(), SYS_FILE_SOCKET);
    cr_assert(sim_connect(sim, "unix:" PATH), "the first goes on");
    listener_close(&listener);
}

Test(listener_paths, a_server_whose_queue_is_full_keeps_its_path_too)
{
    static const int full = -EAGAIN;
    struct listener other;
    struct sys_address address;
    cr_assert_eq(listen_at_path(), 0);
    cr_assert_eq(sys_address_local(&address, PATH), 0);
    sim_answer(sim, SIM_CONNECT, &full, 1);
    cr_assert_eq(listener_open(&other, &loop, &address), -EADDRINUSE);
    cr_assert_eq(kind_at_path(), SYS_FILE_SOCKET);
    listener_close(&listener);
}

Test(listener_paths, an_address_in_use_is_said_so)
{
    struct listener other;
    struct sys_address address = address_of("127.0.0.1", 7777);
    cr_assert_eq(listen_at(address), 0);
    cr_assert_eq(listener_open(&other, &loop, &address), -EADDRINUSE);
    listener_close(&other); /* harmless */
    listener_close(&listener);
}

/* --- every step fails in turn --- */

/* What a start goes on after: a dead server's answer, tuning, a directory that can't be locked. */
static bool may_fail(const char *failed)
{
    return !*failed || strcmp(failed, "connect: ECONNREFUSED") == 0 ||
           strncmp(failed, "set_option: ", 12) == 0 ||
           strcmp(failed, "lock_directory: EACCES") == 0;
}

/* Opens while the `nth` call fails; true where one did, and then nothing may be left of it. */
static bool open_failing(struct sys_address address, uint64_t nth, unsigned which)
{
    bool local = address.any.sa_family == AF_UNIX;
    if (local)
        leave_a_stale_socket();
    int descriptors = sim_open_descriptors(sim);
    size_t watched = loop.descriptor_count;
    sim_fail_nth(sim, nth, which);
    int rc = listen_at(address);
    char failed[64] = "";
    if (sim_failed_call(sim))
        (void)snprintf(failed, sizeof(failed), "%s", sim_failed_call(sim));
    sim_fail_nth(sim, 0, 0);
    if (rc == 0) {
        listener_close(&listener);
        cr_assert(may_fail(failed), "%s", failed);
    }
    cr_assert_eq(sim_open_descriptors(sim), descriptors, "after %s", failed);
    cr_assert_eq(loop.descriptor_count, watched, "after %s", failed);
    if (local && kind_at_path() != SYS_FILE_NONE) {
        cr_assert_lt(rc, 0);
        cr_assert_eq(loop.sys->unlink(loop.sys, PATH), 0);
    }
    return *failed;
}

static unsigned fail_each_step(struct sys_address address)
{
    unsigned failures = 0;
    bool more = true;
    for (uint64_t nth = 1; more; nth++) {
        more = false;
        for (unsigned which = 0; open_failing(address, nth, which); which++) {
            more = true;
            failures++;
        }
    }
    return failures;
}

Test(listener_paths, a_step_that_fails_leaves_nothing_behind)
{
    struct sys_address local;
    cr_assert_eq(sys_address_local(&local, PATH), 0);
    cr_assert_geq(fail_each_step(address_of("127.0.0.1", 7777)), 30);
    cr_assert_geq(fail_each_step(address_of("::1", 7777)), 32);
    cr_assert_geq(fail_each_step(local), 20);
}

/* The path that a failed start has made itself is gone, whatever was there before. */
Test(listener_paths, a_start_that_fails_behind_the_bind_removes_the_path)
{
    struct sys_address local;
    cr_assert_eq(sys_address_local(&local, PATH), 0);
    unsigned removed = 0;
    for (uint64_t nth = 1; nth < 12; nth++) {
        uint64_t bound = sim_count(sim, SIM_LISTEN);
        sim_fail_nth(sim, nth, 0);
        if (listen_at(local) == 0) {
            listener_close(&listener);
            continue;
        }
        removed += sim_count(sim, SIM_LISTEN) > bound;
        sim_fail_nth(sim, 0, 0);
        cr_assert_eq(kind_at_path(), SYS_FILE_NONE);
    }
    cr_assert_geq(removed, 4, "listen, local_address, spare, watch");
}
