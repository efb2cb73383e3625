/*
 * echo: the least programs that run on the simulated door, for its own suites.
 *
 * An echo is a server: it sends back what comes in and closes at the end of
 * input. A pair is less: one accepted connection and the peer at its far end,
 * for tests that make the door's calls themselves.
 */
#ifndef TESTS_SUPPORT_ECHO_H
#define TESTS_SUPPORT_ECHO_H

#include <stdint.h>

#include "reactor/base/sys.h"
#include "reactor/sim/sim.h"

#define ECHO_ADDRESS "127.0.0.1:7777"
#define ECHO_LISTENER 1000000 /* the listener's key: no descriptor has it */

struct echo {
    struct sys *sys;
    int poll;
    int listener;
};

/* Listens at ECHO_ADDRESS. 0, or the first error; nothing stays open then. */
int echo_open(struct echo *echo, struct sys *sys);
void echo_close(struct echo *echo);

/* One wait without limit, and what it brings. */
void echo_turn(struct echo *echo);

/* Turns until `duration_ns` have passed with nothing left to do. */
void echo_run(struct sim *sim, struct echo *echo, int64_t duration_ns);

struct pair {
    struct sim *sim; /* released by the test */
    struct sys *sys;
    int poll; /* watches the listener */
    int listener; /* at ECHO_ADDRESS */
    int fd;
    struct sim_peer *peer;
};

/* A new simulator with one connection. */
struct pair pair_open(const struct sim_options *options);

/* Lets arrive what is due, and drops the events. */
void pair_deliver(struct pair *pair);

/* The first address of a host. */
struct sys_address echo_resolve(struct sys *sys, const char *host, uint16_t port);

#endif
