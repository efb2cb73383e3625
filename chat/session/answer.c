#include "chat/session/answer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/ignore.h"
#include "chat/people/motd.h"
#include "chat/session/roll.h"
#include "chat/text/text.h"
#include "chat/text/units.h"

/* Rooms are kept by name and looked up for each line: a room may end while somebody reads. */
struct answer {
    struct answer *next; /* composed after this one */
    bool (*compose)(struct answer *answer, struct client *client); /* false: nothing was left */
    bool (*tell)(struct client *client, size_t index); /* of answer_lines */
    struct motd *motd; /* of answer_motd: held; NULL in others */
    uint64_t position; /* what comes next, in the list that is gone through */
    uint64_t end;
    uint32_t named;
    bool counted; /* those who aren't named */
    char room[NAMES_ROOM_MAX + 1];
};

static struct sys *sys_of(const struct client *client)
{
    return client_chat(client)->loop->sys;
}

/* Queues a copy of `answer` behind those under way. */
static void start(struct client *client, const struct answer *answer)
{
    struct answer *copy = sys_of(client)->allocate(sys_of(client), sizeof(*copy));
    if (!copy) {
        client_refuse(client, "Out of memory: the answer is not complete, try again.");
        return;
    }
    *copy = *answer;
    motd_hold(copy->motd);
    struct answer **last = &client->answer;
    while (*last)
        last = &(*last)->next;
    *last = copy;
}

static void drop_first(struct client *client)
{
    struct answer *first = client->answer;
    client->answer = first->next;
    motd_drop(first->motd, sys_of(client));
    sys_of(client)->release(sys_of(client), first);
}

