#include "tools/chatload/page.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *page_latency(char text[FIGURE_TEXT], double latency_us)
{
    static const struct {
        double from_us;
        double unit_us;
        int digits;
        const char *name;
    } forms[] = {
        {1e7, 1e6, 1, "s"},  {1e6, 1e6, 2, "s"},  {1e5, 1e3, 0, "ms"},
        {1e4, 1e3, 1, "ms"}, {1e3, 1e3, 2, "ms"}, {0, 1, 0, "us"},
    };
    size_t i = 0;
    if (isnan(latency_us))
        return memcpy(text, "not measured", sizeof("not measured"));
    while (latency_us < forms[i].from_us)
        i++;
    snprintf(text, FIGURE_TEXT, "%.*f %s", forms[i].digits, latency_us / forms[i].unit_us,
             forms[i].name);
    return text;
}

const char *page_count(char text[FIGURE_TEXT], uint64_t count)
{
    char digits[FIGURE_TEXT];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    char *to = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *page_rate(char text[FIGURE_TEXT], double rate)
{
    return isnan(rate) ? page_latency(text, NAN) : page_count(text, (uint64_t)rate);
}

const char *page_bytes(char text[FIGURE_TEXT], uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB"};
    double amount = (double)bytes / 1024;
    size_t unit = 0;
    while (amount >= 1024 && unit < 2) {
        amount /= 1024;
        unit++;
    }
    snprintf(text, FIGURE_TEXT, "%.*f %s", unit > 0 && amount < 100, amount, units[unit]);
    return text;
}

/* Makes room for `size` more bytes. */
static int page_reserve(struct page *page, size_t size)
{
    if (page->length + size <= page->capacity)
        return 0;
    size_t capacity = page->capacity ? 2 * page->capacity : 4096;
    while (capacity < page->length + size)
        capacity *= 2;
    char *grown = realloc(page->text, capacity);
    if (!grown)
        return -ENOMEM;
    page->text = grown;
    page->capacity = capacity;
    return 0;
}

void page_add(struct page *page, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || page_reserve(page, (size_t)length + 1) < 0)
        page->failed = -ENOMEM;
    else
        page->length +=
            (size_t)vsnprintf(page->text + page->length, (size_t)length + 1, format, again);
    va_end(again);
}

void page_release(struct page *page)
{
    free(page->text);
    *page = (struct page){0};
}

#define WIDTH 640.0
#define HEIGHT 250.0
#define LEFT 78.0
#define RIGHT 36.0
#define TOP 12.0
#define BOTTOM 30.0

/* Ticks that an axis has at most. */
#define TICKS 6

/* The values at the ends of an axis, and their positions on the page. */
struct axis {
    double low;
    double high;
    double from;
    double to;
    bool log;
};

struct frame_of_plot {
    struct axis x;
    struct axis y;
};

static double position(const struct axis *axis, double value)
{
    double low = axis->log ? log10(axis->low) : axis->low;
    double high = axis->log ? log10(axis->high) : axis->high;
    double at = axis->log ? log10(value) : value;
    return axis->from + (at - low) / (high - low) * (axis->to - axis->from);
}

/* 1, 2 or 5 times a power of ten: the least step with which the axis has not too many ticks. */
static double nice_step(double length)
{
    double step = pow(10, floor(log10(length / TICKS)));
    if (length / step <= TICKS)
        return step;
    if (length / (2 * step) <= TICKS)
        return 2 * step;
    if (length / (5 * step) <= TICKS)
        return 5 * step;
    return 10 * step;
}

/* Widens the axes so that they hold all of the series. */
static void stretch(struct frame_of_plot *frame, const struct plot_series *series, bool log)
{
    for (size_t i = 0; i < series->count; i++) {
        const struct plot_point *point = &series->points[i];
        if (point->x > frame->x.high)
            frame->x.high = point->x;
        if (point->y > frame->y.high)
            frame->y.high = point->y;
        if (log && point->y > 0 && point->y < frame->y.low)
            frame->y.low = point->y;
    }
}

