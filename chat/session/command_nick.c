/* /nick, with and without a key: call.h, held.h. */
#include <errno.h>
#include <string.h>

#include "chat/people/room.h"
#include "chat/session/call.h"
#include "chat/session/session.h"
#include "chat/text/units.h"

/* Whether the client may be called `name`; if not, it was told. */
static bool may_be_called(const struct call *call, struct word name)
{
    const char *server = client_chat(call->client)->config->name;
    switch (names_judge_nick(name.text, name.length, server)) {
    case NAMES_INVALID:
        call_refuse(call,
                    "\"%.*s\" is not a valid name: 1 to %d of A-Z a-z 0-9 _ -, starting with a "
                    "letter",
                    word_shown(name), name.text, NAMES_NICK_MAX);
        return false;
    case NAMES_GUESTS:
        call_refuse(call, "%.*s is not free: names like guest7 are reserved", word_shown(name),
                    name.text);
        return false;
    case NAMES_RESERVED:
        call_refuse(call, "The name %.*s is reserved.", word_shown(name), name.text);
        return false;
    case NAMES_FINE:
        break;
    }
    return true;
}

/* Calls the client so, and tells the others in its rooms. False if somebody else has the name, and
 * the client was told. */
static bool take_name(const struct call *call)
{
    struct client *client = call->client;
    struct word name = call->words[0];
    char before[sizeof(client->name)];
    memcpy(before, client->name, sizeof(before));
    if (client_rename(client, name.text, name.length) < 0) {
        call_refuse(call, "The name %.*s is taken.", word_shown(name), name.text);
        return false;
    }
    if (strcmp(before, client->name) != 0)
        room_tell_renamed(client, before);
    return true;
}

static void tell_held(struct client *client)
{
    client_tell(client,
                "You are now %s. Until 1 h after you leave, only /nick %s KEY takes this name.",
                client->name, client->name);
}

static bool check_key(const struct call *call)
{
    struct word key = call->words[1];
    bool valid = held_key_valid(key.text, key.length);
    if (!valid)
        call_refuse(call, "A key is %d to %d printable ASCII characters.", HELD_KEY_MIN,
                    HELD_KEY_MAX);
    return valid;
}

/* Makes a name that nobody holds the client's; NULL if it cannot, and the client was told. */
static struct held_name *add_held(const struct call *call)
{
    struct client *client = call->client;
    struct chat *chat = client_chat(client);
    struct held_name *held = NULL;
    char name[NAMES_NICK_MAX + 1] = "";
    memcpy(name, call->words[0].text, call->words[0].length);
    int rc = client_extra(client)
                 ? held_add(&chat->held, name, client->origin, chat->loop->now_ns, &held)
                 : -ENOMEM;
    if (rc == -EUSERS)
        call_refuse(call, "Your address already holds %d names.", HELD_PER_ADDRESS);
    else if (rc == -ENOSPC)
        call_refuse(call, "There are already %d held names.", HELD_MAX);
    else if (rc < 0)
        call_out_of_memory(call);
    return held;
}

/* The client is called by a held name from now on. */
static void become_holder(struct client *client, struct held_name *held)
{
    client_leave_held(client);
    client->extra->held_name = held;
    held->holder = client_tag(client);
    /* Rooms that it created under another name go with this one too. */
    for (struct subscriber *at = stream_subscriptions(&client->stream); at; at = at->next)
        if (member_of(at) && room_of(member_of(at))->creator == client_tag(client))
            room_of(member_of(at))->creator = held->owner;
}

/* `/nick NAME KEY` of a name that is not held. */
static void hold(const struct call *call)
{
    struct client *client = call->client;
    struct word name = call->words[0];
    struct word key = call->words[1];
    const struct client *other = client_find(client_chat(client), name.text, name.length);
    if (other && other != client) {
        call_refuse(call, "The name %s is taken.", other->name);
        return;
    }
    struct held_name *held = check_key(call) ? add_held(call) : NULL;
    if (!held)
        return;
    (void)take_name(call); /* nobody else has it */
    held->owner = client_tag(client);
    held_set_key(&client_chat(client)->held, held, key.text, key.length);
    become_holder(client, held);
    tell_held(client);
}

