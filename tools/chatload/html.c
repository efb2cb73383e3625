/* The report for eyes: the figures as a table, and what is better seen than read as plots. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "tools/chatload/page.h"
#include "tools/chatload/report.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n"
    "<meta name=viewport content='width=device-width'><title>chatload</title>\n<style>\n"
    ":root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--soft:#59636e;--grid:#e3e6ea;"
    "--one:#1f6feb;--two:#bc4c00}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#0f1318;--text:#e6e9ed;--soft:#98a2ad;"
    "--grid:#2a3038;--one:#6cabff;--two:#f0964a}}\n"
    "body{background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif;"
    "max-width:44rem;margin:2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.3rem}td,th{padding:.1rem 1.5rem .1rem 0;text-align:left;font-weight:normal}\n"
    "th{color:var(--soft)}td{font-variant-numeric:tabular-nums}\n"
    "figure{margin:2rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}\n"
    "polyline{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    ".series-0{stroke:var(--one)}.series-1{stroke:var(--two)}\n"
    ".key-0{color:var(--one)}.key-1{color:var(--two)}\n"
    ".grid{stroke:var(--grid)}.axis{stroke:var(--soft);fill:none}\n"
    ".label{fill:var(--soft);font-size:12px}.bad{color:var(--two)}\n"
    "</style></head><body>\n";

/* How values are written along the axes. */

static const char *in_seconds(char text[FIGURE_TEXT], double value)
{
    snprintf(text, FIGURE_TEXT, "%.4g s", value);
    return text;
}

/* The axis counts nines: 0 is the least, 1 is 90 %, 2 is 99 %. */
static const char *in_nines(char text[FIGURE_TEXT], double value)
{
    int nines = (int)value;
    snprintf(text, FIGURE_TEXT, "%.*f %%", nines > 2 ? nines - 2 : 0, 100 - 100 * pow(10, -nines));
    return text;
}

static const char *as_latency(char text[FIGURE_TEXT], double value)
{
    return page_latency(text, value);
}

static const char *as_count(char text[FIGURE_TEXT], double value)
{
    return page_count(text, (uint64_t)value);
}

static const char *as_microseconds(char text[FIGURE_TEXT], double value)
{
    snprintf(text, FIGURE_TEXT, "%.3g us", value);
    return text;
}

static const char *as_mebibytes(char text[FIGURE_TEXT], double value)
{
    snprintf(text, FIGURE_TEXT, "%.4g MiB", value);
    return text;
}

/* The plots. */

static void add_curve(struct page *page, const struct histogram *histogram)
{
    struct histogram_point curve[HISTOGRAM_CURVE_MAX];
    struct plot_point points[HISTOGRAM_CURVE_MAX];
    size_t count = histogram_curve(histogram, curve);
    for (size_t i = 0; i < count; i++) {
        /* The largest value: as if one of all values were above it. */
        double above = i + 1 < count ? 1 - curve[i].fraction : 1 / (double)histogram->count;
        points[i] = (struct plot_point){-log10(above), (double)curve[i].value_us};
    }
    struct plot plot = {
        .title = "Latency: this share of deliveries took no longer",
        .x_format = in_nines,
        .y_format = as_latency,
        .x_whole = true,
        .y_log = true,
        .series[0] = {.points = points, .count = count},
    };
    plot_add(page, &plot);
}

/* What is plotted over time. Each is a value of the stretch between two samples. */
enum course { COURSE_RATE, COURSE_P50, COURSE_P99, COURSE_CPU, COURSE_MEMORY };

static double value_of(enum course course, const struct sample *before, const struct sample *sample)
{
    double delivered = (double)(sample->delivered - before->delivered);
    double elapsed = (double)(sample->at_ns - before->at_ns) / (double)NS_PER_SECOND;
    switch (course) {
    case COURSE_RATE:
        return elapsed > 0 ? delivered / elapsed : 0;
    case COURSE_P50:
        return (double)sample->p50_us;
    case COURSE_P99:
        return (double)sample->p99_us;
    case COURSE_CPU:
        return delivered > 0
                   ? (double)(sample->server_cpu_ns - before->server_cpu_ns) / delivered / NS_PER_US
                   : 0;
    case COURSE_MEMORY:
        return (double)sample->server_bytes / (1024 * 1024);
    }
    return 0;
}

