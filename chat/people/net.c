#include "chat/people/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/text/units.h"

static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
#define MAPPED_BITS 96

static bool is_v4(const struct net *net)
{
    return net->bits >= MAPPED_BITS && memcmp(net->bytes, mapped, sizeof(mapped)) == 0;
}

/* Reads an address of either family into `net`, all bits of it. */
static bool read_address(const char *text, struct net *net)
{
    net->bits = NET_BITS_MAX;
    if (inet_pton(AF_INET6, text, net->bytes) == 1)
        return true;
    memcpy(net->bytes, mapped, sizeof(mapped));
    return inet_pton(AF_INET, text, net->bytes + sizeof(mapped)) == 1;
}

static void clear_behind(struct net *net)
{
    for (int bit = net->bits; bit < NET_BITS_MAX; bit++)
        net->bytes[bit / 8] &= (uint8_t) ~(0x80U >> (bit % 8));
}

int net_parse(const char *text, size_t length, struct net *net)
{
    char address[NET_TEXT];
    const char *slash = memchr(text, '/', length);
    size_t bytes = slash ? (size_t)(slash - text) : length;
    if (bytes >= sizeof(address))
        return -EINVAL;
    memcpy(address, text, bytes);
    address[bytes] = '\0';
    if (strlen(address) != bytes || !read_address(address, net))
        return -EINVAL;
    if (!slash)
        return 0;
    bool v4 = !strchr(address, ':');
    struct units_range range = {0, v4 ? NET_BITS_MAX - MAPPED_BITS : NET_BITS_MAX};
    uint64_t bits;
    if (units_parse_number(slash + 1, length - bytes - 1, &range, &bits) < 0)
        return -EINVAL;
    net->bits = (uint8_t)(v4 ? bits + MAPPED_BITS : bits);
    clear_behind(net);
    return 0;
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

bool net_holds(const struct net *net, const struct net *other)
{
    if (other->bits < net->bits)
        return false;
    struct net cut = {.bits = net->bits};
    memcpy(cut.bytes, other->bytes, NET_BYTES);
    clear_behind(&cut);
    return memcmp(cut.bytes, net->bytes, NET_BYTES) == 0;
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
