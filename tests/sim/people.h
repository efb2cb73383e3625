/*
 * people: who is there, and what they do next.
 *
 * A person has a habit and random numbers of its own, so that leaving somebody
 * else out does not change what it decides. It holds one connection at a time
 * and comes back some time after that one has ended.
 */
#ifndef TESTS_SIM_PEOPLE_H
#define TESTS_SIM_PEOPLE_H

#include "tests/sim/model.h"

struct habit;

struct person {
    struct run *run;
    const struct habit *habit;
    struct connection *connection; /* NULL: not there */
    uint32_t index;
    uint64_t random;
    int64_t next_ns; /* when it acts next */
    uint32_t turns; /* of its habit in this connection */
    char drip[256]; /* what it has not sent yet, byte by byte */
};

/* Makes the people of the plan; nobody is connected yet. */
void people_make(struct run *run);
void people_release(struct run *run);

/* When somebody acts next. */
int64_t people_next_ns(const struct run *run);

/* Lets everybody act whose time has come. */
void people_act(struct run *run);

/* Reads what everybody was sent, and notices who is gone. */
void people_read(struct run *run);

/* Everybody ends what it is in the middle of, reads again, and pings. */
void people_settle(struct run *run);

/* Whether all that pinged, and still can, have their answer. */
const struct connection *people_unanswered(const struct run *run);

/* The witness: enters every watched room, and locks the vault. */
void people_bring_witness(struct run *run);

#endif
