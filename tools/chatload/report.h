/*
 * chatload report: the figures of a run, what they mean, and how they are shown.
 *
 * result_make turns counters into figures, judges them and adds notes: that
 * chatload itself was the bottleneck, that the server holds senders back, that
 * lines were refused. The three reports only write the result down.
 */
#ifndef TOOLS_CHATLOAD_REPORT_H
#define TOOLS_CHATLOAD_REPORT_H

#include "tools/chatload/page.h"
#include "tools/chatload/run.h"

#define RESULT_NOTES_MAX 12
#define RESULT_NOTE_TEXT 320

/* How much of a CPU counts as all of it. */
#define RESULT_CPU_FULL 0.95

/* A sender's question that waits longer than this, and so many times longer than a listener's, is
 * held back. */
#define RESULT_HELD_BACK_US 4000
#define RESULT_HELD_BACK_TIMES 5

struct result {
    const struct run *run;
    double seconds; /* measured; 0: nothing was, and these are NAN: */
    double message_rate; /* messages per second */
    double own_cpu; /* share of a CPU that chatload used */
    double own_wait; /* share of the time that it waited for one */
    bool server_known;
    double server_cpu; /* share of a CPU that the server used; valid if it is known, as are: */
    double cpu_us_per_delivery;
    double values[METRICS]; /* NAN: it was not measured */
    bool exceeded[SETTINGS_LIMITS_MAX];
    bool failed; /* the exit status is 1, unless it was: */
    bool interrupted;
    char notes[RESULT_NOTES_MAX][RESULT_NOTE_TEXT];
    size_t note_count;
};

/* Makes the result of a run that was measured. */
void result_make(struct result *result, const struct run *run);

/* Adds the report for a terminal. */
void report_text(struct page *page, const struct result *result);

/* Adds the report for machines: one JSON object. */
void report_json(struct page *page, const struct result *result);

/* Adds the report for eyes: one HTML file that fetches nothing. (chatload_html.c) */
void report_html(struct page *page, const struct result *result);

/* One line that says what was run. */
void report_title(struct page *page, const struct result *result);

#endif
