/*
 * visitors: streams on the stage, each with its far end.
 *
 * For suites that look at streams from both sides: the program's, a struct
 * stream, and the peer's in the simulated kernel. Accepting is the door's own,
 * so that nothing but the stream is under test. There is one hub, of the stage's
 * loop; a suite names visitors_open and visitors_close as its fixtures.
 */
#ifndef TESTS_SUPPORT_VISITORS_H
#define TESTS_SUPPORT_VISITORS_H

#include "reactor/net/stream.h"
#include "tests/support/stage.h"

struct visitor {
    struct stream stream;
    struct sim_peer *peer;
};

extern struct hub visitors_hub;

/* Without rules; a test that needs some sets visitors_hub.rules. */
void visitors_open(void);
void visitors_close(void);

/* A connection arrives and is accepted: its descriptor, and the far end in *peer. */
int visitors_accept(struct sim_peer **peer);

/* The same with a stream on it. */
void visitor_enter(struct visitor *visitor, uint64_t tag);

/* Takes its subscriptions off and closes the stream. */
void visitor_leave(struct visitor *visitor);

/* Asserts that the far end has read just `text` since the last time. */
void visitor_heard(struct visitor *visitor, const char *text);

#endif
