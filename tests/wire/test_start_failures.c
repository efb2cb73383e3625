/* Starts that fail: one line with the cause, status 1, and nothing left behind. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/client.h"

/* One line on stderr that holds both texts, status 1, nothing on stdout. Releases `run`. */
static void check_failed(struct run run, const char *what, const char *cause)
{
    const char *newline = strchr(run.err, '\n');

    cr_assert_eq(run.status, 1, "status %d: %s", run.status, run.err);
    cr_assert(strncmp(run.err, "chatd: ", 7) == 0, "%s", run.err);
    cr_assert(newline && !newline[1], "not one line: %s", run.err);
    cr_assert(strstr(run.err, what), "%s not named: %s", what, run.err);
    cr_assert(strstr(run.err, cause), "no cause (%s): %s", cause, run.err);
    cr_assert_str_empty(run.out);
    run_release(&run);
}

/* A listener for `path` in the directory of this test. Both are the caller's to free. */
static char *unix_listener(const char *name, char **path)
{
    char *listener;

    *path = scratch_path(name);
    size_t size = strlen(*path) + sizeof "unix:";
    listener = malloc(size);
    snprintf(listener, size, "unix:%s", *path);
    return listener;
}

/* A socket bound to `path`, which stays there when the socket is closed. */
static int bind_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static bool exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

/* The file at `path` still holds `text`. */
static void expect_untouched(const char *path, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(path, "r");

    cr_assert(file && fgets(found, sizeof found, file), "the file is gone");
    fclose(file);
    cr_assert_str_eq(found, text);
}

Test(start_failures, an_address_in_use)
{
    struct server *first = server_start();
    char address[64];

    snprintf(address, sizeof address, "%s", first->listening[0]);
    check_failed(chatd_run("-l", address), address, "in use");
    client_guest(first);
    server_stop(first);
}

Test(start_failures, an_address_in_use_is_used_again_as_soon_as_it_is_free)
{
    struct server *first = server_start();
    char address[64];

    snprintf(address, sizeof address, "%s", first->listening[0]);
    client_guest(first);
    server_signal(first, SIGTERM);
    cr_assert_eq(server_wait(first), 0);
    /* Its client hasn't closed yet: the kernel still holds a connection of that port. */
    struct server *second = server_start("-l", address);
    client_guest(second);
    server_stop(second);
    server_stop(first);
}

Test(start_failures, an_address_that_is_not_this_machines)
{
    check_failed(chatd_run("-l", "203.0.113.1:0"), "203.0.113.1", "ddress");
}

Test(start_failures, a_port_of_one_family_taken_fails_the_port_of_both)
{
    struct server *first = server_start();
    char address[32], port[16];

    snprintf(port, sizeof port, ":%d", server_port(first, 0));
    snprintf(address, sizeof address, "%s", port);
    check_failed(chatd_run("-l", address), port, "in use");
    server_stop(first);
}

Test(start_failures, a_motd_that_is_missing_or_no_file)
{
    char *missing = scratch_path("missing"), *directory = scratch_path("directory");
    char *fifo = scratch_path("fifo");

    mkdir(directory, 0700);
    check_failed(chatd_run("-l", "127.0.0.1:0", "--motd", missing), missing, "No such file");
    check_failed(chatd_run("-l", "127.0.0.1:0", "--motd", directory), directory,
                 "not a regular file");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    check_failed(chatd_run("-l", "127.0.0.1:0", "--motd", fifo), fifo, "not a regular file");
    free(fifo);
    free(missing);
    free(directory);
}

Test(start_failures, a_path_with_a_newline_is_told_on_one_line)
{
    check_failed(chatd_run("-l", "127.0.0.1:0", "--motd", "/no\nway"), "/no?way", "No such file");
}

/* Root may read every file, by capabilities(7) which a program gets no more when it is started by
 * somebody from whose bounding set they were taken. Others have none to lose. */
static void start_without_the_rights_of_root(void)
{
    if (geteuid() != 0)
        return;
    cr_assert_eq(prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE), 0);
    cr_assert_eq(prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH), 0);
}

Test(start_failures, a_motd_without_permission)
{
    char *motd = scratch_write("motd", "hello\n");

    chmod(motd, 0);
    start_without_the_rights_of_root();
    check_failed(chatd_run("-l", "127.0.0.1:0", "--motd", motd), motd, "Permission denied");
    free(motd);
}

Test(start_failures, a_descriptor_limit_that_leaves_none_for_clients)
{
    harness_limit_descriptors(20);
    check_failed(chatd_run("-l", "127.0.0.1:0"), "descriptor limit of 20", " at least");
}

Test(start_failures, a_unix_socket_that_cannot_be_made)
{
    check_failed(chatd_run("-l", "unix:/nonexistent/chatd"), "/nonexistent/chatd", "o such");
}

Test(start_failures, a_failed_listener_takes_the_earlier_ones_with_it)
{
    char *path, *listener = unix_listener("socket", &path);
    struct server *other = server_start();

    check_failed(chatd_run("-l", listener, "-l", other->listening[0]), other->listening[0],
                 "in use");
    cr_assert(!exists(path), "the first listener's socket was left behind");
    server_stop(other);
    free(listener);
    free(path);
}

