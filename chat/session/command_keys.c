/* What the creator of a room may do in it: call.h. */
#include <string.h>

#include "chat/people/room.h"
#include "chat/session/call.h"

/* The room that the client talks in; NULL if it did not create that one, and it was told. */
static struct room *find_own_room(const struct call *call)
{
    struct room *room = room_of(room_current(call->client));
    if (room->creator == client_tag(call->client))
        return room;
    if (room == room->chat->lobby)
        call_refuse(call, "%s has no creator.", room->name);
    else
        call_refuse(call, "Only the creator of %s can do that.", room->name);
    return NULL;
}

static bool is_key(struct word key)
{
    if (key.length > ROOM_KEY_MAX)
        return false;
    for (size_t i = 0; i < key.length; i++)
        if (key.text[i] <= ' ' || key.text[i] > '~')
            return false;
    return true;
}

#define MADE_KEY_LENGTH 8

/* A key that is hard to guess and easy to read out: without l and o, which look like digits. There
 * are 32 letters, so that each is as likely as any other. */
static int make_key(struct sys *sys, char key[static ROOM_KEY_MAX + 1])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    unsigned char random[MADE_KEY_LENGTH];
    int rc = sys->random(sys, random, sizeof(random));
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < MADE_KEY_LENGTH; i++)
        key[i] = letters[random[i] % (sizeof(letters) - 1)];
    key[MADE_KEY_LENGTH] = '\0';
    return 0;
}

void command_lock(const struct call *call)
{
    struct word key = call->words[0];
    struct room *room = find_own_room(call);
    if (!room)
        return;
    if (!is_key(key)) {
        call_refuse(call, "A key is 1 to %d printable ASCII characters.", ROOM_KEY_MAX);
        return;
    }
    if (key.text) {
        memcpy(room->key, key.text, key.length);
        room->key[key.length] = '\0';
    } else if (!room->key[0] && make_key(room->chat->loop->sys, room->key) < 0) {
        call_refuse(call, "No key can be made now: choose one.");
        return;
    }
    client_tell(call->client, "%s is locked. To enter: /join %s %s", room->name, room->name,
                room->key);
}

void command_unlock(const struct call *call)
{
    struct room *room = find_own_room(call);
    if (!room)
        return;
    room->key[0] = '\0';
    client_tell(call->client, "%s is unlocked.", room->name);
}
