/*
 * flush: the end of a turn, when what was written goes out. Floor 4.
 *
 * Two things are to be sent: what outboxes have of their own, all of it each
 * turn, and the broadcasts' lines, a slice of the members each turn. Between two
 * slices the loop polls again, so that lines that arrive meanwhile ride on the
 * sends that are not yet made: everybody in a large room gets one send for many
 * lines, and nobody waits for a whole pass over the room to be done.
 *
 *      members  [.....served.....][slice][.....left.....]
 *                                 ^ position, goes round
 *
 * A broadcast that is appended to has all its members to serve again; the
 * position goes on from where it is. There is no list of receivers that are
 * behind: one that was served earlier in the pass would be missed.
 */
#ifndef REACTOR_FLUSH_H
#define REACTOR_FLUSH_H

#include "reactor/hub.h"

/* Sends to members of broadcasts in one turn. Measured: 64 cost 0.6 of what a whole pass a turn
 * costs, at 1,000 to 19,000 members, with half the latency. */
#define FLUSH_SLICE_SENDS 64

/* Members looked at in one turn, most of whom may be caught up: it keeps a turn short. */
#define FLUSH_SLICE_LOOKS 4096

/* The hub's hook: serves outboxes and one slice of the broadcasts. Returns whether more is to be
 * served now. Doesn't run callbacks, but for the hub's rules. */
bool flush_run(struct hook *hook);

#endif
