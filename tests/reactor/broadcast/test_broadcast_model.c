/*
 * Broadcasts, outboxes, plans and the flush against a model: for each reader a
 * plain array of all that it is owed, in the order in which it happened. What a
 * reader takes, in pieces cut at any byte, has to be the front of its array.
 * When lines go that a blocked reader was owed, they are taken off its array and
 * a gap with their number is put where the first of them was.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/receivers.h"

#define READERS 8
#define ROOMS 3
#define SLOTS 256 /* subscriptions at a time, ended ones included */
#define BACKLOG (5 * CHUNKLOG_SIZE_MIN)
#define LINE_MAX_BYTES 5000
#define STEPS 3000
#define SEEDS 100

/* A subscription. */
struct slot {
    struct subscriber subscriber;
    bool used;
    bool open;
    int reader;
    int room;
};

struct item {
    struct slot *slot; /* NULL: a private line */
    uint64_t number; /* of the line in its log */
    unsigned lost; /* not 0: a gap of so many lines in this room */
    int room;
    unsigned id; /* says which bytes it has */
    size_t size;
    size_t done; /* bytes that the reader has taken */
};

struct pending {
    struct item *items;
    size_t count;
    size_t capacity;
    bool ignores[READERS];
};

static uint64_t seed;
static uint64_t dice;
static bool failing; /* memory does */
static struct broadcast rooms[ROOMS];
static struct reader readers[READERS];
static struct pending pending[READERS];
static struct slot slots[SLOTS];
static unsigned char hidden[STEPS + 1]; /* by sequence: a bit a reader that is not to see it */
static unsigned next_id;
static uint64_t next_tag;
static unsigned gaps_shown;

#define check(condition) \
    must(condition, "seed %" PRIu64 ", line %d: %s", seed, __LINE__, #condition)

static unsigned roll(unsigned bound)
{
    return fixture_random(&dice, bound);
}

/* --- the model --- */

static void push(int reader, struct item item)
{
    struct pending *to = &pending[reader];
    if (to->count == to->capacity) {
        to->capacity = to->capacity ? 2 * to->capacity : 64;
        to->items = realloc(to->items, to->capacity * sizeof(*to->items));
    }
    to->items[to->count++] = item;
}

static void remove_at(struct pending *from, size_t at)
{
    memmove(from->items + at, from->items + at + 1, (from->count - at - 1) * sizeof(*from->items));
    from->count--;
}

static void fill(char *bytes, unsigned id, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(id * 167 + i * 3 + i / 251);
}

/* The text of an item; a gap's is known only when it is begun. */
static size_t text_of(struct item *item, char *text)
{
    if (item->lost)
        item->size = (size_t)snprintf(text, FANOUT_GAP_BYTES, "%s<%u lost>\n",
                                      rooms[item->room].name, item->lost);
    else
        fill(text, item->id, item->size);
    return item->size;
}

static void took(struct reader *reader, const char *bytes, size_t size)
{
    static char text[LINE_MAX_BYTES];
    struct pending *owed = &pending[reader - readers];
    while (size > 0) {
        check(owed->count > 0);
        struct item *first = &owed->items[0];
        size_t left = text_of(first, text) - first->done;
        size_t part = size < left ? size : left;
        check(memcmp(text + first->done, bytes, part) == 0);
        gaps_shown += first->lost && first->done == 0;
        first->done += part;
        bytes += part;
        size -= part;
        if (part == left)
            remove_at(owed, 0);
    }
}

static bool is_of(const struct item *item, const struct slot *slot)
{
    return item->slot == slot && item->done == 0;
}

/* Takes off what `slot` is owed and has not begun. */
static void forget(struct slot *slot)
{
    struct pending *owed = &pending[slot->reader];
    for (size_t i = owed->count; i-- > 0;)
        if (is_of(&owed->items[i], slot))
            remove_at(owed, i);
}

static void insert_at(int reader, size_t at, struct item item)
{
    struct pending *to = &pending[reader];
    push(reader, item);
    memmove(to->items + at + 1, to->items + at, (to->count - 1 - at) * sizeof(*to->items));
    to->items[at] = item;
}

/* The lines below `first` are gone. Those that `slot` was owed become one gap, with what was lost
 * just before: it stands where the first line of all of them stood. */
static void drop(struct slot *slot, uint64_t first)
{
    struct pending *owed = &pending[slot->reader];
    struct item gap = {.slot = slot, .room = slot->room};
    size_t place = 0;
    bool dropped = false;
    for (size_t i = owed->count; i-- > 0;) {
        const struct item *item = &owed->items[i];
        if (!is_of(item, slot) || (!item->lost && item->number >= first))
            continue;
        dropped = dropped || !item->lost;
        gap.lost += item->lost ? item->lost : 1;
        place = i;
        remove_at(owed, i);
    }
    check(!dropped || readers[slot->reader].outbox.blocked || readers[slot->reader].outbox.dead);
    if (gap.lost)
        insert_at(slot->reader, place, gap);
}

static void told_of_end(struct subscriber *subscriber)
{
    struct slot *slot = container_of(subscriber, struct slot, subscriber);
    check(slot->used && !slot->open);
    for (size_t i = 0; !readers[slot->reader].outbox.dead && i < pending[slot->reader].count; i++)
        check(!is_of(&pending[slot->reader].items[i], slot));
    slot->used = false;
}

static bool is_hidden(const struct outbox *outbox, const struct line_record *record)
{
    const struct reader *reader = container_of(outbox, struct reader, outbox);
    check(outbox->selective);
    return hidden[record->sequence] >> (reader - readers) & 1;
}

/* --- what happens --- */

static struct slot *open_slot(int reader, int room)
{
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        if (slot->used && slot->open && slot->reader == reader && slot->room == room)
            return slot;
    return NULL;
}

static void subscribe(int reader, int room)
{
    struct slot *slot = slots;
    while (slot < slots + SLOTS && slot->used)
        slot++;
    check(slot < slots + SLOTS);
    if (broadcast_subscribe(&rooms[room], &slot->subscriber, &readers[reader].outbox) < 0)
        return;
    slot->used = true;
    slot->open = true;
    slot->reader = reader;
    slot->room = room;
}

static void end(struct slot *slot)
{
    slot->open = false;
    broadcast_end(&slot->subscriber);
}

static void unsubscribe(struct slot *slot)
{
    forget(slot);
    slot->used = false;
    broadcast_unsubscribe(&slot->subscriber);
}

/* A new person at the same place. */
static void come(int reader)
{
    reader_init(&readers[reader], ++next_tag);
    memset(pending[reader].ignores, 0, sizeof(pending[reader].ignores));
}

static void go(int reader)
{
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        if (slot->used && slot->reader == reader)
            unsubscribe(slot);
    outbox_release(&readers[reader].outbox, &fanout);
    pending[reader].count = 0;
}

/* Hands the line just appended to all who are to see it. */
static void hand_out(int room, int author, size_t size)
{
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++) {
        if (!slot->used || !slot->open || slot->room != room || slot->reader == author)
            continue;
        if (readers[slot->reader].outbox.dead)
            continue;
        if (author >= 0 && pending[slot->reader].ignores[author])
            hidden[fanout.sequence] |= (unsigned char)(1 << slot->reader);
        else
            push(slot->reader,
                 (struct item){
                     .slot = slot, .number = rooms[room].log.end - 1, .id = next_id, .size = size});
    }
}

