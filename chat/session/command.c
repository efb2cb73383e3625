#include "chat/session/command.h"

#include <stdio.h>
#include <string.h>

#include "chat/session/answer.h"
#include "chat/session/call.h"
#include "chat/text/text.h"

static void command_help(const struct call *call);

static void command_ping(const struct call *call)
{
    struct word token = call->words[0];
    if (token.text)
        client_tell(call->client, "pong %.*s", (int)token.length, token.text);
    else
        client_tell(call->client, "pong");
}

static void command_quit(const struct call *call)
{
    struct word parting = call->words[0];
    if (parting.text)
        client_set_parting(call->client, "quit: ", parting.text, parting.length);
    call->client->end = CLIENT_QUIT;
}

/* In the order of /help. */
static const struct command commands[] = {
    {"help", "[COMMAND]", "all commands, or one", command_help},
    {"nick", "[NAME]", "take a name; without NAME: what you are called", command_nick},
    {"join", "#room [KEY]", "enter (created if new) and make it the room you talk in",
     command_join},
    {"leave", "[#room]", "leave a room", command_leave},
    {"rooms", "", "which rooms there are, with counts", command_rooms},
    {"who", "[#room]", "who is in a room", command_who},
    {"msg", "NICK TEXT", "speak privately; to a #room you are in: without moving", command_msg},
    {"me", "TEXT", "describe an action: /me waves", command_me},
    {"topic", "[TEXT]", "show or set the topic", command_topic},
    {"lock", "[KEY]", "require a key to enter; without KEY, one is generated", command_lock},
    {"unlock", "", "stop requiring a key", command_unlock},
    {"history", "[N]", "the last N lines that the room remembers", command_history},
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

/* Finding one. */

static bool begins_with(const struct command *command, struct word beginning)
{
    return strlen(command->name) >= beginning.length &&
           text_equal_folded(command->name, beginning.text, beginning.length);
}

/* `! /l is ambiguous: /leave, /lock` */
static void refuse_ambiguous(struct client *client, struct word name)
{
    char found[ANSWER_COLUMNS] = "";
    size_t length = 0;
    for (size_t i = 0; i < COMMANDS; i++)
        if (begins_with(&commands[i], name) && length < sizeof(found))
            length += (size_t)snprintf(found + length, sizeof(found) - length, "%s/%s",
                                       length > 0 ? ", " : "", commands[i].name);
    client_refuse(client, "/%.*s is ambiguous: %s", word_shown(name), name.text, found);
}

/* The command called `name`, or the only one that begins so; else NULL, and the client was told. */
static const struct command *find(struct client *client, struct word name)
{
    const struct command *found = NULL;
    size_t count = 0;
    for (size_t i = 0; name.length > 0 && i < COMMANDS; i++) {
        if (!begins_with(&commands[i], name))
            continue;
        found = &commands[i];
        if (strlen(found->name) == name.length)
            return found;
        count++;
    }
    if (count == 1)
        return found;
    if (count > 1)
        refuse_ambiguous(client, name);
    else
        client_refuse(client, "There is no command /%.*s. /help lists all.", word_shown(name),
                      name.text);
    return NULL;
}

/* Help. */

/* The longest usage, `/join #room [KEY]`. */
#define USAGE_COLUMNS 17

static void tell_help(struct client *client, const struct command *command)
{
    char usage[ANSWER_COLUMNS];
    (void)snprintf(usage, sizeof(usage), "/%s %s", command->name, command->arguments);
    client_tell(client, "%-*s  %s", USAGE_COLUMNS, usage, command->help);
}

static bool tell_help_line(struct client *client, size_t index)
{
    if (index >= COMMANDS)
        return false;
    tell_help(client, &commands[index]);
    return true;
}

static void command_help(const struct call *call)
{
    struct word name = call->words[0];
    if (!name.text) {
        answer_lines(call->client, tell_help_line);
        return;
    }
    if (name.text[0] == '/') {
        name.text++;
        name.length--;
    }
    const struct command *command = find(call->client, name);
    if (command)
        tell_help(call->client, command);
}

/* Carrying out. */

static void speak(const struct call *call, struct word text)
{
    if (room_speak(room_current(call->client), text.text, text.length) < 0)
        call_out_of_memory(call);
}

/* `line` begins behind the slash. */
static void run_command(struct call *call, struct word line)
{
    struct word name = line;
    if (line.length > 0 && line.text[0] != ' ')
        name = word_take(&line);
    else
        name.length = 0;
    call->command = find(call->client, name);
    if (call->command && call_parse(call, line))
        call->command->run(call);
}

void command_run(struct client *client, const char *line, size_t length)
{
    struct call call = {.client = client};
    if (!text_visible(line, length))
        return;
    if (line[0] != '/')
        speak(&call, (struct word){.text = line, .length = length});
    else if (length > 1 && line[1] == '/')
        speak(&call, (struct word){.text = line + 1, .length = length - 1});
    else
        run_command(&call, (struct word){.text = line + 1, .length = length - 1});
}
