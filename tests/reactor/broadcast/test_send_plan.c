#include "reactor/broadcast/send_plan.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/receivers.h"

/* Ann is in two rooms; bob, in both too, does the talking. */
static struct broadcast lobby;
static struct broadcast tea;
static struct reader ann;
static struct reader bob;
static struct subscriber ann_lobby, ann_tea, bob_lobby, bob_tea;

/* So small that a handful of lines is behind it: four chunks of the smallest size. */
#define BACKLOG (4 * CHUNKLOG_SIZE_MIN)

static void open_rooms(void)
{
    receivers_open();
    broadcast_init(&lobby, &fanout, "lobby", BACKLOG);
    broadcast_init(&tea, &fanout, "tea", BACKLOG);
    reader_init(&ann, 1);
    reader_init(&bob, 2);
    cr_assert_eq(broadcast_subscribe(&lobby, &ann_lobby, &ann.outbox), 0);
    cr_assert_eq(broadcast_subscribe(&tea, &ann_tea, &ann.outbox), 0);
    cr_assert_eq(broadcast_subscribe(&lobby, &bob_lobby, &bob.outbox), 0);
    cr_assert_eq(broadcast_subscribe(&tea, &bob_tea, &bob.outbox), 0);
}

static void close_rooms(void)
{
    reader_release(&ann);
    reader_release(&bob);
    broadcast_release(&lobby);
    broadcast_release(&tea);
    receivers_close();
}

TestSuite(plan, .init = open_rooms, .fini = close_rooms);

/* The segments of ann's next plan, each in brackets, none of which is sent. */
static const char *planned(void)
{
    static char text[4096];
    static struct send_plan plan;
    size_t length = 0;
    text[0] = '\0';
    send_plan_make(&plan, &ann.outbox, &fanout);
    for (int i = 0; i < plan.count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "[%.*s]",
                                   (int)(plan.segments[i].iov_len % 100), /* a word of a long one */
                                   (const char *)plan.segments[i].iov_base);
    cr_assert_eq(send_plan_sent(&plan, &ann.outbox, &fanout, 0), 0);
    return text;
}

/* A text of `size` bytes for say(), that ends with a newline. */
static const char *long_line(size_t size)
{
    static char text[8192];
    memset(text, 'x', size);
    text[size - 1] = '\n';
    text[size] = '\0';
    return text;
}

/* --- what is next --- */

Test(plan, who_is_owed_nothing_has_an_empty_plan)
{
    cr_assert_str_eq(planned(), "");
    cr_assert_not(send_plan_owed(&ann.outbox));
    say(&lobby, &bob_lobby, "1\n");
    cr_assert(send_plan_owed(&ann.outbox));
    flush();
    cr_assert_not(send_plan_owed(&ann.outbox));
    reader_tell(&ann, "a\n");
    cr_assert(send_plan_owed(&ann.outbox));
    flush();
    cr_assert_not(send_plan_owed(&ann.outbox));
}

Test(plan, lines_of_one_chunk_are_one_segment_where_they_lie)
{
    struct send_plan plan;

    say(&lobby, &bob_lobby, "1\n");
    say(&lobby, NULL, "2\n");
    say(&lobby, &bob_lobby, "3\n");
    send_plan_make(&plan, &ann.outbox, &fanout);
    cr_assert_eq(plan.count, 1);
    cr_assert_eq(plan.bytes, 6);
    cr_assert_eq(plan.segments[0].iov_len, 6);
    cr_assert_eq(plan.segments[0].iov_base, chunklog_bytes(chunklog_record(&lobby.log, 0)));
    cr_assert_eq(send_plan_sent(&plan, &ann.outbox, &fanout, 6), 0);
    cr_assert_str_eq(planned(), "");
}