/* The fast path of settling says what the plain way says, and leaves it nothing to do. */
static void check_settling(struct subscriber *subscriber)
{
    bool owed = broadcast_settle_fast(subscriber);
    uint64_t cursor = subscriber->cursor;
    check(broadcast_settle(subscriber) == owed);
    check(subscriber->cursor == cursor);
}

/* One flush; what goes in it is dropped for readers that it has found blocked. */
static bool flush_turn(void)
{
    for (struct slot *at = slots; at < slots + SLOTS; at++)
        if (at->used && roll(2) == 0)
            check_settling(&at->subscriber);
    bool more = flush_once();
    for (struct slot *at = slots; at < slots + SLOTS; at++)
        if (at->used)
            drop(at, rooms[at->room].log.first);
    return more;
}

/* People wait for space; what is nobody's, an event, does not. */
static void append(int room, int author)
{
    static char line[LINE_MAX_BYTES];
    struct broadcast *to = &rooms[room];
    struct slot *slot = author < 0 ? NULL : open_slot(author, room);
    if (author >= 0 && (!slot || !broadcast_has_space(to)))
        return;
    size_t size = roll(8) == 0 ? 1 + roll(LINE_MAX_BYTES) : 1 + roll(200);
    uint64_t sequence = fanout.sequence;
    fill(line, ++next_id, size);
    int rc = broadcast_append(to, slot ? &slot->subscriber : NULL, line, size);
    check(rc == 0 || door.fail_at);
    if (fanout.sequence > sequence)
        hand_out(room, author, size);
}

static void tell(int reader)
{
    static char text[LINE_MAX_BYTES];
    size_t size = 1 + roll(100);
    fill(text, ++next_id, size);
    int rc = outbox_write(&readers[reader].outbox, &fanout, OUTBOX_MESSAGE, text, size);
    check(rc == 0 || door.fail_at);
    if (rc == 0 && !readers[reader].outbox.dead)
        push(reader, (struct item){.id = next_id, .size = size});
}

