#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/clock.h"
#include "reactor/base/sys.h"

/*
 * What is peculiar to the real door. How sockets and readiness behave is
 * checked in test_both_sys.c, on this door and the simulated one alike.
 */

static struct sys_address ip_address(int family, const char *host, uint16_t port)
{
    struct sys_address address = {0};
    struct sockaddr_in *ip4 = (struct sockaddr_in *)&address.storage;
    struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)&address.storage;
    address.storage.ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        ip4->sin_port = htons(port);
        cr_assert_eq(inet_pton(family, host, &ip4->sin_addr), 1);
        address.length = sizeof *ip4;
    } else {
        ip6->sin6_port = htons(port);
        cr_assert_eq(inet_pton(family, host, &ip6->sin6_addr), 1);
        address.length = sizeof *ip6;
    }
    return address;
}

static void expect_text(const struct sys_address *address, const char *expected)
{
    char text[SYS_ADDRESS_TEXT];
    memset(text, 'x', sizeof text);
    sys_address_format(address, text);
    cr_assert_str_eq(text, expected);
}

Test(sys, addresses_read_as_people_write_them)
{
    struct sys_address address = ip_address(AF_INET, "127.0.0.1", 7777);
    expect_text(&address, "127.0.0.1:7777");
    address = ip_address(AF_INET6, "::1", 7777);
    expect_text(&address, "[::1]:7777");
    address = ip_address(AF_INET6, "::ffff:10.1.2.3", 65535);
    expect_text(&address, "10.1.2.3:65535");
    address = ip_address(AF_INET6, "fe80::1", 1);
    ((struct sockaddr_in6 *)&address.storage)->sin6_scope_id = 7;
    expect_text(&address, "[fe80::1%7]:1");
    cr_assert_eq(sys_address_local(&address, "/run/chatd"), 0);
    expect_text(&address, "unix:/run/chatd");
    address.length = sizeof(sa_family_t);
    expect_text(&address, "unix:");
    memcpy(address.local.sun_path, "\0hidden", 7);
    address.length = sizeof(sa_family_t) + 7;
    expect_text(&address, "unix:@hidden");
    address.length = 0;
    expect_text(&address, "nowhere");
}

Test(sys, the_longest_unix_path_fits_and_one_more_byte_does_not)
{
    struct sys_address address;
    char path[109];
    char expected[SYS_ADDRESS_TEXT];
    memset(path, 'p', sizeof path);
    path[108] = '\0';
    cr_assert_eq(sys_address_local(&address, path), -ENAMETOOLONG);
    path[107] = '\0';
    cr_assert_eq(sys_address_local(&address, path), 0);
    snprintf(expected, sizeof expected, "unix:%s", path);
    expect_text(&address, expected);
    /* The kernel may hand out a path that fills the field and has no final zero. */
    memset(address.local.sun_path, 'p', sizeof address.local.sun_path);
    address.length = sizeof address.local;
    path[107] = 'p';
    snprintf(expected, sizeof expected, "unix:%s", path);
    expect_text(&address, expected);
}

Test(sys, every_address_is_ipv4_then_ipv6)
{
    struct sys *sys = sys_kernel();
    struct sys_address found[3];
    cr_assert_eq(sys->resolve(sys, NULL, 7777, found, 3), 2);
    expect_text(&found[0], "0.0.0.0:7777");
    expect_text(&found[1], "[::]:7777");
    cr_assert_eq(sys->resolve(sys, NULL, 7777, found, 1), 1);
}

Test(sys, numeric_hosts_are_resolved_and_nonsense_is_not)
{
    struct sys *sys = sys_kernel();
    struct sys_address found[4];
    cr_assert_eq(sys->resolve(sys, "127.0.0.1", 80, found, 4), 1);
    expect_text(&found[0], "127.0.0.1:80");
    cr_assert_eq(sys->resolve(sys, "::1", 65535, found, 4), 1);
    expect_text(&found[0], "[::1]:65535");
    cr_assert_eq(sys->resolve(sys, "1.2.3.4.5.6", 80, found, 4), -ENOENT);
}

