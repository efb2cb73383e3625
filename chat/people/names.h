/*
 * names: what people and rooms may be called, and who is called what.
 *
 * The table finds an owner by name, whatever the case. A slot is a pointer to
 * the name where its owner keeps it (a char array in a struct; container_of
 * leads back), so the table owns nothing but its slots. Open addressing with
 * linear probing: a name stands in the slot its hash says or in one of those
 * that follow it without a gap, and a removal moves up what would be cut off by
 * the gap it leaves, so there are no marks of the dead to clear out. The hash
 * is keyed from the kernel's generator: nobody outside can choose names that
 * fall into one place.
 *
 * Slots are kept at most three quarters full and double when they are: 11 to 22
 * bytes a name. They never become fewer again before the table is released: a
 * server that was full once will be again, and a table of ten thousand
 * takes 128 KiB.
 */
#ifndef CHAT_PEOPLE_NAMES_H
#define CHAT_PEOPLE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "chat/text/siphash.h"
#include "reactor/base/sys.h"

/* The longest names of people, and of rooms with their #, in bytes without the closing NUL. Short
 * enough that a line on 80 columns has room for what is said. */
#define NAMES_NICK_MAX 20
#define NAMES_ROOM_MAX 31

/* No name in a table is longer, whatever it names. */
#define NAMES_TEXT_MAX NAMES_ROOM_MAX

/* What the server calls people who have not taken a name; followed by a number. */
#define NAMES_GUEST "guest"

struct names {
    struct sys *sys; /* for slots, in names_add alone */
    const char **slots; /* the owners' names; NULL: free */
    size_t capacity; /* slots; 0 or a power of two */
    size_t count; /* slots taken */
    struct siphash_key key;
};

/* What may be said against a person's name. */
enum names_fault {
    NAMES_FINE,
    NAMES_INVALID, /* not 1 to NAMES_NICK_MAX of A-Z a-z 0-9 _ -, starting with a letter */
    NAMES_GUESTS, /* `guest` and a number: only the server gives these */
    NAMES_RESERVED /* could be taken for the server, its operator or everybody */
};

/* Judges a name that a person wants. `server` is the --name: reserved too. */
enum names_fault names_judge_nick(const char *text, size_t length, const char *server);

/* Spells the room that somebody typed, with or without its # and in any case: writes `#` and the
 * name in lower case, NUL-terminated, to `room` and returns its length; 0 if it is not a valid
 * name (1 to 30 of a-z 0-9 _ - after the #), and then `room` is not written. */
size_t names_spell_room(char room[static NAMES_ROOM_MAX + 1], const char *text, size_t length);

/* Makes an empty table that has allocated nothing; -errno where the kernel gives no random key. */
int names_init(struct names *names, struct sys *sys);

/* Frees the slots. The owners and their names are left as they are. */
void names_release(struct names *names);

/* The name in the table that is `text` whatever the case, or NULL. Any text may be asked for. */
const char *names_find(const struct names *names, const char *text, size_t length);

/* Puts `name` into the table, where it stays, unchanged, until names_remove or names_rename. 1 to
 * NAMES_TEXT_MAX bytes. Returns 0; -EEXIST where the name is taken; -ENOMEM, and then the table is
 * as before. After a names_remove, one names_add needs no memory. */
int names_add(struct names *names, const char *name);

/* Takes out `name`, this very pointer, which must be in the table. */
void names_remove(struct names *names, const char *name);

/* Changes `name`, this very pointer, which must be in the table, to `text` (1 to NAMES_TEXT_MAX
 * bytes, for which the owner has room with a NUL). Returns 0, or -EEXIST where somebody else has
 * it: a change of case alone is fine. Never runs out of memory. */
int names_rename(struct names *names, char *name, const char *text, size_t length);

/* How many names are in the table. */
size_t names_count(const struct names *names);

/* Walks through the table in no order: the name at or after `*position` (0 at first), which it
 * moves on; NULL at the end. Where names are added or removed on the way, any may be met twice or
 * not at all. */
const char *names_next(const struct names *names, size_t *position);

/* Asserts what the head of this file promises; looks at every slot. */
void names_check(const struct names *names);

#endif
