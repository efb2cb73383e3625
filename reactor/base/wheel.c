/*
 * The wheel stands at tick 2*64 + 5. Three timers, their ticks as digits:
 *
 *     level        2   1   0
 *     wheel        0   2   5
 *     a            0   2   9     differs on level 0: slot 9 there, due in 4 ticks
 *     b            0   3   0     differs on level 1: slot 3 there
 *     c            0   3   7     the same slot
 *
 * At tick 0 3 0 slot 3 of level 1 is opened: b is due, and c, which now differs on
 * level 0 only, moves to slot 7 there. At that moment all lower levels are empty,
 * because whatever was on them has a smaller digit on level 1. So a timer that is
 * moved down never lands behind one that was started later for the same tick.
 *
 * A timer in a slot always has a larger digit than the wheel on its level, and the
 * same digits above. Time may pass without touching it until the two digits
 * meet, and then its slot is opened: hence its place can be computed at any time
 * from its deadline and the wheel's tick, and needs no room in the timer.
 */
#include "reactor/base/wheel.h"

#include <assert.h>

/* The last instant that is a whole tick: later deadlines could not be rounded up. */
#define LAST_DEADLINE_NS (TIME_NEVER - TIME_NEVER % WHEEL_TICK_NS)

#define NO_TICK UINT64_MAX

static uint64_t tick_of(const struct wheel_timer *timer)
{
    return (uint64_t)time_round_up(timer->deadline_ns, WHEEL_TICK_NS);
}

/* The level on which `tick`, which must be ahead of the wheel's, belongs. */
static unsigned level_of(const struct wheel *wheel, uint64_t tick)
{
    /* 63 ^ n is 63 - n for these, and compiles to nothing where the processor counts from below. */
    unsigned highest_bit = 63 ^ (unsigned)__builtin_clzll(tick ^ wheel->tick);
    return highest_bit / WHEEL_SLOT_BITS;
}

/* The digit of `tick` on `level`. */
static uint64_t slot_of(uint64_t tick, unsigned level)
{
    return tick >> (level * WHEEL_SLOT_BITS) & (WHEEL_SLOTS - 1);
}

/* The bit that stands for that slot in the level's bitmap. */
static uint64_t slot_bit(uint64_t tick, unsigned level)
{
    return UINT64_C(1) << slot_of(tick, level);
}

/* The tick at which `slot` of `level` is opened: the wheel's digits above, its own, then zeros. */
static uint64_t slot_start(const struct wheel *wheel, unsigned level, uint64_t slot)
{
    unsigned shift = level * WHEEL_SLOT_BITS;
    uint64_t above = wheel->tick >> shift >> WHEEL_SLOT_BITS;
    return (above << WHEEL_SLOT_BITS | slot) << shift;
}

/* The tick at which the nearest slot in use is opened, and its level; NO_TICK where none is. */
static uint64_t nearest_slot(const struct wheel *wheel, unsigned *level)
{
    for (*level = 0; *level < WHEEL_LEVELS; ++*level) {
        uint64_t occupied = wheel->occupied[*level];
        if (occupied)
            return slot_start(wheel, *level, (uint64_t)__builtin_ctzll(occupied));
    }
    return NO_TICK;
}

/* Links `timer`, whose tick is ahead, as the last one into its slot. */
static inline void place(struct wheel *wheel, struct wheel_timer *timer, uint64_t tick)
{
    unsigned level = level_of(wheel, tick);
    list_append(&timer->node, &wheel->slots[level][slot_of(tick, level)]);
    wheel->occupied[level] |= slot_bit(tick, level);
}

/*
 * Goes to `tick`, where a slot of `level` begins: its timers expire or move to lower levels. They
 * are linked anew without being unlinked one by one, as none is left behind.
 */
static void open_slot(struct wheel *wheel, unsigned level, uint64_t tick, struct list *expired)
{
    struct list *slot = &wheel->slots[level][slot_of(tick, level)];

    wheel->tick = tick;
    wheel->occupied[level] &= ~slot_bit(tick, level);
    list_for_each_safe(node, slot) {
        struct wheel_timer *timer = container_of(node, struct wheel_timer, node);
        uint64_t due = tick_of(timer);
        if (due > tick) {
            place(wheel, timer, due);
        } else {
            list_append(node, expired);
            wheel->ahead--;
        }
    }
    list_init(slot);
}

