/*
 * http: as much of HTTP/1.1 as crawler.c and aggregator.c need.
 *
 * http_get() asks a host and reads the whole reply, over a connection from the
 * host's pool: there are never more than a few, and one on which all went well
 * is used again. http_next() is the other end: it reads what a server is asked.
 *
 * A host is a port of this machine, for a program to learn from leaves others
 * alone. A body may have a length, come in chunks or end with the connection.
 * Left out are names, TLS, compression, requests with a body, and everything a
 * server may say before its reply (a status of 1xx is refused).
 */
#ifndef REACTOR_EXAMPLES_HTTP_H
#define REACTOR_EXAMPLES_HTTP_H

#include "reactor/reactor.h"

#define HTTP_PATH_BYTES 200 /* its NUL included */
#define HTTP_LINE_BYTES 1000 /* a line of a head */
#define HTTP_BODY_BYTES ((size_t)64 * 1024)

struct http_host {
    struct fanout *fanout;
    uint16_t port;
    struct pool pool; /* of connections; to be drained with pool_drain in the end */
    unsigned requests; /* sent so far, ... */
    unsigned connections; /* ... and over how many connections; for people */
};

/* What was answered; the rest is of http.c. */
struct http_reply {
    int status; /* 200 to 599; 0: there was none */
    char location[HTTP_PATH_BYTES]; /* where it says that the page is; cut where it is longer */
    struct buffer body;

    struct stream *stream;
    struct frame frame;
    int rc;
    char *line;
    size_t size;
    size_t left; /* of the body, or of the chunk, to be read */
    bool chunked;
    bool last; /* the chunk is */
    bool bounded; /* the end of the connection isn't the body's */
    bool keep; /* the connection is good for another request */
};

/* The frame of http_get. Zero it, then set what is asked for. */
struct http_get {
    struct http_host *host;
    char path[HTTP_PATH_BYTES];
    struct http_reply reply;

    struct frame frame;
    int rc;
    struct pool_lease lease;
};

/* A host that is asked over at most `limit` connections at once. Can't fail. */
void http_host_open(struct http_host *host, struct fanout *fanout, uint16_t port, size_t limit);

/*
 * Asks for self->path and reads the reply into self->reply. Returns its status; -EBUSY where that
 * is 500 or more, for then the server could not answer; -ECONNRESET where the reply ended too
 * early, -EPROTO where it is none, -EMSGSIZE where it is too long, or another -errno. A deadline
 * around it limits the wait for a connection, too. May suspend; may be called again, and forgets
 * the reply before.
 */
TASK_AWAITABLE int http_get(struct task *task, struct http_get *self);

/* The body, with a NUL behind it: valid until it is forgotten. NULL where there is no memory. */
char *http_body(struct http_get *get);

/* Gives the memory of the body back. */
void http_forget(struct http_get *get);

/* The frame of http_next; zero it. */
struct http_request {
    char path[HTTP_PATH_BYTES]; /* "" for anything but a GET, and where it is too long */

    struct frame frame;
    int rc;
    char *line;
    size_t size;
};

/* Reads a request. Returns 1 with what is asked for in self->path, 0 at the end of the input, or
 * -errno. May suspend. */
TASK_AWAITABLE int http_next(struct task *task, struct http_request *self, struct stream *stream);

#endif
