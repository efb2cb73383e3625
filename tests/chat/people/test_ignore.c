/* One reader and three who talk, in one broadcast; reading is moving the reader's cursor. */
#include <assert.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "chat/people/ignore.h"
#include "tests/support/fake_door.h"

enum { TALKERS = 3, LINES_MAX = 2000 };

static const struct fanout_rules no_rules;
static struct fake_door door;
static struct loop loop;
static struct chat chat;
static struct broadcast room;
static struct client reader;
static struct client talkers[TALKERS];
static struct subscriber seats[TALKERS + 1]; /* the last is the reader's */

static struct subscriber *const seat = &seats[TALKERS];

static void sit_down(struct client *client, struct subscriber *subscriber, uint64_t tag)
{
    client->stream.fanout = &chat.fanout;
    outbox_init(&client->stream.outbox, tag);
    cr_assert_eq(broadcast_subscribe(&room, subscriber, &client->stream.outbox), 0);
}

static void open_room(void)
{
    fake_door_init(&door);
    loop.sys = &door.sys;
    chat.loop = &loop;
    chat.fanout.loop = &loop;
    chat.fanout.rules = &no_rules;
    chunk_pool_init(&chat.fanout.pool, &door.sys);
    list_init(&chat.fanout.passes);
    list_init(&chat.fanout.dirty);
    wait_list_init(&chat.fanout.space);
    tags_init(&chat.tags, &door.sys);
    broadcast_init(&room, &chat.fanout, "#room", 1 << 20);
    for (int i = 0; i < TALKERS; i++)
        sit_down(&talkers[i], &seats[i], (uint64_t)i + 1);
    sit_down(&reader, seat, 1000);
}

/* Asserts, for Criterion doesn't count what its own find in a `.fini`. */
static void close_room(void)
{
    ignore_release(&reader);
    door.sys.release(&door.sys, reader.extra);
    assert(!reader.stream.outbox.selective);
    for (int i = 0; i <= TALKERS; i++)
        broadcast_unsubscribe(&seats[i]);
    broadcast_release(&room);
    chunk_pool_release(&chat.fanout.pool);
    tags_release(&chat.tags);
    assert(door.blocks == 0);
}

TestSuite(ignore, .init = open_room, .fini = close_room);

static void say(int talker)
{
    cr_assert_eq(broadcast_append(&room, &seats[talker], "hello\r\n", 7), 0);
}

static void read_all(void)
{
    seat->cursor = room.log.end;
}

static bool skipped(uint64_t line)
{
    return ignore_skips(&reader.stream.outbox, chunklog_record(&room.log, line));
}

Test(ignore, somebody_is_left_out_from_then_on)
{
    say(0);
    cr_assert_eq(ignore_add(&reader, 1), 0);
    cr_assert(reader.stream.outbox.selective);
    say(0);
    say(1);
    cr_assert(!skipped(0));
    cr_assert(skipped(1));
    cr_assert(!skipped(2));
}

Test(ignore, what_was_said_meanwhile_stays_unsaid)
{
    cr_assert_eq(ignore_add(&reader, 1), 0);
    say(0);
    cr_assert_eq(ignore_remove(&reader, 1), 0);
    cr_assert(!ignore_holds(&reader, 1));
    say(0);
    cr_assert_eq(ignore_add(&reader, 1), 0);
    say(0);
    cr_assert(skipped(0));
    cr_assert(!skipped(1));
    cr_assert(skipped(2));
    cr_assert_eq(ignore_count(&reader), 1);
}

Test(ignore, a_lifted_entry_is_forgotten_when_all_was_shown)
{
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(ignore_add(&reader, 1), 0);
        say(0);
        read_all();
        cr_assert_eq(ignore_remove(&reader, 1), 0);
        cr_assert_null(reader.extra->ignored);
        cr_assert(!reader.stream.outbox.selective);
    }
}

Test(ignore, adding_twice_is_adding_once)
{
    cr_assert_eq(ignore_add(&reader, 1), 0);
    cr_assert_eq(ignore_add(&reader, 1), 0);
    cr_assert_eq(ignore_count(&reader), 1);
    cr_assert_eq(ignore_remove(&reader, 1), 0);
    cr_assert_eq(ignore_remove(&reader, 1), -ENOENT);
}

Test(ignore, nobody_ignores_more_than_a_hundred)
{
    for (uint64_t tag = 1; tag <= CHAT_IGNORED_MAX; tag++)
        cr_assert_eq(ignore_add(&reader, tag), 0);
    cr_assert_eq(ignore_add(&reader, 200), -ENOSPC);
    cr_assert_eq(ignore_add(&reader, 7), 0, "ignored already");
    cr_assert_eq(ignore_remove(&reader, 7), 0);
    cr_assert_eq(ignore_add(&reader, 200), 0);
    cr_assert_eq(ignore_count(&reader), CHAT_IGNORED_MAX);
}

