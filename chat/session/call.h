/*
 * call: one command, taken apart.
 *
 * command.c finds the command in its table; call_parse takes the rest of the
 * line apart as the table spells the arguments. A command that runs has every
 * word it requires, so it only has to judge what the words say. The commands
 * themselves are in talk.c, command_nick.c, command_people.c, command_rooms.c and
 * command_creator.c. Used in this folder only.
 *
 *      call_refuse(call, "%s has no topic.", room->name)     ! #tea has no topic.
 *      call_refuse_usage(call, "NICK is missing")
 *                                   ! NICK is missing. Usage: /msg NICK TEXT
 */
#ifndef CHAT_SESSION_CALL_H
#define CHAT_SESSION_CALL_H

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
    struct word words[CALL_WORDS_MAX]; /* its arguments, in order; required ones are there */
};

struct command {
    const char *name; /* without its slash, in lower case */
    /* As the help shows them: words in their order, `[optional]` ones last. TEXT is the rest of the
     * line. KEY is never shown again. */
    const char *arguments;
    const char *help;
    void (*run)(const struct call *call);
};

/* `! TEXT`: what was wrong, as a sentence. */
void call_refuse(const struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `! TEXT. Usage: /COMMAND ARGUMENTS`: words are missing or too many. */
void call_refuse_usage(const struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `! Too many wrong keys ...`: the client's address is closed out for a moment (guesses.h). */
void call_refuse_guesses(const struct call *call);

/* `! Out of memory ...`: nothing was done. */
void call_out_of_memory(const struct call *call);

/* Takes `line`, the part after the command's name, apart. Returns false if a word is missing or
 * left over; the client was told. */
bool call_parse(struct call *call, struct word line);

/* Takes the first word off `line`; its text is NULL if there is none. */
struct word word_take(struct word *line);

/* How many bytes of a typed word a refusal repeats: whole characters. For `%.*s`. */
int word_shown(struct word word);

/* True if the word is `text`, in any case. */
bool word_is(struct word word, const char *text);

/* The person called `name`; NULL if there is none, and the client was told. */
struct client *call_find_person(const struct call *call, struct word name);

/* The room of that name, with or without its #; NULL if there is none, and the client was told. */
struct room *call_find_room(const struct call *call, struct word name);

/* The client's place in the room of that name, or in the one it talks in if no name is given; NULL
 * if it is not in there, and the client was told. */
struct member *call_find_place(const struct call *call, struct word name);

/* People: command_nick.c, command_people.c. */
void command_nick(const struct call *call);
void command_ignore(const struct call *call);
void command_unignore(const struct call *call);
void command_whois(const struct call *call);
void command_away(const struct call *call);

/* Talking: talk.c. */
void command_msg(const struct call *call);
void command_reply(const struct call *call);
void command_me(const struct call *call);
void command_bell(const struct call *call);
void command_quiet(const struct call *call);

/* Rooms: command_rooms.c. */
void command_join(const struct call *call);
void command_leave(const struct call *call);
void command_rooms(const struct call *call);
void command_who(const struct call *call);
void command_topic(const struct call *call);
void command_history(const struct call *call);

/* What the creator of a room may do: command_creator.c. */
void command_kick(const struct call *call);
void command_give(const struct call *call);
void command_invite(const struct call *call);
void command_lock(const struct call *call);
void command_unlock(const struct call *call);

#endif
