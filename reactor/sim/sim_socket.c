#include <errno.h>
#include <string.h>

#include "reactor/sim/sim_internal.h"

struct sim_socket *sim_socket_at(struct sim *sim, int fd, enum sim_call call)
{
    return sim_descriptor_at(sim, fd, SIM_KIND_SOCKET, call)->socket;
}

/* The pending error, told once, as a result; 0 where there is none. */
static int take_error(struct sim_socket *socket)
{
    int error = socket->error;
    socket->error = 0;
    return -error;
}

/* After these errors a connection is dead; what had arrived before can still be read. */
static void suffer(struct sim_socket *socket, int fault)
{
    if (fault == -ECONNRESET || fault == -EPIPE || fault == -ETIMEDOUT)
        sim_wire_reset(socket, 0);
}

uint32_t sim_socket_ready(struct sim_socket *socket)
{
    uint32_t ready = 0;
    switch (socket->state) {
    case SIM_NEW:
    case SIM_BOUND:
        return SYS_WRITABLE | SYS_HANGUP;
    case SIM_LISTENING:
        return list_empty(&socket->queue) ? 0 : SYS_READABLE;
    case SIM_CONNECTING:
        return 0;
    case SIM_BROKEN:
        ready = SYS_READABLE | SYS_WRITABLE | SYS_HANGUP;
        return socket->error ? ready | SYS_ERROR : ready;
    case SIM_CONNECTED:
        break;
    }
    if (socket->arrived.size || socket->ended)
        ready |= SYS_READABLE;
    if (socket->ended)
        ready |= SYS_HANGUP;
    if (socket->shut || sim_wire_writable(socket))
        ready |= SYS_WRITABLE;
    else
        socket->wants_space = true; /* Having been found full makes room news, as in tcp_poll. */
    return ready;
}

/* --- bytes -------------------------------------------------------------------------------- */

static ssize_t receive(struct sim_socket *socket, void *buffer, size_t size)
{
    struct sim *sim = socket->sim;
    size_t there = socket->arrived.size;
    if (!there || !size)
        return 0;
    if (size > there)
        size = there;
    if (size > 1 && sim_happens(sim, sim->options.short_read_ppm)) {
        /* The rest counts as having come a moment later: there is an event for it. */
        size = 1 + sim_random(sim, size - 1);
        sim_happened(socket->descriptor);
    }
    return (ssize_t)sim_wire_take(socket, buffer, size);
}

/* Bytes first, then the end, then the error, as in tcp_recvmsg. */
static ssize_t door_receive(struct sys *sys, int fd, void *buffer, size_t size)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_RECEIVE);
    int fault = sim_enter(sim, SIM_RECEIVE);
    if (fault < 0) {
        suffer(socket, fault);
        sim_bytes_clear(&socket->arrived); /* a read fails only after all that had arrived */
        return fault;
    }
    if (socket->arrived.size)
        return receive(socket, buffer, size);
    if (socket->ended)
        return 0;
    if (socket->error)
        return take_error(socket);
    switch (socket->state) {
    case SIM_CONNECTING:
    case SIM_CONNECTED:
        return -EAGAIN;
    case SIM_BROKEN:
        return 0;
    default:
        return -ENOTCONN;
    }
}

/* 0 where bytes may be sent, or why not. */
static int may_send(struct sim_socket *socket)
{
    if (socket->error)
        return take_error(socket);
    if (socket->state == SIM_CONNECTING)
        return -EAGAIN;
    if (socket->state != SIM_CONNECTED || socket->shut)
        return -EPIPE;
    return 0;
}

/* How much of `size` goes into the send buffer now; less than all of it makes room news. */
static size_t accepted(struct sim_socket *socket, size_t size)
{
    struct sim *sim = socket->sim;
    size_t room = sim_wire_room(socket);
    if (size > room) {
        size = room;
        socket->wants_space = true;
    }
    if (size > 1 && sim_happens(sim, sim->options.short_write_ppm)) {
        /* As where the kernel is short of memory for a moment: there is an event afterwards. */
        size = 1 + sim_random(sim, size - 1);
        sim_happened(socket->descriptor);
    }
    return size;
}

static ssize_t send_segments(struct sim *sim, struct sim_socket *socket,
                             const struct iovec *segments, int count, enum sim_call call)
{
    size_t size = 0;
    int fault = sim_enter(sim, call);
    if (fault < 0) {
        suffer(socket, fault);
        return fault;
    }
    int refused = may_send(socket);
    if (refused < 0)
        return refused;
    for (int i = 0; i < count; i++)
        size += segments[i].iov_len;
    size_t left = accepted(socket, size);
    size_t taken = left;
    for (int i = 0; left > 0; i++) {
        size_t part = segments[i].iov_len < left ? segments[i].iov_len : left;
        sim_bytes_append(&socket->sent, segments[i].iov_base, part);
        left -= part;
    }
    sim_wire_schedule(socket);
    return size && !taken ? -EAGAIN : (ssize_t)taken;
}

