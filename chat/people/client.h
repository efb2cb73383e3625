/*
 * client: somebody who is in the chat.
 *
 * A connection with a name, the rooms it is in, whom it ignores and whether it
 * is away. A client doesn't act by itself: session.h is the task that reads its
 * lines, command.h carries them out. Ten thousand of them sit idle, so every
 * byte here is paid ten thousand times: what most don't have is allocated by
 * those who do, and the place in the first room is part of the client.
 */
#ifndef CHAT_PEOPLE_CLIENT_H
#define CHAT_PEOPLE_CLIENT_H

#include "chat/people/chat.h"
#include "chat/people/net.h"

struct answer;
struct ignored;

/* Why a client goes. */
enum client_end {
    CLIENT_STAYS,
    CLIENT_QUIT, /* /quit or its like */
    CLIENT_CLOSED, /* it sends no more */
    CLIENT_LOST, /* its connection broke */
    CLIENT_IDLE, /* silent for too long */
    CLIENT_TOO_SLOW, /* fell behind its backlog, where the policy is to disconnect */
    CLIENT_KICKED, /* the operator ended its connection */
    CLIENT_REPLACED, /* its name was taken with the key by another connection */
    CLIENT_SHUTDOWN /* the server ends */
};

/* Its place in one room (room.h). */
struct member {
    struct subscriber subscriber; /* its broadcast is NULL while the struct is free */
    uint32_t arrival; /* its place in the room's gather; 0: announced */
};

/* Somebody who wrote to it. */
struct client_writer {
    uint64_t tag; /* 0: nobody */
    int64_t wrote_ns;
};

/* What most clients never have. Owned, each may be NULL. */
struct client_extra {
    char *away; /* its text while it is away */
    char *parting; /* the reason that its rooms are shown: `quit: see you` */
    struct ignored *ignored; /* whom it doesn't hear: ignore.h */
    struct held_name *held_name; /* the name it is called, if it holds that; not owned: held.h */
    struct client_writer writers[2]; /* the last two people who wrote to it, the latest first */
    int64_t rang_ns; /* when it last heard the bell */
};

struct client {
    struct stream stream; /* its outbox's tag is who it is, whatever it is called */
    struct member first; /* the memory of one membership; others are allocated */
    struct client_extra *extra; /* NULL until there is any */
    const struct broadcast
        *held; /* the room its line waits for: room.h; NULL: none. Not followed */
    struct answer *answer; /* long answers that wait for the reader: answer.h; NULL: none */
    int64_t came_ns; /* when it was let in */
    int64_t heard_ns; /* when a byte last came from it */
    uint64_t origin; /* a number for its address: hosts.h; 0: a unix peer */
    struct net from; /* its address; all 0: a unix peer */
    uint16_t port; /* likewise */
    uint8_t memberships; /* rooms it is in */
    uint8_t end; /* enum client_end */
    bool interrupted : 1; /* Ctrl-C came, and how to leave is still to be said */
    bool hinted_help : 1; /* was told that a bare `help` is speech, */
    bool hinted_quit : 1; /* and that a bare `quit` is */
    bool confirming : 1; /* its /ping waits for the journal */
    bool bell : 1; /* rings when somebody writes to it or names it; it has `extra` */
    bool quiet : 1; /* is not shown joins, leaves and renames */
    char name[NAMES_NICK_MAX + 1];
};

/* Makes a client of the connected socket `fd`, under a free guest name. Returns 0 or -errno, and
 * then `fd` is still the caller's. */
int client_open(struct client *client, struct chat *chat, int fd);

/* Takes its name off the table: it is not here any more, though it may still be sent things. */
void client_go(struct client *client);

/* Closes the connection and frees what it owns. It must have left its rooms (room.h) and gone. */
void client_release(struct client *client);

/* The chat it is in. */
static inline struct chat *client_chat(const struct client *client)
{
    return container_of(client->stream.fanout, struct chat, fanout);
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
    return stream_tag(&client->stream);
}

/* What most don't have: allocated if need be, NULL where there is no memory. */
struct client_extra *client_extra(struct client *client);

/* Its text while it is away, or NULL. */
static inline const char *client_away(const struct client *client)
{
    return client->extra ? client->extra->away : NULL;
}

/* The tag that the rooms it creates belong to: the first holder's of its name if it holds that
 * (held.h), else its own. */
static inline uint64_t client_owner(const struct client *client)
{
    return client->extra && client->extra->held_name ? client->extra->held_name->owner
                                                     : client_tag(client);
}

/* It is not called by the name it holds any more: from now on that waits for its key. */
void client_leave_held(struct client *client);

/* Reserves a free guest number for client_become_guest. Returns 0 or -ENOMEM. */
int client_reserve_guest(const struct client *client, uint32_t *number);

/* Calls it by that guest's name, and says nothing to anybody. */
void client_become_guest(struct client *client, uint32_t number);

/* The client called this, whatever the case, or NULL. */
struct client *client_find(const struct chat *chat, const char *name, size_t length);

/* Gives it another name, which must be a fit one. 0, or -EEXIST where somebody else has it. Says
 * nothing to anybody. */
int client_rename(struct client *client, const char *name, size_t length);

/*
 * Each of these writes one line, CR LF added, behind all that it was shown so far. Out of memory
 * ends this one connection, so there is nothing to return.
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

/* `* FROM invites you: /join ROOM KEY`: counted as a private message. Returns as client_message
 * does. */
int client_invite(struct client *client, const char *from, const char *room, const char *key);

/* `* the operator says: TEXT`: counted as a private message. Returns as client_message does. */
int client_announce(struct client *client, const char *text);

/* Room for an address with its port. */
#define CLIENT_ADDRESS_TEXT (NET_TEXT + 8)

/* Writes where it came from: `192.0.2.1:5000`, `[2001:db8::1]:5000`, `unix`. */
void client_format_address(const struct client *client, char text[static CLIENT_ADDRESS_TEXT]);

/* Sets the reason that is shown when it goes: `quit: TEXT`. Without memory it goes without one. */
void client_set_parting(struct client *client, const char *text, size_t length);

/* `before` and the text, in which parentheses become brackets because a reason stands in
 * parentheses; as a string from the door. NULL without memory. */
char *client_reason(const struct client *client, const char *before, const char *text,
                    size_t length);

/* A copy of `length` bytes with a NUL, from the door; NULL where there is no memory. */
char *client_copy_text(const struct client *client, const char *text, size_t length);

#endif
