#include "chat/people/room.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/room_journal.h"
#include "chat/text/text.h"

static struct sys *sys_of(const struct room *room)
{
    return room->chat->loop->sys;
}

/* Life of a room. */

static void announce_due(struct callback *callback)
{
    room_announce(container_of(callback, struct room, announce.callback));
}

static void tell_wrong_keys(struct callback *callback)
{
    struct room *room = container_of(callback, struct room, wrong_timer.callback);
    room_event(room, room->wrong_keys == 1 ? "%u wrong key was tried" : "%u wrong keys were tried",
               room->wrong_keys);
    room->wrong_keys = 0;
    room->wrong_told_ns = room->chat->loop->now_ns;
}

struct room *room_find(const struct chat *chat, const char *name, size_t length)
{
    const char *found = names_find(&chat->rooms, name, length);
    return found ? room_of_name(found) : NULL;
}

struct room *room_open(struct chat *chat, uint64_t creator, const char *name, size_t length)
{
    struct sys *sys = chat->loop->sys;
    struct room *room = sys->allocate(sys, sizeof(*room));
    if (!room)
        return NULL;
    *room = (struct room){.chat = chat, .creator = creator};
    (void)names_spell_room(room->name, name, length); /* it is valid */
    if (names_add(&chat->rooms, room->name) < 0) {
        sys->release(sys, room);
        return NULL;
    }
    room->announce.callback = (struct callback){.run = announce_due, .name = room->name};
    room->wrong_timer.callback = (struct callback){.run = tell_wrong_keys, .name = room->name};
    room->wrong_told_ns = -ROOM_WRONG_NS;
    broadcast_init(&room->broadcast, &chat->fanout, room->name, chat->config->backlog_bytes);
    history_init(&room->history, chat->config->history_lines);
    list_append(&room->all, &chat->all_rooms);
    list_append(&room->listed, &chat->listed_rooms);
    return room;
}

static void free_room(struct room *room)
{
    struct sys *sys = sys_of(room);
    list_remove(&room->all);
    broadcast_release(&room->broadcast);
    sys->release(sys, room);
}

static void free_room_due(struct callback *callback)
{
    free_room(container_of(callback, struct room, announce.callback));
}

/* A room that has no name any more goes when nobody is owed anything of it: at the end of the turn,
 * since a flush may stand in the middle of it. */
static void free_when_done(struct room *room)
{
    if (room->broadcast.count > 0 || room->freeing)
        return;
    room->freeing = true;
    room->announce.callback.run = free_room_due;
    loop_reap(room->chat->loop, &room->announce.callback);
}

static bool is_closed(const struct room *room)
{
    return names_find(&room->chat->rooms, room->name, strlen(room->name)) != room->name;
}

/* Takes a room's name off the table and forgets what it remembers. */
static void detach(struct room *room)
{
    assert(room->people == 0);
    struct sys *sys = sys_of(room);
    names_remove(&room->chat->rooms, room->name);
    room_journal_forget(room);
    loop_stop(room->chat->loop, &room->announce);
    loop_stop(room->chat->loop, &room->wrong_timer);
    loop_stop(room->chat->loop, &room->waiting);
    gather_release(&room->gather, sys);
    history_release(&room->history, sys);
    sys->release(sys, room->topic);
    room->topic = NULL;
    sys->release(sys, room->kicked);
    room->kicked = NULL;
}

void room_close(struct room *room)
{
    room_journal_end(room);
    detach(room);
    free_when_done(room);
}

void room_release(struct room *room)
{
    detach(room);
    free_room(room);
}

/* Saying. */

/* Hands a composed line, CR LF added, to the members. */
static int append(struct room *room, struct member *author, size_t length)
{
    char *line = room->chat->output;
    memcpy(line + length, "\r\n", 2);
    return broadcast_append(&room->broadcast, author ? &author->subscriber : NULL, line,
                            length + 2);
}

/* Says and remembers the line in the scratch. What can't be remembered was said all the same. */
static int say(struct member *member, size_t length)
{
    struct room *room = room_of(member);
    struct sys *sys = sys_of(room);
    int rc = append(room, member, length);
    if (rc < 0)
        return rc;
    int64_t stamp_ns = sys->realtime_ns(sys);
    (void)history_append(&room->history, sys, stamp_ns, client_tag(client_of(member)),
                         room->chat->output, length);
    room_journal_line(room, stamp_ns, room->chat->output, length);
    return 0;
}

/* Composes a line of somebody's in the scratch: three words before the text. */
static size_t compose(struct room *room, const char *between, const char *name, const char *after,
                      struct iovec text)
{
    const char *words[] = {room->name, between, name, after, NULL};
    char *to = text_put_words(room->chat->output, words);
    memcpy(to, text.iov_base, text.iov_len);
    return (size_t)(to - room->chat->output) + text.iov_len;
}

/* Whether the room is ahead of its readers; then the line of `client` waits for it. */
static bool is_ahead(const struct room *room, struct client *client)
{
    if (broadcast_has_space(&room->broadcast))
        return false;
    client->held = &room->broadcast;
    return true;
}

