#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/session/answer.h"
#include "chat/session/commands.h"
#include "chat/text/units.h"

/* Entering and leaving. */

static bool has_key(const struct room *room, struct word key)
{
    size_t length = strlen(room->key);
    return length == 0 || (key.length == length && memcmp(key.text, room->key, length) == 0);
}

/* Whether the client may enter `room`, NULL being one that would be made for it; else it was told
 * what stands against it. */
static bool may_enter(const struct call *call, const struct room *room)
{
    const struct chat *chat = client_chat(call->client);
    if (call->client->memberships >= CHAT_MEMBERSHIPS_MAX)
        call_refuse(call, "you are in %d rooms, /leave one first", CHAT_MEMBERSHIPS_MAX);
    else if (!room && names_count(&chat->rooms) >= CHAT_ROOMS_MAX)
        call_refuse(call, "there are %d rooms already, enter one of those", CHAT_ROOMS_MAX);
    else if (room && !has_key(room, call->words[1]))
        call_refuse(call, "%s is locked, %s", room->name,
                    call->words[1].text ? "this is not its key" : "its key is asked for");
    else
        return true;
    return false;
}

/* Tells who is there, what it is about and what was said last. */
static void welcome(struct client *client, const struct room *room)
{
    char others[ANSWER_COLUMNS - sizeof("* You are in  with .")];
    (void)answer_others(client, room, others, sizeof(others) - strlen(room->name));
    if (room->people > 1)
        client_tell(client, "You are in %s with %s.", room->name, others);
    else
        client_tell(client, "You are in %s, %s.", room->name, others);
    if (room->topic)
        client_tell(client, "The topic of %s is: %s", room->name, room->topic);
    (void)answer_history(client, room, ANSWER_HISTORY_ON_JOIN); /* a room need not have any */
}

static void enter(const struct call *call, struct room *room)
{
    struct client *client = call->client;
    struct word name = call->words[0];
    if (!room)
        room = room_open(client_chat(client), client_tag(client), name.text, name.length);
    if (!room)
        goto out_of_memory;
    if (room_join(room, client) < 0)
        goto close_room;
    welcome(client, room);
    return;

close_room:
    if (room->people == 0 && room != room->chat->lobby)
        room_close(room);
out_of_memory:
    call_out_of_memory(call);
}

void command_join(const struct call *call)
{
    struct client *client = call->client;
    struct word name = call->words[0];
    const char *problem = names_room_problem(name.text, name.length);
    if (problem) {
        call_refuse(call, "%.*s won't do: %s", word_shown(name), name.text, problem);
        return;
    }
    struct room *room = room_find(client_chat(client), name.text, name.length);
    struct member *member = room ? room_member(client, room) : NULL;
    if (member) {
        room_make_current(member);
        client_tell(client, "You talk in %s.", room->name);
        return;
    }
    if (may_enter(call, room))
        enter(call, room);
}

/* The room that the command names, or else the one its client talks in; NULL where there is none,
 * and that was told. */
static struct room *find_room(const struct call *call)
{
    struct word name = call->words[0];
    if (!name.text)
        return room_of(room_current(call->client));
    struct room *room = room_find(client_chat(call->client), name.text, name.length);
    if (!room)
        call_refuse(call, "there is no room %.*s", word_shown(name), name.text);
    return room;
}

void command_leave(const struct call *call)
{
    struct client *client = call->client;
    struct room *room = find_room(call);
    if (!room)
        return;
    struct member *member = room_member(client, room);
    char left[sizeof(room->name)];
    if (!member) {
        call_refuse(call, "you are not in %s", room->name);
        return;
    }
    if (client->memberships == 1) {
        call_refuse(call, "%s is your last room, use /quit", room->name);
        return;
    }
    memcpy(left, room->name, sizeof(left)); /* the room may end with it */
    room_leave(member, NULL);
    client_tell(client, "You left %s and talk in %s.", left, room_of(room_current(client))->name);
}

/* Looking around. */

void command_rooms(const struct call *call)
{
    answer_rooms(call->client);
}

void command_who(const struct call *call)
{
    const struct room *room = find_room(call);
    if (room)
        answer_who(call->client, room);
}

void command_history(const struct call *call)
{
    static const struct units_range range = {.least = 1, .most = CONFIG_HISTORY_MAX};
    struct client *client = call->client;
    const struct room *room = room_of(room_current(client));
    struct word word = call->words[0];
    uint64_t lines = ANSWER_HISTORY_DEFAULT;
    if (word.text && units_parse_number(word.text, word.length, &range, &lines) < 0) {
        call_refuse(call, "%.*s is no number from 1 to %d", word_shown(word), word.text,
                    CONFIG_HISTORY_MAX);
        return;
    }
    if (answer_history(client, room, (uint32_t)lines))
        return;
    if (history_first(&room->history) == history_end(&room->history))
        client_tell(client, "%s remembers nothing.", room->name);
    else
        client_tell(client, "%s remembers nothing but lines of people you ignore.", room->name);
}

/* Talking. */

void command_me(const struct call *call)
{
    struct word text = call->words[0];
    if (room_emote(room_current(call->client), text.text, text.length) < 0)
        call_out_of_memory(call);
}

void command_topic(const struct call *call)
{
    struct client *client = call->client;
    const struct room *room = room_of(room_current(client));
    struct word text = call->words[0];
    if (text.text) {
        if (room_set_topic(room_current(client), text.text, text.length) < 0)
            call_out_of_memory(call);
    } else if (room->topic) {
        client_tell(client, "The topic of %s is: %s", room->name, room->topic);
    } else {
        client_tell(client, "%s has no topic.", room->name);
    }
}

/* Keys. */

/* The room that the client talks in; NULL where it isn't the creator's, and that was told. */
static struct room *find_own_room(const struct call *call)
{
    struct room *room = room_of(room_current(call->client));
    if (room->creator == client_tag(call->client))
        return room;
    if (room == room->chat->lobby)
        call_refuse(call, "%s has no creator", room->name);
    else
        call_refuse(call, "only who created %s may", room->name);
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
        call_refuse(call, "%.*s won't do: 1 to %d characters of ASCII", word_shown(key), key.text,
                    ROOM_KEY_MAX);
        return;
    }
    if (key.text) {
        memcpy(room->key, key.text, key.length);
        room->key[key.length] = '\0';
    } else if (make_key(room->chat->loop->sys, room->key) < 0) {
        call_refuse(call, "no key can be made now, name one");
        return;
    }
    client_tell(call->client, "Locked. Who is to enter types: /join %s %s", room->name, room->key);
}

void command_unlock(const struct call *call)
{
    struct room *room = find_own_room(call);
    if (!room)
        return;
    room->key[0] = '\0';
    client_tell(call->client, "%s asks for no key any more.", room->name);
}
