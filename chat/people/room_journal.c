#include "chat/people/room_journal.h"

#include <errno.h>
#include <string.h>

#include "chat/people/bans.h"

/* Lines that one step of the walk puts. */
#define WALK_LINES 8

/* --- changes ---------------------------------------------------------------------------------- */

static void add(struct room *room, struct record record)
{
    struct chat *chat = room->chat;
    /* At its end the walk is past all rooms, those that are made later included. */
    bool walked = !chat->walk.at || room->walked == chat->walk.number ||
                  (chat->walk.at == &room->listed && chat->walk.line > 0);
    record.room = room->name;
    record.room_bytes = strlen(room->name);
    journal_add(&chat->journal, &record, walked);
}

void room_journal_line(struct room *room, int64_t stamp_ns, const char *text, size_t length)
{
    add(room, (struct record){
                  .type = RECORD_LINE, .stamp_ns = stamp_ns, .text = text, .text_bytes = length});
}

static struct record topic_of(const struct room *room)
{
    return (struct record){
        .type = RECORD_TOPIC, .text = room->topic, .text_bytes = strlen(room->topic)};
}

static struct record key_of(const struct room *room)
{
    return (struct record){.type = RECORD_KEY, .text = room->key, .text_bytes = strlen(room->key)};
}

void room_journal_topic(struct room *room)
{
    add(room, topic_of(room));
}

void room_journal_key(struct room *room)
{
    add(room, key_of(room));
}

void room_journal_end(struct room *room)
{
    if (!room->chat->closing)
        add(room, (struct record){.type = RECORD_END});
}

/* --- the walk --------------------------------------------------------------------------------- */

static struct chat *chat_of(struct journal_source *source)
{
    return container_of(source, struct chat, walk.source);
}

static void walk_to(struct chat *chat, struct list *node)
{
    chat->walk.at = node == &chat->listed_rooms ? NULL : node;
    chat->walk.line = 0;
}

static void walk_begin(struct journal_source *source)
{
    struct chat *chat = chat_of(source);
    chat->walk.number++;
    walk_to(chat, chat->listed_rooms.next);
}

static void put(struct journal *journal, const struct room *room, struct record record)
{
    record.room = room->name;
    record.room_bytes = strlen(room->name);
    journal_put(journal, &record);
}

/* Puts some lines from the walk's on. Returns whether there are more. */
static bool put_lines(struct journal *journal, const struct room *room, uint64_t *next)
{
    uint64_t line = history_first(&room->history);
    if (*next > line)
        line = *next;
    uint64_t end = history_end(&room->history);
    for (int i = 0; i < WALK_LINES && line < end; i++, line++) {
        const struct history_line *at = history_get(&room->history, line);
        put(journal, room,
            (struct record){.type = RECORD_LINE,
                            .stamp_ns = at->stamp_ns,
                            .text = at->text,
                            .text_bytes = at->length});
    }
    *next = line;
    return line < end;
}

/* Lines first, and then, in one step, what may be said of the room at any time. */
static bool walk_next(struct journal_source *source, struct journal *journal)
{
    struct chat *chat = chat_of(source);
    if (!chat->walk.at) {
        bans_put(chat);
        return false;
    }
    struct room *room = container_of(chat->walk.at, struct room, listed);
    if (put_lines(journal, room, &chat->walk.line))
        return true;
    if (room->topic)
        put(journal, room, topic_of(room));
    if (*room->key)
        put(journal, room, key_of(room));
    room->walked = chat->walk.number;
    walk_to(chat, room->listed.next);
    if (chat->walk.at)
        return true;
    bans_put(chat); /* in the same step: a room that is made after it is not walked to any more */
    return false;
}

void room_journal_init(struct chat *chat)
{
    list_init(&chat->listed_rooms);
    chat->walk.source = (struct journal_source){.begin = walk_begin, .next = walk_next};
}

void room_journal_forget(struct room *room)
{
    struct chat *chat = room->chat;
    if (chat->walk.at == &room->listed)
        walk_to(chat, room->listed.next);
    list_remove(&room->listed);
}

/* --- the start -------------------------------------------------------------------------------- */

static void waited_in_vain(struct callback *callback)
{
    struct room *room = container_of(callback, struct room, waiting.callback);
    room_close(room);
}

void room_journal_restored(struct chat *chat)
{
    list_for_each(node, &chat->listed_rooms) {
        struct room *room = container_of(node, struct room, listed);
        if (room->people > 0 || room == chat->lobby)
            continue;
        room->waiting.callback = (struct callback){.run = waited_in_vain, .name = room->name};
        loop_call_at(chat->loop, &room->waiting, time_after(chat->loop->now_ns, ROOM_WAITS_NS));
    }
}

/* The room that a record is about, made if it is new: NULL without memory. */
static struct room *room_for(struct chat *chat, const struct record *record)
{
    struct room *room = room_find(chat, record->room, record->room_bytes);
    return room ? room : room_open(chat, 0, record->room, record->room_bytes);
}

static int restore_topic(struct room *room, const struct record *record)
{
    struct sys *sys = room->chat->loop->sys;
    char *topic = sys->allocate(sys, record->text_bytes + 1);
    if (!topic)
        return -ENOMEM;
    memcpy(topic, record->text, record->text_bytes);
    topic[record->text_bytes] = '\0';
    sys->release(sys, room->topic);
    room->topic = topic;
    return 0;
}

static void restore_key(struct room *room, const struct record *record)
{
    size_t length = record->text_bytes < ROOM_KEY_MAX ? record->text_bytes : ROOM_KEY_MAX;
    memcpy(room->key, record->text, length);
    room->key[length] = '\0';
}

static int restore_in(struct room *room, const struct record *record)
{
    struct sys *sys = room->chat->loop->sys;
    switch (record->type) {
    case RECORD_LINE:
        return history_append(&room->history, sys, record->stamp_ns, 0, record->text,
                              record->text_bytes);
    case RECORD_TOPIC:
        return restore_topic(room, record);
    case RECORD_KEY:
        restore_key(room, record);
        return 0;
    default:
        return 0;
    }
}

int room_journal_restore(void *context, const struct record *record)
{
    struct chat *chat = context;
    char name[NAMES_ROOM_MAX + 1];
    if (record->type == RECORD_BAN || record->type == RECORD_UNBAN) {
        bans_restore(chat, record);
        return 0;
    }
    if (names_spell_room(name, record->room, record->room_bytes) == 0)
        return 0; /* no room's: of a type of a later version */
    if (record->type == RECORD_END) {
        struct room *room = room_find(chat, record->room, record->room_bytes);
        if (room && room != chat->lobby)
            room_release(room);
        return 0;
    }
    struct room *room = room_for(chat, record);
    return room ? restore_in(room, record) : -ENOMEM;
}
