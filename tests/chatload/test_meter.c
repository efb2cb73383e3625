/* The line that tells how a run is going, on a terminal and elsewhere. */
#include "tools/chatload/meter.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include "tests/support/fixture.h"

#define SHOWN "measuring    2.0 s  4,000 deliveries/s  lost 7  server 50 % CPU, 3.0 MiB"
#define SUMMED "measuring    2.0 s  3,000 deliveries/s  lost 7  server 25 % CPU, 3.0 MiB"

static struct settings settings = {.clients = 10};
static struct load load;
static struct meter meter;

/* Two seconds of measuring, the second of which was busier than the first. */
static void open_meter(void)
{
    load = (struct load){.settings = &settings, .check = {.missing = 9, .skipped = 2}};
    meter = (struct meter){.load = &load, .phase = PHASE_MEASURING, .server_known = true};
    meter.before = (struct sample){.at_ns = NS_PER_SECOND, .delivered = 2000};
    meter.last = (struct sample){
        .at_ns = 2 * NS_PER_SECOND,
        .delivered = 6000,
        .server_cpu_ns = NS_PER_SECOND / 2,
        .server_bytes = 3 * 1024 * 1024,
    };
    meter.out = stdout;
    cr_redirect_stdout();
}

TestSuite(chatload_meter, .init = open_meter);

Test(chatload_meter, elsewhere_it_is_a_plain_line)
{
    live_show(&meter, false);
    cr_assert_stdout_eq_str(SHOWN "\n");
}

Test(chatload_meter, elsewhere_it_is_shown_once_a_second)
{
    live_show(&meter, false);
    meter.last.at_ns += LIVE_PLAIN_NS - 1;
    live_show(&meter, false);
    cr_assert_stdout_eq_str(SHOWN "\n");
}

Test(chatload_meter, the_last_one_is_of_the_whole_phase)
{
    live_show(&meter, true);
    cr_assert_stdout_eq_str(SUMMED "\n");
}

/* Wrapped at the edge of a narrow terminal it could not be written over. */
Test(chatload_meter, on_a_terminal_it_is_written_over_and_cut_at_the_edge)
{
    meter.terminal = true;
    live_show(&meter, false);
    live_show(&meter, false);
    live_show(&meter, true);
    cr_assert_stdout_eq_str("\r\x1b[K\x1b[?7l" SHOWN "\x1b[?7h"
                            "\r\x1b[K\x1b[?7l" SHOWN "\x1b[?7h"
                            "\r\x1b[K" SUMMED "\n");
}

Test(chatload_meter, while_connecting_it_tells_who_is_in)
{
    meter.phase = PHASE_CONNECTING;
    load.in = 4;
    meter.server_known = false;
    live_show(&meter, true);
    cr_assert_stdout_eq_str("connecting   2.0 s  4 of 10 clients\n");
}

/* Samples, on a loop of the simulated door. */

static struct server nobody;

static void open_looking(void)
{
    fixture_open();
    load_init(&load, &loop, &settings);
    meter = (struct meter){.load = &load, .server = &nobody, .every = 1, .out = stdout};
    meter.phase = PHASE_MEASURING;
}

static void close_looking(void)
{
    load_release(&load);
    fixture_close();
}

/* A look after the usual pause, at so many deliveries that took so long. */
static void look(int deliveries, int64_t latency_ns)
{
    fixture_pass(METER_INTERVAL_NS);
    for (int i = 0; i < deliveries; i++)
        histogram_record(&load.recent, latency_ns);
    load.check.delivered += (uint64_t)deliveries;
    meter_look(&meter);
}

Test(chatload_meter, every_delivery_is_in_the_total_once, .init = open_looking)
{
    look(3, NS_PER_MS);
    look(0, 0);
    look(5, 2 * NS_PER_MS);
    cr_expect_eq(load.total.count, 8);
    cr_expect_eq(load.recent.count, 0);
    cr_expect_eq(meter.count, 3);
    cr_expect_eq(meter.samples[0].p50_us, 1000);
    cr_expect_eq(meter.samples[1].p50_us, 0);
    cr_expect_eq(meter.samples[2].delivered, 8);
    close_looking();
}

Test(chatload_meter, beyond_600_samples_every_second_one_goes, .init = open_looking)
{
    for (int i = 1; i <= METER_SAMPLES_MAX; i++)
        look(1, i * NS_PER_MS);
    cr_expect_eq(meter.count, METER_SAMPLES_MAX);
    cr_expect_eq(meter.every, 1);
    look(1, NS_PER_MS);
    cr_expect_eq(meter.count, METER_SAMPLES_MAX / 2 + 1);
    cr_expect_eq(meter.every, 2);
    cr_expect_eq(meter.samples[0].delivered, 2);
    cr_expect_eq(meter.samples[299].delivered, 600);
    cr_expect_eq(meter.samples[300].delivered, 601);
    look(1, NS_PER_MS);
    cr_expect_eq(meter.count, METER_SAMPLES_MAX / 2 + 2);
    look(1, NS_PER_MS);
    cr_expect_eq(meter.count, METER_SAMPLES_MAX / 2 + 2);
    close_looking();
}

/* The slower of the two stays, or a short spike would vanish. */
Test(chatload_meter, of_two_samples_the_larger_latency_stays, .init = open_looking)
{
    for (int i = 1; i <= METER_SAMPLES_MAX; i++)
        look(1, i % 2 ? 50 * NS_PER_MS : NS_PER_MS);
    look(1, NS_PER_MS);
    for (size_t i = 0; i < METER_SAMPLES_MAX / 2; i++)
        must(meter.samples[i].p50_us == 50000 && meter.samples[i].p99_us == 50000, "sample %zu", i);
    close_looking();
}

Test(chatload_meter, a_look_right_after_another_is_no_sample, .init = open_looking)
{
    look(1, NS_PER_MS);
    fixture_pass(METER_INTERVAL_NS / 2 - NS_PER_MS);
    meter_look(&meter);
    cr_expect_eq(meter.count, 1);
    fixture_pass(NS_PER_MS);
    meter_look(&meter);
    cr_expect_eq(meter.count, 2);
    close_looking();
}