Test(start_failures, every_listener_that_fails_is_named_in_the_order_of_the_options)
{
    char *first, *first_listener = unix_listener("first", &first);
    char *second, *second_listener = unix_listener("second", &second);
    char *precious, *file_listener = unix_listener("precious", &precious);
    char expected[1024];
    struct server *other = server_start();

    free(scratch_write("precious", "all I have"));
    struct run run =
        chatd_run("-l", first_listener, "-l", other->listening[0], "-l", "127.0.0.1:0", "-l",
                  "unix:/nonexistent/chatd", "-l", second_listener, "-l", file_listener);
    snprintf(expected, sizeof expected,
             "chatd: --listen %s: address already in use; "
             "--listen unix:/nonexistent/chatd: no such host or directory; "
             "--listen %s: a file of that name is there and is not a socket\n",
             other->listening[0], file_listener);
    cr_assert_str_eq(run.err, expected);
    cr_assert_eq(run.status, 1);
    cr_assert_str_empty(run.out);
    cr_assert(!exists(first) && !exists(second), "a socket was left behind");
    expect_untouched(precious, "all I have");
    client_guest(other);
    run_release(&run);
    server_stop(other);
    free(first);
    free(first_listener);
    free(second);
    free(second_listener);
    free(precious);
    free(file_listener);
}

Test(start_failures, a_motd_is_named_beside_the_listeners)
{
    char *missing = scratch_path("missing");
    char expected[1024];
    struct run run = chatd_run("--motd", missing, "-l", "unix:/nonexistent/chatd");

    snprintf(expected, sizeof expected,
             "chatd: --listen unix:/nonexistent/chatd: no such host or directory; "
             "--motd %s: No such file or directory\n",
             missing);
    cr_assert_str_eq(run.err, expected);
    cr_assert_eq(run.status, 1);
    run_release(&run);
    free(missing);
}

/* All that the command line takes, each with the longest path that it takes. */
Test(start_failures, sixteen_listeners_of_the_longest_paths_are_all_named)
{
    enum { LISTENERS = 16, PATH = 107 };
    char options[LISTENERS][sizeof "--listen=unix:" + PATH];
    const char *arguments[LISTENERS + 1] = {NULL};

    for (int i = 0; i < LISTENERS; i++) {
        snprintf(options[i], sizeof options[i], "--listen=unix:/nonexistent/%0*d",
                 PATH - (int)strlen("/nonexistent/"), i);
        arguments[i] = options[i];
    }
    struct run run = chatd_run_at(HERE, arguments);
    cr_assert_eq(run.status, 1);
    for (int i = 0; i < LISTENERS; i++)
        cr_assert(strstr(run.err, strchr(options[i], '=') + 1), "%d not named: %s", i, run.err);
    cr_assert_str_eq(strchr(run.err, '\n'), "\n");
    run_release(&run);
}

Test(start_failures, a_missing_motd_leaves_no_socket_behind)
{
    char *path, *listener = unix_listener("socket", &path), *missing = scratch_path("missing");

    check_failed(chatd_run("-l", listener, "--motd", missing), missing, "No such file");
    cr_assert(!exists(path), "a socket was left behind");
    free(missing);
    free(listener);
    free(path);
}

Test(start_failures, a_socket_of_a_dead_server_is_replaced)
{
    char *path, *listener = unix_listener("socket", &path);
    int dead = bind_unix(path);

    listen(dead, 1);
    close(dead);
    cr_assert(exists(path));
    struct server *server = server_start("-l", listener);
    client_guest(server);
    server_stop(server);
    free(listener);
    free(path);
}

Test(start_failures, a_socket_of_a_killed_server_is_replaced)
{
    char *path, *listener = unix_listener("socket", &path);
    struct server *first = server_start("-l", listener);

    server_signal(first, SIGKILL);
    cr_assert_eq(server_wait(first), 128 + SIGKILL);
    struct server *second = server_start("-l", listener);
    client_guest(second);
    server_stop(second);
    server_stop(first);
    free(listener);
    free(path);
}

Test(start_failures, a_socket_of_a_living_server_stays_its_own)
{
    char *path, *listener = unix_listener("socket", &path);
    struct server *first = server_start("-l", listener);

    check_failed(chatd_run("-l", listener), path, "in use");
    client_guest(first);
    server_stop(first);
    free(listener);
    free(path);
}

Test(start_failures, a_file_that_is_no_socket_is_never_touched)
{
    char *path, *listener = unix_listener("precious", &path);
    char *link_path, *link_listener = unix_listener("link", &link_path);

    free(scratch_write("precious", "all I have"));
    cr_assert_eq(symlink(path, link_path), 0);
    check_failed(chatd_run("-l", listener), path, "");
    expect_untouched(path, "all I have");
    check_failed(chatd_run("-l", link_listener), link_path, "");
    cr_assert(exists(link_path));
    expect_untouched(path, "all I have");
    free(listener);
    free(path);
    free(link_listener);
    free(link_path);
}

/* Has the kernel refuse one socket option, as some containers and emulators do. */
static void refuse_option(unsigned level, unsigned option)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, level, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, option, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof program / sizeof *program, .filter = program};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

Test(start_failures, tuning_that_the_kernel_refuses_is_a_warning_that_names_it)
{
    refuse_option(IPPROTO_TCP, TCP_NOTSENT_LOWAT);
    struct server *server = server_start();
    server_expect_log(server, 0, "warn ");
    server_expect_log(server, 0, "the kernel refuses TCP_NOTSENT_LOWAT;");
    client_guest(server);
    server_stop(server);
}

Test(start_failures, a_path_too_long_for_a_socket_is_told)
{
    char listener[256];

    snprintf(listener, sizeof listener, "unix:/tmp/%0*d", 120, 7);
    struct run run = chatd_run("-l", listener);
    cr_assert(run.status == 1 || run.status == 2, "status %d", run.status);
    cr_assert(strncmp(run.err, "chatd: ", 7) == 0 && strchr(run.err, '\n')[1] == '\0', "%s",
              run.err);
    run_release(&run);
}