static struct frame_of_plot frame_of(const struct plot *plot)
{
    struct frame_of_plot frame = {
        .x = {.from = LEFT, .to = WIDTH - RIGHT},
        .y = {.from = HEIGHT - BOTTOM, .to = TOP, .log = plot->y_log},
    };
    frame.y.low = plot->y_log ? HUGE_VAL : 0;
    for (size_t i = 0; i < PLOT_SERIES_MAX; i++)
        stretch(&frame, &plot->series[i], plot->y_log);
    if (frame.x.high <= 0)
        frame.x.high = 1;
    if (plot->y_log) {
        if (frame.y.low > frame.y.high) /* no value is above 0 */
            frame.y.low = frame.y.high = 1;
        frame.y.low = pow(10, floor(log10(frame.y.low)));
        frame.y.high = pow(10, floor(log10(frame.y.high)) + 1);
    } else {
        double step = nice_step(frame.y.high > 0 ? frame.y.high : 1);
        frame.y.high = step * (floor(frame.y.high / step) + 1);
    }
    return frame;
}

static void add_x_tick(struct page *page, const struct plot *plot,
                       const struct frame_of_plot *frame, double value)
{
    char text[FIGURE_TEXT];
    double x = position(&frame->x, value);
    page_add(page, "<path class=grid d='M%.1f %.1fV%.1f'/>", x, frame->y.from, frame->y.to);
    page_add(page, "<text class=label x=%.1f y=%.1f text-anchor=middle>%s</text>\n", x,
             HEIGHT - BOTTOM + 18, plot->x_format(text, value));
}

static void add_y_tick(struct page *page, const struct plot *plot,
                       const struct frame_of_plot *frame, double value)
{
    char text[FIGURE_TEXT];
    double y = position(&frame->y, value);
    page_add(page, "<path class=grid d='M%.1f %.1fH%.1f'/>", frame->x.from, y, frame->x.to);
    page_add(page, "<text class=label x=%.1f y=%.1f text-anchor=end>%s</text>\n", LEFT - 8, y + 4,
             plot->y_format(text, value));
}

static void add_ticks(struct page *page, const struct plot *plot, const struct frame_of_plot *frame)
{
    double x_step = plot->x_whole ? ceil(frame->x.high / TICKS) : nice_step(frame->x.high);
    double y_step = plot->y_log ? 0 : nice_step(frame->y.high);
    for (int i = 0; i * x_step <= frame->x.high; i++)
        add_x_tick(page, plot, frame, i * x_step);
    for (int i = 0; !plot->y_log && i * y_step <= frame->y.high * 1.001; i++)
        add_y_tick(page, plot, frame, i * y_step);
    double decade = frame->y.low;
    while (plot->y_log && decade <= frame->y.high * 1.001) {
        add_y_tick(page, plot, frame, decade);
        decade *= 10;
    }
}

static void add_line(struct page *page, const struct frame_of_plot *frame,
                     const struct plot_series *series, size_t number)
{
    page_add(page, "<polyline class=series-%zu points='", number);
    for (size_t i = 0; i < series->count; i++) {
        const struct plot_point *point = &series->points[i];
        double y = frame->y.log && point->y < frame->y.low ? frame->y.low : point->y;
        page_add(page, "%.1f,%.1f ", position(&frame->x, point->x), position(&frame->y, y));
    }
    page_add(page, "'/>\n");
}

/* The names of the lines, each in its colour. */
static void add_legend(struct page *page, const struct plot *plot)
{
    for (size_t i = 0; i < PLOT_SERIES_MAX; i++)
        if (plot->series[i].name)
            page_add(page, " <span class=key-%zu>&#9632;</span> %s", i, plot->series[i].name);
}

void plot_add(struct page *page, const struct plot *plot)
{
    if (plot->series[0].count < 2)
        return;
    struct frame_of_plot frame = frame_of(plot);
    page_add(page, "<figure><figcaption>%s", plot->title);
    add_legend(page, plot);
    page_add(page, "</figcaption>\n<svg viewBox='0 0 %.0f %.0f' role=img aria-label='%s'>\n", WIDTH,
             HEIGHT, plot->title);
    add_ticks(page, plot, &frame);
    page_add(page, "<path class=axis d='M%.1f %.1fV%.1fH%.1f'/>\n", LEFT, TOP, HEIGHT - BOTTOM,
             WIDTH - RIGHT);
    for (size_t i = 0; i < PLOT_SERIES_MAX; i++)
        if (plot->series[i].count > 0)
            add_line(page, &frame, &plot->series[i], i);
    page_add(page, "</svg></figure>\n");
}

void plot_add_escaped(struct page *page, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            page_add(page, "&lt;");
            break;
        case '>':
            page_add(page, "&gt;");
            break;
        case '&':
            page_add(page, "&amp;");
            break;
        default:
            page_add(page, "%c", *text);
        }
    }
}
