/* chat: everybody hears what the others say. README.md shows this file. */
#include <stdio.h>

#include "reactor/reactor.h"

struct guest {
    struct connection its;
    struct subscriber seat; /* in the room */
    struct frame frame;
    int rc;
};

static struct broadcast room;
static unsigned guests;

static int say(struct guest *guest, const char *text) /* to all but the guest */
{
    char line[1100];
    unsigned number = (unsigned)stream_tag(&guest->its.stream);
    int size = snprintf(line, sizeof(line), "guest %u: %s\n", number, text);
    return broadcast_append(&room, &guest->seat, line, (size_t)size);
}

static int guest_step(struct task *task)
{
    struct guest *const self = container_of(task, struct guest, its.task);

    TASK_BEGIN();
    stream_set_tag(&self->its.stream, ++guests); /* its number; it isn't shown its own lines */
    if (broadcast_subscribe(&room, &self->seat, &self->its.stream.outbox) < 0)
        TASK_RETURN(0); /* there is no memory for it, and it is closed */
    for (self->rc = say(self, "(comes in)"); self->rc >= 0; self->rc = say(self, self->its.line)) {
        TASK_AWAIT(self->rc, broadcast_wait_space(task, &room)); /* so a flood waits */
        TASK_AWAIT(self->rc, stream_read_line(task, &self->its.stream, 1000, &self->its.line,
                                              &self->its.size));
        if (self->rc <= 0)
            break; /* the end of its input, or an error */
    }
    (void)say(self, "(leaves)"); /* unheard where there is no memory */
    broadcast_unsubscribe(&self->seat);
    TASK_END();
}

int main(void)
{
    struct loop loop;
    struct fanout fanout;
    struct service chat = {.step = guest_step, .connection_bytes = sizeof(struct guest)};
    char address[SYS_ADDRESS_TEXT];
    if (loop_init(&loop, sys_kernel()) < 0)
        return 1;
    fanout_init(&fanout, &loop, NULL);
    broadcast_init(&room, &fanout, "room", 65536); /* so far behind a slow reader may be */
    if (service_open(&chat, &fanout, "127.0.0.1", 0) < 0)
        return 1;
    sys_address_format(&chat.listener.address, address);
    fprintf(stderr, "chat on %s\n", address);
    return loop_run(&loop, &chat.task, "chat", service_step) < 0;
}
