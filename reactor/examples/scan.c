/*
 * scan: which ports of a host are open.
 *
 *     build/reactor/examples/scan 127.0.0.1 1 1024
 *
 * A fixed number of probes share the ports: each takes the next one, tries to
 * connect for a limited time, and goes on. So never more than PROBES attempts
 * are under way, and nothing is allocated however many ports there are. Scan
 * only hosts of your own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/reactor.h"

#define PROBES 64
#define PROBE_NS (500 * NS_PER_MS) /* a port behind a firewall doesn't answer at all */

struct probe {
    struct task task;
    struct frame frame;
    int rc;
    unsigned port;
    struct stream_connect connect;
    struct stream stream;
    struct cancel_scope limit;
};

struct scan {
    struct task task;
    struct frame frame;
    int rc;
    struct task_group group;
    struct probe probes[PROBES];
};

static const char *host;
static struct fanout fanout;
static unsigned next_port, last_port;
static bool is_open[65536];
static unsigned silent; /* ports that didn't answer in time */

/* Looking up an address in numbers does not block. */
static int aim(struct probe *probe)
{
    struct sys *sys = fanout.loop->sys;
    probe->connect = (struct stream_connect){.rc = 0};
    probe->port = next_port++;
    return sys->resolve(sys, host, (uint16_t)probe->port, &probe->connect.address, 1);
}

static void note_result(struct probe *probe, bool late)
{
    is_open[probe->port] = probe->rc == 0;
    silent += late;
    if (probe->rc == 0)
        stream_reset(&probe->stream); /* it keeps no port busy here, as a close would */
}

static int probe_step(struct task *task)
{
    struct probe *const self = container_of(task, struct probe, task);

    TASK_BEGIN();
    while (next_port <= last_port) {
        self->rc = aim(self);
        if (self->rc < 0)
            TASK_RETURN(self->rc);
        cancel_scope_open(task, &self->limit, PROBE_NS);
        TASK_AWAIT(self->rc, stream_connect(task, &self->connect, &self->stream, &fanout));
        note_result(self, cancel_scope_close(task, &self->limit) && self->rc == -ETIMEDOUT);
        if (self->rc == -ECANCELED || self->rc == -EMFILE)
            TASK_RETURN(self->rc);
    }
    TASK_END();
}

static int scan_step(struct task *task)
{
    struct scan *const self = container_of(task, struct scan, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "probes", GROUP_FAIL_FAST);
    for (int i = 0; i < PROBES; i++)
        (void)task_group_spawn(&self->group, &self->probes[i].task, "probe", probe_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_RETURN(self->rc);
    TASK_END();
}

static void print_open(unsigned first)
{
    for (unsigned port = first; port <= last_port; port++) {
        if (is_open[port])
            printf("%u open\n", port);
    }
    if (silent > 0)
        printf("%u did not answer\n", silent);
}

int main(int argc, char **argv)
{
    static struct scan scan;
    struct loop loop;

    unsigned first = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    last_port = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    if (first < 1 || first > last_port || last_port > 65535) {
        fprintf(stderr, "usage: scan ADDRESS FIRST LAST (ports 1 to 65535)\n");
        return 2;
    }
    host = argv[1];
    next_port = first;
    if (loop_init(&loop, sys_kernel()) < 0)
        return 1;
    fanout_init(&fanout, &loop, NULL);
    int rc = loop_run(&loop, &scan.task, "scan", scan_step);
    if (rc < 0)
        fprintf(stderr, "scan: %s: %s\n", host, strerror(-rc));
    print_open(first);
    fanout_release(&fanout);
    loop_release(&loop);
    return rc < 0;
}
