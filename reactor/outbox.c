#include "reactor/outbox.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* The head of an entry in the queue. Sequence 0 is the rest of something cut: it goes first. */
struct entry {
    uint64_t sequence; /* of the line that was broadcast last when this was written */
    uint32_t length;
    uint32_t kind; /* enum outbox_kind */
};

/*
 * What is next is found by comparing places. An entry goes behind the line whose sequence it carries
 * and before the next line, so lines take the even places and entries the odd ones.
 */
#define PLACE_NONE UINT64_MAX

static uint64_t place_of_line(uint64_t sequence)
{
    return 2 * sequence;
}

static uint64_t place_of_entry(uint64_t sequence)
{
    return 2 * sequence + 1;
}

void outbox_init(struct outbox *outbox, uint64_t tag)
{
    *outbox = (struct outbox){.tag = tag};
    list_init(&outbox->dirty);
}

void outbox_release(struct outbox *outbox, struct hub *hub)
{
    assert(!outbox->subscribers);
    list_remove(&outbox->dirty);
    buffer_release(&outbox->queue, hub->pool.sys);
}

void outbox_mark(struct outbox *outbox, struct hub *hub)
{
    if (!list_linked(&outbox->dirty))
        list_append(&outbox->dirty, &hub->dirty);
}

static struct entry entry_at(const struct outbox *outbox, size_t offset)
{
    struct entry entry;
    memcpy(&entry, buffer_data(&outbox->queue) + offset, sizeof(entry));
    return entry;
}

static int append_entry(struct outbox *outbox, struct hub *hub, const struct entry *entry,
                        const char *bytes)
{
    struct sys *sys = hub->pool.sys;
    int rc = buffer_reserve(&outbox->queue, sys, sizeof(*entry) + entry->length);
    if (rc < 0)
        return rc;
    (void)buffer_append(&outbox->queue, sys, entry, sizeof(*entry)); /* the room is there */
    (void)buffer_append(&outbox->queue, sys, bytes, entry->length);
    return 0;
}

int outbox_write(struct outbox *outbox, struct hub *hub, enum outbox_kind kind, const char *bytes,
                 size_t size)
{
    if (outbox->dead || size == 0)
        return 0;
    const struct entry entry = {
        .sequence = hub->sequence, .length = (uint32_t)size, .kind = (uint32_t)kind};
    int rc = append_entry(outbox, hub, &entry, bytes);
    if (rc < 0)
        return rc;
    outbox->waiting_bytes[kind] += (uint32_t)size;
    outbox_mark(outbox, hub);
    return 0;
}

bool outbox_owes(struct outbox *outbox)
{
    if (outbox->dead)
        return false;
    bool owes = buffer_length(&outbox->queue) > 0;
    for (struct subscriber *at = outbox->subscribers; at; at = at->next)
        if (broadcast_settle(at))
            owes = true;
    return owes;
}

void outbox_kill(struct outbox *outbox, struct hub *hub)
{
    outbox->dead = true;
    outbox->blocked = true;
    memset(outbox->waiting_bytes, 0, sizeof(outbox->waiting_bytes));
    buffer_release(&outbox->queue, hub->pool.sys);
    for (struct subscriber *at = outbox->subscribers; at; at = at->next) {
        at->cursor = broadcast_limit(at);
        at->missed = 0;
        broadcast_trim_soon(at->broadcast);
    }
}

/* Planning. */

/* The source that is next, and how far it may go before another one is. */
struct choice {
    uint64_t place;
    uint64_t until;
    struct subscriber *subscriber; /* NULL: the queue */
};

static void offer(struct choice *choice, uint64_t place, struct subscriber *subscriber)
{
    if (place < choice->place) {
        choice->until = choice->place;
        choice->place = place;
        choice->subscriber = subscriber;
    } else if (place < choice->until) {
        choice->until = place;
    }
}

