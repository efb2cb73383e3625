#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/ignore.h"
#include "chat/session/answer.h"
#include "chat/session/commands.h"
#include "chat/text/units.h"

/* The person called `name`; NULL where there is none, and that was told. */
static struct client *find_person(const struct call *call, struct word name)
{
    struct client *person = client_find(client_chat(call->client), name.text, name.length);
    if (!person)
        call_refuse(call, "nobody is called %.*s", word_shown(name), name.text);
    return person;
}

void command_nick(const struct call *call)
{
    struct client *client = call->client;
    struct word name = call->words[0];
    char before[sizeof(client->name)];
    const char *problem = names_nick_problem(name.text, name.length);
    if (problem) {
        call_refuse(call, "%.*s won't do: %s", word_shown(name), name.text, problem);
        return;
    }
    memcpy(before, client->name, sizeof(before));
    if (client_rename(client, name.text, name.length) < 0) {
        call_refuse(call, "%.*s is taken", word_shown(name), name.text);
        return;
    }
    client_tell(client, "You are now %s.", client->name);
    if (strcmp(before, client->name) != 0)
        room_tell_renamed(client, before);
}

/* Sends a private message. Who is ignored learns nothing of that. */
static int deliver(struct client *from, struct client *to, struct word text)
{
    if (ignore_holds(to, client_tag(from)))
        return 0;
    room_announce_client(from);
    return client_message(to, from->name, text.text, text.length);
}

void command_msg(const struct call *call)
{
    struct client *client = call->client;
    struct client *to = find_person(call, call->words[0]);
    if (!to)
        return;
    if (to == client) {
        call_refuse(call, "%s is yourself", client->name);
        return;
    }
    int rc = deliver(client, to, call->words[1]);
    if (rc == -EAGAIN)
        client_refuse(client, "%s is not reading; your message was not sent", to->name);
    else if (rc < 0)
        call_out_of_memory(call);
    else if (client_away(to))
        client_tell(client, "%s is away: %s", to->name, client_away(to));
}

static int ignore_person(struct client *client, const struct client *person)
{
    int rc = ignore_add(client, client_tag(person));
    if (rc == -ENOSPC) {
        ignore_forget_gone(client);
        rc = ignore_add(client, client_tag(person));
    }
    return rc;
}

void command_ignore(const struct call *call)
{
    struct client *client = call->client;
    if (!call->words[0].text) {
        answer_ignored(client);
        return;
    }
    struct client *person = find_person(call, call->words[0]);
    if (!person)
        return;
    if (person == client) {
        call_refuse(call, "%s is yourself", client->name);
        return;
    }
    int rc = ignore_person(client, person);
    if (rc == -ENOSPC)
        call_refuse(call, "you ignore %d people already, /unignore one", CHAT_IGNORED_MAX);
    else if (rc < 0)
        call_out_of_memory(call);
    else
        client_tell(client, "You don't hear %s any more.", person->name);
}

void command_unignore(const struct call *call)
{
    struct client *person = find_person(call, call->words[0]);
    if (!person)
        return;
    if (ignore_remove(call->client, client_tag(person)) < 0)
        call_refuse(call, "you don't ignore %s", person->name);
    else
        client_tell(call->client, "You hear %s again.", person->name);
}

/* The names of all rooms that one client is in, with what stands between them. */
#define ROOMS_TEXT (CHAT_MEMBERSHIPS_MAX * (NAMES_ROOM_MAX + 2))

static void list_rooms(const struct client *person, char text[static ROOMS_TEXT])
{
    size_t length = 0;
    text[0] = '\0';
    for (struct subscriber *at = person->stream.outbox.subscribers; at; at = at->next) {
        const struct member *member = member_of(at);
        if (member)
            length += (size_t)snprintf(text + length, ROOMS_TEXT - length, "%s%s",
                                       length > 0 ? ", " : "", room_of(member)->name);
    }
}

void command_whois(const struct call *call)
{
    const struct client *person = find_person(call, call->words[0]);
    if (!person)
        return;
    char rooms[ROOMS_TEXT];
    char idle[UNITS_DURATION_TEXT];
    list_rooms(person, rooms);
    units_format_duration(client_chat(person)->loop->now_ns - person->heard_ns, idle);
    client_tell(call->client, "%s is idle for %s, in %s", person->name, idle, rooms);
    if (client_away(person))
        client_tell(call->client, "%s is away: %s", person->name, client_away(person));
}

void command_away(const struct call *call)
{
    struct client *client = call->client;
    struct sys *sys = client_chat(client)->loop->sys;
    struct word text = call->words[0];
    struct client_extra *extra = client_extra(client);
    char *away = text.text ? client_copy_text(client, text.text, text.length) : NULL;
    if (!extra || (text.text && !away)) {
        sys->release(sys, away);
        call_out_of_memory(call);
        return;
    }
    sys->release(sys, extra->away);
    extra->away = away;
    if (away)
        client_tell(client, "You are away: %s", away);
    else
        client_tell(client, "You are back.");
}
