#include "chat/people/names.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "chat/text/text.h"

#define FIRST_CAPACITY 16

static bool is_letter(char byte)
{
    byte = text_fold(byte);
    return byte >= 'a' && byte <= 'z';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_name_byte(char byte)
{
    return is_letter(byte) || is_digit(byte) || byte == '_' || byte == '-';
}

static bool all(const char *text, size_t length, bool (*is)(char byte))
{
    for (size_t i = 0; i < length; i++)
        if (!is(text[i]))
            return false;
    return true;
}

static bool is_guest(const char *text, size_t length)
{
    const size_t prefix = strlen(NAMES_GUEST);

    return length > prefix && text_equal_folded(text, NAMES_GUEST, prefix) &&
           all(text + prefix, length - prefix, is_digit);
}

static bool is_reserved(const char *text, size_t length, const char *server)
{
    static const char *const reserved[] = {"server",   "chatd", "admin",  "administrator",
                                           "operator", "root",  "system", "help",
                                           "everyone", "all",   "you",    "nobody"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (strlen(reserved[i]) == length && text_equal_folded(text, reserved[i], length))
            return true;
    return strlen(server) == length && text_equal_folded(text, server, length);
}

enum names_fault names_judge_nick(const char *text, size_t length, const char *server)
{
    if (length < 1 || length > NAMES_NICK_MAX || !is_letter(text[0]) ||
        !all(text, length, is_name_byte))
        return NAMES_INVALID;
    if (is_guest(text, length))
        return NAMES_GUESTS;
    return is_reserved(text, length, server) ? NAMES_RESERVED : NAMES_FINE;
}

size_t names_spell_room(char room[static NAMES_ROOM_MAX + 1], const char *text, size_t length)
{
    if (length > 0 && text[0] == '#') {
        text++;
        length--;
    }
    if (length < 1 || length > NAMES_ROOM_MAX - 1 || !all(text, length, is_name_byte))
        return 0;
    room[0] = '#';
    for (size_t i = 0; i < length; i++)
        room[i + 1] = text_fold(text[i]);
    room[length + 1] = '\0';
    return length + 1;
}

int names_init(struct names *names, struct sys *sys)
{
    names->sys = sys;
    names->slots = NULL;
    names->capacity = 0;
    names->count = 0;
    return sys->random(sys, &names->key, sizeof(names->key));
}

void names_release(struct names *names)
{
    names->sys->release(names->sys, names->slots);
    names->slots = NULL;
    names->capacity = 0;
    names->count = 0;
}

static size_t slot_after(const struct names *names, size_t slot)
{
    return (slot + 1) & (names->capacity - 1);
}

/* Where `text` stands if nothing is in its way. */
static size_t home_slot(const struct names *names, const char *text, size_t length)
{
    char folded[NAMES_TEXT_MAX];

    assert(length <= sizeof(folded));
    for (size_t i = 0; i < length; i++)
        folded[i] = text_fold(text[i]);
    return (size_t)siphash(&names->key, folded, length) & (names->capacity - 1);
}

/* The slot where `text` is, or else the free one where it would go. There are always free ones. */
static size_t find_slot(const struct names *names, const char *text, size_t length)
{
    size_t slot = home_slot(names, text, length);

    for (; names->slots[slot]; slot = slot_after(names, slot))
        if (strlen(names->slots[slot]) == length &&
            text_equal_folded(names->slots[slot], text, length))
            break;
    return slot;
}

const char *names_find(const struct names *names, const char *text, size_t length)
{
    if (names->capacity == 0 || length > NAMES_TEXT_MAX)
        return NULL;
    return names->slots[find_slot(names, text, length)];
}

/* Makes sure that one name more leaves a quarter of the slots free. */
static int make_room(struct names *names)
{
    struct names grown = *names;

    if (names->count + 1 <= names->capacity / 4 * 3)
        return 0;
    grown.capacity = names->capacity ? names->capacity * 2 : FIRST_CAPACITY;
    grown.slots = names->sys->allocate(names->sys, grown.capacity * sizeof(grown.slots[0]));
    if (!grown.slots)
        return -ENOMEM;
    for (size_t i = 0; i < grown.capacity; i++)
        grown.slots[i] = NULL;

    size_t position = 0;
    for (const char *name; (name = names_next(names, &position));)
        grown.slots[find_slot(&grown, name, strlen(name))] = name;
    names->sys->release(names->sys, names->slots);
    *names = grown;
    return 0;
}

int names_add(struct names *names, const char *name)
{
    const size_t length = strlen(name);

    assert(length >= 1);
    assert(length <= NAMES_TEXT_MAX);
    int rc = make_room(names);
    if (rc)
        return rc;
    size_t slot = find_slot(names, name, length);
    if (names->slots[slot])
        return -EEXIST;
    names->slots[slot] = name;
    names->count++;
    return 0;
}

/* Frees `slot` and closes the gap: a name further on that could not be reached across it moves into
 * it and leaves the gap where it was.
 *
 *      home         gap          next        A name between its home and a free slot is found by
 *   ----|------------|------------|---->     walking; `next` moves if its home lies at the gap or
 *        <----- distance from home >         before it, counted in the ring.
 */
static void free_slot(struct names *names, size_t gap)
{
    const size_t mask = names->capacity - 1;

    for (size_t next = slot_after(names, gap); names->slots[next]; next = slot_after(names, next)) {
        const char *name = names->slots[next];
        size_t home = home_slot(names, name, strlen(name));
        if (((next - home) & mask) < ((next - gap) & mask))
            continue;
        names->slots[gap] = name;
        gap = next;
    }
    names->slots[gap] = NULL;
}

void names_remove(struct names *names, const char *name)
{
    assert(names->count > 0);
    size_t slot = find_slot(names, name, strlen(name));
    assert(names->slots[slot] == name);
    free_slot(names, slot);
    names->count--;
}

int names_rename(struct names *names, char *name, const char *text, size_t length)
{
    const char *holder = names_find(names, text, length);

    assert(length >= 1);
    assert(length <= NAMES_TEXT_MAX);
    if (holder && holder != name)
        return -EEXIST;
    names_remove(names, name);
    memmove(name, text, length);
    name[length] = '\0';
    int rc = names_add(names, name);
    assert(rc == 0);
    return rc;
}

size_t names_count(const struct names *names)
{
    return names->count;
}

const char *names_next(const struct names *names, size_t *position)
{
    while (*position < names->capacity) {
        const char *name = names->slots[(*position)++];
        if (name)
            return name;
    }
    return NULL;
}

void names_check(const struct names *names)
{
    size_t count = 0;
    size_t position = 0;

    assert((names->capacity & (names->capacity - 1)) == 0);
    assert(names->count <= names->capacity / 4 * 3);
    for (const char *name; (name = names_next(names, &position)); count++)
        assert(names_find(names, name, strlen(name)) == name);
    assert(count == names->count);
}
