/*
 * bans: addresses from which nobody new comes in.
 *
 * The operator bans an address or a network, for some time or for good. Who is
 * in stays. Bans are in the journal, so they outlive the server; their ends are
 * instants of the wall's clock. There are BANS_MAX at most, in one array that
 * every newcomer is compared with.
 */
#ifndef CHAT_PEOPLE_BANS_H
#define CHAT_PEOPLE_BANS_H

#include "chat/people/chat.h"

/* The end of a ban for good. */
#define BAN_FOR_EVER INT64_MAX

/* Whether newcomers from `peer` are banned now. Unix peers never are. */
bool bans_hold(const struct chat *chat, const struct sys_address *peer);

/* Bans `net` until an instant of the wall clock; a ban of the same network is replaced. Returns 0,
 * or -ENOSPC if there are too many. */
int bans_add(struct chat *chat, const struct net *net, int64_t until_ns);

/* Ends the ban of exactly this network. Returns 0, or -ENOENT if there is none. */
int bans_remove(struct chat *chat, const struct net *net);

/* Forgets those that are over. */
void bans_expire(struct chat *chat);

/* Carries out a record of the journal. */
void bans_restore(struct chat *chat, const struct record *record);

/* Puts all into the journal that is written anew. */
void bans_put(struct chat *chat);

#endif
