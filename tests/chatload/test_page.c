/* Figures as people read them, and plots as SVG. */
#include "tools/chatload/page.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Test(chatload_page, text_in_html_is_text)
{
    struct page page = {0};
    plot_add_escaped(&page, "p99<5ms & 'x'>\"y\"");
    cr_expect_str_eq(page.text, "p99&lt;5ms &amp; 'x'&gt;\"y\"");
    page_release(&page);
}

static const char *plain(char text[FIGURE_TEXT], double value)
{
    return page_count(text, (uint64_t)value);
}

Test(chatload_page, lines_stay_within_their_axes)
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

Test(chatload_page, whole_numbers_are_skipped_where_there_are_many)
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

Test(chatload_page, one_point_is_no_line)
{
    const struct plot_point point = {1, 2};
    struct page page = {0};
    struct plot plot = {.title = "t", .x_format = plain, .y_format = plain};
    plot.series[0].points = &point;
    plot.series[0].count = 1;
    plot_add(&page, &plot);
    cr_expect_eq(page.length, 0);
}

Test(chatload_page, latencies_have_three_digits)
{
    char text[FIGURE_TEXT];
    cr_expect_str_eq(page_latency(text, 0), "0 us");
    cr_expect_str_eq(page_latency(text, 850), "850 us");
    cr_expect_str_eq(page_latency(text, 1250), "1.25 ms");
    cr_expect_str_eq(page_latency(text, 12345), "12.3 ms");
    cr_expect_str_eq(page_latency(text, 123456), "123 ms");
    cr_expect_str_eq(page_latency(text, 2050000), "2.05 s");
    cr_expect_str_eq(page_latency(text, 59900000), "59.9 s");
}

Test(chatload_page, what_was_not_measured_is_no_number)
{
    char text[FIGURE_TEXT];
    cr_expect_str_eq(page_latency(text, NAN), "not measured");
    cr_expect_str_eq(page_rate(text, NAN), "not measured");
    cr_expect_str_eq(page_rate(text, 12345.6), "12,345");
}

Test(chatload_page, counts_come_in_groups_of_three)
{
    char text[FIGURE_TEXT];
    cr_expect_str_eq(page_count(text, 0), "0");
    cr_expect_str_eq(page_count(text, 999), "999");
    cr_expect_str_eq(page_count(text, 1000), "1,000");
    cr_expect_str_eq(page_count(text, 1234567), "1,234,567");
    cr_expect_str_eq(page_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

Test(chatload_page, memory_is_in_units_of_1024)
{
    char text[FIGURE_TEXT];
    cr_expect_str_eq(page_bytes(text, 0), "0 KiB");
    cr_expect_str_eq(page_bytes(text, 512 * 1024), "512 KiB");
    cr_expect_str_eq(page_bytes(text, 1023 * 1024), "1023 KiB");
    cr_expect_str_eq(page_bytes(text, 1024 * 1024), "1.0 MiB");
    cr_expect_str_eq(page_bytes(text, UINT64_C(1024) * 1024 * 1024), "1.0 GiB");
    cr_expect_str_eq(page_bytes(text, UINT64_C(2048) << 30), "2048 GiB");
    cr_expect_str_eq(page_bytes(text, 12 * 1024 * 1024 + 300 * 1024), "12.3 MiB");
    cr_expect_str_eq(page_bytes(text, UINT64_C(5) << 30), "5.0 GiB");
}