static ssize_t door_send(struct sys *sys, int fd, const void *data, size_t size)
{
    struct sim *sim = sim_of(sys);
    struct iovec whole = {.iov_base = (void *)data, .iov_len = size};
    return send_segments(sim, sim_socket_at(sim, fd, SIM_SEND), &whole, 1, SIM_SEND);
}

static ssize_t door_send_segments(struct sys *sys, int fd, const struct iovec *segments, int count)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_SEND_SEGMENTS);
    if (count < 1 || count > SYS_SEGMENTS_MAX)
        sim_die(sim, "send_segments: %d segments", count);
    return send_segments(sim, socket, segments, count, SIM_SEND_SEGMENTS);
}

static int door_shutdown_write(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_SHUTDOWN_WRITE);
    int fault = sim_enter(sim, SIM_SHUTDOWN_WRITE);
    if (fault < 0)
        return fault;
    bool over = sim_wire_over(socket);
    socket->shut = true;
    sim_wire_schedule(socket);
    sim_happened(socket->descriptor); /* The kernel wakes who polls, even where it refuses. */
    return over ? -ENOTCONN : 0;
}

static int door_reset_on_close(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_RESET_ON_CLOSE);
    int fault = sim_enter(sim, SIM_RESET_ON_CLOSE);
    if (fault < 0)
        return fault;
    socket->resets = socket->family != AF_UNIX;
    return 0;
}

/* The end takes a place in TCP's sequence, and so counts as a byte until it is acknowledged. */
static int door_unsent(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_UNSENT);
    int fault = sim_enter(sim, SIM_UNSENT);
    if (fault < 0)
        return fault;
    if (socket->state == SIM_LISTENING)
        return -EINVAL;
    bool end = socket->state == SIM_CONNECTED && socket->shut && !socket->end_arrived;
    return (int)socket->sent.size + end;
}

static int door_peer_state(struct sys *sys, int fd, struct sys_peer_state *state)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_PEER_STATE);
    int fault = sim_enter(sim, SIM_PEER_STATE);
    if (fault < 0)
        return fault;
    if (socket->family == AF_UNIX)
        return -EOPNOTSUPP;
    sim_wire_peer_state(socket, state);
    return 0;
}

/* --- options and names -------------------------------------------------------------------- */

int sim_socket_option(const struct sim_socket *socket, int level, int name)
{
    for (int i = 0; i < socket->option_count; i++) {
        if (socket->options[i].level == level && socket->options[i].name == name)
            return socket->options[i].value;
    }
    return 0;
}

static int door_set_option(struct sys *sys, int fd, int level, int option, int value)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_SET_OPTION);
    int fault = sim_enter(sim, SIM_SET_OPTION);
    if (fault < 0)
        return fault;
    int i = 0;
    while (i < socket->option_count &&
           (socket->options[i].level != level || socket->options[i].name != option))
        i++;
    if (i == SIM_SOCKET_OPTIONS_MAX)
        sim_die(sim, "set_option: more than %d options of a socket", SIM_SOCKET_OPTIONS_MAX);
    if (i == socket->option_count)
        socket->option_count++;
    socket->options[i] = (struct sim_option){level, option, value};
    if (level == SOL_SOCKET && option == SO_SNDBUF)
        socket->send_capacity = (size_t)value;
    if (level == SOL_SOCKET && option == SO_RCVBUF)
        socket->receive_capacity = (size_t)value;
    return 0;
}

static int door_get_option(struct sys *sys, int fd, int level, int option, int *value)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_GET_OPTION);
    int fault = sim_enter(sim, SIM_GET_OPTION);
    if (fault < 0)
        return fault;
    if (level == SOL_SOCKET && option == SO_ERROR)
        *value = -take_error(socket);
    else if (level == SOL_SOCKET && option == SO_ACCEPTCONN)
        *value = socket->state == SIM_LISTENING;
    else
        *value = sim_socket_option(socket, level, option);
    return 0;
}

static int door_local_address(struct sys *sys, int fd, struct sys_address *address)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_LOCAL_ADDRESS);
    int fault = sim_enter(sim, SIM_LOCAL_ADDRESS);
    if (fault < 0)
        return fault;
    *address = socket->local;
    return 0;
}

static int door_peer_user(struct sys *sys, int fd, uid_t *uid)
{
    struct sim *sim = sim_of(sys);
    struct sim_socket *socket = sim_socket_at(sim, fd, SIM_PEER_USER);
    int fault = sim_enter(sim, SIM_PEER_USER);
    if (fault < 0)
        return fault;
    if (socket->family != AF_UNIX)
        return -EOPNOTSUPP;
    *uid = socket->user;
    return 0;
}

void sim_socket_install(struct sys *sys)
{
    sys->receive = door_receive;
    sys->send = door_send;
    sys->send_segments = door_send_segments;
    sys->shutdown_write = door_shutdown_write;
    sys->reset_on_close = door_reset_on_close;
    sys->unsent = door_unsent;
    sys->peer_state = door_peer_state;
    sys->set_option = door_set_option;
    sys->get_option = door_get_option;
    sys->local_address = door_local_address;
    sys->peer_user = door_peer_user;
}
