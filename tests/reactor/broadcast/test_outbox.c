#include "reactor/broadcast/outbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/receivers.h"

#define HEAD sizeof(struct outbox_entry)

static struct outbox outbox;

static void open_outbox(void)
{
    receivers_open();
    outbox_init(&outbox, 7);
}

static void close_outbox(void)
{
    outbox_release(&outbox, &fanout);
    receivers_close();
}

TestSuite(outbox, .init = open_outbox, .fini = close_outbox);

static int write_text(enum outbox_kind kind, const char *text)
{
    return outbox_write(&outbox, &fanout, kind, text, strlen(text));
}

/* The queue as a text: "4'pong' 6'hi'", the number before each entry its sequence. */
static const char *queued(void)
{
    static char text[512];
    struct outbox_entry entry;
    const char *bytes;
    size_t length = 0;
    size_t offset = 0;
    text[0] = '\0';
    for (; (bytes = outbox_entry_at(&outbox, offset, &entry)); offset += entry.length) {
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, "%s%ju'%.*s'", length ? " " : "",
                             (uintmax_t)entry.sequence, (int)entry.length, bytes);
        offset += sizeof(entry);
    }
    return text;
}

Test(outbox, entries_wait_in_the_order_they_were_written)
{
    fanout.sequence = 4;
    cr_assert_eq(write_text(OUTBOX_ANSWER, "pong"), 0);
    fanout.sequence = 6;
    cr_assert_eq(write_text(OUTBOX_MESSAGE, "hi"), 0);
    cr_assert_eq(write_text(OUTBOX_ANSWER, "ok"), 0);
    cr_assert_str_eq(queued(), "4'pong' 6'hi' 6'ok'");
}

Test(outbox, answers_in_a_row_are_one_entry)
{
    fanout.sequence = 4;
    cr_assert_eq(write_text(OUTBOX_ANSWER, "one "), 0);
    cr_assert_eq(write_text(OUTBOX_ANSWER, "two "), 0);
    cr_assert_eq(write_text(OUTBOX_ANSWER, "three"), 0);
    cr_assert_str_eq(queued(), "4'one two three'");
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_ANSWER], HEAD + strlen("one two three"));
    outbox_consume(&outbox, strlen("one "));
    cr_assert_eq(write_text(OUTBOX_ANSWER, "pong"), 0);
    cr_assert_str_eq(queued(), "0'two three' 4'pong'", "what is begun stays by itself");
    fanout.sequence = 5;
    cr_assert_eq(write_text(OUTBOX_ANSWER, "after a line"), 0);
    cr_assert_str_eq(queued(), "0'two three' 4'pong' 5'after a line'");
}

Test(outbox, kinds_are_counted_apart)
{
    cr_assert_eq(write_text(OUTBOX_ANSWER, "pong"), 0);
    cr_assert_eq(write_text(OUTBOX_MESSAGE, "hi"), 0);
    cr_assert_eq(write_text(OUTBOX_ANSWER, "ok"), 0);
    cr_assert_eq(outbox_keep_rest(&outbox, &fanout, "rest!", 5), 0);
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_ANSWER], 2 * HEAD + 6);
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_MESSAGE], HEAD + 2);
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_REST], HEAD + 5);
    outbox_consume(&outbox, 5);
    outbox_consume(&outbox, 3);
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_REST], 0);
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_ANSWER], 2 * HEAD + 3);
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_MESSAGE], HEAD + 2);
    outbox_consume(&outbox, 1);
    outbox_consume(&outbox, 2);
    outbox_consume(&outbox, 2);
    for (int kind = 0; kind < OUTBOX_KINDS; kind++)
        cr_assert_eq(outbox.waiting_bytes[kind], 0);
}

Test(outbox, a_message_after_an_unsent_answer_is_an_entry_and_counted_as_one)
{
    cr_assert_eq(write_text(OUTBOX_ANSWER, "answer"), 0);
    cr_assert_eq(write_text(OUTBOX_MESSAGE, "message"), 0);
    cr_assert_str_eq(queued(), "0'answer' 0'message'");
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_MESSAGE], HEAD + strlen("message"));
    outbox_consume(&outbox, strlen("answer"));
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_ANSWER], 0);
    outbox_consume(&outbox, strlen("message"));
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_MESSAGE], 0);
}

Test(outbox, what_was_begun_goes_before_everything)
{
    fanout.sequence = 4;
    cr_assert_eq(write_text(OUTBOX_ANSWER, "abcdef"), 0);
    fanout.sequence = 5;
    cr_assert_eq(write_text(OUTBOX_ANSWER, "next"), 0);
    outbox_consume(&outbox, 2);
    cr_assert_str_eq(queued(), "0'cdef' 5'next'");
    outbox_consume(&outbox, 1);
    cr_assert_str_eq(queued(), "0'def' 5'next'");
    outbox_consume(&outbox, 3);
    cr_assert_str_eq(queued(), "5'next'");
}

