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

/* Whether the client has the key of `room`, if one is required; if not, it was told. */
static bool may_unlock(const struct call *call, struct room *room)
{
    const struct client *client = call->client;
    struct chat *chat = client_chat(client);
    if (!room->key[0])
        return true;
    if (guesses_closed(&chat->guesses, client->origin, chat->loop->now_ns)) {
        call_refuse_guesses(call);
        return false;
    }
    if (has_key(room, call->words[1]))
        return true;
    if (call->words[1].text) {
        guesses_add(&chat->guesses, client->origin, chat->loop->now_ns);
        room_note_wrong_key(room);
        call_refuse(call, "That is not the key of %s.", room->name);
    } else {
        call_refuse(call, "%s is locked. To enter: /join %s KEY", room->name, room->name);
    }
    return false;
}

/* Whether the client may enter `room`, which is made for it if NULL; if not, it was told why. */
static bool may_enter(const struct call *call, struct room *room)
{
    const struct chat *chat = client_chat(call->client);
    if (call->client->memberships >= CHAT_MEMBERSHIPS_MAX)
        call_refuse(call, "You are in %d rooms: /leave one first.", CHAT_MEMBERSHIPS_MAX);
    else if (!room && names_count(&chat->rooms) >= CHAT_ROOMS_MAX)
        call_refuse(call, "There are already %d rooms: join one of those.", CHAT_ROOMS_MAX);
    else if (room && room_bans(room, call->client))
        call_refuse(call, "You were removed from %s.", room->name);
    else
        return !room || may_unlock(call, room);
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
    answer_remembered(client, room);
}

/* Enters `room`, or the new room `name` if that is NULL. */
static void enter(const struct call *call, struct room *room, struct word name)
{
    struct client *client = call->client;
    bool made = !room;
    if (made)
        room = room_open(client_chat(client), client_owner(client), name.text, name.length);
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

/* Whether a text may be searched for; if not, the client was told. */
static bool may_search(const struct call *call, struct word text)
{
    if (text.length > ANSWER_SEARCH_MAX)
        call_refuse(call, "At most %d bytes can be searched for.", ANSWER_SEARCH_MAX);
    return text.length <= ANSWER_SEARCH_MAX;
}

void command_rooms(const struct call *call)
{
    if (may_search(call, call->words[0]))
        answer_rooms(call->client, call->words[0]);
}

void command_who(const struct call *call)
{
    struct word name = call->words[0];
    const struct room *room =
        name.text ? call_find_room(call, name) : room_of(room_current(call->client));
    if (room)
        answer_who(call->client, room);
}

static bool is_number(struct word word)
{
    for (size_t i = 0; i < word.length; i++)
        if (word.text[i] < '0' || word.text[i] > '9')
            return false;
    return true;
}

static void show_last(const struct call *call, const struct room *room, struct word word)
{
    static const struct units_range range = {.least = 1, .most = CONFIG_HISTORY_MAX};
    uint64_t lines;
    if (units_parse_number(word.text, word.length, &range, &lines) < 0)
        call_refuse(call, "\"%.*s\" is not a number from 1 to %d", word_shown(word), word.text,
                    CONFIG_HISTORY_MAX);
    else
        answer_history(call->client, room, (uint32_t)lines);
}

void command_history(const struct call *call)
{
    struct client *client = call->client;
    struct sys *sys = client_chat(client)->loop->sys;
    const struct member *member = call_find_place(call, call->words[0]);
    struct word what = call->words[1];
    int64_t duration_ns;
    if (!member)
        return;
    const struct room *room = room_of(member);
    if (!what.text)
        answer_history(client, room, ANSWER_HISTORY_DEFAULT);
    else if (is_number(what))
        show_last(call, room, what);
    else if (units_parse_duration(what.text, what.length, &duration_ns) == 0)
        answer_history_since(client, room, sys->realtime_ns(sys) - duration_ns);
    else if (may_search(call, what))
        answer_history_search(client, room, what);
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
