/*
 * session: the task that serves one client.
 *
 * It greets, reads lines at the client's rate, has them carried out, and says
 * farewell: from top to bottom in session_step. Whatever ends it (the client,
 * its connection, a shutdown), what is owed is sent before the socket goes. A
 * session is one block of memory that holds the task, the stream and the client;
 * its group frees it in the reap phase.
 */
#ifndef CHAT_SESSION_SESSION_H
#define CHAT_SESSION_SESSION_H

#include "chat/people/client.h"
#include "chat/people/hosts.h"
#include "chat/session/peer_check.h"
#include "chat/text/input.h"
#include "reactor/task/task_group.h"

/* What a session needs while it reads. */
struct session_reading {
    struct pace pace;
    struct input input;
    struct buffer partial; /* the beginning of a line whose end has not come; or a line held back */
    uint32_t turn; /* when it last had its share, and */
    uint32_t share_bytes; /* how much of that was used up */
    union {
        struct cancel_scope idle; /* open while it is waited for */
        uint64_t confirmed_by; /* while its /ping is held back: the record that this waits for */
    };
};

struct session {
    struct task task;
    struct frame frame;
    int rc;
    struct client client;
    struct host *host; /* where its connection is counted; NULL: nowhere */
    union {
        struct session_reading reading; /* up to its end */
        struct stream_finish finish; /* from there on */
    };
};

struct sessions {
    struct task_group group;
    struct chat *chat;
    struct hosts hosts;
    struct peer_check check;
    size_t open; /* connections not yet closed, those that are being ended included */
    size_t cut; /* those that ended before they had been sent all they were owed */
    void (*on_left)(struct sessions *sessions); /* a descriptor was given back */
};

/* Opens the group of all sessions, owned by `owner`. `hosts` is made by the caller. */
void sessions_open(struct sessions *sessions, struct task *owner, struct chat *chat);

/* Starts a session for the newcomer at `fd`, counted at `host`: both are the session's from here
 * on. `peer` is where it comes from. Returns 0; or -errno, and `fd` is closed and
 * `host` given back. */
int session_start(struct sessions *sessions, int fd, struct host *host,
                  const struct sys_address *peer);

/* The fanout's rule where the policy is to disconnect: ends the session of one that fell behind. */
void session_fell_behind(struct subscriber *subscriber);

/* The operator ends its connection: its rooms see `kicked: WHY`, "" being `by the operator`. It is
 * told first, and what it is owed still arrives. Nothing happens if it goes already. */
void session_kick(struct client *client, const char *why);

/* Its name was taken with the key by another connection: leaves all rooms (`replaced`), goes by a
 * guest's name, is told so and ends. Returns 0, or -ENOMEM with nothing done. */
int session_replace(struct client *client);

#endif
