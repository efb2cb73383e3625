#include "chat/people/gather.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "chat/text/text.h"

#define FIRST_CAPACITY 8

/* Those who left for one reason. */
struct departed {
    char *reason; /* owned; NULL: none was given */
    uint32_t count;
    char names[GATHER_NAMES_MAX][NAMES_NICK_MAX + 1]; /* the first of them */
};

struct departures {
    uint32_t reasons; /* used of `departed` */
    uint32_t others; /* who left for more reasons than there are lines */
    struct departed departed[GATHER_REASONS_MAX];
};

/* Noting. */

static bool grow(struct gather *gather, struct sys *sys)
{
    uint32_t capacity = gather->arrival_capacity ? gather->arrival_capacity * 2 : FIRST_CAPACITY;
    const char **arrivals =
        sys->resize(sys, gather->arrivals, capacity * sizeof(gather->arrivals[0]));
    if (!arrivals)
        return false;
    gather->arrivals = arrivals;
    gather->arrival_capacity = capacity;
    return true;
}

uint32_t gather_arrival(struct gather *gather, struct sys *sys, const char *name)
{
    if (gather->arrival_count == gather->arrival_capacity && !grow(gather, sys))
        return 0;
    gather->arrivals[gather->arrival_count++] = name;
    gather->arrived++;
    return gather->arrival_count;
}

void gather_cancel(struct gather *gather, uint32_t place)
{
    assert(place >= 1 && place <= gather->arrival_count);
    assert(gather->arrivals[place - 1]);
    gather->arrivals[place - 1] = NULL;
    gather->arrived--;
    /* Somebody who comes and goes all the time takes the same slot again. */
    while (gather->arrival_count > 0 && !gather->arrivals[gather->arrival_count - 1])
        gather->arrival_count--;
}

static bool same_reason(const char *one, const char *other)
{
    if (!one || !other)
        return one == other;
    return strcmp(one, other) == 0;
}

static bool add_reason(struct departures *departures, struct sys *sys, const char *reason)
{
    char *copy = NULL;
    if (reason) {
        size_t size = strlen(reason) + 1;
        copy = sys->allocate(sys, size);
        if (!copy)
            return false;
        memcpy(copy, reason, size);
    }
    departures->departed[departures->reasons++] = (struct departed){.reason = copy};
    return true;
}

/* Counts somebody who left, and keeps the name where its line has a place for it. */
static void add_departed(struct departed *departed, const char *name)
{
    if (departed->count < GATHER_NAMES_MAX) {
        size_t length = strlen(name);
        assert(length <= NAMES_NICK_MAX);
        memcpy(departed->names[departed->count], name, length + 1);
    }
    departed->count++;
}

bool gather_departure(struct gather *gather, const char *name, struct sys *sys, const char *reason)
{
    if (!gather->departures) {
        gather->departures = sys->allocate(sys, sizeof(*gather->departures));
        if (!gather->departures)
            return false;
        *gather->departures = (struct departures){0};
    }
    struct departures *departures = gather->departures;
    uint32_t i = 0;
    while (i < departures->reasons && !same_reason(departures->departed[i].reason, reason))
        i++;
    if (i == GATHER_REASONS_MAX) {
        departures->others++;
        return true;
    }
    if (i == departures->reasons && !add_reason(departures, sys, reason))
        return false;
    add_departed(&departures->departed[i], name);
    return true;
}

bool gather_has_departures(const struct gather *gather)
{
    return gather->departures && gather->departures->reasons > 0;
}

/* Composing. */

struct line {
    char *text;
    size_t size;
    size_t length;
};

/* Adds what fits, whole characters only. */
static void add(struct line *line, const char *text)
{
    size_t length = text_cut(text, strlen(text), line->size - line->length);
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void add_count(struct line *line, uint32_t count)
{
    char text[32];
    (void)snprintf(text, sizeof(text), count == 1 ? "%u other" : "%u others", count);
    add(line, text);
}

/* Who is named on one line, and how many it speaks of. */
struct mention {
    const char *names[GATHER_NAMES_MAX];
    uint32_t named;
    uint32_t count;
};

/* `ann`, `ann and bob`, `ann, bob and eve`, `ann, bob, cat, dog, eve and 7 others`. */
static void add_mention(struct line *line, const struct mention *mention)
{
    for (uint32_t i = 0; i < mention->named; i++) {
        if (i > 0)
            add(line, i + 1 == mention->count ? " and " : ", ");
        add(line, mention->names[i]);
    }
    if (mention->named == mention->count)
        return;
    add(line, " and ");
    add_count(line, mention->count - mention->named);
}

static void add_departed_line(struct line *line, const struct departed *departed)
{
    struct mention mention = {.count = departed->count};
    while (mention.named < departed->count && mention.named < GATHER_NAMES_MAX) {
        mention.names[mention.named] = departed->names[mention.named];
        mention.named++;
    }
    add_mention(line, &mention);
    add(line, " left");
    if (!departed->reason)
        return;
    add(line, " (");
    line->size--; /* a reason that is cut is closed all the same */
    add(line, departed->reason);
    line->size++;
    add(line, ")");
}

static void add_arrivals(struct line *line, const struct gather *gather)
{
    struct mention mention = {.count = gather->arrived};
    for (uint32_t i = 0; i < gather->arrival_count && mention.named < GATHER_NAMES_MAX; i++)
        if (gather->arrivals[i])
            mention.names[mention.named++] = gather->arrivals[i];
    add_mention(line, &mention);
    add(line, " joined");
}

void gather_compose(const struct gather *gather, char *text, size_t size,
                    void (*emit)(void *context, const char *line, size_t length), void *context)
{
    const struct departures *departures = gather->departures;
    assert(size >= GATHER_LINE_BYTES);
    for (uint32_t i = 0; departures && i < departures->reasons; i++) {
        struct line line = {.text = text, .size = size};
        add_departed_line(&line, &departures->departed[i]);
        emit(context, text, line.length);
    }
    if (departures && departures->others > 0) {
        struct line line = {.text = text, .size = size};
        add_count(&line, departures->others);
        add(&line, " left");
        emit(context, text, line.length);
    }
    if (gather->arrived > 0) {
        struct line line = {.text = text, .size = size};
        add_arrivals(&line, gather);
        emit(context, text, line.length);
    }
}

void gather_release(struct gather *gather, struct sys *sys)
{
    struct departures *departures = gather->departures;
    for (uint32_t i = 0; departures && i < departures->reasons; i++)
        sys->release(sys, departures->departed[i].reason);
    sys->release(sys, departures);
    sys->release(sys, gather->arrivals);
    *gather = (struct gather){0};
}
