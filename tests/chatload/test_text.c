/* Figures as people read them. */
#include "tools/chatload/text.h"

#include <criterion/criterion.h>

Test(chatload_text, latencies_have_three_digits)
{
    char text[FIGURE_TEXT];
    cr_expect_str_eq(text_latency(text, 0), "0 us");
    cr_expect_str_eq(text_latency(text, 850), "850 us");
    cr_expect_str_eq(text_latency(text, 1250), "1.25 ms");
    cr_expect_str_eq(text_latency(text, 12345), "12.3 ms");
    cr_expect_str_eq(text_latency(text, 123456), "123 ms");
    cr_expect_str_eq(text_latency(text, 2050000), "2.05 s");
    cr_expect_str_eq(text_latency(text, 59900000), "59.9 s");
}

Test(chatload_text, counts_come_in_groups_of_three)
{
    char text[FIGURE_TEXT];
    cr_expect_str_eq(text_count(text, 0), "0");
    cr_expect_str_eq(text_count(text, 999), "999");
    cr_expect_str_eq(text_count(text, 1000), "1,000");
    cr_expect_str_eq(text_count(text, 1234567), "1,234,567");
    cr_expect_str_eq(text_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

Test(chatload_text, memory_is_in_units_of_1024)
{
    char text[FIGURE_TEXT];
    cr_expect_str_eq(text_bytes(text, 0), "0 KiB");
    cr_expect_str_eq(text_bytes(text, 512 * 1024), "512 KiB");
    cr_expect_str_eq(text_bytes(text, 12 * 1024 * 1024 + 300 * 1024), "12.3 MiB");
    cr_expect_str_eq(text_bytes(text, UINT64_C(5) << 30), "5.0 GiB");
}