/* Compares the entry at `offset` of the queue and the next line of each log. */
static struct choice choose(struct outbox *outbox, size_t offset)
{
    struct choice choice = {.place = PLACE_NONE, .until = PLACE_NONE};
    if (offset < buffer_length(&outbox->queue))
        offer(&choice, place_of_entry(entry_at(outbox, offset).sequence), NULL);
    for (struct subscriber *at = outbox->subscribers; at; at = at->next)
        if (broadcast_settle(at))
            offer(&choice, place_of_line(broadcast_next_sequence(at)), at);
    return choice;
}

static void add_segment(struct outbox_plan *plan, char *bytes, size_t size, struct stretch stretch)
{
    plan->segments[plan->count] = (struct iovec){.iov_base = bytes, .iov_len = size};
    plan->stretches[plan->count] = stretch;
    plan->bytes += size;
    plan->count++;
}

static void add_gap(struct outbox_plan *plan, struct hub *hub, struct subscriber *subscriber)
{
    uint32_t missed = subscriber->missed;
    subscriber->missed = 0;
    if (!hub->rules->gap)
        return;
    plan->gap_bytes = hub->rules->gap(subscriber, missed, plan->gap, sizeof(plan->gap));
    assert(plan->gap_bytes > 0 && plan->gap_bytes <= sizeof(plan->gap));
    add_segment(plan, plan->gap, plan->gap_bytes,
                (struct stretch){.subscriber = subscriber, .missed = missed});
}

static void add_lines(struct outbox_plan *plan, struct subscriber *subscriber, uint64_t until)
{
    const struct chunklog *log = &subscriber->broadcast->log;
    uint64_t from = subscriber->cursor;
    uint64_t sequence_max = until == PLACE_NONE ? UINT64_MAX : (until - 1) / 2;
    uint64_t to = broadcast_stretch_end(subscriber, from, sequence_max);
    const struct line_record *first = chunklog_record(log, from);
    const struct line_record *last = chunklog_record(log, to - 1);
    add_segment(plan, chunklog_bytes(first), last->offset + last->length - first->offset,
                (struct stretch){.subscriber = subscriber, .from = from, .to = to});
    subscriber->cursor = to;
}

/* Returns the offset behind the entry at `offset`. */
static size_t add_entry(struct outbox_plan *plan, struct outbox *outbox, size_t offset)
{
    struct entry entry = entry_at(outbox, offset);
    char *bytes = buffer_data(&outbox->queue) + offset + sizeof(entry);
    add_segment(plan, bytes, entry.length, (struct stretch){.subscriber = NULL});
    return offset + sizeof(entry) + entry.length;
}

void outbox_plan(struct outbox *outbox, struct hub *hub, struct outbox_plan *plan)
{
    size_t offset = 0;
    plan->count = 0;
    plan->bytes = 0;
    plan->gap_bytes = 0;
    while (plan->count < SYS_SEGMENTS_MAX && !outbox->dead) {
        struct choice choice = choose(outbox, offset);
        if (choice.place == PLACE_NONE)
            return;
        if (!choice.subscriber)
            offset = add_entry(plan, outbox, offset);
        else if (!choice.subscriber->missed)
            add_lines(plan, choice.subscriber, choice.until);
        else if (plan->gap_bytes == 0)
            add_gap(plan, hub, choice.subscriber);
        else
            return; /* one text about a gap fits in a plan */
    }
}

/* Accounting. */

/* Puts the unsent rest of something that was cut in front of everything. */
static int keep_rest(struct outbox *outbox, struct hub *hub, const char *rest, size_t size)
{
    struct sys *sys = hub->pool.sys;
    const struct entry entry = {.length = (uint32_t)size, .kind = OUTBOX_REST};
    int rc = buffer_prepend(&outbox->queue, sys, rest, size);
    if (rc < 0)
        return rc;
    rc = buffer_prepend(&outbox->queue, sys, &entry, sizeof(entry));
    if (rc < 0) {
        buffer_consume(&outbox->queue, size);
        return rc;
    }
    outbox->waiting_bytes[OUTBOX_REST] += (uint32_t)size;
    return 0;
}

