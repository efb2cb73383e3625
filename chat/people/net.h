/*
 * net: an IP address, or a network of them. Pure.
 *
 *      struct net net, peer;
 *      if (net_parse("10.0.0.0/8", 10, &net) < 0) ...
 *      if (net_of_address(&address, &peer) && net_holds(&net, &peer)) ...
 *
 * IPv4 is kept as the IPv6 network ::ffff:0:0/96, so both are compared the same
 * way. Bits behind the prefix are 0.
 */
#ifndef CHAT_PEOPLE_NET_H
#define CHAT_PEOPLE_NET_H

#include "reactor/base/sys.h"

#define NET_BYTES 16
#define NET_BITS_MAX 128

/* Room for a network as it is written, with its bits. */
#define NET_TEXT 64

struct net {
    uint8_t bytes[NET_BYTES];
    uint8_t bits; /* of the prefix, counted as IPv6 does */
};

/* Reads ADDR or ADDR/BITS. Bits of the address behind the prefix are dropped. Returns 0, or -EINVAL
 * if it is neither. */
int net_parse(const char *text, size_t length, struct net *net);

/* The address of a peer, all bits of it. False, and `net` is all 0, if it has none (a unix peer).
 */
bool net_of_address(const struct sys_address *address, struct net *net);

/* Whether `net` holds all of `other`. */
bool net_holds(const struct net *net, const struct net *other);

/* Writes it as net_parse reads it, without the bits if it is one address. */
void net_format(const struct net *net, char text[static NET_TEXT]);

#endif
