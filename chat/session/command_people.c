#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/ignore.h"
#include "chat/session/answer.h"
#include "chat/session/call.h"
#include "chat/session/roll.h"
#include "chat/text/units.h"

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
    struct client *person = call_find_person(call, call->words[0]);
    if (!person)
        return;
    if (person == client) {
        call_refuse(call, "That is you.");
        return;
    }
    int rc = ignore_person(client, person);
    if (rc == -ENOSPC)
        call_refuse(call, "You already ignore %d people: /unignore somebody first.",
                    CHAT_IGNORED_MAX);
    else if (rc < 0)
        call_out_of_memory(call);
    else
        client_tell(client, "You no longer see what %s says.", person->name);
}

void command_unignore(const struct call *call)
{
    struct client *person = call_find_person(call, call->words[0]);
    if (!person)
        return;
    if (ignore_remove(call->client, client_tag(person)) < 0)
        call_refuse(call, "You were not ignoring %s.", person->name);
    else
        client_tell(call->client, "You see again what %s says.", person->name);
}

/* `is active now`, or from a minute on `has been idle for 12 min`. */
static void spell_idle(const struct client *person, char text[static UNITS_DURATION_TEXT + 24])
{
    char idle[UNITS_DURATION_TEXT];
    int64_t idle_ns = client_chat(person)->loop->now_ns - person->heard_ns;
    units_format_duration(idle_ns, idle);
    if (idle_ns < 60 * NS_PER_SECOND)
        (void)stpcpy(text, "is active now");
    else
        (void)stpcpy(stpcpy(text, "has been idle for "), idle);
}

/* Names the rooms that `person` is in after `roll`'s beginning, on as many lines as they need. */
static void tell_rooms(struct client *client, const struct client *person, struct roll *roll)
{
    char more[NAMES_NICK_MAX + sizeof(" is also in ")];
    (void)stpcpy(stpcpy(more, person->name), " is also in ");
    for (struct subscriber *at = stream_subscriptions(&person->stream); at; at = at->next) {
        const struct member *member = member_of(at);
        if (!member || roll_add(roll, room_of(member)->name, ""))
            continue;
        client_tell(client, "%s.", roll->text);
        roll_begin(roll, more);
        (void)roll_add(roll, room_of(member)->name, "");
    }
    client_tell(client, "%s.", roll->text);
}

void command_whois(const struct call *call)
{
    const struct client *person = call_find_person(call, call->words[0]);
    if (!person)
        return;
    char idle[UNITS_DURATION_TEXT + 24];
    char begin[NAMES_NICK_MAX + sizeof(" , in ") + sizeof(idle)];
    struct roll roll;
    spell_idle(person, idle);
    (void)snprintf(begin, sizeof(begin), "%s %s, in ", person->name, idle);
    roll_begin(&roll, begin);
    tell_rooms(call->client, person, &roll);
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
    bool was_away = extra->away;
    sys->release(sys, extra->away);
    extra->away = away;
    if (away)
        client_tell(client, "You are away: %s", away);
    else
        client_tell(client, was_away ? "You are back." : "You were not away.");
}
