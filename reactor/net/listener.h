/*
 * listener: a socket that newcomers arrive at.
 *
 * A task accepts in a loop. Each turn accepts a limited number, so that a storm
 * of newcomers does not delay the clients that are in. Options that accepted
 * sockets inherit are set once, on the listening socket.
 *
 * Running out of descriptors must not spin (the newcomer stays in the kernel's
 * queue and nothing changes), so a listener keeps one descriptor to spare: it is
 * given up to accept one newcomer, who is handed to `refuse` and closed. Where
 * not even that helps it rests, and tries again when somebody left
 * (listener_retry) or after a pause.
 */
#ifndef REACTOR_NET_LISTENER_H
#define REACTOR_NET_LISTENER_H

#include "reactor/task/task.h"

/* Newcomers accepted per turn. */
#define LISTENER_BUDGET 64

/* How long it rests when descriptors have run out and nobody leaves. */
#define LISTENER_REST_NS (100 * NS_PER_MS)

/* Bytes the kernel takes beyond what is on its way, tcp(7) NOTSENT_LOWAT: without it, it would hide
 * megabytes for a reader that has stalled. */
#define LISTENER_NOTSENT_BYTES (64 * 1024)

/* Room for the names of all options. */
#define LISTENER_OPTIONS_TEXT 160

struct listener {
    struct descriptor descriptor;
    struct loop *loop;
    struct sys_address address; /* the real one, where port 0 was asked for */
    struct sys_file_info file; /* of a unix path: what it led to when it was bound */
    struct wait_list waiting;
    struct timer rest; /* runs while descriptors have run out */
    bool resting;
    int spare; /* a descriptor held for the moment when there is no other; -1: none */
    uint64_t turn;
    int accepted; /* in this turn */

    /* Tuning that the kernel has refused ("TCP_NODELAY, TCP_KEEPCNT"), for a warning; "": none. */
    char refused_options[LISTENER_OPTIONS_TEXT];

    /* Optional: may send a short word to a newcomer for whom there is no descriptor. `fd` is closed
     * when it returns. */
    void (*refuse)(struct listener *listener, int fd);
};

/*
 * Listens at `address`. Options that only tune are set if the kernel takes them. At a unix path a
 * socket left by a dead server is replaced; anything else is left alone (-EEXIST), and so is a
 * socket at which somebody answers (-EADDRINUSE). Of two processes that start on one path at the
 * same time, one gets it. Everybody may connect to it: the directory decides who can. Returns 0, or
 * -errno with nothing left behind.
 */
int listener_open(struct listener *listener, struct loop *loop, const struct sys_address *address);

/* The same, but only users to whom `mode` gives write permission may connect to a unix path. */
int listener_open_mode(struct listener *listener, struct loop *loop,
                       const struct sys_address *address, mode_t mode);

/* Listens on `fd`, a socket that was listening when this program was started (systemd hands over
 * descriptor 3 and LISTEN_FDS). `fd` is the listener's from here; a unix path stays when it is
 * closed. Returns 0; -EINVAL if it isn't listening, or another -errno, and `fd` is still the
 * caller's. */
int listener_inherit(struct listener *listener, struct loop *loop, int fd);

/* Stops listening; connections not yet accepted are refused. Removes the path of a unix socket if
 * that still leads to this one. No task may be waiting. Does nothing on a closed listener. */
void listener_close(struct listener *listener);

/* Waits for a newcomer. Returns the connected descriptor, the caller's, with where it comes from in
 * *peer; -ECANCELED, -ETIMEDOUT, or -errno where the socket itself fails. May suspend. */
TASK_AWAITABLE int listener_accept(struct task *task, struct listener *listener,
                                   struct sys_address *peer);

/* Descriptors were given back: a resting listener tries again; a closed one does nothing. */
void listener_retry(struct listener *listener);

#endif
