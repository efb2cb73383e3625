/*
 * farewell: a newcomer who can't come in is told why.
 *
 * One line is sent and the connection ended like any other (stream_finish), so
 * that the line arrives even if the newcomer has talked already. There are 64
 * places for that and each address has at most four of them, so peers that
 * never acknowledge hold no place that others need. Without a place the
 * refusal is brief: send, shut down, read what is there, close. The line may
 * then be lost if more input is on its way, but nobody waits at the door.
 */
#ifndef CHAT_SESSION_FAREWELL_H
#define CHAT_SESSION_FAREWELL_H

#include "chat/people/hosts.h"
#include "reactor/net/stream.h"
#include "reactor/task/task_group.h"

/* Farewells at a time: some 40 KiB, and descriptors that clients can't have meanwhile. */
#define FAREWELLS_MAX 64

struct farewells {
    struct task_group group;
    struct fanout *fanout;
    struct hosts *hosts;
    size_t count; /* FAREWELLS_MAX at most */
};

/* Opens the group, owned by `owner`. `hosts` counts the refusals of each address. */
void farewells_open(struct farewells *farewells, struct task *owner, struct fanout *fanout,
                    struct hosts *hosts);

/* Sends `! REASON` to the newcomer at `fd`, which came from `peer`, and ends the connection. Takes
 * `fd` over, whatever happens. */
void farewell_start(struct farewells *farewells, int fd, const struct sys_address *peer,
                    const char *reason);

/* The brief way: sends `! REASON`, shuts down and drops what has come. `fd` must still be closed,
 * at once. */
void farewell_brief(struct sys *sys, int fd, const char *reason);

#endif
