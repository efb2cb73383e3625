#include "reactor/broadcast/broadcast.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/receivers.h"

#define READERS 6
#define BACKLOG (8 * CHUNKLOG_SIZE_MIN)

static struct broadcast room;
static struct reader readers[READERS];
static struct subscriber members[READERS];

/* Ann and bob are in the room, the others come when a test has them join. */
#define ann readers[0]
#define bob readers[1]

static void join(int i)
{
    cr_assert_eq(broadcast_subscribe(&room, &members[i], &readers[i].outbox), 0);
}

static void open_room(void)
{
    receivers_open();
    broadcast_init(&room, &fanout, "room", BACKLOG);
    for (int i = 0; i < READERS; i++)
        reader_init(&readers[i], 1 + (uint64_t)i);
    join(0);
    join(1);
}

static void close_room(void)
{
    broadcast_check(&room);
    for (int i = 0; i < READERS; i++)
        reader_release(&readers[i]);
    broadcast_release(&room);
    receivers_close();
}

TestSuite(broadcast, .init = open_room, .fini = close_room);

/* A text of 1,000 bytes, of which a chunk takes four. */
static const char *long_line(void)
{
    static char text[1001];
    memset(text, 'x', 999);
    text[999] = '\n';
    return text;
}

/* Has `author` (-1: nobody) say `count` long lines, each flushed at once. */
static void say_much(int author, int count)
{
    for (int i = 0; i < count; i++) {
        say(&room, author < 0 ? NULL : &members[author], long_line());
        flush();
        broadcast_check(&room);
        cr_assert_leq(room.log.bytes, BACKLOG + CHUNKLOG_SIZE_MIN);
    }
}

/* --- who is shown what --- */

Test(broadcast, a_line_is_appended_once_whatever_the_number_of_members)
{
    for (int i = 2; i < READERS; i++)
        join(i);
    say(&room, NULL, "hello\n");
    cr_assert_eq(room.log.bytes, 6);
    flush();
    for (int i = 0; i < READERS; i++)
        expect(&readers[i], "hello\n");
}

Test(broadcast, a_newcomer_is_shown_what_is_said_from_then_on)
{
    say(&room, NULL, "before\n");
    join(2);
    say(&room, NULL, "after\n");
    flush();
    expect(&ann, "before\nafter\n");
    expect(&readers[2], "after\n");
}

Test(broadcast, nobody_is_shown_their_own_lines)
{
    say(&room, &members[0], "a\n");
    say(&room, &members[1], "b\n");
    say(&room, &members[0], "c\n");
    flush();
    expect(&ann, "b\n");
    expect(&bob, "a\nc\n");
}

Test(broadcast, nothing_is_appended_where_nobody_listens)
{
    uint64_t sequence = fanout.sequence;
    broadcast_unsubscribe(&members[1]);
    say(&room, &members[0], "to myself\n");
    cr_assert_eq(room.log.end, 0);
    broadcast_unsubscribe(&members[0]);
    say(&room, NULL, "to nobody\n");
    cr_assert_eq(room.log.end, 0);
    cr_assert_eq(fanout.sequence, sequence);
}

Test(broadcast, an_append_without_memory_changes_nothing)
{
    say(&room, NULL, "1\n");
    flush();
    for (size_t nth = 1; nth <= 2; nth++) {
        door.fail_at = door.allocations + nth;
        chunk_pool_release(&fanout.pool); /* or the chunk comes from there */
        cr_assert_eq(broadcast_append(&room, &members[0], "2\n", 2), -ENOMEM);
        cr_assert_eq(fanout.sequence, 1);
        cr_assert_eq(members[0].own_end, 0);
        cr_assert(list_empty(&fanout.passes));
        broadcast_check(&room);
    }
    say(&room, &members[0], "3\n");
    flush();
    expect(&bob, "1\n3\n");
}

Test(broadcast, a_subscription_without_memory_changes_nothing)
{
    for (int i = 2; i < 4; i++)
        join(i);
    door.fail_at = door.allocations + 1;
    cr_assert_eq(broadcast_subscribe(&room, &members[4], &readers[4].outbox), -ENOMEM);
    cr_assert_eq(room.count, 4);
    cr_assert_null(readers[4].outbox.subscribers);
    join(4);
    say(&room, NULL, "hello\n");
    flush();
    expect(&readers[4], "hello\n");
}

/* --- leaving --- */

Test(broadcast, who_leaves_is_still_shown_what_was_said_before)
{
    reader_stall(&ann);
    say(&room, &members[1], "before\n");
    broadcast_end(&members[0]);
    say(&room, &members[1], "after\n");
    flush();
    cr_assert_eq(ended_count, 0);
    reader_resume(&ann);
    flush();
    expect(&ann, "before\n");
    cr_assert_eq(ended_count, 1);
    cr_assert_eq(ended_last, &members[0]);
    cr_assert_eq(room.count, 1);
    cr_assert_null(ann.outbox.subscribers);
}

