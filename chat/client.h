/*
 * client: somebody who is in the chat.
 *
 * A connection with a name, the rooms it is in, whom it ignores and whether it
 * is away. A client doesn't act by itself: session.h is the task that reads its
 * lines, command.h carries them out. It is 250 bytes because ten thousand of
 * them sit idle: what most don't use is allocated by those who do.
 */
#ifndef CHAT_CLIENT_H
#define CHAT_CLIENT_H

#include "chat/chat.h"

struct member;
struct ignored;
struct answer;

struct client {
    struct stream stream; /* its outbox's tag is who it is, whatever it is called */
    struct member *current; /* where it talks; one of its memberships */
    struct ignored *ignored; /* whom it doesn't hear: ignore.h; NULL: hears everybody */
    struct answer *answer; /* a long answer that waits for the reader; owned; NULL */
    char *away; /* its text; NULL while it is here */
    int64_t heard_ns; /* when a byte last came from it */
    uint32_t guest; /* its number while it is a guest; 0 */
    uint8_t memberships; /* rooms it is in */
    bool quitting; /* it said /quit: `parting` is valid */
    char name[NAMES_NICK_MAX + 1];
    char *parting; /* its parting word; NULL: none */
};

/* Makes a client of the connected socket `fd`, under a free guest name. Returns 0 or -errno, and then
 * `fd` is still the caller's. */
int client_open(struct client *client, struct chat *chat, int fd);

/* Takes its name off the table: it is not here any more, though it may still be sent things. */
void client_go(struct client *client);

/* Closes the connection and frees what it owns. It must have left its rooms (room.h) and gone. */
void client_release(struct client *client);

/* The chat it is in. */
static inline struct chat *client_chat(const struct client *client)
{
    return container_of(client->stream.hub, struct chat, hub);
}

static inline struct client *client_of_outbox(const struct outbox *outbox)
{
    return container_of(outbox, struct client, stream.outbox);
}

static inline struct client *client_of_name(const char *name)
{
    return container_of(name, struct client, name);
}

/* Who it is: never used again for another. */
static inline uint64_t client_tag(const struct client *client)
{
    return client->stream.outbox.tag;
}

/* The client called this, whatever the case, or NULL. */
struct client *client_find(const struct chat *chat, const char *name, size_t length);

/* Gives it another name, which must be a fit one. 0, or -EEXIST where somebody else has it. Says
 * nothing to anybody. */
int client_rename(struct client *client, const char *name, size_t length);

/*
 * Each of these writes one line, CR LF added, behind all that it was shown so far. Out of memory ends
 * this one connection, so there is nothing to return.
 */

/* `* TEXT`: information for it alone. */
void client_tell(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `! TEXT`: its line was not carried out, and why. */
void client_refuse(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line as it stands. */
void client_show(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `@FROM TEXT`: a private message, in the scratch or anywhere. Returns 0, or -EAGAIN where too much
 * already waits for this reader, or -ENOMEM: nothing was sent. */
int client_message(struct client *client, const char *from, const char *text, size_t length);

/* A copy of `length` bytes with a NUL, from the door; NULL where there is no memory. */
char *client_copy_text(const struct client *client, const char *text, size_t length);

#endif
