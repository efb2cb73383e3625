/* What stands between the shell and a server that is ready: listeners, options, their errors. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/client.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- ready ---- */

Test(start, says_where_it_listens_and_that_it_is_ready_and_nothing_more)
{
    struct server *server = server_start();
    char expected[128];

    snprintf(expected, sizeof expected, "listening on 127.0.0.1:%d\nready\n",
             server_port(server, 0));
    client_guest(server);
    cr_assert_str_eq(server->out_text.data, expected);
    server_stop(server);
}

Test(start, names_every_listener_in_its_order)
{
    char *path = scratch_path("socket"), listener[128], expected[512];

    snprintf(listener, sizeof listener, "unix:%s", path);
    struct server *server = server_start("-l", "127.0.0.1:0", "--listen", listener, "-l", "[::1]:0",
                                         "-l", "127.0.0.2:0");
    cr_assert_eq(server->listeners, 4);
    snprintf(expected, sizeof expected,
             "listening on 127.0.0.1:%d\nlistening on %s\nlistening on [::1]:%d\n"
             "listening on 127.0.0.2:%d\nready\n",
             server_port(server, 0), listener, server_port(server, 2), server_port(server, 3));
    cr_assert_str_eq(server->out_text.data, expected);
    server_stop(server);
    free(path);
}

Test(start, people_of_all_listeners_meet)
{
    char *path = scratch_path("socket"), listener[128];

    snprintf(listener, sizeof listener, "unix:%s", path);
    struct server *server = server_start("-l", "127.0.0.1:0", "-l", "[::1]:0", "-l", listener);
    struct client *hearer = client_guest(server);
    for (int i = 0; i < 3; i++) {
        struct client *client = client_open_listener(server, i);
        say(client, "hello %d", i);
        expect_greeting(client, "chatd");
        expect(hearer, "#lobby <%s> hello %d", client->name, i);
    }
    server_stop(server);
    free(path);
}

Test(start, a_port_alone_is_one_port_of_both_families)
{
    struct server *server = server_start("-l", ":0");
    char address[64];

    cr_assert(server_port(server, 0) > 0);
    for (int i = 1; i < server->listeners; i++)
        cr_assert_eq(server_port(server, i), server_port(server, 0));
    snprintf(address, sizeof address, "127.0.0.1:%d", server_port(server, 0));
    struct client *four = client_open_address(server, address);
    snprintf(address, sizeof address, "[::1]:%d", server_port(server, 0));
    struct client *six = client_open_address(server, address);
    expect_greeting(four, "chatd");
    expect_greeting(six, "chatd");
    say(four, "hello");
    expect(six, "#lobby <%s> hello", four->name);
    server_stop(server);
}

Test(start, a_name_of_a_host_is_looked_up)
{
    struct server *server = server_start("-l", "localhost:0");

    client_guest(server);
    server_stop(server);
}

/* The default address may be in use by anything: by this test, if by nobody else. */
Test(start, listens_on_port_7777_of_the_loopback_by_default)
{
    struct run first = chatd_run("-l", "127.0.0.1:7777", "-l", "unix:/proc/never");
    struct server *holder = NULL;

    if (!strstr(first.err, ":7777"))
        holder = server_start("-l", "127.0.0.1:7777");
    struct run second = chatd_run("--rate", "0");
    cr_assert_eq(second.status, 1);
    cr_assert(strstr(second.err, "127.0.0.1:7777"), "%s", second.err);
    if (holder)
        server_stop(holder);
    run_release(&first);
    run_release(&second);
}

Test(start, the_log_holds_the_limits_when_it_is_ready)
{
    struct server *server = server_start();

    cr_assert(strstr(server_log(server), " descriptors, at most "), "%s", server_log(server));
    server_stop(server);
}

Test(start, at_level_debug_the_log_tells_who_comes_and_goes)
{
    struct server *server = server_start("--log-level", "debug", "--max-clients", "2");
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");
    struct client *late = client_open(server);

    server_expect_log(server, 0, "a newcomer from 127.0.0.1:");
    server_expect_log(server, 0, " was turned away: server full");
    say(ann, "/quit to bed");
    expect_end(ann);
    server_expect_log(server, 0, "ann leaves (quit: to bed)");
    client_close(bob);
    server_expect_log(server, 0, "bob leaves (connection closed)");
    client_close(late);
    server_stop(server);
}

/* ---- --help and --version ---- */

Test(start, help_names_every_option_that_is_there)
{
    static const char *const options[] = {"-l",
                                          "--listen",
                                          "--name",
                                          "--motd",
                                          "--max-clients",
                                          "--max-per-host",
                                          "--connect-rate",
                                          "--max-line",
                                          "--rate",
                                          "--idle-timeout",
                                          "--backlog",
                                          "--slow-policy",
                                          "--history",
                                          "--grace",
                                          "--debug",
                                          "--slow-callback",
                                          "--log-level",
                                          "-V",
                                          "--version",
                                          "-h",
                                          "--help"};
    struct run run = chatd_run("--help");
    struct run shortened = chatd_run("-h");

    cr_assert_eq(run.status, 0);
    cr_assert_str_empty(run.err);
    for (size_t i = 0; i < COUNT(options); i++)
        cr_assert(strstr(run.out, options[i]), "no %s in the help", options[i]);
    cr_assert_str_eq(run.out, shortened.out);
    run_release(&run);
    run_release(&shortened);
}

