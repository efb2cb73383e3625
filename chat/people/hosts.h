/*
 * hosts: what each address has taken of the server's patience.
 *
 * One record per address holds how many of its connections are open, how fast
 * it connected lately (pace.h) and how many of its refusals are under way. An
 * address is an IPv4 address or an IPv6 network of 64 bits, because whoever has
 * one IPv6 address has 2^64 of them. Unix peers have no address and only their
 * refusals are counted, all together.
 *
 *     rc = hosts_enter(&hosts, &peer, now_ns, &host);   a newcomer: may it come in?
 *     hosts_leave(&hosts, host);                        its connection is closed
 *
 * Memory is bounded: a record lives as long as it counts something, and of the
 * others at most HOSTS_IDLE_MAX are kept. When there are more, a record that
 * restricts nothing (its whole burst is free again) goes first. The table is
 * that of names.h, so nobody can choose addresses that fall into one slot.
 */
#ifndef CHAT_PEOPLE_HOSTS_H
#define CHAT_PEOPLE_HOSTS_H

#include "chat/config/config.h"
#include "chat/people/names.h"
#include "reactor/base/list.h"

/* Addresses without a connection that are remembered: some 7 MiB. An attacker who owns more
 * networks than that has better means than connecting often. */
#define HOSTS_IDLE_MAX 65536

/* Refusals under way to one address: enough for a few windows on one desk, too few to keep others
 * from theirs. */
#define HOSTS_REFUSALS_MAX 4

struct host;

struct hosts {
    struct names names;
    struct config_hosts limits;
    struct list idle; /* records that count nothing, the one used longest ago first */
    size_t idle_count; /* HOSTS_IDLE_MAX at most */
    int64_t now_ns; /* when a newcomer last came */
};

/* Makes an empty table. Returns 0 or -errno. */
int hosts_init(struct hosts *hosts, struct sys *sys, const struct config_hosts *limits);

/* Frees all records; every connection and refusal must have been given back. */
void hosts_release(struct hosts *hosts);

/* A newcomer from `peer`. Returns 0 with its record in *host (NULL if it is not limited), to be
 * given back with hosts_leave; -EUSERS if its address has too many connections, -EBUSY if it
 * connects too often, -ENOMEM. A newcomer that is not let in does not count. */
int hosts_enter(struct hosts *hosts, const struct sys_address *peer, int64_t now_ns,
                struct host **host);

/* A connection was closed. NULL is fine. */
void hosts_leave(struct hosts *hosts, struct host *host);

/* A number that stands for the address of `peer` (an IPv6 network counts as one), for what is
 * counted elsewhere; 0 for unix peers. It cannot be guessed and means nothing outside this run. */
uint64_t hosts_origin(const struct hosts *hosts, const struct sys_address *peer);

/* A refusal of `peer` begins. Returns its record, to be given back with hosts_refused; NULL if
 * enough are under way to this address, or without memory. */
struct host *hosts_refuse(struct hosts *hosts, const struct sys_address *peer);

/* A refusal is over. */
void hosts_refused(struct hosts *hosts, struct host *host);

#endif
