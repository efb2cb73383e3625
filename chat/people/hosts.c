#include "chat/people/hosts.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define ADDRESS_BYTES 16
#define NETWORK_BYTES 8 /* of an IPv6 address: what one subscriber has */

/* 128 bits in letters that have no case, five bits each. */
#define HOST_TEXT 26

/* Records looked at to make room for another, so that a newcomer costs no more than that. */
#define EVICTION_LOOKS 16

/* Records that restrict nothing freed per newcomer: one more than a newcomer may add. */
#define FREED_PER_NEWCOMER 2

struct host {
    struct list idle; /* in hosts->idle while both counts are 0 */
    struct pace pace; /* of its connecting */
    uint32_t connections;
    uint8_t refusals;
    char text[HOST_TEXT + 1]; /* the address, in the table */
};

static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* An address as 16 bytes, IPv4 mapped into IPv6 (RFC 4291); false for a unix peer. */
static bool address_bytes(const struct sys_address *peer, uint8_t bytes[ADDRESS_BYTES])
{
    if (peer->any.sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)&peer->storage;
        memcpy(bytes, mapped, sizeof(mapped));
        memcpy(bytes + sizeof(mapped), &v4->sin_addr, sizeof(v4->sin_addr));
        return true;
    }
    if (peer->any.sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)&peer->storage;
        memcpy(bytes, &v6->sin6_addr, sizeof(v6->sin6_addr));
        return true;
    }
    memset(bytes, 0xff, ADDRESS_BYTES); /* a multicast address: nobody connects from it */
    return false;
}

static bool is_mapped(const uint8_t bytes[ADDRESS_BYTES])
{
    return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

static bool is_loopback(const uint8_t bytes[ADDRESS_BYTES])
{
    static const uint8_t loopback6[ADDRESS_BYTES] = {[ADDRESS_BYTES - 1] = 1};
    return is_mapped(bytes) ? bytes[sizeof(mapped)] == 127
                            : memcmp(bytes, loopback6, sizeof(loopback6)) == 0;
}

/* Spells the address, or of IPv6 its network, as a name. */
static void spell(const uint8_t bytes[ADDRESS_BYTES], char text[HOST_TEXT + 1])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    int bits = is_mapped(bytes) ? 8 * ADDRESS_BYTES : 8 * NETWORK_BYTES;
    for (int i = 0; i < HOST_TEXT; i++) {
        unsigned value = 0;
        for (int bit = 5 * i; bit < 5 * i + 5; bit++)
            value = value << 1 | (bit < bits ? bytes[bit / 8] >> (7 - bit % 8) & 1U : 0);
        text[i] = digits[value];
    }
    text[HOST_TEXT] = '\0';
}

int hosts_init(struct hosts *hosts, struct sys *sys, const struct config_hosts *limits)
{
    hosts->limits = *limits;
    hosts->idle_count = 0;
    hosts->now_ns = 0;
    list_init(&hosts->idle);
    return names_init(&hosts->names, sys);
}

/* Idle records. */

static struct host *first_idle(const struct hosts *hosts)
{
    return container_of(hosts->idle.next, struct host, idle);
}

static void take_off_idle(struct hosts *hosts, struct host *host)
{
    list_remove(&host->idle);
    hosts->idle_count--;
}

static void forget(struct hosts *hosts, struct host *host)
{
    take_off_idle(hosts, host);
    names_remove(&hosts->names, host->text);
    hosts->names.sys->release(hosts->names.sys, host);
}

/* Whether the record still shortens the burst of its address. */
static bool restricts(const struct host *host, int64_t now_ns)
{
    return host->pace.due_ns > now_ns;
}

/* Frees a few records that restrict nothing, so that memory comes back after a crowd has gone. */
static void free_some(struct hosts *hosts)
{
    for (int i = 0; i < FREED_PER_NEWCOMER && !list_empty(&hosts->idle); i++) {
        if (restricts(first_idle(hosts), hosts->now_ns))
            return;
        forget(hosts, first_idle(hosts));
    }
}

/* Makes room for one more idle record: one that restricts nothing goes, if there is one among
 * those used longest ago; those that do get a second chance. */
static void make_room(struct hosts *hosts)
{
    for (int i = 1; i < EVICTION_LOOKS && restricts(first_idle(hosts), hosts->now_ns); i++)
        list_append(list_pop(&hosts->idle), &hosts->idle);
    forget(hosts, first_idle(hosts));
}

