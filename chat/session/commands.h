/*
 * commands: what every command is given, and where each is.
 *
 * command.c finds the command in its table and takes its arguments apart as the
 * table spells them; what a command gets is complete, so it only has to look at
 * what the words say. command_people.c and command_rooms.c carry them out. Not
 * for anybody else.
 */
#ifndef CHAT_SESSION_COMMANDS_H
#define CHAT_SESSION_COMMANDS_H

#include "chat/people/client.h"

/* The most arguments that a command has. */
#define CALL_WORDS_MAX 2

/* A part of the line: not NUL-terminated. */
struct word {
    const char *text; /* NULL: not given */
    size_t length;
};

struct command;

/* One command, about to be carried out. */
struct call {
    struct client *client;
    const struct command *command;
    struct word words[CALL_WORDS_MAX]; /* its arguments, in order; what isn't optional is there */
};

struct command {
    const char *name; /* without its slash, in lower case */
    /* What the help shows and what is asked for: words in their order, `[optional]` ones last; TEXT
     * is the rest of the line. */
    const char *arguments;
    const char *help;
    void (*run)(const struct call *call);
};

/* `! /COMMAND: TEXT: /COMMAND ARGUMENTS`: what was wrong, and the usage. */
void call_refuse(const struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `! out of memory ...`: nothing was done. */
void call_out_of_memory(const struct call *call);

/* Takes `line`, which is behind the command's name, apart. False where something is missing or left
 * over: that was told. */
bool call_parse(struct call *call, struct word line);

/* Takes the first word off `line`: its text is NULL where there is none. */
struct word word_take(struct word *line);

/* How much of what somebody typed is shown to them again: whole characters. For `%.*s`. */
int word_shown(struct word word);

/* People. */
void command_nick(const struct call *call);
void command_msg(const struct call *call);
void command_ignore(const struct call *call);
void command_unignore(const struct call *call);
void command_whois(const struct call *call);
void command_away(const struct call *call);

/* Rooms. */
void command_join(const struct call *call);
void command_leave(const struct call *call);
void command_rooms(const struct call *call);
void command_who(const struct call *call);
void command_me(const struct call *call);
void command_topic(const struct call *call);
void command_lock(const struct call *call);
void command_unlock(const struct call *call);
void command_history(const struct call *call);

#endif
