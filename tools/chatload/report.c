#include "tools/chatload/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chat/text/text.h"
#include "tools/chatload/page.h"

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
             page_count(text, count->count), what, count->first.number, count->first.sender,
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
        note(result, "deliveries that had not arrived when draining ended count as lost");
    if (check->skipped > 0)
        note(result, "the server reported %s skipped lines, which do not count as lost",
             page_count(text, check->skipped));
    if (load->disconnected > 0)
        note(result, "%u clients were disconnected: %s", load->disconnected, load->losses.first);
    if (load->refused.count > 0)
        note(result, "the server refused %s lines; the first: %s%s",
             page_count(text, load->refused.count), load->refused.first,
             load_refusal_advice(load->refused.first));
    if (load->garbled.count > 0)
        note(result, "%s lines were not as they were sent; the first: %s",
             page_count(text, load->garbled.count), load->garbled.first);
    if (load->echoed > 0)
        note(result, "senders received %s of their own lines, which are not counted",
             page_count(text, load->echoed));
}

static bool server_is_busy(const struct result *result)
{
    return result->server_known && result->server_cpu > 0.8;
}

/* A server that is busy may be slow to read all senders. */
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
         "the server holds the senders back: a sender's /ping takes %s, a silent client's %s. That "
         "is "
         "chatd's rate limit: start it with --rate 0",
         page_latency(slow, speaker_us), page_latency(fast, listener_us));
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
             page_count(text, schedule->late),
             page_latency(latest, (double)schedule->latest_ns / NS_PER_US));
    if (!(result->own_cpu + result->own_wait >= RESULT_CPU_FULL)) /* or it was not measured */
        return;
    if (result->own_cpu < RESULT_CPU_FULL)
        note(result,
             "chatload waited for a CPU %.0f %% of the time: the machine is the bottleneck, it has "
             "too few CPUs or other work",
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
    return load->expected > 0 ? (double)count->count : NAN;
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

void report_title(struct page *page, const struct result *result)
{
    const struct load *load = result->run->load;
    const struct settings *settings = load->settings;
    char count[FIGURE_TEXT];
    page_add(page, "%s: %s clients", load->address_text, page_count(count, settings->clients));
    if (settings->rooms > 1)
        page_add(page, " in %u rooms", settings->rooms);
    page_add(page, ", %s senders, ", page_count(count, settings->senders));
    if (settings->rate > 0)
        page_add(page, "%s messages per second", page_count(count, settings->rate));
    else
        page_add(page, "as fast as it goes (window %u)", settings->window);
    if (settings->burst > 1)
        page_add(page, " in bursts of %u", settings->burst);
    page_add(page, ", %zu bytes each", settings->size_bytes);
    if (settings->stalled > 0)
        page_add(page, ", %u stalled", settings->stalled);
    if (settings->churn > 0)
        page_add(page, ", %u coming and going", settings->churn);
}

static void add_latencies(struct page *page, const struct result *result)
{
    static const struct {
        const char *name;
        enum metric metric;
    } shown[] = {{"p50", METRIC_P50},
                 {"p90", METRIC_P90},
                 {"p99", METRIC_P99},
                 {"p99.9", METRIC_P999},
                 {"max", METRIC_MAX}};
    char latency[FIGURE_TEXT];
    page_add(page, "latency   ");
    if (result->run->load->total.count == 0) {
        page_add(page, "  no message was due and heard in this time\n");
        return;
    }
    for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
        page_add(page, "  %s %s", shown[i].name,
                 page_latency(latency, result->values[shown[i].metric]));
    page_add(page, "\n");
}

static void add_processes(struct page *page, const struct result *result)
{
    const struct run *run = result->run;
    char empty[FIGURE_TEXT];
    char end[FIGURE_TEXT];
    char peak[FIGURE_TEXT];
    if (result->server_known)
        page_add(
            page,
            "server      %.0f %% CPU, %.3f us per delivery; memory %s before, %s at the end, %s "
            "at most\n",
            100 * result->server_cpu, result->cpu_us_per_delivery,
            page_bytes(empty, run->empty.memory_bytes),
            page_bytes(end, run->end.server.memory_bytes),
            page_bytes(peak, run->end.server.peak_bytes));
    if (result->seconds > 0)
        page_add(page, "chatload    %.0f %% CPU\n", 100 * result->own_cpu);
}

static void add_verdicts(struct page *page, const struct result *result)
{
    const struct settings *settings = result->run->load->settings;
    for (size_t i = 0; i < result->note_count; i++)
        page_add(page, "note: %s\n", result->notes[i]);
    for (size_t i = 0; i < settings->limit_count; i++)
        if (result->exceeded[i])
            page_add(page, "FAILED: %s%s\n", settings->limits[i].text,
                     isnan(result->values[settings->limits[i].metric]) ? " (not measured)" : "");
}

void report_text(struct page *page, const struct result *result)
{
    const struct load *load = result->run->load;
    const struct check *check = &load->check;
    char one[FIGURE_TEXT];
    char other[FIGURE_TEXT];
    report_title(page, result);
    page_add(page, "\nmessages    %s sent, %s per second while measured (%.1f s)\n",
             page_count(one, load->sent), page_rate(other, result->message_rate), result->seconds);
    page_add(page, "deliveries  %s of %s arrived, %s per second\n",
             page_count(one, check->delivered), page_count(other, load->expected),
             page_rate((char[FIGURE_TEXT]){0}, result->values[METRIC_RATE]));
    page_add(page, "checked     %s lost, ", page_count(one, check->lost.count));
    page_add(page, "%s duplicated, %s reordered\n", page_count(one, check->duplicated.count),
             page_count(other, check->reordered.count));
    add_latencies(page, result);
    add_processes(page, result);
    add_verdicts(page, result);
}

/* JSON. */

/* Text as a JSON string, quotes included. A path may hold any byte: one that is no UTF-8 becomes
 * U+FFFD. */
static void add_string(struct page *page, const char *text)
{
    uint32_t code_point;
    size_t left = strlen(text);
    page_add(page, "\"");
    for (size_t part; left > 0; text += part, left -= part) {
        part = text_decode(text, left, &code_point);
        if (code_point == '"' || code_point == '\\')
            page_add(page, "\\%c", *text);
        else if (code_point < ' ' || code_point == TEXT_REPLACEMENT)
            page_add(page, "\\u%04x", code_point);
        else
            page_add(page, "%.*s", (int)part, text);
    }
    page_add(page, "\"");
}

static void add_count(struct page *page, const char *name, uint64_t count)
{
    page_add(page, "  \"%s\": %" PRIu64 ",\n", name, count);
}

/* What was not measured is null. */
static void add_real(struct page *page, const char *name, int digits, double value)
{
    if (isnan(value))
        page_add(page, "  \"%s\": null,\n", name);
    else
        page_add(page, "  \"%s\": %.*f,\n", name, digits, value);
}

static void add_settings(struct page *page, const struct load *load)
{
    const struct settings *settings = load->settings;
    page_add(page, "  \"address\": ");
    add_string(page, load->address_text);
    page_add(page, ",\n");
    add_count(page, "clients", settings->clients);
    add_count(page, "senders", settings->senders);
    add_count(page, "rooms", settings->rooms);
    add_count(page, "size_bytes", settings->size_bytes);
    add_count(page, "scheduled_rate", settings->rate);
    add_count(page, "burst", settings->burst);
    add_count(page, "window", settings->window);
    add_count(page, "stalled", settings->stalled);
    add_count(page, "churn", settings->churn);
}

static void add_figures(struct page *page, const struct result *result)
{
    const struct load *load = result->run->load;
    const struct check *check = &load->check;
    const double *values = result->values;
    add_count(page, "sent", load->sent);
    add_count(page, "expected", load->expected);
    add_count(page, "delivered", check->delivered);
    add_real(page, "lost", 0, values[METRIC_LOST]);
    add_real(page, "duplicated", 0, values[METRIC_DUPLICATED]);
    add_real(page, "reordered", 0, values[METRIC_REORDERED]);
    add_count(page, "told_skipped", check->skipped);
    add_count(page, "disconnected", load->disconnected);
    add_count(page, "refused", load->refused.count);
    add_count(page, "garbled", load->garbled.count);
    add_count(page, "visits", load->visits);
    add_real(page, "rate", 1, values[METRIC_RATE]);
    add_real(page, "message_rate", 1, result->message_rate);
    add_real(page, "seconds", 3, result->seconds);
    add_real(page, "p50_us", 0, values[METRIC_P50]);
    add_real(page, "p90_us", 0, values[METRIC_P90]);
    add_real(page, "p99_us", 0, values[METRIC_P99]);
    add_real(page, "p999_us", 0, values[METRIC_P999]);
    add_real(page, "max_us", 0, values[METRIC_MAX]);
    add_count(page, "late_messages", result->run->schedule.late);
    add_real(page, "own_cpu", 4, result->own_cpu);
    add_real(page, "own_wait", 4, result->own_wait);
}

static void add_server(struct page *page, const struct result *result)
{
    const struct run *run = result->run;
    if (!result->server_known) {
        page_add(page, "  \"server\": null,\n");
        return;
    }
    page_add(
        page,
        "  \"server\": {\"cpu\": %.4f, \"cpu_us_per_delivery\": %.5f, \"memory_before_bytes\": "
        "%" PRIu64 ", \"memory_begin_bytes\": %" PRIu64 ", \"memory_bytes\": %" PRIu64
        ", \"memory_peak_bytes\": %" PRIu64 "},\n",
        result->server_cpu, result->cpu_us_per_delivery, run->empty.memory_bytes,
        run->begin.server.memory_bytes, run->end.server.memory_bytes, run->end.server.peak_bytes);
}

static void add_curve(struct page *page, const struct result *result)
{
    struct histogram_point points[HISTOGRAM_CURVE_MAX];
    size_t count = histogram_curve(&result->run->load->total, points);
    page_add(page, "  \"curve\": [");
    for (size_t i = 0; i < count; i++)
        page_add(page, "%s[%.8g, %" PRIu64 "]", i > 0 ? ", " : "", 100 * points[i].fraction,
                 points[i].value_us);
    page_add(page, "],\n");
}

static void add_samples(struct page *page, const struct result *result)
{
    const struct meter *meter = &result->run->meter;
    page_add(page, "  \"samples\": [");
    for (size_t i = 0; i < meter->count; i++) {
        const struct sample *sample = &meter->samples[i];
        page_add(page,
                 "%s\n    {\"s\": %.3f, \"delivered\": %" PRIu64 ", \"p50_us\": %" PRIu64
                 ", \"p99_us\": %" PRIu64 ", \"server_cpu_s\": %.4f, \"server_bytes\": %" PRIu64
                 "}",
                 i > 0 ? "," : "",
                 (double)(sample->at_ns - result->run->begin.at_ns) / (double)NS_PER_SECOND,
                 sample->delivered - result->run->begin.delivered, sample->p50_us, sample->p99_us,
                 (double)(sample->server_cpu_ns - result->run->begin.server.cpu_ns) /
                     (double)NS_PER_SECOND,
                 sample->server_bytes);
    }
    page_add(page, "],\n");
}

static void add_strings(struct page *page, const struct result *result)
{
    const struct settings *settings = result->run->load->settings;
    bool first = true;
    page_add(page, "  \"notes\": [");
    for (size_t i = 0; i < result->note_count; i++) {
        page_add(page, i > 0 ? ", " : "");
        add_string(page, result->notes[i]);
    }
    page_add(page, "],\n  \"exceeded\": [");
    for (size_t i = 0; i < settings->limit_count; i++) {
        if (!result->exceeded[i])
            continue;
        page_add(page, first ? "" : ", ");
        add_string(page, settings->limits[i].text);
        first = false;
    }
    page_add(page, "],\n");
}

void report_json(struct page *page, const struct result *result)
{
    page_add(page, "{\n");
    add_figures(page, result);
    add_settings(page, result->run->load);
    add_server(page, result);
    add_curve(page, result);
    add_samples(page, result);
    add_strings(page, result);
    page_add(page, "  \"interrupted\": %s,\n", result->interrupted ? "true" : "false");
    page_add(page, "  \"passed\": %s\n}\n",
             result->failed || result->interrupted ? "false" : "true");
}
