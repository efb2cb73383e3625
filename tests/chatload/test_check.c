/* What receivers heard, checked against a model that remembers every number. */
#include "tools/chatload/check.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/fixture.h"

#define SENDERS 3

static struct check check;
static struct sequence heard[SENDERS];
static struct receiver receiver;

static void open_check(void)
{
    sim = sim_create(NULL);
    check_init(&check, sim_door(sim));
    memset(heard, 0, sizeof(heard));
    receiver = (struct receiver){.heard = heard, .senders = SENDERS, .stride = 1, .receiver = 7};
}

/* Ends the run in which each sender has sent so many messages. */
static void end(uint32_t sent)
{
    for (uint32_t slot = 0; slot < SENDERS; slot++)
        check_end_of(&check, &receiver, &heard[slot], slot == 0 ? sent : heard[slot].next);
    check_close(&check, &receiver);
}

static void close_check(void)
{
    check_release(&check);
    cr_assert_eq(sim_live_blocks(sim), 0);
    sim_free(sim);
}

/* Hears the numbers of sender 0 that `text` names, one digit each. */
static void hear(const char *text)
{
    for (; *text; text++)
        (void)check_hear(&check, &receiver, 0, (uint32_t)(*text - '0')); /* the counts tell */
}

static void expect(uint64_t delivered, uint64_t lost, uint64_t duplicated, uint64_t reordered)
{
    cr_expect_eq(check.delivered, delivered, "%d delivered", (int)check.delivered);
    cr_expect_eq(check.lost.count, lost, "%d lost", (int)check.lost.count);
    cr_expect_eq(check.duplicated.count, duplicated, "%d duplicated", (int)check.duplicated.count);
    cr_expect_eq(check.reordered.count, reordered, "%d reordered", (int)check.reordered.count);
}

TestSuite(chatload_check, .init = open_check);

Test(chatload_check, what_comes_in_order_is_all_right)
{
    hear("012345");
    end(6);
    expect(6, 0, 0, 0);
    close_check();
}

Test(chatload_check, two_neighbours_swapped_are_one_reordered)
{
    hear("013245");
    end(6);
    expect(6, 0, 0, 1);
    cr_assert_eq(check.reordered.first.number, 2);
    cr_assert_eq(check.reordered.first.receiver, 7);
    close_check();
}

Test(chatload_check, a_number_that_never_comes_is_lost)
{
    hear("01245");
    end(6);
    expect(5, 1, 0, 0);
    cr_assert_eq(check.lost.first.number, 3);
    close_check();
}

Test(chatload_check, what_is_missing_at_the_end_is_lost)
{
    hear("0123");
    end(6);
    expect(4, 2, 0, 0);
    cr_assert_eq(check.lost.first.number, 4);
    close_check();
}

Test(chatload_check, what_comes_twice_is_one_duplicate)
{
    hear("01223");
    end(4);
    expect(4, 0, 1, 0);
    cr_assert_eq(check.duplicated.first.number, 2);
    close_check();
}

Test(chatload_check, what_comes_late_twice_is_reordered_and_a_duplicate)
{
    hear("013224");
    end(5);
    expect(5, 0, 1, 1);
    close_check();
}

Test(chatload_check, the_first_messages_may_be_missing)
{
    hear("3451");
    end(6);
    expect(4, 2, 0, 1);
    cr_assert_eq(check.lost.first.number, 0);
    close_check();
}

Test(chatload_check, skipped_lines_that_were_told_are_not_lost)
{
    hear("01");
    check_skipped(&check, &receiver, 3);
    hear("56");
    end(8);
    expect(4, 1, 0, 0);
    close_check();
}

Test(chatload_check, what_was_told_to_one_excuses_nothing_for_another)
{
    struct sequence others[SENDERS] = {{0}};
    struct receiver other = {.heard = others, .senders = SENDERS, .stride = 1};
    check_skipped(&check, &other, 3);
    hear("05");
    end(6);
    expect(2, 4, 0, 0);
    close_check();
}