Test(plan, what_the_usual_receiver_is_owed_is_one_piece)
{
    struct iovec piece;
    broadcast_unsubscribe(&ann_tea);
    cr_assert_null(send_plan_one_piece(&ann.outbox, &piece), "nothing is owed");
    say(&lobby, &bob_lobby, "1\n");
    say(&lobby, &bob_lobby, "2\n");
    cr_assert_eq(send_plan_one_piece(&ann.outbox, &piece), &ann_lobby);
    cr_assert_eq(piece.iov_base, chunklog_bytes(chunklog_record(&lobby.log, 0)));
    cr_assert_eq(piece.iov_len, 4);

    reader_tell(&ann, "a\n");
    cr_assert_null(send_plan_one_piece(&ann.outbox, &piece), "something of its own");
    flush();
    say(&lobby, &ann_lobby, "mine\n");
    say(&lobby, &bob_lobby, "3\n");
    cr_assert_null(send_plan_one_piece(&ann.outbox, &piece), "a line of its own");
    flush();
    for (int i = 0; i < 3; i++)
        say(&lobby, &bob_lobby, long_line(CHUNKLOG_SIZE_MIN / 2));
    cr_assert_null(send_plan_one_piece(&ann.outbox, &piece), "two chunks");
    flush();
    say(&lobby, &bob_lobby, "4\n");
    cr_assert_eq(broadcast_subscribe(&tea, &ann_tea, &ann.outbox), 0);
    cr_assert_null(send_plan_one_piece(&ann.outbox, &piece), "two rooms");
}

Test(plan, entries_and_lines_come_in_the_order_in_which_they_were_written)
{
    reader_tell(&ann, "a\n");
    say(&lobby, &bob_lobby, "1\n");
    say(&lobby, &bob_lobby, "2\n");
    reader_tell(&ann, "b\n");
    reader_tell(&ann, "c\n");
    say(&lobby, &bob_lobby, "3\n");
    reader_tell(&ann, "d\n");
    cr_assert_str_eq(planned(), "[a\n][1\n2\n][b\n][c\n][3\n][d\n]");
    flush();
    expect(&ann, "a\n1\n2\nb\nc\n3\nd\n");
}

Test(plan, lines_of_two_rooms_come_in_the_order_in_which_they_were_said)
{
    say(&tea, &bob_tea, "1\n");
    say(&tea, &bob_tea, "2\n");
    say(&lobby, &bob_lobby, "3\n");
    say(&tea, &bob_tea, "4\n");
    say(&lobby, &bob_lobby, "5\n");
    say(&lobby, &bob_lobby, "6\n");
    cr_assert_str_eq(planned(), "[1\n2\n][3\n][4\n][5\n6\n]");
    flush();
    expect(&ann, "1\n2\n3\n4\n5\n6\n");
}

Test(plan, own_lines_are_left_out)
{
    say(&lobby, &ann_lobby, "mine\n");
    cr_assert_str_eq(planned(), "");
    say(&lobby, &bob_lobby, "1\n");
    say(&lobby, &ann_lobby, "mine\n");
    say(&lobby, &ann_lobby, "mine\n");
    say(&lobby, &bob_lobby, "2\n");
    say(&lobby, &bob_lobby, "3\n");
    say(&lobby, &ann_lobby, "mine\n");
    cr_assert_str_eq(planned(), "[1\n][2\n3\n]");
    flush();
    expect(&ann, "1\n2\n3\n");
    expect(&bob, "mine\nmine\nmine\nmine\n");
}

static bool skips_even_lines(const struct outbox *outbox, const struct line_record *record)
{
    cr_assert(outbox->selective, "only who has something to skip is asked");
    return record->sequence % 2 == 0;
}

Test(plan, what_the_rule_skips_is_left_out)
{
    rules.skips = skips_even_lines;
    ann.outbox.selective = true;
    for (char digit = '1'; digit <= '5'; digit++)
        say(&lobby, NULL, (char[]){digit, '\n', '\0'});
    cr_assert_str_eq(planned(), "[1\n][3\n][5\n]");
    flush();
    expect(&ann, "1\n3\n5\n");
    expect(&bob, "1\n2\n3\n4\n5\n");
}

Test(plan, a_plan_has_no_more_segments_than_one_send_takes)
{
    char expected[2000];
    size_t length = 0;
    for (int i = 0; i < 100; i++) {
        reader_tell(&ann, "a\n");
        say(&lobby, &bob_lobby, "1\n");
        length += (size_t)snprintf(expected + length, sizeof(expected) - length, "a\n1\n");
    }
    struct send_plan plan;
    send_plan_make(&plan, &ann.outbox, &fanout);
    cr_assert_eq(plan.count, SYS_SEGMENTS_MAX);
    cr_assert_eq(send_plan_sent(&plan, &ann.outbox, &fanout, 0), 0);
    flush();
    cr_assert_eq(ann.sends, 4);
    expect(&ann, expected);
}

