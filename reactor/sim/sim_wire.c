#include <errno.h>
#include <stdlib.h>

#include "reactor/sim/sim_internal.h"

/* --- sockets ------------------------------------------------------------------------------ */

struct sim_socket *sim_socket_new(struct sim *sim, int family)
{
    struct sim_socket *socket = sim_own(sizeof *socket);
    socket->sim = sim;
    socket->family = family;
    socket->local.length = sizeof(sa_family_t);
    socket->local.any.sa_family = (sa_family_t)family;
    socket->send_capacity = sim->options.send_buffer_bytes;
    socket->receive_capacity = sim->options.receive_buffer_bytes;
    list_init(&socket->queue);
    list_append(&socket->node, &sim->sockets);
    return socket;
}

void sim_socket_free(struct sim_socket *socket)
{
    if (socket->far)
        socket->far->far = NULL;
    list_remove(&socket->node);
    list_remove(&socket->moving);
    list_remove(&socket->queued);
    while (list_pop(&socket->queue))
        continue;
    sim_bytes_clear(&socket->sent);
    sim_bytes_clear(&socket->arrived);
    free(socket);
}

static bool is_orphan(const struct sim_socket *socket)
{
    return !socket->descriptor && !socket->peer && !list_linked(&socket->queued);
}

static bool owes_nothing(const struct sim_socket *socket)
{
    switch (socket->state) {
    case SIM_CONNECTING:
        return false;
    case SIM_CONNECTED:
        return socket->end_arrived;
    default:
        return true;
    }
}

/* Releases an orphan with nothing left to deliver. */
static void reap(struct sim_socket *socket)
{
    if (is_orphan(socket) && owes_nothing(socket))
        sim_socket_free(socket);
}

/* Something happened that the owner may want to know. */
static void notify(struct sim_socket *socket)
{
    sim_happened(socket->descriptor);
}

/* --- loss --------------------------------------------------------------------------------- */

/* Ends one side's connection. What had arrived stays readable, as in Linux. */
static void cut(struct sim_socket *socket, int error)
{
    socket->state = SIM_BROKEN;
    socket->error = error;
    socket->far = NULL;
    sim_bytes_clear(&socket->sent);
    list_remove(&socket->moving);
    if (socket->peer && error)
        socket->peer->was_reset = true;
    notify(socket);
}

/* What Linux reports where a reset comes in: after an orderly end it is only writing that fails. */
static int reset_error(const struct sim_socket *socket)
{
    return socket->ended ? EPIPE : ECONNRESET;
}

void sim_wire_reset(struct sim_socket *socket, int error)
{
    struct sim_socket *far = socket->far;
    cut(socket, error);
    if (far) {
        cut(far, reset_error(far));
        reap(far);
    }
}

bool sim_wire_over(const struct sim_socket *socket)
{
    return socket->state != SIM_CONNECTED || (socket->ended && socket->end_arrived);
}

/* Connections that nobody has accepted are reset: their clients learn it now. */
static void close_queue(struct sim_socket *listener)
{
    struct list *node;
    while ((node = list_pop(&listener->queue))) {
        struct sim_socket *socket = container_of(node, struct sim_socket, queued);
        sim_wire_reset(socket, 0);
        sim_socket_free(socket);
    }
}

/* A connection under way is not called off: on a loopback it has come about by now. */
void sim_wire_close(struct sim_socket *socket)
{
    if (socket->state == SIM_LISTENING)
        close_queue(socket);
    if ((socket->arrived.size || socket->resets) && !sim_wire_over(socket))
        sim_wire_reset(socket, 0);
    socket->shut = true;
    sim_wire_schedule(socket);
    reap(socket);
}

/* --- what is under way -------------------------------------------------------------------- */

static size_t space(const struct sim_socket *socket)
{
    /* A peer that reads has taken everything before more can come. */
    if (socket->peer && !socket->peer->stalled)
        return SIZE_MAX;
    if (socket->arrived.size >= socket->receive_capacity)
        return 0;
    return socket->receive_capacity - socket->arrived.size;
}

static bool has_vanished(const struct sim_socket *socket)
{
    return socket && socket->peer && socket->peer->vanished;
}

