#include "chat/people/history.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define FIRST_CAPACITY 4

void history_init(struct history *history, uint32_t limit)
{
    assert(limit <= CONFIG_HISTORY_MAX);
    history->lines = NULL;
    history->first = 0;
    history->end = 0;
    history->bytes = 0;
    history->capacity = 0;
    history->limit = limit;
}

static struct history_line **slot_of(const struct history *history, uint64_t number)
{
    return &history->lines[number & (history->capacity - 1)];
}

static size_t bytes_of(const struct history_line *line)
{
    return sizeof(*line) + line->length;
}

static void forget_oldest(struct history *history, struct sys *sys)
{
    struct history_line *oldest = *slot_of(history, history->first);
    history->bytes -= bytes_of(oldest);
    sys->release(sys, oldest);
    history->first++;
}

void history_release(struct history *history, struct sys *sys)
{
    while (history->first != history->end)
        forget_oldest(history, sys);
    sys->release(sys, history->lines);
    history_init(history, history->limit);
}

/* Doubles the ring; every line finds its place again by its number. */
static int grow(struct history *history, struct sys *sys)
{
    struct history grown = *history;

    grown.capacity = history->capacity ? history->capacity * 2 : FIRST_CAPACITY;
    grown.lines = sys->allocate(sys, grown.capacity * sizeof(grown.lines[0]));
    if (!grown.lines)
        return -ENOMEM;
    for (uint64_t number = history->first; number != history->end; number++)
        *slot_of(&grown, number) = *slot_of(history, number);
    sys->release(sys, history->lines);
    *history = grown;
    return 0;
}

/* Makes sure that the next line has a slot: one of its own below the limit, the oldest's at it. */
static int make_room(struct history *history, struct sys *sys)
{
    uint64_t count = history->end - history->first;

    if (count == history->limit || count < history->capacity)
        return 0;
    return grow(history, sys);
}

int history_append(struct history *history, struct sys *sys, int64_t stamp_ns, uint64_t author,
                   const char *text, size_t length)
{
    struct history_line *line;

    assert(length <= UINT32_MAX);
    if (history->limit == 0)
        return 0;
    line = sys->allocate(sys, sizeof(*line) + length);
    if (!line)
        return -ENOMEM;
    int rc = make_room(history, sys);
    if (rc)
        goto release_line;

    line->stamp_ns = stamp_ns;
    line->author = author;
    line->length = (uint32_t)length;
    memcpy(line->text, text, length);
    if (history->end - history->first == history->limit)
        forget_oldest(history, sys);
    *slot_of(history, history->end) = line;
    history->end++;
    history->bytes += bytes_of(line);
    return 0;

release_line:
    sys->release(sys, line);
    return rc;
}

void history_shrink(struct history *history, struct sys *sys, size_t keep_bytes)
{
    while (history->bytes > keep_bytes)
        forget_oldest(history, sys);
}

const struct history_line *history_get(const struct history *history, uint64_t number)
{
    if (number < history->first || number >= history->end)
        return NULL;
    return *slot_of(history, number);
}
