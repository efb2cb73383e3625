/* What the creator of a room may do in it: call.h. */
#include <errno.h>
#include <string.h>

#include "chat/people/room.h"
#include "chat/people/room_journal.h"
#include "chat/session/call.h"
#include "chat/session/talk.h"

/* The room that the client talks in; NULL if it did not create that one, and it was told. */
static struct room *find_own_room(const struct call *call)
{
    struct room *room = room_of(room_current(call->client));
    if (room_is_creator(room, call->client))
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
    room_journal_key(room);
    client_tell(call->client, "%s is locked. To enter: /join %s %s", room->name, room->name,
                room->key);
}

void command_unlock(const struct call *call)
{
    struct room *room = find_own_room(call);
    if (!room)
        return;
    room->key[0] = '\0';
    room_journal_key(room);
    client_tell(call->client, "%s is unlocked.", room->name);
}

/* The member of `room` called by the command's first word; NULL if that is nobody else, and the
 * client was told. */
static struct member *find_other_member(const struct call *call, const struct room *room)
{
    struct client *person = call_find_person(call, call->words[0]);
    if (!person)
        return NULL;
    struct member *member = room_member(person, room);
    if (person == call->client)
        call_refuse(call, "That is you.");
    else if (!member)
        call_refuse(call, "%s is not in %s.", person->name, room->name);
    return person == call->client ? NULL : member;
}

/* Somebody without a room left is in the lobby. Returns 0 or -ENOMEM. */
static int find_shelter(struct client *person)
{
    return person->memberships > 1 ? 0 : room_join(client_chat(person)->lobby, person);
}

/* Removes a member, for a reason if there is memory for that. */
static void remove_member(const struct call *call, struct member *member)
{
    struct client *person = client_of(member);
    struct room *room = room_of(member);
    struct sys *sys = room->chat->loop->sys;
    struct word why = call->words[1];
    char *reason = why.text ? client_reason(person, "kicked: ", why.text, why.length) : NULL;
    room_announce_client(person);
    room_leave(member, reason ? reason : "kicked");
    if (why.text)
        client_tell(person, "%s removed you from %s: %.*s", call->client->name, room->name,
                    (int)why.length, why.text);
    else
        client_tell(person, "%s removed you from %s.", call->client->name, room->name);
    client_tell(person, "You now talk in %s.", room_of(room_current(person))->name);
    sys->release(sys, reason);
}

void command_kick(const struct call *call)
{
    struct room *room = find_own_room(call);
    struct member *member = room ? find_other_member(call, room) : NULL;
    if (!member)
        return;
    if (find_shelter(client_of(member)) < 0 || room_ban(room, client_of(member)) < 0)
        call_out_of_memory(call);
    else
        remove_member(call, member);
}

void command_give(const struct call *call)
{
    struct room *room = find_own_room(call);
    struct member *member = room ? find_other_member(call, room) : NULL;
    if (member)
        room_give(room, client_of(member));
}

/* Sends the invitation: it counts as a private message. */
static int invite(struct client *client, struct client *person, const struct room *room)
{
    if (!talk_reach(client, person))
        return 0;
    return client_invite(person, client->name, room->name, room->key);
}

void command_invite(const struct call *call)
{
    struct client *client = call->client;
    struct room *room = room_of(room_current(client));
    if (room->key[0] && !room_is_creator(room, client)) {
        call_refuse(call, "Only the creator of %s can do that.", room->name);
        return;
    }
    struct client *person = call_find_person(call, call->words[0]);
    if (!person)
        return;
    if (room_member(person, room)) {
        call_refuse(call, "%s is in %s already.", person->name, room->name);
        return;
    }
    int rc = invite(client, person, room);
    if (rc == -EAGAIN)
        call_refuse(call, "%s is not reading; your message was not sent", person->name);
    else if (rc < 0)
        call_out_of_memory(call);
    else
        client_tell(client, "Sent to %s only.", person->name);
}
