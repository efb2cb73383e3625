#include "reactor/examples/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A connection of a host's pool. */
struct wire {
    struct pool_item item;
    struct stream stream;
    struct stream_connect connect;
    struct frame frame;
    int rc;
};

static struct wire *wire_of(struct pool_item *item)
{
    return container_of(item, struct wire, item);
}

static struct http_host *host_of(struct pool_item *item)
{
    return container_of(item->pool, struct http_host, pool);
}

static int wire_open(struct task *task, struct pool_item *item)
{
    struct wire *const self = wire_of(item);

    TASK_BEGIN();
    self->rc = task->loop->sys->resolve(task->loop->sys, "127.0.0.1", host_of(item)->port,
                                        &self->connect.address, 1);
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    TASK_AWAIT(self->rc,
               stream_connect(task, &self->connect, &self->stream, host_of(item)->fanout));
    host_of(item)->connections += self->rc == 0;
    TASK_RETURN(self->rc);
    TASK_END();
}

/* Who was asked nothing has nothing to say: what has come is the end, or nonsense. */
static int wire_check(struct task *task, struct pool_item *item)
{
    const struct stream *stream = &wire_of(item)->stream;
    size_t surplus;
    (void)task;
    (void)stream_input(stream, &surplus);
    return surplus > 0 || (stream->descriptor.ready & ~(uint32_t)SYS_WRITABLE) ? -EPROTO : 0;
}

static void wire_close(struct pool_item *item)
{
    stream_close(&wire_of(item)->stream);
}

void http_host_open(struct http_host *host, struct fanout *fanout, uint16_t port, size_t limit)
{
    *host = (struct http_host){.fanout = fanout, .port = port};
    host->pool = (struct pool){
        .name = "connections",
        .limit = limit,
        .item_bytes = sizeof(struct wire),
        .keep_ns = 30 * NS_PER_SECOND,
        .open = wire_open,
        .check = wire_check,
        .close = wire_close,
    };
    pool_init(&host->pool, fanout->loop);
}

/* A reply. */

static int next_line(struct task *task, struct http_reply *reply)
{
    int rc = stream_read_line(task, reply->stream, HTTP_LINE_BYTES, &reply->line, &reply->size);
    return rc == 0 ? -ECONNRESET : rc;
}

/* The size of the body or of a chunk; a blank or a parameter may stand behind it. 0 or -errno. */
static int note_size(struct http_reply *reply, const char *digits, int base)
{
    char *end;
    reply->left = strtoul(digits, &end, base);
    reply->bounded = true;
    if (end == digits || !strchr("; \t", *end)) /* which finds the NUL, too */
        return -EPROTO;
    return reply->left > HTTP_BODY_BYTES ? -EMSGSIZE : 0;
}

/* What stands behind `name` in a line that begins with it; NULL in any other. */
static const char *value_of(const char *line, const char *name)
{
    size_t size = strlen(name);
    if (strncasecmp(line, name, size) != 0)
        return NULL;
    return line + size + strspn(line + size, " \t");
}

/* HTTP/1.0 ends the connection after each reply. */
static int note_status(struct http_reply *reply)
{
    const char *version = value_of(reply->line, "HTTP/1.");
    if (!version || !*version)
        return -EPROTO;
    reply->keep = *version != '0';
    reply->status = (int)strtol(version + 1, NULL, 10);
    return reply->status >= 200 && reply->status <= 599 ? 0 : -EPROTO;
}

static int note_header(struct http_reply *reply)
{
    const char *value;
    if ((value = value_of(reply->line, "Content-Length:")))
        return note_size(reply, value, 10);
    if ((value = value_of(reply->line, "Transfer-Encoding:"))) {
        reply->chunked = reply->bounded = true;
        return strcasecmp(value, "chunked") == 0 ? 0 : -EPROTO;
    }
    if ((value = value_of(reply->line, "Connection:")))
        reply->keep = reply->keep && strcasecmp(value, "close") != 0;
    else if ((value = value_of(reply->line, "Location:")))
        (void)snprintf(reply->location, sizeof(reply->location), "%s", value);
    return 0;
}

/* What the head as a whole says of the body. */
static void expect_body(struct http_reply *reply)
{
    if (reply->status == 204 || reply->status == 304) {
        reply->chunked = false; /* there is none, whatever the headers say */
        reply->left = 0;
    } else if (!reply->bounded) {
        reply->keep = false;
        reply->left = SIZE_MAX;
    }
}

