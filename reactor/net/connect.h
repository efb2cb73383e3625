/*
 * connect: outgoing connections.
 *
 * A task awaits stream_connect() and has a stream. While the connection is under
 * way the stream is one whose socket takes nothing yet, so what is written
 * before the await has ended is sent once it is there. Where to connect to is an
 * address: a name is looked up at the start of a program (sys->resolve), since
 * that may block.
 *
 * A machine has some 28,000 free ports an address, and a connection to one
 * server takes one of them. Who needs more connections than that gives
 * `source`: on the loopback all of 127.0.0.0/8 is one's own.
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
 * -EMFILE, -EADDRNOTAVAIL where the source has no free port ...), -ECANCELED, or -ETIMEDOUT where a
 * deadline passed or the kernel gave up. May suspend.
 */
TASK_AWAITABLE int stream_connect(struct task *task, struct stream_connect *self,
                                  struct stream *stream, struct fanout *fanout);

#endif
