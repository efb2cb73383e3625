#include <assert.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/history.h"
#include "tests/support/fake_door.h"

static struct fake_door door;
static struct history history;

static void open_history(void)
{
    fake_door_init(&door);
    history_init(&history, 100);
}

/* Asserts, for Criterion doesn't count what its own find in a `.fini`. */
static void close_history(void)
{
    history_release(&history, &door.sys);
    assert(door.blocks == 0);
}

TestSuite(history, .init = open_history, .fini = close_history);

/* What line `number` says in these tests: lengths differ and some lines are empty. */
static size_t compose(char text[64], uint64_t number)
{
    return (size_t)snprintf(text, 64, "%.*s%" PRIu64, (int)(number % 40),
                            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", number) *
           (number % 13 != 0);
}

static int say(uint64_t number)
{
    char text[64];
    size_t length = compose(text, number);

    return history_append(&history, &door.sys, -(int64_t)number, number * number, text, length);
}

/* Asserts that exactly the lines from `first` to `end` - 1 are remembered, each as it was said. */
static void check_lines(uint64_t first, uint64_t end)
{
    cr_assert_eq(history_first(&history), first);
    cr_assert_eq(history_end(&history), end);
    for (uint64_t number = first; number < end; number++) {
        char text[64];
        size_t length = compose(text, number);
        const struct history_line *line = history_get(&history, number);
        cr_assert_not_null(line, "line %" PRIu64, number);
        cr_assert_eq(line->stamp_ns, -(int64_t)number);
        cr_assert_eq(line->author, number * number);
        cr_assert_eq(line->length, length);
        cr_assert_eq(memcmp(line->text, text, length), 0);
    }
    cr_assert_null(history_get(&history, end));
    cr_assert_null(history_get(&history, UINT64_MAX));
    if (first > 0)
        cr_assert_null(history_get(&history, first - 1));
}

Test(history, a_silent_room_costs_no_memory)
{
    check_lines(0, 0);
    cr_assert_eq(door.allocations, 0);
    cr_assert_leq(sizeof(history), 40);
}

Test(history, it_remembers_the_last_lines_for_every_limit)
{
    for (uint32_t limit = 1; limit <= 70; limit++) {
        history_release(&history, &door.sys);
        history_init(&history, limit);
        for (uint64_t number = 0; number < 200; number++) {
            cr_assert_eq(say(number), 0);
            check_lines(number + 1 > limit ? number + 1 - limit : 0, number + 1);
        }
        cr_assert(history.capacity == 4 || history.capacity < 2 * limit, "%u slots for %u lines",
                  history.capacity, limit);
    }
}

Test(history, a_limit_of_nothing_remembers_nothing)
{
    history_init(&history, 0);
    for (uint64_t number = 0; number < 10; number++)
        cr_assert_eq(say(number), 0);
    check_lines(0, 0);
    cr_assert_eq(door.allocations, 0);
}

Test(history, memory_grows_with_use_and_stops_at_the_limit)
{
    history_release(&history, &door.sys);
    history_init(&history, CONFIG_HISTORY_MAX);
    for (uint64_t number = 0; number < 3; number++)
        cr_assert_eq(say(number), 0);
    cr_assert_eq(history.capacity, 4);
    for (uint64_t number = 3; number < 2 * CONFIG_HISTORY_MAX; number++)
        cr_assert_eq(say(number), 0);
    check_lines(CONFIG_HISTORY_MAX, 2 * CONFIG_HISTORY_MAX);
    cr_assert_eq(door.blocks, CONFIG_HISTORY_MAX + 1, "a block a line and the ring");
    cr_assert_eq(history.capacity, 131072);
}

Test(history, out_of_memory_loses_that_line_alone)
{
    uint64_t number = 0;
    size_t refused = 0;

    /* Every line is tried with its first allocation failing, then with its second. */
    for (; number < 250; number++) {
        uint64_t first = number > 100 ? number - 100 : 0;
        for (size_t nth = 1; nth <= 2; nth++) {
            size_t blocks = door.blocks;
            door.fail_at = door.allocations + nth;
            int rc = say(number);
            door.fail_at = 0;
            if (rc == 0)
                break;
            cr_assert_eq(rc, -ENOMEM);
            cr_assert_eq(door.blocks, blocks);
            check_lines(first, number);
            refused++;
        }
        if (history_end(&history) == number)
            cr_assert_eq(say(number), 0);
    }
    check_lines(150, 250);
    cr_assert_eq(refused, 250 + 6, "once a line, and once for 4, 8, ... 128 slots: %zu", refused);
}

Test(history, a_released_history_begins_again)
{
    for (uint64_t number = 0; number < 150; number++)
        cr_assert_eq(say(number), 0);
    history_release(&history, &door.sys);
    cr_assert_eq(door.blocks, 0);
    check_lines(0, 0);
    cr_assert_eq(say(0), 0);
    check_lines(0, 1);
}

Test(history, a_line_may_hold_any_bytes)
{
    cr_assert_eq(history_append(&history, &door.sys, 1, 2, "a\0b", 3), 0);
    cr_assert_eq(history_get(&history, 0)->length, 3);
    cr_assert_eq(memcmp(history_get(&history, 0)->text, "a\0b", 3), 0);
}
