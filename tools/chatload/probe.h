/*
 * chatload_probe: whether the server holds the senders back.
 *
 * chatd reads a client that is above its rate more slowly and doesn't say so.
 * But a sender's /ping waits behind its own lines, while that of a client that
 * says nothing is answered at once. So both ask the same question again and
 * again: where the answers take very different times, it isn't the
 * server that is slow, nor the network: it is this client that is held back.
 */
#ifndef TOOLS_CHATLOAD_PROBE_H
#define TOOLS_CHATLOAD_PROBE_H

#include "tools/chatload/user.h"

/* A question is a line too, and counts for the rate of who asks: few of them, so that a sender that
 * keeps below chatd's ten lines a second is not put above it by being measured. */
#define PROBE_INTERVAL_NS NS_PER_SECOND

struct probe {
    struct task task;
    struct frame frame;
    int rc;
    struct user *speaker;
    struct user *listener; /* NULL: everybody speaks */
};

/* Chooses whom to ask. */
void probe_init(struct probe *probe, struct load *load);

/* The step of probe->task: asks until it is cancelled. Returns 0. */
int probe_step(struct task *task);

/* After it has ended: how long a speaker and a listener waited on average, in microseconds; a
 * question that was still open counts with its time so far. 0: nobody was asked. */
double probe_speaker_us(const struct probe *probe);
double probe_listener_us(const struct probe *probe);

#endif
