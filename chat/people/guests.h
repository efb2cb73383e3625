/*
 * guests: which guest numbers are taken. Pure but for its memory.
 *
 * Newcomers get the lowest number that is free and has rested, so that people see guest1 and
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

/* A number that was given back rests until so many others were: what is meant for the person who
 * was guest7 a moment ago does not reach the next one. */
#define GUESTS_RESTING 16

struct guests {
    struct sys *sys; /* for `words`, in guests_take alone */
    uint64_t *words; /* a set bit: taken */
    size_t capacity; /* words */
    size_t lowest; /* no word before this one has a free bit */
    uint32_t resting[GUESTS_RESTING]; /* numbers given back last, still marked as taken; 0: none */
    uint32_t rested; /* how many were given back: the next place in `resting` */
};

/* Makes a set in which every number is free; allocates nothing. */
void guests_init(struct guests *guests, struct sys *sys);

/* Frees the memory; every number is free again. */
void guests_release(struct guests *guests);

/* Takes the lowest free number, 1 or more, into `number`. 0, or -ENOMEM with nothing changed. */
int guests_take(struct guests *guests, uint32_t *number);

/* Gives `number` back, which must be taken: it is free once GUESTS_RESTING others were given back.
 */
void guests_give_back(struct guests *guests, uint32_t number);

#endif
