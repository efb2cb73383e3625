/* What the server does when it is told something by kill(1). */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
