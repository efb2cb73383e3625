/*
 * chatload_report: a result in writing: for people, for machines, for eyes.
 */
#ifndef TOOLS_CHATLOAD_REPORT_H
#define TOOLS_CHATLOAD_REPORT_H

#include "tools/chatload/result.h"
#include "tools/chatload/text.h"

/* Adds the report for a terminal. */
void report_text(struct page *page, const struct result *result);

/* Adds the report for machines: one JSON object. */
void report_json(struct page *page, const struct result *result);

/* Adds the report for eyes: one HTML file that fetches nothing. (chatload_html.c) */
void report_html(struct page *page, const struct result *result);

/* One line that says what was run. */
void report_title(struct page *page, const struct result *result);

#endif