Test(outbox, the_rest_of_a_line_goes_before_everything)
{
    fanout.sequence = 4;
    cr_assert_eq(outbox_keep_rest(&outbox, &fanout, "first", 5), 0);
    outbox_consume(&outbox, 5);
    cr_assert_str_eq(queued(), "");
    cr_assert_eq(write_text(OUTBOX_ANSWER, "next"), 0);
    cr_assert_eq(outbox_keep_rest(&outbox, &fanout, "rest", 4), 0);
    cr_assert_str_eq(queued(), "0'rest' 4'next'");
}

Test(outbox, an_entry_can_be_cut_anywhere_and_again)
{
    for (size_t first = 1; first < 20; first++) {
        for (size_t second = 1; first + second <= 20; second++) {
            cr_assert_eq(write_text(OUTBOX_ANSWER, "abcdefghijklmnopqrst"), 0);
            cr_assert_eq(write_text(OUTBOX_ANSWER, "x"), 0);
            outbox_consume(&outbox, first);
            outbox_consume(&outbox, second);
            if (first + second < 20)
                outbox_consume(&outbox, 20 - first - second);
            cr_assert_str_eq(queued(), "0'x'");
            outbox_consume(&outbox, 1);
        }
    }
}

Test(outbox, a_write_has_the_next_flush_look_at_it_once)
{
    cr_assert_eq(write_text(OUTBOX_ANSWER, ""), 0);
    cr_assert(list_empty(&fanout.dirty), "nothing was written");
    cr_assert_eq(write_text(OUTBOX_ANSWER, "a"), 0);
    cr_assert_eq(write_text(OUTBOX_ANSWER, "b"), 0);
    cr_assert_eq(list_pop(&fanout.dirty), &outbox.dirty);
    cr_assert(list_empty(&fanout.dirty));
}

Test(outbox, a_lost_connection_is_owed_nothing)
{
    outbox.blocked = true;
    cr_assert_eq(write_text(OUTBOX_ANSWER, "abc"), 0);
    outbox_kill(&outbox, &fanout);
    cr_assert(outbox.dead);
    cr_assert_not(outbox.blocked, "there is nothing it could wait for");
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_ANSWER], 0);
    cr_assert_eq(door.blocks, 0);
    cr_assert_eq(write_text(OUTBOX_ANSWER, "abc"), 0, "nobody needs to ask first");
    cr_assert_str_eq(queued(), "");
}

Test(outbox, without_memory_it_is_as_it_was)
{
    fanout.sequence = 4;
    door.fail_at = 1;
    cr_assert_eq(write_text(OUTBOX_ANSWER, "abc"), -ENOMEM);
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_ANSWER], 0);
    cr_assert_eq(write_text(OUTBOX_ANSWER, "abc"), 0);

    char large[2000];
    memset(large, 'x', sizeof(large));
    door.fail_at = door.allocations + 1;
    cr_assert_eq(outbox_write(&outbox, &fanout, OUTBOX_MESSAGE, large, sizeof(large)), -ENOMEM);
    door.fail_at = door.allocations + 1;
    cr_assert_eq(outbox_keep_rest(&outbox, &fanout, large, sizeof(large)), -ENOMEM);
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_MESSAGE], 0);
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_REST], 0);
    cr_assert_str_eq(queued(), "4'abc'");
}

/* Keeps a rest in front of a queue whose block has hardly any room; its `nth` allocation fails. */
static bool keep_rest_failing(size_t nth, size_t rest_bytes)
{
    char rest[300];
    memset(rest, 'r', sizeof(rest));
    cr_assert_eq(write_text(OUTBOX_ANSWER, "abc"), 0);
    door.fail_at = door.allocations + nth;
    int rc = outbox_keep_rest(&outbox, &fanout, rest, rest_bytes);
    door.fail_at = 0;
    if (rc < 0)
        cr_assert_str_eq(queued(), "0'abc'");
    cr_assert_eq(outbox.waiting_bytes[OUTBOX_REST], rc < 0 ? 0 : HEAD + rest_bytes);
    buffer_release(&outbox.queue, &door.sys);
    memset(outbox.waiting_bytes, 0, sizeof(outbox.waiting_bytes));
    return rc < 0;
}

Test(outbox, a_rest_that_cannot_be_kept_leaves_no_part_of_it)
{
    unsigned failures = 0;
    for (size_t bytes = 1; bytes <= 300; bytes++)
        for (size_t nth = 1; keep_rest_failing(nth, bytes); nth++)
            failures++;
    cr_assert_gt(failures, 50);
}
