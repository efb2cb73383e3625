/*
 * house: a whole chatd on the simulated door, for suites that look at it from
 * outside and from below at once: virtual time, chosen faults, and accounts of
 * every descriptor and block. Every test has its own process, so there is one
 * house.
 */
#ifndef TESTS_SUPPORT_HOUSE_H
#define TESTS_SUPPORT_HOUSE_H

#include "chat/server/server.h"
#include "reactor/sim/sim.h"

struct house {
    struct sim *sim;
    struct loop loop;
    struct server server;
    struct config config;
    struct log log;
    struct problem problem; /* of a start that failed */
};

extern struct house house;

/* Where it listens unless told otherwise. */
#define HOUSE_ADDRESS "127.0.0.1:7777"

/* Makes the kernel that house_start uses; `options` may be NULL. */
void house_build(const struct sim_options *options);

/* Starts a server with the options of a command line (a list that ends with NULL; NULL: none).
 * Returns 0, or -errno where the start failed: then nothing is left of it. */
int house_start(const char *const *arguments);

/* Lets `duration_ns` of virtual time pass, 0: until nothing more happens at this instant. False
 * where the server has ended, or turned so often in it that it must be spinning. */
bool house_pass(int64_t duration_ns);

/* Sends TERM and lets time pass until the server has ended, a minute at most. Returns its result.
 * */
int house_end(void);

/* Frees the server; the kernel must then hold nothing of it. */
void house_stop(void);

/* Frees the kernel. */
void house_raze(void);

/* A client that reads all it is sent. */
struct sim_peer *house_enter(void);

/* Says a line, which gets its newline, and lets it be carried out. */
void house_say(struct sim_peer *peer, const char *line);

/* Asserts that `peer` was sent `text`, and forgets what it was sent up to its end. */
void house_expect(struct sim_peer *peer, const char *text);

#endif
