/*
 * guests: which guest numbers are taken. Pure but for its memory.
 *
 * Newcomers get the lowest number that is free, so that people see guest1 and
 * guest2 rather than guest48213. A bitmap, one bit a number, doubled when it is
 * full and never made smaller; nobody is asked to keep more than the number.
 * Below `lowest` every word is full, so a search begins there. At worst, where
 * one low number comes and goes in a full house, it looks at one word for every
 * 64 guests: 157 of them at ten thousand, far less than accepting a connection.
 */
#ifndef CHAT_PEOPLE_GUESTS_H
#define CHAT_PEOPLE_GUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "reactor/base/sys.h"

struct guests {
    struct sys *sys; /* for `words`, in guests_take alone */
    uint64_t *words; /* a set bit: taken */
    size_t capacity; /* words */
    size_t lowest; /* no word before this one has a free bit */
};

/* Makes a set in which every number is free; allocates nothing. */
void guests_init(struct guests *guests, struct sys *sys);

/* Frees the memory; every number is free again. */
void guests_release(struct guests *guests);

/* Takes the lowest free number, 1 or more, into `number`. 0, or -ENOMEM with nothing changed. */
int guests_take(struct guests *guests, uint32_t *number);

/* Frees `number`, which must be taken. */
void guests_give_back(struct guests *guests, uint32_t number);

#endif
