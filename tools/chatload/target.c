#include "tools/chatload/target.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LISTENING "listening on "
#define LINE_BYTES 1024

/* How often a server that was asked to end is looked at. */
#define STOP_PAUSE_NS (10 * NS_PER_MS)

void target_init(struct target *target, struct load *load)
{
    *target = (struct target){.load = load, .pid = (pid_t)load->settings->server_pid};
}

int target_spawn(struct target *target)
{
    char command[HOST_COMMAND_BYTES];
    struct load *load = target->load;
    int length = snprintf(command, sizeof(command), "%s -l 127.0.0.1:0", load->settings->spawn);
    if (length < 0 || (size_t)length >= sizeof(command))
        return -E2BIG;
    int fd = host_spawn(command, &target->pid);
    if (fd < 0)
        return fd;
    target->spawned = true;
    int rc = stream_open(&target->output, &load->fanout, fd, 0);
    if (rc < 0)
        (void)load->loop->sys->close(load->loop->sys, fd); /* it was only to be read */
    return rc;
}

static void hear_line(struct target *target)
{
    const char *address = target->line + strlen(LISTENING);
    if (target->is_listening || strncmp(target->line, LISTENING, strlen(LISTENING)) != 0)
        return;
    target->is_listening = endpoint_parse(address, &target->endpoint) == 0;
    if (target->is_listening)
        event_set(&target->load->over);
    else
        load_fail(target->load, "--spawn '%s': '%.80s' names no address",
                  target->load->settings->spawn, target->line);
}

/* Its output has ended: so has it, or will in a moment. */
static void tell_end(struct target *target)
{
    if (target->stopping)
        return;
    if (!target->is_listening)
        load_fail(target->load, "--spawn '%s': it ended before it was listening",
                  target->load->settings->spawn);
    else
        load_fail(target->load, "the server ended in the middle of the run");
}

int target_step(struct task *task)
{
    struct target *const self = container_of(task, struct target, task);

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

void target_watch(struct target *target)
{
    if (target->spawned) {
        target->process_count = host_group(target->pid, target->processes);
    } else if (target->pid) {
        target->processes[0] = target->pid;
        target->process_count = 1;
    }
}

bool target_usage(const struct target *target, struct host_usage *usage)
{
    bool known = false;
    *usage = (struct host_usage){0};
    for (size_t i = 0; i < target->process_count; i++)
        known |= host_usage(target->processes[i], usage) == 0;
    return known;
}

int target_stop(struct task *task, struct target_stop *const self, struct target *target)
{
    TASK_BEGIN();
    if (!target->spawned)
        TASK_RETURN(0);
    target->stopping = true;
    host_signal_group(target->pid, SIGTERM);
    self->kill_ns = time_after(task->loop->now_ns, SERVER_STOP_NS);
    while (!host_group_ended(target->pid)) {
        if (task->loop->now_ns >= self->kill_ns)
            host_signal_group(target->pid, SIGKILL);
        TASK_AWAIT(self->rc, task_sleep(task, STOP_PAUSE_NS));
    }
    TASK_RETURN(0);
    TASK_END();
}
