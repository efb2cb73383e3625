#include "tools/chatload/plot.h"

#include <math.h>

#define WIDTH 640.0
#define HEIGHT 250.0
#define LEFT 78.0
#define RIGHT 36.0
#define TOP 12.0
#define BOTTOM 30.0

/* Ticks that an axis has at most. */
#define TICKS 6

/* The values at the ends of an axis, and where these are on the page. */
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
