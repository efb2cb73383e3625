/*
 * busy_room: a room in which much is said while some don't read.
 *
 * A witness, ann and bob read; the stalled, sam0, sam1 and so on, have small
 * receive buffers and don't read while they are paused. All are in `#room` and
 * talk in it. What is said is numbered and comes in small batches, each of
 * which the witness has seen before the next is sent: so whoever reads is never
 * near the backlog, and the witness's transcript is the room's whole truth.
 */
#ifndef TESTS_SUPPORT_BUSY_ROOM_H
#define TESTS_SUPPORT_BUSY_ROOM_H

#include "tests/support/crowd.h"

/* Who is which member of the crowd. */
enum { WITNESS, ANN, BOB, FIRST_STALLED };

struct busy_room {
    struct server *server;
    struct crowd *crowd;
    unsigned said; /* the number of the next line, whoever says it */
};

/* Starts the room on `server`, which it owns from now on, with `stalled` members who may be paused;
 * all of them are in and named. */
struct busy_room busy_room_start(struct server *server, size_t stalled);
/* Ends everything; fails the test where the witness was not shown everything. */
void busy_room_end(struct busy_room *room);

/* `who` says `lines` lines of `bytes` (at least 10), each `NNNNNNNN 000...`. */
void busy_room_talk(struct busy_room *room, size_t who, unsigned lines, int bytes);

/* None of the stalled reads any more; all of them read until they have seen all there is. */
void busy_room_pause(struct busy_room *room);
void busy_room_resume(struct busy_room *room);

#endif
