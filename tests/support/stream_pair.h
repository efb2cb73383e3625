/*
 * stream_pair: streams on the fixture, each with its far end.
 *
 * For suites that look at streams from both sides: the program's, a struct
 * stream, and the peer's in the simulated kernel. Accepting is the door's own,
 * so that nothing but the stream is under test. There is one fanout, of the fixture's
 * loop; a suite names stream_pairs_open and stream_pairs_close as its fixtures.
 */
#ifndef TESTS_SUPPORT_STREAM_PAIR_H
#define TESTS_SUPPORT_STREAM_PAIR_H

#include "reactor/net/stream.h"
#include "tests/support/fixture.h"

struct stream_pair {
    struct stream stream;
    struct sim_peer *peer;
};

extern struct fanout visitors_hub;

/* Without rules; a test that needs some sets visitors_hub.rules. */
void stream_pairs_open(void);
void stream_pairs_close(void);

/* A connection arrives and is accepted: its descriptor, and the far end in *peer. */
int stream_pair_accept(struct sim_peer **peer);

/* The same with a stream on it. */
void stream_pair_open(struct stream_pair *visitor, uint64_t tag);

/* Takes its subscriptions off and closes the stream. */
void stream_pair_close(struct stream_pair *visitor);

/* Asserts that the far end has read just `text` since the last time. */
void stream_pair_heard(struct stream_pair *visitor, const char *text);

#endif