Test(plan, a_stretch_ends_with_its_chunk)
{
    say(&lobby, &bob_lobby, long_line(3000));
    say(&lobby, &bob_lobby, long_line(3000));
    struct send_plan plan;
    send_plan_make(&plan, &ann.outbox, &fanout);
    cr_assert_eq(plan.count, 2);
    cr_assert_eq(plan.bytes, 6000);
    cr_assert_eq(send_plan_sent(&plan, &ann.outbox, &fanout, 6000), 0);
    flush();
}

/* --- what is cut --- */

/* Everything there is: entries, lines of two rooms, own lines, and more chunks than one. */
static const char *owe_much(void)
{
    reader_tell(&ann, "aaa\n");
    say(&lobby, &bob_lobby, "111\n");
    say(&lobby, &ann_lobby, "mine\n");
    say(&lobby, &bob_lobby, "222\n");
    say(&tea, &bob_tea, "333\n");
    reader_tell(&ann, "bbb\n");
    say(&lobby, &bob_lobby, "444\n");
    reader_tell(&ann, "ccc\n");
    say(&tea, &bob_tea, "555\n");
    say(&tea, &bob_tea, "666\n");
    return "aaa\n111\n222\n333\nbbb\n444\nccc\n555\n666\n";
}

Test(plan, a_send_may_be_cut_anywhere_and_the_next_one_too)
{
    size_t total = strlen(owe_much());
    flush();
    ann.text_bytes = 0;
    for (size_t first = 0; first < total; first++) {
        for (size_t second = 0; second <= total - first; second++) {
            const char *owed = owe_much();
            reader_take(&ann, first);
            flush();
            cr_assert(send_plan_owed(&ann.outbox));
            reader_take(&ann, second);
            flush();
            reader_resume(&ann);
            flush();
            cr_assert_not(send_plan_owed(&ann.outbox));
            expect(&ann, owed);
        }
    }
    cr_assert_eq(ann.outbox.waiting_bytes[OUTBOX_REST], 0);
}

Test(plan, a_send_of_one_byte_at_a_time_gets_there)
{
    const char *owed = owe_much();
    ann.send_max = 1;
    flush();
    expect(&ann, owed);
}

Test(plan, the_rest_of_a_cut_line_is_the_receivers_own)
{
    say(&lobby, &bob_lobby, "first\n");
    say(&lobby, &bob_lobby, "second\n");
    reader_take(&ann, 8);
    flush();
    cr_assert_eq(ann_lobby.cursor, 2, "behind the line that was cut, and at a line's start");
    cr_assert_eq(ann.outbox.waiting_bytes[OUTBOX_REST], sizeof(struct outbox_entry) + 5);
    cr_assert_str_eq(planned(), "[cond\n]");
    reader_tell(&ann, "a\n");
    say(&lobby, &bob_lobby, "third\n");
    cr_assert_str_eq(planned(), "[cond\n][a\n][third\n]");
}

Test(plan, a_cut_at_the_end_of_a_line_keeps_no_rest)
{
    say(&lobby, &bob_lobby, "first\n");
    say(&lobby, &bob_lobby, "second\n");
    reader_take(&ann, 6);
    flush();
    cr_assert_eq(ann_lobby.cursor, 1);
    cr_assert_eq(buffer_length(&ann.outbox.queue), 0);
    cr_assert_eq(ann.outbox.waiting_bytes[OUTBOX_REST], 0);
    cr_assert_str_eq(planned(), "[second\n]");
}

Test(plan, a_rest_that_cannot_be_kept_is_an_error)
{
    struct send_plan plan;

    say(&lobby, &bob_lobby, "first\n");
    send_plan_make(&plan, &ann.outbox, &fanout);
    door.fail_at = door.allocations + 1;
    cr_assert_eq(send_plan_sent(&plan, &ann.outbox, &fanout, 3), -ENOMEM);
    outbox_kill(&ann.outbox, &fanout);
    flush();
    expect(&ann, "");
}

