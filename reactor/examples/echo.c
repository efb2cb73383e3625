/* echo: every line comes back to whoever sent it. README.md shows this file. */
#include <stdio.h>

#include "reactor/reactor.h"

static int echo_step(struct task *task)
{
    struct connection *const self = container_of(task, struct connection, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc, stream_read_line(task, &self->stream, 1000, &self->line, &self->size));
        if (self->rc <= 0)
            TASK_RETURN(self->rc); /* the end of its input, or an error */
        self->line[self->size++] = '\n';
        self->rc = stream_write(&self->stream, self->line, self->size);
        if (self->rc < 0)
            TASK_RETURN(self->rc);
        TASK_AWAIT(self->rc, stream_drain(task, &self->stream, 65536)); /* back-pressure */
    }
    TASK_END();
}

int main(void)
{
    struct loop loop;
    struct fanout fanout;
    struct service echo = {.step = echo_step};
    char address[SYS_ADDRESS_TEXT];

    if (loop_init(&loop, sys_kernel()) < 0)
        return 1;
    fanout_init(&fanout, &loop, NULL);
    if (service_open(&echo, &fanout, "127.0.0.1", 0) < 0)
        return 1;
    sys_address_format(&echo.listener.address, address);
    fprintf(stderr, "echo on %s\n", address);
    return loop_run(&loop, &echo.task, "echo", service_step) < 0;
}
