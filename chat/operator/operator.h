/*
 * operator: a unix socket through which the server is run.
 *
 * Whoever is root or the server's own user may connect (SO_PEERCRED), types
 * commands, one per line, and reads answers, each of which ends with a line
 * `OK` or `ERR reason`. The commands are in command.c.
 *
 *      rc = operators_listen(&operators, &chat, "/run/chatd/admin");
 *      operators_open(&operators, &server_task);
 *      ...
 *      task_group_cancel(&operators.group, when);      in a shutdown
 *      rc = task_group_join(task, &operators.group);
 *      operators_close(&operators);
 *
 * An operator is a task with a stream. What is written for it is bounded: an
 * operator that does not read its answers is not read from, and a list is
 * composed as it is read, some KiB per turn.
 */
#ifndef CHAT_OPERATOR_OPERATOR_H
#define CHAT_OPERATOR_OPERATOR_H

#include "chat/session/session.h"
#include "reactor/net/listener.h"
#include "reactor/task/root.h"

/* Operators at a time: enough for a person, a script and a monitor, and a quarter of the
 * descriptors that the server keeps in reserve. */
#define OPERATORS_MAX 4

/* One line of input without its newline. */
#define OPERATOR_LINE_MAX 1024

struct operators {
    struct task_group group;
    struct chat *chat;
    struct sessions *sessions;
    const struct root *root; /* of the tree that `tasks` shows */

    /* Ends the server gracefully, within `grace_ns`; negative: within what --grace says. */
    void (*shut_down)(struct operators *operators, int64_t grace_ns);

    int64_t begun_ns; /* when the server began */
    size_t count; /* operators that are in */

    /* The task that accepts; not there if there is no --admin. */
    struct task task;
    struct frame frame;
    int fd;
    bool listening;
    struct sys_address peer;
    struct listener listener;
};

/* Listens at `path`, for the start of the server. Returns 0 or -errno with nothing left behind. */
int operators_listen(struct operators *operators, struct chat *chat, const char *path);

/* Opens the group, owned by `owner`, and begins to accept if there is a listener. */
void operators_open(struct operators *operators, struct task *owner);

/* A descriptor was given back. */
void operators_retry(struct operators *operators);

/* Closes the listener. The tasks must have ended or never been started. */
void operators_close(struct operators *operators);

#endif
