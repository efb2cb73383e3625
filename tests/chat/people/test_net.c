#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "chat/people/net.h"

Test(net, a_peer_has_all_bits_of_its_address_and_a_unix_peer_none)
{
    char text[NET_TEXT];
    struct net net;
    struct sys_address local;
    struct sys_address v4 = {.length = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (void *)&v4.storage;
    in->sin_family = AF_INET;
    memcpy(&in->sin_addr, "\300\000\002\007", 4);
    cr_assert(net_of_address(&v4, &net));
    cr_assert_eq(net.bits, NET_BITS_MAX);
    net_format(&net, text);
    cr_assert_str_eq(text, "192.0.2.7");

    struct sys_address v6 = {.length = sizeof(struct sockaddr_in6)};
    struct sockaddr_in6 *in6 = (void *)&v6.storage;
    in6->sin6_family = AF_INET6;
    memcpy(&in6->sin6_addr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    cr_assert(net_of_address(&v6, &net));
    net_format(&net, text);
    cr_assert_str_eq(text, "2001:db8::1");

    cr_assert_eq(sys_address_local(&local, "/run/chat"), 0);
    cr_assert_not(net_of_address(&local, &net));
    cr_assert_eq(net.bits, 0);
}

Test(net, a_network_is_written_with_its_bits)
{
    char text[NET_TEXT];
    struct net net = {.bytes = {[10] = 0xff, [11] = 0xff, [12] = 10}, .bits = 104};
    net_format(&net, text);
    cr_assert_str_eq(text, "10.0.0.0/8");
}
