#include <assert.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/gather.h"
#include "tests/support/fake_door.h"

#define LINES_MAX 16
#define LINE_TEXT 1024

static struct fake_door door;
static struct gather gather;

/* What was composed last. */
static char lines[LINES_MAX][LINE_TEXT];
static size_t line_count;

static void open_gather(void)
{
    fake_door_init(&door);
}

/* Whether there is nothing to announce. */
static bool is_empty(void)
{
    return gather.arrived == 0 && !gather_has_departures(&gather);
}

/* Asserts, for Criterion doesn't count what its own find in a `.fini`. */
static void close_gather(void)
{
    gather_release(&gather, &door.sys);
    assert(is_empty());
    assert(door.blocks == 0);
}

TestSuite(gather, .init = open_gather, .fini = close_gather);

static void keep_line(void *context, const char *line, size_t length)
{
    cr_assert_eq(context, &gather);
    cr_assert(line_count < LINES_MAX && length < LINE_TEXT);
    memcpy(lines[line_count], line, length);
    lines[line_count++][length] = '\0';
}

static void compose(size_t size)
{
    char text[LINE_TEXT];

    line_count = 0;
    gather_compose(&gather, text, size, keep_line, &gather);
}

/* What is gathered makes exactly these lines. */
static void expect_lines(const char *const *expected, size_t count)
{
    compose(LINE_TEXT);
    for (size_t i = 0; i < count && i < line_count; i++)
        cr_assert_str_eq(lines[i], expected[i]);
    cr_assert_eq(line_count, count, "%zu lines", line_count);
}