/* Stands before the C library's: fails as some do, with nothing in errno, when the host says so. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(host, "system.error.example") == 0) {
        errno = 0;
        return EAI_SYSTEM;
    }
    return real(host, service, hints, found);
}

Test(sys, a_look_up_that_fails_without_a_reason_fails)
{
    struct sys *sys = sys_kernel();
    struct sys_address found[4];
    cr_assert_eq(sys->resolve(sys, "system.error.example", 80, found, 4), -EIO);
}

Test(sys, the_environment_is_the_process_own)
{
    struct sys *sys = sys_kernel();
    cr_assert_eq(setenv("CHATD_TEST_SYS", "yes", 1), 0);
    cr_assert_str_eq(sys->environment(sys, "CHATD_TEST_SYS"), "yes");
    cr_assert_eq(unsetenv("CHATD_TEST_SYS"), 0);
    cr_assert_null(sys->environment(sys, "CHATD_TEST_SYS"));
}

Test(sys, an_ignored_signal_is_known)
{
    struct sys *sys = sys_kernel();
    cr_assert_not(sys->signal_ignored(sys, SIGHUP));
    signal(SIGHUP, SIG_IGN);
    cr_assert(sys->signal_ignored(sys, SIGHUP));
}

Test(sys, a_wait_is_never_too_short)
{
    struct sys *sys = sys_kernel();
    struct sys_event event;
    int poll = sys->poll_open(sys);
    cr_assert_geq(poll, 0);
    static const int64_t timeouts_ns[] = {0, 1, 100 * NS_PER_US, NS_PER_MS + 1, 3 * NS_PER_MS};
    for (size_t i = 0; i < sizeof timeouts_ns / sizeof *timeouts_ns; i++) {
        int64_t start_ns = sys->monotonic_ns(sys);
        cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, timeouts_ns[i]), 0);
        cr_assert_geq(sys->monotonic_ns(sys) - start_ns, timeouts_ns[i]);
    }
    cr_assert_eq(sys->close(sys, poll), 0);
}

/* The least that a wait of `timeout_ns` took, of many: the machine may be busy, but not always. */
static int64_t least_wait_ns(int64_t timeout_ns)
{
    struct sys *sys = sys_kernel();
    struct sys_event event;
    int64_t least_ns = TIME_NEVER;
    int poll = sys->poll_open(sys);
    for (int i = 0; i < 50; i++) {
        int64_t start_ns = sys->monotonic_ns(sys);
        cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, timeout_ns), 0);
        int64_t took_ns = sys->monotonic_ns(sys) - start_ns;
        if (took_ns < least_ns)
            least_ns = took_ns;
    }
    cr_assert_eq(sys->close(sys, poll), 0);
    return least_ns;
}

Test(sys, a_wait_is_not_rounded_to_milliseconds)
{
    int64_t took_ns = least_wait_ns(200 * NS_PER_US);
    cr_assert_geq(took_ns, 200 * NS_PER_US);
    cr_assert_lt(took_ns, 900 * NS_PER_US, "%lld ns", (long long)took_ns);
}

/* Answers epoll_pwait2 with `error`, as an old kernel or a container's filter does. */
static void refuse_precise_waits(unsigned error)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 441 /* epoll_pwait2 */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = 4, .filter = program};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

static void expect_coarse_waits(void)
{
    int64_t took_ns = least_wait_ns(200 * NS_PER_US);
    cr_assert_geq(took_ns, 900 * NS_PER_US, "the filter has no effect");
    cr_assert_lt(took_ns, 2 * NS_PER_MS);
}

Test(sys, an_old_kernel_waits_in_milliseconds)
{
    refuse_precise_waits(ENOSYS);
    expect_coarse_waits();
}

Test(sys, so_does_one_whose_calls_are_filtered)
{
    refuse_precise_waits(EPERM);
    expect_coarse_waits();
}

static void ignore(int signal_number)
{
    (void)signal_number;
}

Test(sys, an_interrupted_wait_reports_no_events)
{
    struct sys *sys = sys_kernel();
    struct sys_event event;
    struct itimerval soon = {.it_value.tv_usec = 1000};
    struct sigaction action = {.sa_handler = ignore};
    sigaction(SIGALRM, &action, NULL);
    int poll = sys->poll_open(sys);
    setitimer(ITIMER_REAL, &soon, NULL);
    cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, TIME_NEVER), 0);
    cr_assert_eq(sys->close(sys, poll), 0);
}

