/*
 * chatload_plot: a plot as inline SVG. Pure.
 *
 * Lines over one pair of axes, in the colours that the page's style names
 * (`series-0`, `series-1`, `axis`, `grid`, `label`), so that light and dark are
 * the page's business.
 */
#ifndef TOOLS_CHATLOAD_PLOT_H
#define TOOLS_CHATLOAD_PLOT_H

#include <stdbool.h>

#include "tools/chatload/text.h"

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

/* Adds it as a figure; nothing where there are fewer than two points. */
void plot_add(struct page *page, const struct plot *plot);

/* Adds text that may hold anything as HTML text. */
void plot_add_escaped(struct page *page, const char *text);

#endif
