/* What a crowd costs: sends, wake-ups, memory, announcements; counted from outside. */
#include "tests/support/crowd.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nobody is pending any more: whoever came last has been announced to the first. */
static void settle(struct crowd *crowd)
{
    size_t last = crowd->count - 1;
    crowd_send(crowd, last, "I am the last\n");
    crowd_await(crowd, 0, last, "> I am the last\r\n");
    crowd_barrier(crowd, 0, crowd->count);
}

/* ---- system calls, counted by strace ---- */

/* Makes a script that runs chatd under strace, with a list of calls in `calls`, and has the harness
 * start that. -D: the tracer is no parent, so the server's process is the one that is started. */
static void trace_servers(const char *calls)
{
    const char *program = getenv("CHATD");
    char script[1024];
    cr_assert_eq(system("strace -V >/dev/null 2>&1"), 0,
                 "strace is missing: apt-get install strace");
    /* LeakSanitizer can't work in a process that is traced. */
    (void)snprintf(script, sizeof(script),
                   "#!/bin/sh\n"
                   "export ASAN_OPTIONS=\"$ASAN_OPTIONS:detect_leaks=0\"\n"
                   "exec strace -D -s 64 -o '%s' -e "
                   "trace=sendto,sendmsg,sendmmsg,write,writev,recvfrom,recvmsg,read,readv,"
                   "epoll_ctl '%s' \"$@\"\n",
                   calls, program && *program ? program : "build/chatd");
    char *path = scratch_write("traced-chatd", script);
    cr_assert_eq(chmod(path, 0700), 0);
    cr_assert_eq(setenv("CHATD", path, 1), 0);
    free(path);
}

/* What strace wrote, once a read of `last` stands in it. The caller frees it. */
static char *read_calls(const char *path, const char *last)
{
    struct bytes calls = {0};
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "strace wrote nothing to %s", path);
    while (!calls.data || !strstr(calls.data, last)) {
        cr_assert_lt(harness_now_ms(), deadline_ms, "strace saw no '%s'", last);
        cr_assert_geq(bytes_read(&calls, fileno(file)), 0, "reading %s", path);
    }
    (void)fclose(file);
    return calls.data;
}

/* How many calls `name` stand between `from` and `to`. */
static size_t count_calls(const char *from, const char *to, const char *name)
{
    size_t count = 0;
    for (const char *at = strstr(from, name); at && at < to; at = strstr(at + 1, name))
        count += (at == from || at[-1] == '\n') && at[strlen(name)] == '(';
    return count;
}

static size_t count_sends(const char *from, const char *to)
{
    return count_calls(from, to, "sendto") + count_calls(from, to, "sendmsg") +
           count_calls(from, to, "sendmmsg") + count_calls(from, to, "write") +
           count_calls(from, to, "writev");
}

Test(crowd, a_hundred_lines_of_one_turn_are_one_send_a_reader)
{
    enum { MEMBERS = 1000, LINES = 100 };
    char *path = scratch_path("calls");
    trace_servers(path);
    struct server *server = server_start();
    struct crowd *crowd = crowd_new(server);
    size_t talker = crowd_join(crowd, MEMBERS);
    char lines[LINES * 16];
    size_t length = 0;
    for (int i = 0; i < LINES; i++)
        length += (size_t)snprintf(lines + length, 16, "line %d\n", i);
    settle(crowd); /* an announcement that is still pending would be sends, too */
    crowd_send_bytes(crowd, talker, lines, length);
    crowd_await(crowd, talker + 1, MEMBERS - 1, "> line 99\r\n");
    crowd_send(crowd, talker, "behind\n");
    crowd_await(crowd, talker + 1, MEMBERS - 1, "> behind\r\n");
    char *calls = read_calls(path, "\"behind\\n\"");
    const char *from = strstr(calls, "\"line 0\\nline 1\\n"), *to = strstr(calls, "\"behind\\n\"");
    cr_assert_not_null(from, "the lines were not read in one piece");
    size_t sends = count_sends(from, to);
    cr_assert_geq(sends, MEMBERS - 1, "%zu sends are fewer than readers", sends);
    cr_assert_leq(sends, MEMBERS + 100, "%zu sends for %d readers", sends, MEMBERS - 1);
    cr_assert_eq(count_calls(from, to, "epoll_ctl"), 0, "registrations changed");
    crowd_free(crowd);
    server_stop(server);
    free(calls);
    free(path);
}