static bool has_cargo(const struct sim_socket *socket)
{
    if (has_vanished(socket) || has_vanished(socket->far))
        return false;
    if (socket->state == SIM_CONNECTING)
        return true;
    if (socket->state != SIM_CONNECTED)
        return false;
    if (socket->sent.size)
        return !socket->far || is_orphan(socket->far) || space(socket->far) > 0;
    return socket->shut && !socket->end_arrived;
}

void sim_wire_schedule(struct sim_socket *socket)
{
    struct sim *sim = socket->sim;
    if (list_linked(&socket->moving) || !has_cargo(socket))
        return;
    int64_t delay_ns = sim->options.delay_min_ns;
    int64_t spread_ns = sim->options.delay_max_ns - delay_ns;
    if (spread_ns > 0)
        delay_ns += (int64_t)sim_random(sim, (uint64_t)spread_ns + 1);
    socket->due_ns = time_after(sim->now_ns, delay_ns);
    list_append(&socket->moving, &sim->moving);
}

/* A living peer answers the probes of its window, the later ones every two minutes; a vanished one
 * answers none. */
#define PROBE_NS (120 * NS_PER_SECOND)

void sim_wire_peer_state(const struct sim_socket *socket, struct sys_peer_state *state)
{
    bool shut = socket->far && space(socket->far) == 0;
    int64_t silent_ns = socket->sim->now_ns - socket->acked_ns;
    *state = (struct sys_peer_state){.silent_ns = silent_ns};
    if (socket->sent.size > 0 && !shut)
        state->unacked_segments = 1;
    if (socket->sent.size > 0 && shut && has_vanished(socket->far))
        state->probes = (uint32_t)(silent_ns / PROBE_NS);
    if (shut && !has_vanished(socket->far))
        state->silent_ns = silent_ns % PROBE_NS;
}

size_t sim_wire_room(const struct sim_socket *socket)
{
    if (socket->sent.size >= socket->send_capacity)
        return 0;
    return socket->send_capacity - socket->sent.size;
}

/* A third has to be free, as in tcp(7): a writer is not woken for a few bytes. */
bool sim_wire_writable(const struct sim_socket *socket)
{
    size_t room = sim_wire_room(socket);
    return room > 0 && room >= socket->send_capacity / 3;
}

size_t sim_wire_take(struct sim_socket *socket, void *buffer, size_t size)
{
    size_t taken = sim_bytes_take(&socket->arrived, buffer, size);
    if (socket->far)
        sim_wire_schedule(socket->far);
    return taken;
}

/* --- arrival ------------------------------------------------------------------------------ */

struct sim_socket *sim_wire_listener(struct sim *sim, const struct sys_address *address)
{
    bool local = address->any.sa_family == AF_UNIX;
    struct sim_file *file = local ? sim_file_find(sim, address->local.sun_path) : NULL;
    list_for_each(node, &sim->sockets) {
        struct sim_socket *socket = container_of(node, struct sim_socket, node);
        if (socket->state != SIM_LISTENING)
            continue;
        if (local ? file && socket->file == file : sim_address_covers(&socket->local, address))
            return socket;
    }
    return NULL;
}

/* The listener's side of a new connection: it inherits the options. */
static void arrive_at(struct sim_socket *listener, struct sim_socket *client)
{
    struct sim_socket *socket = sim_socket_new(listener->sim, listener->family);
    for (int i = 0; i < listener->option_count; i++)
        socket->options[i] = listener->options[i];
    socket->option_count = listener->option_count;
    socket->send_capacity = listener->send_capacity;
    socket->receive_capacity = listener->receive_capacity;
    socket->local = client->remote;
    socket->remote = client->local;
    socket->user = client->peer ? listener->sim->from_user : listener->user;
    socket->far = client;
    socket->acked_ns = socket->sim->now_ns;
    client->far = socket;
    socket->state = SIM_CONNECTED;
    client->state = SIM_CONNECTED;
    list_append(&socket->queued, &listener->queue);
    notify(listener);
    notify(client);
}

static void deliver_connection(struct sim_socket *client)
{
    struct sim_socket *listener = sim_wire_listener(client->sim, &client->remote);
    if (listener)
        arrive_at(listener, client);
    else
        cut(client, ECONNREFUSED);
}