void wheel_init(struct wheel *wheel, int64_t now_ns)
{
    assert(now_ns >= 0);
    wheel->tick = (uint64_t)(now_ns / WHEEL_TICK_NS);
    wheel->now_ns = now_ns;
    wheel->ahead = 0;
    list_init(&wheel->due);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

/*
 * A deadline that has passed within the current tick would be rounded up to the next one. It is put
 * back to the start of the tick instead: thus "the tick is ahead" means "in a slot" for every
 * timer, and wheel_stop need not know whether others are due or expired.
 */
static void start_due(struct wheel *wheel, struct wheel_timer *timer)
{
    int64_t tick_start_ns = wheel->now_ns - wheel->now_ns % WHEEL_TICK_NS;
    if (timer->deadline_ns > tick_start_ns)
        timer->deadline_ns = tick_start_ns;
    list_append(&timer->node, &wheel->due);
}

void wheel_start(struct wheel *wheel, struct wheel_timer *timer, int64_t deadline_ns)
{
    wheel_stop(wheel, timer);
    if (deadline_ns > LAST_DEADLINE_NS)
        return;
    timer->deadline_ns = deadline_ns;
    if (deadline_ns <= wheel->now_ns) {
        start_due(wheel, timer);
    } else {
        place(wheel, timer, tick_of(timer));
        wheel->ahead++;
    }
}

/* Takes `timer`, whose tick is ahead, out of its slot. */
static void displace(struct wheel *wheel, struct wheel_timer *timer, uint64_t tick)
{
    struct list *neighbour = timer->node.next;

    list_remove(&timer->node);
    /* Only a head can be empty: then it is the slot's, and this was the last timer there. */
    if (list_empty(neighbour)) {
        unsigned level = level_of(wheel, tick);
        wheel->occupied[level] &= ~slot_bit(tick, level);
    }
}

void wheel_stop(struct wheel *wheel, struct wheel_timer *timer)
{
    if (!list_linked(&timer->node))
        return;
    uint64_t tick = tick_of(timer);
    if (tick > wheel->tick) {
        displace(wheel, timer, tick);
        wheel->ahead--;
    } else {
        list_remove(&timer->node);
    }
}

bool wheel_running(const struct wheel_timer *timer)
{
    return list_linked(&timer->node);
}

void wheel_advance(struct wheel *wheel, int64_t now_ns, struct list *expired)
{
    unsigned level;
    uint64_t tick;

    if (now_ns > wheel->now_ns)
        wheel->now_ns = now_ns;
    uint64_t now_tick = (uint64_t)(wheel->now_ns / WHEEL_TICK_NS);

    list_splice(&wheel->due, expired);
    while ((tick = nearest_slot(wheel, &level)) <= now_tick)
        open_slot(wheel, level, tick, expired);
    wheel->tick = now_tick;
}

int64_t wheel_next(const struct wheel *wheel)
{
    unsigned level;

    if (!list_empty(&wheel->due))
        return wheel->now_ns;
    uint64_t tick = nearest_slot(wheel, &level);
    return tick == NO_TICK ? TIME_NEVER : (int64_t)tick * WHEEL_TICK_NS;
}

static size_t length_of(const struct list *head)
{
    size_t length = 0;
    list_for_each(node, head)
        length++;
    return length;
}

size_t wheel_count(const struct wheel *wheel)
{
    return wheel->ahead + length_of(&wheel->due);
}

static void visit_list(const struct list *head,
                       void (*visit)(void *context, const struct wheel_timer *timer), void *context)
{
    list_for_each(node, head)
        visit(context, container_of(node, struct wheel_timer, node));
}

void wheel_each(const struct wheel *wheel,
                void (*visit)(void *context, const struct wheel_timer *timer), void *context)
{
    visit_list(&wheel->due, visit, context);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            visit_list(&wheel->slots[level][slot], visit, context);
}

static void check_slot(const struct wheel *wheel, unsigned level, unsigned slot)
{
    const struct list *head = &wheel->slots[level][slot];

    assert(list_empty(head) == !(wheel->occupied[level] >> slot & 1));
    list_for_each(node, head) {
        uint64_t tick = tick_of(container_of(node, struct wheel_timer, node));
        assert(node->next->prev == node);
        assert(tick > wheel->tick);
        assert(level_of(wheel, tick) == level);
        assert(slot_of(tick, level) == slot);
    }
}

void wheel_check(const struct wheel *wheel)
{
    size_t ahead = 0;

    assert(wheel->tick == (uint64_t)(wheel->now_ns / WHEEL_TICK_NS));
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++) {
            check_slot(wheel, level, slot);
            ahead += length_of(&wheel->slots[level][slot]);
        }
    }
    assert(ahead == wheel->ahead);
    list_for_each(node, &wheel->due)
        assert(tick_of(container_of(node, struct wheel_timer, node)) <= wheel->tick);
}
