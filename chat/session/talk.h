/*
 * talk: lines that are spoken, to a room or to one person.
 *
 * What may ring (/bell) is found once, when a line is spoken: its author's line
 * is looked through for names, at most TALK_NAMES_MAX of them, and each of these
 * people is rung. Readers look for nothing. The bell is a BEL of its own before
 * the line it is about, so that a line that is stored once needs no change.
 */
#ifndef CHAT_SESSION_TALK_H
#define CHAT_SESSION_TALK_H

#include "chat/people/room.h"
#include "chat/session/call.h"

/* Names that one line is looked through for, and how often one person is rung. */
#define TALK_NAMES_MAX 5
#define TALK_BELL_NS (2 * NS_PER_SECOND)

/* While two people wrote to somebody within this time, /r does not guess which is meant. */
#define TALK_BOTH_NS (3 * NS_PER_SECOND)

/* Says `text` in a room. Out of memory is told to the author. */
void talk_speak(const struct call *call, struct member *member, struct word text);

/* Sends a private message and answers its author, who is told too if it cannot be sent. */
void talk_whisper(const struct call *call, struct client *to, struct word text);

/* `from` writes to `to` in some way: false if it is ignored, and then nothing happened. Else its
 * arrival is announced, it is remembered for /r and the bell rings: the line comes next. */
bool talk_reach(struct client *from, struct client *to);

/* `@NICK TEXT`: `line` begins with @ and a letter. */
void talk_at(const struct call *call, struct word line);

#endif
