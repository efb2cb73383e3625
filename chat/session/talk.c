#include "chat/session/talk.h"

#include <errno.h>
#include <string.h>

#include "chat/people/ignore.h"
#include "chat/text/text.h"

/* Rings, unless it rang a moment ago. A reader that has stopped needs no bell. */
static void ring(struct client *client)
{
    struct fanout *fanout = client->stream.fanout;
    int64_t now_ns = fanout->loop->now_ns;
    if (!client->bell || stream_is_blocked(&client->stream) ||
        now_ns - client->extra->rang_ns < TALK_BELL_NS)
        return;
    client->extra->rang_ns = now_ns;
    /* Without memory it does not ring. */
    (void)outbox_write(&client->stream.outbox, fanout, OUTBOX_MESSAGE, "\a", 1);
}

static bool is_name_byte(char byte)
{
    char folded = text_fold(byte);
    return (folded >= 'a' && folded <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' ||
           byte == '-';
}

/* The characters of a name at the beginning of `text`. */
static struct word name_at(struct word text)
{
    struct word name = {.text = text.text};
    while (name.length < text.length && is_name_byte(text.text[name.length]))
        name.length++;
    return name;
}

/* Rings the person called `name` if that is somebody else in the room who hears the author. */
static void ring_named(const struct member *author, struct word name)
{
    const struct client *speaker = client_of(author);
    struct client *named = client_find(client_chat(speaker), name.text, name.length);
    if (named && named != speaker && named->bell && room_member(named, room_of(author)) &&
        !ignore_holds(named, client_tag(speaker)))
        ring(named);
}

/* Rings who is named: `NAME:` or `NAME,` at the beginning, `@NAME` anywhere. */
static void ring_all_named(const struct member *author, struct word text)
{
    struct word first = name_at(text);
    int names = 0;
    if (first.length > 0 && first.length < text.length &&
        (text.text[first.length] == ':' || text.text[first.length] == ',')) {
        ring_named(author, first);
        names++;
    }
    const char *end = text.text + text.length;
    for (const char *at = text.text; names < TALK_NAMES_MAX; names++) {
        at = memchr(at, '@', (size_t)(end - at));
        if (!at)
            return;
        at++;
        struct word name = name_at((struct word){.text = at, .length = (size_t)(end - at)});
        if (name.length > 0)
            ring_named(author, name);
    }
}

void talk_speak(const struct call *call, struct member *member, struct word text)
{
    if (broadcast_has_space(&room_of(member)->broadcast)) /* else it is said later */
        ring_all_named(member, text);
    if (room_speak(member, text.text, text.length) < 0)
        call_out_of_memory(call);
}

/* Remembers for /r who wrote last, and who before that. */
static void note_writer(struct client *to, const struct client *from)
{
    struct client_extra *extra = client_extra(to);
    if (!extra) /* without memory /r knows nobody new */
        return;
    if (extra->writers[0].tag != client_tag(from))
        extra->writers[1] = extra->writers[0];
    extra->writers[0] =
        (struct client_writer){.tag = client_tag(from), .wrote_ns = client_chat(to)->loop->now_ns};
}

bool talk_reach(struct client *from, struct client *to)
{
    if (ignore_holds(to, client_tag(from)))
        return false;
    room_announce_client(from);
    ring(to);
    return true;
}

/* Somebody who is ignored gets the same answer as anybody else. */
static int deliver(struct client *from, struct client *to, struct word text)
{
    if (!talk_reach(from, to))
        return 0;
    int rc = client_message(to, from->name, text.text, text.length);
    if (rc == 0)
        note_writer(to, from);
    return rc;
}

void talk_whisper(const struct call *call, struct client *to, struct word text)
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

static void whisper_to_name(struct word name, const struct call *call, struct word text)
{
    struct client *to = client_find(client_chat(call->client), name.text, name.length);
    if (to)
        talk_whisper(call, to, text);
    else
        call_refuse(call, "There is nobody called %.*s; nothing was sent.", word_shown(name),
                    name.text);
}

void talk_at(const struct call *call, struct word line)
{
    struct word rest = {.text = line.text + 1, .length = line.length - 1};
    struct word name = name_at(rest);
    rest.text += name.length;
    rest.length -= name.length;
    bool marked = rest.length > 0 && (rest.text[0] == ':' || rest.text[0] == ',');
    if (marked) {
        rest.text++;
        rest.length--;
    }
    if (rest.length > 0 && rest.text[0] != ' ') {
        struct word first = word_take(&line);
        call_refuse(call, "Nothing was sent: %.*s is not @ and a name. Usage: @NICK TEXT",
                    word_shown(first), first.text);
        return;
    }
    rest.length = text_trim(&rest.text, rest.length);
    if (!text_visible(rest.text, rest.length))
        call_refuse(call, "TEXT is missing. Usage: @NICK TEXT");
    else
        whisper_to_name(name, call, rest);
}

/* Commands. */

void command_msg(const struct call *call)
{
    struct word name = call->words[0];
    if (name.text[0] == '#') {
        struct member *member = call_find_place(call, name);
        if (member)
            talk_speak(call, member, call->words[1]);
        return;
    }
    whisper_to_name(name, call, call->words[1]);
}

/* The other person who wrote within TALK_BOTH_NS and is still here, or NULL. */
static const struct client *find_other_writer(const struct client *client)
{
    const struct chat *chat = client_chat(client);
    struct client_writer other = client->extra->writers[1];
    bool just = other.tag != 0 && chat->loop->now_ns - other.wrote_ns < TALK_BOTH_NS;
    return just ? tags_find(&chat->tags, other.tag) : NULL;
}

void command_reply(const struct call *call)
{
    struct client *client = call->client;
    if (!client->extra || client->extra->writers[0].tag == 0) {
        call_refuse(call, "Nobody has written to you.");
        return;
    }
    struct client *to = tags_find(&client_chat(client)->tags, client->extra->writers[0].tag);
    const struct client *other = find_other_writer(client);
    if (!to)
        call_refuse(call, "The person who last wrote to you has left; nothing was sent.");
    else if (other)
        call_refuse(call, "%s and %s both just wrote to you: /msg NICK TEXT", other->name,
                    to->name);
    else
        talk_whisper(call, to, call->words[0]);
}

void command_me(const struct call *call)
{
    struct word text = call->words[0];
    if (room_emote(room_current(call->client), text.text, text.length) < 0)
        call_out_of_memory(call);
}

/* `on` or `off`; without a word the other of the two. Anything else is refused, and *on is as it
 * was. */
static bool read_switch(const struct call *call, bool *on)
{
    struct word word = call->words[0];
    if (!word.text)
        *on = !*on;
    else if (word_is(word, "on") || word_is(word, "off"))
        *on = word.length == 2;
    else
        call_refuse_usage(call, "\"%.*s\" is neither on nor off", word_shown(word), word.text);
    return !word.text || word_is(word, "on") || word_is(word, "off");
}

void command_bell(const struct call *call)
{
    struct client *client = call->client;
    bool on = client->bell;
    if (!read_switch(call, &on))
        return;
    struct client_extra *extra = client_extra(client);
    if (!extra) {
        call_out_of_memory(call);
        return;
    }
    extra->rang_ns = -TALK_BELL_NS;
    client->bell = on;
    client_tell(client,
                on ? "The bell rings for private messages and for your name." : "The bell is off.");
}

void command_quiet(const struct call *call)
{
    struct client *client = call->client;
    bool on = client->quiet;
    if (!read_switch(call, &on))
        return;
    ignore_set_quiet(client, on);
    client_tell(client, on ? "Joins, leaves and renames are hidden."
                           : "Joins, leaves and renames are shown.");
}
