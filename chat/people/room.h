/*
 * room: where people talk.
 *
 * A room is a broadcast with a name, what it remembers, and the events that are
 * gathered for it. It exists while somebody is in it; the lobby always. A member
 * is one client's place in one room: its cursor, and whether its arrival was
 * announced. Somebody who has left stays a subscriber until shown what was said
 * before, but is no member any more, and the memory of an empty room lasts until
 * the last of those is done.
 */
#ifndef CHAT_PEOPLE_ROOM_H
#define CHAT_PEOPLE_ROOM_H

#include "chat/people/client.h"
#include "chat/people/gather.h"
#include "chat/people/history.h"

#define ROOM_LOBBY "#lobby"

/* A key that must be given to join: as long as a name. */
#define ROOM_KEY_MAX 20

/* Joins and leaves are gathered for so long into one line; so are wrong keys, which are reported at
 * most once in ROOM_WRONG_NS. */
#define ROOM_GATHER_NS (200 * NS_PER_MS)
#define ROOM_WRONG_NS (60 * NS_PER_SECOND)

struct room {
    struct broadcast broadcast;
    struct chat *chat;
    struct list all; /* in chat->all_rooms until its memory goes */
    struct history history;
    struct gather gather; /* arrivals and departures not yet announced */
    struct timer announce; /* runs while there are any; then reused to free the room */
    bool freeing; /* it is: the end of this turn frees the room */
    uint32_t people; /* members, without those who left */
    uint64_t creator; /* client_owner() of its creator; 0: nobody */
    uint64_t *kicked; /* tags of people who may not come back, a ring of CHAT_KICKED_MAX; or NULL */
    uint32_t kicked_count; /* how many were ever added */
    uint32_t wrong_keys; /* tried and not reported yet */
    int64_t wrong_told_ns; /* when they were reported last */
    struct timer wrong_timer; /* runs while there are any */
    struct list listed; /* on chat->listed_rooms while it has its name */
    struct timer waiting; /* runs while a room of the journal waits for somebody to join */
    uint64_t walked; /* the number of the last walk that is past it */
    char *topic; /* NULL: none */
    char name[NAMES_ROOM_MAX + 1]; /* with its # */
    char key[ROOM_KEY_MAX + 1]; /* "": none is asked */
};

static inline struct room *room_of_name(const char *name)
{
    return container_of(name, struct room, name);
}

static inline struct room *room_of(const struct member *member)
{
    return container_of(member->subscriber.broadcast, struct room, broadcast);
}

static inline struct client *client_of(const struct member *member)
{
    return client_of_outbox(member->subscriber.outbox);
}

/* The member of a subscriber that is one: NULL for those who have left. */
static inline struct member *member_of(struct subscriber *subscriber)
{
    if (!subscriber || subscriber->end != SUBSCRIBER_OPEN)
        return NULL;
    return container_of(subscriber, struct member, subscriber);
}

/* The room called this (with its #, whatever the case), or NULL. */
struct room *room_find(const struct chat *chat, const char *name, size_t length);

/* Makes an empty room under a valid name that is free; `creator` is client_owner() of the client
 * that makes it, 0 if nobody does. NULL without memory. */
struct room *room_open(struct chat *chat, uint64_t creator, const char *name, size_t length);

/* Ends a room that has no people. Its memory goes when the last who left it has been shown
 * everything, at the end of a turn. */
void room_close(struct room *room);

/* Ends and frees a room in which nobody is and to which nobody is owed anything: the lobby, at the
 * end of the server. */
void room_release(struct room *room);

/* The place of `client` in `room`, or NULL. */
struct member *room_member(const struct client *client, const struct room *room);

/* The place of `client` in the room it talks in: the first of its subscriptions that goes on. NULL
 * where it is in none. */
struct member *room_current(const struct client *client);

/* Makes this the room its client talks in. */
void room_make_current(struct member *member);

/* Makes `client` a member, to be announced, and this the room it talks in. Returns 0 or -ENOMEM. It
 * must not be one yet. */
int room_join(struct room *room, struct client *client);

/* Takes a member out, for a reason (NULL: none is given); it is still shown what was said before.
 * Closes the room with the last. If the client talked in it, it talks in another of its rooms. A
 * creator's right ends, unless it holds its name (held.h) and its connection is what ended. */
void room_leave(struct member *member, const char *reason);

/* Leaves all its rooms. */
void room_leave_all(struct client *client, const char *reason);

/* Takes off all subscriptions, also of rooms left: at the end of a client. */
void room_forget(struct client *client);

/* The fanout's rule for lines that were dropped: says how many. */
size_t room_gap(const struct subscriber *subscriber, uint64_t lines, char *text, size_t size);

/* The fanout's rule for a subscription that has ended: frees it. */
void room_subscription_ended(struct subscriber *subscriber);

/*
 * A room that is ahead of its readers (broadcast_has_space) takes no speech, emote, topic or rename
 * until they were served. The functions below then only note the room in client->held, and
 * the session carries the same line out again once room_holds_back is false. Nobody else waits.
 */

/* Whether the line that `client` was held back with has to wait still. */
bool room_holds_back(const struct client *client);

/* Whether a rename has to wait for one of the rooms of `client`; notes which. */
bool room_any_ahead(struct client *client);

/* `#room <nick> TEXT` to all others, and remembered. Returns 0 (also if the line is held back) or
 * -ENOMEM with nothing said. */
int room_speak(struct member *member, const char *text, size_t length);

/* `#room * nick TEXT`, likewise. */
int room_emote(struct member *member, const char *text, size_t length);

/* `#room -- TEXT` to all members. Where there is no memory nobody is told. */
void room_event(struct room *room, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the topic, which isn't empty, and tells all. Returns 0 (also if held back) or -ENOMEM. */
int room_set_topic(struct member *member, const char *text, size_t length);

/* Tells the others in all rooms of `client` that it was called `before`. A room in which its
 * arrival is not announced yet is told nothing: it arrives there under its new name. Call this
 * after client_rename. */
void room_tell_renamed(struct client *client, const char *before);

/* True if `client` created the room, was given it, or has taken the held name of somebody who did.
 */
bool room_is_creator(const struct room *room, const struct client *client);

/* Makes `client` its creator, and tells all members. */
void room_give(struct room *room, struct client *client);

/* Keeps `client` out for as long as its connection lives. Returns 0 or -ENOMEM. */
int room_ban(struct room *room, const struct client *client);

/* True if it is kept out. */
bool room_bans(const struct room *room, const struct client *client);

/* Somebody tried a wrong key: members are told, at most once in ROOM_WRONG_NS. */
void room_note_wrong_key(struct room *room);

/* Announces what is gathered, now. */
void room_announce(struct room *room);

/* Announces `client` wherever it isn't yet: before anybody is shown anything of it. */
void room_announce_client(struct client *client);

#endif
