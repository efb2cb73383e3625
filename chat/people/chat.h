/*
 * chat: what all clients of one server share.
 *
 * Who is here, which rooms there are, the order of what is said, the limits, and
 * the scratch memory in which lines are put together: one thread means that one
 * of each is enough. Everything here is made by server.c and lives as long as
 * the server. Nothing in the scratch survives an await, nor the next function
 * that composes a line.
 */
#ifndef CHAT_PEOPLE_CHAT_H
#define CHAT_PEOPLE_CHAT_H

#include "chat/config/config.h"
#include "chat/config/log.h"
#include "chat/journal/journal.h"
#include "chat/people/guesses.h"
#include "chat/people/guests.h"
#include "chat/people/held.h"
#include "chat/people/names.h"
#include "chat/people/net.h"
#include "chat/people/tags.h"
#include "reactor/net/stream.h"

/* Limits that are no options, each large enough that nobody polite meets it. */
#define CHAT_ROOMS_MAX 10000 /* bounds what the names of rooms and their tables cost */
#define CHAT_MEMBERSHIPS_MAX 20 /* rooms one client is in: its lines are merged from that many */
#define CHAT_IGNORED_MAX 100 /* bounds the list, and what finding an author in it costs */
#define CHAT_KICKED_MAX 100 /* people who may not come back to one room; the oldest is forgotten */
#define CHAT_MESSAGES_BYTES 65536 /* private messages that wait for one who doesn't read */
#define CHAT_UNREAD_BYTES 16384 /* answers that wait for one who doesn't read: then it isn't read */

/* What a server adds to a line of text at most: the room, names, the words of an event. */
#define CHAT_LINE_EXTRA 512

struct motd;
struct room;

/* Where the journal stands that is being written anew: room_journal.h. */
struct room_walk {
    struct journal_source source;
    uint64_t number; /* counts walks */
    struct list *at; /* the room it is in; NULL: at the end */
    uint64_t line; /* of that room: the next to be put; 0: none was yet */
};

/* What happened since the start. */
struct chat_counts {
    uint64_t accepted; /* newcomers who were let in */
    uint64_t refused; /* newcomers who were turned away */
    uint64_t lines; /* of input, carried out or refused */
    uint64_t bytes; /* of input */
};

/* Bans at a time: few enough to compare each newcomer with, and to put into a journal at once. */
#define BANS_MAX 256

struct ban {
    struct net net;
    int64_t until_ns; /* of the wall's clock */
};

/* Who may not come in: bans.h. */
struct bans {
    struct ban entries[BANS_MAX];
    size_t count;
    uint64_t walked; /* the number of the last walk that is past them */
};

struct chat {
    struct loop *loop;
    const struct config *config;
    struct log *log;
    struct fanout fanout;

    struct names people;
    struct tags tags; /* the same people by tag */
    struct held held; /* names that only a key takes */
    struct guesses guesses; /* wrong keys, by address */
    struct guests guests;
    struct names rooms;
    struct list all_rooms; /* with those that ended and are still owed: memory.h */
    struct list listed_rooms; /* all that have a name, by age */
    struct room *lobby;
    struct journal journal; /* not open: nothing is kept */
    struct room_walk walk;
    struct chat_counts counts;
    struct bans bans;
    uint64_t last_tag; /* the author tag given last; 0 is nobody's, none is used twice */
    size_t base_bytes; /* held when the server began: memory.h */
    uint64_t memory_turn; /* in which the limit was exceeded last */
    size_t connections; /* not yet closed */
    bool closing; /* the server ends: nothing is announced any more */

    struct motd *motd; /* the message of the day: motd.h; NULL: none */

    /* Scratch. */
    char *line; /* the line that is being read: max_line_bytes */
    char *clean; /* the same, fit to be shown: TEXT_CLEAN_GROWTH times that */
    char *output; /* a line that is being composed: output_size */
    char *event; /* what is announced, on its way into `output` */
    size_t output_size; /* of both: TEXT_CLEAN_GROWTH x max_line_bytes + CHAT_LINE_EXTRA */
};

#endif
