/*
 * chatload_misfit: clients who misbehave: some never read, some come and go.
 *
 * They are not counted among the healthy, and nobody checks what they hear: a
 * server is judged by what the others have to suffer for them.
 */
#ifndef TOOLS_CHATLOAD_MISFIT_H
#define TOOLS_CHATLOAD_MISFIT_H

#include "tools/chatload/user.h"

/* How long somebody who comes and goes stays, and stays away. */
#define MISFIT_STAY_NS (50 * NS_PER_MS)

/* A receive buffer small enough that who doesn't read is soon behind. */
#define MISFIT_RECEIVE_BYTES (16 * 1024)

struct misfit {
    struct task task;
    struct frame frame;
    int rc;
    struct user user;
};

/* The misfits of a run: `stalled` of them don't read, the rest comes and goes. */
struct misfits {
    struct load *load;
    struct misfit *all;
    uint32_t count;
};

/* Allocates them. 0 or -ENOMEM. */
int misfits_open(struct misfits *misfits, struct load *load);
void misfits_release(struct misfits *misfits);

/* Spawns those who stall, or those who come and go, into `group`. */
void misfits_spawn_stalled(struct misfits *misfits, struct task_group *group);
void misfits_spawn_churn(struct misfits *misfits, struct task_group *group);

#endif