static void move_window(int reader)
{
    readers[reader].send_max = roll(3) == 0 ? 1 + roll(500) : SIZE_MAX;
    switch (roll(4)) {
    case 0:
        reader_stall(&readers[reader]);
        break;
    case 1:
        reader_resume(&readers[reader]);
        break;
    default:
        reader_take(&readers[reader], roll(6000));
    }
}

/* Nothing is kept for nobody. Only a flush that is done has seen to that. */
static void check_kept(const struct broadcast *room)
{
    const struct chunk *oldest = chunklog_oldest(&room->log);
    uint64_t lowest = room->log.end;
    for (uint32_t i = 0; i < room->count; i++)
        if (room->members[i]->cursor < lowest)
            lowest = room->members[i]->cursor;
    check(!oldest || oldest->end_line > lowest);
}

static void flush_all(void)
{
    while (flush_turn())
        continue;
    for (int room = 0; room < ROOMS; room++)
        check_kept(&rooms[room]);
    for (int room = 0; room < ROOMS; room++)
        check(broadcast_has_space(&rooms[room]));
    for (int reader = 0; reader < READERS; reader++)
        check(readers[reader].outbox.dead || readers[reader].outbox.blocked ||
              pending[reader].count == 0);
}

static void step(void)
{
    int reader = (int)roll(READERS);
    int room = (int)roll(ROOMS);
    struct slot *slot = open_slot(reader, room);
    unsigned choice = roll(200);
    if (choice < 100)
        append(room, roll(5) == 0 ? -1 : reader);
    else if (choice < 120)
        tell(reader);
    else if (choice < 145)
        (void)flush_turn();
    else if (choice < 150)
        flush_all();
    else if (choice < 156)
        move_window(reader);
    else if (choice < 180 && !slot)
        subscribe(reader, room);
    else if (choice < 160 && slot)
        end(slot);
    else if (choice < 161 && slot)
        unsubscribe(slot);
    else if (choice == 180)
        outbox_kill(&readers[reader].outbox, &fanout);
    else if (choice < 184) {
        pending[reader].ignores[roll(READERS)] ^= true;
        readers[reader].outbox.selective = true;
    }
}

static void check_rooms(void)
{
    for (int room = 0; room < ROOMS; room++) {
        check(rooms[room].log.bytes <= BACKLOG + 8 * LINE_MAX_BYTES);
        broadcast_check(&rooms[room]);
    }
}

/* Who is lost is owed nothing; somebody else comes, some time. */
static void bury(void)
{
    for (int reader = 0; reader < READERS; reader++) {
        if (!readers[reader].outbox.dead)
            continue;
        pending[reader].count = 0;
        if (roll(20) > 0)
            continue;
        go(reader);
        come(reader);
    }
}

static const char *const names[ROOMS] = {"lobby", "tea", "x"};

static void run(void)
{
    memset(hidden, 0, sizeof(hidden));
    for (int room = 0; room < ROOMS; room++)
        broadcast_init(&rooms[room], &fanout, names[room], BACKLOG);
    for (int reader = 0; reader < READERS; reader++)
        come(reader);
    fanout.sequence = 0;
    for (int i = 0; i < STEPS; i++) {
        door.fail_at = failing && roll(10) == 0 ? door.allocations + 1 + roll(3) : 0;
        step();
        bury();
        if (i % 16 == 0)
            check_rooms();
    }
    door.fail_at = 0;
    for (int reader = 0; reader < READERS; reader++) {
        readers[reader].send_max = SIZE_MAX;
        reader_resume(&readers[reader]);
    }
    flush_all();
    for (int room = 0; room < ROOMS; room++)
        check(!chunklog_oldest(&rooms[room].log));
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        check(!slot->used || slot->open);
    for (int reader = 0; reader < READERS; reader++)
        go(reader);
    for (int room = 0; room < ROOMS; room++)
        broadcast_release(&rooms[room]);
}

static void free_model(void)
{
    for (int reader = 0; reader < READERS; reader++)
        free(pending[reader].items);
    receivers_close();
}

TestSuite(broadcast_model, .init = receivers_open, .fini = free_model);

static void run_seeds(void)
{
    rules.ended = told_of_end;
    rules.skips = is_hidden;
    reader_took = took;
    for (seed = 1; seed <= SEEDS; seed++) {
        dice = seed;
        run();
    }
    cr_assert_gt(gaps_shown, SEEDS, "there were gaps");
}

Test(broadcast_model, everybody_takes_just_what_it_is_owed)
{
    run_seeds();
}

Test(broadcast_model, so_they_do_when_memory_fails)
{
    failing = true;
    run_seeds();
}
