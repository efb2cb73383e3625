#include "chat/session/answer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/ignore.h"
#include "chat/people/motd.h"
#include "chat/session/answer_internal.h"
#include "chat/session/roll.h"
#include "chat/text/text.h"

static struct sys *sys_of(const struct client *client)
{
    return client_chat(client)->loop->sys;
}

struct answer *answer_start(struct client *client, size_t size,
                            enum answer_step (*compose)(struct answer *answer,
                                                        struct client *client))
{
    struct answer *answer = sys_of(client)->allocate(sys_of(client), size);
    if (!answer) {
        client_refuse(client, "Out of memory: the answer is not complete, try again.");
        return NULL;
    }
    memset(answer, 0, size);
    answer->compose = compose;
    struct answer **last = &client->answer;
    while (*last)
        last = &(*last)->next;
    *last = answer;
    return answer;
}

static void drop_first(struct client *client)
{
    struct answer *first = client->answer;
    client->answer = first->next;
    motd_drop(first->motd, sys_of(client));
    sys_of(client)->release(sys_of(client), first->text);
    sys_of(client)->release(sys_of(client), first);
}

static enum answer_step compose_nothing(struct answer *answer, struct client *client)
{
    (void)answer;
    (void)client;
    return ANSWER_DONE;
}

bool answer_search_for(struct answer *answer, struct client *client, struct word text)
{
    answer->text = client_copy_text(client, text.text, text.length);
    if (answer->text)
        return true;
    answer->compose = compose_nothing;
    client_refuse(client, "Out of memory: the answer is not complete, try again.");
    return false;
}

bool answer_contains(const char *text, size_t length, const char *what)
{
    size_t size = strlen(what);
    char first = text_fold(what[0]);
    for (size_t i = 0; i + size <= length; i++)
        if (text_fold(text[i]) == first && text_equal_folded(text + i, what, size))
            return true;
    return false;
}

enum answer_step answer_next(struct client *client)
{
    while (client->answer) {
        enum answer_step step = client->answer->compose(client->answer, client);
        if (step != ANSWER_DONE)
            return step;
        drop_first(client);
    }
    return ANSWER_DONE;
}

void answer_release(struct client *client)
{
    while (client->answer)
        drop_first(client);
}

/* /who */

static void add_members(struct roll *roll, struct answer *answer, const struct room *room)
{
    const struct broadcast *broadcast = &room->broadcast;
    for (; answer->position < broadcast->count && answer->named < ANSWER_NAMED_MAX;
         answer->position++) {
        const struct member *member = member_of(broadcast->members[answer->position]);
        if (!member)
            continue;
        const struct client *client = client_of(member);
        if (!roll_add(roll, client->name, client_away(client) ? " (away)" : ""))
            return;
        answer->named++;
    }
}

/* True if the last line of a list that was cut is due: how many were left out, told once. */
static bool count_rest(struct answer *answer, uint64_t all)
{
    if (answer->counted || answer->named < ANSWER_NAMED_MAX || all <= answer->named)
        return false;
    answer->counted = true;
    return true;
}

static enum answer_step compose_who(struct answer *answer, struct client *client)
{
    const struct room *room = room_find(client_chat(client), answer->room, strlen(answer->room));
    if (!room)
        return ANSWER_DONE;
    struct roll roll;
    char before[NAMES_ROOM_MAX + 8];
    (void)snprintf(before, sizeof(before), "In %s: ", room->name);
    roll_begin(&roll, before);
    add_members(&roll, answer, room);
    if (roll.names > 0) {
        client_tell(client, "%s", roll.text);
        return ANSWER_LINE;
    }
    if (!count_rest(answer, room->people))
        return ANSWER_DONE;
    client_tell(client, "In %s: %u more", room->name, room->people - answer->named);
    return ANSWER_LINE;
}

void answer_who(struct client *client, const struct room *room)
{
    struct answer *answer = answer_start(client, sizeof(*answer), compose_who);
    if (answer)
        memcpy(answer->room, room->name, sizeof(answer->room));
}

/* /ignore without a name */

/* The position is the tag of the person named last. */
static void add_ignored(struct roll *roll, struct answer *answer, const struct client *client)
{
    for (uint64_t tag; (tag = ignore_next(client, answer->position)); answer->position = tag) {
        const struct client *person = tags_find(&client_chat(client)->tags, tag);
        if (!person)
            continue;
        if (!roll_add(roll, person->name, ""))
            return;
        answer->named++;
    }
}

