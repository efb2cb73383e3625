/* The operator's socket as a shell sees it. */
#include "tests/support/client.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[108];
static char address[128];
static char line_text[512];

static void choose_path(void)
{
    char *chosen = scratch_path("admin");
    snprintf(path, sizeof path, "%s", chosen);
    snprintf(address, sizeof address, "unix:%s", path);
    free(chosen);
}

TestSuite(operator_wire, .init = choose_path);

static struct client *operator_of(struct server *server)
{
    return client_open_address(server, address);
}

/* The next line, which ends with a newline alone. */
static const char *answer_line(struct client *operator)
{
    size_t length = 0;
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;
    for (;;) {
        const char *from = operator->received.data ? operator->received.data + operator->taken : "";
        const char *end = strchr(from, '\n');
        if (end) {
            length = (size_t)(end - from);
            cr_assert_lt(length, sizeof line_text);
            memcpy(line_text, from, length);
            line_text[length] = '\0';
            operator->taken += length + 1;
            return line_text;
        }
        cr_assert(harness_wait(operator->server, operator->fd, POLLIN, deadline_ms));
        cr_assert_gt(bytes_read(&operator->received, operator->fd), 0);
    }
}

/* Takes lines up to one that holds `what`, before the end of the answer. */
static void expect_line(struct client *operator, const char * what)
{
    for (;;) {
        const char *line = answer_line(operator);
        if (strstr(line, what))
            return;
        cr_assert(strcmp(line, "OK") != 0 && strncmp(line, "ERR ", 4) != 0, "%s: %s", what, line);
    }
}

static void expect_ok(struct client *operator)
{
    for (;;) {
        const char *line = answer_line(operator);
        cr_assert_neq(strncmp(line, "ERR ", 4), 0, "%s", line);
        if (strcmp(line, "OK") == 0)
            return;
    }
}

Test(operator_wire, the_socket_is_private_and_goes_with_the_server)
{
    struct server *server = server_start("--admin", path);
    struct stat status;
    cr_assert_eq(lstat(path, &status), 0);
    cr_assert(S_ISSOCK(status.st_mode));
    cr_assert_eq(status.st_mode & 07777, 0600);
    cr_assert_eq(server->listeners, 1, "only where people talk is shown on stdout");
    server_stop(server);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(operator_wire, another_file_is_a_failed_start_and_stays)
{
    free(scratch_write("admin", "all I have"));
    struct run run = chatd_run("-l", "127.0.0.1:0", "--admin", path);
    cr_assert_eq(run.status, 1);
    cr_assert(strstr(run.err, "chatd: --admin "), "%s", run.err);
    cr_assert_eq(strchr(run.err, '\n')[1], '\0', "one line: %s", run.err);
    run_release(&run);
    struct stat status;
    cr_assert_eq(lstat(path, &status), 0);
    cr_assert_eq(status.st_size, 10);
}

Test(operator_wire, shows_who_is_here_and_what_the_server_does)
{
    struct server *server = server_start("--admin", path);
    client_open_as(server, "ann");
    struct client *operator= operator_of(server);
    send_text(operator, "clients\n");
    expect_line(operator, "ann id 1, from 127.0.0.1:");
    expect_ok(operator);
    send_text(operator, "rooms\n");
    expect_line(operator, "#lobby: 1 people");
    expect_ok(operator);
    send_text(operator, "stats\n");
    expect_line(operator, "clients 1");
    expect_line(operator, "accepted 1");
    expect_ok(operator);
    send_text(operator, "tasks\n");
    expect_line(operator, "[operators] 2 tasks");
    expect_line(operator, "listener_accept(");
    expect_ok(operator);
    send_text(operator, "metrics\n");
    expect_line(operator, "# TYPE chatd_accepted_total counter");
    expect_line(operator, "chatd_accepted_total 1");
    expect_ok(operator);
    send_text(operator, "timers\ntop\nhelp\n");
    for (int i = 0; i < 3; i++)
        expect_ok(operator);
    server_stop(server);
}

Test(operator_wire, kicks_with_and_without_a_reason)
{
    struct server *server = server_start("--admin", path);
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");
    struct client *eve = client_open_as(server, "eve");
    struct client *operator= operator_of(server);
    say(bob, "I am here");
    say(eve, "and I");
    expect(ann, "#lobby <bob> I am here");
    expect(ann, "#lobby <eve> and I");
    send_text(operator, "kick BOB too (loud)\n");
    expect_ok(operator);
    expect(bob, "* The operator removed you: too (loud)");
    expect_end(bob);
    expect(ann, "#lobby -- bob left (kicked: too [loud])");
    send_text(operator, "kick eve\n");
    expect_ok(operator);
    expect(eve, "* The operator removed you.");
    expect_end(eve);
    expect(ann, "#lobby -- eve left (kicked: by the operator)");
    server_stop(server);
}

Test(operator_wire, say_is_clean_and_reaches_everybody_and_all_is_logged)
{
    struct server *server = server_start("--admin", path);
    struct client *ann = client_guest(server);
    struct client *bob = client_guest(server);
    struct client *operator= operator_of(server);
    char entry[64];
    send_text(operator, "say tea\033[2J is\ttea\n");
    expect_ok(operator);
    expect(ann, "* the operator says: tea is tea");
    expect(bob, "* the operator says: tea is tea");
    snprintf(entry, sizeof entry, "operator (uid %u): say tea is tea\n", (unsigned)geteuid());
    server_expect_log(server, 0, entry);
    server_stop(server);
}

Test(operator_wire, gets_in_when_the_server_is_full)
{
    harness_limit_descriptors(60);
    struct server *server = server_start("--admin", path);
    for (int i = 0; i < 60; i++)
        client_open(server);
    struct client *operator= operator_of(server);
    send_text(operator, "stats\n");
    expect_line(operator, "clients ");
    expect_ok(operator);
    server_stop(server);
}

Test(operator_wire, shutdown_is_graceful)
{
    struct server *server = server_start("--admin", path);
    struct client *ann = client_guest(server);
    struct client *operator= operator_of(server);
    send_text(operator, "shutdown 2s\n");
    expect_ok(operator);
    expect(ann, "* server is shutting down");
    expect_end(ann);
    cr_assert_eq(server_wait(server), 0);
    server_stop(server);
}

Test(operator_wire, a_session_ends_with_its_input_once_all_is_answered)
{
    struct server *server = server_start("--admin", path);
    struct client *operator= operator_of(server);
    send_text(operator, "debug on\ndebug off");
    client_half_close(operator);
    expect_ok(operator);
    expect_ok(operator);
    char byte;
    cr_assert(harness_wait(server, operator->fd, POLLIN, harness_now_ms() + HARNESS_LIMIT_MS));
    cr_assert_eq(read(operator->fd, &byte, 1), 0);
    server_stop(server);
}

Test(operator_wire, a_ban_outlives_the_server)
{
    char *journal = scratch_path("journal");
    for (int run = 0; run < 3; run++) {
        struct server *server = server_start("--admin", path, "--journal", journal);
        if (run < 2)
            client_guest(server);
        else
            expect_next(client_open(server), "! you are banned");
        struct client *operator= operator_of(server);
        send_text(operator, run == 1 ? "ban 127.0.0.1\n" : "ban 10.0.0.0/8 1h\n");
        expect_ok(operator);
        send_text(operator, run == 0 ? "unban 10.0.0.0/8\n" : "bans\n");
        expect_ok(operator);
        server_stop(server);
    }
    free(journal);
}
