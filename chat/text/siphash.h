/*
 * siphash: a keyed hash that nobody can predict without its key. Pure.
 *
 * SipHash-2-4 by Jean-Philippe Aumasson and Daniel J. Bernstein ("SipHash: a
 * fast short-input PRF", 2012). Clients choose the names in a hash table. With
 * an ordinary hash, anybody could choose ten thousand that fall into one chain;
 * with this one they would need the key. Neither the key nor a hash value may
 * ever be shown.
 */
#ifndef CHAT_TEXT_SIPHASH_H
#define CHAT_TEXT_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* 128 bits from the kernel's generator; in memory order they are the paper's k0 and k1. */
struct siphash_key {
    uint64_t half[2];
};

/* The hash of `length` bytes of `data` under `key`. */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t length);

#endif