bool room_holds_back(const struct client *client)
{
    for (struct subscriber *at = stream_subscriptions(&client->stream); at; at = at->next)
        if (at->broadcast == client->held && member_of(at))
            return !broadcast_has_space(at->broadcast);
    return false;
}

bool room_any_ahead(struct client *client)
{
    for (struct subscriber *at = stream_subscriptions(&client->stream); at; at = at->next)
        if (member_of(at) && is_ahead(room_of(member_of(at)), client))
            return true;
    return false;
}

int room_speak(struct member *member, const char *text, size_t length)
{
    struct room *room = room_of(member);
    if (is_ahead(room, client_of(member)))
        return 0;
    if (member->arrival)
        room_announce(room);
    struct iovec said = {.iov_base = (char *)text, .iov_len = length};
    return say(member, compose(room, " <", client_of(member)->name, "> ", said));
}

int room_emote(struct member *member, const char *text, size_t length)
{
    struct room *room = room_of(member);
    if (is_ahead(room, client_of(member)))
        return 0;
    if (member->arrival)
        room_announce(room);
    struct iovec said = {.iov_base = (char *)text, .iov_len = length};
    return say(member, compose(room, " * ", client_of(member)->name, " ", said));
}

/* `#room -- TEXT` to all members but `author`, NULL being nobody. */
static void emit(struct room *room, struct member *author, const char *format, va_list arguments)
{
    char *line = room->chat->output;
    size_t most = room->chat->output_size - 2;
    size_t length = (size_t)snprintf(line, most, "%s -- ", room->name);
    int added = vsnprintf(line + length, most - length, format, arguments);
    assert(added >= 0);
    length += (size_t)added;
    assert(length < most);
    (void)append(room, author, length); /* as said: without memory nobody is told */
}

void room_event(struct room *room, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    emit(room, NULL, format, arguments);
    va_end(arguments);
}

