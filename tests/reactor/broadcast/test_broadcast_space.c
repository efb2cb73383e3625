/* Broadcasts beyond their backlog, and at their end. */
#include "reactor/broadcast/broadcast.h"

#include <criterion/criterion.h>
#include <stdlib.h>
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

TestSuite(broadcast_space, .init = open_room, .fini = close_room);

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

/* --- being ahead --- */

Test(broadcast_space, an_append_sends_nothing_and_drops_nothing)
{
    for (int i = 0; i < 200; i++) /* more than a backlog in one turn, as if nobody waited */
        say(&room, &members[1], long_line());
    cr_assert_eq(ann.sends, 0);
    cr_assert_eq(room.log.first, 0);
    cr_assert_not(broadcast_has_space(&room));
    flush();
    cr_assert(broadcast_has_space(&room));
    cr_assert_eq(members[0].missed, 0, "a reader that isn't blocked is never skipped");
    cr_assert_eq(ann.taken_bytes, 200 * 1000);
}

Test(broadcast_space, those_who_wait_for_space_keep_the_log_within_its_backlog)
{
    reader_stall(&ann);
    for (int i = 0; i < 500; i++) {
        while (!broadcast_has_space(&room))
            (void)flush_once();
        say(&room, &members[1], long_line());
        cr_assert_leq(chunklog_held(&room.log), BACKLOG + 2 * CHUNKLOG_SIZE_MIN);
    }
    cr_assert_gt(members[0].missed, 0);
}

Test(broadcast_space, a_backlog_that_is_filled_exactly_drops_nothing)
{
    reader_stall(&ann);
    while (room.log.end == 0 || chunklog_oldest(&room.log)->end_line == room.log.end)
        say_much(1, 1);
    const struct chunk *oldest = chunklog_oldest(&room.log);
    room.backlog_bytes = chunklog_held(&room.log) - oldest->used -
                         (size_t)oldest->end_line * sizeof(struct line_record);
    cr_assert(broadcast_has_space(&room));
    broadcast_trim(&room);
    cr_assert_eq(room.log.first, 0, "what follows the oldest chunk is just a backlog");
    room.backlog_bytes--;
    cr_assert_not(broadcast_has_space(&room));
    broadcast_trim(&room);
    cr_assert_gt(room.log.first, 0);
    cr_assert(broadcast_has_space(&room));
}

Test(broadcast_space, a_backlog_of_tiny_lines_is_bounded_with_their_records)
{
    reader_stall(&ann);
    for (int i = 0; i < 20000; i++) {
        say(&room, &members[1], "x\n");
        flush();
        /* A chunk of the smallest size goes as a whole, with its 2,000 records. */
        cr_assert_leq(chunklog_held(&room.log), BACKLOG + 20 * CHUNKLOG_SIZE_MIN);
    }
    cr_assert_gt(members[0].missed, 0);
}

static unsigned fell_behind_count;
static uint64_t fell_behind_first; /* of the log at that moment */

static void note_fall(struct subscriber *subscriber)
{
    fell_behind_count++;
    fell_behind_first = subscriber->broadcast->log.first;
    cr_assert_eq(subscriber, &members[0]);
}

Test(broadcast_space, the_rule_is_told_before_lines_are_dropped)
{
    rules.fell_behind = note_fall;
    reader_stall(&ann);
    while (room.log.first == 0)
        say_much(1, 1);
    cr_assert_eq(fell_behind_count, 1);
    cr_assert_eq(fell_behind_first, 0);
}

static void give_up(struct subscriber *subscriber)
{
    fell_behind_count++;
    outbox_kill(subscriber->outbox, &fanout);
}

Test(broadcast_space, the_rule_may_give_the_connection_up)
{
    rules.fell_behind = give_up;
    reader_stall(&ann);
    say_much(1, 200);
    cr_assert_eq(fell_behind_count, 1);
    cr_assert(ann.outbox.dead);
    cr_assert_null(chunklog_oldest(&room.log));
    expect(&ann, "");
}

Test(broadcast_space, a_pass_that_ends_subscriptions_disturbs_nobody)
{
    /* Everybody leaves while behind. Each send of the pass ends a subscription and moves the last
     * member into its place in the array. */
    for (int i = 2; i < READERS; i++)
        join(i);
    for (int i = 0; i < 30; i++)
        say(&room, &members[1], long_line());
    for (int i = 2; i < READERS; i++)
        broadcast_end(&members[i]);
    for (int i = 0; i < 30; i++) {
        say(&room, &members[1], long_line());
        broadcast_check(&room);
    }
    cr_assert_eq(ended_count, 0);
    flush();
    cr_assert_eq(ended_count, READERS - 2);
    for (int i = 2; i < READERS; i++)
        cr_assert_eq(readers[i].taken_bytes, 30 * 1000);
    cr_assert_eq(room.count, 2);
    cr_assert_null(chunklog_oldest(&room.log));
}

/* --- the natural end --- */

static struct broadcast *channel; /* allocated, as its subscriber is */

static void free_channel(struct subscriber *subscriber)
{
    ended_count++;
    cr_assert_eq(subscriber->broadcast, channel);
    broadcast_release(channel);
    free(channel);
    free(subscriber);
}

static struct subscriber *open_channel(void)
{
    struct subscriber *subscriber = malloc(sizeof(*subscriber));
    channel = malloc(sizeof(*channel));
    broadcast_init(channel, &fanout, "channel", BACKLOG);
    cr_assert_eq(broadcast_subscribe(channel, subscriber, &ann.outbox), 0);
    rules.ended = free_channel;
    say(channel, NULL, "last words\n");
    return subscriber;
}

Test(broadcast_space, the_end_of_the_last_subscription_may_free_the_broadcast)
{
    broadcast_end(open_channel());
    flush();
    cr_assert_eq(ended_count, 1);
    expect(&ann, "last words\n");
}

Test(broadcast_space, so_it_may_when_its_log_was_to_be_trimmed_or_nothing_was_owed)
{
    struct subscriber *subscriber = open_channel();
    flush();
    say(channel, NULL, "more\n");
    reader_tell(&ann, "a\n"); /* so that the queue's turn comes first, not the pass's */
    broadcast_end(subscriber);
    flush();
    cr_assert_eq(ended_count, 1);
    subscriber = open_channel();
    flush();
    broadcast_end(subscriber);
    cr_assert_eq(ended_count, 2);
    flush();
}