Test(sys, a_signal_becomes_readable_and_the_mask_comes_back)
{
    struct sys *sys = sys_kernel();
    struct sys_event event;
    sigset_t set;
    sigset_t before;
    sigset_t after;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &before);

    int fd = sys->signals_open(sys, &set);
    cr_assert_geq(fd, 0);
    cr_assert_eq(sys->signals_open(sys, &set), -EBUSY);
    int poll = sys->poll_open(sys);
    cr_assert_eq(sys->poll_add(sys, poll, fd, 9), 0);
    cr_assert_eq(sys->signals_read(sys, fd), -EAGAIN);
    raise(SIGTERM);
    cr_assert_eq(sys->poll_wait(sys, poll, &event, 1, TIME_NEVER), 1);
    cr_assert_eq(event.key, 9);
    cr_assert_eq(event.ready, SYS_READABLE);
    cr_assert_eq(sys->signals_read(sys, fd), SIGTERM);
    cr_assert_eq(sys->signals_read(sys, fd), -EAGAIN);

    raise(SIGTERM); /* Never read: it must not kill once the mask is restored. */
    sys->signals_close(sys, fd);
    sigprocmask(SIG_BLOCK, NULL, &after);
    cr_assert_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
    cr_assert_eq(sigismember(&after, SIGUSR1), 0);
    cr_assert_eq(sys->close(sys, poll), 0);
}

