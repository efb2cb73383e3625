/*
 * answer: long answers, composed as they are read.
 *
 * A list of a thousand lines must not be queued for somebody who doesn't read.
 * An answer is a generator: answer_next writes the next line from what is true
 * then, and the session asks for more only when the reader has taken what there
 * was. It is a plain one, as in Python: composing never waits, the session does,
 * in one place for all it waits for. What comes and goes while somebody reads
 * about it may be missed or named twice: nothing is held still for a reader.
 */
#ifndef CHAT_SESSION_ANSWER_H
#define CHAT_SESSION_ANSWER_H

#include "chat/people/room.h"
#include "chat/session/call.h"

/* As many as /rooms and /who name before they count. */
#define ANSWER_NAMED_MAX 100

/* How many of the others the greeting and the answer to /join name. */
#define ANSWER_OTHERS_MAX 5

/* Remembered lines shown to those who come in, and by /history without a number. */
#define ANSWER_HISTORY_ON_JOIN 10
#define ANSWER_HISTORY_DEFAULT 20

/* Lines that the server writes by itself are at most this wide, unless a name or a text makes them
 * longer. */
#define ANSWER_COLUMNS 80

/* The longest text that /rooms and /history search for: bounds what one line costs to compare. */
#define ANSWER_SEARCH_MAX 64

/* Starts an answer for `client`, composed after one that is under way, if any. Out of memory is
 * told to the client. A text that is searched for has 1 to ANSWER_SEARCH_MAX bytes. */
void answer_rooms(struct client *client, struct word text); /* a NULL text: all */
void answer_who(struct client *client, const struct room *room);
void answer_ignored(struct client *client);
void answer_motd(struct client *client);

/* What `room` remembers now, without lines of people that `client` ignores: the last `lines`; the
 * last ANSWER_HISTORY_ON_JOIN, and no word if there are none; those since an instant of the wall's
 * clock; the newest ANSWER_HISTORY_DEFAULT that contain a text. */
void answer_history(struct client *client, const struct room *room, uint32_t lines);
void answer_remembered(struct client *client, const struct room *room);
void answer_history_since(struct client *client, const struct room *room, int64_t since_ns);
void answer_history_search(struct client *client, const struct room *room, struct word text);

/* A line for each of 0, 1, 2 ...: `tell` writes it to `client`, or returns false behind the last
 * one. */
void answer_lines(struct client *client, bool (*tell)(struct client *client, size_t index));

/* What answer_next came to. */
enum answer_step {
    ANSWER_DONE, /* there was nothing left: client->answer is NULL */
    ANSWER_LINE, /* a line was written */
    ANSWER_SEARCHES /* none yet: a slice was looked through, and the next is for another turn */
};

/* Writes the next line of the client's answers. */
enum answer_step answer_next(struct client *client);

/* Drops what is under way. */
void answer_release(struct client *client);

/* Writes who is in `room` besides `client`, which is a member, into `text`: `Nobody else is here`,
 * `1 other: ann`, `12 others: ann, bob, cat, dog, eve and 7 more`; in order of arrival as far as
 * nobody has left, and no more names than fit in `size` bytes, 32 at least. Returns the length
 * without the NUL. */
size_t answer_others(const struct client *client, const struct room *room, char *text, size_t size);

#endif
