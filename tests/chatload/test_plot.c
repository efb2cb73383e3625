/* Plots as SVG. */
#include "tools/chatload/plot.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(chatload_plot, text_in_html_is_text)
{
    struct page page = {0};
    plot_add_escaped(&page, "p99<5ms & 'x'>\"y\"");
    cr_expect_str_eq(page.text, "p99&lt;5ms &amp; 'x'&gt;\"y\"");
    page_release(&page);
}

static const char *plain(char text[FIGURE_TEXT], double value)
{
    return text_count(text, (uint64_t)value);
}

Test(chatload_plot, lines_stay_within_their_axes)
{
    const struct plot_point points[] = {{0, 5}, {1, 80}, {2, 0}, {3, 7000}};
    for (int log = 0; log < 2; log++) {
        struct page page = {0};
        struct plot plot = {.title = "t", .x_format = plain, .y_format = plain, .y_log = log};
        plot.series[0].points = points;
        plot.series[0].count = 4;
        plot_add(&page, &plot);
        const char *line = strstr(page.text, "<polyline class=series-0 points='");
        cr_assert_not_null(line);
        char *at = (char *)strchr(line, '\'') + 1;
        for (int i = 0; i < 4; i++) {
            double x = strtod(at, &at);
            double y = strtod(at + 1, &at);
            cr_expect(x >= 78 && x <= 604, "x is %g", x);
            cr_expect(y >= 12 && y <= 220, "y is %g", y);
        }
        page_release(&page);
    }
}

Test(chatload_plot, whole_numbers_are_skipped_where_there_are_many)
{
    struct plot_point points[] = {{0, 5}, {0, 5}};
    for (int most = 1; most < 20; most++) {
        int ticks = 0;
        struct page page = {0};
        struct plot plot = {.title = "t", .x_format = plain, .y_format = plain, .x_whole = true};
        points[1].x = most + 0.5;
        plot.series[0].points = points;
        plot.series[0].count = 2;
        plot_add(&page, &plot);
        for (const char *at = page.text; (at = strstr(at, "text-anchor=middle")); at++)
            ticks++;
        cr_expect(ticks >= 2 && ticks <= 7, "%d ticks up to %d", ticks, most);
        page_release(&page);
    }
}

Test(chatload_plot, one_point_is_no_line)
{
    const struct plot_point point = {1, 2};
    struct page page = {0};
    struct plot plot = {.title = "t", .x_format = plain, .y_format = plain};
    plot.series[0].points = &point;
    plot.series[0].count = 1;
    plot_add(&page, &plot);
    cr_expect_eq(page.length, 0);
}
