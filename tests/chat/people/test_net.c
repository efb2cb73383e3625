#include <criterion/criterion.h>
#include <errno.h>
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

static struct net net_of(const char *text)
{
    struct net net;
    cr_assert_eq(net_parse(text, strlen(text), &net), 0, "%s", text);
    return net;
}

static bool holds(const char *outer, const char *inner)
{
    struct net one = net_of(outer), other = net_of(inner);
    return net_holds(&one, &other);
}

Test(net, is_written_as_it_is_read_without_the_bits_behind_the_prefix)
{
    static const char *const pairs[][2] = {
        {"192.0.2.7", "192.0.2.7"},
        {"192.0.2.7/32", "192.0.2.7"},
        {"192.0.2.7/24", "192.0.2.0/24"},
        {"10.1.2.3/9", "10.0.0.0/9"},
        {"1.2.3.4/0", "0.0.0.0/0"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:db8::1/128", "2001:db8::1"},
        {"2001:DB8::1/33", "2001:db8::/33"},
        {"::/0", "::/0"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        char text[NET_TEXT];
        struct net net = net_of(pairs[i][0]);
        net_format(&net, text);
        cr_assert_str_eq(text, pairs[i][1]);
    }
}

Test(net, refuses_what_is_no_address)
{
    static const char *const wrong[] = {
        "",
        "x",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.4/",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/x",
        "/8",
        "::/129",
        ":::",
        "1.2.3.4 ",
        "localhost",
        "::1%lo",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8"};
    struct net net;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_assert_eq(net_parse(wrong[i], strlen(wrong[i]), &net), -EINVAL, "%s", wrong[i]);
}

Test(net, holds_what_has_its_prefix)
{
    cr_assert(holds("10.0.0.0/8", "10.255.1.2"));
    cr_assert(holds("10.0.0.0/8", "10.1.0.0/16"));
    cr_assert_not(holds("10.1.0.0/16", "10.0.0.0/8"));
    cr_assert_not(holds("10.0.0.0/8", "11.0.0.0"));
    cr_assert(holds("192.0.2.7", "192.0.2.7"));
    cr_assert_not(holds("192.0.2.7", "192.0.2.6"));
    cr_assert(holds("0.0.0.0/0", "255.1.2.3"));
    cr_assert_not(holds("0.0.0.0/0", "2001:db8::1"));
    cr_assert(holds("2001:db8::/33", "2001:db8:7fff::1"));
    cr_assert_not(holds("2001:db8::/33", "2001:db8:8000::1"));
    cr_assert(holds("::/0", "::1"));
}