Test(start, version_is_one_line)
{
    struct run run = chatd_run("--version");
    struct run shortened = chatd_run("-V");

    cr_assert_eq(run.status, 0);
    cr_assert_str_empty(run.err);
    cr_assert(strncmp(run.out, "chatd ", 6) == 0, "%s", run.out);
    cr_assert_eq(strchr(run.out, '\n') + 1, run.out + strlen(run.out));
    cr_assert_str_eq(run.out, shortened.out);
    run_release(&run);
    run_release(&shortened);
}

/* ---- good values ---- */

Test(start, good_values_are_taken)
{
    static const char *const good[][4] = {
        {"--max-line", "16"},
        {"--max-line", "16384"},
        {"--max-clients", "0"},
        {"--max-clients", "5"},
        {"--max-per-host", "0"},
        {"--max-per-host", "3"},
        {"--connect-rate", "0"},
        {"--connect-rate", "5"},
        {"--connect-rate", "5/50"},
        {"--rate", "10"},
        {"--rate", "10/40"},
        {"--rate", "1/1"},
        {"--idle-timeout", "0"},
        {"--idle-timeout", "10m"},
        {"--idle-timeout", "1h"},
        {"--backlog", "8704"},
        {"--backlog", "64K"},
        {"--backlog", "2M"},
        {"--slow-policy", "skip"},
        {"--history", "100000"},
        {"--history", "1"},
        {"--slow-policy", "disconnect"},
        {"--grace", "250ms"},
        {"--grace", "2"},
        {"--slow-callback", "50ms"},
        {"--log-level", "error"},
        {"--log-level", "warn"},
        {"--log-level", "info"},
        {"--log-level", "debug"},
        {"--debug"},
        {"--max-line", "16", "--backlog", "704"},
        {"--backlog", "704", "--max-line", "16"},
        {"--backlog", "197120", "--max-line", "16384"},
    };

    for (size_t i = 0; i < COUNT(good); i++) {
        struct server *server =
            server_start_exactly(good[i][0], good[i][1], good[i][2], good[i][3]);
        client_guest(server);
        server_stop(server);
    }
}

/* ---- bad ones ---- */

/* chatd's one line on stderr, with the reason, and nothing on stdout. */
static void check_refused(const struct run *run, int status, const char *what)
{
    const char *newline = strchr(run->err, '\n');

    cr_assert_eq(run->status, status, "%s: status %d: %s", what, run->status, run->err);
    cr_assert(strncmp(run->err, "chatd: ", 7) == 0, "%s: %s", what, run->err);
    cr_assert(newline && !newline[1], "%s: not one line: %s", what, run->err);
    cr_assert_str_empty(run->out, "%s: on stdout: %s", what, run->out);
}

struct bad {
    const char *option;
    const char *value; /* NULL: missing */
    const char *accepted; /* what the line says would be, in part */
};

static void expect_usage_errors(const struct bad *bad, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct run run = chatd_run(bad[i].option, bad[i].value);
        char what[128];

        snprintf(what, sizeof what, "%s '%s'", bad[i].option, bad[i].value ? bad[i].value : "");
        check_refused(&run, 2, what);
        cr_assert(strstr(run.err, bad[i].option), "%s: option not named: %s", what, run.err);
        cr_assert(!bad[i].value || strstr(run.err, bad[i].value), "%s: value not named: %s", what,
                  run.err);
        cr_assert(strstr(run.err, bad[i].accepted), "%s: not told what would do (%s): %s", what,
                  bad[i].accepted, run.err);
        run_release(&run);
    }
}

Test(start, bad_numbers_are_usage_errors)
{
    static const struct bad bad[] = {
        {"--max-line", "0", "16384"},
        {"--max-line", "15", "16384"},
        {"--max-line", "16385", "16384"},
        {"--max-line", "abc", "16384"},
        {"--max-line", "", "16384"},
        {"--max-line", "-1", "16384"},
        {"--max-line", "100x", "16384"},
        {"--max-line", "99999999999999999999", "16384"},
        {"--max-clients", "-1", ""},
        {"--max-clients", "many", ""},
        {"--max-clients", "", ""},
        {"--max-clients", "1.5", ""},
        {"--max-per-host", "-1", ""},
        {"--max-per-host", "x", ""},
        {"--max-per-host", "", ""},
        {"--connect-rate", "5/0", ""},
        {"--connect-rate", "0/5", ""},
        {"--connect-rate", "", ""},
        {"--history", "-1", "100000"},
        {"--history", "100001", "100000"},
        {"--history", "x", "100000"},
        {"--history", "", "100000"},
        {"--history", "4294967297", "100000"},
        {"--max-clients", "99999999999999999999", ""},
    };

    expect_usage_errors(bad, COUNT(bad));
}

