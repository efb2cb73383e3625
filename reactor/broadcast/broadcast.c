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
    wait_list_wake_all(&broadcast->fanout->space); /* nobody waits for this one any more */
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
    /* The last member may have moved to a place that a pass under way has left behind. */
    if (broadcast->left > 0)
        broadcast->left = broadcast->count;
    if (broadcast->log.end != broadcast->log.first)
        broadcast_trim_soon(broadcast);
}

/* Whether this receiver is not shown line `line`. */
static bool leaves_out(const struct subscriber *subscriber, uint64_t line)
{
    if (!broadcast_may_leave_out(subscriber, line))
        return false;
    const struct line_record *record = chunklog_record(&subscriber->broadcast->log, line);
    const struct outbox *outbox = subscriber->outbox;
    if (record->author && record->author == outbox->tag)
        return true;
    return outbox->selective && subscriber->broadcast->fanout->rules->skips(outbox, record);
}

bool broadcast_settle(struct subscriber *subscriber)
{
    uint64_t limit = broadcast_limit(subscriber);
    uint64_t line = subscriber->cursor;
    if (subscriber->outbox->dead) {
        subscriber->missed = 0;
        line = limit;
    }
    while (line < limit && leaves_out(subscriber, line))
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
        if (broadcast_settle_fast(at) || at->end == SUBSCRIBER_OPEN)
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

uint64_t broadcast_stretch_end(const struct subscriber *subscriber, uint64_t sequence_max)
{
    const struct chunklog *log = &subscriber->broadcast->log;
    uint64_t limit = broadcast_limit(subscriber);
    uint64_t chunk_end = chunklog_record(log, subscriber->cursor)->chunk->end_line;
    uint64_t to = chunk_end < limit ? chunk_end : limit;
    uint64_t line = subscriber->cursor + 1;
    /* Saves 27 instructions per line, and mostly applies. */
    if (!broadcast_may_leave_out(subscriber, line) &&
        chunklog_record(log, to - 1)->sequence <= sequence_max)
        return to;
    while (line < to && chunklog_record(log, line)->sequence <= sequence_max &&
           !leaves_out(subscriber, line))
        line++;
    return line;
}

/* Counts `lines` more lines into the gap before the cursor. Its notice stands where the first of
 * them, `first`, would have stood. */
static void add_missed(struct subscriber *subscriber, uint64_t lines,
                       const struct line_record *first)
{
    uint64_t missed = subscriber->missed + lines;
    if (!subscriber->missed)
        subscriber->missed_sequence = first->sequence;
    subscriber->missed = missed < UINT32_MAX ? (uint32_t)missed : UINT32_MAX;
}

/* Drops the lines from the cursor up to `to`, and counts those that would have been shown. As soon
 * as none can be left out, the rest is counted without a look at each. */
static void drop(struct subscriber *subscriber, uint64_t to)
{
    const struct chunklog *log = &subscriber->broadcast->log;
    while (subscriber->cursor < to && broadcast_may_leave_out(subscriber, subscriber->cursor)) {
        if (!leaves_out(subscriber, subscriber->cursor))
            add_missed(subscriber, 1, chunklog_record(log, subscriber->cursor));
        subscriber->cursor++;
    }
    if (subscriber->cursor >= to)
        return;
    add_missed(subscriber, to - subscriber->cursor, chunklog_record(log, subscriber->cursor));
    subscriber->cursor = to;
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
        drop(subscriber, to);
    }
    if (subscriber->cursor < boundary)
        subscriber->cursor = boundary;
}

int broadcast_append(struct broadcast *broadcast, struct subscriber *author, const char *line,
                     size_t size)
{
    if (broadcast->count == 0 || (author && broadcast->count == 1))
        return 0; /* nobody listens */
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

bool broadcast_has_space(const struct broadcast *broadcast)
{
    const struct chunklog *log = &broadcast->log;
    return chunklog_held(log) <= broadcast->backlog_bytes ||
           chunklog_boundary(log, broadcast->backlog_bytes) == log->first;
}

/* The oldest line that a member needs: any member, or one that is not blocked. */
static uint64_t lowest_cursor(const struct broadcast *broadcast, bool blocked_too)
{
    uint64_t lowest = broadcast->log.end;
    for (uint32_t i = 0; i < broadcast->count; i++) {
        const struct subscriber *member = broadcast->members[i];
        if (member->cursor < lowest && (blocked_too || !member->outbox->blocked))
            lowest = member->cursor;
    }
    return lowest;
}

/* Has blocked members step over the chunks beyond the backlog, as far as only they need them. */
static void step_over_backlog(struct broadcast *broadcast)
{
    uint64_t boundary = chunklog_boundary(&broadcast->log, broadcast->backlog_bytes);
    uint64_t needed = lowest_cursor(broadcast, false);
    if (boundary > needed)
        boundary = needed;
    for (uint32_t i = 0; i < broadcast->count; i++)
        if (broadcast->members[i]->cursor < boundary)
            step_over(broadcast->members[i], boundary);
}

void broadcast_trim(struct broadcast *broadcast)
{
    bool had_space = broadcast_has_space(broadcast);
    if (!had_space)
        step_over_backlog(broadcast);
    chunklog_drop_below(&broadcast->log, lowest_cursor(broadcast, true));
    if (!broadcast_has_space(broadcast))
        start_pass(broadcast); /* until there is, somebody is left to serve */
    else if (!had_space)
        wait_list_wake_all(&broadcast->fanout->space);
}

/* Where the oldest chunks end of which the rest is at most `keep_bytes`, but not above `needed`. */
static uint64_t end_of_surplus(const struct chunklog *log, size_t keep_bytes, uint64_t needed)
{
    uint64_t end = log->first;
    size_t bytes = log->bytes;
    for (const struct list *node = log->chunks.next; node != &log->chunks; node = node->next) {
        const struct chunk *chunk = container_of(node, const struct chunk, node);
        if (bytes <= keep_bytes || chunk->end_line > needed)
            break;
        bytes -= chunk->used;
        end = chunk->end_line;
    }
    return end;
}

void broadcast_shrink(struct broadcast *broadcast, size_t keep_bytes)
{
    uint64_t needed = broadcast->log.end;
    for (uint32_t i = 0; i < broadcast->count; i++) {
        const struct subscriber *member = broadcast->members[i];
        if (!member->outbox->blocked && member->cursor < needed)
            needed = member->cursor;
    }
    uint64_t end = end_of_surplus(&broadcast->log, keep_bytes, needed);
    for (uint32_t i = 0; i < broadcast->count; i++)
        if (broadcast->members[i]->cursor < end)
            step_over(broadcast->members[i], end);
    chunklog_drop_below(&broadcast->log, end);
    broadcast_trim_soon(broadcast); /* those who wait for space are woken there */
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
