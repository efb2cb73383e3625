/*
 * hosts: how many connections there are from each address.
 *
 * Kept only where --max-per-host asks for it. An address is 16 bytes (IPv4
 * mapped into IPv6, RFC 4291), spelled as a name so that the table of names.h,
 * which no stranger can flood, serves it too. Peers on unix sockets have no
 * address and are not counted.
 */
#ifndef CHAT_PEOPLE_HOSTS_H
#define CHAT_PEOPLE_HOSTS_H

#include "chat/people/names.h"

struct host;

struct hosts {
    struct names names;
    uint32_t most; /* connections from one address; 0: no limit, and nothing is kept */
};

/* Makes an empty table. Returns 0 or -errno. */
int hosts_init(struct hosts *hosts, struct sys *sys, uint32_t most);

/* Every connection must have been given back. */
void hosts_release(struct hosts *hosts);

/* Counts one more from `peer`. Returns 0 with what to give back in *host (NULL where nothing is
 * kept); -EUSERS where there are too many, or -ENOMEM. */
int hosts_enter(struct hosts *hosts, const struct sys_address *peer, struct host **host);

/* Counts one less. NULL is fine. */
void hosts_leave(struct hosts *hosts, struct host *host);

#endif
