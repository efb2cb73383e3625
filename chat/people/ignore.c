#include "chat/people/ignore.h"

#include <errno.h>

#include "chat/people/line_kind.h"

#define FIRST_CAPACITY 4

/* The `to_sequence` of somebody who is ignored still. */
#define STILL UINT64_MAX

/* The same while those who are still here are looked for, and this one wasn't found yet. */
#define UNSEEN (STILL - 1)

struct ignored_person {
    uint64_t tag;
    uint64_t from_sequence; /* what was said after this line is left out, */
    uint64_t to_sequence; /* up to and with this one; STILL */
};

/* Lifted entries have no limit of their own: who doesn't read soon isn't read any more either, so
 * there are never more of them than answers to /unignore wait (CHAT_UNREAD_BYTES). */
struct ignored {
    uint32_t count; /* entries, lifted ones included */
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

/* The entry in force for `tag`, or NULL. */
static struct ignored_person *find(const struct client *client, uint64_t tag)
{
    struct ignored *ignored = ignored_of(client);
    for (uint32_t i = 0; ignored && i < ignored->count; i++)
        if (ignored->people[i].tag == tag && ignored->people[i].to_sequence == STILL)
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
    size_t count = 0;
    for (uint32_t i = 0; ignored && i < ignored->count; i++)
        count += ignored->people[i].to_sequence == STILL;
    return count;
}

bool ignore_skips(const struct outbox *outbox, const struct line_record *record)
{
    const struct ignored *ignored = ignored_of(client_of_outbox(outbox));
    for (uint32_t i = 0; ignored && i < ignored->count; i++) {
        const struct ignored_person *person = &ignored->people[i];
        if (person->tag == record->author && record->sequence > person->from_sequence &&
            record->sequence <= person->to_sequence)
            return line_kind(chunklog_bytes(record), record->length) == LINE_SPEECH;
    }
    return false;
}

/* The order of the first line that `client` has not been shown in any of its rooms; STILL where it
 * has been shown all. */
static uint64_t first_unshown(const struct client *client)
{
    uint64_t first = STILL;
    for (struct subscriber *at = client->stream.outbox.subscribers; at; at = at->next) {
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
        grown->count = 0;
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
    ignored->people[ignored->count++] = (struct ignored_person){
        .tag = tag, .from_sequence = client_chat(client)->fanout.sequence, .to_sequence = STILL};
    client->stream.outbox.selective = true;
    return 0;
}

/* From here on the entry concerns only what was said already. */
static void lift(struct client *client, struct ignored_person *person)
{
    person->to_sequence = client_chat(client)->fanout.sequence;
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

static void mark_all_unseen(struct ignored *ignored)
{
    for (uint32_t i = 0; i < ignored->count; i++)
        if (ignored->people[i].to_sequence == STILL)
            ignored->people[i].to_sequence = UNSEEN;
}

/* Somebody with this tag is here. */
static void see(struct ignored *ignored, uint64_t tag)
{
    for (uint32_t i = 0; i < ignored->count; i++)
        if (ignored->people[i].tag == tag && ignored->people[i].to_sequence == UNSEEN)
            ignored->people[i].to_sequence = STILL;
}

/* One walk over all people, of whom there may be thousands, and not one for each of a hundred. */
void ignore_forget_gone(struct client *client)
{
    struct ignored *ignored = ignored_of(client);
    size_t position = 0;
    if (!ignored)
        return;
    mark_all_unseen(ignored);
    for (const char *name; (name = names_next(&client_chat(client)->people, &position));)
        see(ignored, client_tag(client_of_name(name)));
    for (uint32_t i = 0; i < ignored->count; i++)
        if (ignored->people[i].to_sequence == UNSEEN)
            lift(client, &ignored->people[i]);
    forget_done(client);
}

void ignore_release(struct client *client)
{
    if (client->extra) {
        sys_of(client)->release(sys_of(client), client->extra->ignored);
        client->extra->ignored = NULL;
    }
    client->stream.outbox.selective = false;
}
