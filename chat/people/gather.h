/*
 * gather: arrivals and departures of a room, on their way into a few lines.
 * Pure but for its memory.
 *
 * Ten thousand arrivals are to be a handful of lines. What happens within a
 * short time is gathered and then composed: departures first, those of one
 * reason on one line, then arrivals. A line names at most five and counts the
 * rest. Arrivals are pointers to the names where their owners keep them, so a
 * rename meanwhile is a rename here too; those who leave before they were
 * announced are taken out and never mentioned.
 */
#ifndef CHAT_PEOPLE_GATHER_H
#define CHAT_PEOPLE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chat/people/names.h"
#include "reactor/base/sys.h"

/* Names on one line, and lines of departures. */
#define GATHER_NAMES_MAX 5
#define GATHER_REASONS_MAX 5

/* A line composed is at most this long, its reason aside. */
#define GATHER_LINE_BYTES 256

struct departures; /* gather.c */

/* Zeroed, it is empty. */
struct gather {
    const char **arrivals; /* NULL where somebody left again */
    uint32_t arrival_count; /* slots used */
    uint32_t arrival_capacity;
    uint32_t arrived; /* of these, who is still here */
    struct departures *departures; /* NULL: none */
};

/* Notes an arrival. `name` stays valid until it is announced or taken out. Returns its place (1 or
 * more), or 0 where there is no memory: then announce what is gathered and do without. */
uint32_t gather_arrival(struct gather *gather, struct sys *sys, const char *name);

/* Takes out the arrival at `place`. */
void gather_cancel(struct gather *gather, uint32_t place);

/* Notes the departure of `name` (copied) for `reason` (copied; NULL: none). False where there is no
 * memory: the caller tells at once or not at all. */
bool gather_departure(struct gather *gather, const char *name, struct sys *sys, const char *reason);

/* True where somebody has left. */
bool gather_has_departures(const struct gather *gather);

/* Composes the lines, in order, without the room's name, `#room -- ` or newline, each in at most
 * `size` bytes of `text` (GATHER_LINE_BYTES at least; a reason that is too long is cut), and hands
 * each to `emit`. */
void gather_compose(const struct gather *gather, char *text, size_t size,
                    void (*emit)(void *context, const char *line, size_t length), void *context);

/* Forgets everything and frees the memory. */
void gather_release(struct gather *gather, struct sys *sys);

#endif