bool answer_next(struct client *client)
{
    while (client->answer) {
        if (client->answer->compose(client->answer, client))
            return true;
        drop_first(client);
    }
    return false;
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

/* Whether the last line of a list that was cut is due: what was left out, told once. */
static bool count_rest(struct answer *answer, uint64_t all)
{
    if (answer->counted || answer->named < ANSWER_NAMED_MAX || all <= answer->named)
        return false;
    answer->counted = true;
    return true;
}

static bool compose_who(struct answer *answer, struct client *client)
{
    const struct room *room = room_find(client_chat(client), answer->room, strlen(answer->room));
    if (!room)
        return false;
    struct roll roll;
    char before[NAMES_ROOM_MAX + 8];
    (void)snprintf(before, sizeof(before), "In %s: ", room->name);
    roll_begin(&roll, before);
    add_members(&roll, answer, room);
    if (roll.names > 0) {
        client_tell(client, "%s", roll.text);
        return true;
    }
    if (!count_rest(answer, room->people))
        return false;
    client_tell(client, "In %s: %u more", room->name, room->people - answer->named);
    return true;
}

void answer_who(struct client *client, const struct room *room)
{
    struct answer answer = {.compose = compose_who};
    memcpy(answer.room, room->name, sizeof(answer.room));
    start(client, &answer);
}

/* /rooms */

static bool compose_rooms(struct answer *answer, struct client *client)
{
    const struct names *rooms = &client_chat(client)->rooms;
    size_t position = answer->position;
    const char *name = answer->named < ANSWER_NAMED_MAX ? names_next(rooms, &position) : NULL;
    if (name) {
        const struct room *room = room_of_name(name);
        client_tell(client, "%s: %u %s%s", name, room->people,
                    room->people == 1 ? "person" : "people", room->key[0] ? ", locked" : "");
        answer->position = position;
        answer->named++;
        return true;
    }
    if (!count_rest(answer, names_count(rooms)))
        return false;
    client_tell(client, "%zu more rooms", names_count(rooms) - answer->named);
    return true;
}

void answer_rooms(struct client *client)
{
    start(client, &(struct answer){.compose = compose_rooms});
}

/* /ignore without a name */

static void add_ignored(struct roll *roll, struct answer *answer, const struct client *client)
{
    size_t position = answer->position;
    for (const char *name; (name = names_next(&client_chat(client)->people, &position));
         answer->position = position) {
        if (!ignore_holds(client, client_tag(client_of_name(name))))
            continue;
        if (!roll_add(roll, name, ""))
            return;
        answer->named++;
    }
}

static bool compose_ignored(struct answer *answer, struct client *client)
{
    struct roll roll;
    roll_begin(&roll, "You ignore: ");
    add_ignored(&roll, answer, client);
    if (roll.names > 0) {
        client_tell(client, "%s", roll.text);
        return true;
    }
    if (answer->counted)
        return false;
    answer->counted = true;
    size_t count = ignore_count(client);
    if (count == 0)
        client_tell(client, "You ignore nobody.");
    else if (count > answer->named)
        client_tell(client, "You ignore: %zu who left", count - answer->named);
    else
        return false;
    return true;
}

void answer_ignored(struct client *client)
{
    start(client, &(struct answer){.compose = compose_ignored});
}

/* /history, and what is shown to those who come in */

/* The remembered line at the answer's position, or the next one that may be shown; NULL at the end.
 * The position is then behind it. */
static const struct history_line *
next_remembered(struct answer *answer, const struct client *client, const struct history *history)
{
    if (answer->position < history_first(history))
        answer->position = history_first(history);
    while (answer->position < answer->end) {
        const struct history_line *line = history_get(history, answer->position++);
        if (line && !ignore_holds(client, line->author))
            return line;
    }
    return NULL;
}

static bool compose_history(struct answer *answer, struct client *client)
{
    const struct room *room = room_find(client_chat(client), answer->room, strlen(answer->room));
    if (!room)
        return false;
    const struct history_line *line = next_remembered(answer, client, &room->history);
    if (!line)
        return false;
    char stamp[UNITS_UTC_TEXT];
    units_format_utc(line->stamp_ns, stamp);
    client_show(client, "~ %s %.*s", stamp, (int)line->length, line->text);
    return true;
}

bool answer_history(struct client *client, const struct room *room, uint32_t lines)
{
    const struct history *history = &room->history;
    struct answer answer = {.compose = compose_history, .end = history_end(history)};
    uint32_t shown = 0;
    answer.position = answer.end;
    while (shown < lines && answer.position > history_first(history)) {
        answer.position--;
        if (!ignore_holds(client, history_get(history, answer.position)->author))
            shown++;
    }
    if (shown == 0)
        return false;
    memcpy(answer.room, room->name, sizeof(answer.room));
    start(client, &answer);
    return true;
}

/* The message of the day */

/* The bytes of the line at `text` that are shown at once: all of it, or as much as the scratch
 * holds once it is cleaned; the rest then comes on a line of its own. */
static size_t motd_piece(const struct chat *chat, const char *text, size_t length)
{
    return text_cut(text, length, (chat->output_size - CHAT_LINE_EXTRA / 2) / TEXT_CLEAN_GROWTH);
}

static bool compose_motd(struct answer *answer, struct client *client)
{
    struct chat *chat = client_chat(client);
    const struct motd *motd = answer->motd;
    if (answer->position >= motd->length)
        return false;
    const char *line = motd->text + answer->position;
    size_t left = motd->length - answer->position;
    const char *newline = memchr(line, '\n', left);
    size_t length = newline ? (size_t)(newline - line) : left;
    size_t piece = motd_piece(chat, line, length);
    answer->position += piece < length ? piece : length + 1;
    size_t shown = text_clean(chat->event, line, piece);
    client_tell(client, "%.*s", (int)shown, chat->event);
    return true;
}

void answer_motd(struct client *client)
{
    struct motd *motd = client_chat(client)->motd;
    if (motd)
        start(client, &(struct answer){.compose = compose_motd, .motd = motd});
}

/* Lines of somebody else's */

static bool compose_lines(struct answer *answer, struct client *client)
{
    return answer->tell(client, answer->position++);
}

void answer_lines(struct client *client, bool (*tell)(struct client *client, size_t index))
{
    start(client, &(struct answer){.compose = compose_lines, .tell = tell});
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
