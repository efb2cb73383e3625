/*
 * debug: what counts as a slow callback, and who is told.
 *
 * Everything on the loop runs on one thread, so a callback that takes long
 * makes everybody wait. With debug mode on, the loop reads the clock before and
 * after each callback and hands what took longer than the threshold to
 * `report`: the task's name, the await it resumed from and how long it ran. Off,
 * this costs one predictable branch a callback; on, two clock reads. It can be
 * switched while the loop runs. It measures; it never interrupts.
 */
#ifndef REACTOR_LOOP_DEBUG_H
#define REACTOR_LOOP_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

/* asyncio's default too: long enough not to fire on a busy machine, short enough to be felt. */
#define DEBUG_SLOW_CALLBACK_NS INT64_C(100000000)

/* Room for a callback's name as it is reported; a longer one is cut. */
#define DEBUG_NAME_BYTES 64

/* A place in a program: where a task waits, with the awaited expression's text. Always static. */
struct site {
    const char *file;
    int line;
    const char *text;
};

/* One slow callback, as reported. The strings are valid during the report only. */
struct debug_slow {
    const char *name; /* of the task, or of the callback */
    const struct site *where; /* the await it resumed from; NULL: its start, or no task */
    int64_t took_ns;
};

struct debug {
    bool enabled;
    int64_t threshold_ns; /* longer than this is slow */
    uint64_t slow_count; /* since the start; kept when debug mode is switched off */
    void (*report)(void *context, const struct debug_slow *slow); /* NULL: only counted */
    void *context;
};

/* Starts with debug mode off, or on where `environment` (the value of REACTOR_DEBUG, or NULL) is
 * neither empty nor "0", and with DEBUG_SLOW_CALLBACK_NS. */
void debug_init(struct debug *debug, const char *environment);

/* Judges a callback that ran for `took_ns`; called by the loop only. May call `report`. */
void debug_judge(struct debug *debug, const char *name, const struct site *where, int64_t took_ns);

#endif
