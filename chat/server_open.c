/* The part of server.h that takes what a start can fail for, and gives it back. */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chat/ignore.h"
#include "chat/motd.h"
#include "chat/room.h"
#include "chat/server.h"
#include "chat/server_inside.h"
#include "chat/text.h"

/* A free port that one family offers may be taken in the other: try another one so often. */
#define FREE_PORT_TRIES 16

static void name_problem(struct problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void name_problem(struct problem *problem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem->text, sizeof(problem->text), format,
                    arguments); /* cut if it is long */
    va_end(arguments);
}

/* Listeners. */

static const char *listen_cause(int error)
{
    switch (error) {
    case -ENOENT:
        return "no such host or directory";
    case -EEXIST:
        return "there is a file of that name that is no socket";
    case -EADDRINUSE:
        return "address already in use";
    case -ENAMETOOLONG:
        return "the path is too long for a socket";
    default:
        return strerror(-error);
    }
}

static void spell_endpoint(const struct endpoint *endpoint, char *text, size_t size)
{
    if (endpoint->kind == ENDPOINT_UNIX)
        (void)snprintf(text, size, "unix:%s", endpoint->path);
    else if (strchr(endpoint->host, ':'))
        (void)snprintf(text, size, "[%s]:%u", endpoint->host, endpoint->port);
    else
        (void)snprintf(text, size, "%s:%u", endpoint->host, endpoint->port);
}

static int open_door(struct server *server, const struct sys_address *address)
{
    if (server->door_count == SERVER_DOORS_MAX)
        return -ENOSPC;
    struct door *door = &server->doors[server->door_count];
    int rc = listener_open(&door->listener, server->chat.loop, address);
    if (rc < 0)
        return rc;
    door->server = server;
    door->listener.refuse = server_tell_full;
    sys_address_format(&door->listener.address, door->name);
    server->door_count++;
    return 0;
}

static void close_doors_from(struct server *server, size_t first)
{
    while (server->door_count > first)
        listener_close(&server->doors[--server->door_count].listener);
}

static uint16_t port_of(const struct sys_address *address)
{
    const struct sockaddr_in *v4 = (const void *)&address->storage;
    const struct sockaddr_in6 *v6 = (const void *)&address->storage;
    return ntohs(address->any.sa_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
}

static void set_port(struct sys_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&address->storage)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)&address->storage)->sin_port = htons(port);
}

/* IPv6 may be switched off where it is compiled in. */
static bool no_ipv6(const struct sys_address *address, int error)
{
    return address->any.sa_family == AF_INET6 &&
           (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -EPROTONOSUPPORT);
}

/* Opens a door at each address, all of one port: where a free one was asked for, the first says
 * which. An address of a family that this machine doesn't have is left out if another remains. */
static int open_doors_at(struct server *server, struct sys_address *addresses, int count)
{
    size_t first = server->door_count;
    bool left_out = false;
    int rc = 0;
    for (int i = 0; i < count && rc == 0; i++) {
        if (server->door_count > first && port_of(&addresses[i]) == 0)
            set_port(&addresses[i], port_of(&server->doors[first].listener.address));
        rc = open_door(server, &addresses[i]);
        if (rc < 0 && no_ipv6(&addresses[i], rc) && count > 1) {
            left_out = true;
            rc = 0;
        }
    }
    if (rc == 0 && server->door_count == first)
        rc = -EADDRNOTAVAIL;
    if (rc < 0)
        close_doors_from(server, first);
    else if (left_out)
        server->without_ipv6 = true;
    return rc;
}

/* Every address of a host, IPv4 first, so that it chooses the free port. */
static int resolve(struct server *server, const struct endpoint *endpoint,
                   struct sys_address *addresses, int max)
{
    struct sys *sys = server->chat.loop->sys;
    const char *host = *endpoint->host ? endpoint->host : NULL;
    int count = sys->resolve(sys, host, endpoint->port, addresses, max);
    for (int i = 1; i < count; i++) {
        if (addresses[i].any.sa_family != AF_INET || addresses[0].any.sa_family == AF_INET)
            continue;
        struct sys_address first = addresses[i];
        addresses[i] = addresses[0];
        addresses[0] = first;
    }
    return count;
}

static int open_tcp(struct server *server, const struct endpoint *endpoint)
{
    struct sys_address addresses[SERVER_DOORS_MAX];
    int rc = -EADDRINUSE;
    for (int i = 0; i < FREE_PORT_TRIES && rc == -EADDRINUSE; i++) {
        int count = resolve(server, endpoint, addresses, SERVER_DOORS_MAX);
        if (count < 0)
            return count;
        rc = open_doors_at(server, addresses, count);
        if (endpoint->port != 0)
            break;
    }
    return rc;
}

static int open_unix(struct server *server, const struct endpoint *endpoint)
{
    struct sys_address address;
    int rc = sys_address_local(&address, endpoint->path);
    return rc < 0 ? rc : open_door(server, &address);
}