Test(crowd, a_descriptor_is_registered_once_and_never_again)
{
    enum { MEMBERS = 50 };
    char *path = scratch_path("calls");
    trace_servers(path);
    struct server *server = server_start("--backlog", "64K");
    struct crowd *crowd = crowd_new(server);
    size_t talker = crowd_join(crowd, 1), stalled = crowd_join_slow(crowd, MEMBERS - 1);
    /* Some of all that could change what is waited for: stalls, gaps, long answers. */
    for (size_t i = 0; i < 20; i++)
        crowd_pause(crowd, stalled + i);
    for (int i = 0; i < 2000; i++)
        crowd_sendf(crowd, talker, "line %d %0100d\n", i, 0);
    for (size_t i = 0; i < MEMBERS - 1; i++)
        crowd_send(crowd, stalled + i, "/help\n/history 100\n");
    crowd_await(crowd, stalled + 20, MEMBERS - 21, "> line 1999 ");
    for (size_t i = 0; i < 20; i++)
        crowd_resume(crowd, stalled + i);
    crowd_barrier(crowd, stalled, MEMBERS - 1);
    crowd_send(crowd, talker, "behind\n");
    crowd_await(crowd, stalled, MEMBERS - 1, "> behind\r\n");
    char *calls = read_calls(path, "\"behind\\n\"");
    const char *end = calls + strlen(calls);
    /* Besides the clients: the listener, the signals and a few of the server's own. */
    cr_assert_leq(count_calls(calls, end, "epoll_ctl"), MEMBERS + 8, "more than registrations");
    cr_assert_null(strstr(calls, "EPOLL_CTL_MOD"), "a registration was changed");
    crowd_free(crowd);
    server_stop(server);
    free(calls);
    free(path);
}

/* ---- idle clients ---- */

Test(crowd, a_thousand_idle_clients_wake_nobody)
{
    enum { WATCHED_MS = 1000 };
    struct server *server = server_start();
    struct crowd *crowd = crowd_new(server);
    crowd_join(crowd, 1000);
    settle(crowd);
    long asleep = server_figure(server, "voluntary_ctxt_switches");
    long pushed = server_figure(server, "nonvoluntary_ctxt_switches");
    long ticks = server_processor_ticks(server);
    /* A second in which nothing may happen: the only way to see that nothing does. */
    cr_assert_eq(crowd_pump(crowd, WATCHED_MS), 0, "something was sent to an idle client");
    asleep = server_figure(server, "voluntary_ctxt_switches") - asleep;
    pushed = server_figure(server, "nonvoluntary_ctxt_switches") - pushed;
    cr_assert_leq(asleep, 1, "%ld wake-ups", asleep); /* one: going to sleep after our barrier */
    cr_assert_leq(pushed, 1, "%ld times on the processor", pushed);
    cr_assert_eq(server_processor_ticks(server), ticks, "processor time was used");
    crowd_free(crowd);
    server_stop(server);
}

/* How many idle clients there may be: ten thousand, or what the descriptor limit allows. */
static size_t most_idle_clients(void)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    size_t most = limit.rlim_max > 10100 ? 10000 : (size_t)limit.rlim_max - 100;
    cr_assert_geq(most, 4000, "`ulimit -Hn` is %zu; this test needs at least 4,100",
                  (size_t)limit.rlim_max);
    return most;
}

/* 576 bytes by design, and on top of that what the operator is shown of it (when it came, and from
 * which address and port: 32 bytes) and a granule of the allocator. */
#define IDLE_CLIENT_BYTES (576 + 32 + 16)

Test(crowd, an_idle_client_costs_no_more_than_by_design)
{
    enum { FIRST = 1000 };
    size_t most = most_idle_clients();
    struct server *server = server_start();
    struct crowd *crowd = crowd_new(server);
    crowd_join(crowd, FIRST);
    settle(crowd);
    size_t first_bytes = server_anonymous_bytes(server);
    crowd_join(crowd, most - FIRST);
    settle(crowd);
    double each =
        ((double)server_anonymous_bytes(server) - (double)first_bytes) / (double)(most - FIRST);
    if (MEMORY_IS_MEASURED)
        cr_assert_leq(each, IDLE_CLIENT_BYTES, "an idle client costs %.0f bytes", each);
    crowd_free(crowd);
    server_stop(server);
}

/* ---- join storms ---- */

/* How many people a line `#lobby -- ann, bob and 12 others joined` announces; 0: no such line. */
static size_t announced(const char *line)
{
    static const char event[] = "#lobby -- ";
    const char *names = line + strlen(event), *end = strstr(line, " joined");
    size_t count = 0;
    if (strncmp(line, event, strlen(event)) != 0 || !end || end[strlen(" joined")] != '\0')
        return 0;
    while (names < end) {
        size_t others = 0;
        if (sscanf(names, "%zu other", &others) == 1) {
            count += others;
            break;
        }
        count++;
        names += strcspn(names, ", ");
        names += strncmp(names, " and ", 5) == 0 ? 5 : strspn(names, ", ");
        if (strncmp(names, "joined", 6) == 0)
            break;
    }
    return count;
}

