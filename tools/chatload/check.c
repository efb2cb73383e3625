#include "tools/chatload/check.h"

#include <assert.h>
#include <string.h>

/* Numbers from `from` up to, not including, `to` that have not been heard. Those of one sender and
 * receiver hang together, the newest first. */
struct check_hole {
    uint32_t from;
    uint32_t to;
    uint32_t older; /* 0: none */
};

void check_init(struct check *check, struct sys *sys)
{
    *check = (struct check){.sys = sys, .hole_count = 1};
}

void check_release(struct check *check)
{
    check->sys->release(check->sys, check->holes);
    check->holes = NULL;
}

static uint32_t sender_at(const struct receiver *receiver, uint32_t slot)
{
    return receiver->first_sender + slot * receiver->stride;
}

static void note(struct check_count *count, const struct receiver *receiver, uint32_t slot,
                 uint32_t number)
{
    if (count->count++ == 0)
        count->first =
            (struct check_example){receiver->receiver, sender_at(receiver, slot), number};
}

static bool grow(struct check *check)
{
    uint32_t capacity = check->hole_capacity ? 2 * check->hole_capacity : 64;
    if (capacity > CHECK_HOLES_MAX)
        return false;
    struct check_hole *grown =
        check->sys->resize(check->sys, check->holes, capacity * sizeof(*grown));
    if (!grown)
        return false;
    check->holes = grown;
    check->hole_capacity = capacity;
    return true;
}

/* A record for a hole, or 0 if there is no room: then the hole is not remembered. */
static uint32_t take_hole(struct check *check)
{
    uint32_t hole = check->free_hole;
    if (hole) {
        check->free_hole = check->holes[hole].older;
        return hole;
    }
    if (check->hole_count >= check->hole_capacity && !grow(check))
        return 0;
    return check->hole_count++;
}

/* Adds a hole before `older` and returns it; returns `older` if there is no room. */
static uint32_t add_hole(struct check *check, uint32_t from, uint32_t to, uint32_t older)
{
    uint32_t hole = take_hole(check);
    if (!hole)
        return older;
    check->holes[hole] = (struct check_hole){from, to, older};
    return hole;
}

static void miss(struct check *check, struct receiver *receiver, struct sequence *heard,
                 uint32_t next)
{
    uint32_t from = heard->next;
    heard->hole = add_hole(check, from, next, heard->hole);
    receiver->missing += next - from;
    check->missing += next - from;
    heard->next = next;
}

/* Takes `number` out of the hole that follows hole `newer` (0: out of the newest): it shrinks,
 * splits or goes. By index, because adding a hole may move them all. */
static void fill(struct check *check, uint32_t newer, struct sequence *heard, uint32_t number)
{
    const uint32_t index = newer ? check->holes[newer].older : heard->hole;
    struct check_hole hole = check->holes[index];
    if (number > hole.from && number + 1 < hole.to)
        hole.older = add_hole(check, hole.from, number, hole.older);
    if (number + 1 < hole.to)
        hole.from = number + 1;
    else
        hole.to = number;
    check->holes[index] = hole;
    if (hole.from < hole.to)
        return;
    if (newer)
        check->holes[newer].older = hole.older;
    else
        heard->hole = hole.older;
    check->holes[index].older = check->free_hole;
    check->free_hole = index;
}

static bool fill_hole_of(struct check *check, struct sequence *heard, uint32_t number)
{
    uint32_t newer = 0;
    uint32_t index = heard->hole;
    while (index && check->holes[index].from > number) {
        newer = index;
        index = check->holes[index].older;
    }
    if (!index || number >= check->holes[index].to)
        return false;
    fill(check, newer, heard, number);
    return true;
}

bool check_hear_odd(struct check *check, struct receiver *receiver, uint32_t slot, uint32_t number)
{
    struct sequence *heard = &receiver->heard[slot];
    assert(slot < receiver->senders);
    if (number > heard->next) {
        miss(check, receiver, heard, number);
        heard->next++;
    } else if (fill_hole_of(check, heard, number)) {
        receiver->missing--;
        check->missing--;
        note(&check->reordered, receiver, slot, number);
    } else {
        note(&check->duplicated, receiver, slot, number);
        return false;
    }
    check->delivered++;
    return true;
}

void check_skipped(struct check *check, struct receiver *receiver, uint64_t lines)
{
    receiver->skipped += lines;
    check->skipped += lines;
}

void check_end_of(struct check *check, struct receiver *receiver, struct sequence *heard,
                  uint32_t sent)
{
    if (sent > heard->next)
        miss(check, receiver, heard, sent);
}

/* Makes the first message that is missing the example, if its hole is remembered. */
static void note_first_missing(const struct check *check, const struct receiver *receiver,
                               struct check_example *example)
{
    for (uint32_t slot = 0; slot < receiver->senders; slot++) {
        uint32_t hole = receiver->heard[slot].hole;
        if (!hole)
            continue;
        while (check->holes[hole].older)
            hole = check->holes[hole].older;
        *example = (struct check_example){receiver->receiver, sender_at(receiver, slot),
                                          check->holes[hole].from};
        return;
    }
}

void check_close(struct check *check, struct receiver *receiver)
{
    if (receiver->missing <= receiver->skipped)
        return;
    uint64_t lost = receiver->missing - receiver->skipped;
    if (check->lost.count == 0)
        note_first_missing(check, receiver, &check->lost.first);
    check->lost.count += lost;
}
