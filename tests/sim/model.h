/*
 * model: what people are sent, and whether they should have been.
 *
 * Each connection has a number that is never used again. Whoever speaks begins
 * with `c<number>.<count>`, so that a line says who wrote it, whatever its author
 * is called, and which of its author's lines it is. One connection, the witness,
 * enters every watched room before anybody else, reads all and says nothing: what
 * it is shown of a room is the room's log, and everybody else's view must be
 * that log without the own lines, the ignored and exactly the announced gaps.
 *
 * Line by line (model_read): only clean UTF-8; known forms; a sender's count
 * never falls, over rooms and private messages; nobody hears a room they are not
 * in; names are held by their owners; nobody speaks unannounced. At quiet points
 * (views_check): the views, pongs behind what they confirm, nothing lost.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "tests/sim/run.h"

#define MODEL_IGNORED_MAX 100
#define MODEL_HEARD_AGAIN_MAX 16
#define MODEL_NAME 24

enum item_kind {
    ITEM_LINE, /* value: its hash */
    ITEM_GAP, /* value: the lines that were skipped */
    ITEM_ENTERED, /* value: lines that the log had before, at least */
    ITEM_LEFT,
    ITEM_IGNORES, /* value: the connection */
    ITEM_HEARS, /* value: the connection */
    ITEM_PONG /* value: lines that the log had when the ping was sent */
};

struct item {
    enum item_kind kind;
    uint64_t value;
    const char *text;
};

/* What a connection was sent of one room, not yet compared; and how far the comparison is. */
struct view {
    bool in; /* as its own answers say, up to what was read */
    struct item *items;
    size_t count;
    size_t capacity;
    bool open; /* of the comparison: it is in the room, */
    bool anchored; /* and its place in the log is known: */
    bool skipped; /* or unknown because of a gap */
    size_t position;
    uint32_t ignored[MODEL_IGNORED_MAX];
    uint32_t heard_again[MODEL_HEARD_AGAIN_MAX]; /* since the last line not ignored any more */
};

struct connection {
    uint32_t number;
    struct sim_peer *peer;
    char name[MODEL_NAME]; /* "": not greeted yet */
    bool wild; /* sends anything: only what it is sent is looked at */
    bool telnet; /* negotiates: answers to that are left out before lines are read */
    bool bell; /* wants to be rung: that byte is left out, too */
    bool slow; /* stops reading at times, or reads little */
    bool mute; /* sends no more: has quit or half-closed */
    bool gone; /* the peer has closed, reset or seen the end */
    bool vanished; /* it ended by force: any part at its end may be missing */
    bool elsewhere; /* has asked for an unwatched room: its speech may be there */
    bool refused; /* got a `!` line that may stand for speech */
    bool goodbye; /* was told that the server ends */
    bool has_key; /* has used the vault's key */
    char *partial; /* of a line */
    size_t partial_size;
    uint32_t said; /* its count of speech, emotes and messages */
    uint8_t *fates; /* by count: FATE_* */
    size_t fates_capacity;
    uint32_t *heard; /* by author: the highest count */
    uint32_t pings; /* sent */
    uint32_t pongs; /* received */
    size_t *marks; /* per ping: the length of each log when it was sent */
    size_t marks_capacity;
    size_t asked[RUN_WATCHED_ROOMS]; /* the length of a log when it asked to enter */
    uint64_t *renames; /* hashes of its own `X is now Y` */
    size_t rename_count;
    size_t rename_capacity;
    struct view views[RUN_ROOMS];
};

enum { FATE_OWED = 1, FATE_SEEN = 2, FATE_PRIVATE = 4 };

/* A new connection of the run, through `peer`. */
struct connection *model_open(struct run *run, struct sim_peer *peer);
void model_release(struct run *run);

/* Reads what a connection was sent since. */
void model_read(struct run *run, struct connection *connection);

/* Notes what it is about to send: a line that has to be seen (returns its count), a ping (returns
 * its number), a wish to enter. */
uint32_t model_speaks(struct run *run, struct connection *connection, bool private);
uint32_t model_pings(struct run *run, struct connection *connection);

/* The room of this name at the beginning of `text`, or -1. */
int model_room_of(const char *text);

uint64_t model_hash(const char *text);

/* --- views.c --- */

/* Adds a line that the witness was shown to a room's log. */
void views_log(struct run *run, int room, const char *text, uint32_t author);

void views_note(struct connection *connection, int room, enum item_kind kind, uint64_t value,
                const char *text);

/* Compares all views with the logs. At a quiet point nothing may be missing at their ends. */
void views_check(struct run *run);

#endif
