/* Listening at a path: whose file it is, who may connect, and who may remove it. */
#define _GNU_SOURCE 1
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/client.h"

/* The path "socket" of this test, and the listener for it. */
static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static char listener[300];

static void choose_path(void)
{
    char *chosen = scratch_path("socket");
    snprintf(path, sizeof path, "%s", chosen);
    snprintf(listener, sizeof listener, "unix:%s", path);
    free(chosen);
}

TestSuite(unix_sockets, .init = choose_path);

static struct stat status_of(const char *name)
{
    struct stat status = {0};
    cr_assert_eq(lstat(name, &status), 0, "%s is gone", name);
    return status;
}

Test(unix_sockets, everybody_may_connect_whatever_the_umask)
{
    mode_t before = umask(077);
    struct server *server = server_start("-l", listener);
    umask(before);
    cr_assert_eq(status_of(path).st_mode & 07777, 0666);
    client_guest(server);
    server_stop(server);
    cr_assert_neq(access(path, F_OK), 0, "the socket is removed at the end");
}

Test(unix_sockets, a_successors_socket_is_not_removed)
{
    struct server *first = server_start("-l", listener);
    cr_assert_eq(unlink(path), 0);
    struct server *second = server_start("-l", listener);
    server_stop(first);
    cr_assert(S_ISSOCK(status_of(path).st_mode));
    client_guest(second);
    server_stop(second);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(unix_sockets, a_file_that_took_the_sockets_place_is_not_removed)
{
    struct server *server = server_start("-l", listener);
    cr_assert_eq(unlink(path), 0);
    free(scratch_write("socket", "all I have"));
    server_stop(server);
    cr_assert(S_ISREG(status_of(path).st_mode));
    cr_assert_eq(status_of(path).st_size, 10);
}

Test(unix_sockets, a_failed_start_leaves_a_successors_socket_alone)
{
    struct server *server = server_start("-l", listener);
    struct run run = chatd_run("-l", listener, "--motd", "/nonexistent/motd");
    cr_assert_eq(run.status, 1);
    run_release(&run);
    client_guest(server);
    server_stop(server);
}

/* Nobody else may look at the socket between its bind and its listen, so starts take turns. */
Test(unix_sockets, a_start_waits_for_its_turn_in_the_directory_but_not_for_ever)
{
    char *directory = scratch_path(".");
    int lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(flock(lock, LOCK_EX), 0);
    struct run run = chatd_run("-l", listener);
    cr_assert_eq(run.status, 1);
    cr_assert(strstr(run.err, path) && strstr(run.err, "locked"), "%s", run.err);
    run_release(&run);
    cr_assert_eq(flock(lock, LOCK_UN), 0);
    struct server *server = server_start("-l", listener);
    server_stop(server);
    close(lock);
    free(directory);
}

#define RACERS 6

/* Starts chatd, which says `ready` into the pipe that is returned, or ends without. */
static int start_racer(pid_t *pid)
{
    const char *program = getenv("CHATD");
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    *pid = fork();
    if (*pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        execl(program ? program : "build/chatd", "chatd", "-l", listener, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    return ends[0];
}

/* Whether it gets ready. */
static bool racer_won(int fd)
{
    char text[512];
    size_t length = 0;
    ssize_t got;
    while ((got = read(fd, text + length, sizeof text - 1 - length)) > 0) {
        length += (size_t)got;
        text[length] = '\0';
        if (strstr(text, "ready\n"))
            return true;
    }
    return false;
}

static void leave_a_stale_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(address.sun_path, path, sizeof path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

Test(unix_sockets, of_many_that_start_at_once_on_one_path_one_wins)
{
    for (int round = 0; round < 5; round++) {
        pid_t pids[RACERS];
        int fds[RACERS], winners = 0;
        leave_a_stale_socket();
        for (int i = 0; i < RACERS; i++)
            fds[i] = start_racer(&pids[i]);
        for (int i = 0; i < RACERS; i++) {
            bool won = racer_won(fds[i]);
            winners += won;
            if (won)
                cr_assert(S_ISSOCK(status_of(path).st_mode));
        }
        for (int i = 0; i < RACERS; i++) {
            kill(pids[i], SIGTERM);
            waitpid(pids[i], NULL, 0);
            close(fds[i]);
        }
        cr_assert_eq(winners, 1, "%d of %d are ready", winners, RACERS);
    }
}
