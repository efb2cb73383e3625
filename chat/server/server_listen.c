/* The part of server.h that opens the listeners, and closes them. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "chat/server/server.h"
#include "chat/server/server_internal.h"

/* A free port that one family offers may be taken in the other: try another one so often. */
#define FREE_PORT_TRIES 16

static int open_door(struct server *server, const struct sys_address *address)
{
    if (server->listener_count == SERVER_LISTENERS_MAX)
        return -ENOSPC;
    struct chat_listener *door = &server->doors[server->listener_count];
    int rc = listener_open(&door->listener, server->chat.loop, address);
    if (rc < 0)
        return rc;
    door->server = server;
    door->listener.refuse = server_tell_full;
    sys_address_format(&door->listener.address, door->name);
    server->listener_count++;
    return 0;
}

void server_close_listeners(struct server *server, size_t first)
{
    while (server->listener_count > first)
        listener_close(&server->doors[--server->listener_count].listener);
}

/* IPv6 may be switched off where it is compiled in. */
static bool no_ipv6(const struct sys_address *address, int error)
{
    return address->any.sa_family == AF_INET6 &&
           (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -EPROTONOSUPPORT);
}

/* Opens a door at each address, all of one port: where a free one was asked for, the first says
 * which. An address of a family that this machine doesn't have is left out if another remains. */
static int open_listeners_at(struct server *server, struct sys_address *addresses, int count)
{
    size_t first = server->listener_count;
    bool left_out = false;
    int rc = 0;
    for (int i = 0; i < count && rc == 0; i++) {
        if (server->listener_count > first && sys_address_port(&addresses[i]) == 0)
            sys_address_set_port(&addresses[i],
                                 sys_address_port(&server->doors[first].listener.address));
        rc = open_door(server, &addresses[i]);
        if (rc < 0 && no_ipv6(&addresses[i], rc) && count > 1) {
            left_out = true;
            rc = 0;
        }
    }
    if (rc == 0 && server->listener_count == first)
        rc = -EADDRNOTAVAIL;
    if (rc < 0)
        server_close_listeners(server, first);
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
    struct sys_address addresses[SERVER_LISTENERS_MAX];
    int rc = -EADDRINUSE;
    for (int i = 0; i < FREE_PORT_TRIES && rc == -EADDRINUSE; i++) {
        int count = resolve(server, endpoint, addresses, SERVER_LISTENERS_MAX);
        if (count < 0)
            return count;
        rc = open_listeners_at(server, addresses, count);
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

int server_listen(struct server *server, const struct endpoint *endpoint)
{
    return endpoint->kind == ENDPOINT_UNIX ? open_unix(server, endpoint)
                                           : open_tcp(server, endpoint);
}

const char *server_listen_cause(int error)
{
    switch (error) {
    case -ENOENT:
        return "no such host or directory";
    case -EEXIST:
        return "a file of that name is there and is not a socket";
    case -EBUSY:
        return "another program keeps the directory locked";
    case -EADDRINUSE:
        return "address already in use";
    case -ENAMETOOLONG:
        return "the path is too long for a socket";
    default:
        return strerror(-error);
    }
}
