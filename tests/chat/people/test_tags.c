#include "chat/people/tags.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "chat/people/client.h"
#include "tests/support/fake_door.h"

enum { PEOPLE = 300 };

static struct fake_door door;
static struct tags tags;
static struct client people[PEOPLE];

static void open_table(void)
{
    fake_door_init(&door);
    tags_init(&tags, &door.sys);
    for (int i = 0; i < PEOPLE; i++)
        people[i].stream.outbox.tag = (uint64_t)i + 1;
}

TestSuite(tags, .init = open_table);

Test(tags, an_empty_table_has_no_memory_and_finds_nothing)
{
    cr_assert_null(tags_find(&tags, 1));
    cr_assert_eq(door.blocks, 0);
}

Test(tags, random_steps_agree_with_a_naive_model)
{
    bool here[PEOPLE] = {false};
    uint32_t random = 1;
    for (int step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t who = (random >> 8) % PEOPLE;
        if (here[who])
            tags_remove(&tags, &people[who]);
        else if (tags_reserve(&tags) == 0)
            tags_add(&tags, &people[who]);
        here[who] = !here[who];
        uint32_t other = (random >> 16) % PEOPLE;
        cr_assert_eq(tags_find(&tags, other + 1), here[other] ? &people[other] : NULL, "step %d",
                     step);
    }
    for (uint32_t i = 0; i < PEOPLE; i++)
        cr_assert_eq(tags_find(&tags, i + 1), here[i] ? &people[i] : NULL);
    cr_assert_null(tags_find(&tags, PEOPLE + 1));
    tags_release(&tags);
    cr_assert_eq(door.blocks, 0);
}

Test(tags, out_of_memory_changes_nothing)
{
    for (int i = 0; i < 12; i++) {
        cr_assert_eq(tags_reserve(&tags), 0);
        tags_add(&tags, &people[i]);
    }
    door.fail_at = door.allocations + 1;
    cr_assert_eq(tags_reserve(&tags), -ENOMEM);
    for (int i = 0; i < 12; i++)
        cr_assert_eq(tags_find(&tags, (uint64_t)i + 1), &people[i]);
    door.fail_at = 0;
    cr_assert_eq(tags_reserve(&tags), 0);
    tags_add(&tags, &people[12]);
    cr_assert_eq(tags_find(&tags, 13), &people[12]);
    tags_release(&tags);
}
