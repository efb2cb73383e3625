#include <assert.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "chat/people/guests.h"
#include "tests/support/fake_door.h"

static struct fake_door door;
static struct guests guests;

static void open_set(void)
{
    fake_door_init(&door);
    guests_init(&guests, &door.sys);
}

/* Asserts, for Criterion doesn't count what its own find in a `.fini`. */
static void close_set(void)
{
    guests_release(&guests);
    assert(door.blocks == 0);
}

TestSuite(guests, .init = open_set, .fini = close_set);

static uint32_t take(void)
{
    uint32_t number = 0;

    cr_assert_eq(guests_take(&guests, &number), 0);
    return number;
}

Test(guests, numbers_count_up_from_one)
{
    for (uint32_t expected = 1; expected <= 10000; expected++)
        cr_assert_eq(take(), expected);
}

Test(guests, the_lowest_free_number_is_given_again)
{
    for (uint32_t i = 1; i <= 200; i++)
        (void)take();
    guests_give_back(&guests, 130);
    guests_give_back(&guests, 7);
    guests_give_back(&guests, 64);
    guests_give_back(&guests, 65);
    for (uint32_t i = 0; i < GUESTS_RESTING; i++)
        guests_give_back(&guests, 180 + i);
    cr_assert_eq(take(), 7);
    cr_assert_eq(take(), 64);
    cr_assert_eq(take(), 65);
    cr_assert_eq(take(), 130);
    cr_assert_eq(take(), 201);
}

Test(guests, a_number_rests_until_enough_others_were_given_back)
{
    for (uint32_t i = 1; i <= 40; i++)
        (void)take();
    guests_give_back(&guests, 3);
    cr_assert_eq(take(), 41);
    for (uint32_t i = 0; i < GUESTS_RESTING - 1; i++)
        guests_give_back(&guests, 20 + i);
    cr_assert_eq(take(), 42);
    guests_give_back(&guests, 19);
    cr_assert_eq(take(), 3);
    cr_assert_eq(take(), 43);
}

Test(guests, a_released_set_begins_again)
{
    for (uint32_t i = 1; i <= 200; i++)
        (void)take();
    guests_release(&guests);
    cr_assert_eq(door.blocks, 0);
    cr_assert_eq(take(), 1);
}

Test(guests, out_of_memory_takes_nothing)
{
    uint32_t taken = 0;
    uint32_t number = 0;
    size_t refused = 0;

    while (taken < 1000) {
        door.fail_at = door.allocations + 1;
        int rc = guests_take(&guests, &number);
        door.fail_at = 0;
        if (rc) {
            cr_assert_eq(rc, -ENOMEM);
            cr_assert_eq(number, taken, "a refusal wrote a number");
            refused++;
            number = take();
        }
        cr_assert_eq(number, ++taken);
    }
    cr_assert_eq(refused, 4, "128, 256, 512 and 1024 bits");
}

/* True if `number` is among the last GUESTS_RESTING of `given_back`. */
static bool is_resting(const uint32_t *resting, size_t given_back, uint32_t number)
{
    size_t first = given_back < GUESTS_RESTING ? 0 : given_back - GUESTS_RESTING;
    for (size_t i = first; i < given_back; i++)
        if (resting[i] == number)
            return true;
    return false;
}

Test(guests, random_steps_agree_with_a_naive_model)
{
    enum { PEOPLE = 300 };

    for (uint32_t seed = 1; seed <= 20; seed++) {
        bool taken[2 * PEOPLE + 1] = {false};
        uint32_t resting[3000];
        size_t given_back = 0;
        uint32_t random = seed;
        guests_release(&guests);
        for (int i = 0; i < 3000; i++) {
            random = random * 1664525 + 1013904223;
            uint32_t number = (random >> 8) % PEOPLE + 1;
            if (taken[number]) {
                guests_give_back(&guests, number);
                taken[number] = false;
                resting[given_back++] = number;
                continue;
            }
            uint32_t lowest = 1;
            while (taken[lowest] || is_resting(resting, given_back, lowest))
                lowest++;
            cr_assert_eq(take(), lowest, "seed %u, step %d", seed, i);
            taken[lowest] = true;
        }
    }
}