Test(ignore, who_is_gone_is_forgotten_but_not_heard_again)
{
    cr_assert_eq(tags_reserve(&chat.tags), 0);
    tags_add(&chat.tags, &talkers[0]);
    for (uint64_t tag = 1; tag <= TALKERS; tag++)
        cr_assert_eq(ignore_add(&reader, tag), 0);
    say(1);
    ignore_forget_gone(&reader);
    cr_assert(ignore_holds(&reader, 1));
    cr_assert_eq(ignore_count(&reader), 1);
    cr_assert(skipped(0), "its line was not yet shown");
    tags_remove(&chat.tags, &talkers[0]);
    read_all();
    ignore_forget_gone(&reader);
    cr_assert_null(reader.extra->ignored);
}

Test(ignore, the_list_goes_through_those_in_force_by_tag)
{
    for (uint64_t tag = 9; tag >= 3; tag -= 2)
        cr_assert_eq(ignore_add(&reader, tag), 0);
    cr_assert_eq(ignore_remove(&reader, 5), 0);
    cr_assert_eq(ignore_next(&reader, 0), 3);
    cr_assert_eq(ignore_next(&reader, 3), 7);
    cr_assert_eq(ignore_next(&reader, 7), 9);
    cr_assert_eq(ignore_next(&reader, 9), 0);
}

static void say_line(const char *line)
{
    cr_assert_eq(broadcast_append(&room, NULL, line, strlen(line)), 0);
}

Test(ignore, somebody_quiet_is_not_shown_joins_leaves_and_renames)
{
    ignore_set_quiet(&reader, true);
    cr_assert(reader.stream.outbox.selective);
    say_line("#room -- ann joined\r\n");
    say_line("#room -- ann set the topic: x\r\n");
    say(0);
    cr_assert(skipped(0));
    cr_assert(!skipped(1));
    cr_assert(!skipped(2));
    cr_assert_eq(ignore_add(&reader, 1), 0);
    cr_assert_eq(ignore_remove(&reader, 1), 0);
    cr_assert(reader.stream.outbox.selective, "still quiet");
    ignore_set_quiet(&reader, false);
    cr_assert(!skipped(0));
}

Test(ignore, a_rename_of_somebody_ignored_is_shown_unless_one_is_quiet)
{
    const char line[] = "#room -- ann is now eve\r\n";
    cr_assert_eq(ignore_add(&reader, 1), 0);
    cr_assert_eq(broadcast_append(&room, &seats[0], line, strlen(line)), 0);
    cr_assert(!skipped(0));
    ignore_set_quiet(&reader, true);
    cr_assert(skipped(0));
    ignore_set_quiet(&reader, false);
    cr_assert(reader.stream.outbox.selective, "somebody is ignored");
}

Test(ignore, out_of_memory_changes_nothing)
{
    uint64_t ignored = 0;
    size_t refused = 0;

    while (ignored < CHAT_IGNORED_MAX) {
        door.fail_at = door.allocations + 1;
        int rc = ignore_add(&reader, ignored + 1);
        door.fail_at = 0;
        cr_assert(rc == 0 || rc == -ENOMEM);
        cr_assert_eq(ignore_count(&reader), ignored + (rc == 0));
        cr_assert_eq(reader.stream.outbox.selective, ignored + (rc == 0) > 0);
        refused += rc != 0;
        if (rc < 0)
            cr_assert_eq(ignore_add(&reader, ignored + 1), 0);
        ignored++;
    }
    cr_assert_eq(refused, 6, "4, 8, 16, 32, 64 and 128 entries");
}

/* The model notes for every line, when it is said, whether it may be shown. */
Test(ignore, random_steps_agree_with_a_naive_model)
{
    for (uint32_t seed = 1; seed <= 50; seed++) {
        bool ignored[TALKERS] = {false};
        static bool silent[LINES_MAX];
        uint64_t first = room.log.end;
        uint32_t random = seed;
        while (room.log.end - first < LINES_MAX) {
            random = random * 1664525 + 1013904223;
            int who = (int)((random >> 8) % TALKERS);
            uint32_t what = (random >> 16) % 20;
            if (what == 0)
                read_all();
            else if (what == 1)
                cr_assert_eq(ignore_remove(&reader, (uint64_t)who + 1), ignored[who] ? 0 : -ENOENT);
            else if (what == 2)
                cr_assert_eq(ignore_add(&reader, (uint64_t)who + 1), 0);
            if (what == 1 || what == 2)
                ignored[who] = what == 2;
            if (what < 3)
                continue;
            silent[room.log.end - first] = ignored[who];
            say(who);
            for (uint64_t line = seat->cursor; line < room.log.end; line++)
                if (skipped(line) != silent[line - first])
                    cr_assert_fail("seed %u, line %u", seed, (unsigned)(line - first));
        }
        read_all();
        for (int who = 0; who < TALKERS; who++)
            (void)ignore_remove(&reader, (uint64_t)who + 1); /* not all are ignored now */
        for (int i = 0; i < TALKERS; i++)
            seats[i].cursor = room.log.end;
        broadcast_trim(&room);
    }
}
