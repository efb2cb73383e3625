/* What the figures of a run are said to mean. */
#include "tools/chatload/report.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct settings settings;
static struct load load;
static struct run run;
static struct result result;

/* A second in which 1,000 deliveries were made, and nothing else happened. */
static void open_run(void)
{
    load = (struct load){.settings = &settings, .expected = 1000};
    run = (struct run){.load = &load, .measured = true, .drained = true};
    run.end = (struct reading){.at_ns = NS_PER_SECOND, .delivered = 1000, .sent = 100};
}

TestSuite(chatload_report, .init = open_run);

/* How many of the notes hold these words. */
static size_t notes_with(const char *words)
{
    size_t count = 0;
    for (size_t i = 0; i < result.note_count; i++)
        count += strstr(result.notes[i], words) != NULL;
    return count;
}

Test(chatload_report, nothing_is_said_of_a_run_in_which_nothing_is_odd)
{
    run.end.own_cpu_ns = run.end.server.cpu_ns = NS_PER_SECOND / 2;
    result_make(&result, &run);
    cr_expect_eq(result.note_count, 0);
    cr_expect_not(result.failed);
    cr_expect_eq(result.values[METRIC_RATE], 1000);
    cr_expect_eq(result.cpu_us_per_delivery, 500);
}

Test(chatload_report, what_was_not_measured_is_no_number_and_fails_its_limits)
{
    run.measured = false;
    load.expected = 0;
    load.interrupts = 1;
    settings.limits[0] = (struct limit){.metric = METRIC_P99, .above = true, .value = 1e9};
    settings.limits[1] = (struct limit){.metric = METRIC_RATE, .above = true, .value = 1e9};
    settings.limits[2] = (struct limit){.metric = METRIC_LOST, .above = true, .value = 1e9};
    settings.limit_count = 3;
    result_make(&result, &run);
    for (int metric = 0; metric < METRICS; metric++)
        cr_expect(isnan(result.values[metric]), "metric %d", metric);
    cr_expect(isnan(result.message_rate) && isnan(result.own_cpu) && isnan(result.own_wait));
    cr_expect_eq(result.seconds, 0);
    cr_expect(result.exceeded[0] && result.exceeded[1] && result.exceeded[2]);
    cr_expect(result.failed);
    cr_expect(result.interrupted);
    cr_expect_eq(notes_with("the run was interrupted"), 1);
    cr_expect_eq(result.note_count, 1);
}

Test(chatload_report, a_full_cpu_of_its_own_beside_a_server_that_has_time_is_the_bottleneck)
{
    run.end.own_cpu_ns = NS_PER_SECOND * 96 / 100;
    run.end.server.cpu_ns = NS_PER_SECOND / 2;
    result_make(&result, &run);
    cr_expect_eq(notes_with("chatload is the bottleneck"), 1);
    run.end.server.cpu_ns = NS_PER_SECOND * 96 / 100;
    result_make(&result, &run);
    cr_expect_eq(result.note_count, 0, "%s", result.notes[0]);
}

Test(chatload_report, a_full_cpu_of_its_own_is_told_where_the_servers_is_not_known)
{
    run.end.own_cpu_ns = NS_PER_SECOND;
    result_make(&result, &run);
    cr_expect_eq(notes_with("may be its limit, not the server's"), 1);
}

/* On a schedule, that is; as fast as it goes, it stands to reason. */
Test(chatload_report, a_full_cpu_of_its_own_says_nothing_where_it_never_sleeps)
{
    settings.spin = true;
    run.end.own_cpu_ns = NS_PER_SECOND;
    run.end.server.cpu_ns = NS_PER_SECOND / 2;
    result_make(&result, &run);
    cr_expect_eq(notes_with("chatload is the bottleneck"), 1);
    settings.rate = 100;
    result_make(&result, &run);
    cr_expect_eq(result.note_count, 0, "%s", result.notes[0]);
}

Test(chatload_report, time_that_it_waited_for_a_cpu_is_the_machines)
{
    run.end.own_cpu_ns = NS_PER_SECOND * 60 / 100;
    run.end.own_wait_ns = NS_PER_SECOND * 38 / 100;
    result_make(&result, &run);
    cr_expect_eq(notes_with("waited for a CPU 38 % of the time"), 1);
    run.end.own_wait_ns = NS_PER_SECOND * 30 / 100;
    result_make(&result, &run);
    cr_expect_eq(result.note_count, 0, "%s", result.notes[0]);
}