Test(broadcast, who_leaves_and_is_owed_nothing_has_left_at_once)
{
    say(&room, &members[0], "mine\n");
    broadcast_end(&members[0]);
    cr_assert_eq(ended_count, 1);
    cr_assert_eq(room.count, 1);
    flush();
}

Test(broadcast, who_is_taken_off_is_owed_nothing)
{
    reader_stall(&ann);
    say(&room, NULL, "lost\n");
    flush();
    broadcast_unsubscribe(&members[0]);
    reader_resume(&ann);
    flush();
    expect(&ann, "");
    cr_assert_eq(ended_count, 0);
    cr_assert_null(chunklog_oldest(&room.log));
}

Test(broadcast, who_comes_back_before_all_was_shown_has_two_subscriptions)
{
    static struct subscriber again;

    reader_stall(&ann);
    say(&room, &members[1], "1\n");
    broadcast_end(&members[0]);
    say(&room, &members[1], "while away\n");
    cr_assert_eq(broadcast_subscribe(&room, &again, &ann.outbox), 0);
    say(&room, &members[1], "2\n");
    say(&room, &again, "mine\n");
    flush();
    reader_resume(&ann);
    flush();
    expect(&ann, "1\n2\n");
    cr_assert_eq(ended_last, &members[0]);
    cr_assert_eq(room.count, 2);
}

Test(broadcast, a_lost_connection_is_let_go)
{
    reader_stall(&ann);
    say(&room, &members[1], "1\n");
    flush();
    cr_assert_not_null(chunklog_oldest(&room.log));
    outbox_kill(&ann.outbox, &fanout);
    flush();
    cr_assert_null(chunklog_oldest(&room.log));
    say(&room, &members[1], "2\n");
    flush();
    cr_assert_null(chunklog_oldest(&room.log), "nor does it hold what is said later");
    broadcast_end(&members[0]);
    cr_assert_eq(ended_count, 1, "and it leaves at once");
}

Test(broadcast, a_lost_connection_ends_what_was_ended)
{
    reader_stall(&ann);
    say(&room, &members[1], "1\n");
    flush();
    broadcast_end(&members[0]);
    cr_assert_eq(ended_count, 0);
    outbox_kill(&ann.outbox, &fanout);
    flush();
    cr_assert_eq(ended_count, 1);
    expect(&ann, "");
}

/* --- memory --- */

Test(broadcast, a_log_in_which_nobody_is_behind_holds_no_chunk)
{
    say_much(1, 30);
    cr_assert_null(chunklog_oldest(&room.log));
    cr_assert_null(room.log.records);
    reader_stall(&ann);
    say_much(1, 10);
    cr_assert_not_null(chunklog_oldest(&room.log));
    reader_resume(&ann);
    flush();
    cr_assert_null(chunklog_oldest(&room.log));
}

Test(broadcast, a_line_cut_at_the_end_of_everything_holds_no_chunk)
{
    reader_stall(&ann);
    say_much(1, 1);
    reader_take(&ann, 999);
    flush();
    cr_assert_eq(ann.outbox.waiting_bytes[OUTBOX_REST], sizeof(struct outbox_entry) + 1);
    cr_assert_null(chunklog_oldest(&room.log), "the rest is ann's own");
}

Test(broadcast, an_own_line_at_the_end_of_everything_holds_no_chunk)
{
    reader_stall(&ann);
    say_much(1, 1);
    say_much(0, 1);
    reader_resume(&ann);
    flush();
    cr_assert_null(chunklog_oldest(&room.log));
}

Test(broadcast, a_backlog_is_all_that_a_stalled_reader_costs)
{
    reader_stall(&ann);
    say_much(1, 200);
    cr_assert_gt(room.log.bytes, BACKLOG - CHUNKLOG_SIZE_MIN, "and it has all of that");
    size_t blocks = door.blocks;
    for (int i = 2; i < READERS; i++) {
        join(i);
        reader_stall(&readers[i]);
    }
    say_much(1, 200);
    cr_assert_leq(door.blocks, blocks + 1, "five cost no more than one, but for a longer array");
}

Test(broadcast, a_stalled_talker_grows_nothing)
{
    reader_stall(&ann);
    reader_tell(&ann, "unread\n");
    flush();
    cr_assert(ann.outbox.blocked);
    for (int i = 0; i < 100; i++) {
        say_much(0, 1);
        cr_assert_null(chunklog_oldest(&room.log), "after %d lines", i + 1);
    }
    reader_resume(&ann);
    flush();
    expect(&ann, "unread\n");
}

static bool skips_everybody(const struct outbox *outbox, const struct line_record *record)
{
    (void)outbox;
    return record->author != 0;
}

