/*
 * command: what a line means, and doing it.
 *
 * A line that begins with a slash is a command, with two slashes it is speech
 * that begins with one, and with @ and a name it is a private message. Anything
 * else is speech, and so is pasted code that begins with a slash. The table in
 * command.c names every command with its arguments and a line of help: arguments
 * are checked and /help is printed from it. A command may be shortened as long
 * as no other begins like it.
 */
#ifndef CHAT_SESSION_COMMAND_H
#define CHAT_SESSION_COMMAND_H

#include "chat/people/client.h"

/* Carries out one line of `client`, cleaned (text.h), which lies in chat->clean. The client is told
 * what went wrong. May start an answer (answer.h), may set client->end. */
void command_run(struct client *client, const char *line, size_t length);

#endif
