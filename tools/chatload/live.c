#include "tools/chatload/live.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/chatload/host.h"
#include "tools/chatload/text.h"

/* To the start of the line, and the rest of it erased. While it is written over, what doesn't fit
 * into the terminal's width is cut: wrapped, it would leave a line behind each time. */
#define TERMINAL_AGAIN "\r\x1b[K"
#define TERMINAL_CUT "\x1b[?7l"
#define TERMINAL_WRAP "\x1b[?7h"

#define LINE_TEXT 256

static const char *const phase_names[] = {
    [PHASE_CONNECTING] = "connecting",
    [PHASE_WARMING] = "warm-up",
    [PHASE_MEASURING] = "measuring",
    [PHASE_DRAINING] = "draining",
};

bool live_on_terminal(FILE *out)
{
    return host_is_terminal(fileno(out));
}

static double seconds(int64_t duration_ns)
{
    return (double)duration_ns / (double)NS_PER_SECOND;
}

static int show_connecting(const struct meter *meter, char *text, size_t size)
{
    const struct load *load = meter->load;
    char in[FIGURE_TEXT];
    char all[FIGURE_TEXT];
    return snprintf(text, size, "  %s of %s clients", text_count(in, load->in),
                    text_count(all, load->settings->clients));
}

/* What happened since then: the look before, or the begin of the phase where that is over. */
static double rate_since(const struct meter *meter, const struct sample *since)
{
    double elapsed = seconds(meter->last.at_ns - since->at_ns);
    return elapsed > 0 ? (double)(meter->last.delivered - since->delivered) / elapsed : 0;
}

static int show_traffic(const struct meter *meter, const struct sample *since, char *text,
                        size_t size)
{
    const struct load *load = meter->load;
    char rate[FIGURE_TEXT];
    char p50[FIGURE_TEXT];
    char p99[FIGURE_TEXT];
    int64_t missing = (int64_t)(load->check.missing - load->check.told);
    int length = snprintf(text, size, "  %s deliveries/s",
                          text_count(rate, (uint64_t)rate_since(meter, since)));
    if (load->total.count > 0)
        length += snprintf(text + length, size - (size_t)length, "  p50 %s  p99 %s",
                           text_latency(p50, (double)histogram_at_us(&load->total, 0.5)),
                           text_latency(p99, (double)histogram_at_us(&load->total, 0.99)));
    return length + snprintf(text + length, size - (size_t)length, "  lost %" PRId64,
                             missing > 0 ? missing : 0);
}

static void show_server(const struct meter *meter, const struct sample *since, char *text,
                        size_t size)
{
    char memory[FIGURE_TEXT];
    double elapsed_ns = (double)(meter->last.at_ns - since->at_ns);
    double used_ns = (double)(meter->last.server_cpu_ns - since->server_cpu_ns);
    snprintf(text, size, "  server %.0f %% CPU, %s",
             elapsed_ns > 0 ? 100 * used_ns / elapsed_ns : 0,
             text_bytes(memory, meter->last.server_bytes));
}

void live_show(struct meter *meter, bool last)
{
    char text[LINE_TEXT];
    const struct sample *since = last ? &meter->begun : &meter->before;
    if (meter->phase == PHASE_STARTING)
        return;
    if (!meter->terminal && !last && meter->last.at_ns - meter->shown_ns < LIVE_PLAIN_NS)
        return;
    meter->shown_ns = meter->last.at_ns;
    int length = snprintf(text, sizeof(text), "%-10s %5.1f s", phase_names[meter->phase],
                          seconds(meter->last.at_ns - meter->begun.at_ns));
    if (meter->phase == PHASE_CONNECTING)
        length += show_connecting(meter, text + length, sizeof(text) - (size_t)length);
    else
        length += show_traffic(meter, since, text + length, sizeof(text) - (size_t)length);
    if (meter->server_known)
        show_server(meter, since, text + length, sizeof(text) - (size_t)length);
    if (!meter->terminal)
        fprintf(meter->out, "%s\n", text);
    else if (last)
        fprintf(meter->out, TERMINAL_AGAIN "%s\n", text);
    else
        fprintf(meter->out, TERMINAL_AGAIN TERMINAL_CUT "%s" TERMINAL_WRAP, text);
    (void)fflush(meter->out); /* a reader that is gone is noticed at the report */
}
