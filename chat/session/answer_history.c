/* /history, and what people who come in are shown. */
#include <string.h>

#include "chat/people/ignore.h"
#include "chat/session/answer_internal.h"
#include "chat/text/units.h"

/* Looked through in one turn. */
#define SLICE_LINES 500
#define SLICE_BYTES 16384

/* The position is the next line to be shown; while a text is searched for, the line after the next
 * that is looked at, because the newest are looked for. */
struct history_answer {
    struct answer answer;
    uint32_t found; /* lines that contain the text */
    uint64_t lines[ANSWER_HISTORY_DEFAULT]; /* their numbers, newest first */
};

static const struct room *room_of_answer(const struct answer *answer, const struct client *client)
{
    return room_find(client_chat(client), answer->room, strlen(answer->room));
}

static void show(struct client *client, const struct history_line *line)
{
    char stamp[UNITS_UTC_TEXT];
    units_format_utc(line->stamp_ns, stamp);
    client_show(client, "~ %s %.*s", stamp, (int)line->length, line->text);
}

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

/* What is told if no line was shown. */
static enum answer_step tell_none(struct answer *answer, struct client *client,
                                  const struct room *room)
{
    if (answer->named > 0 || answer->counted)
        return ANSWER_DONE;
    answer->counted = true;
    if (answer->text)
        client_tell(client, "Nothing in %s matches \"%s\".", room->name, answer->text);
    else if (history_first(&room->history) == history_end(&room->history))
        client_tell(client, "Nothing said in %s is remembered yet.", room->name);
    else if (answer->since)
        client_tell(client, "Nothing was said in %s in that time.", room->name);
    else
        client_tell(client, "%s remembers only lines of people you ignore.", room->name);
    return ANSWER_LINE;
}

static enum answer_step compose_history(struct answer *answer, struct client *client)
{
    const struct room *room = room_of_answer(answer, client);
    if (!room)
        return ANSWER_DONE;
    const struct history_line *line = next_remembered(answer, client, &room->history);
    if (!line)
        return tell_none(answer, client, room);
    show(client, line);
    answer->named++;
    return ANSWER_LINE;
}

/* True if a line that `client` may see contains the text, in what comes after the room's name. */
static bool matches(const struct answer *answer, const struct client *client,
                    const struct history_line *line)
{
    size_t name = strlen(answer->room);
    return answer_contains(line->text + name, line->length - name, answer->text) &&
           !ignore_holds(client, line->author);
}

/* Looks through a slice of lines, backwards. True while there are more to look at. */
static bool search(struct history_answer *self, const struct client *client,
                   const struct history *history)
{
    size_t bytes = 0;
    for (int i = 0; i < SLICE_LINES && bytes < SLICE_BYTES; i++) {
        if (self->found == ANSWER_HISTORY_DEFAULT ||
            self->answer.position <= history_first(history))
            return false;
        uint64_t number = --self->answer.position;
        const struct history_line *line = history_get(history, number);
        bytes += line->length;
        if (matches(&self->answer, client, line))
            self->lines[self->found++] = number;
    }
    return true;
}

/* Shows the lines that were found, the oldest first; some may be forgotten by now. */
static enum answer_step compose_found(struct history_answer *self, struct client *client,
                                      const struct room *room)
{
    while (self->found > 0) {
        const struct history_line *line = history_get(&room->history, self->lines[--self->found]);
        if (!line)
            continue;
        show(client, line);
        self->answer.named++;
        return ANSWER_LINE;
    }
    return tell_none(&self->answer, client, room);
}

static enum answer_step compose_search(struct answer *answer, struct client *client)
{
    struct history_answer *self = container_of(answer, struct history_answer, answer);
    const struct room *room = room_of_answer(answer, client);
    if (!room)
        return ANSWER_DONE;
    if (!answer->end && search(self, client, &room->history))
        return ANSWER_SEARCHES;
    answer->end = 1; /* the search is over */
    return compose_found(self, client, room);
}

static struct answer *start(struct client *client, const struct room *room, size_t size,
                            enum answer_step (*compose)(struct answer *answer,
                                                        struct client *client))
{
    struct answer *answer = answer_start(client, size, compose);
    if (!answer)
        return NULL;
    memcpy(answer->room, room->name, sizeof(answer->room));
    answer->end = history_end(&room->history);
    answer->position = answer->end;
    return answer;
}

/* Where the last `lines` begin that `client` may see. */
static uint64_t first_of_last(const struct client *client, const struct history *history,
                              uint32_t lines)
{
    uint64_t position = history_end(history);
    for (uint32_t shown = 0; shown < lines && position > history_first(history);)
        shown += !ignore_holds(client, history_get(history, --position)->author);
    return position;
}

void answer_history(struct client *client, const struct room *room, uint32_t lines)
{
    struct answer *answer = start(client, room, sizeof(*answer), compose_history);
    if (answer)
        answer->position = first_of_last(client, &room->history, lines);
}

void answer_remembered(struct client *client, const struct room *room)
{
    struct answer *answer = start(client, room, sizeof(*answer), compose_history);
    if (!answer)
        return;
    answer->position = first_of_last(client, &room->history, ANSWER_HISTORY_ON_JOIN);
    answer->counted = true; /* there may be none */
}

void answer_history_since(struct client *client, const struct room *room, int64_t since_ns)
{
    const struct history *history = &room->history;
    struct answer *answer = start(client, room, sizeof(*answer), compose_history);
    if (!answer)
        return;
    /* Times grow from line to line, unless somebody sets the clock back. */
    uint64_t from = history_first(history);
    for (uint64_t to = answer->end; from < to;) {
        uint64_t middle = from + (to - from) / 2;
        if (history_get(history, middle)->stamp_ns < since_ns)
            from = middle + 1;
        else
            to = middle;
    }
    answer->position = from;
    answer->since = from == answer->end;
}

void answer_history_search(struct client *client, const struct room *room, struct word text)
{
    struct answer *answer = start(client, room, sizeof(struct history_answer), compose_search);
    if (!answer || !answer_search_for(answer, client, text))
        return;
    answer->end = 0;
}
