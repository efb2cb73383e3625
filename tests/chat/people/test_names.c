#include <assert.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/names.h"
#include "chat/text/text.h"
#include "tests/support/fake_door.h"

/* Somebody who has a name, and more than that. */
struct owner {
    int before;
    char name[NAMES_TEXT_MAX + 1];
    bool in; /* what the naive model knows: the name is in the table */
};

static struct fake_door door;
static struct names names;

static void open_table(void)
{
    fake_door_init(&door);
    door.random_byte = 0x5c;
    cr_assert_eq(names_init(&names, &door.sys), 0);
}

/* Asserts, for Criterion doesn't count what its own find in a `.fini`. */
static void close_table(void)
{
    names_release(&names);
    assert(door.blocks == 0);
}

TestSuite(names, .init = open_table, .fini = close_table);

static const char *find(const char *text)
{
    return names_find(&names, text, strlen(text));
}

static bool nick_fits(const char *text)
{
    return names_judge_nick(text, strlen(text), "chatd") == NAMES_FINE;
}

static bool room_fits(const char *text)
{
    char room[NAMES_ROOM_MAX + 1];
    return names_spell_room(room, text, strlen(text)) > 0;
}

Test(names, a_nick_is_1_to_20_of_its_characters_with_a_letter_first)
{
    static const char *const right[] = {"a", "Z", "ann", "Ann_2-b", "a-_9", "abcdefghijklmnopqrst"};
    static const char *const wrong[] = {
        "",    "9a", "_a",    "-a",          "a b",
        "a.b", "#a", "a\xc3", "J\xc3\xb6rg", "a\n",
        "a/b", "@a", "a`b",   "a{b",         "abcdefghijklmnopqrstu"};

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        cr_assert(nick_fits(right[i]), "'%s'", right[i]);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(names_judge_nick(wrong[i], strlen(wrong[i]), "chatd"), NAMES_INVALID, "'%s'",
                     wrong[i]);
    cr_assert_eq(names_judge_nick("a\0b", 3, "chatd"), NAMES_INVALID, "a NUL is not a letter");
}

Test(names, each_byte_is_judged_by_the_contracts_list)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (int byte = 0; byte < 256; byte++) {
        char first = (char)byte;
        char second[2] = {'a', (char)byte};
        char room[2] = {'#', (char)byte};
        bool letter = byte && strchr(letters, byte);
        bool inside = letter || (byte && strchr("0123456789_-", byte));
        char spelled[NAMES_ROOM_MAX + 1];
        cr_assert_eq(names_judge_nick(&first, 1, "") == NAMES_FINE, letter, "byte %d", byte);
        cr_assert_eq(names_judge_nick(second, 2, "") == NAMES_FINE, inside, "byte %d", byte);
        cr_assert_eq(names_spell_room(spelled, room, 2) == 2, inside, "byte %d", byte);
    }
}

Test(names, guest_with_a_number_is_the_servers_to_give)
{
    static const char *const reserved[] = {"guest1", "guest0", "GUEST12", "gUeSt000000000000001"};
    static const char *const free_for_all[] = {"guest",   "Guest",   "guest1a",
                                               "guest-1", "guests1", "aguest1"};

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        cr_assert_eq(names_judge_nick(reserved[i], strlen(reserved[i]), "chatd"), NAMES_GUESTS,
                     "'%s'", reserved[i]);
    for (size_t i = 0; i < sizeof(free_for_all) / sizeof(free_for_all[0]); i++)
        cr_assert(nick_fits(free_for_all[i]), "'%s'", free_for_all[i]);
}

Test(names, names_that_could_be_taken_for_the_server_are_reserved)
{
    static const char *const reserved[] = {
        "server", "chatd", "admin",  "administrator", "operator", "root",   "system", "help",
        "you",    "all",   "SERVER", "Nobody",        "everyone", "nobody", "mill",   "MILL"};

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        cr_assert_eq(names_judge_nick(reserved[i], strlen(reserved[i]), "Mill"), NAMES_RESERVED,
                     "'%s'", reserved[i]);
    cr_assert_eq(names_judge_nick("servers", 7, "Mill"), NAMES_FINE);
    cr_assert_eq(names_judge_nick("serve", 5, "Mill"), NAMES_FINE);
    cr_assert_eq(names_judge_nick("mill", 4, "The Mill"), NAMES_FINE);
}