Test(sys, files_are_written_read_judged_and_removed)
{
    struct sys *sys = sys_kernel();
    char directory[] = "/tmp/test_sys.XXXXXX";
    char path[64];
    char link_path[64];
    char text[16];
    struct sys_file_info file;
    struct sys_file_info opened;
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/motd", directory);
    snprintf(link_path, sizeof link_path, "%s/link", directory);

    cr_assert_eq(sys->path_info(sys, path, &file), 0);
    cr_assert_eq(file.kind, SYS_FILE_NONE);
    cr_assert_eq(sys->open_read(sys, path), -ENOENT);
    int fd = sys->open_write(sys, path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(sys->write(sys, fd, "hello", 5), 5);
    cr_assert_eq(sys->close(sys, fd), 0);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    fd = sys->open_read(sys, path);
    cr_assert_eq(sys->file_info(sys, fd, &opened), 0);
    cr_assert_eq(opened.kind, SYS_FILE_REGULAR);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(sys->read(sys, fd, text, sizeof text), 5);
    cr_assert_arr_eq(text, "hello", 5);
    cr_assert_eq(sys->read(sys, fd, text, sizeof text), 0);
    cr_assert_eq(sys->close(sys, fd), 0);
    cr_assert_eq(sys->path_info(sys, path, &file), 0);
    cr_assert_eq(file.kind, SYS_FILE_REGULAR);
    cr_assert_eq(file.inode, opened.inode);
    cr_assert_eq(file.device, opened.device);
    cr_assert_eq(symlink(path, link_path), 0);
    cr_assert_eq(sys->path_info(sys, link_path, &file), 0);
    cr_assert_eq(file.kind, SYS_FILE_OTHER);
    cr_assert_eq(sys->unlink(sys, link_path), 0);
    cr_assert_eq(sys->unlink(sys, path), 0);
    cr_assert_eq(sys->unlink(sys, path), -ENOENT);
    rmdir(directory);
}

Test(sys, a_fifo_does_not_stop_who_opens_it)
{
    struct sys *sys = sys_kernel();
    char directory[] = "/tmp/test_sys.XXXXXX";
    char path[64];
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/fifo", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    int fd = sys->open_read(sys, path);
    struct sys_file_info file;
    cr_assert_geq(fd, 0);
    cr_assert_eq(sys->file_info(sys, fd, &file), 0);
    cr_assert_eq(file.kind, SYS_FILE_OTHER);
    sys->close(sys, fd);
    cr_assert_eq(sys->unlink(sys, path), 0);
    rmdir(directory);
}

Test(sys, a_socket_file_has_the_mode_that_was_asked_for_whatever_the_umask)
{
    struct sys *sys = sys_kernel();
    char directory[] = "/tmp/test_sys.XXXXXX";
    char path[64];
    struct sys_address address;
    struct stat status;
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    cr_assert_eq(sys_address_local(&address, path), 0);
    static const mode_t modes[] = {0666, 0600};
    mode_t mask = umask(027);
    for (int i = 0; i < 2; i++) {
        int fd = sys->socket(sys, AF_UNIX);
        cr_assert_eq(sys->bind_path(sys, fd, &address, modes[i]), 0);
        cr_assert_eq(stat(path, &status), 0);
        cr_assert_eq(status.st_mode & 0777, modes[i]);
        cr_assert_eq(sys->close(sys, fd), 0);
        cr_assert_eq(sys->unlink(sys, path), 0);
    }
    cr_assert_eq(umask(mask), 027);
    rmdir(directory);
}

Test(sys, a_directory_has_one_holder_of_its_lock)
{
    struct sys *sys = sys_kernel();
    char directory[] = "/tmp/test_sys.XXXXXX";
    char path[64];
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    int fd = sys->lock_directory(sys, path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(sys->lock_directory(sys, path), -EBUSY, "it doesn't wait for ever");
    cr_assert_eq(sys->close(sys, fd), 0);
    fd = sys->lock_directory(sys, path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(sys->close(sys, fd), 0);
    rmdir(directory);
    cr_assert_eq(sys->lock_directory(sys, path), -ENOENT);
    fd = sys->lock_directory(sys, "without_a_slash");
    cr_assert_geq(fd, 0);
    cr_assert_eq(sys->close(sys, fd), 0);
    fd = sys->lock_directory(sys, "/at_the_root");
    cr_assert_geq(fd, 0);
    cr_assert_eq(sys->close(sys, fd), 0);
}

Test(sys, the_descriptor_limit_is_raised_to_the_hard_one)
{
    struct sys *sys = sys_kernel();
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int expected = limit.rlim_max > INT_MAX ? INT_MAX : (int)limit.rlim_max;
    cr_assert_eq(sys->descriptor_limit(sys), expected);
    getrlimit(RLIMIT_NOFILE, &limit);
    cr_assert_eq(limit.rlim_cur, limit.rlim_max);
}

Test(sys, random_fills_the_whole_buffer)
{
    struct sys *sys = sys_kernel();
    static unsigned char random[1000];
    cr_assert_eq(sys->random(sys, random, sizeof random), 0);
    /* 1,000 bytes of which not one in the last 32 is set come once in 2^256. */
    int set = 0;
    for (size_t i = sizeof random - 32; i < sizeof random; i++)
        set |= random[i];
    cr_assert_neq(set, 0);
}

Test(sys, memory_is_the_process_own)
{
    struct sys *sys = sys_kernel();
    char *block = sys->allocate(sys, 3);
    memcpy(block, "abc", 3);
    block = sys->resize(sys, block, 3000);
    cr_assert_arr_eq(block, "abc", 3);
    sys->release(sys, block);
    sys->release(sys, NULL);
}

Test(sys, descriptors_are_non_blocking_and_close_on_exec)
{
    struct sys *sys = sys_kernel();
    int fd = sys->socket(sys, AF_INET);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    uid_t uid;
    cr_assert_eq(sys->peer_user(sys, fd, &uid), -EOPNOTSUPP);
    sys->close(sys, fd);
    int poll = sys->poll_open(sys);
    cr_assert_eq(fcntl(poll, F_GETFD), FD_CLOEXEC);
    sys->close(sys, poll);
}

Test(sys, the_clocks_tell_the_time)
{
    struct sys *sys = sys_kernel();
    int64_t first_ns = sys->monotonic_ns(sys);
    cr_assert_geq(sys->monotonic_ns(sys), first_ns);
    /* time() is allowed to be a clock tick behind, so the bounds are a second wide. */
    int64_t wall_s = sys->realtime_ns(sys) / NS_PER_SECOND;
    int64_t by_time_s = time(NULL);
    cr_assert(wall_s - 1 <= by_time_s && by_time_s <= wall_s + 60);
}