static int open_listeners(struct server *server, struct problem *problem)
{
    const struct config *config = server->chat.config;
    char spelled[ENDPOINT_HOST_MAX + 16];
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct endpoint *endpoint = &config->listeners[i];
        int rc = endpoint->kind == ENDPOINT_UNIX ? open_unix(server, endpoint)
                                                 : open_tcp(server, endpoint);
        if (rc < 0) {
            spell_endpoint(endpoint, spelled, sizeof(spelled));
            name_problem(problem, "--listen %s: %s", spelled, listen_cause(rc));
            close_doors_from(server, 0);
            return rc;
        }
    }
    return 0;
}

/* Memory. */

static int open_scratch(struct chat *chat)
{
    struct sys *sys = chat->loop->sys;
    size_t line = chat->config->max_line_bytes;
    chat->output_size = TEXT_CLEAN_GROWTH * line + CHAT_LINE_EXTRA;
    chat->line = sys->allocate(sys, line);
    chat->clean = sys->allocate(sys, TEXT_CLEAN_GROWTH * line + 1);
    chat->output = sys->allocate(sys, chat->output_size);
    chat->event = sys->allocate(sys, chat->output_size);
    return chat->line && chat->clean && chat->output && chat->event ? 0 : -ENOMEM;
}

static void close_scratch(struct chat *chat)
{
    struct sys *sys = chat->loop->sys;
    sys->release(sys, chat->line);
    sys->release(sys, chat->clean);
    sys->release(sys, chat->output);
    sys->release(sys, chat->event);
}

static int open_tables(struct server *server)
{
    struct chat *chat = &server->chat;
    struct sys *sys = chat->loop->sys;
    guests_init(&chat->guests, sys);
    int rc = names_init(&chat->people, sys);
    if (rc < 0)
        return rc;
    rc = names_init(&chat->rooms, sys);
    if (rc < 0)
        return rc;
    return hosts_init(&server->sessions.hosts, sys, chat->config->max_per_host);
}

static void close_tables(struct server *server)
{
    struct chat *chat = &server->chat;
    hosts_release(&server->sessions.hosts);
    names_release(&chat->rooms);
    names_release(&chat->people);
    guests_release(&chat->guests);
}

static int open_chat(struct server *server)
{
    static const struct hub_rules skipping = {
        .skips = ignore_skips, .gap = room_gap, .ended = room_subscription_ended};
    static const struct hub_rules disconnecting = {.skips = ignore_skips,
                                                   .gap = room_gap,
                                                   .fell_behind = session_fell_behind,
                                                   .ended = room_subscription_ended};
    struct chat *chat = &server->chat;
    bool skip = chat->config->slow_policy == CONFIG_SLOW_SKIP;
    stream_hub_init(&chat->hub, chat->loop, skip ? &skipping : &disconnecting);
    int rc = open_tables(server);
    if (rc < 0)
        goto close_hub;
    rc = open_scratch(chat);
    if (rc < 0)
        goto close_scratch;
    chat->lobby = room_open(chat, 0, ROOM_LOBBY, strlen(ROOM_LOBBY));
    if (chat->lobby)
        return 0;
    rc = -ENOMEM;

close_scratch:
    close_scratch(chat);
    close_tables(server);
close_hub:
    stream_hub_release(&chat->hub);
    return rc;
}

static void close_chat(struct server *server)
{
    struct chat *chat = &server->chat;
    room_release(chat->lobby);
    close_scratch(chat);
    close_tables(server);
    stream_hub_release(&chat->hub);
    motd_release(chat);
}

/* The whole. */

static int count_descriptors(struct server *server, struct problem *problem)
{
    struct sys *sys = server->chat.loop->sys;
    server->descriptor_limit = sys->descriptor_limit(sys);
    if (server->descriptor_limit < 0) {
        name_problem(problem, "the descriptor limit: %s", strerror(-server->descriptor_limit));
        return server->descriptor_limit;
    }
    server->client_fd_limit = server->descriptor_limit - SERVER_RESERVED_DESCRIPTORS;
    return 0;
}

static int load_motd(struct server *server, struct problem *problem)
{
    const char *path = server->chat.config->motd;
    int rc = path ? motd_load(&server->chat, path) : 0;
    if (rc < 0)
        name_problem(problem, "--motd %s: %s", path, strerror(-rc));
    return rc;
}

int server_open(struct server *server, struct loop *loop, const struct config *config,
                struct log *log, struct problem *problem)
{
    *server = (struct server){.chat = {.loop = loop, .config = config, .log = log}};
    event_init(&server->ending);
    int rc = count_descriptors(server, problem);
    if (rc < 0)
        return rc;
    rc = open_chat(server);
    if (rc < 0) {
        name_problem(problem, "can't start: %s", strerror(-rc));
        return rc;
    }
    rc = load_motd(server, problem);
    if (rc < 0)
        goto close_chat;
    rc = open_listeners(server, problem);
    if (rc < 0)
        goto close_chat;
    rc = server_open_signals(server);
    if (rc == 0)
        return 0;
    name_problem(problem, "signals: %s", strerror(-rc));
    close_doors_from(server, 0);

close_chat:
    close_chat(server);
    return rc;
}

void server_close(struct server *server)
{
    signals_close(&server->signals);
    close_doors_from(server, 0);
    close_chat(server);
}