Test(start, bad_rates_are_usage_errors)
{
    static const char *const rates[] = {"5/0", "x",   "",      "5/", "/5",
                                        "-1",  "5/x", "5/5/5", "5x", "/"};

    for (size_t i = 0; i < COUNT(rates); i++) {
        struct bad bad = {"--rate", rates[i], "LINES"};
        expect_usage_errors(&bad, 1);
    }
}

Test(start, bad_durations_and_sizes_are_usage_errors)
{
    static const char *const options[] = {"--idle-timeout", "--grace", "--slow-callback"};
    static const char *const durations[] = {
        "", "x", "-1", "5x", "5ss", "s", "5 s", "1h30m", "99999999999999999999", "9999999999999h"};
    static const char *const sizes[] = {
        "", "0", "x", "-1", "1Q", "K", "64 K", "99999999999999999999", "99999999999999999M"};

    for (size_t i = 0; i < COUNT(durations); i++)
        for (size_t j = 0; j < COUNT(options); j++) {
            struct bad bad = {options[j], durations[i], "s"};
            expect_usage_errors(&bad, 1);
        }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct bad bad = {"--backlog", sizes[i], ""};
        expect_usage_errors(&bad, 1);
    }
}

Test(start, bad_words_are_usage_errors)
{
    static const struct bad bad[] = {
        {"--slow-policy", "drop", "disconnect"},
        {"--slow-policy", "", "skip"},
        {"--slow-policy", "skipper", "skip"},
        {"--log-level", "loud", "debug"},
        {"--log-level", "", "warn"},
        {"--log-level", "information", "info"},
        {"--name", "", ""},
        {"--motd", "", ""},
    };

    expect_usage_errors(bad, COUNT(bad));
}

Test(start, bad_addresses_are_usage_errors)
{
    static const char *const addresses[] = {"",
                                            "localhost",
                                            "127.0.0.1",
                                            "127.0.0.1:",
                                            "127.0.0.1:99999",
                                            "127.0.0.1:65536",
                                            "127.0.0.1:x",
                                            "127.0.0.1:-1",
                                            "127.0.0.1:7x",
                                            "unix:",
                                            "[::1]",
                                            "[::1",
                                            "[::1]7777",
                                            ":"};

    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct bad bad = {"--listen", addresses[i], "HOST:PORT"};
        expect_usage_errors(&bad, 1);
    }
}

Test(start, unknown_options_are_usage_errors)
{
    static const char *const unknown[] = {"--nope", "--max-lines", "-x", "--Help"};

    for (size_t i = 0; i < COUNT(unknown); i++) {
        struct run alone = chatd_run(unknown[i]);
        struct run valued = chatd_run(unknown[i], "/tmp/chatd-test-never-made");
        check_refused(&alone, 2, unknown[i]);
        check_refused(&valued, 2, unknown[i]);
        /* Of a letter the line may name the letter alone. */
        cr_assert(strstr(alone.err, unknown[i] + 1), "not named: %s", alone.err);
        run_release(&alone);
        run_release(&valued);
    }
}

Test(start, an_option_without_its_value_is_a_usage_error)
{
    static const char *const options[] = {
        "--listen",       "--name",     "--motd",  "--max-clients",   "--max-per-host",
        "--connect-rate", "--max-line", "--rate",  "--idle-timeout",  "--backlog",
        "--slow-policy",  "--history",  "--grace", "--slow-callback", "--log-level"};

    for (size_t i = 0; i < COUNT(options); i++) {
        struct bad bad = {options[i], NULL, ""};
        expect_usage_errors(&bad, 1);
    }
}

Test(start, a_word_that_is_no_option_is_a_usage_error)
{
    struct run run = chatd_run("7777");

    check_refused(&run, 2, "7777");
    cr_assert(strstr(run.err, "7777"), "%s", run.err);
    run_release(&run);
}

Test(start, a_backlog_of_less_than_four_longest_lines_is_a_usage_error)
{
    static const char *const combinations[][5] = {
        {"--backlog", "8703", "--rate", "0", "8704"},
        {"--backlog", "8K", "--rate", "0", "8704"},
        {"--max-line", "16384", "--backlog", "64K", "66048"},
        {"--backlog", "66047", "--max-line", "16384", "66048"},
        {"--backlog", "575", "--max-line", "16", "576"},
    };

    for (size_t i = 0; i < COUNT(combinations); i++) {
        const char *const *part = combinations[i];
        struct run run = chatd_run(part[0], part[1], part[2], part[3]);
        check_refused(&run, 2, part[1]);
        cr_assert(strstr(run.err, "--backlog"), "%s", run.err);
        cr_assert(strstr(run.err, part[4]), "%s not told: %s", part[4], run.err);
        run_release(&run);
    }
}

Test(start, a_usage_error_comes_before_anything_is_started)
{
    char *path = scratch_path("socket"), listener[128];

    snprintf(listener, sizeof listener, "unix:%s", path);
    struct run run = chatd_run("-l", listener, "--max-line", "0");
    check_refused(&run, 2, "--max-line 0");
    cr_assert(access(path, F_OK) != 0, "the socket was made");
    run_release(&run);
    free(path);
}
