#include "reactor/broadcast/send_plan.h"

#include <assert.h>

/*
 * What is next is found by comparing places. An entry goes behind the line whose sequence it
 * carries and before the next line, so lines take the even places and entries the odd ones.
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

bool send_plan_owed(struct outbox *outbox)
{
    if (outbox->dead)
        return false;
    bool owed = buffer_length(&outbox->queue) > 0;
    for (struct subscriber *at = outbox->subscribers; at; at = at->next)
        if (broadcast_settle_fast(at))
            owed = true;
    return owed;
}

/* Making. */

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
static struct choice choose(const struct outbox *outbox, size_t offset)
{
    struct choice choice = {.place = PLACE_NONE, .until = PLACE_NONE};
    struct outbox_entry entry;
    if (outbox_entry_at(outbox, offset, &entry))
        offer(&choice, place_of_entry(entry.sequence), NULL);
    for (struct subscriber *at = outbox->subscribers; at; at = at->next)
        if (broadcast_settle_fast(at))
            offer(&choice, place_of_line(broadcast_next_sequence(at)), at);
    return choice;
}

static void add_segment(struct send_plan *plan, const char *bytes, size_t size,
                        struct stretch stretch)
{
    plan->segments[plan->count] = (struct iovec){.iov_base = (char *)bytes, .iov_len = size};
    plan->stretches[plan->count] = stretch;
    plan->bytes += size;
    plan->count++;
}

static void add_gap(struct send_plan *plan, struct fanout *fanout, struct subscriber *subscriber)
{
    uint32_t missed = subscriber->missed;
    subscriber->missed = 0;
    if (!fanout->rules->gap)
        return;
    plan->gap_bytes = fanout->rules->gap(subscriber, missed, plan->gap, sizeof(plan->gap));
    assert(plan->gap_bytes > 0 && plan->gap_bytes <= sizeof(plan->gap));
    add_segment(plan, plan->gap, plan->gap_bytes,
                (struct stretch){.subscriber = subscriber, .missed = missed});
}

static void add_lines(struct send_plan *plan, struct subscriber *subscriber, uint64_t until)
{
    const struct chunklog *log = &subscriber->broadcast->log;
    uint64_t from = subscriber->cursor;
    uint64_t sequence_max = until == PLACE_NONE ? UINT64_MAX : (until - 1) / 2;
    uint64_t to = broadcast_stretch_end(subscriber, sequence_max);
    const struct line_record *first = chunklog_record(log, from);
    const struct line_record *last = chunklog_record(log, to - 1);
    add_segment(plan, chunklog_bytes(first), last->offset + last->length - first->offset,
                (struct stretch){.subscriber = subscriber, .from = from, .to = to});
    broadcast_advance(subscriber, to);
}

/* Returns the offset behind the entry at `offset`. */
static size_t add_entry(struct send_plan *plan, const struct outbox *outbox, size_t offset)
{
    struct outbox_entry entry;
    const char *bytes = outbox_entry_at(outbox, offset, &entry);
    add_segment(plan, bytes, entry.length, (struct stretch){.subscriber = NULL});
    return offset + sizeof(entry) + entry.length;
}

/* Adds the lines of the choice, or the text about the gap before them. Returns whether the plan may
 * go on behind them. */
static bool add_from_log(struct send_plan *plan, struct fanout *fanout, const struct choice *choice)
{
    struct subscriber *subscriber = choice->subscriber;
    if (!subscriber->missed)
        add_lines(plan, subscriber, choice->until);
    else if (plan->gap_bytes == 0)
        add_gap(plan, fanout, subscriber);
    else
        return false; /* one text about a gap fits in a plan */
    plan->whole = choice->until == PLACE_NONE && !broadcast_settle_fast(subscriber);
    return !plan->whole;
}

void send_plan_make(struct send_plan *plan, struct outbox *outbox, struct fanout *fanout)
{
    size_t offset = 0;
    plan->count = 0;
    plan->bytes = 0;
    plan->gap_bytes = 0;
    plan->whole = outbox->dead;
    while (plan->count < SYS_SEGMENTS_MAX && !plan->whole) {
        struct choice choice = choose(outbox, offset);
        if (choice.place == PLACE_NONE)
            plan->whole = true;
        else if (!choice.subscriber)
            offset = add_entry(plan, outbox, offset);
        else if (!add_from_log(plan, fanout, &choice))
            return;
    }
}

/* Accounting. */

/* A stretch of lines of which `sent` bytes went: the cursor goes behind the line that was cut. */
static int cut_lines(struct outbox *outbox, struct fanout *fanout, const struct stretch *stretch,
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
    return outbox_keep_rest(outbox, fanout, chunklog_bytes(record) + sent, record->length - sent);
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
static int cut(const struct send_plan *plan, const struct stretch *stretch, struct outbox *outbox,
               struct fanout *fanout, size_t sent)
{
    if (!stretch->subscriber) {
        outbox_consume(outbox, sent);
        return 0;
    }
    if (stretch->missed)
        return outbox_keep_rest(outbox, fanout, plan->gap + sent, plan->gap_bytes - sent);
    return cut_lines(outbox, fanout, stretch, sent);
}

int send_plan_sent(const struct send_plan *plan, struct outbox *outbox, struct fanout *fanout,
                   size_t sent)
{
    int done = 0;
    for (; done < plan->count && sent >= plan->segments[done].iov_len; done++) {
        sent -= plan->segments[done].iov_len;
        if (!plan->stretches[done].subscriber)
            outbox_consume(outbox, plan->segments[done].iov_len);
    }
    /* Backwards, so that of several stretches of one log the first has the last word. */
    for (int i = plan->count - 1; i > done; i--)
        restore(&plan->stretches[i]);
    if (done == plan->count)
        return 0;
    if (sent > 0)
        return cut(plan, &plan->stretches[done], outbox, fanout, sent);
    restore(&plan->stretches[done]);
    return 0;
}