#define EXPECT_LINES(...)                            \
    expect_lines((const char *const[]){__VA_ARGS__}, \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static uint32_t arrive(const char *name)
{
    uint32_t place = gather_arrival(&gather, &door.sys, name);

    cr_assert_gt(place, 0);
    return place;
}

static void leave(const char *name, const char *reason)
{
    cr_assert(gather_departure(&gather, name, &door.sys, reason));
}

Test(gather, nothing_gathered_makes_no_line)
{
    cr_assert(is_empty());
    cr_assert(!gather_has_departures(&gather));
    compose(LINE_TEXT);
    cr_assert_eq(line_count, 0);
}

Test(gather, names_are_listed_the_way_people_do)
{
    static const char *const names[] = {"ann", "bob", "cat", "dog", "eve", "fox", "gnu"};
    static const char *const expected[] = {
        "ann joined",
        "ann and bob joined",
        "ann, bob and cat joined",
        "ann, bob, cat and dog joined",
        "ann, bob, cat, dog and eve joined",
        "ann, bob, cat, dog, eve and 1 other joined",
        "ann, bob, cat, dog, eve and 2 others joined",
    };

    for (size_t i = 0; i < 7; i++) {
        (void)arrive(names[i]);
        EXPECT_LINES(expected[i]);
    }
}

Test(gather, who_is_renamed_meanwhile_arrives_under_the_new_name)
{
    char name[] = "guest1";

    (void)arrive(name);
    memcpy(name, "ann", 4);
    EXPECT_LINES("ann joined");
}

Test(gather, who_is_taken_out_is_not_named)
{
    uint32_t ann = arrive("ann");
    uint32_t bob = arrive("bob");
    uint32_t cat = arrive("cat");

    gather_cancel(&gather, bob);
    EXPECT_LINES("ann and cat joined");
    gather_cancel(&gather, cat);
    EXPECT_LINES("ann joined");
    gather_cancel(&gather, ann);
    cr_assert(is_empty());
}

Test(gather, coming_and_going_all_the_time_takes_no_memory)
{
    (void)arrive("ann");
    for (int i = 0; i < 100000; i++)
        gather_cancel(&gather, arrive("bob"));
    cr_assert_leq(gather.arrival_capacity, 8);
    EXPECT_LINES("ann joined");
}

Test(gather, departures_of_one_reason_share_a_line)
{
    leave("ann", "bye");
    leave("bob", "connection lost");
    leave("cat", "bye");
    leave("dog", NULL);
    leave("eve", "");
    leave("fox", NULL);
    EXPECT_LINES("ann and cat left (bye)", "bob left (connection lost)", "dog and fox left",
                 "eve left ()");
}

Test(gather, a_line_of_departures_names_five_and_counts_the_rest)
{
    char name[NAMES_NICK_MAX + 1];

    for (int i = 0; i < 12; i++) {
        (void)snprintf(name, sizeof(name), "p%d", i);
        leave(name, "bye");
    }
    EXPECT_LINES("p0, p1, p2, p3, p4 and 7 others left (bye)");
}

Test(gather, departures_beyond_five_reasons_are_counted_together)
{
    static const char *const reasons[] = {"a", "b", "c", "d", NULL};

    for (int i = 0; i < 5; i++)
        leave("ann", reasons[i]);
    leave("bob", "f");
    EXPECT_LINES("ann left (a)", "ann left (b)", "ann left (c)", "ann left (d)", "ann left",
                 "1 other left");
    leave("cat", "g");
    leave("dog", "b");
    EXPECT_LINES("ann left (a)", "ann and dog left (b)", "ann left (c)", "ann left (d)", "ann left",
                 "2 others left");
}

Test(gather, departures_come_before_arrivals)
{
    (void)arrive("ann");
    leave("ann", "bye");
    (void)arrive("bob");
    cr_assert(gather_has_departures(&gather));
    EXPECT_LINES("ann left (bye)", "ann and bob joined");
}

Test(gather, a_reason_that_is_too_long_is_cut_between_characters)
{
    char reason[LINE_TEXT] = "";

    for (size_t i = 0; i + 2 < sizeof(reason); i += 2)
        memcpy(reason + i, "\xC3\xA9", 3);
    leave("ann", reason);
    for (size_t size = GATHER_LINE_BYTES; size < GATHER_LINE_BYTES + 4; size++) {
        compose(size);
        size_t length = strlen(lines[0]);
        size_t cut = strlen("ann left (") + (size - strlen("ann left ()")) / 2 * 2;
        cr_assert_eq(length, cut + 1, "%zu of %zu bytes", length, size);
        cr_assert_eq(lines[0][length - 1], ')');
        cr_assert_eq(lines[0][length - 2], '\xA9', "a character was cut");
    }
}

Test(gather, out_of_memory_notes_nothing_and_keeps_what_there_was)
{
    for (size_t nth = 1; nth <= 2; nth++) {
        door.fail_at = door.allocations + nth;
        cr_assert(!gather_departure(&gather, "ann", &door.sys, "bye"), "allocation %zu", nth);
        cr_assert(is_empty());
    }
    leave("bob", "bye");
    door.fail_at = door.allocations + 1;
    cr_assert(!gather_departure(&gather, "cat", &door.sys, "lost"));
    EXPECT_LINES("bob left (bye)");
    for (int i = 0; i < 8; i++)
        (void)arrive("ann");
    door.fail_at = door.allocations + 1;
    cr_assert_eq(gather_arrival(&gather, &door.sys, "ann"), 0);
    EXPECT_LINES("bob left (bye)", "ann, ann, ann, ann, ann and 3 others joined");
}

/* The first that are here, from a model that keeps one flag for each who ever came. */
static void check_against(const char (*names)[16], const bool *here, int count, uint32_t seed)
{
    char expected[LINE_TEXT] = "";
    size_t length = 0;
    int people = 0;
    int named = 0;

    for (int i = 0; i < count; i++)
        people += here[i];
    for (int i = 0; i < count && named < 5; i++) {
        if (!here[i])
            continue;
        const char *between = named == 0 ? "" : named + 1 == people ? " and " : ", ";
        length += (size_t)snprintf(expected + length, sizeof(expected) - length, "%s%s", between,
                                   names[i]);
        named++;
    }
    if (people > named)
        length += (size_t)snprintf(expected + length, sizeof(expected) - length, " and %d other%s",
                                   people - named, people - named == 1 ? "" : "s");
    (void)snprintf(expected + length, sizeof(expected) - length, " joined");
    compose(LINE_TEXT);
    cr_assert_eq(line_count, people > 0, "seed %u", seed);
    if (people > 0)
        cr_assert_str_eq(lines[0], expected, "seed %u", seed);
}

Test(gather, random_comings_and_goings_agree_with_a_naive_model)
{
    enum { PEOPLE = 300 };
    static char names[PEOPLE][16];

    for (uint32_t seed = 1; seed <= 50; seed++) {
        bool here[PEOPLE] = {false};
        uint32_t places[PEOPLE];
        uint32_t random = seed;
        for (int came = 0; came < PEOPLE;) {
            random = random * 1664525 + 1013904223;
            int who = (int)((random >> 8) % PEOPLE);
            if (who < came && here[who]) {
                gather_cancel(&gather, places[who]);
                here[who] = false;
            } else {
                (void)snprintf(names[came], sizeof(names[came]), "p%d", came);
                places[came] = arrive(names[came]);
                here[came++] = true;
            }
            check_against((const char(*)[16])names, here, came, seed);
        }
        gather_release(&gather, &door.sys);
    }
}
