/* Commands that talk: call.h. */
#include <errno.h>

#include "chat/people/ignore.h"
#include "chat/people/room.h"
#include "chat/session/call.h"

/* Sends a private message. Somebody who is ignored gets the same answer as anybody else. */
static int deliver(struct client *from, struct client *to, struct word text)
{
    if (ignore_holds(to, client_tag(from)))
        return 0;
    room_announce_client(from);
    return client_message(to, from->name, text.text, text.length);
}

/* Sends a private message and answers its author. */
static void whisper(const struct call *call, struct client *to, struct word text)
{
    struct client *client = call->client;
    if (to == client) {
        call_refuse(call, "That is you.");
        return;
    }
    int rc = deliver(client, to, text);
    if (rc == -EAGAIN)
        call_refuse(call, "%s is not reading; your message was not sent", to->name);
    else if (rc < 0)
        call_out_of_memory(call);
    else if (client_away(to))
        client_tell(client, "Sent to %s only, who is away: %s", to->name, client_away(to));
    else
        client_tell(client, "Sent to %s only.", to->name);
}

static struct client *find_reader(const struct call *call, struct word name)
{
    struct client *person = client_find(client_chat(call->client), name.text, name.length);
    if (!person)
        call_refuse(call, "There is nobody called %.*s; nothing was sent.", word_shown(name),
                    name.text);
    return person;
}

/* Says something in a room that the client is in, without moving there. */
static void speak_in(const struct call *call, struct word name, struct word text)
{
    struct member *member = call_find_place(call, name);
    if (member && room_speak(member, text.text, text.length) < 0)
        call_out_of_memory(call);
}

void command_msg(const struct call *call)
{
    struct word name = call->words[0];
    if (name.text[0] == '#') {
        speak_in(call, name, call->words[1]);
        return;
    }
    struct client *to = find_reader(call, name);
    if (to)
        whisper(call, to, call->words[1]);
}

void command_me(const struct call *call)
{
    struct word text = call->words[0];
    if (room_emote(room_current(call->client), text.text, text.length) < 0)
        call_out_of_memory(call);
}
