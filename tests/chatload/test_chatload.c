/* chatload as a whole: against a relay that makes mistakes, against chatd, and against nobody. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/faulty_relay.h"
#include "tests/support/harness.h"
#include "tests/support/load.h"

static struct faulty_relay *relay;
static char address[160];

/* Starts the relay as it was set up. */
static void start_relay(void)
{
    faulty_relay_start(relay);
    snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)relay->port);
}

static void open_relay(void)
{
    relay = faulty_relay_create();
}

TestSuite(chatload, .init = open_relay);

/* At a fixed rate, over the faulty relay: 10 clients of whom 3 speak. */
#define RATED(...)                                                                                 \
    do {                                                                                           \
        start_relay();                                                                             \
        load_run(address, "--proto", "raw", "--clients", "10", "--senders", "3", "--rate", "1000", \
                 "--duration", "1s", ##__VA_ARGS__);                                               \
        faulty_relay_stop(relay);                                                                  \
    } while (0)

/* What was done to the deliveries is what was seen of them. */
static void expect_counts(void)
{
    expect_figure("expected", (double)relay->deliveries);
    expect_figure("delivered", (double)(relay->deliveries - relay->dropped));
    expect_figure("lost", (double)relay->dropped);
    expect_figure("duplicated", (double)relay->duplicated);
    expect_figure("reordered", (double)relay->swapped);
}

Test(chatload, finds_nothing_where_nothing_is_wrong)
{
    RATED();
    expect_status(0);
    expect_counts();
    cr_expect_gt(relay->deliveries, 9000);
    cr_expect_not_null(strstr(run.out, "0 lost, 0 duplicated, 0 reordered"), "%s", run.out);
    load_release_run();
}

Test(chatload, counts_one_lost_delivery_in_a_thousand)
{
    relay->drop_every = 1000;
    RATED();
    expect_status(1);
    expect_counts();
    cr_expect_geq(relay->dropped, 9);
    cr_expect_not_null(strstr(run.out, "deliveries were lost; the first: message "), "%s", run.out);
    load_release_run();
}

Test(chatload, counts_one_duplicate)
{
    relay->duplicate_at = 2345;
    RATED();
    expect_status(1);
    expect_counts();
    cr_expect_eq(relay->duplicated, 1);
    load_release_run();
}

Test(chatload, counts_two_that_are_swapped_as_one_reordered)
{
    relay->swap_at = 3456;
    RATED();
    expect_status(1);
    expect_counts();
    cr_expect_eq(relay->swapped, 1);
    load_release_run();
}

Test(chatload, counts_everything_at_once_without_a_schedule)
{
    relay->drop_every = 1000;
    relay->duplicate_at = 1234;
    relay->swap_at = 2345;
    start_relay();
    load_run(address, "--proto", "raw", "--clients", "10", "--senders", "3", "--duration", "1s");
    faulty_relay_stop(relay);
    expect_status(1);
    expect_counts();
    cr_expect_gt(relay->deliveries, 5000);
    load_release_run();
}

/* Whoever measures from when a message was sent sees one slow message; from when they were due,
 * half a second's worth of them. */
Test(chatload, a_freeze_of_half_a_second_shows_in_the_tail_at_a_fixed_rate)
{
    relay->freeze_at = 600;
    RATED("--fail-if", "p999>400ms");
    expect_status(1);
    expect_counts();
    cr_expect_eq(relay->frozen, 1);
    cr_expect_geq(load_figure("p999_us"), 450000);
    cr_expect_geq(load_figure("p90_us"), 300000);
    cr_expect_not_null(strstr(run.out, "FAILED: p999>400ms"), "%s", run.out);
    load_release_run();
}

/* A tenth of the messages was due while chatload itself stood still. */
Test(chatload, says_when_it_was_late_itself_and_counts_from_when_messages_were_due)
{
    start_relay();
    load_start(address, "--proto", "raw", "--clients", "5", "--senders", "2", "--rate", "1000",
               "--duration", "3s");
    load_await("\nmeasuring ");
    kill(run.pid, SIGSTOP);
    (void)poll(NULL, 0, 300); /* nothing happens that could be waited for */
    kill(run.pid, SIGCONT);
    load_finish();
    faulty_relay_stop(relay);
    expect_status(0);
    expect_counts();
    cr_expect_geq(load_figure("p99_us"), 200000);
    cr_expect_geq(load_figure("late_messages"), 200);
    cr_expect_not_null(strstr(run.out, "fell behind its schedule"), "%s", run.out);
    load_release_run();
}

/* One message, and that in the warm-up. */
Test(chatload, a_limit_on_what_was_not_measured_is_a_failure)
{
    start_relay();
    load_run(address, "--proto", "raw", "--clients", "5", "--senders", "1", "--rate", "1",
             "--duration", "100ms", "--fail-if", "p99>10s", "--fail-if", "lost>5");
    faulty_relay_stop(relay);
    expect_status(1);
    expect_figure("sent", 1);
    expect_figure("lost", 0);
    cr_expect_not_null(strstr(run.out, "FAILED: p99>10s (not measured)\n"), "%s", run.out);
    cr_expect_null(strstr(run.out, "FAILED: lost"), "%s", run.out);
    cr_expect_not_null(strstr(run.json, "\n  \"p99_us\": null,"), "%s", run.json);
    cr_expect_not_null(strstr(run.json, "\n  \"max_us\": null,"), "%s", run.json);
    cr_expect_not_null(strstr(run.json, "\n  \"exceeded\": [\"p99>10s\"],"), "%s", run.json);
    load_release_run();
}

/* Ten clients connect at once to a queue for one; nobody accepts before they all have tried. */
Test(chatload, waits_for_room_in_the_queue_of_a_unix_socket)
{
    char *path = scratch_path("re\xfflay");
    relay->backlog = 1;
    snprintf(relay->path, sizeof(relay->path), "%s", path);
    snprintf(address, sizeof(address), "unix:%s", path);
    faulty_relay_start(relay);
    kill(relay->pid, SIGSTOP);
    load_start(address, "--proto", "raw", "--clients", "10", "--senders", "3", "--rate", "1000",
               "--duration", "500ms");
    load_await("connecting ");
    kill(relay->pid, SIGCONT);
    load_finish();
    faulty_relay_stop(relay);
    expect_status(0);
    expect_counts();
    cr_expect_not_null(strstr(run.json, "/re\\ufffdlay\","), "%s", run.json);
    for (const char *at = run.json; *at; at++)
        cr_expect_lt((unsigned char)*at, 0x80, "no UTF-8: %.20s", at);
    free(path);
    load_release_run();
}

Test(chatload, tries_all_addresses_of_a_name)
{
    start_relay();
    snprintf(address, sizeof(address), "localhost:%u", (unsigned)relay->port);
    load_run(address, "--proto", "raw", "--clients", "4", "--senders", "1", "--duration", "100ms");
    faulty_relay_stop(relay);
    expect_status(0);
    expect_counts();
    load_release_run();
}

Test(chatload, a_limit_that_holds_changes_nothing)
{
    RATED("--fail-if", "p50>30s", "--fail-if", "rate<1", "--burst", "10", "--size", "200");
    expect_status(0);
    expect_counts();
    load_release_run();
}

Test(chatload, never_sleeps_where_it_is_to_spin_and_counts_the_same)
{
    RATED("--spin");
    expect_status(0);
    expect_counts();
    cr_expect_gt(load_figure("own_cpu") + load_figure("own_wait"), 0.5);
    cr_expect_null(strstr(run.out, "bottleneck: its own CPU"), "%s", run.out);
    cr_expect_null(strstr(run.out, "own CPU is full"), "%s", run.out);
    load_release_run();
}

Test(chatload, a_relay_that_relays_nothing_is_told_apart_from_one_that_loses)
{
    start_relay();
    kill(relay->pid, SIGSTOP);
    load_run(address, "--proto", "raw", "--clients", "3", "--senders", "1");
    kill(relay->pid, SIGCONT);
    faulty_relay_stop(relay);
    expect_status(1);
    expect_complaint("it doesn't relay lines: 2 of 2 clients heard nothing");
    load_release_run();
}

Test(chatload, loads_a_chatd_that_it_spawns_and_stops)
{
    char *html = scratch_path("report.html");
    load_run("--spawn", chatd("--rate 0"), "--clients", "40", "--rooms", "4", "--duration", "500ms",
             "--html", html);
    expect_status(0);
    expect_figure("lost", 0);
    expect_figure("expected", load_figure("delivered"));
    cr_expect_gt(load_figure("rate"), 100);
    cr_expect_not_null(strstr(run.json, "\"cpu_us_per_delivery\": "), "%s", run.json);
    cr_expect_null(strchr(run.out, '\x1b'), "escape codes: %s", run.out);
    free(html);
    load_release_run();
}

/* More than may connect at the same time. */
Test(chatload, more_clients_get_in_than_may_connect_at_once)
{
    load_run("--spawn", chatd("--rate 0"), "--clients", "300", "--stalled", "300", "--senders", "1",
             "--rate", "10", "--duration", "200ms");
    expect_status(0);
    expect_figure("lost", 0);
    expect_figure("expected", load_figure("sent") * 299);
    load_release_run();
}

Test(chatload, names_rate_0_where_chatd_holds_the_senders_back)
{
    load_run("--spawn", chatd(""), "--clients", "10", "--senders", "3", "--duration", "3s");
    expect_status(0);
    cr_expect_not_null(strstr(run.out, "--rate 0"), "%s%s", run.out, run.err);
    load_release_run();
}

Test(chatload, says_nothing_of_a_rate_where_there_is_none)
{
    load_run("--spawn", chatd("--rate 0"), "--clients", "10", "--senders", "3", "--duration", "1s");
    expect_status(0);
    cr_expect_null(strstr(run.out, "--rate 0"), "%s", run.out);
    load_release_run();
}

Test(chatload, people_who_misbehave_are_not_counted)
{
    load_run("--spawn", chatd("--rate 0"), "--clients", "20", "--senders", "5", "--stalled", "5",
             "--churn", "5", "--duration", "1s");
    expect_status(0);
    expect_figure("lost", 0);
    expect_figure("expected", load_figure("sent") * 19);
    expect_figure("delivered", load_figure("expected"));
    cr_expect_geq(load_figure("visits"), 5);
    load_release_run();
}

static bool somebody_runs(pid_t pid)
{
    return kill(pid, 0) == 0 || errno != ESRCH;
}

/* A number that a process writes into a file of the scratch directory, as soon as it is there. */
static int await_number(const char *name)
{
    char *path = scratch_path(name);
    int number = -1;
    for (int64_t end = harness_now_ms() + HARNESS_LIMIT_MS; number < 0; (void)poll(NULL, 0, 10)) {
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%d\n", &number) != 1)
            number = -1;
        if (file)
            (void)fclose(file); /* it was only read */
        cr_assert(number >= 0 || harness_now_ms() < end, "no number in %s", path);
    }
    free(path);
    return number;
}

/* A command that writes its process's number into the file `pid` before it is `program`. */
static const char *telling_pid(const char *program)
{
    static char command[1024];
    char *path = scratch_path("pid");
    snprintf(command, sizeof(command), "echo $$ >%s; exec %s", path, program);
    free(path);
    return command;
}

/* The same as a program of its own, with what follows `exec`; its path. */
static char *script(const char *lines)
{
    char text[1600];
    snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", lines);
    char *path = scratch_write("server", text);
    cr_assert_eq(chmod(path, 0700), 0);
    return path;
}

Test(chatload, a_server_may_say_long_lines_before_it_listens)
{
    char lines[1200];
    snprintf(lines, sizeof(lines), "head -c 50000 /dev/zero | tr '\\0' x\necho\nexec %s \"$@\"",
             chatd("--rate 0"));
    char *server = script(lines);
    load_run("--spawn", server, "--clients", "5", "--duration", "100ms");
    expect_status(0);
    free(server);
    load_release_run();
}

Test(chatload, an_interrupt_ends_both_and_still_reports)
{
    load_start("--spawn", telling_pid(chatd("--rate 0")), "--clients", "20", "--duration", "60s");
    load_await("\nmeasuring ");
    int pid = await_number("pid");
    cr_assert(somebody_runs(pid));
    kill(run.pid, SIGINT);
    load_finish();
    expect_status(130);
    cr_expect_not_null(strstr(run.out, "the run was interrupted"), "%s", run.out);
    cr_expect_not_null(strstr(run.json, "\n  \"interrupted\": true,\n  \"passed\": false\n}"), "%s",
                       run.json);
    cr_expect_gt(load_figure("delivered"), 0);
    cr_expect_not(somebody_runs(pid));
    load_release_run();
}

Test(chatload, an_interrupt_ends_the_waiting_for_a_server_that_never_listens)
{
    load_start("--spawn", telling_pid("sleep 600 #"));
    int pid = await_number("pid");
    kill(run.pid, SIGINT);
    load_finish();
    expect_status(130);
    expect_complaint("interrupted before anything was measured");
    cr_expect_not(somebody_runs(pid));
    cr_expect_str_empty(run.json, "nothing had begun");
    load_release_run();
}

Test(chatload, an_interrupt_before_measuring_reports_that_nothing_was)
{
    load_start("--spawn", chatd("--rate 0"), "--clients", "20", "--duration", "60s");
    load_await("\nwarm-up ");
    kill(run.pid, SIGINT);
    load_finish();
    expect_status(130);
    expect_complaint("interrupted before anything was measured");
    cr_expect_not_null(strstr(run.json, "\n  \"interrupted\": true,"), "%s", run.json);
    cr_expect_not_null(strstr(run.json, "\n  \"p99_us\": null,"), "%s", run.json);
    cr_expect_not_null(strstr(run.json, "\n  \"rate\": null,"), "%s", run.json);
    expect_figure("lost", 0);
    load_release_run();
}

/* The shell that starts a plain program makes room for it, so the signal reaches the program. */
Test(chatload, a_server_ends_gracefully_when_chatload_is_killed, .timeout = 60)
{
    int status = -1;
    char lines[1200];
    snprintf(lines, sizeof(lines), "%s \"$@\"", telling_pid(chatd("--rate 0")));
    char *server = script(lines);
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* it becomes a child of this process */
    load_start("--spawn", server, "--clients", "5", "--senders", "2", "--duration", "60s");
    load_await("\nmeasuring ");
    int pid = await_number("pid");
    kill(run.pid, SIGKILL);
    load_finish();
    expect_status(128 + SIGKILL);
    cr_expect_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ended with %x", status);
    free(server);
    load_release_run();
}

/* The shell is gone at once; what it started writes its status when it has ended by itself. */
Test(chatload, what_a_shell_has_started_is_given_time_to_end)
{
    char lines[1200];
    char command[300];
    char *status_path = scratch_path("status");
    snprintf(lines, sizeof(lines), "trap : TERM\n%s \"$@\"\nsleep 0.2\necho $? >%s",
             chatd("--rate 0"), status_path);
    char *server = script(lines);
    snprintf(command, sizeof(command), "true && %s", server);
    load_run("--spawn", command, "--clients", "5", "--senders", "2", "--duration", "100ms");
    expect_status(0);
    cr_expect_eq(access(status_path, F_OK), 0, "it was killed before it could write");
    free(server);
    free(status_path);
    load_release_run();
}

/* The first is of the same instant in which measuring begins: nothing has arrived in between. */
Test(chatload, samples_begin_with_measuring_and_none_is_too_short)
{
    double last = 0;
    size_t count = 0;
    RATED();
    const char *at = strstr(run.json, "\"samples\": [");
    cr_assert_not_null(at);
    for (; (at = strstr(at, "{\"s\": ")); count++, at++) {
        double second = strtod(at + strlen("{\"s\": "), NULL);
        const char *delivered = strstr(at, "\"delivered\": ");
        cr_assert_not_null(delivered);
        if (count == 0)
            cr_expect_eq(strncmp(delivered, "\"delivered\": 0,", 15), 0, "%.60s", at);
        else
            cr_expect_gt(second - last, 0.09);
        last = second;
    }
    cr_expect_geq(count, 2);
    load_release_run();
}

Test(chatload, a_server_that_dies_is_a_failed_run)
{
    load_run("--spawn", "(sleep 1; kill $$) & exec build/chatd --rate 0", "--clients", "5",
             "--senders", "2", "--duration", "20s");
    expect_status(1);
    load_release_run();
}