static int read_head(struct task *task, struct http_reply *const self)
{
    TASK_BEGIN();
    TASK_AWAIT(self->rc, next_line(task, self));
    if (self->rc >= 0)
        self->rc = note_status(self);
    while (self->rc >= 0 && self->size > 0) {
        TASK_AWAIT(self->rc, next_line(task, self));
        if (self->rc >= 0)
            self->rc = note_header(self);
    }
    expect_body(self);
    TASK_RETURN(self->rc < 0 ? self->rc : 0);
    TASK_END();
}

/* Takes what has come of what is left. */
static int take(struct task *task, struct http_reply *reply)
{
    size_t size;
    int rc = stream_fill(task, reply->stream, STREAM_READ_BYTES);
    if (rc < 0)
        return rc;
    if (rc == 0) {
        reply->left = 0;
        return reply->bounded ? -ECONNRESET : 0;
    }
    const char *input = stream_input(reply->stream, &size);
    size = size < reply->left ? size : reply->left;
    if (buffer_length(&reply->body) + size > HTTP_BODY_BYTES)
        return -EMSGSIZE;
    rc = buffer_append(&reply->body, task->loop->sys, input, size);
    stream_consume(reply->stream, size);
    reply->left -= size;
    return rc;
}

/* Chunks: a line with the size, so many bytes, and a line that is empty; the last has size 0, and
 * before its empty line perhaps more headers. */
static int read_chunks(struct task *task, struct http_reply *const self)
{
    TASK_BEGIN();
    do {
        TASK_AWAIT(self->rc, next_line(task, self));
        if (self->rc >= 0)
            self->rc = note_size(self, self->line, 16);
        self->last = self->left == 0;
        while (self->rc >= 0 && self->left > 0)
            TASK_AWAIT(self->rc, take(task, self));
        do {
            if (self->rc >= 0)
                TASK_AWAIT(self->rc, next_line(task, self));
        } while (self->rc >= 0 && self->last && self->size > 0);
        if (self->rc >= 0 && self->size > 0)
            self->rc = -EPROTO;
    } while (self->rc >= 0 && !self->last);
    TASK_RETURN(self->rc < 0 ? self->rc : 0);
    TASK_END();
}

/* Forgets the reply before and writes the request. */
static int begin(struct http_get *self)
{
    char text[HTTP_PATH_BYTES + 100];
    self->host->requests++;
    http_forget(self);
    self->reply = (struct http_reply){.stream = &wire_of(self->lease.item)->stream};
    int size = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
                        self->path, (unsigned)self->host->port);
    return stream_write(self->reply.stream, text, (size_t)size);
}

int http_get(struct task *task, struct http_get *const self)
{
    TASK_BEGIN();
    TASK_AWAIT(self->rc, pool_lease(task, &self->lease, &self->host->pool));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    self->rc = begin(self);
    if (self->rc == 0)
        TASK_AWAIT(self->rc, read_head(task, &self->reply));
    if (self->rc == 0 && self->reply.chunked)
        TASK_AWAIT(self->rc, read_chunks(task, &self->reply));
    while (self->rc == 0 && self->reply.left > 0)
        TASK_AWAIT(self->rc, take(task, &self->reply));
    if (self->rc == 0 && self->reply.keep)
        pool_release(&self->host->pool, self->lease.item);
    else
        pool_discard(&self->host->pool, self->lease.item);
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    TASK_RETURN(self->reply.status >= 500 ? -EBUSY : self->reply.status);
    TASK_END();
}

char *http_body(struct http_get *get)
{
    struct buffer *body = &get->reply.body;
    if (buffer_reserve(body, get->host->fanout->loop->sys, 1) < 0)
        return NULL;
    *buffer_tail(body) = '\0';
    return buffer_data(body);
}

void http_forget(struct http_get *get)
{
    buffer_release(&get->reply.body, get->host->fanout->loop->sys);
}

/* The other end. */

static void note_request(struct http_request *self)
{
    const char *path = value_of(self->line, "GET ");
    size_t size = path ? strcspn(path, " ") : 0;
    bool fits = size < sizeof(self->path);
    (void)snprintf(self->path, sizeof(self->path), "%.*s", fits ? (int)size : 0, path ? path : "");
}

int http_next(struct task *task, struct http_request *const self, struct stream *stream)
{
    TASK_BEGIN();
    TASK_AWAIT(self->rc, stream_read_line(task, stream, HTTP_LINE_BYTES, &self->line, &self->size));
    if (self->rc > 0)
        note_request(self);
    while (self->rc > 0 && self->size > 0)
        TASK_AWAIT(self->rc,
                   stream_read_line(task, stream, HTTP_LINE_BYTES, &self->line, &self->size));
    TASK_RETURN(self->rc);
    TASK_END();
}
