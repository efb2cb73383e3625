/*
 * proxy: forwards connections to another server, whatever they carry.
 *
 *     build/reactor/examples/proxy 8080 example.org 80
 *
 * Each connection has two pumps, one for each direction. A pump ends when its
 * side has said all: it passes that end on, and the other pump goes on, because
 * half a connection may live for long (`printf request | nc -N`). If a side is
 * lost, both pumps end and the other side is reset. Neither direction holds more
 * than two reads: a pump waits until most of what it wrote was sent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/reactor.h"

#define CONNECTIONS_MAX 1000
#define HELD_BYTES (16 * 1024) /* unsent in one direction, before the pump reads on */
#define CONNECT_NS (10 * NS_PER_SECOND)

struct pump {
    struct task task;
    struct frame frame;
    int rc;
    struct stream *from, *to;
};

struct client {
    struct connection its;
    struct stream server;
    struct stream_connect_first connect;
    struct cancel_scope limit;
    struct task_group pumps;
    struct pump up, down;
    struct frame frame;
    int rc;
};

static struct sys_address servers[CONNECT_ADDRESSES_MAX];
static int server_count;

/* What was read from one side is queued for the other. */
static int forward(struct pump *pump)
{
    size_t size;
    const char *bytes = stream_input(pump->from, &size);
    int rc = stream_write(pump->to, bytes, size);
    stream_consume(pump->from, size);
    return rc;
}

static int pump_step(struct task *task)
{
    struct pump *const self = container_of(task, struct pump, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc, stream_fill(task, self->from, STREAM_READ_BYTES));
        if (self->rc <= 0)
            break;
        self->rc = forward(self);
        if (self->rc < 0)
            break;
        TASK_AWAIT(self->rc, stream_drain(task, self->to, HELD_BYTES));
        if (self->rc < 0)
            break;
    }
    if (self->rc == 0)
        TASK_AWAIT(self->rc, stream_shutdown_write(task, self->to));
    TASK_RETURN(self->rc);
    TASK_END();
}

static void start_pump(struct client *client, struct pump *pump, struct stream *from,
                       struct stream *to)
{
    *pump = (struct pump){.from = from, .to = to};
    (void)task_group_spawn(&client->pumps, &pump->task, "pump", pump_step); /* it is new */
}

static int connect_server(struct client *self, struct task *task)
{
    return stream_connect_first(task, &self->connect, &self->server, self->its.service->fanout);
}

static int client_step(struct task *task)
{
    struct client *const self = container_of(task, struct client, its.task);

    TASK_BEGIN();
    self->connect.addresses = servers;
    self->connect.count = (size_t)server_count;
    cancel_scope_open(task, &self->limit, CONNECT_NS);
    TASK_AWAIT(self->rc, connect_server(self, task));
    (void)cancel_scope_close(task, &self->limit); /* why it failed doesn't matter */
    if (self->rc < 0) {
        stream_reset(&self->its.stream);
        TASK_RETURN(self->rc);
    }
    task_group_open(&self->pumps, task, "pumps", GROUP_FAIL_FAST);
    start_pump(self, &self->up, &self->its.stream, &self->server);
    start_pump(self, &self->down, &self->server, &self->its.stream);
    TASK_AWAIT(self->rc, task_group_join(task, &self->pumps));
    if (self->rc < 0) {
        stream_reset(&self->server);
        stream_reset(&self->its.stream);
        TASK_RETURN(self->rc);
    }
    stream_close(&self->server); /* it has said all, and has been sent all */
    TASK_END();
}

static int fail(const char *what, int rc)
{
    fprintf(stderr, "proxy: %s: %s\n", what, strerror(-rc));
    return 1;
}

int main(int argc, char **argv)
{
    struct loop loop;
    struct fanout fanout;
    struct service proxy = {.step = client_step,
                            .connection_bytes = sizeof(struct client),
                            .connections_max = CONNECTIONS_MAX};
    char address[SYS_ADDRESS_TEXT];

    if (argc != 4) {
        fprintf(stderr, "usage: proxy PORT HOST PORT (0: a free port here)\n");
        return 2;
    }
    int rc = loop_init(&loop, sys_kernel());
    if (rc < 0)
        return fail("loop", rc);
    server_count = loop.sys->resolve(loop.sys, argv[2], (uint16_t)strtoul(argv[3], NULL, 10),
                                     servers, CONNECT_ADDRESSES_MAX);
    if (server_count < 0)
        return fail(argv[2], server_count);
    fanout_init(&fanout, &loop, NULL);
    rc = service_open(&proxy, &fanout, "127.0.0.1", (uint16_t)strtoul(argv[1], NULL, 10));
    if (rc < 0)
        return fail(argv[1], rc);
    sys_address_format(&proxy.listener.address, address);
    fprintf(stderr, "proxy on %s\n", address);
    return loop_run(&loop, &proxy.task, "proxy", service_step) < 0;
}