Test(plan, a_lost_connection_has_an_empty_plan)
{
    reader_stall(&ann);
    say(&lobby, &bob_lobby, "1\n");
    reader_tell(&ann, "a\n");
    flush();
    outbox_kill(&ann.outbox, &fanout);
    cr_assert_str_eq(planned(), "");
    cr_assert_not(send_plan_owed(&ann.outbox));
    flush();
    cr_assert_null(chunklog_oldest(&lobby.log), "and holds nothing");
    say(&lobby, &bob_lobby, "2\n");
    flush();
    cr_assert_null(chunklog_oldest(&lobby.log), "then or later");
}

/* --- gaps --- */

/* Says so much in `room` that the first chunk, of three lines, is dropped for a stalled ann. */
static void outrun_ann(struct broadcast *room, struct subscriber *author)
{
    reader_stall(&ann);
    for (int i = 0; i < 3; i++)
        say(room, author, long_line(1000));
    flush();
    for (int i = 0; i < 5; i++)
        say(room, author, long_line(CHUNKLOG_SIZE_MIN - 100));
    flush();
}

Test(plan, a_gap_stands_where_the_lines_were)
{
    say(&lobby, &bob_lobby, "before\n");
    reader_tell(&ann, "a\n");
    say(&lobby, &bob_lobby, long_line(3000));
    reader_stall(&ann);
    flush();
    reader_tell(&ann, "b\n");
    for (int i = 0; i < 5; i++)
        say(&lobby, &bob_lobby, long_line(CHUNKLOG_SIZE_MIN - 100));
    flush();
    const char *expected = "[lobby<2 lost>\n][a\n][b\n][xxx";
    const char *first = planned();
    cr_assert_eq(strncmp(first, expected, strlen(expected)), 0, "%.40s", first);
    reader_resume(&ann);
    flush();
}

Test(plan, a_gap_comes_before_what_was_written_after_it)
{
    outrun_ann(&lobby, &bob_lobby);
    cr_assert_eq(ann_lobby.missed, 3);
    /* Nothing is left of the room behind the gap but an own line and what comes much later. */
    ann_lobby.cursor = lobby.log.end;
    reader_tell(&ann, "pong\n");
    say(&tea, &bob_tea, "tea\n");
    say(&lobby, &ann_lobby, "mine\n");
    say(&lobby, &bob_lobby, "later\n");
    cr_assert_str_eq(planned(), "[lobby<3 lost>\n][pong\n][tea\n][later\n]");
    reader_resume(&ann);
    flush();
}

Test(plan, gaps_of_two_rooms_come_in_their_order)
{
    outrun_ann(&tea, &bob_tea);
    reader_tell(&ann, "a\n");
    outrun_ann(&lobby, &bob_lobby);
    ann_tea.cursor = tea.log.end;
    ann_lobby.cursor = lobby.log.end;
    cr_assert_str_eq(planned(), "[tea<3 lost>\n][a\n]", "one text fits in a plan");
    reader_resume(&ann);
    flush();
    expect(&ann, "tea<3 lost>\na\nlobby<3 lost>\n");
}

Test(plan, a_gap_may_be_cut_anywhere)
{
    size_t length = strlen("lobby<3 lost>\n");
    for (size_t cut = 0; cut <= length; cut++) {
        outrun_ann(&lobby, &bob_lobby);
        ann_lobby.cursor = lobby.log.end;
        say(&lobby, &bob_lobby, "more\n");
        reader_take(&ann, cut);
        flush();
        cr_assert_eq(ann_lobby.missed, cut == 0 ? 3 : 0);
        reader_resume(&ann);
        flush();
        expect(&ann, "lobby<3 lost>\nmore\n");
        flush();
    }
}

Test(plan, without_a_rule_for_gaps_nothing_is_shown_of_them)
{
    rules.gap = NULL;
    outrun_ann(&lobby, &bob_lobby);
    ann_lobby.cursor = lobby.log.end;
    say(&lobby, &bob_lobby, "more\n");
    reader_resume(&ann);
    flush();
    expect(&ann, "more\n");
    cr_assert_eq(ann_lobby.missed, 0);
}
