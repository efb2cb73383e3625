/* The part of operator_internal.h that answers step by step. */
#include <inttypes.h>

#include "chat/operator/operator_internal.h"
#include "chat/people/net.h"
#include "chat/people/room.h"
#include "chat/text/units.h"

/* Lines per step of a walk that begins at the start each time. */
#define PART_LINES 100

/* People who are told per turn: what the fanout sends to rooms per turn, too. */
#define SAY_PER_TURN 256

static struct loop *loop_of(const struct operator_session *self)
{
    return self->operators->chat->loop;
}

/* --- clients and rooms ------------------------------------------------------------------------ */

static void print_client(struct operator_session *self, const struct client *client)
{
    const struct loop *loop = loop_of(self);
    const uint32_t *waiting = client->stream.outbox.waiting_bytes;
    char address[CLIENT_ADDRESS_TEXT], since[UNITS_DURATION_TEXT], idle[UNITS_DURATION_TEXT];
    client_format_address(client, address);
    units_format_duration(loop->now_ns - client->came_ns, since);
    units_format_duration(loop->now_ns - client->heard_ns, idle);
    operator_print(self,
                   "%s id %" PRIu64 ", from %s, here for %s, idle %s, rooms %u, waiting %u bytes%s",
                   client->name, client_tag(client), address, since, idle, client->memberships,
                   waiting[OUTBOX_ANSWER] + waiting[OUTBOX_MESSAGE] + waiting[OUTBOX_REST],
                   client->stream.outbox.blocked ? ", not reading" : "");
}

enum operator_step operator_next_client(struct operator_session *self)
{
    const char *name = names_next(&self->operators->chat->people, &self->position);
    if (!name)
        return OPERATOR_DONE;
    print_client(self, client_of_name(name));
    return OPERATOR_MORE;
}

enum operator_step operator_next_room(struct operator_session *self)
{
    const char *name = names_next(&self->operators->chat->rooms, &self->position);
    if (!name)
        return OPERATOR_DONE;
    const struct room *room = room_of_name(name);
    operator_print(self, "%s: %u people, %zu bytes of backlog%s", room->name, room->people,
                   room->broadcast.log.bytes, room->key[0] ? ", locked" : "");
    return OPERATOR_MORE;
}

enum operator_step operator_next_ban(struct operator_session *self)
{
    const struct bans *bans = &self->operators->chat->bans;
    struct sys *sys = loop_of(self)->sys;
    char address[NET_TEXT], left[UNITS_DURATION_TEXT];
    if (self->position >= bans->count)
        return OPERATOR_DONE;
    const struct ban *ban = &bans->entries[self->position++];
    net_format(&ban->net, address);
    units_format_duration(ban->until_ns - sys->realtime_ns(sys), left);
    operator_print(self, "%s%s%s", address, ban->until_ns == INT64_MAX ? "" : ", for ",
                   ban->until_ns == INT64_MAX ? "" : left);
    return OPERATOR_MORE;
}

/* --- tasks and timers ------------------------------------------------------------------------- */

static void print_task(void *context, const char *line)
{
    struct operator_session *self = context;
    self->position++;
    operator_print(self, "%s", line);
}

enum operator_step operator_next_tasks(struct operator_session *self)
{
    const struct root_part part = {self->position, PART_LINES};
    root_print_part(self->operators->root, part, print_task, self);
    return self->position < part.first + part.count ? OPERATOR_DONE : OPERATOR_NEXT_TURN;
}

static void print_timer(void *context, const struct wheel_timer *wheel)
{
    struct operator_session *self = context;
    const struct timer *timer = container_of(wheel, const struct timer, wheel);
    char left[UNITS_DURATION_TEXT];
    size_t number = self->passed++;
    if (number < self->position || number >= self->position + PART_LINES)
        return;
    units_format_duration(wheel->deadline_ns - loop_of(self)->now_ns, left);
    operator_print(self, "%s: in %s", timer->callback.name, left);
}

enum operator_step operator_next_timers(struct operator_session *self)
{
    self->passed = 0;
    wheel_each(&loop_of(self)->wheel, print_timer, self);
    self->position += PART_LINES;
    return self->passed <= self->position ? OPERATOR_DONE : OPERATOR_NEXT_TURN;
}

/* --- say -------------------------------------------------------------------------------------- */

static void tell(struct operator_session *self, struct client *client)
{
    self->said_tag = client_tag(client);
    if (client->end)
        return; /* it is going */
    if (client_announce(client, self->text) == 0)
        self->told++;
    else
        self->missed++;
}

/* Sessions stand in the order in which they began, and so do their tags: each is told once, and
 * nobody is told who came later. */
enum operator_step operator_say_on(struct operator_session *self)
{
    size_t before = self->told + self->missed;
    list_for_each(node, &self->operators->sessions->group.children) {
        struct task *task = task_of_sibling(node);
        struct client *client = &container_of(task, struct session, task)->client;
        uint64_t tag = client_tag(client);
        if (tag > self->last_tag)
            break;
        if (tag > self->said_tag)
            tell(self, client);
        if (self->told + self->missed == before + SAY_PER_TURN)
            return OPERATOR_NEXT_TURN;
    }
    if (self->missed > 0)
        operator_print(self, "%zu who do not read were not told", self->missed);
    return OPERATOR_DONE;
}
