#include "tools/chatload/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *text_latency(char text[FIGURE_TEXT], double latency_us)
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

const char *text_count(char text[FIGURE_TEXT], uint64_t count)
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

const char *text_rate(char text[FIGURE_TEXT], double rate)
{
    return isnan(rate) ? text_latency(text, NAN) : text_count(text, (uint64_t)rate);
}

const char *text_bytes(char text[FIGURE_TEXT], uint64_t bytes)
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
