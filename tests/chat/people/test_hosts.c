/* What one address may take: connections, how often it connects, refusals under way. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "chat/people/hosts.h"
#include "reactor/base/clock.h"
#include "tests/support/fake_door.h"

static struct fake_door door;
static struct hosts hosts;

static void open_hosts(const struct config_hosts *limits)
{
    fake_door_init(&door);
    cr_assert_eq(hosts_init(&hosts, &door.sys, limits), 0);
}

/* Nothing may be left, whatever happened. */
static void close_hosts(void)
{
    hosts_release(&hosts);
    cr_assert_eq(door.blocks, 0);
}

static struct sys_address address4(uint32_t number)
{
    struct sys_address address = {.length = sizeof(struct sockaddr_in)};
    struct sockaddr_in *v4 = (void *)&address.storage;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(1234);
    v4->sin_addr.s_addr = htonl(number);
    return address;
}

static struct sys_address address6(const char *text)
{
    struct sys_address address = {.length = sizeof(struct sockaddr_in6)};
    struct sockaddr_in6 *v6 = (void *)&address.storage;
    v6->sin6_family = AF_INET6;
    cr_assert_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    return address;
}

static const struct sys_address unix_peer = {.length = sizeof(sa_family_t),
                                             .any.sa_family = AF_UNIX};

/* Ten in 10.0.0.0/8 and so on; the instant is a second. */
#define FIRST_ADDRESS 0x0a000000
#define NOW_NS NS_PER_SECOND

static int enter_at(struct sys_address peer, int64_t now_ns)
{
    struct host *host;
    return hosts_enter(&hosts, &peer, now_ns, &host);
}

static struct host *must_enter(struct sys_address peer)
{
    struct host *host;
    cr_assert_eq(hosts_enter(&hosts, &peer, NOW_NS, &host), 0);
    return host;
}

/* Comes in and leaves. */
static int visit(struct sys_address peer, int64_t now_ns)
{
    struct host *host;
    int rc = hosts_enter(&hosts, &peer, now_ns, &host);
    if (rc == 0)
        hosts_leave(&hosts, host);
    return rc;
}

Test(hosts, an_address_has_its_connections_and_no_more)
{
    open_hosts(&(struct config_hosts){.connections = 2});
    struct host *one = must_enter(address4(FIRST_ADDRESS));
    struct host *two = must_enter(address4(FIRST_ADDRESS));
    cr_assert_eq(enter_at(address4(FIRST_ADDRESS), NOW_NS), -EUSERS);
    struct host *other = must_enter(address4(FIRST_ADDRESS + 1));
    hosts_leave(&hosts, one);
    struct host *again = must_enter(address4(FIRST_ADDRESS));
    cr_assert_eq(enter_at(address4(FIRST_ADDRESS), NOW_NS), -EUSERS);
    hosts_leave(&hosts, two);
    hosts_leave(&hosts, again);
    hosts_leave(&hosts, other);
    close_hosts();
}

Test(hosts, an_ipv6_network_of_64_bits_is_one_address)
{
    open_hosts(&(struct config_hosts){.connections = 1});
    struct host *one = must_enter(address6("2001:db8:0:1::1"));
    cr_assert_eq(enter_at(address6("2001:db8:0:1:ffff:ffff:ffff:ffff"), NOW_NS), -EUSERS);
    struct host *other = must_enter(address6("2001:db8:0:2::1"));
    struct host *mapped = must_enter(address6("::ffff:10.0.0.0"));
    cr_assert_eq(enter_at(address4(FIRST_ADDRESS), NOW_NS), -EUSERS, "IPv4 all the same");
    struct host *next = must_enter(address4(FIRST_ADDRESS + 1));
    hosts_leave(&hosts, one);
    hosts_leave(&hosts, other);
    hosts_leave(&hosts, mapped);
    hosts_leave(&hosts, next);
    close_hosts();
}

