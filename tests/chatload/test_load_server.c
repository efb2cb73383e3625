/* The process under test: its signals, its group, its output, its end. */
#include "tools/chatload/server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/fixture.h"

#define LIMIT_MS 10000

static char output[8192];
static pid_t pid;

/* Waits until the output of a child holds `text`. */
static void await_output(int fd, const char *text)
{
    size_t length = strlen(output);
    while (!strstr(output, text)) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        cr_assert_eq(poll(&polled, 1, LIMIT_MS), 1, "no '%s' in '%s'", text, output);
        ssize_t got = read(fd, output + length, sizeof(output) - 1 - length);
        cr_assert_gt(got, 0, "it ended before '%s': '%s'", text, output);
        length += (size_t)got;
    }
}

static int spawn(const char *command)
{
    int fd = host_spawn(command, &pid);
    cr_assert_geq(fd, 0);
    return fd;
}

static void await_end(void)
{
    while (!host_group_ended(pid))
        (void)poll(NULL, 0, 1);
}

static uint64_t mask_named(const char *name)
{
    const char *line = strstr(output, name);
    cr_assert_not_null(line, "%s", output);
    return strtoull(line + strlen(name), NULL, 16);
}

Test(chatload_server, a_child_has_no_signal_blocked_or_ignored)
{
    sigset_t all;
    sigfillset(&all);
    (void)signal(SIGUSR2, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    cr_assert_eq(sigprocmask(SIG_BLOCK, &all, NULL), 0);
    int fd = spawn("cat /proc/self/status; echo done");
    await_output(fd, "done\n");
    cr_expect_eq(mask_named("\nSigBlk:"), 0);
    /* Signals 32 and 33 are the C library's own, and it lets nobody change them. */
    cr_expect_eq(mask_named("\nSigIgn:") & ~(UINT64_C(3) << 31), 0, "%s", output);
    await_end();
    cr_assert_eq(close(fd), 0);
}

Test(chatload_server, the_figures_are_those_of_the_whole_group)
{
    pid_t pids[HOST_GROUP_MAX];
    struct host_usage one = {0};
    struct host_usage all = {0};
    int fd = spawn("sleep 600 & sleep 600 & echo started; wait");
    await_output(fd, "started\n");
    size_t count = host_group(pid, pids);
    while (count < 3) /* a child is in its group before it runs, but not before it exists */
        count = host_group(pid, pids);
    cr_expect_eq(count, 3);
    cr_expect_eq(pids[0], pid);
    cr_expect_eq(host_usage(pid, &one), 0);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(host_usage(pids[i], &all), 0);
    cr_expect_gt(one.memory_bytes, 0);
    cr_expect_gt(all.memory_bytes, one.memory_bytes);
    cr_expect_geq(all.cpu_ns, one.cpu_ns);
    host_signal_group(pid, SIGTERM);
    await_end();
    cr_expect_eq(host_usage(pid, &one), -ESRCH);
    cr_assert_eq(close(fd), 0);
}

/* Stops a server; its time is the loop's, which passes at once. */
struct stopper {
    struct task task;
    struct frame frame;
    int rc;
    struct server_stop stop;
    struct server server;
};

static int stopper_step(struct task *task)
{
    struct stopper *const self = container_of(task, struct stopper, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, server_stop(task, &self->stop, &self->server));
    TASK_RETURN(0);
    TASK_END();
}

Test(chatload_server, one_that_ignores_term_is_killed)
{
    static struct stopper stopper;
    int fd = spawn("trap '' TERM; echo trapped; while :; do sleep 600; done");
    await_output(fd, "trapped\n");
    fixture_open();
    stopper.server = (struct server){.pid = pid, .spawned = true};
    cr_assert_eq(task_group_spawn(&actor_group, &stopper.task, "stopper", stopper_step), 0);
    fixture_pass(SERVER_STOP_NS - NS_PER_SECOND);
    (void)poll(NULL, 0, 50); /* a kill would be seen by then */
    cr_expect_eq(kill(pid, 0), 0);
    cr_expect_not(task_ended(&stopper.task));
    fixture_pass(2 * NS_PER_SECOND);
    for (int turns = 0; !task_ended(&stopper.task) && turns < LIMIT_MS; turns++) {
        (void)poll(NULL, 0, 1);
        fixture_pass(20 * NS_PER_MS);
    }
    cr_expect(task_ended(&stopper.task));
    cr_expect(stopper.server.stopping);
    cr_assert_eq(close(fd), 0);
    fixture_close();
}
