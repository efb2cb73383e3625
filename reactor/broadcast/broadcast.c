#include "reactor/broadcast/broadcast.h"

#include <assert.h>
#include <errno.h>

#define MEMBERS_MIN 4

/* A chunk is at most this part of the backlog, so that dropping one is a small step. */
#define BACKLOG_CHUNKS 16

void broadcast_init(struct broadcast *broadcast, struct fanout *fanout, const char *name,
                    size_t backlog_bytes)
{
    size_t chunk_max = backlog_bytes / BACKLOG_CHUNKS;
    *broadcast = (struct broadcast){.fanout = fanout, .name = name, .backlog_bytes = backlog_bytes};
    list_init(&broadcast->pass);
    chunklog_init(&broadcast->log, &fanout->pool,
                  chunk_max > CHUNKLOG_SIZE_MIN ? chunk_max : CHUNKLOG_SIZE_MIN);
}

void broadcast_release(struct broadcast *broadcast)
{
    assert(broadcast->count == 0);
    struct sys *sys = broadcast->fanout->pool.sys;
    list_remove(&broadcast->pass);
    chunklog_release(&broadcast->log);
    sys->release(sys, broadcast->members);
    broadcast->members = NULL;
    broadcast->capacity = 0;
}

static int reserve_member(struct broadcast *broadcast)
{
    if (broadcast->count < broadcast->capacity)
        return 0;
    struct sys *sys = broadcast->fanout->pool.sys;
    uint32_t capacity = broadcast->capacity ? 2 * broadcast->capacity : MEMBERS_MIN;
    struct subscriber **grown =
        sys->resize(sys, broadcast->members, capacity * sizeof(*broadcast->members));
    if (!grown)
        return -ENOMEM;
    broadcast->members = grown;
    broadcast->capacity = capacity;
    return 0;
}

int broadcast_subscribe(struct broadcast *broadcast, struct subscriber *subscriber,
                        struct outbox *outbox)
{
    int rc = reserve_member(broadcast);
    if (rc < 0)
        return rc;
    *subscriber = (struct subscriber){.broadcast = broadcast,
                                      .outbox = outbox,
                                      .next = outbox->subscribers,
                                      .cursor = broadcast->log.end,
                                      .end = SUBSCRIBER_OPEN,
                                      .index = broadcast->count};
    outbox->subscribers = subscriber;
    broadcast->members[broadcast->count++] = subscriber;
    /* It stands between the end of the array and members that a pass under way has yet to serve. */
    if (broadcast->left > 0)
        broadcast->left++;
    return 0;
}

/* Starts the pass anew from where it is: all members are to be served once more. */
static void start_pass(struct broadcast *broadcast)
{
    broadcast->left = broadcast->count;
    if (!list_linked(&broadcast->pass))
        list_append(&broadcast->pass, &broadcast->fanout->passes);
}

/* A pass that has nobody left to serve: all that the flush does is to trim the log. */
void broadcast_trim_soon(struct broadcast *broadcast)
{
    if (!list_linked(&broadcast->pass))
        list_append(&broadcast->pass, &broadcast->fanout->passes);
}

static void leave_outbox(struct subscriber *subscriber)
{
    struct subscriber **link = &subscriber->outbox->subscribers;
    while (*link != subscriber)
        link = &(*link)->next;
    *link = subscriber->next;
}

void broadcast_put_first(struct subscriber *subscriber)
{
    leave_outbox(subscriber);
    subscriber->next = subscriber->outbox->subscribers;
    subscriber->outbox->subscribers = subscriber;
}

void broadcast_unsubscribe(struct subscriber *subscriber)
{
    struct broadcast *broadcast = subscriber->broadcast;
    assert(broadcast->members[subscriber->index] == subscriber);
    leave_outbox(subscriber);
    struct subscriber *last = broadcast->members[--broadcast->count];
    broadcast->members[subscriber->index] = last;
    last->index = subscriber->index;
    /* The last member may have moved to a place that the pass has left behind. */
    if (list_linked(&broadcast->pass))
        broadcast->left = broadcast->count;
    if (broadcast->log.end != broadcast->log.first)
        broadcast_trim_soon(broadcast);
}

