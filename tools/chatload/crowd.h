/*
 * chatload crowd: all clients of a run.
 *
 * Healthy clients are counted and checked; some of them send. Extra clients come
 * besides: some stop reading (stalled), some connect and leave all the time
 * (churn). Nobody checks what extras hear: the figure is what the healthy ones
 * suffer.
 */
#ifndef TOOLS_CHATLOAD_CROWD_H
#define TOOLS_CHATLOAD_CROWD_H

#include "tools/chatload/client.h"

/* How long a churn client stays, and how long it stays away. */
#define CROWD_STAY_NS (50 * NS_PER_MS)

/* A receive buffer so small that a client that stopped reading soon holds the server up. */
#define CROWD_STALLED_RECEIVE_BYTES (16 * 1024)

/* A client besides the healthy ones. */
struct extra_client {
    struct task task;
    struct frame frame;
    int rc;
    struct client client;
};

/* Zeroed: without clients. */
struct crowd {
    struct load *load;
    struct sequence *sequences; /* what the receivers of all clients point into */
    struct extra_client *extras; /* the stalled ones first, then those of --churn */
    uint32_t extra_count;
};

/* Allocates all clients for the address of `load`. 0, or -ENOMEM: crowd_release is due anyway. */
int crowd_open(struct crowd *crowd, struct load *load);
void crowd_release(struct crowd *crowd);

/* Spawns the extras that stall, or those that connect and leave, into `group`. */
void crowd_spawn_stalled(struct crowd *crowd, struct task_group *group);
void crowd_spawn_churn(struct crowd *crowd, struct task_group *group);

#endif
