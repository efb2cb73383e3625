/* /rooms: the largest rooms first. */
#include <string.h>

#include "chat/session/answer_internal.h"

/* Looked at in one turn: names and topics in bytes, and rooms. */
#define SLICE_BYTES 16384
#define SLICE_ROOMS 1000

struct listed {
    uint32_t people;
    char name[NAMES_ROOM_MAX + 1];
};

/* First all rooms are gone through, a slice per turn, for the largest; then these are told one by
 * one, from what is true then. */
struct rooms_answer {
    struct answer answer; /* its position: in the table, then in `largest` */
    bool found; /* all rooms have been gone through */
    uint32_t matching;
    uint32_t count; /* of `largest` */
    struct listed largest[ANSWER_NAMED_MAX];
};

/* The topic as far as `client` may know it: that of a locked room is for its members. */
static const char *known_topic(const struct client *client, const struct room *room)
{
    return room->key[0] && !room_member(client, room) ? NULL : room->topic;
}

static bool matches(const struct rooms_answer *self, const struct client *client,
                    const struct room *room)
{
    const char *what = self->answer.text;
    const char *topic = known_topic(client, room);
    return !what || answer_contains(room->name, strlen(room->name), what) ||
           (topic && answer_contains(topic, strlen(topic), what));
}

/* True if a room of `people` called `name` comes before `listed`. */
static bool comes_before(uint32_t people, const char *name, const struct listed *listed)
{
    return people != listed->people ? people > listed->people : strcmp(name, listed->name) < 0;
}

/* Puts the room where it belongs among the largest, the smallest of which may fall out. */
static void insert(struct rooms_answer *self, const struct room *room)
{
    uint32_t place = self->count;
    while (place > 0 && comes_before(room->people, room->name, &self->largest[place - 1]))
        place--;
    if (place == ANSWER_NAMED_MAX)
        return;
    if (self->count < ANSWER_NAMED_MAX)
        self->count++;
    memmove(&self->largest[place + 1], &self->largest[place],
            (self->count - 1 - place) * sizeof(self->largest[0]));
    self->largest[place].people = room->people;
    memcpy(self->largest[place].name, room->name, sizeof(room->name));
}

/* Goes through a slice of the table. False at its end. */
static bool find_largest(struct rooms_answer *self, const struct client *client)
{
    size_t position = self->answer.position;
    size_t bytes = 0;
    for (uint32_t i = 0; i < SLICE_ROOMS && bytes < SLICE_BYTES; i++) {
        const char *name = names_next(&client_chat(client)->rooms, &position);
        if (!name)
            return false;
        const struct room *room = room_of_name(name);
        bytes += self->answer.text && room->topic ? strlen(room->topic) : 0;
        if (matches(self, client, room)) {
            self->matching++;
            insert(self, room);
        }
    }
    self->answer.position = position;
    return true;
}

static void tell_room(struct client *client, const struct room *room)
{
    const struct member *current = room_current(client);
    const char *topic = known_topic(client, room);
    client_tell(client, "%s: %u %s%s%s%s%s", room->name, room->people,
                room->people == 1 ? "person" : "people", room->key[0] ? ", locked" : "",
                current && room_of(current) == room ? ", you talk here" : "", topic ? ": " : "",
                topic ? topic : "");
}

/* After the rooms: how many more there are, or that there are none. */
static enum answer_step tell_rest(struct rooms_answer *self, struct client *client)
{
    if (self->answer.counted)
        return ANSWER_DONE;
    self->answer.counted = true;
    if (self->matching > self->count)
        client_tell(client, "%u more rooms", self->matching - self->count);
    else if (self->matching == 0)
        client_tell(client, "No room matches \"%s\".", self->answer.text);
    else
        return ANSWER_DONE;
    return ANSWER_LINE;
}

static enum answer_step compose_rooms(struct answer *answer, struct client *client)
{
    struct rooms_answer *self = container_of(answer, struct rooms_answer, answer);
    if (!self->found) {
        if (find_largest(self, client))
            return ANSWER_SEARCHES;
        self->found = true;
        answer->position = 0;
    }
    while (answer->position < self->count) {
        const char *name = self->largest[answer->position++].name;
        const struct room *room = room_find(client_chat(client), name, strlen(name));
        if (!room)
            continue;
        tell_room(client, room);
        return ANSWER_LINE;
    }
    return tell_rest(self, client);
}

void answer_rooms(struct client *client, struct word text)
{
    struct answer *answer = answer_start(client, sizeof(struct rooms_answer), compose_rooms);
    if (answer && text.text)
        (void)answer_search_for(answer, client, text);
}
