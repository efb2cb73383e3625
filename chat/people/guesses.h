/*
 * guesses: how many wrong keys each address has tried. Pure.
 *
 * After GUESSES_MAX wrong keys within GUESSES_NS an address is closed out of
 * locked rooms and held names for GUESSES_NS, so that keys of a few characters
 * hold. An address is the number that client->origin holds (unix peers share
 * one). Only the addresses that guessed last are remembered: somebody who owns
 * more of them than that has as many tries as addresses anyway.
 */
#ifndef CHAT_PEOPLE_GUESSES_H
#define CHAT_PEOPLE_GUESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "reactor/base/clock.h"

#define GUESSES_MAX 5
#define GUESSES_NS (60 * NS_PER_SECOND)
#define GUESSES_ADDRESSES 128

/* A zeroed one is empty. */
struct guesses {
    struct guesser {
        uint64_t origin;
        int64_t wrong_ns[GUESSES_MAX]; /* when, oldest first; 0: not yet */
        int64_t closed_ns; /* closed until then; 0: not */
    } guessers[GUESSES_ADDRESSES];
};

/* True while keys from `origin` are not looked at. */
bool guesses_closed(const struct guesses *guesses, uint64_t origin, int64_t now_ns);

/* A wrong key came from `origin`. */
void guesses_add(struct guesses *guesses, uint64_t origin, int64_t now_ns);

#endif
