#include "chat/people/held.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/guesses.h"
#include "tests/support/fake_door.h"

static struct fake_door door;
static struct held held;

static void open_table(void)
{
    fake_door_init(&door);
    cr_assert_eq(held_init(&held, &door.sys), 0);
}

static void close_table(void)
{
    held_release(&held);
    cr_assert_eq(door.blocks, 0);
}

TestSuite(held, .init = open_table, .fini = close_table);

static struct held_name *add(const char *text, uint64_t origin, int64_t now_ns)
{
    struct held_name *name = NULL;
    cr_assert_eq(held_add(&held, text, origin, now_ns, &name), 0);
    return name;
}

Test(held, a_key_fits_its_own_name_alone)
{
    struct held_name *ann = add("ann", 1, 0);
    struct held_name *bob = add("bob", 2, 0);
    held_set_key(&held, ann, "k3y9", 4);
    held_set_key(&held, bob, "k3y9", 4);
    cr_assert_neq(ann->hash, bob->hash);
    cr_assert(held_key_fits(&held, ann, "k3y9", 4));
    cr_assert_not(held_key_fits(&held, ann, "k3y", 3));
    cr_assert_not(held_key_fits(&held, ann, "K3y9", 4));
    cr_assert_not(held_key_fits(&held, ann, "k3y99", 5));
    cr_assert_not(held_key_fits(&held, ann, "123456789012345678901", 21));
}

Test(held, a_name_is_held_until_an_hour_after_its_holder_left)
{
    struct held_name *ann = add("ann", 1, 0);
    ann->holder = 7;
    cr_assert_eq(held_find(&held, "ANN", 3, 100 * HELD_NS), ann);
    ann->holder = 0;
    ann->left_ns = 100 * HELD_NS;
    cr_assert_eq(held_find(&held, "ann", 3, 101 * HELD_NS - 1), ann);
    cr_assert_null(held_find(&held, "ann", 3, 101 * HELD_NS));
    cr_assert_eq(names_count(&held.names), 0);
}

Test(held, a_thousand_names_are_held_and_four_by_one_address)
{
    struct held_name *name = NULL;
    for (unsigned i = 0; i < HELD_MAX; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "n%u", i);
        (void)add(text, i / HELD_PER_ADDRESS + 1, 0);
    }
    cr_assert_eq(held_add(&held, "more", 5000, 1, &name), -ENOSPC);
    cr_assert_eq(held_add(&held, "more", 1, 1, &name), -EUSERS);
    cr_assert_eq(held_add(&held, "more", 1, HELD_NS, &name), 0);
    cr_assert_eq(names_count(&held.names), 1, "those whose time was over are gone");
}

Test(held, out_of_memory_holds_nothing)
{
    struct held_name *name = NULL;
    for (size_t nth = 1; nth <= 2; nth++) {
        door.fail_at = door.allocations + nth;
        cr_assert_eq(held_add(&held, "ann", 1, 0, &name), -ENOMEM);
        door.fail_at = 0;
        cr_assert_null(held_find(&held, "ann", 3, 0));
    }
}

Test(guesses, the_oldest_address_is_forgotten_when_there_are_too_many)
{
    struct guesses guesses = {0};
    for (int i = 0; i < GUESSES_MAX; i++)
        guesses_add(&guesses, 1, 1);
    cr_assert(guesses_closed(&guesses, 1, 1));
    cr_assert_not(guesses_closed(&guesses, 2, 1));
    for (uint64_t origin = 2; origin <= GUESSES_ADDRESSES; origin++)
        guesses_add(&guesses, origin, 2);
    cr_assert(guesses_closed(&guesses, 1, 2));
    guesses_add(&guesses, GUESSES_ADDRESSES + 1, 3);
    cr_assert_not(guesses_closed(&guesses, 1, 3));
}

Test(guesses, five_within_a_minute_close_for_a_minute_after_the_last)
{
    struct guesses guesses = {0};
    for (int i = 1; i <= GUESSES_MAX; i++) {
        cr_assert_not(guesses_closed(&guesses, 0, i * NS_PER_SECOND));
        guesses_add(&guesses, 0, i * NS_PER_SECOND);
    }
    int64_t last_ns = GUESSES_MAX * NS_PER_SECOND;
    cr_assert(guesses_closed(&guesses, 0, last_ns + GUESSES_NS - 1));
    cr_assert_not(guesses_closed(&guesses, 0, last_ns + GUESSES_NS));
    struct guesses slow = {0};
    for (int i = 0; i <= 20; i++)
        guesses_add(&slow, 9, 1 + i * (GUESSES_NS / (GUESSES_MAX - 1)));
    cr_assert_not(guesses_closed(&slow, 9, 1 + 20 * (GUESSES_NS / (GUESSES_MAX - 1))));
}