static enum answer_step compose_ignored(struct answer *answer, struct client *client)
{
    struct roll roll;
    roll_begin(&roll, "You ignore: ");
    add_ignored(&roll, answer, client);
    if (roll.names > 0) {
        client_tell(client, "%s", roll.text);
        return ANSWER_LINE;
    }
    if (answer->counted)
        return ANSWER_DONE;
    answer->counted = true;
    size_t count = ignore_count(client);
    if (count == 0)
        client_tell(client, "You ignore nobody.");
    else if (count > answer->named)
        client_tell(client, "You ignore: %zu who left", count - answer->named);
    else
        return ANSWER_DONE;
    return ANSWER_LINE;
}

void answer_ignored(struct client *client)
{
    (void)answer_start(client, sizeof(struct answer), compose_ignored);
}

/* The message of the day */

/* The bytes of the line at `text` that are shown at once: all of it, or as much as the scratch
 * holds once it is cleaned; the rest then comes on a line of its own. */
static size_t motd_piece(const struct chat *chat, const char *text, size_t length)
{
    return text_cut(text, length, (chat->output_size - CHAT_LINE_EXTRA / 2) / TEXT_CLEAN_GROWTH);
}

static enum answer_step compose_motd(struct answer *answer, struct client *client)
{
    struct chat *chat = client_chat(client);
    const struct motd *motd = answer->motd;
    if (answer->position >= motd->length)
        return ANSWER_DONE;
    const char *line = motd->text + answer->position;
    size_t left = motd->length - answer->position;
    const char *newline = memchr(line, '\n', left);
    size_t length = newline ? (size_t)(newline - line) : left;
    size_t piece = motd_piece(chat, line, length);
    answer->position += piece < length ? piece : length + 1;
    size_t shown = text_clean(chat->event, line, piece);
    client_tell(client, "%.*s", (int)shown, chat->event);
    return ANSWER_LINE;
}

void answer_motd(struct client *client)
{
    struct motd *motd = client_chat(client)->motd;
    struct answer *answer = motd ? answer_start(client, sizeof(*answer), compose_motd) : NULL;
    if (!answer)
        return;
    answer->motd = motd;
    motd_hold(motd);
}

/* Lines of somebody else's */

static enum answer_step compose_lines(struct answer *answer, struct client *client)
{
    return answer->tell(client, answer->position++) ? ANSWER_LINE : ANSWER_DONE;
}

void answer_lines(struct client *client, bool (*tell)(struct client *client, size_t index))
{
    struct answer *answer = answer_start(client, sizeof(*answer), compose_lines);
    if (answer)
        answer->tell = tell;
}

/* Who else is there */

/* How long ` and 7 more` is; nothing where all are named. */
static size_t more_length(uint32_t more)
{
    size_t digits = 1;
    for (uint32_t rest = more; rest >= 10; rest /= 10)
        digits++;
    return more == 0 ? 0 : strlen(" and ") + digits + strlen(" more");
}

/* Adds the names of the others that fit beside what stands for the rest. */
static void add_others(struct roll *roll, size_t size, const struct client *client,
                       const struct room *room)
{
    const struct broadcast *broadcast = &room->broadcast;
    for (uint32_t i = 0; i < broadcast->count && roll->names < ANSWER_OTHERS_MAX; i++) {
        const struct member *member = member_of(broadcast->members[i]);
        if (!member || client_of(member) == client)
            continue;
        const char *name = client_of(member)->name;
        size_t behind = more_length(room->people - 2 - roll->names);
        size_t before = roll->length + (roll->names > 0 ? strlen(", ") : 0);
        if (before + strlen(name) + behind >= size || !roll_add(roll, name, ""))
            return;
    }
}

size_t answer_others(const struct client *client, const struct room *room, char *text, size_t size)
{
    uint32_t others = room->people - 1;
    if (others == 0)
        return (size_t)snprintf(text, size, "Nobody else is here");
    struct roll roll;
    roll_begin(&roll, "");
    roll_put_number(&roll, others);
    roll_put(&roll, others == 1 ? " other" : " others");
    size_t counted = roll.length;
    roll_put(&roll, ": ");
    add_others(&roll, size, client, room);
    if (roll.names == 0)
        roll.length = counted;
    else if (roll.names < others) {
        roll_put(&roll, " and ");
        roll_put_number(&roll, others - roll.names);
        roll_put(&roll, " more");
    }
    assert(roll.length < size);
    memcpy(text, roll.text, roll.length);
    text[roll.length] = '\0';
    return roll.length;
}