static void put_on_idle(struct hosts *hosts, struct host *host)
{
    if (hosts->idle_count == HOSTS_IDLE_MAX)
        make_room(hosts);
    list_append(&host->idle, &hosts->idle);
    hosts->idle_count++;
}

void hosts_release(struct hosts *hosts)
{
    while (!list_empty(&hosts->idle))
        forget(hosts, first_idle(hosts));
    assert(names_count(&hosts->names) == 0);
    names_release(&hosts->names);
}

/* Records. */

static bool is_idle(const struct host *host)
{
    return host->connections == 0 && host->refusals == 0;
}

static struct host *find(const struct hosts *hosts, const char text[HOST_TEXT + 1])
{
    const char *found = names_find(&hosts->names, text, HOST_TEXT);
    return found ? container_of(found, struct host, text) : NULL;
}

/* A new record, idle so far; NULL without memory. */
static struct host *make(struct hosts *hosts, const char text[HOST_TEXT + 1])
{
    struct sys *sys = hosts->names.sys;
    struct host *host = sys->allocate(sys, sizeof(*host));
    if (!host)
        return NULL;
    *host = (struct host){.connections = 0};
    memcpy(host->text, text, sizeof(host->text));
    if (names_add(&hosts->names, host->text) < 0) {
        sys->release(sys, host);
        return NULL;
    }
    put_on_idle(hosts, host);
    return host;
}

/* The record of an address, made if there is none; NULL without memory. */
static struct host *host_of(struct hosts *hosts, const uint8_t bytes[ADDRESS_BYTES])
{
    char text[HOST_TEXT + 1];
    spell(bytes, text);
    struct host *host = find(hosts, text);
    return host ? host : make(hosts, text);
}

/* To be called when a count of the record has changed. */
static void settle(struct hosts *hosts, struct host *host)
{
    if (is_idle(host) == list_linked(&host->idle))
        return;
    if (is_idle(host))
        put_on_idle(hosts, host);
    else
        take_off_idle(hosts, host);
}

/* Connections. */

/* The limits that hold for this newcomer. */
static struct config_hosts limits_for(const struct hosts *hosts, const uint8_t *bytes)
{
    struct config_hosts limits = hosts->limits;
    bool loopback = is_loopback(bytes);
    if (loopback && !limits.connections_were_given)
        limits.connections = 0;
    if (loopback && !limits.rate_was_given)
        limits.rate.rate = 0;
    return limits;
}

int hosts_enter(struct hosts *hosts, const struct sys_address *peer, int64_t now_ns,
                struct host **host)
{
    uint8_t bytes[ADDRESS_BYTES];
    *host = NULL;
    if (!address_bytes(peer, bytes))
        return 0;
    const struct config_hosts limits = limits_for(hosts, bytes);
    if (limits.connections == 0 && limits.rate.rate == 0)
        return 0;
    hosts->now_ns = now_ns;
    free_some(hosts);
    struct host *found = host_of(hosts, bytes);
    if (!found)
        return -ENOMEM;
    if (limits.connections > 0 && found->connections >= limits.connections)
        return -EUSERS;
    if (pace_ready_at(&found->pace, &limits.rate) > now_ns)
        return -EBUSY;
    pace_charge(&found->pace, &limits.rate, now_ns, 1);
    found->connections++;
    settle(hosts, found);
    *host = found;
    return 0;
}

void hosts_leave(struct hosts *hosts, struct host *host)
{
    if (!host)
        return;
    assert(host->connections > 0);
    host->connections--;
    settle(hosts, host);
}

/* Refusals. */

struct host *hosts_refuse(struct hosts *hosts, const struct sys_address *peer)
{
    uint8_t bytes[ADDRESS_BYTES];
    (void)address_bytes(peer, bytes); /* unix peers share one record */
    struct host *host = host_of(hosts, bytes);
    if (!host || host->refusals >= HOSTS_REFUSALS_MAX)
        return NULL;
    host->refusals++;
    settle(hosts, host);
    return host;
}

void hosts_refused(struct hosts *hosts, struct host *host)
{
    assert(host->refusals > 0);
    host->refusals--;
    settle(hosts, host);
}

uint64_t hosts_origin(const struct hosts *hosts, const struct sys_address *peer)
{
    uint8_t bytes[ADDRESS_BYTES];
    char text[HOST_TEXT + 1];
    if (!address_bytes(peer, bytes))
        return 0;
    spell(bytes, text);
    return siphash(&hosts->names.key, text, HOST_TEXT);
}