/* The points of a course; there is none for the first sample, with which it begins. */
static size_t follow(const struct result *result, enum course course,
                     struct plot_point points[METER_SAMPLES_MAX])
{
    const struct meter *meter = &result->run->meter;
    size_t count = 0;
    for (size_t i = 1; i < meter->count; i++) {
        const struct sample *sample = &meter->samples[i];
        points[count++] = (struct plot_point){
            (double)(sample->at_ns - result->run->begin.at_ns) / (double)NS_PER_SECOND,
            value_of(course, &meter->samples[i - 1], sample),
        };
    }
    return count;
}

static void add_course(struct page *page, const struct result *result, const char *title,
                       enum course course, plot_format *format)
{
    struct plot_point points[METER_SAMPLES_MAX];
    struct plot plot = {.title = title, .x_format = in_seconds, .y_format = format};
    plot.series[0].points = points;
    plot.series[0].count = follow(result, course, points);
    plot_add(page, &plot);
}

static void add_latency_course(struct page *page, const struct result *result)
{
    struct plot_point median[METER_SAMPLES_MAX];
    struct plot_point p99[METER_SAMPLES_MAX];
    struct plot plot = {
        .title = "Latency over time",
        .x_format = in_seconds,
        .y_format = as_latency,
        .y_log = true,
        .series = {{.name = "p50", .points = median}, {.name = "p99", .points = p99}},
    };
    plot.series[0].count = follow(result, COURSE_P50, median);
    plot.series[1].count = follow(result, COURSE_P99, p99);
    plot_add(page, &plot);
}

/* The table. */

static void add_row(struct page *page, const char *name, const char *value)
{
    page_add(page, "<tr><th>%s<td>%s\n", name, value);
}

static void add_counts(struct page *page, const struct result *result)
{
    const struct check *check = &result->run->load->check;
    char text[FIGURE_TEXT];
    add_row(page, "messages sent", page_count(text, result->run->load->sent));
    add_row(page, "deliveries", page_count(text, check->delivered));
    add_row(page, "deliveries per second", page_rate(text, result->values[METRIC_RATE]));
    add_row(page, "lost", page_rate(text, result->values[METRIC_LOST]));
    add_row(page, "duplicated", page_rate(text, result->values[METRIC_DUPLICATED]));
    add_row(page, "reordered", page_rate(text, result->values[METRIC_REORDERED]));
}

static void add_latencies(struct page *page, const struct result *result)
{
    static const char *const names[] = {
        [METRIC_P50] = "p50",    [METRIC_P90] = "p90", [METRIC_P99] = "p99",
        [METRIC_P999] = "p99.9", [METRIC_MAX] = "max",
    };
    char text[FIGURE_TEXT];
    for (enum metric metric = METRIC_P50; metric <= METRIC_MAX; metric++)
        add_row(page, names[metric], page_latency(text, result->values[metric]));
}

static void add_processes(struct page *page, const struct result *result)
{
    char text[FIGURE_TEXT];
    if (result->server_known) {
        page_add(page, "<tr><th>server CPU<td>%.0f %%, %.3f us per delivery\n",
                 100 * result->server_cpu, result->cpu_us_per_delivery);
        add_row(page, "server memory", page_bytes(text, result->run->end.server.memory_bytes));
    }
    if (result->seconds > 0)
        page_add(page, "<tr><th>chatload CPU<td>%.0f %%\n", 100 * result->own_cpu);
}

static void add_notes(struct page *page, const struct result *result)
{
    const struct settings *settings = result->run->load->settings;
    for (size_t i = 0; i < result->note_count; i++) {
        page_add(page, "<p>Note: ");
        plot_add_escaped(page, result->notes[i]);
        page_add(page, "</p>\n");
    }
    for (size_t i = 0; i < settings->limit_count; i++) {
        if (!result->exceeded[i])
            continue;
        page_add(page, "<p class=bad>Failed: ");
        plot_add_escaped(page, settings->limits[i].text);
        page_add(page, "</p>\n");
    }
}

void report_html(struct page *page, const struct result *result)
{
    page_add(page, "%s<h1>", head);
    report_title(page, result);
    page_add(page, "</h1>\n<table>\n");
    add_counts(page, result);
    add_latencies(page, result);
    add_processes(page, result);
    page_add(page, "</table>\n");
    add_notes(page, result);
    add_curve(page, &result->run->load->total);
    add_course(page, result, "Deliveries per second", COURSE_RATE, as_count);
    add_latency_course(page, result);
    if (result->server_known) {
        add_course(page, result, "Server CPU per delivery", COURSE_CPU, as_microseconds);
        add_course(page, result, "Server memory", COURSE_MEMORY, as_mebibytes);
    }
    page_add(page, "</body></html>\n");
}
