#include "chat/people/tags.h"

#include <assert.h>
#include <errno.h>

#include "chat/people/client.h"

#define FIRST_CAPACITY 16

void tags_init(struct tags *tags, struct sys *sys)
{
    *tags = (struct tags){.sys = sys};
}

void tags_release(struct tags *tags)
{
    tags->sys->release(tags->sys, tags->slots);
    tags_init(tags, tags->sys);
}

/* Spreads neighbours over the table: the multiplier is 2^64 divided by the golden ratio. */
static size_t home_slot(const struct tags *tags, uint64_t tag)
{
    return (size_t)(tag * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (tags->capacity - 1);
}

/* The slot of `tag`, or the free one where it would go. There are always free ones. */
static size_t find_slot(const struct tags *tags, uint64_t tag)
{
    size_t slot = home_slot(tags, tag);
    while (tags->slots[slot] && client_tag(tags->slots[slot]) != tag)
        slot = (slot + 1) & (tags->capacity - 1);
    return slot;
}

int tags_reserve(struct tags *tags)
{
    struct tags grown = *tags;
    if (tags->count + 1 <= tags->capacity / 4 * 3)
        return 0;
    grown.capacity = tags->capacity ? tags->capacity * 2 : FIRST_CAPACITY;
    grown.slots = tags->sys->allocate(tags->sys, grown.capacity * sizeof(*grown.slots));
    if (!grown.slots)
        return -ENOMEM;
    for (size_t i = 0; i < grown.capacity; i++)
        grown.slots[i] = NULL;
    for (size_t i = 0; i < tags->capacity; i++)
        if (tags->slots[i])
            grown.slots[find_slot(&grown, client_tag(tags->slots[i]))] = tags->slots[i];
    tags->sys->release(tags->sys, tags->slots);
    *tags = grown;
    return 0;
}

void tags_add(struct tags *tags, struct client *client)
{
    assert(tags->count < tags->capacity / 4 * 3);
    size_t slot = find_slot(tags, client_tag(client));
    assert(!tags->slots[slot]);
    tags->slots[slot] = client;
    tags->count++;
}

void tags_remove(struct tags *tags, const struct client *client)
{
    const size_t mask = tags->capacity - 1;
    size_t gap = find_slot(tags, client_tag(client));
    assert(tags->slots[gap] == client);
    /* As in names.c: an entry that could not be reached across the gap moves into it. */
    for (size_t next = (gap + 1) & mask; tags->slots[next]; next = (next + 1) & mask) {
        size_t home = home_slot(tags, client_tag(tags->slots[next]));
        if (((next - home) & mask) < ((next - gap) & mask))
            continue;
        tags->slots[gap] = tags->slots[next];
        gap = next;
    }
    tags->slots[gap] = NULL;
    tags->count--;
}

struct client *tags_find(const struct tags *tags, uint64_t tag)
{
    return tags->capacity == 0 ? NULL : tags->slots[find_slot(tags, tag)];
}