Test(names, a_room_is_a_hash_and_1_to_30_characters_in_lower_case)
{
    static const char *const wrong[] = {
        "", "#", "##", "# a", "#a b", "#\xc3\xa4", "a#", "#123456789012345678901234567890x"};
    char room[NAMES_ROOM_MAX + 1];

    cr_assert(room_fits("#lobby") && room_fits("#9") && room_fits("#-_") && room_fits("#LOBBY"));
    cr_assert(room_fits("#123456789012345678901234567890"));
    cr_assert(room_fits("123456789012345678901234567890"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_not(room_fits(wrong[i]), "'%s'", wrong[i]);
    cr_assert_eq(names_spell_room(room, "#LoBBy-_9 and more", 9), 9);
    cr_assert_str_eq(room, "#lobby-_9");
    cr_assert_eq(names_spell_room(room, "Tea and more", 3), 4);
    cr_assert_str_eq(room, "#tea");
    cr_assert_eq(names_spell_room(room, "#ABCDEFGHIJKLMNOPQRSTUVWXYZ1234", NAMES_ROOM_MAX),
                 NAMES_ROOM_MAX);
    cr_assert_str_eq(room, "#abcdefghijklmnopqrstuvwxyz1234");
}

Test(names, an_empty_table_has_no_memory_and_finds_nothing)
{
    size_t position = 0;

    cr_assert_null(find("ann"));
    cr_assert_null(find(""));
    cr_assert_null(names_next(&names, &position));
    cr_assert_eq(names_count(&names), 0);
    cr_assert_eq(door.allocations, 0);
}

Test(names, a_name_leads_back_to_its_owner_whatever_the_case)
{
    struct owner ann = {.name = "Ann"};
    struct owner bob = {.name = "bob_1"};

    cr_assert_eq(names_add(&names, ann.name), 0);
    cr_assert_eq(names_add(&names, bob.name), 0);
    cr_assert_eq(container_of(find("aNN"), struct owner, name), &ann);
    cr_assert_eq(container_of(find("BOB_1"), struct owner, name), &bob);
    cr_assert_null(find("an"));
    cr_assert_null(find("anna"));
    cr_assert_null(find(""));
    cr_assert_null(find("bob?1"), "only letters have a case");
    cr_assert_eq(names_find(&names, "ANNA", 3), ann.name);
    cr_assert_null(find("a text longer than any name in the table can ever be"));
}

Test(names, a_name_that_is_taken_stays_with_whom_it_is)
{
    static const char ann[] = "ann";
    static const char other[] = "ANN";

    cr_assert_eq(names_add(&names, ann), 0);
    cr_assert_eq(names_add(&names, other), -EEXIST);
    cr_assert_eq(find("Ann"), ann);
    cr_assert_eq(names_count(&names), 1);
    names_remove(&names, ann);
    cr_assert_null(find("ann"));
    cr_assert_eq(names_add(&names, other), 0);
    cr_assert_eq(find("ann"), other);
}

Test(names, a_rename_keeps_the_owner_and_frees_the_old_name)
{
    char ann[NAMES_NICK_MAX + 1] = "ann";
    char bob[NAMES_NICK_MAX + 1] = "bob";

    cr_assert_eq(names_add(&names, ann), 0);
    cr_assert_eq(names_add(&names, bob), 0);
    cr_assert_eq(names_rename(&names, ann, "BOB", 3), -EEXIST);
    cr_assert_str_eq(ann, "ann");
    cr_assert_eq(names_rename(&names, ann, "Ann", 3), 0);
    cr_assert_str_eq(ann, "Ann");
    cr_assert_eq(names_rename(&names, ann, "eve and more", 3), 0);
    cr_assert_str_eq(ann, "eve");
    cr_assert_eq(find("eve"), ann);
    cr_assert_null(find("ann"));
    cr_assert_eq(names_count(&names), 2);
    names_check(&names);
}

/* Fills the table with owners called n0, n1, ... until one more needs memory; returns how many. */
static size_t fill(struct owner *owners, size_t most)
{
    size_t count = 0;

    do {
        snprintf(owners[count].name, sizeof(owners[count].name), "n%zu", count);
        cr_assert_eq(names_add(&names, owners[count].name), 0);
        count++;
    } while (count < most && names_count(&names) + 1 <= names.capacity / 4 * 3);
    return count;
}

Test(names, a_full_table_renames_and_replaces_without_memory)
{
    static struct owner owners[64];
    size_t count = fill(owners, 64);

    cr_assert_eq(count, names.capacity / 4 * 3);
    door.fail_at = 1;
    door.fail_after = true;
    cr_assert_eq(names_rename(&names, owners[0].name, "eve", 3), 0);
    names_remove(&names, owners[1].name);
    cr_assert_eq(names_add(&names, "bob"), 0);
    names_check(&names);
}

Test(names, out_of_memory_leaves_the_table_as_it_was)
{
    static struct owner owners[2000];
    size_t refused = 0;

    for (size_t i = 0; i < 2000; i++) {
        snprintf(owners[i].name, sizeof(owners[i].name), "n%zu", i);
        door.fail_at = door.allocations + 1;
        int rc = names_add(&names, owners[i].name);
        if (rc) {
            cr_assert_eq(rc, -ENOMEM);
            cr_assert_eq(names_count(&names), i);
            cr_assert_null(find(owners[i].name));
            names_check(&names);
            refused++;
            door.fail_at = 0;
            cr_assert_eq(names_add(&names, owners[i].name), 0);
        }
    }
    cr_assert_eq(refused, 9, "16, 32, ... 4096 slots: %zu", refused);
    cr_assert_eq(door.blocks, 1);
    for (size_t i = 0; i < 2000; i++)
        cr_assert_eq(find(owners[i].name), owners[i].name);
}

Test(names, without_a_random_key_there_is_no_table)
{
    struct names keyless;

    door.random_error = -ENOSYS;
    cr_assert_eq(names_init(&keyless, &door.sys), -ENOSYS);
}

Test(names, another_key_is_another_order)
{
    static struct owner owners[64];
    struct names other;
    size_t position = 0;
    size_t other_position = 0;
    size_t same = 0;

    door.random_byte = 0x36;
    cr_assert_eq(names_init(&other, &door.sys), 0);
    size_t count = fill(owners, 48);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(names_add(&other, owners[i].name), 0);
    for (size_t i = 0; i < count; i++)
        same += names_next(&names, &position) == names_next(&other, &other_position);
    cr_assert_lt(same, count / 2);
    names_release(&other);
}

Test(names, a_walk_meets_everybody_once)
{
    static struct owner owners[64];
    size_t count = fill(owners, 64);
    size_t position = 0;
    size_t met = 0;

    for (const char *name; (name = names_next(&names, &position)); met++) {
        struct owner *owner = container_of(name, struct owner, name);
        cr_assert_not(owner->in, "%s met twice", name);
        owner->in = true;
    }
    cr_assert_eq(met, count);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* One random step with one owner; the model is `in` of all of them. */
static void step(struct owner *owner, uint32_t *random)
{
    char text[NAMES_TEXT_MAX + 1];

    if (!owner->in) {
        cr_assert_eq(names_add(&names, owner->name), 0);
        owner->in = true;
    } else if (next_random(random) % 3) {
        names_remove(&names, owner->name);
        owner->in = false;
    } else {
        /* Each owner has a number of its own, so the new name can't be taken. */
        const char *number = owner->name + strspn(owner->name, "abxX");
        snprintf(text, sizeof(text), "%s%s", next_random(random) % 2 ? "xX" : "ab", number);
        cr_assert_eq(names_rename(&names, owner->name, text, strlen(text)), 0);
        cr_assert_str_eq(owner->name, text);
    }
}

/* Few slots and many removals: gaps are closed across names at home, away from home, and across the
 * end of the ring. */
Test(names, thousands_of_random_steps_agree_with_a_naive_model)
{
    static struct owner owners[40];
    const size_t people = sizeof(owners) / sizeof(owners[0]);

    for (uint32_t seed = 1; seed <= 60; seed++) {
        uint32_t random = seed;
        door.random_byte = (unsigned char)seed;
        names_release(&names);
        cr_assert_eq(names_init(&names, &door.sys), 0);
        for (size_t i = 0; i < people; i++) {
            snprintf(owners[i].name, sizeof(owners[i].name), "ab%zu", i);
            owners[i].in = false;
        }
        for (int i = 0; i < 400; i++) {
            step(&owners[next_random(&random) % people], &random);
            size_t count = 0;
            for (size_t k = 0; k < people; k++) {
                const char *found = find(owners[k].name);
                cr_assert_eq(found, owners[k].in ? owners[k].name : NULL, "seed %u, step %d", seed,
                             i);
                count += owners[k].in;
            }
            cr_assert_eq(names_count(&names), count, "seed %u, step %d", seed, i);
            names_check(&names);
        }
    }
}
