/*
 * run: one life of a whole chatd on the simulated door, with people in it.
 *
 * Everything in it follows from the plan: the seed, and what is left out to make
 * a failure smaller. The server is the real one, unchanged. What people are sent
 * is read by the model (model.h), which knows nothing of the server's structs.
 *
 *   main.c    options, one process per run, failures made smaller, the sum
 *   run.c     the server's life, time, faults, quiet points, the end
 *   people.c  who is there, what their habits are, what they do next
 *   model.c   what each connection is sent, line by line
 *   views.c   what each connection should have been sent: a room, seen from a place
 *
 * A failed oracle ends the process (run_fail), so a run has a process of its own.
 */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "reactor/base/clock.h"
#include "reactor/base/random.h"
#include "reactor/sim/sim.h"

#define RUN_ADDRESS "127.0.0.1:7777"
#define RUN_PEOPLE_MAX 24
#define RUN_CONNECTIONS_MAX 240
#define RUN_ROOMS 8 /* the first RUN_WATCHED_ROOMS have a witness from their first line on */
#define RUN_WATCHED_ROOMS 4
#define RUN_VAULT 3 /* locked from its beginning */
#define RUN_VAULT_KEY "open-sesame"

/* Kinds of faults; a plan's mask takes some away. */
enum fault {
    FAULT_SEGMENTS = 1 << 0, /* input arrives in small parts */
    FAULT_DELAY = 1 << 1,
    FAULT_SHORT = 1 << 2, /* short reads and writes */
    FAULT_SHUFFLE = 1 << 3, /* events in another order */
    FAULT_LATE_ACCEPT = 1 << 4,
    FAULT_SMALL_BUFFERS = 1 << 5,
    FAULT_RESET = 1 << 6,
    FAULT_NO_DESCRIPTOR = 1 << 7,
    FAULT_NO_BUFFER = 1 << 8,
    FAULT_NO_MEMORY = 1 << 9,
    FAULT_PAUSE = 1 << 10, /* the process or its clock stands still for a while */
    FAULT_TERM = 1 << 11, /* TERM in the middle of everything, perhaps twice */
    FAULTS = 12
};

struct plan {
    uint64_t seed;
    uint32_t people; /* mask of those who come */
    uint32_t faults; /* mask of the kinds of faults that may be chosen */
    uint32_t acts; /* so many acts at most */
    int story; /* 1: tell in words what people do; 2: and every line they are sent */
};

/* What a run was worth; the process that began it reads this. */
struct tally {
    uint64_t turns;
    uint64_t acts;
    uint64_t lines; /* that people were sent */
    uint64_t views; /* lines compared with what the room's log says */
    uint64_t faults; /* failures that were made */
    int64_t simulated_ns;
};

struct connection; /* model.h */
struct person; /* people.h */
struct world;

/* A line of a room as its witness was shown it. */
struct room_line {
    const char *text;
    uint64_t hash;
    uint32_t author; /* the connection, for speech and emotes; 0: an event, or unknown */
    uint64_t rename; /* hash of `X is now Y`; 0: it is no rename */
};

struct watched_room {
    struct room_line *lines;
    size_t count;
    size_t capacity;
};

struct run {
    const struct plan *plan;
    struct tally *tally;
    char *failure; /* where the reason of a failure goes */
    size_t failure_size;

    struct sim *sim;
    struct world *world; /* run.c: the server and its loop */

    uint64_t random; /* of the world; people have their own */
    uint32_t faults; /* chosen, after the mask */
    bool lenient; /* memory may run out: lines may be missing */
    bool quiet; /* nobody acts: all that is owed arrives */
    bool ending; /* a signal was sent */
    int64_t idle_timeout_ns;
    size_t backlog_bytes;
    int64_t instant_ns; /* turns are counted that happen at one instant */
    uint32_t instant_turns;

    struct person *people[RUN_PEOPLE_MAX];
    size_t person_count;
    struct connection *connections[RUN_CONNECTIONS_MAX + 1]; /* by number, from 1 */
    uint32_t connection_count;
    struct connection *witness;
    struct watched_room rooms[RUN_WATCHED_ROOMS];
};

extern const char *const run_room_names[RUN_ROOMS];

/* Plays a run from start to end. */
void run_play(struct run *run);

/* An oracle was wrong: says why and ends the process. */
void run_fail(struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* A line of the story, if somebody wants to hear it. */
void run_tell(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Memory or the end of the process. */
void *run_allocate(size_t size);
void *run_grow(void *array, size_t *capacity, size_t count, size_t element_size);

#endif