Test(crowd, announced_counts_names_and_others)
{
    cr_assert_eq(announced("#lobby -- ann joined"), 1);
    cr_assert_eq(announced("#lobby -- ann and bob joined"), 2);
    cr_assert_eq(announced("#lobby -- ann, bob and 12 others joined"), 14);
    cr_assert_eq(announced("#lobby -- a, b, c, d, e and 1 other joined"), 6);
    cr_assert_eq(announced("#lobby -- ann left (quit: joined)"), 0);
    cr_assert_eq(announced("#lobby <ann> bob joined"), 0);
}

Test(crowd, five_thousand_newcomers_are_a_handful_of_lines)
{
    enum { STORM = 5000 };
    struct server *server = server_start();
    struct crowd *crowd = crowd_new(server);
    size_t witness = crowd_join(crowd, 1);
    crowd_send(crowd, witness, "I was here before\n"); /* and is announced himself by now */
    crowd_barrier(crowd, witness, 1);
    int64_t started_ms = harness_now_ms();
    crowd_join(crowd, STORM);
    settle(crowd);
    size_t most_lines = (size_t)(harness_now_ms() - started_ms) / 200 + 3;
    struct crowd_lines seen = crowd_lines(crowd, witness, NULL);
    size_t lines = 0, people = 0;
    for (size_t i = 0; i < seen.count; i++) {
        lines += strncmp(seen.line[i], "#lobby -- ", 10) == 0;
        people += announced(seen.line[i]);
    }
    cr_assert_leq(lines, most_lines, "%zu lines announced them", lines);
    cr_assert(people == STORM || people == STORM + 1, "%zu of %d were announced", people, STORM);
    for (size_t who = 1; who < crowd->count; who++)
        cr_assert_leq(crowd_count(crowd, who, "#lobby -- "), most_lines, "member %zu", who);
    crowd_lines_free(&seen);
    crowd_free(crowd);
    server_stop(server);
}

/* Who spoke must have been named before, or be one of the others whom a line counted. */
static void check_announced_before_speaking(const struct crowd *crowd, size_t who)
{
    struct crowd_lines seen = crowd_lines(crowd, who, NULL);
    size_t people = 0, speakers = 0;
    for (size_t i = 0; i < seen.count; i++) {
        people += announced(seen.line[i]);
        if (!strstr(seen.line[i], "> newcomer "))
            continue;
        speakers++;
        cr_assert_leq(speakers, people, "member %zu heard somebody who wasn't announced: %s", who,
                      seen.line[i]);
    }
    crowd_lines_free(&seen);
}

Test(crowd, in_a_storm_nobody_speaks_before_being_announced)
{
    /* All of them speak with their first packet, so a line announces each right before. */
    enum { STORM = 300 };
    struct server *server = server_start();
    struct crowd *crowd = crowd_new(server);
    crowd_join(crowd, 20);
    settle(crowd);
    size_t first = crowd_connect(crowd, STORM);
    for (size_t i = 0; i < STORM; i++)
        crowd_sendf(crowd, first + i, "newcomer %zu says hello\n", i);
    for (size_t i = 0; i < STORM; i++) {
        char speech[64];
        (void)snprintf(speech, sizeof(speech), "> newcomer %zu says hello\r\n", i);
        crowd->members[0].mark = 0;
        crowd_await(crowd, 0, 1, speech);
    }
    crowd_barrier(crowd, 0, 20);
    for (size_t who = 0; who < 20; who++)
        check_announced_before_speaking(crowd, who);
    crowd_free(crowd);
    server_stop(server);
}

Test(crowd, who_is_named_in_a_storm_is_named_before_the_first_word)
{
    /* Few enough for a gather to name them all: each name stands in a line before the speech. */
    enum { ROUNDS = 50 };
    struct server *server = server_start();
    struct crowd *crowd = crowd_new(server);
    crowd_join(crowd, 1);
    for (int i = 0; i < ROUNDS; i++) {
        char said[64], joined[64];
        size_t who = crowd_connect(crowd, 1);
        (void)snprintf(joined, sizeof(joined), "ann%d joined\r\n#lobby <ann%d> hello\r\n", i, i);
        (void)snprintf(said, sizeof(said), "#lobby <ann%d> hello\r\n", i);
        crowd_sendf(crowd, who, "/nick ann%d\nhello\n/quit\n", i);
        crowd_await(crowd, 0, 1, said);
        cr_assert_not_null(strstr(crowd_seen(crowd, 0), joined), "ann%d was not announced:\n%s", i,
                           crowd_seen(crowd, 0));
        crowd_await_end(crowd, who, 1);
    }
    crowd_free(crowd);
    server_stop(server);
}
