/*
 * history: the last lines a room remembers.
 *
 * Lines are numbered from 0 for as long as the history lives, so a reader that
 * shows them little by little keeps a number, and learns from a NULL that its
 * line has been forgotten meanwhile. One block a line, found through a ring of
 * pointers that doubles as lines come: a room where nobody spoke costs this
 * struct, one with three lines four pointers and three blocks, and none pays
 * for the limit before it is reached.
 *
 *      first                 end            number n is in slot n mod capacity;
 *   ...  37   38   39   40  (41)            37 goes when 41 comes, at a limit of 4
 *
 * There is one copy of a line however many are in the room. The worst case is
 * the limit times the longest line, for each room.
 */
#ifndef CHAT_PEOPLE_HISTORY_H
#define CHAT_PEOPLE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "chat/config/config.h"
#include "reactor/base/sys.h"

/* One remembered line. Valid until the next append or release. */
struct history_line {
    int64_t stamp_ns; /* the wall's clock when it was said */
    uint64_t author; /* the author's tag, for those who ignore them */
    uint32_t length; /* bytes of `text`, which has no NUL */
    char text[]; /* the line as it was sent, without its CR LF */
};

struct history {
    struct history_line **lines; /* `capacity` slots; those of first to end - 1 are owned */
    uint64_t first; /* the oldest line that is remembered */
    uint64_t end; /* the number the next line will have */
    size_t bytes; /* of the lines, with their heads */
    uint32_t capacity; /* slots: 0 or a power of two */
    uint32_t limit; /* lines */
};

/* Makes an empty history of at most `limit` lines (0: it remembers nothing); allocates nothing. */
void history_init(struct history *history, uint32_t limit);

/* Frees all lines and the ring; the history is empty then and its numbers begin again. `sys` is the
 * door that the lines were appended through. */
void history_release(struct history *history, struct sys *sys);

/* Remembers a copy of `text`, and forgets the oldest line if that is one too many. Returns 0, or
 * -ENOMEM: then this line isn't remembered, gets no number, and nothing else has changed. */
int history_append(struct history *history, struct sys *sys, int64_t stamp_ns, uint64_t author,
                   const char *text, size_t length);

/* Forgets the oldest lines until the rest has `keep_bytes` at most, heads included. */
void history_shrink(struct history *history, struct sys *sys, size_t keep_bytes);

/* The oldest line's number, and the one after the newest; equal where nothing is remembered. */
static inline uint64_t history_first(const struct history *history)
{
    return history->first;
}

static inline uint64_t history_end(const struct history *history)
{
    return history->end;
}

/* Line `number`, or NULL where it is forgotten or not yet said. */
const struct history_line *history_get(const struct history *history, uint64_t number);

#endif