Test(chatload_check, senders_are_checked_apart)
{
    cr_assert(check_hear(&check, &receiver, 0, 0));
    cr_assert(check_hear(&check, &receiver, 1, 0));
    cr_assert(check_hear(&check, &receiver, 2, 0));
    cr_assert(check_hear(&check, &receiver, 1, 1));
    cr_assert_not(check_hear(&check, &receiver, 2, 0));
    end(1);
    expect(4, 0, 1, 0);
    cr_assert_eq(check.duplicated.first.sender, 2);
    close_check();
}

Test(chatload_check, a_hole_that_was_filled_is_used_again)
{
    for (uint32_t number = 0; number < 10000; number += 2) {
        cr_assert(check_hear(&check, &receiver, 0, number + 1));
        cr_assert(check_hear(&check, &receiver, 0, number));
    }
    cr_expect_eq(check.hole_count, 2); /* and the first is unused */
    end(10000);
    expect(10000, 0, 0, 5000);
    close_check();
}

/* While they grow, holes move in memory; the middle of one is taken out of it. */
Test(chatload_check, holes_are_split_while_their_table_grows)
{
    for (uint32_t number = 0; number < 3000; number += 3)
        cr_assert(check_hear(&check, &receiver, 0, number + 2));
    cr_assert(check_hear(&check, &receiver, 1, 1000));
    for (uint32_t number = 1; number < 1000; number += 2)
        cr_assert(check_hear(&check, &receiver, 1, number));
    for (uint32_t number = 0; number < 1000; number += 2)
        cr_assert(check_hear(&check, &receiver, 1, number));
    cr_expect_eq(receiver.missing, 2000);
    expect(2001, 0, 0, 1000);
    close_check();
}

/* The model: how often each number was heard, and the largest before. */
#define NUMBERS 300

struct model {
    unsigned times[NUMBERS];
    int largest;
    uint64_t delivered, duplicated, reordered;
};

static void model_hear(struct model *model, uint32_t number)
{
    if (model->times[number]++ > 0) {
        model->duplicated++;
        return;
    }
    model->delivered++;
    if ((int)number < model->largest)
        model->reordered++;
    else
        model->largest = (int)number;
}

/* The numbers in order, then some moved, dropped or repeated. */
static size_t disturb(uint64_t *seed, uint32_t numbers[2 * NUMBERS])
{
    size_t count = 0;
    for (uint32_t i = 0; i < NUMBERS; i++) {
        unsigned fate = fixture_random(seed, 20);
        if (fate == 0)
            continue;
        numbers[count++] = i;
        if (fate == 1)
            numbers[count++] = fixture_random(seed, NUMBERS);
    }
    for (unsigned moves = fixture_random(seed, 60); moves > 0; moves--) {
        size_t from = fixture_random(seed, (unsigned)count);
        size_t to = fixture_random(seed, (unsigned)count);
        uint32_t moved = numbers[from];
        numbers[from] = numbers[to];
        numbers[to] = moved;
    }
    return count;
}

Test(chatload_check, agrees_with_a_model_that_remembers_everything)
{
    for (uint64_t round = 1; round <= 300; round++) {
        uint64_t seed = round;
        uint32_t numbers[2 * NUMBERS];
        struct model model = {.largest = -1};
        check_release(&check);
        check_init(&check, sim_door(sim));
        memset(heard, 0, sizeof(heard));
        receiver.missing = 0;
        size_t count = disturb(&seed, numbers);
        for (size_t i = 0; i < count; i++) {
            model_hear(&model, numbers[i]);
            (void)check_hear(&check, &receiver, 0, numbers[i]); /* the counts tell */
        }
        end(NUMBERS);
        must(check.delivered == model.delivered, "round %d: delivered", (int)round);
        must(check.duplicated.count == model.duplicated, "round %d: duplicated", (int)round);
        must(check.reordered.count == model.reordered, "round %d: reordered", (int)round);
        must(check.lost.count == NUMBERS - model.delivered, "round %d: lost", (int)round);
    }
    close_check();
}

Test(chatload_check, without_memory_for_holes_the_losses_are_still_counted)
{
    sim_options(sim)->no_memory_ppm = 1000000;
    hear("0257");
    end(8);
    expect(4, 4, 0, 0);
    close_check();
}
