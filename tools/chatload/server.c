#include "tools/chatload/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LISTENING "listening on "
#define LINE_BYTES 1024

/* How often a server that was asked to end is looked at. */
#define STOP_PAUSE_NS (10 * NS_PER_MS)

void server_init(struct server *server, struct load *load)
{
    *server = (struct server){.load = load, .pid = (pid_t)load->settings->server_pid};
}

int server_spawn(struct server *server)
{
    char command[HOST_COMMAND_BYTES];
    struct load *load = server->load;
    int length = snprintf(command, sizeof(command), "%s -l 127.0.0.1:0", load->settings->spawn);
    if (length < 0 || (size_t)length >= sizeof(command))
        return -E2BIG;
    int fd = host_spawn(command, &server->pid);
    if (fd < 0)
        return fd;
    server->spawned = true;
    int rc = stream_open(&server->output, &load->fanout, fd, 0);
    if (rc < 0)
        (void)load->loop->sys->close(load->loop->sys, fd); /* it was only to be read */
    return rc;
}

static void hear_line(struct server *server)
{
    const char *address = server->line + strlen(LISTENING);
    if (server->is_listening || strncmp(server->line, LISTENING, strlen(LISTENING)) != 0)
        return;
    server->is_listening = endpoint_parse(address, &server->endpoint) == 0;
    if (server->is_listening)
        event_set(&server->load->over);
    else
        load_fail(server->load, "--spawn '%s': '%.80s' names no address",
                  server->load->settings->spawn, server->line);
}

/* Its output has ended: so has it, or will in a moment. */
static void tell_end(struct server *server)
{
    if (server->stopping)
        return;
    if (!server->is_listening)
        load_fail(server->load, "--spawn '%s': it ended before it was listening",
                  server->load->settings->spawn);
    else
        load_fail(server->load, "the server ended in the middle of the run");
}

int server_step(struct task *task)
{
    struct server *const self = container_of(task, struct server, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc,
                   stream_read_line(task, &self->output, LINE_BYTES, &self->line, &self->size));
        if (self->rc == -EMSGSIZE)
            continue;
        if (self->rc <= 0)
            break;
        hear_line(self);
    }
    if (self->rc != -ECANCELED)
        tell_end(self);
    stream_close(&self->output);
    TASK_RETURN(0);
    TASK_END();
}

void server_watch(struct server *server)
{
    if (server->spawned) {
        server->process_count = host_group(server->pid, server->processes);
    } else if (server->pid) {
        server->processes[0] = server->pid;
        server->process_count = 1;
    }
}

bool server_usage(const struct server *server, struct host_usage *usage)
{
    bool known = false;
    *usage = (struct host_usage){0};
    for (size_t i = 0; i < server->process_count; i++)
        known |= host_usage(server->processes[i], usage) == 0;
    return known;
}

int server_stop(struct task *task, struct server_stop *const self, struct server *server)
{
    TASK_BEGIN();
    if (!server->spawned)
        TASK_RETURN(0);
    server->stopping = true;
    host_signal_group(server->pid, SIGTERM);
    self->kill_ns = time_after(task->loop->now_ns, SERVER_STOP_NS);
    while (!host_group_ended(server->pid)) {
        if (task->loop->now_ns >= self->kill_ns)
            host_signal_group(server->pid, SIGKILL);
        TASK_AWAIT(self->rc, task_sleep(task, STOP_PAUSE_NS));
    }
    TASK_RETURN(0);
    TASK_END();
}
