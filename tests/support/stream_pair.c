#include "tests/support/stream_pair.h"

#include <criterion/criterion.h>

#define ADDRESS "127.0.0.1"
#define PORT 7777

struct fanout visitors_hub;

static int listening; /* a socket */

void stream_pairs_open(void)
{
    struct sys_address address;
    fixture_open();
    struct sys *sys = loop.sys;
    sim_options(sim)->descriptor_limit = 20000;
    fanout_init(&visitors_hub, &loop, NULL);
    cr_assert_eq(sys->resolve(sys, ADDRESS, PORT, &address, 1), 1);
    listening = sys->socket(sys, AF_INET);
    cr_assert_eq(sys->bind(sys, listening, &address), 0);
    cr_assert_eq(sys->listen(sys, listening, 1), 0);
}

void stream_pairs_close(void)
{
    fanout_release(&visitors_hub);
    (void)loop.sys->close(loop.sys, listening);
    fixture_close();
}

int stream_pair_accept(struct sim_peer **peer)
{
    struct sys_address from;
    *peer = sim_connect(sim, ADDRESS ":7777");
    cr_assert(*peer);
    fixture_turn(); /* the network moves */
    int fd = loop.sys->accept(loop.sys, listening, &from);
    cr_assert_geq(fd, 0);
    return fd;
}

void stream_pair_open(struct stream_pair *visitor, uint64_t tag)
{
    int fd = stream_pair_accept(&visitor->peer);
    cr_assert_eq(stream_open(&visitor->stream, &visitors_hub, fd, tag), 0);
}

void stream_pair_close(struct stream_pair *visitor)
{
    while (visitor->stream.outbox.subscribers)
        broadcast_unsubscribe(visitor->stream.outbox.subscribers);
    stream_close(&visitor->stream);
}

void stream_pair_heard(struct stream_pair *visitor, const char *text)
{
    cr_assert_str_eq(sim_peer_text(visitor->peer), text);
    sim_peer_forget(visitor->peer);
}
