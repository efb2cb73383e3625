#include "chat/people/guests.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define BITS_PER_WORD 64
#define FIRST_CAPACITY 2

void guests_init(struct guests *guests, struct sys *sys)
{
    guests->sys = sys;
    guests->words = NULL;
    guests->capacity = 0;
    guests->lowest = 0;
    guests->rested = 0;
    memset(guests->resting, 0, sizeof(guests->resting));
}

void guests_release(struct guests *guests)
{
    guests->sys->release(guests->sys, guests->words);
    guests_init(guests, guests->sys);
}

/* Doubles the bitmap; the new half is free. */
static int grow(struct guests *guests)
{
    size_t capacity = guests->capacity ? guests->capacity * 2 : FIRST_CAPACITY;
    uint64_t *words = guests->sys->resize(guests->sys, guests->words, capacity * sizeof(words[0]));

    if (!words)
        return -ENOMEM;
    memset(words + guests->capacity, 0, (capacity - guests->capacity) * sizeof(words[0]));
    guests->words = words;
    guests->capacity = capacity;
    return 0;
}

int guests_take(struct guests *guests, uint32_t *number)
{
    while (guests->lowest < guests->capacity && guests->words[guests->lowest] == UINT64_MAX)
        guests->lowest++;
    if (guests->lowest == guests->capacity) {
        int rc = grow(guests);
        if (rc)
            return rc;
    }

    uint64_t *word = &guests->words[guests->lowest];
    int bit = __builtin_ctzll(~*word);
    *word |= UINT64_C(1) << bit;
    *number = (uint32_t)(guests->lowest * BITS_PER_WORD) + (uint32_t)bit + 1;
    return 0;
}

static void set_free(struct guests *guests, uint32_t number)
{
    const size_t word = (number - 1) / BITS_PER_WORD;
    const uint64_t bit = UINT64_C(1) << (number - 1) % BITS_PER_WORD;

    assert(number >= 1);
    assert(word < guests->capacity);
    assert(guests->words[word] & bit);
    guests->words[word] &= ~bit;
    if (word < guests->lowest)
        guests->lowest = word;
}

void guests_give_back(struct guests *guests, uint32_t number)
{
    uint32_t *place = &guests->resting[guests->rested++ % GUESTS_RESTING];
    if (*place != 0)
        set_free(guests, *place);
    *place = number;
}
