#include "chat/config/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/text/units.h"

#define UNIX_PREFIX "unix:"

/* A path is shown on a line of its own, so nothing in it may end that line. */
static bool path_fits(const char *path)
{
    size_t length = strnlen(path, ENDPOINT_PATH_MAX + 1);

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)path[i] < ' ' || path[i] == 0x7f)
            return false;
    return length >= 1 && length <= ENDPOINT_PATH_MAX;
}

/* A name or an IPv4 address; both are of the same characters. */
static bool host_fits(const char *host)
{
    return host[strspn(
               host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0';
}

/* An IPv6 address with or without a %scope. */
static bool v6_fits(const char *host)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr unused;
    const char *scope = strchr(host, '%');
    size_t length = scope ? (size_t)(scope - host) : strlen(host);

    if (length >= sizeof(address) || (scope && (!scope[1] || !host_fits(scope + 1))))
        return false;
    memcpy(address, host, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &unused) == 1;
}

/* Reads HOST:PORT, with the host in brackets or not; `colon` is the one before the port. */
static int parse_tcp(const char *text, const char *colon, struct endpoint *endpoint)
{
    static const struct units_range ports = {0, UINT16_MAX};
    const bool v6 = text[0] == '[' && colon[-1] == ']';
    const char *host = v6 ? text + 1 : text;
    size_t length = (size_t)(colon - text) - (v6 ? 2 : 0);
    struct endpoint parsed = {.kind = ENDPOINT_TCP};
    uint64_t port;

    if (length > ENDPOINT_HOST_MAX ||
        units_parse_number(colon + 1, strlen(colon + 1), &ports, &port))
        return -EINVAL;
    memcpy(parsed.host, host, length);
    if (v6 ? !v6_fits(parsed.host) : !host_fits(parsed.host))
        return -EINVAL;
    parsed.port = (uint16_t)port;
    *endpoint = parsed;
    return 0;
}

int endpoint_parse(const char *text, struct endpoint *endpoint)
{
    const char *colon = strrchr(text, ':');

    if (!colon)
        return -EINVAL;
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) != 0)
        return parse_tcp(text, colon, endpoint);
    if (!path_fits(text + strlen(UNIX_PREFIX)))
        return -EINVAL;
    *endpoint = (struct endpoint){.kind = ENDPOINT_UNIX, .path = text + strlen(UNIX_PREFIX)};
    return 0;
}

void endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT])
{
    if (endpoint->kind == ENDPOINT_UNIX)
        (void)snprintf(text, ENDPOINT_TEXT, UNIX_PREFIX "%s", endpoint->path);
    else if (strchr(endpoint->host, ':'))
        (void)snprintf(text, ENDPOINT_TEXT, "[%s]:%u", endpoint->host, endpoint->port);
    else
        (void)snprintf(text, ENDPOINT_TEXT, "%s:%u", endpoint->host, endpoint->port);
}

bool endpoint_same(const struct endpoint *one, const struct endpoint *other)
{
    if (one->kind != other->kind)
        return false;
    if (one->kind == ENDPOINT_UNIX)
        return strcmp(one->path, other->path) == 0;
    return one->port && one->port == other->port && strcmp(one->host, other->host) == 0;
}
