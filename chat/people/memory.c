#include "chat/people/memory.h"

#include "chat/people/room.h"

/* A part of the limit: so much more than is needed is freed, so that the search is seldom. */
#define HEADROOM_PART 16

static struct sys *sys_of(const struct chat *chat)
{
    return chat->loop->sys;
}

/* What the pool keeps for reuse is nobody's. */
static size_t held_bytes(const struct chat *chat)
{
    return sys_of(chat)->held_bytes(sys_of(chat)) - chat->fanout.pool.kept_bytes;
}

void memory_begin(struct chat *chat)
{
    chat->base_bytes = held_bytes(chat);
}

static size_t used_bytes(const struct chat *chat)
{
    size_t free_bytes = chat->base_bytes + chat->connections * MEMORY_CLIENT_BYTES;
    size_t held = held_bytes(chat);
    return held > free_bytes ? held - free_bytes : 0;
}

/* What of a room can be shrunk. */
struct kind {
    size_t (*bytes)(const struct room *room);
    void (*shrink)(struct room *room, size_t keep_bytes);
};

static size_t history_bytes(const struct room *room)
{
    return room->history.bytes;
}

static void shrink_history(struct room *room, size_t keep_bytes)
{
    history_shrink(&room->history, sys_of(room->chat), keep_bytes);
}

static size_t backlog_bytes(const struct room *room)
{
    return room->broadcast.log.bytes;
}

static void shrink_backlog(struct room *room, size_t keep_bytes)
{
    broadcast_shrink(&room->broadcast, keep_bytes);
}

static const struct kind histories = {history_bytes, shrink_history};
static const struct kind backlogs = {backlog_bytes, shrink_backlog};

static struct room *room_at(struct list *node)
{
    return container_of(node, struct room, all);
}

static size_t largest(struct chat *chat, const struct kind *kind)
{
    size_t bytes = 0;
    list_for_each(node, &chat->all_rooms)
        if (kind->bytes(room_at(node)) > bytes)
            bytes = kind->bytes(room_at(node));
    return bytes;
}

/* Halves the largest again and again, until `target_bytes` are used at most: a room is looked at
 * once per halving, some twenty times in all. */
static void shrink(struct chat *chat, const struct kind *kind, size_t target_bytes)
{
    for (size_t level = largest(chat, kind) / 2; used_bytes(chat) > target_bytes; level /= 2) {
        list_for_each_safe(node, &chat->all_rooms)
            if (used_bytes(chat) > target_bytes && kind->bytes(room_at(node)) > level)
                kind->shrink(room_at(node), level);
        if (level == 0)
            return;
    }
}

bool memory_settle(struct chat *chat)
{
    size_t limit = chat->config->memory_bytes;
    if (limit == 0 || used_bytes(chat) <= limit)
        return true;
    if (chat->memory_turn == chat->loop->turn)
        return false; /* it was tried in this turn: the next line must not pay for it again */
    chat->memory_turn = chat->loop->turn;
    shrink(chat, &histories, limit - limit / HEADROOM_PART);
    shrink(chat, &backlogs, limit - limit / HEADROOM_PART);
    return used_bytes(chat) <= limit;
}
