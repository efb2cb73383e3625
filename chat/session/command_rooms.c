#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/session/answer.h"
#include "chat/session/call.h"
#include "chat/text/units.h"

/* Entering and leaving. */

static bool has_key(const struct room *room, struct word key)
{
    size_t length = strlen(room->key);
    return length == 0 || (key.length == length && memcmp(key.text, room->key, length) == 0);
}

/* Whether the client may enter `room`, which is made for it if NULL; if not, it was told why. */
static bool may_enter(const struct call *call, const struct room *room)
{
    const struct chat *chat = client_chat(call->client);
    if (call->client->memberships >= CHAT_MEMBERSHIPS_MAX)
        call_refuse(call, "You are in %d rooms: /leave one first.", CHAT_MEMBERSHIPS_MAX);
    else if (!room && names_count(&chat->rooms) >= CHAT_ROOMS_MAX)
        call_refuse(call, "There are already %d rooms: join one of those.", CHAT_ROOMS_MAX);
    else if (room && !has_key(room, call->words[1]))
        call_refuse(call,
                    call->words[1].text ? "That is not the key of %s."
                                        : "%s is locked. To enter: /join %s KEY",
                    room->name, room->name);
    else
        return true;
    return false;
}

/* Tells who is there, what the topic is and what was said last. */
static void welcome(struct client *client, const struct room *room)
{
    char others[ANSWER_COLUMNS - sizeof("* You are in . .")];
    (void)answer_others(client, room, others, sizeof(others) - strlen(room->name));
    client_tell(client, "You are in %s. %s.", room->name, others);
    if (room->topic)
        client_tell(client, "The topic of %s is: %s", room->name, room->topic);
    (void)answer_history(client, room, ANSWER_HISTORY_ON_JOIN); /* there may be none */
}

/* Enters `room`, or the new room `name` if that is NULL. */
static void enter(const struct call *call, struct room *room, struct word name)
{
    struct client *client = call->client;
    bool made = !room;
    if (made)
        room = room_open(client_chat(client), client_tag(client), name.text, name.length);
    if (!room)
        goto out_of_memory;
    if (room_join(room, client) < 0)
        goto close_room;
    welcome(client, room);
    if (made && call->words[1].text)
        client_tell(client, "%s is new and has no key. To lock it: /lock KEY", room->name);
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
    char spelled[NAMES_ROOM_MAX + 1];
    size_t length = names_spell_room(spelled, name.text, name.length);
    if (length == 0) {
        call_refuse(call, "\"%.*s\" is not a valid room: # and 1 to %d of a-z 0-9 _ -",
                    word_shown(name), name.text, NAMES_ROOM_MAX - 1);
        return;
    }
    struct room *room = room_find(client_chat(client), spelled, length);
    struct member *member = room ? room_member(client, room) : NULL;
    if (member) {
        room_make_current(member);
        client_tell(client, "You now talk in %s.", room->name);
    } else if (may_enter(call, room)) {
        enter(call, room, (struct word){.text = spelled, .length = length});
    }
}

void command_leave(const struct call *call)
{
    struct client *client = call->client;
    struct member *member = call_find_place(call, call->words[0]);
    char left[NAMES_ROOM_MAX + 1];
    if (!member)
        return;
    memcpy(left, room_of(member)->name, sizeof(left)); /* the room may end with it */
    if (client->memberships == 1) {
        call_refuse(call, "%s is your only room. To leave the chat: /quit", left);
        return;
    }
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
    struct word name = call->words[0];
    const struct room *room =
        name.text ? call_find_room(call, name) : room_of(room_current(call->client));
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
        call_refuse(call, "\"%.*s\" is not a number from 1 to %d", word_shown(word), word.text,
                    CONFIG_HISTORY_MAX);
        return;
    }
    if (answer_history(client, room, (uint32_t)lines))
        return;
    if (history_first(&room->history) == history_end(&room->history))
        client_tell(client, "Nothing said in %s is remembered yet.", room->name);
    else
        client_tell(client, "%s remembers only lines of people you ignore.", room->name);
}

/* Talking. */

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
