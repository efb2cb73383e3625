#include "tools/chatload/meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/chatload/host.h"
#include "tools/chatload/page.h"

/* To the start of the line, and erase the rest. While the line is overwritten, it is cut at the
 * terminal's width: a wrapped line would stay on the screen each time. */
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
    return snprintf(text, size, "  %s of %s clients", page_count(in, load->in),
                    page_count(all, load->settings->clients));
}

/* The rate since `since`: the look before, or the beginning of a phase that is over. */
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
    int64_t missing = (int64_t)(load->check.missing - load->check.skipped);
    int length = snprintf(text, size, "  %s deliveries/s",
                          page_count(rate, (uint64_t)rate_since(meter, since)));
    if (load->total.count > 0)
        length += snprintf(text + length, size - (size_t)length, "  p50 %s  p99 %s",
                           page_latency(p50, (double)histogram_at_us(&load->total, 0.5)),
                           page_latency(p99, (double)histogram_at_us(&load->total, 0.99)));
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
             page_bytes(memory, meter->last.server_bytes));
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
    (void)fflush(meter->out); /* an error shows again at the report */
}

void meter_init(struct meter *meter, struct load *load, struct server *server)
{
    *meter = (struct meter){.load = load, .server = server, .every = 1};
    meter->out = settings_use_stdout(load->settings) ? stderr : stdout;
    meter->terminal = live_on_terminal(meter->out);
    meter->last.at_ns = meter->before.at_ns = load->loop->now_ns;
}

/* Every second sample goes. Counters go on; of two latencies the larger stays. */
static void thin_out(struct meter *meter)
{
    struct sample *samples = meter->samples;
    meter->count /= 2;
    for (size_t i = 0; i < meter->count; i++) {
        const struct sample *first = &samples[2 * i];
        struct sample kept = samples[2 * i + 1];
        if (first->p50_us > kept.p50_us)
            kept.p50_us = first->p50_us;
        if (first->p99_us > kept.p99_us)
            kept.p99_us = first->p99_us;
        samples[i] = kept;
    }
    meter->every *= 2;
}

/* A look at the end of the phase may follow the one before at once: too little happens in so short
 * a time to be a sample. */
static void keep(struct meter *meter, const struct sample *sample)
{
    const struct sample *kept = meter->count > 0 ? &meter->samples[meter->count - 1] : NULL;
    if (kept && sample->at_ns - kept->at_ns < METER_INTERVAL_NS / 2)
        return;
    if (++meter->looks % meter->every != 0)
        return;
    if (meter->count == METER_SAMPLES_MAX)
        thin_out(meter);
    meter->samples[meter->count++] = *sample;
}

void meter_look(struct meter *meter)
{
    struct load *load = meter->load;
    struct host_usage usage;
    struct sample sample = {
        .at_ns = load->loop->sys->monotonic_ns(load->loop->sys),
        .delivered = load->check.delivered,
        .p50_us = histogram_at_us(&load->recent, 0.5),
        .p99_us = histogram_at_us(&load->recent, 0.99),
    };
    meter->server_known = server_usage(meter->server, &usage);
    sample.server_cpu_ns = usage.cpu_ns;
    sample.server_bytes = usage.memory_bytes;
    if (load->recent.count > 0) {
        histogram_merge(&load->total, &load->recent);
        histogram_clear(&load->recent);
    }
    meter->before = meter->last;
    meter->last = sample;
    if (meter->phase == PHASE_MEASURING)
        keep(meter, &sample);
}

void meter_phase(struct meter *meter, enum phase phase)
{
    meter_look(meter);
    if (meter->phase != PHASE_STARTING)
        live_show(meter, true);
    meter->phase = phase;
    meter->begun = meter->last;
    meter->shown_ns = meter->last.at_ns;
    if (phase == PHASE_MEASURING)
        keep(meter, &meter->begun);
}

int meter_step(struct task *task)
{
    struct meter *const self = container_of(task, struct meter, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc, task_sleep(task, METER_INTERVAL_NS));
        if (self->rc < 0)
            TASK_RETURN(0);
        meter_look(self);
        live_show(self, false);
    }
    TASK_END();
}

void meter_finish(struct meter *meter)
{
    meter_look(meter);
    /* A run that ends while connecting has failed, and one line says why. */
    if (meter->terminal || meter->phase != PHASE_CONNECTING)
        live_show(meter, true);
    meter->phase = PHASE_STARTING;
}
