/*
 * farewell: a newcomer who can't come in is told why.
 *
 * One line is sent and the connection ended like any other, so that the line
 * arrives also where the newcomer has talked already. Only so many at a time:
 * each holds one of the descriptors that are kept in reserve; the rest waits in
 * the kernel's queue.
 */
#ifndef CHAT_SESSION_FAREWELL_H
#define CHAT_SESSION_FAREWELL_H

#include "reactor/net/stream.h"
#include "reactor/task/sync.h"
#include "reactor/task/task_group.h"

/* At a time. */
#define FAREWELLS_MAX 64

struct farewells {
    struct task_group group;
    struct fanout *fanout;
    struct semaphore places;
};

/* Opens the group, owned by `owner`. */
void farewells_open(struct farewells *farewells, struct task *owner, struct fanout *fanout);

/* Waits for a place. Returns 0 with the place taken, or -ECANCELED. May suspend. */
TASK_AWAITABLE int farewell_place(struct task *task, struct farewells *farewells);

/* Sends `! REASON` to the newcomer at `fd` and ends the connection. Uses up a place and takes `fd`
 * over, whatever happens. */
void farewell_start(struct farewells *farewells, int fd, const char *reason);

#endif