/* Takes `sent` bytes of the first entry off the queue. The head moves up to what is left of it. */
static void consume_entry(struct outbox *outbox, size_t sent)
{
    struct entry entry = entry_at(outbox, 0);
    outbox->waiting_bytes[entry.kind] -= (uint32_t)sent;
    if (sent == entry.length) {
        buffer_consume(&outbox->queue, sizeof(entry) + sent);
        return;
    }
    entry.length -= (uint32_t)sent;
    entry.sequence = 0;
    buffer_consume(&outbox->queue, sent);
    memcpy(buffer_data(&outbox->queue), &entry, sizeof(entry));
}

/* A stretch of lines of which `sent` bytes went: the cursor goes behind the line that was cut. */
static int cut_lines(struct outbox *outbox, struct hub *hub, const struct stretch *stretch,
                     size_t sent)
{
    struct subscriber *subscriber = stretch->subscriber;
    const struct chunklog *log = &subscriber->broadcast->log;
    uint64_t line = stretch->from;
    const struct line_record *record = chunklog_record(log, line);
    while (sent >= record->length) {
        sent -= record->length;
        record = chunklog_record(log, ++line);
    }
    subscriber->cursor = line;
    if (sent == 0)
        return 0;
    subscriber->cursor++;
    return keep_rest(outbox, hub, chunklog_bytes(record) + sent, record->length - sent);
}

/* Makes a segment that wasn't sent at all owed again. */
static void restore(const struct stretch *stretch)
{
    if (!stretch->subscriber)
        return;
    if (stretch->missed)
        stretch->subscriber->missed = stretch->missed;
    else
        stretch->subscriber->cursor = stretch->from;
}

/* Accounts for a segment of which `sent` bytes went, at least one and not all. */
static int cut(struct outbox *outbox, struct hub *hub, const struct outbox_plan *plan,
               const struct stretch *stretch, size_t sent)
{
    if (!stretch->subscriber) {
        consume_entry(outbox, sent);
        return 0;
    }
    if (stretch->missed)
        return keep_rest(outbox, hub, plan->gap + sent, plan->gap_bytes - sent);
    return cut_lines(outbox, hub, stretch, sent);
}

/* Has the logs trimmed whose oldest chunk a fully sent stretch has left. */
static void note_progress(const struct stretch *stretch)
{
    const struct broadcast *broadcast = stretch->subscriber->broadcast;
    const struct chunk *oldest = chunklog_oldest(&broadcast->log);
    if (oldest && stretch->to == oldest->end_line)
        broadcast_trim_soon(stretch->subscriber->broadcast);
}

int outbox_sent(struct outbox *outbox, struct hub *hub, const struct outbox_plan *plan, size_t sent)
{
    int done = 0;
    for (; done < plan->count && sent >= plan->segments[done].iov_len; done++) {
        const struct stretch *stretch = &plan->stretches[done];
        sent -= plan->segments[done].iov_len;
        if (!stretch->subscriber)
            consume_entry(outbox, plan->segments[done].iov_len);
        else
            note_progress(stretch);
    }
    /* Backwards, so that of several stretches of one log the first has the last word. */
    for (int i = plan->count - 1; i > done; i--)
        restore(&plan->stretches[i]);
    if (done == plan->count)
        return 0;
    if (sent > 0)
        return cut(outbox, hub, plan, &plan->stretches[done], sent);
    restore(&plan->stretches[done]);
    return 0;
}

void outbox_finish_ended(struct outbox *outbox, struct hub *hub)
{
    struct subscriber *next;
    for (struct subscriber *at = outbox->subscribers; at; at = next) {
        next = at->next;
        if (at->end == SUBSCRIBER_OPEN || broadcast_settle(at))
            continue;
        broadcast_unsubscribe(at);
        if (hub->rules->ended)
            hub->rules->ended(at);
    }
}