Test(chatload_report, a_sender_that_waits_much_longer_than_a_listener_is_held_back)
{
    struct client speaker = {.ping = {.waited_ns = 300 * NS_PER_MS, .answers = 3}};
    struct client listener = {.ping = {.waited_ns = 3 * NS_PER_MS, .answers = 3}};
    run.probe = (struct probe){.speaker = &speaker, .listener = &listener};
    result_make(&result, &run);
    cr_expect_eq(notes_with("start it with --rate 0"), 1);
    listener.ping.waited_ns = 150 * NS_PER_MS; /* then it is the server that is slow */
    result_make(&result, &run);
    cr_expect_eq(result.note_count, 0, "%s", result.notes[0]);
    listener.ping.waited_ns = 0;
    run.end.server.cpu_ns = NS_PER_SECOND * 9 / 10;
    result_make(&result, &run);
    cr_expect_eq(result.note_count, 0, "%s", result.notes[0]);
}

Test(chatload_report, losses_of_a_run_that_did_not_drain_may_only_be_late)
{
    load.check.lost = (struct check_count){.count = 2};
    result_make(&result, &run);
    cr_expect_eq(notes_with("when draining ended"), 0);
    run.drained = false;
    result_make(&result, &run);
    cr_expect_eq(notes_with("deliveries that had not arrived when draining ended count as lost"),
                 1);
    load.check.lost.count = 0;
    result_make(&result, &run);
    cr_expect_eq(notes_with("when draining ended"), 0);
}

Test(chatload_report, each_kind_of_wrong_delivery_fails_the_run)
{
    load.check.duplicated.count = 1;
    result_make(&result, &run);
    cr_expect(result.failed);
    load.check.duplicated.count = 0;
    load.check.reordered.count = 1;
    result_make(&result, &run);
    cr_expect(result.failed);
    load.check.reordered.count = 0;
    snprintf(load.problem, sizeof(load.problem), "the server ended in the middle of the run");
    result_make(&result, &run);
    cr_expect(result.failed);
    cr_expect_eq(notes_with("the run ended early: the server ended"), 1);
}

Test(chatload_report, late_messages_are_noted_from_one_in_a_thousand_on)
{
    run.schedule.next = 5000;
    run.schedule.late = 5;
    result_make(&result, &run);
    cr_expect_eq(result.note_count, 0);
    run.schedule.late = 6;
    run.schedule.latest_ns = 20 * NS_PER_MS;
    result_make(&result, &run);
    cr_expect_eq(notes_with("6 messages were sent late, by up to 20.0 ms"), 1);
}

Test(chatload_report, json_lists_the_limits_that_failed)
{
    struct page page = {0};
    settings.limits[0] = (struct limit){.text = "lost<1", .metric = METRIC_LOST, .value = 1};
    settings.limits[1] =
        (struct limit){.text = "rate>5000", .metric = METRIC_RATE, .above = true, .value = 5000};
    settings.limits[2] =
        (struct limit){.text = "rate<\"2000", .metric = METRIC_RATE, .value = 2000};
    settings.limit_count = 3;
    result_make(&result, &run);
    report_json(&page, &result);
    cr_expect_not_null(strstr(page.text, "\"exceeded\": [\"lost<1\", \"rate<\\\"2000\"],"), "%s",
                       page.text);
    cr_expect_not_null(strstr(page.text, "\"interrupted\": false,\n  \"passed\": false\n}"));
    cr_expect_not_null(strstr(page.text, "\"rate\": 1000.0,"));
    cr_expect_not_null(strstr(page.text, "\"p50_us\": null,"));
    page_release(&page);
}

Test(chatload_report, every_oddity_is_a_note)
{
    struct page page = {0};
    load.check.duplicated.count = load.check.reordered.count = 1;
    load.disconnected = 3;
    load.refused = (struct load_oddity){4, "you connect too often: try again in a minute"};
    load.garbled = (struct load_oddity){5, "=abc"};
    load.echoed = 6;
    load.check.skipped = 7;
    result_make(&result, &run);
    cr_expect_eq(notes_with("3 clients were disconnected"), 1);
    cr_expect_eq(notes_with("refused 4 lines; the first: you connect too often: try again in a "
                            "minute (chatd's --connect-rate; 0 lifts the limit)"),
                 1);
    cr_expect_eq(notes_with("5 lines were not as they were sent; the first: =abc"), 1);
    cr_expect_eq(notes_with("6 of their own lines"), 1);
    cr_expect_eq(result.note_count, 7);
    report_text(&page, &result);
    cr_expect_not_null(strstr(page.text, "\nnote: the server reported 7 skipped lines"));
    cr_expect_not_null(strstr(page.text, "checked     0 lost, 1 duplicated, 1 reordered\n"));
    page_release(&page);
}

Test(chatload_report, losses_fail_the_run_and_lines_left_out_that_were_told_do_not)
{
    load.check.skipped = 5;
    result_make(&result, &run);
    cr_expect_not(result.failed);
    cr_expect_eq(notes_with("reported 5 skipped lines"), 1);
    load.check.lost = (struct check_count){2, {.receiver = 7, .sender = 3, .number = 40}};
    result_make(&result, &run);
    cr_expect(result.failed);
    cr_expect_eq(notes_with("the first: message 40 of sender 3 to client 7"), 1);
}
