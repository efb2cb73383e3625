#define _GNU_SOURCE 1
#include "reactor/base/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/sys_internal.h"

/* IPv4 inside IPv6 is written as the IPv4 address that it is. */
static void format_ip6(const struct sockaddr_in6 *ip6, char text[SYS_ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN];
    char scope[sizeof "%4294967295"] = "";
    unsigned port = ntohs(ip6->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&ip6->sin6_addr)) {
        inet_ntop(AF_INET, &ip6->sin6_addr.s6_addr[12], host, sizeof host);
        snprintf(text, SYS_ADDRESS_TEXT, "%s:%u", host, port);
        return;
    }
    inet_ntop(AF_INET6, &ip6->sin6_addr, host, sizeof host);
    if (ip6->sin6_scope_id)
        snprintf(scope, sizeof scope, "%%%u", (unsigned)ip6->sin6_scope_id);
    snprintf(text, SYS_ADDRESS_TEXT, "[%s%s]:%u", host, scope, port);
}

/* A path that fills sun_path has no final zero: `length` bounds it. An abstract name begins with
 * a zero, written @; a client's end has none at all. */
static void format_local(const struct sys_address *address, char text[SYS_ADDRESS_TEXT])
{
    const char *path = address->local.sun_path;
    size_t offset = offsetof(struct sockaddr_un, sun_path);
    int size = address->length > offset ? (int)(address->length - offset) : 0;
    if (size > 1 && !path[0])
        snprintf(text, SYS_ADDRESS_TEXT, "unix:@%.*s", size - 1, path + 1);
    else
        snprintf(text, SYS_ADDRESS_TEXT, "unix:%.*s", size, path);
}

void sys_address_format(const struct sys_address *address, char text[SYS_ADDRESS_TEXT])
{
    const struct sockaddr_in *ip4 = (const struct sockaddr_in *)&address->storage;
    char host[INET_ADDRSTRLEN];
    switch (address->length ? address->any.sa_family : AF_UNSPEC) {
    case AF_INET:
        inet_ntop(AF_INET, &ip4->sin_addr, host, sizeof host);
        snprintf(text, SYS_ADDRESS_TEXT, "%s:%u", host, (unsigned)ntohs(ip4->sin_port));
        break;
    case AF_INET6:
        format_ip6((const struct sockaddr_in6 *)&address->storage, text);
        break;
    case AF_UNIX:
        format_local(address, text);
        break;
    default:
        snprintf(text, SYS_ADDRESS_TEXT, "nowhere");
    }
}

/* The port lies in the same place in both families. */
uint16_t sys_address_port(const struct sys_address *address)
{
    return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
}

void sys_address_set_port(struct sys_address *address, uint16_t port)
{
    ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
}

int sys_address_local(struct sys_address *address, const char *path)
{
    size_t length = strlen(path);
    memset(address, 0, sizeof *address);
    if (length >= sizeof address->local.sun_path)
        return -ENAMETOOLONG;
    address->local.sun_family = AF_UNIX;
    memcpy(address->local.sun_path, path, length + 1);
    address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

/* 0.0.0.0 and [::], in this order: a program that binds both asks IPv6 to be IPv6 only, and where
 * there is no IPv6 it has the more useful one already. */
static int every_address(uint16_t port, struct sys_address *addresses, int max)
{
    struct sockaddr_in every4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 every6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int count = 0;
    if (count < max) {
        addresses[count] = (struct sys_address){.length = sizeof every4};
        memcpy(&addresses[count++].storage, &every4, sizeof every4);
    }
    if (count < max) {
        addresses[count] = (struct sys_address){.length = sizeof every6};
        memcpy(&addresses[count++].storage, &every6, sizeof every6);
    }
    return count;
}

static int lookup_error(int code)
{
    switch (code) {
    case EAI_SYSTEM:
        return errno ? -errno : -EIO; /* 0 would be success, with nothing found */
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_AGAIN:
        return -EAGAIN;
    case EAI_FAIL:
        return -EIO;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return -ENOENT;
    default:
        return -EINVAL;
    }
}

static int lookup(const char *host, uint16_t port, struct addrinfo **found)
{
    char service[sizeof "65535"];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV,
    };
    errno = 0;
    int code = getaddrinfo(host, service, &hints, found);
    return code == 0 ? 0 : lookup_error(code);
}

int sys_resolve(struct sys *sys, const char *host, uint16_t port, struct sys_address *addresses,
                int max)
{
    (void)sys;
    if (!host)
        return every_address(port, addresses, max);
    struct addrinfo *found;
    int status = lookup(host, port, &found);
    if (status < 0)
        return status;
    int count = 0;
    for (struct addrinfo *entry = found; entry && count < max; entry = entry->ai_next) {
        if (entry->ai_addrlen > sizeof addresses[count].storage)
            continue;
        memset(&addresses[count], 0, sizeof addresses[count]);
        memcpy(&addresses[count].storage, entry->ai_addr, entry->ai_addrlen);
        addresses[count++].length = entry->ai_addrlen;
    }
    freeaddrinfo(found);
    return count;
}