Test(hosts, the_loopback_is_exempt_unless_a_limit_was_given)
{
    struct config_hosts limits = {.connections = 1, .rate = {1, 1}};
    open_hosts(&limits);
    struct sys_address loopbacks[] = {address4(0x7f000001), address4(0x7fffffff), address6("::1"),
                                      address6("::ffff:127.0.0.1")};
    for (size_t i = 0; i < sizeof(loopbacks) / sizeof(*loopbacks); i++)
        for (int j = 0; j < 5; j++)
            cr_assert_null(must_enter(loopbacks[i]), "nothing is counted");
    cr_assert_eq(visit(address6("::2"), NOW_NS), 0);
    cr_assert_eq(visit(address6("::2"), NOW_NS), -EBUSY, "a neighbour of ::1 is not the loopback");
    cr_assert_eq(visit(address4(0x7e000001), NOW_NS), 0);
    cr_assert_eq(visit(address4(0x7e000001), NOW_NS), -EBUSY);
    close_hosts();
    limits.connections_were_given = true;
    open_hosts(&limits);
    struct host *only = must_enter(loopbacks[0]);
    cr_assert_eq(enter_at(loopbacks[0], NOW_NS), -EUSERS);
    hosts_leave(&hosts, only);
    cr_assert_eq(visit(loopbacks[0], NOW_NS), 0, "its rate has no limit still");
    close_hosts();
    limits.rate_was_given = true;
    open_hosts(&limits);
    cr_assert_eq(visit(loopbacks[2], NOW_NS), 0);
    cr_assert_eq(visit(loopbacks[2], NOW_NS), -EBUSY);
    close_hosts();
}

Test(hosts, who_connects_too_often_waits_and_is_remembered_after_it_left)
{
    open_hosts(&(struct config_hosts){.rate = {5, 50}});
    for (int i = 0; i < 50; i++)
        cr_assert_eq(visit(address4(FIRST_ADDRESS), NOW_NS), 0, "%d", i);
    cr_assert_eq(visit(address4(FIRST_ADDRESS), NOW_NS), -EBUSY);
    cr_assert_eq(visit(address4(FIRST_ADDRESS + 1), NOW_NS), 0, "another address");
    int64_t later_ns = NOW_NS + NS_PER_SECOND / 5;
    cr_assert_eq(visit(address4(FIRST_ADDRESS), later_ns - 1), -EBUSY, "a refusal costs nothing");
    cr_assert_eq(visit(address4(FIRST_ADDRESS), later_ns), 0);
    cr_assert_eq(visit(address4(FIRST_ADDRESS), later_ns), -EBUSY);
    close_hosts();
}

Test(hosts, one_with_too_many_connections_is_not_charged_for_trying)
{
    open_hosts(&(struct config_hosts){.connections = 1, .rate = {1, 2}});
    struct host *host = must_enter(address4(FIRST_ADDRESS));
    for (int i = 0; i < 5; i++)
        cr_assert_eq(enter_at(address4(FIRST_ADDRESS), NOW_NS), -EUSERS);
    hosts_leave(&hosts, host);
    cr_assert_eq(visit(address4(FIRST_ADDRESS), NOW_NS), 0);
    close_hosts();
}

Test(hosts, a_unix_peer_has_no_address)
{
    open_hosts(&(struct config_hosts){
        .connections = 1, .rate = {1, 1}, .connections_were_given = true, .rate_was_given = true});
    for (int i = 0; i < 3; i++)
        cr_assert_null(must_enter(unix_peer));
    close_hosts();
}

Test(hosts, without_limits_nothing_is_kept)
{
    open_hosts(&(struct config_hosts){.connections = 0});
    cr_assert_null(must_enter(address4(FIRST_ADDRESS)));
    cr_assert_eq(door.blocks, 0);
    close_hosts();
}

