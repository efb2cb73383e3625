/*
 * chatload page: text that grows, figures as people read them, and plots as
 * inline SVG. Pure but for memory.
 *
 * A plot draws lines over one pair of axes in the classes that the page's style
 * names (`series-0`, `series-1`, `axis`, `grid`, `label`); light and dark are the
 * style's business.
 */
#ifndef TOOLS_CHATLOAD_PAGE_H
#define TOOLS_CHATLOAD_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for whatever is written here, with its end. */
#define FIGURE_TEXT 32

/* A latency in three or four digits: `850 us`, `1.25 ms`, `12.3 ms`, `2.05 s`; NAN is `not
 * measured`, as it is in text_rate, a count that may be NAN. */
const char *page_latency(char text[FIGURE_TEXT], double latency_us);

const char *page_rate(char text[FIGURE_TEXT], double rate);

/* A count in groups of three: `1,234,567`. */
const char *page_count(char text[FIGURE_TEXT], uint64_t count);

/* An amount of memory: `512 KiB`, `12.3 MiB`, `1.2 GiB`. */
const char *page_bytes(char text[FIGURE_TEXT], uint64_t bytes);

/* A text that grows; zeroed it is empty. If memory runs out, what is added is left out, and
 * `failed` says so. */
struct page {
    char *text;
    size_t length;
    size_t capacity;
    int failed; /* 0 or -ENOMEM */
};

void page_add(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_release(struct page *page);

#define PLOT_SERIES_MAX 2

struct plot_point {
    double x;
    double y;
};

/* Writes a value of an axis for people. */
typedef const char *plot_format(char text[FIGURE_TEXT], double value);

struct plot {
    const char *title;
    plot_format *x_format;
    plot_format *y_format;
    bool x_whole; /* ticks at whole numbers, and nowhere else */
    bool y_log; /* decades are equally far apart; otherwise the axis begins at 0 */
    struct plot_series {
        const char *name; /* NULL: it needs none */
        const struct plot_point *points; /* from left to right */
        size_t count;
    } series[PLOT_SERIES_MAX];
};

/* Adds the plot as a figure; adds nothing for fewer than two points. */
void plot_add(struct page *page, const struct plot *plot);

/* Adds text that may hold anything as HTML text. */
void plot_add_escaped(struct page *page, const char *text);

#endif