Test(broadcast, people_who_ignore_each_other_grow_nothing)
{
    rules.skips = skips_everybody;
    for (int i = 0; i < READERS; i++) {
        if (i >= 2)
            join(i);
        readers[i].outbox.selective = true;
        reader_stall(&readers[i]);
        reader_tell(&readers[i], "unread\n");
    }
    flush();
    for (int i = 0; i < 100; i++) {
        say_much(i % READERS, 1);
        cr_assert_null(chunklog_oldest(&room.log), "after %d lines", i + 1);
    }
    cr_assert_eq(members[0].missed, 0);
}

/* --- falling behind --- */

Test(broadcast, who_is_further_behind_than_the_backlog_is_told_how_many_lines_it_missed)
{
    reader_stall(&ann);
    say_much(1, 100);
    uint64_t kept = room.log.end - room.log.first;
    cr_assert_eq(members[0].missed, 100 - kept);
    cr_assert_eq(members[0].cursor, room.log.first);
    ann.text_bytes = 0;
    reader_resume(&ann);
    flush();
    char gap[64];
    size_t length =
        (size_t)snprintf(gap, sizeof(gap), "room<%u lost>\nxxx", (unsigned)(100 - kept));
    cr_assert_eq(strncmp(ann.text, gap, length), 0, "%.40s", ann.text);
    cr_assert_eq(members[0].missed, 0);
    cr_assert_eq(bob.text_bytes, 0, "bob said all of it");
}

Test(broadcast, own_lines_are_not_counted_as_missed)
{
    reader_stall(&ann);
    for (int i = 0; i < 100; i++)
        say_much(i % 4 == 0, 1);
    uint64_t missed_lines = room.log.first;
    cr_assert_eq(missed_lines % 4, 0);
    cr_assert_eq(members[0].missed, missed_lines / 4);
}

Test(broadcast, ignored_lines_are_not_counted_as_missed)
{
    rules.skips = skips_everybody;
    ann.outbox.selective = true;
    reader_stall(&ann);
    for (int i = 0; i < 100; i++)
        say_much(i % 4 == 0 ? -1 : 1, 1);
    cr_assert_eq(room.log.first % 4, 0);
    cr_assert_eq(members[0].missed, room.log.first / 4);
}

Test(broadcast, who_has_left_misses_only_what_was_said_before)
{
    reader_stall(&ann);
    say_much(1, 3);
    broadcast_end(&members[0]);
    say_much(-1, 3);
    reader_stall(&bob);
    say_much(-1, 100);
    cr_assert_eq(members[0].missed, 3);
    reader_resume(&ann);
    flush();
    expect(&ann, "room<3 lost>\n");
    cr_assert_eq(ended_last, &members[0]);
}

Test(broadcast, what_is_dropped_in_several_steps_is_one_gap)
{
    reader_stall(&ann);
    say_much(1, 60);
    uint32_t first = members[0].missed;
    cr_assert_gt(first, 0);
    say_much(1, 60);
    cr_assert_gt(members[0].missed, first);
    cr_assert_eq(members[0].missed, room.log.first);
}

/* Has ann fall behind with a message in the middle of what is dropped for her. */
static uint64_t say_much_around_a_message(void)
{
    reader_stall(&ann);
    say_much(1, 20);
    uint64_t before = room.log.end;
    reader_tell(&ann, "message\n");
    say_much(1, 60);
    cr_assert_gt(room.log.first, before, "what follows the message was dropped, too");
    return before;
}

static void expect_begin(const struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void expect_begin(const struct reader *reader, const char *format, ...)
{
    char expected[128];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(expected, sizeof(expected), format, arguments);
    va_end(arguments);
    cr_assert_eq(strncmp(reader->text, expected, (size_t)length), 0, "%.60s", reader->text);
}

Test(broadcast, a_message_that_falls_into_a_gap_follows_the_one_notice)
{
    say_much_around_a_message();
    unsigned missed = (unsigned)room.log.first;
    cr_assert_eq(members[0].missed, missed);
    ann.text_bytes = 0;
    reader_resume(&ann);
    flush();
    expect_begin(&ann, "room<%u lost>\nmessage\nxxx", missed);
}

Test(broadcast, a_message_before_the_first_lost_line_precedes_the_notice)
{
    reader_stall(&ann);
    reader_tell(&ann, "message\n");
    say_much(1, 60);
    unsigned missed = members[0].missed;
    reader_resume(&ann);
    flush();
    expect_begin(&ann, "message\nroom<%u lost>\nxxx", missed);
}

Test(broadcast, what_is_lost_after_a_notice_is_another_gap)
{
    reader_stall(&ann);
    say_much(1, 60);
    unsigned missed = members[0].missed;
    char notice[64];
    int length = snprintf(notice, sizeof(notice), "room<%u lost>\n", missed);
    reader_take(&ann, (size_t)length);
    flush();
    expect(&ann, notice);
    uint64_t first = room.log.first;
    say_much(1, 10);
    cr_assert_gt(room.log.first, first);
    unsigned lost = (unsigned)(room.log.first - first);
    cr_assert_eq(members[0].missed, lost);
    reader_resume(&ann);
    flush();
    expect_begin(&ann, "room<%u lost>\nxxx", lost);
}
