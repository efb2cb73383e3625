#include "chat/session/command.h"

#include <stdio.h>
#include <string.h>

#include "chat/session/answer.h"
#include "chat/session/call.h"
#include "chat/session/roll.h"
#include "chat/session/talk.h"
#include "chat/text/text.h"

static void command_help(const struct call *call);

/* With a journal the line is held back until all that was said before is in it: this is called
 * twice. */
static bool is_confirmed(struct client *client)
{
    if (journal_is_open(&client_chat(client)->journal))
        client->confirming = !client->confirming;
    return !client->confirming;
}

static void command_ping(const struct call *call)
{
    struct word token = call->words[0];
    if (!is_confirmed(call->client))
        return;
    if (!journal_is_good(&client_chat(call->client)->journal))
        client_refuse(call->client, "%.*s%sthe journal cannot be written", (int)token.length,
                      token.text ? token.text : "", token.text ? ": " : "");
    else if (token.text)
        client_tell(call->client, "pong %.*s", (int)token.length, token.text);
    else
        client_tell(call->client, "pong");
}

static void command_quit(const struct call *call)
{
    struct word parting = call->words[0];
    if (parting.text)
        client_set_parting(call->client, parting.text, parting.length);
    call->client->end = CLIENT_QUIT;
}

/* In the order of /help, which shows some pairs on one line. */
static const struct command commands[] = {
    {"help", "[COMMAND]", "all commands, or one", command_help},
    {"nick", "[NAME [KEY]]", "take a name; KEY holds it until 1 h after you leave", command_nick},
    {"join", "#room [KEY]", "enter (created if new) and make it the room you talk in",
     command_join},
    {"leave", "[#room]", "leave a room", command_leave},
    {"rooms", "[TEXT]", "which rooms there are, or those with TEXT; /list", command_rooms},
    {"who", "[#room]", "who is in a room; /names", command_who},
    {"msg", "NICK TEXT", "speak privately (or: @NICK TEXT); to a #room you are in", command_msg},
    {"r", "TEXT", "answer whoever last wrote to you privately", command_reply},
    {"me", "TEXT", "describe an action: /me waves", command_me},
    {"topic", "[TEXT]", "show or set the topic", command_topic},
    {"lock", "[KEY]", "require a key to enter; without KEY, one is generated", command_lock},
    {"unlock", "", "stop requiring a key", command_unlock},
    {"kick", "NICK [TEXT]", "remove somebody from the room you created", command_kick},
    {"give", "NICK", "make somebody else the creator of your room", command_give},
    {"invite", "NICK", "tell somebody how to enter the room you talk in", command_invite},
    {"history", "[#room] [N|DUR|TEXT]", "the last N lines, those of 2h, or with TEXT",
     command_history},
    {"quiet", "[on|off]", "hide joins, leaves and renames", command_quiet},
    {"bell", "[on|off]", "ring when somebody writes to you or names you", command_bell},
    {"ignore", "[NICK]", "hide what someone says; without NICK: the list", command_ignore},
    {"unignore", "NICK", "show what they say again", command_unignore},
    {"whois", "NICK", "name, rooms, idle time, away text", command_whois},
    {"away", "[TEXT]", "mark yourself away; without TEXT: back", command_away},
    {"ping", "[TOKEN]", "answered by pong when all you sent before is done", command_ping},
    {"quit", "[TEXT]", "leave the chat, with a parting word", command_quit},
    /* For the help alone: such a line is speech before anybody looks here. */
    {"/text", "", "say a line that begins with /", NULL},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* The help shows each of these and the command after it on one line. */
static const struct pair {
    const char *first;
    const char *help;
} pairs[] = {
    {"lock", "require a key (without KEY, one is generated); stop"},
    {"ignore", "hide what someone says (or: list them); show"},
};

/* These never change, whatever commands are added. */
static const struct alias {
    const char *alias;
    const char *name;
} aliases[] = {
    {"m", "msg"},      {"tell", "msg"},   {"w", "who"},  {"names", "who"},
    {"h", "help"},     {"j", "join"},     {"n", "nick"}, {"l", "leave"},
    {"part", "leave"}, {"list", "rooms"}, {"q", "quit"}, {"exit", "quit"},
};

/* Finding one. */

static bool begins_with(const struct command *command, struct word beginning)
{
    return strlen(command->name) >= beginning.length &&
           text_equal_folded(command->name, beginning.text, beginning.length);
}

/* `! /wh is ambiguous: /who, /whois` */
static void refuse_ambiguous(struct client *client, struct word name)
{
    struct roll roll;
    roll_begin(&roll, "");
    for (size_t i = 0; i < COMMANDS; i++) {
        char found[16];
        (void)stpcpy(stpcpy(found, "/"), commands[i].name);
        if (begins_with(&commands[i], name))
            (void)roll_add(&roll, found, ""); /* those that fit */
    }
    client_refuse(client, "/%.*s is ambiguous: %s", word_shown(name), name.text, roll.text);
}

/* The whole name of an alias; any other word as it is. */
static struct word resolve(struct word name)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (word_is(name, aliases[i].alias))
            return (struct word){.text = aliases[i].name, .length = strlen(aliases[i].name)};
    return name;
}

