/* The line that tells how a run is going, on a terminal and elsewhere. */
#include "tools/chatload/meter.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

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
