#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/sim/sim_internal.h"

static void from_loopback(struct sim *sim)
{
    sim_address_ip("127.0.0.1", 0, &sim->from4);
    sim_address_ip("::1", 0, &sim->from6);
}

void sim_come_from(struct sim *sim, const char *host)
{
    struct sys_address address;
    from_loopback(sim);
    if (!host)
        return;
    if (!sim_address_ip(host, 0, &address))
        sim_die(sim, "sim_come_from: %s is no address", host);
    *(address.any.sa_family == AF_INET ? &sim->from4 : &sim->from6) = address;
}

void sim_come_as(struct sim *sim, uid_t uid)
{
    sim->from_user = uid;
}

static void name_after_origin(struct sim_socket *socket)
{
    struct sim *sim = socket->sim;
    if (socket->family == AF_UNIX)
        return;
    socket->local = socket->family == AF_INET ? sim->from4 : sim->from6;
    sys_address_set_port(&socket->local, sim_next_port(sim));
}

static struct sim_peer *peer_new(struct sim *sim, int family)
{
    struct sim_peer *peer = sim_own(sizeof *peer);
    peer->sim = sim;
    peer->socket = sim_socket_new(sim, family);
    peer->socket->peer = peer;
    /* The peer's program waits with what doesn't fit; here the socket keeps it. */
    peer->socket->send_capacity = SIZE_MAX;
    name_after_origin(peer->socket);
    list_append(&peer->node, &sim->peers);
    return peer;
}

void sim_peer_free(struct sim_peer *peer)
{
    if (peer->socket)
        sim_socket_free(peer->socket);
    list_remove(&peer->node);
    sim_bytes_clear(&peer->text);
    free(peer);
}

struct sim_peer *sim_connect(struct sim *sim, const char *address)
{
    struct sys_address to;
    if (!sim_address_parse(address, &to))
        sim_die(sim, "sim_connect: %s is no address", address);
    bool heard = sim_wire_listener(sim, &to);
    struct sim_peer *peer = peer_new(sim, to.any.sa_family);
    int status = sim_wire_connect(peer->socket, &to);
    sim->idle = false;
    if (heard)
        return peer;
    sim_peer_free(peer);
    errno = status == -EINPROGRESS ? ECONNREFUSED : -status;
    return NULL;
}

/* --- sending and receiving ---------------------------------------------------------------- */

void sim_peer_send(struct sim_peer *peer, const void *data, size_t size)
{
    struct sim_socket *socket = peer->socket;
    peer->sim->idle = false;
    if (!socket || socket->shut || peer->vanished || socket->state == SIM_BROKEN)
        return;
    sim_bytes_append(&socket->sent, data, size);
    sim_wire_schedule(socket);
}

void sim_peer_say(struct sim_peer *peer, const char *text)
{
    sim_peer_send(peer, text, strlen(text));
}

size_t sim_peer_unsent(const struct sim_peer *peer)
{
    return peer->socket ? peer->socket->sent.size : 0;
}

const char *sim_peer_text(struct sim_peer *peer)
{
    sim_wire_deliver(peer->sim, SIM_TO_PEERS);
    return sim_bytes_text(&peer->text);
}

size_t sim_peer_text_bytes(struct sim_peer *peer)
{
    sim_wire_deliver(peer->sim, SIM_TO_PEERS);
    return peer->text.size;
}

void sim_peer_forget(struct sim_peer *peer)
{
    sim_bytes_clear(&peer->text);
}

int64_t sim_peers_next_ns(const struct sim *sim)
{
    return sim_wire_next_ns(sim, SIM_TO_PEERS);
}

void sim_peer_stall(struct sim_peer *peer)
{
    peer->stalled = true;
}

void sim_peer_resume(struct sim_peer *peer)
{
    struct sim_socket *socket = peer->socket;
    peer->stalled = false;
    peer->sim->idle = false;
    if (!socket)
        return;
    sim_bytes_move(&socket->arrived, &peer->text, socket->arrived.size);
    if (socket->far)
        sim_wire_schedule(socket->far);
}

size_t sim_peer_receive(struct sim_peer *peer, void *buffer, size_t size)
{
    sim_wire_deliver(peer->sim, SIM_TO_PEERS);
    peer->sim->idle = false;
    return peer->socket ? sim_wire_take(peer->socket, buffer, size) : 0;
}

/* --- ends --------------------------------------------------------------------------------- */

void sim_peer_shutdown(struct sim_peer *peer)
{
    peer->sim->idle = false;
    if (!peer->socket)
        return;
    peer->socket->shut = true;
    sim_wire_schedule(peer->socket);
}

/* The socket without its peer: what remains of it is the wire's business. */
static struct sim_socket *let_go(struct sim_peer *peer)
{
    struct sim_socket *socket = peer->socket;
    peer->sim->idle = false;
    peer->socket = NULL;
    if (socket)
        socket->peer = NULL;
    return socket;
}

void sim_peer_close(struct sim_peer *peer)
{
    struct sim_socket *socket = let_go(peer);
    if (socket)
        sim_wire_close(socket);
}

void sim_peer_reset(struct sim_peer *peer)
{
    struct sim_socket *socket = let_go(peer);
    if (!socket)
        return;
    sim_wire_reset(socket, 0);
    sim_socket_free(socket);
}

void sim_peer_vanish(struct sim_peer *peer)
{
    struct sim_socket *socket = peer->socket;
    peer->vanished = true;
    if (!socket)
        return;
    list_remove(&socket->moving);
    if (socket->far)
        list_remove(&socket->far->moving);
}

bool sim_peer_at_end(struct sim_peer *peer)
{
    sim_wire_deliver(peer->sim, SIM_TO_PEERS);
    return peer->at_end;
}

bool sim_peer_was_reset(struct sim_peer *peer)
{
    sim_wire_deliver(peer->sim, SIM_TO_PEERS);
    return peer->was_reset;
}
