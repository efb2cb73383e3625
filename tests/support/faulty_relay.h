/*
 * faulty_relay: a server that relays lines and makes mistakes on purpose.
 *
 * It runs in a child of the test, by default on a free port of the loopback, and passes
 * each line on to everybody but the one who said it. Which of the deliveries go
 * wrong is set before the start; how many did is read while it runs and after,
 * for all of it lies in memory that both processes share. Short lines (a roll
 * call) are never touched and not counted.
 */
#ifndef TESTS_SUPPORT_FAULTY_RELAY_H
#define TESTS_SUPPORT_FAULTY_RELAY_H

#include <stdint.h>
#include <sys/types.h>

/* Lines that are shorter are relayed as they are. */
#define FAULTY_RELAY_LINE_MIN 40

struct faulty_relay {
    /* What goes wrong; deliveries are counted from 1, and 0 is never. */
    uint64_t drop_every; /* this one and its multiples */
    uint64_t duplicate_at;
    uint64_t swap_at; /* and the next of the same sender to the same receiver */
    uint64_t freeze_at; /* for half a second, before this line */

    char path[108]; /* it listens on this unix socket; "": on a free port of the loopback */
    int backlog; /* connections that wait to be accepted; 0: enough for all */

    /* What was done. */
    uint64_t lines;
    uint64_t deliveries;
    uint64_t dropped;
    uint64_t duplicated;
    uint64_t swapped;
    uint64_t frozen;

    uint16_t port;
    pid_t pid;
};

/* Memory to set it up in. */
struct faulty_relay *faulty_relay_create(void);

/* Starts it; it ends with the test's process, or with faulty_relay_stop. */
void faulty_relay_start(struct faulty_relay *relay);
void faulty_relay_stop(struct faulty_relay *relay);

#endif