/* Whether this receiver is not shown this line. */
static bool leaves_out(const struct subscriber *subscriber, const struct line_record *record)
{
    const struct outbox *outbox = subscriber->outbox;
    if (record->author && record->author == outbox->tag)
        return true;
    return outbox->selective && subscriber->broadcast->fanout->rules->skips(outbox, record);
}

bool broadcast_settle_by_looking(struct subscriber *subscriber)
{
    const struct chunklog *log = &subscriber->broadcast->log;
    uint64_t limit = broadcast_limit(subscriber);
    uint64_t line = subscriber->cursor;
    if (subscriber->outbox->dead) {
        subscriber->missed = 0;
        line = limit;
    }
    while (line < limit && broadcast_may_leave_out(subscriber, line) &&
           leaves_out(subscriber, chunklog_record(log, line)))
        line++;
    if (line > subscriber->cursor)
        broadcast_advance(subscriber, line);
    return line < limit || subscriber->missed;
}

void broadcast_finish_ended(struct outbox *outbox)
{
    struct subscriber *next;
    for (struct subscriber *at = outbox->subscribers; at; at = next) {
        next = at->next;
        if (broadcast_settle(at) || at->end == SUBSCRIBER_OPEN)
            continue;
        const struct fanout_rules *rules = at->broadcast->fanout->rules;
        broadcast_unsubscribe(at);
        if (rules->ended)
            rules->ended(at);
    }
}

void broadcast_end(struct subscriber *subscriber)
{
    subscriber->end = subscriber->broadcast->log.end;
    broadcast_finish_ended(subscriber->outbox);
}

uint64_t broadcast_next_sequence(const struct subscriber *subscriber)
{
    if (subscriber->missed)
        return subscriber->missed_sequence;
    return chunklog_record(&subscriber->broadcast->log, subscriber->cursor)->sequence;
}

uint64_t broadcast_stretch_by_looking(const struct subscriber *subscriber, uint64_t sequence_max)
{
    const struct chunklog *log = &subscriber->broadcast->log;
    uint64_t to = broadcast_chunk_end(subscriber);
    uint64_t line = subscriber->cursor + 1;
    while (line < to && chunklog_record(log, line)->sequence <= sequence_max &&
           !(broadcast_may_leave_out(subscriber, line) &&
             leaves_out(subscriber, chunklog_record(log, line))))
        line++;
    return line;
}

/*
 * Gaps.
 *
 * Lines that are dropped in a row are a gap, and are told of where the first of them stood.
 * Something in the receiver's queue, an answer or a message, may stand in the middle of them: what
 * was said before it is then told of in front of it, and what was said after it behind it. So what
 * comes before a pong, shown or told of, is what was said before it.
 *
 *      queue              [9 "* pong"]
 *      room    [5 ... 9]               [10 ... 14]    dropped
 *      shown   "5 lines"   "* pong"    "5 lines"
 *
 * The texts in front of an entry are entries themselves; the last one is a number in the
 * subscriber, which more may be added to.
 */

/* Adds `lines` lines, of which `first` is the first. */
static void add_missed(struct subscriber *subscriber, uint64_t lines,
                       const struct line_record *first)
{
    uint64_t missed = subscriber->missed + lines;
    if (!subscriber->missed)
        subscriber->missed_sequence = first->sequence;
    subscriber->missed = missed < UINT32_MAX ? (uint32_t)missed : UINT32_MAX;
}

/* Drops the lines from the cursor up to `to`. Where none is left out, nobody looks at them. */
static void drop(struct subscriber *subscriber, uint64_t to)
{
    const struct chunklog *log = &subscriber->broadcast->log;
    while (subscriber->cursor < to && broadcast_may_leave_out(subscriber, subscriber->cursor)) {
        const struct line_record *record = chunklog_record(log, subscriber->cursor++);
        if (!leaves_out(subscriber, record))
            add_missed(subscriber, 1, record);
    }
    if (subscriber->cursor >= to)
        return;
    add_missed(subscriber, to - subscriber->cursor, chunklog_record(log, subscriber->cursor));
    subscriber->cursor = to;
}

