/*
 * peer_check: finds the clients whose peers have vanished.
 *
 * A host that loses power says nothing, and while something is on its way to
 * it keep-alive is silent too (stream_check_peer). So every half minute those
 * who were sent something are looked at, a few per turn. As long as nothing is
 * sent there is nothing to find, and no timer runs: a session calls
 * peer_check_stir when it has read, since whatever is sent comes of that.
 */
#ifndef CHAT_SESSION_PEER_CHECK_H
#define CHAT_SESSION_PEER_CHECK_H

#include "reactor/net/stream.h"
#include "reactor/task/task_group.h"

/* Between two rounds. With the 150 s of silence that make a peer lost, and a round that takes some
 * turns, a peer is let go within three minutes. */
#define PEER_CHECK_NS (25 * NS_PER_SECOND)

/* Clients looked at per turn: two system calls each. */
#define PEER_CHECK_SLICE 64

struct peer_check {
    struct timer timer; /* to the next round, or to the next slice */
    struct task_group *sessions;
    size_t left; /* sessions that this round has still to look at; 0 between rounds */
    struct stream *(*stream_of)(struct task *session);
    bool running; /* the timer is */
    bool stirred; /* something may have been sent since the last round ended */
    bool owed; /* somebody has not acknowledged everything, as far as this round came */
};

/* Makes one for the children of `sessions`, whose streams `stream_of` knows. */
void peer_check_open(struct peer_check *check, struct task_group *sessions,
                     struct stream *(*stream_of)(struct task *session));

/* Stops it. */
void peer_check_close(struct peer_check *check);

/* Something may be sent: there will be another round. */
void peer_check_stir(struct peer_check *check);

#endif