/* The holder itself: another key, or another case. */
static void hold_again(const struct call *call, struct held_name *held)
{
    struct client *client = call->client;
    struct word key = call->words[1];
    if (key.text && !check_key(call))
        return;
    if (key.text)
        held_set_key(&client_chat(client)->held, held, key.text, key.length);
    if (take_name(call))
        tell_held(client);
}

/* Whether the key fits; if not, the client was told. */
static bool has_key(const struct call *call, const struct held_name *held)
{
    struct client *client = call->client;
    struct chat *chat = client_chat(client);
    struct word key = call->words[1];
    int64_t now_ns = chat->loop->now_ns;
    if (!key.text) {
        call_refuse(call, "The name %s is held; with its key: /nick %s KEY", held->name,
                    held->name);
    } else if (guesses_closed(&chat->guesses, client->origin, now_ns)) {
        call_refuse_guesses(call);
    } else if (!held_key_fits(&chat->held, held, key.text, key.length)) {
        guesses_add(&chat->guesses, client->origin, now_ns);
        call_refuse(call, "That is not the key of %s.", held->name);
    } else {
        return true;
    }
    return false;
}

/* Enters the rooms of `other`, as far as there is room for them, and talks where that one does.
 * Returns 0 or -ENOMEM. */
static int enter_rooms(struct client *client, const struct client *other)
{
    struct room *rooms[CHAT_MEMBERSHIPS_MAX];
    size_t count = 0;
    for (struct subscriber *at = stream_subscriptions(&other->stream); at; at = at->next)
        if (member_of(at))
            rooms[count++] = room_of(member_of(at));
    while (count-- > 0) {
        struct member *member = room_member(client, rooms[count]);
        if (member)
            room_make_current(member);
        else if (client->memberships < CHAT_MEMBERSHIPS_MAX && room_join(rooms[count], client) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Hands on the rights of `other`, which is about to leave. */
static void move_rights(const struct client *other, uint64_t owner)
{
    for (struct subscriber *at = stream_subscriptions(&other->stream); at; at = at->next)
        if (member_of(at) && room_is_creator(room_of(member_of(at)), other))
            room_of(member_of(at))->creator = owner;
}

/* Takes the place of the holder's other connection, which ends. Returns 0, or -ENOMEM with the
 * other as it was. */
static int replace(struct client *client, struct client *other, const struct held_name *held)
{
    if (enter_rooms(client, other) < 0)
        return -ENOMEM;
    move_rights(other, held->owner);
    return session_replace(other);
}

/* `/nick NAME KEY` of a name that somebody else holds. */
static void claim(const struct call *call, struct held_name *held)
{
    struct client *client = call->client;
    struct chat *chat = client_chat(client);
    if (!has_key(call, held))
        return;
    struct client *other = tags_find(&chat->tags, held->holder);
    int64_t left_ns = other ? other->heard_ns : held->left_ns;
    if (!client_extra(client) || (other && replace(client, other, held) < 0)) {
        call_out_of_memory(call);
        return;
    }
    if (!take_name(call))
        return;
    become_holder(client, held);
    char away[UNITS_DURATION_TEXT];
    units_format_duration(chat->loop->now_ns - left_ns, away);
    client_tell(client, "Welcome back, %s: you were away for %s.", client->name, away);
}

void command_nick(const struct call *call)
{
    struct client *client = call->client;
    struct chat *chat = client_chat(client);
    struct word name = call->words[0];
    if (!name.text) {
        client_tell(client, "You are %s.", client->name);
        return;
    }
    if (!may_be_called(call, name) || room_any_ahead(client))
        return;
    struct held_name *held = held_find(&chat->held, name.text, name.length, chat->loop->now_ns);
    if (held && held->holder == client_tag(client)) {
        hold_again(call, held);
    } else if (held) {
        claim(call, held);
    } else if (call->words[1].text) {
        hold(call);
    } else if (take_name(call)) {
        client_leave_held(client);
        client_tell(client, "You are now %s.", client->name);
    }
}
