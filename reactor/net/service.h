/*
 * service: a task for each connection.
 *
 * Most servers accept in a loop, give each connection a task, a stream and some
 * memory, and make sure that what the task wrote arrives before the socket is
 * closed. A service does that. The program provides the step that talks over the
 * connection. Python's asyncio.start_server(), with owners: the service is a
 * task, its connections are the children of its group, and it ends when the last
 * of them has ended.
 *
 *      service "echo" --- [connections] -+- task "echo"
 *                                        +- task "echo"
 *
 * A server that refuses newcomers with a message writes these lines itself
 * (listener.h, task_group.h, stream.h).
 */
#ifndef REACTOR_NET_SERVICE_H
#define REACTOR_NET_SERVICE_H

#include "reactor/net/listener.h"
#include "reactor/net/stream.h"
#include "reactor/task/sync.h"
#include "reactor/task/task_group.h"

struct service;

/* One connection. A program that needs more has it as the first member of its own struct. Zeroed
 * when the step begins, but for what service.c owns. */
struct connection {
    struct task task;
    struct stream stream; /* open while the program's step runs; closed for it after */
    struct service *service;
    struct sys_address peer;

    /* For the program's step, which may be written on this struct alone. */
    struct frame frame;
    int rc;
    char *line;
    size_t size;

    /* Of service.c: what stands around that step. */
    struct connection_end {
        struct frame frame;
        int rc;
        int result; /* the program's step's */
        struct stream_finish finish;
    } end;
};

struct service {
    struct task task; /* runs service_step: the main task, or a child of any group */

    /* Set by the program; the rest zeroed. */
    task_step *step; /* awaited by each connection's task, once */
    size_t connection_bytes; /* of the program's struct; 0: it has none but struct connection */
    unsigned
        connections_max; /* at once; newcomers beyond wait in the kernel's queue. 0: no limit */

    /* Of service.c. */
    struct frame frame;
    int rc;
    int error;
    struct fanout *fanout;
    struct listener listener; /* its address is the real one, where port 0 was asked for */
    struct sys_address peer;
    struct semaphore places; /* for connections */
    struct task_group connections;
};

/* Listens at the first address of `host` (NULL: every address of one family) and `port` (0: any
 * free one). May block for as long as a name server takes. Returns 0, or -errno with nothing
 * left. */
int service_open(struct service *service, struct fanout *fanout, const char *host, uint16_t port);

/* The same on a socket that listens already (listener_inherit), which is the service's from here.
 * Returns 0, or -errno and `fd` is still the caller's. */
int service_inherit(struct service *service, struct fanout *fanout, int fd);

/*
 * The step of service->task, of an open service: accepts until it is cancelled, then waits for its
 * connections. These are cancelled with it, and until the cancel's deadline they are sent what they
 * are owed. If there is no memory for a newcomer, its connection is closed and the others live.
 * Returns -ECANCELED or the listener's -errno, with the listener closed.
 */
int service_step(struct task *task);

#endif
