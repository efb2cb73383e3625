/*
 * connect: outgoing connections.
 *
 * A task awaits stream_connect() and has a stream. While the connection is under
 * way the stream is one whose socket takes nothing yet, so what is written
 * before the await has ended is sent once the connection is there.
 *
 * Where to connect to is an address. A name is looked up at the start of a
 * program, because that may block, and often has several addresses, of which
 * the first may not answer. stream_connect_first() tries them as RFC 8305
 * ("Happy Eyeballs") says: the next begins when one has failed or has not
 * answered for a quarter of a second, and the first connected is taken.
 *
 *     self->count = loop->sys->resolve(loop->sys, "example.org", 80, self->addresses, 8);
 *     self->race = (struct stream_connect_first){.addresses = self->addresses,
 *                                                .count = (size_t)self->count};
 *     TASK_AWAIT(self->rc, stream_connect_first(task, &self->race, &self->stream, fanout));
 *
 * A machine has some 28,000 free ports per address, and a connection to one
 * server takes one of them. A program that needs more connections sets `source`:
 * on the loopback, all of 127.0.0.0/8 is its own.
 */
#ifndef REACTOR_NET_CONNECT_H
#define REACTOR_NET_CONNECT_H

#include "reactor/net/stream.h"

/* The frame of stream_connect. Zero it, then set `address` and, if wanted, `source`; both are
 * copies. */
struct stream_connect {
    struct frame frame;
    int rc;
    struct sys_address address; /* whom to connect to */
    struct sys_address source; /* where from; length 0: the kernel chooses. Port 0: any free one */
};

/*
 * Connects and makes `stream`, which may be uninitialised memory, a stream of `fanout`, with
 * TCP_NODELAY set. Returns 0; or -errno with nothing left behind: the kernel's (-ECONNREFUSED,
 * -EMFILE, -EADDRNOTAVAIL if the source has no free port ...), -ECANCELED, or -ETIMEDOUT if a
 * deadline passed or the kernel gave up. May suspend.
 */
TASK_AWAITABLE int stream_connect(struct task *task, struct stream_connect *self,
                                  struct stream *stream, struct fanout *fanout);

/* The most addresses tried at once. */
#define CONNECT_ADDRESSES_MAX 8

/* How long an attempt may take before the next begins: RFC 8305, section 5. */
#define CONNECT_STAGGER_NS (250 * NS_PER_MS)

struct stream_connect_first;

/* One attempt. */
struct connect_attempt {
    struct descriptor descriptor; /* fd -1: not begun, or failed */
    struct stream_connect_first *race;
    bool begun;
};

/* The frame of stream_connect_first. Zero it, then set the first two, and `source` if wanted. */
struct stream_connect_first {
    const struct sys_address *addresses; /* the best first; must stay until the await has ended */
    size_t count; /* 1 to CONNECT_ADDRESSES_MAX */
    struct sys_address source; /* as in stream_connect: of the one family that is then of use */

    /* Of connect.c. */
    struct frame frame;
    int rc;
    int error; /* of the attempt that failed last */
    size_t begun;
    size_t alive; /* attempts under way */
    sa_family_t last_family; /* of the address tried last */
    int64_t due_ns; /* when the next attempt begins */
    struct wait_list stirred;
    struct cancel_scope stagger;
    struct connect_attempt *winner;
    struct connect_attempt attempts[CONNECT_ADDRESSES_MAX];
};

/*
 * Connects to the first of several addresses that answers, and makes `stream` a stream of `fanout`
 * as stream_connect does; the other attempts are closed. Families take turns. Returns 0; the -errno
 * of the attempt that failed last; -ECANCELED or -ETIMEDOUT; then nothing is left behind. May
 * suspend.
 */
TASK_AWAITABLE int stream_connect_first(struct task *task, struct stream_connect_first *self,
                                        struct stream *stream, struct fanout *fanout);

#endif