int sim_wire_connect(struct sim_socket *socket, const struct sys_address *address)
{
    struct sim_socket *listener = sim_wire_listener(socket->sim, address);
    socket->remote = *address;
    if (address->any.sa_family == AF_UNIX) {
        if (!listener)
            return sim_file_find(socket->sim, address->local.sun_path) ? -ECONNREFUSED : -ENOENT;
        arrive_at(listener, socket);
        return 0;
    }
    socket->state = SIM_CONNECTING;
    sim_wire_schedule(socket);
    return -EINPROGRESS;
}

/* How much of what is under way makes the next segment. */
static size_t segment(struct sim_socket *socket)
{
    struct sim *sim = socket->sim;
    size_t size = socket->sent.size;
    if (socket->far->peer || sim->options.segments == SIM_WHOLE)
        return size;
    if (sim->options.segments == SIM_BYTES)
        return 1;
    return 1 + sim_random(sim, sim->options.segment_max_bytes);
}

/* The end rides on the last segment, or comes alone where the options cut everything up. */
static bool end_rides_along(struct sim_socket *socket)
{
    if (socket->far->peer || socket->sim->options.segments == SIM_WHOLE)
        return true;
    return socket->sim->options.segments == SIM_RANDOM && sim_random(socket->sim, 2);
}

static void deliver_bytes(struct sim_socket *socket)
{
    struct sim_socket *far = socket->far;
    size_t size = segment(socket);
    size_t room = space(far);
    bool reads = far->peer && !far->peer->stalled;
    socket->acked_ns = socket->sim->now_ns;
    sim_bytes_move(&socket->sent, reads ? &far->peer->text : &far->arrived,
                   size < room ? size : room);
    if (socket->wants_space && sim_wire_writable(socket)) {
        socket->wants_space = false;
        notify(socket);
    }
    notify(far);
}

static void deliver_end(struct sim_socket *socket)
{
    struct sim_socket *far = socket->far;
    socket->end_arrived = true;
    far->ended = true;
    if (far->peer)
        far->peer->at_end = true;
    notify(far);
    notify(socket); /* Its end is acknowledged: the kernel wakes who lingers. */
}

/* What reaches a side that nobody owns any more: bytes are answered with a reset, an end is not. */
static void deliver_to_nobody(struct sim_socket *socket)
{
    if (socket->sent.size)
        sim_wire_reset(socket, reset_error(socket));
    else
        socket->end_arrived = true;
}

static void deliver_segment(struct sim_socket *socket)
{
    if (!socket->far || is_orphan(socket->far)) {
        deliver_to_nobody(socket);
        return;
    }
    bool had_bytes = socket->sent.size > 0;
    if (had_bytes)
        deliver_bytes(socket);
    if (socket->sent.size || !socket->shut)
        return;
    if (!had_bytes || end_rides_along(socket))
        deliver_end(socket);
}

static void deliver(struct sim_socket *socket)
{
    if (socket->state == SIM_CONNECTING)
        deliver_connection(socket);
    else
        deliver_segment(socket);
    sim_wire_schedule(socket);
    reap(socket);
}

static bool reaches(const struct sim_socket *socket, enum sim_reach reach)
{
    return reach == SIM_TO_ALL || (socket->far && socket->far->peer);
}

void sim_wire_deliver(struct sim *sim, enum sim_reach reach)
{
    struct list due;
    list_init(&due);
    list_for_each_safe(node, &sim->moving) {
        struct sim_socket *socket = container_of(node, struct sim_socket, moving);
        if (socket->due_ns <= sim->now_ns && reaches(socket, reach)) {
            list_remove(&socket->moving);
            list_append(&socket->moving, &due);
        }
    }
    /* An arrival may cut off or release others that are due: they leave this list by themselves. */
    struct list *node;
    while ((node = list_pop(&due)))
        deliver(container_of(node, struct sim_socket, moving));
}

int64_t sim_wire_next_ns(const struct sim *sim, enum sim_reach reach)
{
    int64_t next_ns = TIME_NEVER;
    list_for_each(node, &sim->moving) {
        struct sim_socket *socket = container_of(node, struct sim_socket, moving);
        if (reaches(socket, reach) && socket->due_ns < next_ns)
            next_ns = socket->due_ns;
    }
    return next_ns;
}
