/*
 * chatload_text: figures as people read them. Pure.
 */
#ifndef TOOLS_CHATLOAD_TEXT_H
#define TOOLS_CHATLOAD_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Room for whatever is written here, with its end. */
#define FIGURE_TEXT 32

/* A latency in three or four digits: `850 us`, `1.25 ms`, `12.3 ms`, `2.05 s`; NAN is `not
 * measured`, as it is in text_rate, a count that may be NAN. */
const char *text_latency(char text[FIGURE_TEXT], double latency_us);

const char *text_rate(char text[FIGURE_TEXT], double rate);

/* A count in groups of three: `1,234,567`. */
const char *text_count(char text[FIGURE_TEXT], uint64_t count);

/* An amount of memory: `512 KiB`, `12.3 MiB`, `1.2 GiB`. */
const char *text_bytes(char text[FIGURE_TEXT], uint64_t bytes);

/* A text that grows; zeroed it is empty. What can't be had for lack of memory is left out, and
 * `failed` says so. */
struct page {
    char *text;
    size_t length;
    size_t capacity;
    int failed; /* 0 or -ENOMEM */
};

void page_add(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_release(struct page *page);

#endif
