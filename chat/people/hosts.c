#include "chat/people/hosts.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "reactor/base/list.h"

#define ADDRESS_BYTES 16

/* 128 bits in letters that have no case, five bits each. */
#define HOST_TEXT 26

struct host {
    uint32_t count;
    char text[HOST_TEXT + 1];
};

/* The 16 bytes of an address; false for a unix peer. */
static bool address_bytes(const struct sys_address *peer, uint8_t bytes[ADDRESS_BYTES])
{
    static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
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
    return false;
}

static void spell(const uint8_t bytes[ADDRESS_BYTES], char text[HOST_TEXT + 1])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (int i = 0; i < HOST_TEXT; i++) {
        unsigned value = 0;
        for (int bit = 5 * i; bit < 5 * i + 5; bit++)
            value = value << 1 | (bit < 128 ? bytes[bit / 8] >> (7 - bit % 8) & 1U : 0);
        text[i] = digits[value];
    }
    text[HOST_TEXT] = '\0';
}

int hosts_init(struct hosts *hosts, struct sys *sys, uint32_t most)
{
    hosts->most = most;
    return names_init(&hosts->names, sys);
}

void hosts_release(struct hosts *hosts)
{
    assert(names_count(&hosts->names) == 0);
    names_release(&hosts->names);
}

/* The record of an address, made where there is none; NULL where there is no memory. */
static struct host *host_of(struct hosts *hosts, const char text[HOST_TEXT + 1])
{
    const char *found = names_find(&hosts->names, text, HOST_TEXT);
    if (found)
        return container_of(found, struct host, text);
    struct sys *sys = hosts->names.sys;
    struct host *host = sys->allocate(sys, sizeof(*host));
    if (!host)
        return NULL;
    host->count = 0;
    memcpy(host->text, text, sizeof(host->text));
    if (names_add(&hosts->names, host->text) < 0) {
        sys->release(sys, host);
        return NULL;
    }
    return host;
}

int hosts_enter(struct hosts *hosts, const struct sys_address *peer, struct host **host)
{
    uint8_t bytes[ADDRESS_BYTES];
    char text[HOST_TEXT + 1];
    *host = NULL;
    if (hosts->most == 0 || !address_bytes(peer, bytes))
        return 0;
    spell(bytes, text);
    struct host *found = host_of(hosts, text);
    if (!found)
        return -ENOMEM;
    if (found->count >= hosts->most)
        return -EUSERS;
    found->count++;
    *host = found;
    return 0;
}

void hosts_leave(struct hosts *hosts, struct host *host)
{
    if (!host)
        return;
    assert(host->count > 0);
    if (--host->count > 0)
        return;
    names_remove(&hosts->names, host->text);
    hosts->names.sys->release(hosts->names.sys, host);
}