/* The same, not shown to the member it is about, which was told. */
static void event_for_others(struct member *member, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void event_for_others(struct member *member, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    emit(room_of(member), member, format, arguments);
    va_end(arguments);
}

int room_set_topic(struct member *member, const char *text, size_t length)
{
    struct room *room = room_of(member);
    struct client *client = client_of(member);
    if (is_ahead(room, client))
        return 0;
    char *topic = client_copy_text(client, text, length);
    if (!topic)
        return -ENOMEM;
    sys_of(room)->release(sys_of(room), room->topic);
    room->topic = topic;
    room_journal_topic(room);
    if (member->arrival)
        room_announce(room);
    room_event(room, "%s set the topic: %s", client->name, topic);
    return 0;
}

/* Arriving and leaving. */

static void emit_event(void *context, const char *line, size_t length)
{
    room_event(context, "%.*s", (int)length, line);
}

/* What is gathered is about to be announced, or never will be: nobody's arrival is pending. */
static void settle_arrivals(struct room *room)
{
    for (uint32_t i = 0; i < room->gather.arrival_count; i++) {
        const char *name = room->gather.arrivals[i];
        if (name)
            room_member(client_of_name(name), room)->arrival = 0;
    }
}

void room_announce(struct room *room)
{
    struct chat *chat = room->chat;
    loop_stop(chat->loop, &room->announce);
    settle_arrivals(room);
    /* What is left over is for the room's name and the rest that room_event adds. */
    if (!chat->closing)
        gather_compose(&room->gather, chat->event, chat->output_size - CHAT_LINE_EXTRA / 2,
                       emit_event, room);
    gather_release(&room->gather, sys_of(room));
}

void room_announce_client(struct client *client)
{
    for (struct subscriber *at = stream_subscriptions(&client->stream); at; at = at->next) {
        struct member *member = member_of(at);
        if (member && member->arrival)
            room_announce(room_of(member));
    }
}

/* Sees to it that what is gathered is announced in time: counted from the first of it. */
static void announce_later(struct room *room)
{
    struct loop *loop = room->chat->loop;
    if (!wheel_running(&room->announce.wheel))
        loop_call_at(loop, &room->announce, time_after(loop->now_ns, ROOM_GATHER_NS));
}

struct member *room_member(const struct client *client, const struct room *room)
{
    for (struct subscriber *at = stream_subscriptions(&client->stream); at; at = at->next)
        if (at->broadcast == &room->broadcast && at->end == SUBSCRIBER_OPEN)
            return member_of(at);
    return NULL;
}

struct member *room_current(const struct client *client)
{
    for (struct subscriber *at = stream_subscriptions(&client->stream); at; at = at->next)
        if (member_of(at))
            return member_of(at);
    return NULL;
}

void room_make_current(struct member *member)
{
    broadcast_put_first(&member->subscriber);
}

/* Memory for a membership: the client's own where it is free. */
static struct member *allocate_member(struct client *client, struct sys *sys)
{
    if (!client->first.subscriber.broadcast)
        return &client->first;
    return sys->allocate(sys, sizeof(struct member));
}

static void free_member(struct member *member, struct client *client, struct sys *sys)
{
    if (member == &client->first)
        member->subscriber.broadcast = NULL;
    else
        sys->release(sys, member);
}

int room_join(struct room *room, struct client *client)
{
    struct sys *sys = sys_of(room);
    struct member *member = allocate_member(client, sys);
    if (!member)
        return -ENOMEM;
    int rc = broadcast_subscribe(&room->broadcast, &member->subscriber, &client->stream.outbox);
    if (rc < 0) {
        free_member(member, client, sys);
        return rc;
    }
    room->people++;
    loop_stop(room->chat->loop, &room->waiting);
    client->memberships++;
    member->arrival = gather_arrival(&room->gather, sys, client->name);
    if (member->arrival)
        announce_later(room);
    else
        room_event(room, "%s joined", client->name);
    return 0;
}

/* Has the departure announced, unless the arrival never was. */
static void note_departure(struct member *member, const char *reason)
{
    struct room *room = room_of(member);
    struct client *client = client_of(member);
    if (member->arrival) {
        gather_cancel(&room->gather, member->arrival);
        member->arrival = 0;
        return;
    }
    if (room->chat->closing)
        return;
    if (gather_departure(&room->gather, client->name, sys_of(room), reason))
        announce_later(room);
    else if (reason)
        room_event(room, "%s left (%s)", client->name, reason);
    else
        room_event(room, "%s left", client->name);
}

bool room_is_creator(const struct room *room, const struct client *client)
{
    return room->creator != 0 &&
           (room->creator == client_owner(client) || room->creator == client_tag(client));
}

/* Somebody who holds the name finds the room again after a connection that broke. */
static bool keeps_rights(const struct client *client)
{
    return client->extra && client->extra->held_name && client->end != CLIENT_STAYS &&
           client->end != CLIENT_QUIT;
}

void room_give(struct room *room, struct client *client)
{
    room->creator = client_owner(client);
    room_announce_client(client);
    room_event(room, "%s now owns the room", client->name);
}

int room_ban(struct room *room, const struct client *client)
{
    struct sys *sys = sys_of(room);
    if (!room->kicked) {
        room->kicked = sys->allocate(sys, CHAT_KICKED_MAX * sizeof(room->kicked[0]));
        if (!room->kicked)
            return -ENOMEM;
        memset(room->kicked, 0, CHAT_KICKED_MAX * sizeof(room->kicked[0]));
    }
    room->kicked[room->kicked_count++ % CHAT_KICKED_MAX] = client_tag(client);
    return 0;
}

bool room_bans(const struct room *room, const struct client *client)
{
    for (uint32_t i = 0; room->kicked && i < CHAT_KICKED_MAX; i++)
        if (room->kicked[i] == client_tag(client))
            return true;
    return false;
}

void room_note_wrong_key(struct room *room)
{
    struct loop *loop = room->chat->loop;
    int64_t due_ns = time_after(loop->now_ns, ROOM_GATHER_NS);
    room->wrong_keys++;
    if (wheel_running(&room->wrong_timer.wheel))
        return;
    if (due_ns < room->wrong_told_ns + ROOM_WRONG_NS)
        due_ns = room->wrong_told_ns + ROOM_WRONG_NS;
    loop_call_at(loop, &room->wrong_timer, due_ns);
}

void room_leave(struct member *member, const char *reason)
{
    struct room *room = room_of(member);
    struct client *client = client_of(member);
    assert(room->people > 0);
    room->people--;
    client->memberships--;
    if (room_is_creator(room, client) && !keeps_rights(client))
        room->creator = 0;
    note_departure(member, reason);
    broadcast_end(&member->subscriber); /* may free the member */
    if (room->people == 0 && room != room->chat->lobby)
        room_close(room);
}

void room_leave_all(struct client *client, const char *reason)
{
    for (struct member *member; (member = room_current(client));)
        room_leave(member, reason);
}

size_t room_gap(const struct subscriber *subscriber, uint64_t lines, char *text, size_t size)
{
    int length = snprintf(text, size,
                          "* %" PRIu64 " lines of %s skipped: your connection is slow "
                          "(/history shows the latest)\r\n",
                          lines, subscriber->broadcast->name);
    assert(length > 0 && (size_t)length < size);
    return (size_t)length;
}

void room_subscription_ended(struct subscriber *subscriber)
{
    struct room *room = container_of(subscriber->broadcast, struct room, broadcast);
    struct client *client = client_of_outbox(subscriber->outbox);
    free_member(container_of(subscriber, struct member, subscriber), client, sys_of(room));
    if (is_closed(room))
        free_when_done(room);
}

void room_forget(struct client *client)
{
    for (struct subscriber *at; (at = stream_subscriptions(&client->stream));) {
        broadcast_unsubscribe(at);
        room_subscription_ended(at);
    }
}

void room_tell_renamed(struct client *client, const char *before)
{
    for (struct subscriber *at = stream_subscriptions(&client->stream); at; at = at->next) {
        struct member *member = member_of(at);
        if (!member || member->arrival)
            continue;
        struct room *room = room_of(member);
        /* Somebody who left may have had this name: that is to be read first. */
        if (gather_has_departures(&room->gather))
            room_announce(room);
        event_for_others(member, "%s is now %s", before, client->name);
    }
}
