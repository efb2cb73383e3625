#include "tools/chatload/meter.h"

#include "tools/chatload/live.h"

void meter_init(struct meter *meter, struct load *load, struct target *target)
{
    *meter = (struct meter){.load = load, .target = target, .every = 1};
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
    meter->server_known = target_usage(meter->target, &usage);
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
    /* A run that ends while it connects has failed, and one line says why. */
    if (meter->terminal || meter->phase != PHASE_CONNECTING)
        live_show(meter, true);
    meter->phase = PHASE_STARTING;
}
