#include "tools/chatload/result.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "tools/chatload/text.h"

static void note(struct result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct result *result, const char *format, ...)
{
    va_list arguments;
    if (result->note_count == RESULT_NOTES_MAX)
        return;
    va_start(arguments, format);
    (void)vsnprintf(result->notes[result->note_count++], RESULT_NOTE_TEXT, format, arguments);
    va_end(arguments);
}

/* Deliveries that went wrong, and the first of them. */
static void note_count(struct result *result, const char *what, const struct check_count *count)
{
    char text[FIGURE_TEXT];
    if (count->count > 0)
        note(result, "%s deliveries were %s; the first: message %u of sender %u to client %u",
             text_count(text, count->count), what, count->first.number, count->first.sender,
             count->first.receiver);
}

static void note_deliveries(struct result *result)
{
    const struct load *load = result->run->load;
    const struct check *check = &load->check;
    char text[FIGURE_TEXT];
    note_count(result, "lost", &check->lost);
    note_count(result, "duplicated", &check->duplicated);
    note_count(result, "reordered", &check->reordered);
    if (!result->run->drained && check->lost.count > 0)
        note(result, "what had not arrived when draining ended counts as lost");
    if (check->told > 0)
        note(result, "the server told of %s skipped lines: they don't count as lost",
             text_count(text, check->told));
    if (load->gone > 0)
        note(result, "%u clients were disconnected: %s", load->gone, load->losses.first);
    if (load->refused.count > 0)
        note(result, "the server refused %s lines; the first: %s%s",
             text_count(text, load->refused.count), load->refused.first,
             load_refusal_advice(load->refused.first));
    if (load->garbled.count > 0)
        note(result, "%s lines were not as they were sent; the first: %s",
             text_count(text, load->garbled.count), load->garbled.first);
    if (load->echoed > 0)
        note(result, "senders were sent %s of their own lines: these are not counted",
             text_count(text, load->echoed));
}

static bool server_is_busy(const struct result *result)
{
    return result->server_known && result->server_cpu > 0.8;
}

/* A server that is busy may be slow for everybody who sends. */
static void note_rate_limit(struct result *result)
{
    const struct probe *probe = &result->run->probe;
    double speaker_us = probe_speaker_us(probe);
    double listener_us = probe_listener_us(probe);
    char slow[FIGURE_TEXT];
    char fast[FIGURE_TEXT];
    if (server_is_busy(result) || speaker_us < RESULT_HELD_BACK_US ||
        speaker_us < RESULT_HELD_BACK_TIMES * listener_us)
        return;
    note(result,
         "the server holds the senders back: what a sender asks waits %s, what others ask %s. That "
         "is chatd's rate limit: start it with --rate 0",
         text_latency(slow, speaker_us), text_latency(fast, listener_us));
}

static void note_own_limits(struct result *result)
{
    const struct run *run = result->run;
    const struct schedule *schedule = &run->schedule;
    const struct settings *settings = run->load->settings;
    bool spins = settings->spin && settings->rate > 0; /* full however little there is to do */
    char text[FIGURE_TEXT];
    char latest[FIGURE_TEXT];
    if (schedule->late > schedule->next / 1000)
        note(result,
             "chatload fell behind its schedule: %s messages were sent late, by up to %s: the "
             "latencies are in part its own",
             text_count(text, schedule->late),
             text_latency(latest, (double)schedule->latest_ns / NS_PER_US));
    if (!(result->own_cpu + result->own_wait >= RESULT_CPU_FULL)) /* or it was not measured */
        return;
    if (result->own_cpu < RESULT_CPU_FULL)
        note(result,
             "chatload waited for a CPU %.0f %% of the time: the machine is the bottleneck, for it "
             "has too few of them or other work",
             100 * result->own_wait);
    else if (!spins && !result->server_known)
        note(result, "chatload's own CPU is full: the figures may be its limit, not the server's");
    else if (!spins && result->server_cpu < RESULT_CPU_FULL)
        note(result, "chatload is the bottleneck: its own CPU is full, the server's is not");
}

static void note_interrupt(struct result *result)
{
    if (result->run->load->problem[0])
        note(result, "the run ended early: %s", result->run->load->problem);
    else if (result->run->load->interrupts > 0)
        note(result, "the run was interrupted");
}

static void fill_rates(struct result *result)
{
    const struct run *run = result->run;
    if (!run->measured) {
        result->message_rate = result->own_cpu = result->own_wait = NAN;
        result->values[METRIC_RATE] = NAN;
        return;
    }
    double elapsed_ns = (double)(run->end.at_ns - run->begin.at_ns);
    double delivered = (double)(run->end.delivered - run->begin.delivered);
    double server_ns = (double)(run->end.server.cpu_ns - run->begin.server.cpu_ns);
    result->seconds = elapsed_ns / (double)NS_PER_SECOND;
    result->message_rate = (double)(run->end.sent - run->begin.sent) / result->seconds;
    result->values[METRIC_RATE] = delivered / result->seconds;
    result->own_cpu = (double)(run->end.own_cpu_ns - run->begin.own_cpu_ns) / elapsed_ns;
    result->own_wait = (double)(run->end.own_wait_ns - run->begin.own_wait_ns) / elapsed_ns;
    result->server_known = run->end.server.cpu_ns > 0 && server_ns >= 0;
    result->server_cpu = server_ns / elapsed_ns;
    result->cpu_us_per_delivery = delivered > 0 ? server_ns / delivered / NS_PER_US : 0;
}

/* Of nothing that was sent, nothing can be lost, duplicated or reordered. */
static double checked(const struct load *load, const struct check_count *count)
{
    return load->owed > 0 ? (double)count->count : NAN;
}

static double latency_us(const struct load *load, double fraction)
{
    return load->total.count > 0 ? (double)histogram_at_us(&load->total, fraction) : NAN;
}

static void fill_values(struct result *result)
{
    const struct load *load = result->run->load;
    double *values = result->values;
    values[METRIC_LOST] = checked(load, &load->check.lost);
    values[METRIC_DUPLICATED] = checked(load, &load->check.duplicated);
    values[METRIC_REORDERED] = checked(load, &load->check.reordered);
    values[METRIC_P50] = latency_us(load, 0.5);
    values[METRIC_P90] = latency_us(load, 0.9);
    values[METRIC_P99] = latency_us(load, 0.99);
    values[METRIC_P999] = latency_us(load, 0.999);
    values[METRIC_MAX] = latency_us(load, 1);
}

static void judge(struct result *result)
{
    const struct load *load = result->run->load;
    const struct settings *settings = load->settings;
    for (size_t i = 0; i < settings->limit_count; i++) {
        result->exceeded[i] = limit_exceeded(&settings->limits[i], result->values);
        result->failed |= result->exceeded[i];
    }
    result->failed |= load->check.lost.count > 0 || load->check.duplicated.count > 0 ||
                      load->check.reordered.count > 0 || load->problem[0];
}

void result_make(struct result *result, const struct run *run)
{
    *result = (struct result){.run = run, .interrupted = run->load->interrupts > 0};
    fill_rates(result);
    fill_values(result);
    judge(result);
    note_interrupt(result);
    note_deliveries(result);
    note_rate_limit(result);
    note_own_limits(result);
}
