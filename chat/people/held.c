#include "chat/people/held.h"

#include <errno.h>
#include <string.h>

#include "chat/text/text.h"
#include "reactor/base/list.h"

static struct held_name *held_of_name(const char *name)
{
    return container_of(name, struct held_name, name);
}

int held_init(struct held *held, struct sys *sys)
{
    return names_init(&held->names, sys);
}

void held_drop(struct held *held, struct held_name *name)
{
    names_remove(&held->names, name->name);
    held->names.sys->release(held->names.sys, name);
}

void held_release(struct held *held)
{
    size_t position = 0;
    for (const char *name; (name = names_next(&held->names, &position)); position = 0)
        held_drop(held, held_of_name(name));
    names_release(&held->names);
}

static bool is_over(const struct held_name *name, int64_t now_ns)
{
    return name->holder == 0 && now_ns - name->left_ns >= HELD_NS;
}

struct held_name *held_find(struct held *held, const char *name, size_t length, int64_t now_ns)
{
    const char *found = names_find(&held->names, name, length);
    if (!found)
        return NULL;
    if (!is_over(held_of_name(found), now_ns))
        return held_of_name(found);
    held_drop(held, held_of_name(found));
    return NULL;
}

bool held_key_valid(const char *key, size_t length)
{
    if (length < HELD_KEY_MIN || length > HELD_KEY_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return true;
}

/* The hash of the name, a blank and the key: one key does not hash the same for two names. */
static uint64_t hash_key(const struct held *held, const struct held_name *name, const char *key,
                         size_t length)
{
    char text[NAMES_NICK_MAX + 1 + HELD_KEY_MAX];
    size_t at = 0;
    for (; name->name[at]; at++)
        text[at] = text_fold(name->name[at]);
    text[at++] = ' ';
    memcpy(text + at, key, length);
    return siphash(&held->names.key, text, at + length);
}

bool held_key_fits(const struct held *held, const struct held_name *name, const char *key,
                   size_t length)
{
    return held_key_valid(key, length) && hash_key(held, name, key, length) == name->hash;
}

void held_set_key(const struct held *held, struct held_name *name, const char *key, size_t length)
{
    name->hash = hash_key(held, name, key, length);
}

/* Drops the names whose time is over, and counts those that `origin` holds. */
static size_t sweep(struct held *held, uint64_t origin, int64_t now_ns)
{
    size_t count = 0;
    size_t position = 0;
    for (const char *text; (text = names_next(&held->names, &position));) {
        struct held_name *name = held_of_name(text);
        if (is_over(name, now_ns)) {
            held_drop(held, name);
            position--; /* another name may have moved up */
        } else {
            count += name->origin == origin;
        }
    }
    return count;
}

int held_add(struct held *held, const char *text, uint64_t origin, int64_t now_ns,
             struct held_name **name)
{
    struct sys *sys = held->names.sys;
    if (sweep(held, origin, now_ns) >= HELD_PER_ADDRESS)
        return -EUSERS;
    if (names_count(&held->names) >= HELD_MAX)
        return -ENOSPC;
    struct held_name *made = sys->allocate(sys, sizeof(*made));
    if (!made)
        return -ENOMEM;
    *made = (struct held_name){.origin = origin};
    memcpy(made->name, text, strlen(text) + 1);
    if (names_add(&held->names, made->name) < 0) {
        sys->release(sys, made);
        return -ENOMEM;
    }
    *name = made;
    return 0;
}