/* The command called `name`, or the only one that begins so, else NULL. *count is how many do. */
static const struct command *find(struct word name, size_t *count)
{
    const struct command *found = NULL;
    name = resolve(name);
    *count = 0;
    for (size_t i = 0; name.length > 0 && i < COMMANDS; i++) {
        if (!begins_with(&commands[i], name))
            continue;
        found = &commands[i];
        if (strlen(found->name) == name.length) {
            *count = 1;
            return found;
        }
        ++*count;
    }
    return *count == 1 ? found : NULL;
}

/* Help. */

/* The longest usage but those that leave little to explain. */
#define USAGE_COLUMNS 18

static void tell_help(struct client *client, const char *usage, const char *help)
{
    client_tell(client, "%-*s  %s", USAGE_COLUMNS, usage, help);
}

static void spell_usage(const struct command *command, char usage[static ANSWER_COLUMNS])
{
    (void)snprintf(usage, ANSWER_COLUMNS, "/%s%s%s", command->name,
                   command->arguments[0] ? " " : "", command->arguments);
}

/* The help of a command and the next one, if the help shows them on one line; else NULL. */
static const char *pair_help(size_t index)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (strcmp(pairs[i].first, commands[index].name) == 0)
            return pairs[i].help;
    return NULL;
}

static void tell_pair(struct client *client, size_t index)
{
    char usage[2 * ANSWER_COLUMNS];
    spell_usage(&commands[index], usage);
    size_t length = strlen(usage);
    (void)stpcpy(usage + length, ", ");
    spell_usage(&commands[index + 1], usage + length + 2);
    tell_help(client, usage, pair_help(index));
}

static void tell_one(struct client *client, const struct command *command)
{
    char usage[ANSWER_COLUMNS];
    spell_usage(command, usage);
    tell_help(client, usage, command->help);
}

static bool tell_help_line(struct client *client, size_t line)
{
    size_t index = 0;
    while (index < COMMANDS && line-- > 0)
        index += pair_help(index) ? 2 : 1;
    if (index >= COMMANDS)
        return false;
    if (pair_help(index))
        tell_pair(client, index);
    else
        tell_one(client, &commands[index]);
    return true;
}

static void command_help(const struct call *call)
{
    struct word name = call->words[0];
    size_t count;
    if (!name.text) {
        answer_lines(call->client, tell_help_line);
        return;
    }
    if (name.text[0] == '/') {
        name.text++;
        name.length--;
    }
    const struct command *command = find(name, &count);
    if (count > 1) {
        refuse_ambiguous(call->client, name);
    } else if (!command) {
        call_refuse(call, "There is no command /%.*s. /help lists all.", word_shown(name),
                    name.text);
    } else {
        tell_one(call->client, command);
    }
}

/* Carrying out. */

/* People who look for a command often type it bare: it is said, and they are told so once. */
static void hint(struct client *client, struct word line)
{
    bool help = word_is(line, "help");
    if (!help && !word_is(line, "quit") && !word_is(line, "exit"))
        return;
    if (help ? client->hinted_help : client->hinted_quit)
        return;
    client->hinted_help |= help;
    client->hinted_quit |= !help;
    client_tell(client, "You said \"%.*s\" in %s. %s", (int)line.length, line.text,
                room_of(room_current(client))->name, help ? "For help: /help" : "To leave: /quit");
}

static void speak(const struct call *call, struct word line)
{
    talk_speak(call, room_current(call->client), line);
    if (!call->client->held)
        hint(call->client, line);
}

static void refuse_unknown(struct client *client, struct word name, struct word rest)
{
    rest.length = text_trim(&rest.text, rest.length);
    int shown = word_shown(name);
    if (rest.length == 0)
        client_refuse(client, "There is no command /%.*s. To say it: //%.*s", shown, name.text,
                      shown, name.text);
    else
        client_refuse(client,
                      "There is no command /%.*s; /help lists all. To say it: //%.*s and the rest",
                      shown, name.text, shown, name.text);
}

/* `line` begins after the slash. */
static void run_command(struct call *call, struct word line)
{
    struct word name = line;
    size_t count;
    if (line.length > 0 && line.text[0] != ' ')
        name = word_take(&line);
    else
        name.length = 0;
    call->command = find(name, &count);
    if (count > 1)
        refuse_ambiguous(call->client, name);
    else if (!call->command)
        refuse_unknown(call->client, name, line);
    else if (call_parse(call, line))
        call->command->run(call);
}

/* Pasted code begins with a slash too: a comment, or a path with a second slash. */
static bool is_pasted(struct word line)
{
    if (line.length > 1 && line.text[1] == '/')
        return line.length > 2 && line.text[2] == ' ';
    if (line.length > 1 && line.text[1] == '*')
        return true;
    struct word first = word_take(&line);
    return memchr(first.text + 1, '/', first.length - 1);
}

/* `@` and a name: never speech. */
static bool is_addressed(struct word line)
{
    char first = line.length > 1 ? text_fold(line.text[1]) : ' ';
    return line.text[0] == '@' && first >= 'a' && first <= 'z';
}

void command_run(struct client *client, const char *line, size_t length)
{
    struct call call = {.client = client};
    struct word all = {.text = line, .length = length};
    if (!text_visible(line, length))
        return;
    if (is_addressed(all))
        talk_at(&call, all);
    else if (line[0] != '/' || is_pasted(all))
        speak(&call, all);
    else if (length > 1 && line[1] == '/')
        speak(&call, (struct word){.text = line + 1, .length = length - 1});
    else
        run_command(&call, (struct word){.text = line + 1, .length = length - 1});
}