/* The first line behind `sequence`; there is one. */
static uint64_t line_behind(const struct subscriber *subscriber, uint64_t sequence)
{
    const struct chunklog *log = &subscriber->broadcast->log;
    uint64_t line = subscriber->cursor;
    while (chunklog_record(log, line)->sequence <= sequence)
        line++;
    return line;
}

/* Appends to `queue` the text about the gap so far, in the place of `entry`, which is to follow. It
 * is as unlimited as the rest of a line, and nothing is told of in front of it. */
static int append_text(struct subscriber *subscriber, const struct outbox_entry *entry,
                       struct buffer *queue)
{
    const struct fanout *fanout = subscriber->broadcast->fanout;
    char text[FANOUT_GAP_BYTES];
    size_t size = fanout->rules->gap(subscriber, subscriber->missed, text, sizeof(text));
    const struct outbox_entry head = {
        .sequence = entry->sequence, .length = (uint32_t)size, .kind = OUTBOX_REST};
    int rc = buffer_append(queue, fanout->pool.sys, &head, sizeof(head));
    if (rc == 0)
        rc = buffer_append(queue, fanout->pool.sys, text, size);
    subscriber->outbox->waiting_bytes[OUTBOX_REST] += (uint32_t)size;
    subscriber->missed = 0;
    return rc;
}

/* The stretch of the order in which entries stand in the middle of a gap. */
struct middle {
    uint64_t from; /* its first line's */
    uint64_t before; /* its last line's */
};

/* Of the gap that ends before line `to`; the line at the cursor is shown. */
static struct middle find_middle(const struct subscriber *subscriber, uint64_t to)
{
    const struct chunklog *log = &subscriber->broadcast->log;
    uint64_t last = to - 1;
    while (last > subscriber->cursor && broadcast_may_leave_out(subscriber, last) &&
           leaves_out(subscriber, chunklog_record(log, last)))
        last--;
    return (struct middle){.from = broadcast_next_sequence(subscriber),
                           .before = chunklog_record(log, last)->sequence};
}

static bool is_within(const struct outbox_entry *entry, struct middle middle)
{
    return entry->kind != OUTBOX_REST && entry->sequence >= middle.from &&
           entry->sequence < middle.before;
}

static bool any_within(const struct outbox *outbox, struct middle middle)
{
    struct outbox_entry entry;
    size_t offset = 0;
    while (outbox_entry_at(outbox, offset, &entry)) {
        if (is_within(&entry, middle))
            return true;
        offset += sizeof(entry) + entry.length;
    }
    return false;
}

/* Copies the queue to `queue`, with what is told of in front of entries. */
static int copy_queue(struct subscriber *subscriber, struct middle middle, struct buffer *queue)
{
    const struct outbox *outbox = subscriber->outbox;
    struct sys *sys = subscriber->broadcast->fanout->pool.sys;
    struct outbox_entry entry;
    size_t offset = 0;
    int rc = 0;
    for (const char *bytes; rc == 0 && (bytes = outbox_entry_at(outbox, offset, &entry));) {
        size_t size = sizeof(entry) + entry.length;
        if (is_within(&entry, middle)) {
            drop(subscriber, line_behind(subscriber, entry.sequence));
            if (subscriber->missed)
                rc = append_text(subscriber, &entry, queue);
        }
        if (rc == 0)
            rc = buffer_append(queue, sys, bytes - sizeof(entry), size);
        offset += size;
    }
    return rc;
}

/* Tells in the queue of what was said before an entry of it. */
static void tell_between(struct subscriber *subscriber, struct middle middle)
{
    struct outbox *outbox = subscriber->outbox;
    struct sys *sys = subscriber->broadcast->fanout->pool.sys;
    const struct subscriber before = *subscriber;
    const uint32_t rest_bytes = outbox->waiting_bytes[OUTBOX_REST];
    struct buffer queue = {NULL};
    if (copy_queue(subscriber, middle, &queue) < 0) {
        *subscriber = before;
        outbox->waiting_bytes[OUTBOX_REST] = rest_bytes;
        buffer_release(&queue, sys);
    } else {
        buffer_release(&outbox->queue, sys);
        outbox->queue = queue;
    }
}

