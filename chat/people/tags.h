/*
 * tags: finds a client by its tag.
 *
 * A tag is who somebody is, whatever they are called: /ignore and /r remember
 * tags. Tags are numbers in order, given by the server, so a plain hash will do.
 * Open addressing as in names.h: at most three quarters of the slots are taken,
 * 11 to 22 bytes per client, and the table never shrinks.
 */
#ifndef CHAT_PEOPLE_TAGS_H
#define CHAT_PEOPLE_TAGS_H

#include <stddef.h>
#include <stdint.h>

#include "reactor/base/sys.h"

struct client;

struct tags {
    struct sys *sys; /* for `slots` */
    struct client **slots; /* NULL: free */
    size_t capacity; /* slots; 0 or a power of two */
    size_t count; /* slots taken */
};

/* Makes an empty table; allocates nothing. */
void tags_init(struct tags *tags, struct sys *sys);

/* Frees the slots; the clients are left as they are. */
void tags_release(struct tags *tags);

/* Makes room for one more client. Returns 0, or -ENOMEM with nothing changed. */
int tags_reserve(struct tags *tags);

/* Adds a client, which has its tag by now, to a table with room for it. */
void tags_add(struct tags *tags, struct client *client);

/* Takes out a client, which must be in the table. */
void tags_remove(struct tags *tags, const struct client *client);

/* The client with this tag, or NULL. */
struct client *tags_find(const struct tags *tags, uint64_t tag);

#endif
