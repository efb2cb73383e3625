/*
 * What a stream sends of a broadcast of which it is all the audience. Mostly that lies in one piece
 * and takes a way of its own, which must end as all others do.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/stream_pair.h"

#define BACKLOG ((size_t)64 * 1024)

static struct stream_pair ann;
static struct broadcast room;
static struct subscriber subscriber;
static char said[4096];
static size_t said_bytes;
static unsigned ended_count;

static void note_end(struct subscriber *ended)
{
    cr_assert_eq(ended, &subscriber);
    ended_count++;
}

static void open_room(void)
{
    static const struct fanout_rules rules = {.ended = note_end};
    stream_pairs_open();
    visitors_hub.rules = &rules;
    stream_pair_open(&ann, 1);
    broadcast_init(&room, &visitors_hub, "room", BACKLOG);
    cr_assert_eq(broadcast_subscribe(&room, &subscriber, &ann.stream.outbox), 0);
}

static void close_room(void)
{
    stream_pair_close(&ann);
    broadcast_release(&room);
    stream_pairs_close();
}

TestSuite(stream_broadcast, .init = open_room, .fini = close_room);

/* So many lines, with a turn after each seventh. */
static void say_lines(int count)
{
    for (int i = 0; i < count; i++) {
        char *line = said + said_bytes;
        int size = snprintf(line, sizeof(said) - said_bytes, "line %d\n", i);
        cr_assert_eq(broadcast_append(&room, NULL, line, (size_t)size), 0);
        said_bytes += (size_t)size;
        if (i % 7 == 0)
            fixture_turn();
    }
}

Test(stream_broadcast, it_may_be_cut_short_anywhere)
{
    sim_options(sim)->short_write_ppm = 700000;
    say_lines(100);
    fixture_settle();
    cr_assert_str_eq(sim_peer_text(ann.peer), said);
    cr_assert_null(chunklog_oldest(&room.log), "who is past it keeps none of it");
}

Test(stream_broadcast, it_waits_for_a_peer_that_stalls)
{
    sim_peer_stall(ann.peer);
    char large[4000];
    memset(large, 'x', sizeof(large));
    for (int i = 0; i < 100 && !ann.stream.outbox.blocked; i++) {
        cr_assert_eq(broadcast_append(&room, NULL, large, sizeof(large)), 0);
        fixture_turn();
    }
    cr_assert(ann.stream.outbox.blocked);
    uint64_t cursor = subscriber.cursor;
    say_lines(10);
    fixture_settle();
    cr_assert_eq(subscriber.cursor, cursor);
    sim_peer_resume(ann.peer);
    fixture_settle();
    const char *text = sim_peer_text(ann.peer);
    cr_assert_str_eq(text + sim_peer_text_bytes(ann.peer) - said_bytes, said);
    cr_assert_null(chunklog_oldest(&room.log));
}

Test(stream_broadcast, what_the_socket_refuses_is_tried_once)
{
    char all[128 * 1024 / 8];
    memset(all, 'x', sizeof(all));
    sim_peer_stall(ann.peer);
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(broadcast_append(&room, NULL, all, sizeof(all)), 0);
        fixture_turn();
    }
    cr_assert_not(ann.stream.outbox.blocked, "it holds just as much");
    uint64_t before = sim_count(sim, SIM_SEND);
    cr_assert_eq(broadcast_append(&room, NULL, "more\n", 5), 0);
    fixture_turn();
    cr_assert(ann.stream.outbox.blocked);
    cr_assert_eq(sim_count(sim, SIM_SEND), before + 1);
}

Test(stream_broadcast, it_is_dropped_where_the_connection_is_lost)
{
    sim_peer_reset(ann.peer);
    say_lines(100);
    fixture_settle();
    cr_assert_neq(ann.stream.error, 0);
    cr_assert_null(chunklog_oldest(&room.log));
}

Test(stream_broadcast, what_was_said_before_the_end_of_a_subscription_ends_it)
{
    cr_assert_eq(broadcast_append(&room, NULL, "last\n", 5), 0);
    broadcast_end(&subscriber);
    cr_assert_eq(ended_count, 0);
    fixture_turn();
    cr_assert_eq(ended_count, 1);
    fixture_settle();
    cr_assert_str_eq(sim_peer_text(ann.peer), "last\n");
    cr_assert_eq(room.count, 0);
}

Test(stream_broadcast, a_send_that_is_whole_is_progress)
{
    say_lines(1);
    ann.stream.flags &= (uint8_t)~STREAM_PROGRESS;
    cr_assert_eq(broadcast_append(&room, NULL, "more\n", 5), 0);
    fixture_turn();
    cr_assert(ann.stream.flags & STREAM_PROGRESS);
}
