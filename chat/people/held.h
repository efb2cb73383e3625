/*
 * held: names that only a key takes.
 *
 * `/nick ann KEY` holds a name while its holder is here and for HELD_NS after
 * that. The key itself is kept nowhere: only its hash under the server's secret,
 * which changes with every start, so held names do not outlive the server. At
 * most HELD_MAX names are held, HELD_PER_ADDRESS by one address; names whose
 * time is over are dropped when they are met or when room is needed.
 *
 * A name keeps the tag of the client that held it first (`owner`). The creator's
 * rights of rooms go with that tag, so they pass to whoever comes with the key.
 */
#ifndef CHAT_PEOPLE_HELD_H
#define CHAT_PEOPLE_HELD_H

#include "chat/people/names.h"
#include "reactor/base/clock.h"

#define HELD_MAX 1000 /* some 150 KiB */
#define HELD_PER_ADDRESS 4 /* enough for a family behind one router */
#define HELD_NS (3600 * NS_PER_SECOND)

/* Shorter ones are guessed, longer ones are not typed. */
#define HELD_KEY_MIN 4
#define HELD_KEY_MAX 20

struct held_name {
    uint64_t hash; /* of name and key */
    uint64_t origin; /* the address that holds it */
    uint64_t owner; /* the tag of its first holder */
    uint64_t holder; /* the tag of the client that is called so; 0: nobody is now */
    int64_t left_ns; /* when the holder left; while there is none */
    char name[NAMES_NICK_MAX + 1];
};

struct held {
    struct names names; /* its key hashes keys too */
};

/* Makes an empty table. Returns 0 or -errno. */
int held_init(struct held *held, struct sys *sys);
void held_release(struct held *held);

/* The held name in force that is `name` whatever the case, or NULL. */
struct held_name *held_find(struct held *held, const char *name, size_t length, int64_t now_ns);

/* True if `key` may hold a name: 4 to 20 printable ASCII characters. */
bool held_key_valid(const char *key, size_t length);

/* True if `key` is the one that holds the name. */
bool held_key_fits(const struct held *held, const struct held_name *name, const char *key,
                   size_t length);

/* Gives a held name another key. */
void held_set_key(const struct held *held, struct held_name *name, const char *key, size_t length);

/* Holds a name that is not held, a valid one, for an address; the rest is for the caller to fill
 * in. Returns 0 with it in *name; -ENOSPC if HELD_MAX are held, -EUSERS if the address holds
 * HELD_PER_ADDRESS, -ENOMEM. */
int held_add(struct held *held, const char *text, uint64_t origin, int64_t now_ns,
             struct held_name **name);

/* Holds it no more. */
void held_drop(struct held *held, struct held_name *name);

#endif
