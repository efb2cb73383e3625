#include "chat/session/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/room.h"
#include "chat/text/text.h"

/* Of what was typed, in bytes: enough to be recognised, little enough for a line of 80 columns. */
#define WORD_SHOWN_MAX 40

/* What was wrong, in bytes. */
#define PROBLEM_TEXT 256

void call_refuse(const struct call *call, const char *format, ...)
{
    char problem[PROBLEM_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem, sizeof(problem), format, arguments);
    va_end(arguments);
    client_refuse(call->client, "%s", problem);
}

void call_refuse_usage(const struct call *call, const char *format, ...)
{
    const struct command *command = call->command;
    char problem[PROBLEM_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem, sizeof(problem), format, arguments);
    va_end(arguments);
    client_refuse(call->client, "%s. Usage: /%s%s%s", problem, command->name,
                  command->arguments[0] ? " " : "", command->arguments);
}

void call_refuse_guesses(const struct call *call)
{
    call_refuse(call, "Too many wrong keys came from your address: try again in a minute.");
}

void call_out_of_memory(const struct call *call)
{
    client_refuse(call->client, "Out of memory: your line was not carried out, try again.");
}

int word_shown(struct word word)
{
    return (int)text_cut(word.text, word.length, WORD_SHOWN_MAX);
}

bool word_is(struct word word, const char *text)
{
    return word.length == strlen(text) && text_equal_folded(word.text, text, word.length);
}

struct word word_take(struct word *line)
{
    line->length = text_trim(&line->text, line->length);
    struct word word = {.text = line->text};
    while (word.length < line->length && word.text[word.length] != ' ')
        word.length++;
    line->text += word.length;
    line->length -= word.length;
    return word.length > 0 ? word : (struct word){0};
}

/* All that is left of the line, without the blanks around it. */
static struct word take_rest(struct word *line)
{
    struct word rest = *line;
    rest.length = text_trim(&rest.text, rest.length);
    line->length = 0;
    return rest.length > 0 ? rest : (struct word){0};
}

/* True for `TEXT`, `[TEXT]` and `[N|DUR|TEXT]`. */
static bool is_text(struct word spelling)
{
    size_t length = spelling.length - (spelling.text[spelling.length - 1] == ']');
    return length >= 4 && memcmp(spelling.text + length - 4, "TEXT", 4) == 0;
}

/* True if the word was given and nobody could see it. */
static bool is_blank(struct word word)
{
    return word.text && !text_visible(word.text, word.length);
}

/* `! Too many words: "b c". Usage: ...`. Words of a command that takes a key may be a key. */
static void refuse_rest(const struct call *call, struct word rest)
{
    if (strstr(call->command->arguments, "KEY"))
        call_refuse_usage(call, "Too many words");
    else
        call_refuse_usage(call, "Too many words: \"%.*s\"", word_shown(rest), rest.text);
}

/* True if `spelling` is an optional room before other arguments, and what comes in the line is not
 * a room. */
static bool is_other_word(struct word spelling, struct word usage, struct word line)
{
    line.length = text_trim(&line.text, line.length);
    return strncmp(spelling.text, "[#", 2) == 0 && word_take(&usage).text &&
           (line.length == 0 || line.text[0] != '#');
}

bool call_parse(struct call *call, struct word line)
{
    struct word usage = {.text = call->command->arguments,
                         .length = strlen(call->command->arguments)};
    struct word spelling;
    for (size_t i = 0; (spelling = word_take(&usage)).text; i++) {
        if (is_other_word(spelling, usage, line))
            continue;
        call->words[i] = is_text(spelling) ? take_rest(&line) : word_take(&line);
        if (!call->words[i].text && spelling.text[0] != '[') {
            call_refuse_usage(call, "%.*s is missing", (int)spelling.length, spelling.text);
            return false;
        }
        if (is_text(spelling) && is_blank(call->words[i])) {
            call_refuse(call, "Nothing in that text can be seen.");
            return false;
        }
    }
    struct word rest = take_rest(&line);
    if (rest.text)
        refuse_rest(call, rest);
    return !rest.text;
}

struct client *call_find_person(const struct call *call, struct word name)
{
    struct client *person = client_find(client_chat(call->client), name.text, name.length);
    if (!person)
        call_refuse(call, "There is nobody called %.*s.", word_shown(name), name.text);
    return person;
}

struct room *call_find_room(const struct call *call, struct word name)
{
    char text[NAMES_ROOM_MAX + 1];
    size_t length = names_spell_room(text, name.text, name.length);
    struct room *room = length > 0 ? room_find(client_chat(call->client), text, length) : NULL;
    if (!room)
        call_refuse(call, "There is no room %s%.*s.", name.text[0] == '#' ? "" : "#",
                    word_shown(name), name.text);
    return room;
}

struct member *call_find_place(const struct call *call, struct word name)
{
    if (!name.text)
        return room_current(call->client);
    const struct room *room = call_find_room(call, name);
    struct member *member = room ? room_member(call->client, room) : NULL;
    if (room && !member)
        call_refuse(call, "You are not in %s.", room->name);
    return member;
}
