#include "tests/support/visitors.h"

#include <criterion/criterion.h>

#define ADDRESS "127.0.0.1"
#define PORT 7777

struct hub visitors_hub;

static int listening; /* a socket */

void visitors_open(void)
{
    struct sys_address address;
    stage_open();
    struct sys *sys = loop.sys;
    sim_options(sim)->descriptor_limit = 20000;
    stream_hub_init(&visitors_hub, &loop, NULL);
    cr_assert_eq(sys->resolve(sys, ADDRESS, PORT, &address, 1), 1);
    listening = sys->socket(sys, AF_INET);
    cr_assert_eq(sys->bind(sys, listening, &address), 0);
    cr_assert_eq(sys->listen(sys, listening, 1), 0);
}

void visitors_close(void)
{
    stream_hub_release(&visitors_hub);
    (void)loop.sys->close(loop.sys, listening);
    stage_close();
}

int visitors_accept(struct sim_peer **peer)
{
    struct sys_address from;
    *peer = sim_connect(sim, ADDRESS ":7777");
    cr_assert(*peer);
    stage_turn(); /* the network moves */
    int fd = loop.sys->accept(loop.sys, listening, &from);
    cr_assert_geq(fd, 0);
    return fd;
}

void visitor_enter(struct visitor *visitor, uint64_t tag)
{
    int fd = visitors_accept(&visitor->peer);
    cr_assert_eq(stream_open(&visitor->stream, &visitors_hub, fd, tag), 0);
}

void visitor_leave(struct visitor *visitor)
{
    while (visitor->stream.outbox.subscribers)
        broadcast_unsubscribe(visitor->stream.outbox.subscribers);
    stream_close(&visitor->stream);
}

void visitor_heard(struct visitor *visitor, const char *text)
{
    cr_assert_str_eq(sim_peer_text(visitor->peer), text);
    sim_peer_forget(visitor->peer);
}
