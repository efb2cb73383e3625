/* What the server does when it is told something by kill(1). */
#define _GNU_SOURCE 1
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/client.h"

/* The server and everybody in it are as they were. */
static void expect_unharmed(struct server *server, struct client *client)
{
    expect_accepted(client);
    client_guest(server);
    server_stop(server);
}

static void expect_graceful_end(int number)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");

    say(ann, "last words");
    barrier(ann);
    server_signal(server, number);
    expect(bob, "#lobby <ann> last words");
    expect_next(bob, "* server is shutting down");
    expect_next(ann, "* server is shutting down");
    expect_end(ann);
    expect_end(bob);
    client_close(ann);
    client_close(bob);
    cr_assert_eq(server_wait(server), 0);
    server_stop(server);
}

Test(signals, term_ends_the_server_in_good_order)
{
    expect_graceful_end(SIGTERM);
}

Test(signals, int_ends_the_server_in_good_order)
{
    expect_graceful_end(SIGINT);
}

Test(signals, a_second_term_ends_the_server_at_once)
{
    struct server *server = server_start("--grace", "1h");
    struct client *stalled = client_guest(server);

    server_signal(server, SIGTERM);
    expect(stalled, "* server is shutting down");
    server_signal(server, SIGTERM);
    cr_assert_eq(server_wait(server), 0);
    server_stop(server);
}

Test(signals, an_empty_server_ends_at_once)
{
    struct server *server = server_start("--grace", "1h");

    server_signal(server, SIGTERM);
    cr_assert_eq(server_wait(server), 0);
    server_stop(server);
}

Test(signals, the_socket_accepts_nobody_once_the_end_began)
{
    struct server *server = server_start("--grace", "1h");
    struct client *ann = client_guest(server);
    char address[64];

    snprintf(address, sizeof address, "%s", server->listening[0]);
    server_signal(server, SIGTERM);
    expect(ann, "* server is shutting down");
    /* Whether or not the first one waits for ann to close. */
    struct server *second = server_start("-l", address);
    expect_end(ann);
    client_close(ann);
    cr_assert_eq(server_wait(server), 0);
    server_stop(server);
    server_stop(second);
}

/* True where a newcomer is shown `line` before anything that it asks for. */
static bool newcomer_sees(struct server *server, const char *line)
{
    struct client *client = client_open(server);
    bool seen;

    barrier(client);
    seen = heard_count(client, line) == 1;
    client_close(client);
    return seen;
}

Test(signals, hup_reads_the_motd_again)
{
    char *motd = scratch_write("motd", "first edition\n");
    struct server *server = server_start("--motd", motd);
    struct client *ann = client_guest(server);
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;

    cr_assert(newcomer_sees(server, "* first edition"));
    free(scratch_write("motd", "second edition\nand more\n"));
    cr_assert(newcomer_sees(server, "* first edition"), "the file was read without being asked");
    server_signal(server, SIGHUP);
    while (!newcomer_sees(server, "* second edition"))
        cr_assert(harness_now_ms() < deadline_ms, "the motd was not read again");
    expect_quiet(ann);
    expect_unharmed(server, ann);
    free(motd);
}

Test(signals, hup_with_the_motd_gone_keeps_the_server_and_the_text)
{
    char *motd = scratch_write("motd", "first edition\n");
    struct server *server = server_start("--motd", motd);
    struct client *ann = client_guest(server);
    size_t logged = strlen(server_log(server));

    remove(motd);
    server_signal(server, SIGHUP);
    server_expect_log(server, logged, motd);
    cr_assert(newcomer_sees(server, "* first edition"));
    expect_unharmed(server, ann);
    free(motd);
}

Test(signals, hup_with_a_fifo_in_the_motds_place_keeps_the_text)
{
    char *motd = scratch_write("motd", "first edition\n");
    struct server *server = server_start("--motd", motd);
    struct client *ann = client_guest(server);
    size_t logged = strlen(server_log(server));

    remove(motd);
    cr_assert_eq(mkfifo(motd, 0600), 0);
    server_signal(server, SIGHUP);
    server_expect_log(server, logged, "not a regular file");
    cr_assert(newcomer_sees(server, "* first edition"));
    expect_unharmed(server, ann);
    free(motd);
}

static void catch_nothing(int number)
{
    (void)number;
}

/* Makes this process the leader of a session on a new terminal and starts a server there. Returns
 * the terminal's other end. */
static int start_on_a_terminal(struct server **server, bool ignoring_hup)
{
    /* Criterion makes each test the leader of a session of its own already. */
    cr_assert(getsid(0) == getpid() || setsid() >= 0);
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    int slave = open(ptsname(terminal), O_RDWR | O_CLOEXEC); /* becomes the session's terminal */
    cr_assert_geq(slave, 0);
    signal(SIGHUP, SIG_IGN); /* the test itself lives on */
    if (!ignoring_hup)
        signal(SIGHUP, catch_nothing); /* which a program that is started doesn't inherit */
    *server = server_start();
    close(slave);
    return terminal;
}

Test(signals, hup_is_the_end_once_the_terminal_is_gone)
{
    struct server *server;
    int terminal = start_on_a_terminal(&server, false);
    struct client *ann = client_guest(server);

    server_signal(server, SIGHUP);
    server_expect_log(server, 0, "no --motd");
    expect_quiet(ann);
    close(terminal); /* hangs up: the kernel sends HUP to the session's leader only */
    server_signal(server, SIGHUP);
    expect(ann, "* server is shutting down");
    cr_assert_eq(server_wait(server), 0);
    server_stop(server);
}

Test(signals, hup_is_no_end_for_a_server_that_was_told_to_ignore_it)
{
    struct server *server;
    int terminal = start_on_a_terminal(&server, true);
    struct client *ann = client_guest(server);

    close(terminal);
    server_signal(server, SIGHUP);
    server_expect_log(server, 0, "no --motd");
    expect_unharmed(server, ann);
}

Test(signals, hup_without_motd_does_no_harm)
{
    struct server *server = server_start();
    struct client *ann = client_guest(server);

    server_signal(server, SIGHUP);
    expect_unharmed(server, ann);
}

Test(signals, usr1_dumps_tasks_clients_timers_and_figures_into_the_log)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann-of-the-dump");
    static const char *const parts[] = {"ann-of-the-dump", "timer", "turn", ".c:"};
    size_t logged = strlen(server_log(server));

    server_signal(server, SIGUSR1);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        server_expect_log(server, logged, parts[i]);
    expect_quiet(ann);
    expect_unharmed(server, ann);
}

Test(signals, pipe_is_ignored)
{
    struct server *server = server_start();
    struct client *ann = client_guest(server);

    server_signal(server, SIGPIPE);
    barrier(ann);
    expect_unharmed(server, ann);
}