/* Drops the lines below `to` for a receiver whose settled cursor is on one of them. Without memory
 * for texts in front of entries, all is told of in one, in front of all of them. */
static void make_gap(struct subscriber *subscriber, uint64_t to)
{
    struct middle middle = find_middle(subscriber, to);
    if (subscriber->broadcast->fanout->rules->gap && any_within(subscriber->outbox, middle))
        tell_between(subscriber, middle);
    drop(subscriber, to);
}

/* Drops what lies below `boundary` for a receiver that can't be sent it. */
static void step_over(struct subscriber *subscriber, uint64_t boundary)
{
    const struct fanout_rules *rules = subscriber->broadcast->fanout->rules;
    bool owed = broadcast_settle(subscriber) && subscriber->cursor < boundary;
    uint64_t limit = broadcast_limit(subscriber);
    uint64_t to = boundary < limit ? boundary : limit;
    if (owed && subscriber->cursor < to) {
        if (rules->fell_behind)
            rules->fell_behind(subscriber);
        make_gap(subscriber, to);
    }
    if (subscriber->cursor < boundary)
        subscriber->cursor = boundary;
}

/* Brings every member past `boundary`: a reader that isn't blocked is sent what it is owed before
 * anything is dropped for it. Backwards, because a send may end subscriptions, and the gap that one
 * leaves in the array is filled from its end. */
static void move_all_past(struct broadcast *broadcast, uint64_t boundary)
{
    struct fanout *fanout = broadcast->fanout;
    for (uint32_t i = broadcast->count; i-- > 0;) {
        if (i >= broadcast->count)
            continue;
        struct subscriber *member = broadcast->members[i];
        if (member->cursor < boundary && !member->outbox->blocked)
            fanout->transmit(member->outbox);
        if (i < broadcast->count && broadcast->members[i] == member && member->cursor < boundary)
            step_over(member, boundary);
    }
}

/* Drops the oldest chunks whose every line is more than the backlog behind, with `size` added. */
static void make_room(struct broadcast *broadcast, size_t size)
{
    struct chunklog *log = &broadcast->log;
    for (const struct chunk *oldest; (oldest = chunklog_oldest(log));) {
        if (oldest->end_line == log->end)
            return; /* still being filled */
        if (log->bytes - oldest->used + size <= broadcast->backlog_bytes)
            return;
        uint64_t boundary = oldest->end_line;
        move_all_past(broadcast, boundary);
        chunklog_drop_below(log, boundary);
    }
}

int broadcast_append(struct broadcast *broadcast, struct subscriber *author, const char *line,
                     size_t size)
{
    if (broadcast->count == 0 || (author && broadcast->count == 1))
        return 0; /* nobody listens */
    make_room(broadcast, size);
    int rc = chunklog_append(&broadcast->log, line, size, author ? author->outbox->tag : 0,
                             broadcast->fanout->sequence + 1);
    if (rc < 0)
        return rc;
    broadcast->fanout->sequence++;
    if (author)
        author->own_end = broadcast->log.end;
    start_pass(broadcast);
    return 0;
}

void broadcast_trim(struct broadcast *broadcast)
{
    struct chunklog *log = &broadcast->log;
    const struct chunk *oldest = chunklog_oldest(log);
    if (!oldest)
        return;
    uint64_t lowest = log->end;
    for (uint32_t i = 0; i < broadcast->count; i++)
        if (broadcast->members[i]->cursor < lowest)
            lowest = broadcast->members[i]->cursor;
    chunklog_drop_below(log, lowest);
}

void broadcast_check(const struct broadcast *broadcast)
{
    chunklog_check(&broadcast->log);
    assert(broadcast->count <= broadcast->capacity);
    for (uint32_t i = 0; i < broadcast->count; i++) {
        const struct subscriber *member = broadcast->members[i];
        assert(member->broadcast == broadcast);
        assert(member->index == i);
        assert(member->cursor >= broadcast->log.first);
        assert(member->cursor <= broadcast->log.end);
    }
}
