#include "chat/people/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
#define MAPPED_BITS 96

static bool is_v4(const struct net *net)
{
    return net->bits >= MAPPED_BITS && memcmp(net->bytes, mapped, sizeof(mapped)) == 0;
}

bool net_of_address(const struct sys_address *address, struct net *net)
{
    *net = (struct net){.bits = NET_BITS_MAX};
    if (address->length > 0 && address->any.sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)&address->storage;
        memcpy(net->bytes, mapped, sizeof(mapped));
        memcpy(net->bytes + sizeof(mapped), &v4->sin_addr, sizeof(v4->sin_addr));
        return true;
    }
    if (address->length > 0 && address->any.sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)&address->storage;
        memcpy(net->bytes, &v6->sin6_addr, sizeof(v6->sin6_addr));
        return true;
    }
    *net = (struct net){0};
    return false;
}

void net_format(const struct net *net, char text[static NET_TEXT])
{
    bool v4 = is_v4(net);
    const uint8_t *bytes = v4 ? net->bytes + sizeof(mapped) : net->bytes;
    (void)inet_ntop(v4 ? AF_INET : AF_INET6, bytes, text, NET_TEXT); /* there is room */
    size_t length = strlen(text);
    if (net->bits < NET_BITS_MAX)
        (void)snprintf(text + length, NET_TEXT - length, "/%d",
                       v4 ? net->bits - MAPPED_BITS : net->bits);
}
