#include <errno.h>
#include <netinet/in.h>

#include "reactor/sim/sim_internal.h"

uint16_t sim_next_port(struct sim *sim)
{
    uint16_t port = sim->next_port;
    sim->next_port = port == UINT16_MAX ? SIM_FIRST_PORT : (uint16_t)(port + 1);
    return port;
}

static int door_socket(struct sys *sys, int family)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor;
    int fault = sim_enter(sim, SIM_SOCKET);
    if (fault < 0)
        return fault;
    if (family != AF_UNIX && family != AF_INET && (family != AF_INET6 || sim->options.without_ipv6))
        return -EAFNOSUPPORT;
    int fd = sim_descriptor_open(sim, SIM_KIND_SOCKET, &descriptor);
    if (fd < 0)
        return fd;
    descriptor->socket = sim_socket_new(sim, family);
    descriptor->socket->descriptor = descriptor;
    descriptor->socket->user = sim->own_user;
    return fd;
}

/* [::] takes IPv4's port as well, unless it was told that it is IPv6 only. */
static bool takes_both(const struct sim_socket *socket)
{
    const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)&socket->local.storage;
    return socket->family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&ip6->sin6_addr) &&
           !sim_socket_option(socket, IPPROTO_IPV6, IPV6_V6ONLY);
}

static bool conflicts(const struct sim_socket *holder, const struct sim_socket *newcomer)
{
    if (holder->state != SIM_BOUND && holder->state != SIM_LISTENING)
        return false;
    if (holder->family == AF_UNIX || newcomer->family == AF_UNIX)
        return false;
    if (holder->family != newcomer->family)
        return sys_address_port(&holder->local) == sys_address_port(&newcomer->local) &&
               (takes_both(holder) || takes_both(newcomer));
    return sim_address_covers(&holder->local, &newcomer->local) ||
           sim_address_covers(&newcomer->local, &holder->local);
}

static bool is_taken(struct sim_socket *newcomer)
{
    list_for_each(node, &newcomer->sim->sockets) {
        struct sim_socket *holder = container_of(node, struct sim_socket, node);
        if (holder != newcomer && conflicts(holder, newcomer))
            return true;
    }
    return false;
}

static int bind_name(struct sim_socket *socket, const char *path)
{
    if (sim_file_find(socket->sim, path))
        return -EADDRINUSE;
    socket->file = sim_file_make(socket->sim, path, SYS_FILE_SOCKET);
    return 0;
}

/* Port 0: the next one that nobody holds. */
static int bind_port(struct sim_socket *socket)
{
    if (sys_address_port(&socket->local) != 0)
        return is_taken(socket) ? -EADDRINUSE : 0;
    do
        sys_address_set_port(&socket->local, sim_next_port(socket->sim));
    while (is_taken(socket));
    return 0;
}

static int bind_to(struct sim_socket *socket, const struct sys_address *address)
{
    if (socket->state != SIM_NEW || address->any.sa_family != socket->family)
        return -EINVAL;
    struct sys_address before = socket->local;
    socket->local = *address;
    int status =
        socket->family == AF_UNIX ? bind_name(socket, address->local.sun_path) : bind_port(socket);
    if (status < 0)
        socket->local = before;
    else
        socket->state = SIM_BOUND;
    return status;
}

static int door_bind(struct sys *sys, int fd, const struct sys_address *address)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_BIND);
    int fault = sim_enter(sim, SIM_BIND);
    return fault < 0 ? fault : bind_to(socket, address);
}

static int door_bind_path(struct sys *sys, int fd, const struct sys_address *address, mode_t mode)
{
    struct sim_socket *socket = sim_socket_at(sim_of(sys), fd, SIM_BIND_PATH);
    (void)mode; /* everything here belongs to one user */
    int fault = sim_enter(sim_of(sys), SIM_BIND_PATH);
    return fault < 0 ? fault : bind_to(socket, address);
}

static int door_listen(struct sys *sys, int fd, int backlog)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_LISTEN);
    (void)backlog;
    int fault = sim_enter(sim, SIM_LISTEN);
    if (fault < 0)
        return fault;
    if (socket->state != SIM_BOUND && socket->state != SIM_LISTENING)
        return -EINVAL;
    socket->state = SIM_LISTENING;
    return 0;
}

static int accept_first(struct sim *sim, struct sim_socket *listener, struct sys_address *peer)
{
    struct sim_descriptor *descriptor;
    int fd = sim_descriptor_open(sim, SIM_KIND_SOCKET, &descriptor);
    struct sim_socket *socket = container_of(list_pop(&listener->queue), struct sim_socket, queued);
    socket->descriptor = descriptor;
    descriptor->socket = socket;
    *peer = socket->remote;
    return fd;
}

/* -ECONNABORTED takes the connection with it; the other failures leave it in the queue. */
static int accept_fault(struct sim_socket *listener, int fault)
{
    if (fault != -ECONNABORTED)
        return fault;
    struct sim_socket *lost = container_of(list_pop(&listener->queue), struct sim_socket, queued);
    sim_wire_reset(lost, 0);
    sim_socket_free(lost);
    return fault;
}

static int door_accept(struct sys *sys, int fd, struct sys_address *peer)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *listener = sim_socket_at(sim, fd, SIM_ACCEPT);
    if (listener->state != SIM_LISTENING)
        return -EINVAL;
    int full = sim_descriptors_full(sim);
    if (full < 0 || list_empty(&listener->queue)) {
        /* Linux looks for a descriptor first, whether or not there is something to accept. */
        sim->counts[SIM_ACCEPT]++;
        return full < 0 ? full : -EAGAIN;
    }
    int fault = sim_enter(sim, SIM_ACCEPT);
    if (fault < 0)
        return accept_fault(listener, fault);
    if (sim_happens(sim, sim->options.late_accept_ppm)) {
        sim_happened(listener->descriptor);
        return -EAGAIN;
    }
    return accept_first(sim, listener, peer);
}

static void name_after_loopback(struct sim_socket *socket)
{
    struct sim *sim = socket->sim;
    if (socket->family != AF_UNIX)
        sim_address_ip(socket->family == AF_INET ? "127.0.0.1" : "::1", sim_next_port(sim),
                       &socket->local);
}

static int door_connect(struct sys *sys, int fd, const struct sys_address *address)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_CONNECT);
    int fault = sim_enter(sim, SIM_CONNECT);
    if (fault < 0)
        return fault;
    if (socket->state == SIM_CONNECTING)
        return -EALREADY;
    if (socket->state == SIM_CONNECTED)
        return -EISCONN;
    if (socket->state == SIM_LISTENING || address->any.sa_family != socket->family)
        return -EINVAL;
    if (socket->state == SIM_NEW)
        name_after_loopback(socket);
    return sim_wire_connect(socket, address);
}

void sim_listen_install(struct sys *sys)
{
    sys->socket = door_socket;
    sys->bind = door_bind;
    sys->bind_path = door_bind_path;
    sys->listen = door_listen;
    sys->accept = door_accept;
    sys->connect = door_connect;
}
