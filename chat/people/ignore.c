#include "chat/people/ignore.h"

#include <errno.h>
#include <string.h>

#include "chat/people/line_kind.h"

#define FIRST_CAPACITY 4

/* The `to_sequence` of somebody who is ignored still. */
#define STILL UINT64_MAX

struct ignored_person {
    uint64_t tag;
    uint64_t from_sequence; /* what was said after this line is left out, */
    uint64_t to_sequence; /* up to and with this one; STILL */
};

/* Lifted entries have no limit of their own: who doesn't read soon isn't read any more either, so
 * there are never more of them than answers to /unignore wait (CHAT_UNREAD_BYTES). */
struct ignored {
    uint32_t count; /* entries, lifted ones included */
    uint32_t in_force; /* of these, not lifted */
    uint32_t capacity;
    struct ignored_person people[];
};

static struct sys *sys_of(const struct client *client)
{
    return client_chat(client)->loop->sys;
}

static struct ignored *ignored_of(const struct client *client)
{
    return client->extra ? client->extra->ignored : NULL;
}

/* The first entry whose tag is not below `tag`: entries are in the order of tags, then of time. */
static uint32_t lower_bound(const struct ignored *ignored, uint64_t tag)
{
    uint32_t from = 0;
    uint32_t to = ignored->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (ignored->people[middle].tag < tag)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The entry in force for `tag`, or NULL. */
static struct ignored_person *find(const struct client *client, uint64_t tag)
{
    struct ignored *ignored = ignored_of(client);
    for (uint32_t i = ignored ? lower_bound(ignored, tag) : 0;
         ignored && i < ignored->count && ignored->people[i].tag == tag; i++)
        if (ignored->people[i].to_sequence == STILL)
            return &ignored->people[i];
    return NULL;
}

bool ignore_holds(const struct client *client, uint64_t tag)
{
    return find(client, tag) != NULL;
}

size_t ignore_count(const struct client *client)
{
    const struct ignored *ignored = ignored_of(client);
    return ignored ? ignored->in_force : 0;
}

uint64_t ignore_next(const struct client *client, uint64_t after)
{
    const struct ignored *ignored = ignored_of(client);
    for (uint32_t i = ignored ? lower_bound(ignored, after + 1) : 0; ignored && i < ignored->count;
         i++)
        if (ignored->people[i].to_sequence == STILL)
            return ignored->people[i].tag;
    return 0;
}

/* True if `record` is of somebody who was ignored when it was said. */
static bool was_ignored(const struct ignored *ignored, const struct line_record *record)
{
    for (uint32_t i = lower_bound(ignored, record->author);
         i < ignored->count && ignored->people[i].tag == record->author; i++)
        if (record->sequence > ignored->people[i].from_sequence &&
            record->sequence <= ignored->people[i].to_sequence)
            return true;
    return false;
}

static enum line_kind kind_of(const struct line_record *record)
{
    return line_kind(chunklog_bytes(record), record->length);
}

bool ignore_skips(const struct outbox *outbox, const struct line_record *record)
{
    const struct client *client = client_of_outbox(outbox);
    const struct ignored *ignored = ignored_of(client);
    if (ignored && was_ignored(ignored, record))
        return kind_of(record) == LINE_SPEECH ||
               (client->quiet && kind_of(record) == LINE_PRESENCE);
    return client->quiet && kind_of(record) == LINE_PRESENCE;
}

void ignore_set_quiet(struct client *client, bool quiet)
{
    client->quiet = quiet;
    client->stream.outbox.selective = quiet || ignored_of(client);
}

/* The order of the first line that `client` has not been shown in any of its rooms; STILL where it
 * has been shown all. */
static uint64_t first_unshown(const struct client *client)
{
    uint64_t first = STILL;
    for (struct subscriber *at = stream_subscriptions(&client->stream); at; at = at->next) {
        if (at->cursor >= broadcast_limit(at))
            continue;
        uint64_t sequence = chunklog_record(&at->broadcast->log, at->cursor)->sequence;
        if (sequence < first)
            first = sequence;
    }
    return first;
}

/* Drops lifted entries that have nothing left to leave out. */
static void forget_done(struct client *client)
{
    struct ignored *ignored = ignored_of(client);
    uint64_t unshown = first_unshown(client);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < ignored->count; i++)
        if (ignored->people[i].to_sequence >= unshown || ignored->people[i].to_sequence == STILL)
            ignored->people[kept++] = ignored->people[i];
    ignored->count = kept;
    if (kept == 0)
        ignore_release(client);
}

/* Makes room for one more entry. */
static int reserve(struct client *client)
{
    struct ignored *ignored = ignored_of(client);
    if (ignored && ignored->count < ignored->capacity)
        return 0;
    if (!client_extra(client))
        return -ENOMEM;
    uint32_t capacity = ignored ? ignored->capacity * 2 : FIRST_CAPACITY;
    size_t size = sizeof(*ignored) + capacity * sizeof(ignored->people[0]);
    struct ignored *grown = sys_of(client)->resize(sys_of(client), ignored, size);
    if (!grown)
        return -ENOMEM;
    if (!ignored)
        grown->count = grown->in_force = 0;
    grown->capacity = capacity;
    client->extra->ignored = grown;
    return 0;
}

int ignore_add(struct client *client, uint64_t tag)
{
    if (ignored_of(client))
        forget_done(client);
    if (ignore_holds(client, tag))
        return 0;
    if (ignore_count(client) >= CHAT_IGNORED_MAX)
        return -ENOSPC;
    int rc = reserve(client);
    if (rc < 0)
        return rc;
    struct ignored *ignored = ignored_of(client);
    uint32_t place = lower_bound(ignored, tag + 1);
    memmove(&ignored->people[place + 1], &ignored->people[place],
            (ignored->count - place) * sizeof(ignored->people[0]));
    ignored->people[place] = (struct ignored_person){
        .tag = tag, .from_sequence = client_chat(client)->fanout.sequence, .to_sequence = STILL};
    ignored->count++;
    ignored->in_force++;
    client->stream.outbox.selective = true;
    return 0;
}

/* From here on the entry concerns only what was said already. */
static void lift(struct client *client, struct ignored_person *person)
{
    person->to_sequence = client_chat(client)->fanout.sequence;
    ignored_of(client)->in_force--;
}

int ignore_remove(struct client *client, uint64_t tag)
{
    struct ignored_person *person = find(client, tag);
    if (!person)
        return -ENOENT;
    lift(client, person);
    forget_done(client);
    return 0;
}

void ignore_forget_gone(struct client *client)
{
    struct ignored *ignored = ignored_of(client);
    if (!ignored)
        return;
    for (uint32_t i = 0; i < ignored->count; i++)
        if (ignored->people[i].to_sequence == STILL &&
            !tags_find(&client_chat(client)->tags, ignored->people[i].tag))
            lift(client, &ignored->people[i]);
    forget_done(client);
}

void ignore_release(struct client *client)
{
    if (client->extra) {
        sys_of(client)->release(sys_of(client), client->extra->ignored);
        client->extra->ignored = NULL;
    }
    client->stream.outbox.selective = client->quiet;
}