Test(hosts, records_that_restrict_nothing_are_freed_again)
{
    open_hosts(&(struct config_hosts){.rate = {5, 50}});
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(visit(address4(FIRST_ADDRESS + i), NOW_NS), 0);
    cr_assert_eq(hosts.idle_count, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(visit(address4(FIRST_ADDRESS + i), NOW_NS + NS_PER_SECOND * (i + 1)), 0);
    cr_assert_leq(hosts.idle_count, 2);
    close_hosts();
}

/* One address has used its burst up; many others follow, each of which connects once. */
static void flood(uint32_t count, int64_t now_ns)
{
    for (int i = 0; i < 50; i++)
        cr_assert_eq(visit(address4(FIRST_ADDRESS), NOW_NS), 0);
    for (uint32_t i = 1; i <= count; i++)
        cr_assert_eq(visit(address4(FIRST_ADDRESS + i), now_ns), 0);
}

Test(hosts, so_many_addresses_are_remembered_and_no_more)
{
    open_hosts(&(struct config_hosts){.rate = {5, 50}});
    flood(HOSTS_IDLE_MAX - 1, NOW_NS);
    cr_assert_eq(visit(address4(FIRST_ADDRESS), NOW_NS), -EBUSY, "still remembered");
    cr_assert_eq(hosts.idle_count, HOSTS_IDLE_MAX);
    cr_assert_eq(visit(address4(FIRST_ADDRESS + HOSTS_IDLE_MAX), NOW_NS), 0);
    cr_assert_eq(hosts.idle_count, HOSTS_IDLE_MAX);
    close_hosts();
}

Test(hosts, records_that_restrict_nothing_go_first)
{
    open_hosts(&(struct config_hosts){.rate = {5, 50}});
    /* The others come when 0.2 s restrict nothing any more, for as long as the first one waits. */
    flood(HOSTS_IDLE_MAX - 1, NOW_NS);
    for (uint32_t i = 0; i < 2 * HOSTS_IDLE_MAX; i++)
        cr_assert_eq(visit(address4(2 * FIRST_ADDRESS + i), NOW_NS + NS_PER_SECOND / 5), 0);
    cr_assert_eq(visit(address4(FIRST_ADDRESS), NOW_NS + NS_PER_SECOND / 5 - 1), -EBUSY,
                 "the one that waits is still known");
    close_hosts();
}

Test(hosts, more_connections_than_are_remembered_are_all_counted)
{
    enum { MANY = HOSTS_IDLE_MAX + 100 };
    static struct host *entered[MANY];
    open_hosts(&(struct config_hosts){.connections = 1});
    for (uint32_t i = 0; i < MANY; i++)
        entered[i] = must_enter(address4(FIRST_ADDRESS + i));
    cr_assert_eq(enter_at(address4(FIRST_ADDRESS), NOW_NS), -EUSERS);
    for (uint32_t i = 0; i < MANY; i++)
        hosts_leave(&hosts, entered[i]);
    cr_assert_eq(hosts.idle_count, HOSTS_IDLE_MAX);
    close_hosts();
}

Test(hosts, four_refusals_of_an_address_are_under_way_at_most)
{
    open_hosts(&(struct config_hosts){.connections = 1});
    struct sys_address peers[] = {address4(FIRST_ADDRESS), address4(0x7f000001), unix_peer};
    for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++) {
        struct host *host = NULL;
        for (int j = 0; j < HOSTS_REFUSALS_MAX; j++) {
            host = hosts_refuse(&hosts, &peers[i]);
            cr_assert(host);
        }
        cr_assert_null(hosts_refuse(&hosts, &peers[i]));
        hosts_refused(&hosts, host);
        cr_assert(hosts_refuse(&hosts, &peers[i]));
        for (int j = 0; j < HOSTS_REFUSALS_MAX; j++)
            hosts_refused(&hosts, host);
    }
    cr_assert_eq(visit(peers[0], NOW_NS), 0, "no connection was counted");
    close_hosts();
}

Test(hosts, a_newcomer_without_memory_is_not_counted)
{
    open_hosts(&(struct config_hosts){.connections = 1});
    for (door.fail_at = 1; door.fail_at <= 2; door.fail_at++) {
        door.allocations = 0;
        cr_assert_eq(enter_at(address4(FIRST_ADDRESS), NOW_NS), -ENOMEM);
        door.allocations = 0;
        cr_assert_null(hosts_refuse(&hosts, &unix_peer));
        cr_assert_eq(door.blocks, 0);
    }
    door.fail_at = 0;
    cr_assert_eq(visit(address4(FIRST_ADDRESS), NOW_NS), 0);
    close_hosts();
}

Test(hosts, without_a_random_key_there_is_no_table)
{
    fake_door_init(&door);
    door.random_error = -ENOSYS;
    cr_assert_eq(hosts_init(&hosts, &door.sys, &(struct config_hosts){.connections = 1}), -ENOSYS);
}
