#include "chat/people/bans.h"

#include <errno.h>
#include <string.h>

static int64_t wall_ns(const struct chat *chat)
{
    struct sys *sys = chat->loop->sys;
    return sys->realtime_ns(sys);
}

bool bans_hold(const struct chat *chat, const struct sys_address *peer)
{
    const struct bans *bans = &chat->bans;
    struct net net;
    if (bans->count == 0 || !net_of_address(peer, &net))
        return false;
    int64_t now_ns = wall_ns(chat);
    for (size_t i = 0; i < bans->count; i++)
        if (bans->entries[i].until_ns > now_ns && net_holds(&bans->entries[i].net, &net))
            return true;
    return false;
}

static struct ban *find(struct bans *bans, const struct net *net)
{
    for (size_t i = 0; i < bans->count; i++)
        if (bans->entries[i].net.bits == net->bits && net_holds(&bans->entries[i].net, net))
            return &bans->entries[i];
    return NULL;
}

static int set(struct bans *bans, const struct net *net, int64_t until_ns)
{
    struct ban *ban = find(bans, net);
    if (!ban && bans->count == BANS_MAX)
        return -ENOSPC;
    if (!ban)
        ban = &bans->entries[bans->count++];
    *ban = (struct ban){.net = *net, .until_ns = until_ns};
    return 0;
}

static bool drop(struct bans *bans, const struct net *net)
{
    struct ban *ban = find(bans, net);
    if (ban)
        *ban = bans->entries[--bans->count];
    return ban;
}

void bans_expire(struct chat *chat)
{
    struct bans *bans = &chat->bans;
    int64_t now_ns = wall_ns(chat);
    for (size_t i = bans->count; i-- > 0;)
        if (bans->entries[i].until_ns <= now_ns)
            bans->entries[i] = bans->entries[--bans->count];
}

/* --- the journal ------------------------------------------------------------------------------ */

static void note(struct chat *chat, enum record_type type, const struct ban *ban)
{
    char text[NET_TEXT];
    net_format(&ban->net, text);
    struct record record = {
        .type = (uint8_t)type, .stamp_ns = ban->until_ns, .text = text, .text_bytes = strlen(text)};
    journal_add(&chat->journal, &record, chat->bans.walked == chat->walk.number);
}

int bans_add(struct chat *chat, const struct net *net, int64_t until_ns)
{
    bans_expire(chat);
    int rc = set(&chat->bans, net, until_ns);
    if (rc == 0)
        note(chat, RECORD_BAN, &(struct ban){.net = *net, .until_ns = until_ns});
    return rc;
}

int bans_remove(struct chat *chat, const struct net *net)
{
    bans_expire(chat);
    if (!drop(&chat->bans, net))
        return -ENOENT;
    note(chat, RECORD_UNBAN, &(struct ban){.net = *net});
    return 0;
}

void bans_restore(struct chat *chat, const struct record *record)
{
    struct net net;
    if (net_parse(record->text, record->text_bytes, &net) < 0)
        return; /* a later version may write others */
    if (record->type == RECORD_UNBAN)
        (void)drop(&chat->bans, &net); /* one that was over may be gone */
    else if (record->stamp_ns > wall_ns(chat))
        (void)set(&chat->bans, &net, record->stamp_ns); /* beyond the limit none was written */
}

void bans_put(struct chat *chat)
{
    const struct bans *bans = &chat->bans;
    for (size_t i = 0; i < bans->count; i++) {
        char text[NET_TEXT];
        net_format(&bans->entries[i].net, text);
        journal_put(&chat->journal, &(struct record){.type = RECORD_BAN,
                                                     .stamp_ns = bans->entries[i].until_ns,
                                                     .text = text,
                                                     .text_bytes = strlen(text)});
    }
    chat->bans.walked = chat->walk.number;
}
