#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/sim/sim_internal.h"

static struct sockaddr_in *ip4_of(const struct sys_address *address)
{
    return (struct sockaddr_in *)&address->storage;
}

static struct sockaddr_in6 *ip6_of(const struct sys_address *address)
{
    return (struct sockaddr_in6 *)&address->storage;
}

bool sim_address_ip(const char *host, uint16_t port, struct sys_address *address)
{
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &ip4_of(address)->sin_addr) == 1) {
        address->any.sa_family = AF_INET;
        address->length = sizeof(struct sockaddr_in);
    } else if (inet_pton(AF_INET6, host, &ip6_of(address)->sin6_addr) == 1) {
        address->any.sa_family = AF_INET6;
        address->length = sizeof(struct sockaddr_in6);
    } else {
        return false;
    }
    sys_address_set_port(address, port);
    return true;
}

bool sim_address_parse(const char *text, struct sys_address *address)
{
    char host[SYS_ADDRESS_TEXT] = "";
    if (strncmp(text, "unix:", 5) == 0)
        return sys_address_local(address, text + 5) == 0;
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof host)
        return false;
    bool brackets = text[0] == '[' && colon[-1] == ']';
    const char *first = brackets ? text + 1 : text;
    memcpy(host, first, (size_t)(colon - first) - brackets);
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    return !*end && port <= UINT16_MAX && sim_address_ip(host, (uint16_t)port, address);
}

static bool is_every(const struct sys_address *address)
{
    if (address->any.sa_family == AF_INET)
        return ip4_of(address)->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&ip6_of(address)->sin6_addr);
}

static bool same_host(const struct sys_address *a, const struct sys_address *b)
{
    if (a->any.sa_family == AF_INET)
        return ip4_of(a)->sin_addr.s_addr == ip4_of(b)->sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&ip6_of(a)->sin6_addr, &ip6_of(b)->sin6_addr);
}

bool sim_address_covers(const struct sys_address *own, const struct sys_address *address)
{
    if (own->any.sa_family != address->any.sa_family || own->any.sa_family == AF_UNIX)
        return false;
    if (sys_address_port(own) != sys_address_port(address))
        return false;
    return is_every(own) || same_host(own, address);
}

int sim_address_resolve(const char *host, uint16_t port, struct sys_address *addresses, int max)
{
    static const char *const every[] = {"0.0.0.0", "::"};
    static const char *const localhost[] = {"::1", "127.0.0.1"};
    const char *const *hosts = host ? localhost : every;
    int count = 0;
    if (host && strcmp(host, "localhost") != 0)
        return max > 0 && sim_address_ip(host, port, addresses) ? 1 : -ENOENT;
    for (int i = 0; i < 2 && count < max; i++)
        count += sim_address_ip(hosts[i], port, &addresses[count]);
    return count ? count : -ENOENT;
}
