#include "tools/chatload/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "chat/text/text.h"

void report_title(struct page *page, const struct result *result)
{
    const struct load *load = result->run->load;
    const struct settings *settings = load->settings;
    char count[FIGURE_TEXT];
    page_add(page, "%s: %s clients", load->address_text, text_count(count, settings->clients));
    if (settings->rooms > 1)
        page_add(page, " in %u rooms", settings->rooms);
    page_add(page, ", %s senders, ", text_count(count, settings->senders));
    if (settings->rate > 0)
        page_add(page, "%s messages a second", text_count(count, settings->rate));
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
                 text_latency(latency, result->values[shown[i].metric]));
    page_add(page, "\n");
}

static void add_processes(struct page *page, const struct result *result)
{
    const struct run *run = result->run;
    char empty[FIGURE_TEXT];
    char end[FIGURE_TEXT];
    char peak[FIGURE_TEXT];
    if (result->server_known)
        page_add(page,
                 "server      %.0f %% CPU, %.3f us a delivery; memory %s before, %s at the end, %s "
                 "at most\n",
                 100 * result->server_cpu, result->cpu_us_per_delivery,
                 text_bytes(empty, run->empty.memory_bytes),
                 text_bytes(end, run->end.server.memory_bytes),
                 text_bytes(peak, run->end.server.peak_bytes));
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
    page_add(page, "\nmessages    %s sent, %s a second while measured (%.1f s)\n",
             text_count(one, load->sent), text_rate(other, result->message_rate), result->seconds);
    page_add(page, "deliveries  %s of %s arrived, %s a second\n", text_count(one, check->delivered),
             text_count(other, load->owed),
             text_rate((char[FIGURE_TEXT]){0}, result->values[METRIC_RATE]));
    page_add(page, "checked     %s lost, ", text_count(one, check->lost.count));
    page_add(page, "%s duplicated, %s reordered\n", text_count(one, check->duplicated.count),
             text_count(other, check->reordered.count));
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
    add_count(page, "expected", load->owed);
    add_count(page, "delivered", check->delivered);
    add_real(page, "lost", 0, values[METRIC_LOST]);
    add_real(page, "duplicated", 0, values[METRIC_DUPLICATED]);
    add_real(page, "reordered", 0, values[METRIC_REORDERED]);
    add_count(page, "told_skipped", check->told);
    add_count(page, "disconnected", load->gone);
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
