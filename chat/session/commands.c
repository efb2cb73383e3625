#include "chat/session/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chat/text/text.h"

/* Of what was typed, in bytes: enough to be recognised, little enough for a line of 80 columns. */
#define WORD_SHOWN_MAX 40

/* What was wrong, in bytes. */
#define PROBLEM_TEXT 256

void call_refuse(const struct call *call, const char *format, ...)
{
    const struct command *command = call->command;
    char problem[PROBLEM_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem, sizeof(problem), format, arguments);
    va_end(arguments);
    client_refuse(call->client, "/%s: %s: /%s%s%s", command->name, problem, command->name,
                  command->arguments[0] ? " " : "", command->arguments);
}

void call_out_of_memory(const struct call *call)
{
    client_refuse(call->client, "out of memory: your line was not carried out, try again");
}

int word_shown(struct word word)
{
    size_t length = word.length;
    if (length > WORD_SHOWN_MAX) {
        length = WORD_SHOWN_MAX;
        while (length > 0 && ((unsigned char)word.text[length] & 0xC0) == 0x80)
            length--;
    }
    return (int)length;
}

struct word word_take(struct word *line)
{
    line->length = text_trim(&line->text, line->length);
    struct word word = {.text = line->text};
    while (word.length < line->length && word.text[word.length] != ' ' &&
           word.text[word.length] != '\t')
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

/* True for `TEXT` and `[TEXT]`. */
static bool is_text(struct word spelling)
{
    const char *name = spelling.text + (spelling.text[0] == '[');
    return strncmp(name, "TEXT", strlen("TEXT")) == 0;
}

bool call_parse(struct call *call, struct word line)
{
    struct word usage = {.text = call->command->arguments,
                         .length = strlen(call->command->arguments)};
    struct word given = line;
    struct word spelling;
    for (size_t i = 0; (spelling = word_take(&usage)).text; i++) {
        call->words[i] = is_text(spelling) ? take_rest(&line) : word_take(&line);
        if (!call->words[i].text && spelling.text[0] != '[') {
            call_refuse(call, "%.*s is missing", (int)spelling.length, spelling.text);
            return false;
        }
    }
    if (!take_rest(&line).text)
        return true;
    given = take_rest(&given);
    call_refuse(call, "too many words: %.*s", word_shown(given), given.text);
    return false;
}
