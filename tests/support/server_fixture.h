/*
 * server_fixture: a whole chatd on the simulated door, for suites that look at it from
 * outside and from below at once: virtual time, chosen faults, and accounts of
 * every descriptor and block. Every test has its own process, so there is one
 * fixture.
 */
#ifndef TESTS_SUPPORT_SERVER_FIXTURE_H
#define TESTS_SUPPORT_SERVER_FIXTURE_H

#include "chat/server/server.h"
#include "reactor/sim/sim.h"

struct server_fixture {
    struct sim *sim;
    struct loop loop;
    struct server server;
    struct config config;
    struct log log;
    struct problem problem; /* of a start that failed */
};

extern struct server_fixture server_fixture;

/* Where it listens unless told otherwise. */
#define HOUSE_ADDRESS "127.0.0.1:7777"

/* Makes the kernel that server_fixture_start uses; `options` may be NULL. */
void server_fixture_build(const struct sim_options *options);

/* Starts a server with the options of a command line (a list that ends with NULL; NULL: none).
 * Returns 0, or -errno where the start failed: then nothing is left of it. */
int server_fixture_start(const char *const *arguments);

/* Lets `duration_ns` of virtual time pass, 0: until nothing more happens at this instant. False
 * where the server has ended, or turned so often in it that it must be spinning. */
bool server_fixture_pass(int64_t duration_ns);

/* Sends TERM and lets time pass until the server has ended, a minute at most. Returns its result.
 * */
int server_fixture_end(void);

/* Frees the server; the kernel must then hold nothing of it. */
void server_fixture_stop(void);

/* Frees the kernel. */
void server_fixture_raze(void);

/* A client that reads all it is sent. */
struct sim_peer *server_fixture_enter(void);

/* Says a line, which gets its newline, and lets it be carried out. */
void server_fixture_say(struct sim_peer *peer, const char *line);

/* Asserts that `peer` was sent `text`, and forgets what it was sent up to its end. */
void server_fixture_expect(struct sim_peer *peer, const char *text);

#endif
