/*
 * What protocols read: exactly so many bytes, up to a delimiter, more than there is. The cases
 * follow asyncio's test_streams.py (readexactly, readuntil) and tokio's read_exact and read_until.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/misuse.h"
#include "tests/support/stream_pair.h"

static struct stream_pair ann;

static void open_ann(void)
{
    stream_pairs_open();
    stream_pair_open(&ann, 1);
}

static void close_ann(void)
{
    stream_pair_close(&ann);
    stream_pairs_close();
}

TestSuite(stream_pieces, .init = open_ann, .fini = close_ann);

/* What is asked for, and what came. */
static const char *delimiter;
static size_t wanted; /* how many bytes, or at most */
static char *bytes;
static size_t bytes_size;

static int reads_until(struct task *task, void *object)
{
    return stream_read_until(task, object, delimiter, wanted, &bytes, &bytes_size);
}

static int reads_exactly(struct task *task, void *object)
{
    return stream_read_exactly(task, object, wanted, &bytes);
}

static int fills_beyond(struct task *task, void *object)
{
    return stream_fill_beyond(task, object, wanted);
}

typedef int call(struct task *task, void *object);
static call *const calls[] = {reads_until, reads_exactly, fills_beyond};

static void start(struct actor *actor, call *awaited)
{
    *actor = (struct actor){.call = awaited, .object = &ann.stream};
    actor_start(actor, "actor");
    fixture_settle();
}

/* What the await comes to, once nothing more happens. */
static int result_of(call *awaited)
{
    struct actor actor;
    start(&actor, awaited);
    cr_assert(task_ended(&actor.task), "it waits");
    return actor.task.result;
}

static size_t input_bytes(void)
{
    size_t size;
    (void)stream_input(&ann.stream, &size);
    return size;
}

/* --- until a delimiter: readuntil, test_readuntil_* --- */

Test(stream_pieces, what_stands_before_the_delimiter_is_read_and_the_delimiter_taken)
{
    delimiter = "\r\n\r\n";
    wanted = 100;
    sim_peer_say(ann.peer, "GET /\r\nHost: x\r\n\r\nbody\r\n\r\n\r\n\r\nrest");
    sim_peer_shutdown(ann.peer);
    cr_assert_eq(result_of(reads_until), 1);
    cr_assert_str_eq(bytes, "GET /\r\nHost: x");
    cr_assert_eq(bytes_size, 14);
    cr_assert_eq(result_of(reads_until), 1);
    cr_assert_str_eq(bytes, "body");
    cr_assert_eq(result_of(reads_until), 1);
    cr_assert_eq(bytes_size, 0, "nothing may stand before it");
    cr_assert_eq(result_of(reads_until), -ENODATA);
    cr_assert_eq(input_bytes(), 4, "what came stays");
    stream_consume(&ann.stream, 4);
    cr_assert_eq(result_of(reads_until), 0);
}

Test(stream_pieces, a_delimiter_may_come_in_parts)
{
    delimiter = "aab";
    wanted = 10;
    sim_options(sim)->segments = SIM_BYTES;
    sim_peer_say(ann.peer, "xaaab");
    cr_assert_eq(result_of(reads_until), 1);
    cr_assert_str_eq(bytes, "xa");
}

Test(stream_pieces, a_piece_that_is_too_long_is_refused_and_skipped)
{
    static const enum sim_segments segments[] = {SIM_WHOLE, SIM_BYTES};
    for (int i = 0; i < 2; i++) {
        delimiter = "::";
        wanted = 3;
        sim_options(sim)->segments = segments[i];
        sim_peer_say(ann.peer, "abc::abcd:::xy::");
        cr_assert_eq(result_of(reads_until), 1);
        cr_assert_str_eq(bytes, "abc", "as long as it may be");
        cr_assert_eq(result_of(reads_until), -EMSGSIZE);
        cr_assert_eq(result_of(reads_until), 1);
        cr_assert_str_eq(bytes, ":xy", "the first delimiter counts");
    }
}

/* --- exactly: readexactly, test_readexactly_* --- */

Test(stream_pieces, exactly_so_many_bytes_are_read)
{
    wanted = 4;
    sim_options(sim)->segments = SIM_BYTES;
    sim_peer_send(ann.peer, "a\0b\nrest", 8);
    cr_assert_eq(result_of(reads_exactly), 1);
    cr_assert_eq(memcmp(bytes, "a\0b\n", 4), 0);
    cr_assert_eq(result_of(reads_exactly), 1);
    cr_assert_eq(memcmp(bytes, "rest", 4), 0);
    sim_peer_shutdown(ann.peer);
    cr_assert_eq(result_of(reads_exactly), 0, "the end");
}

Test(stream_pieces, an_end_within_them_is_no_clean_end)
{
    wanted = 4;
    sim_peer_say(ann.peer, "res");
    sim_peer_shutdown(ann.peer);
    cr_assert_eq(result_of(reads_exactly), -ENODATA);
    cr_assert_eq(input_bytes(), 3);
}

Test(stream_pieces, more_than_one_read_holds_may_be_asked_for)
{
    static char text[STREAM_HELD_BYTES];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '!';
    wanted = sizeof(text);
    sim_peer_send(ann.peer, text, sizeof(text));
    cr_assert_eq(result_of(reads_exactly), 1);
    cr_assert_eq(memcmp(bytes, text, sizeof(text)), 0);
}

/* --- more than there is --- */

Test(stream_pieces, it_waits_for_more_than_it_has)
{
    struct actor actor;
    sim_peer_say(ann.peer, "abc");
    wanted = 0;
    cr_assert_eq(result_of(fills_beyond), 1);
    wanted = 3;
    start(&actor, fills_beyond);
    cr_assert(actor_waiting(&actor));
    sim_peer_say(ann.peer, "d");
    fixture_settle();
    cr_assert(actor_ended(&actor, 1));
    cr_assert_eq(input_bytes(), 4);
    wanted = 4;
    sim_peer_shutdown(ann.peer);
    cr_assert_eq(result_of(fills_beyond), 0);
    cr_assert_eq(input_bytes(), 4, "what is there stays");
}

/* --- cancel, deadline, memory --- */

static void ask_for_six(void)
{
    delimiter = "\n";
    wanted = 6;
    sim_peer_say(ann.peer, "abc");
    fixture_settle();
}

Test(stream_pieces, one_that_is_cancelled_or_late_has_taken_nothing)
{
    for (int i = 0; i < 6; i++) {
        struct actor actor = {.call = calls[i / 2], .object = &ann.stream};
        actor.limit_ns = i % 2 ? NS_PER_MS : 0;
        ask_for_six();
        actor_start(&actor, "actor");
        fixture_settle();
        cr_assert(actor_waiting(&actor));
        if (i % 2)
            fixture_pass(NS_PER_MS);
        else
            task_cancel(&actor.task, loop.now_ns);
        fixture_settle();
        cr_assert(actor_ended(&actor, i % 2 ? -ETIMEDOUT : -ECANCELED));
        cr_assert_eq(input_bytes(), 3);
        close_ann();
        open_ann();
    }
}

Test(stream_pieces, without_memory_it_is_the_connections_error)
{
    for (int i = 0; i < 3; i++) {
        struct actor actor;
        ask_for_six();
        sim_options(sim)->no_memory_ppm = 1000000;
        start(&actor, calls[i]);
        sim_options(sim)->no_memory_ppm = 0;
        cr_assert(actor_ended(&actor, -ENOMEM));
        close_ann();
        open_ann();
    }
}

static int reads_no_bytes(struct task *task, void *object)
{
    (void)object;
    wanted = 0;
    return reads_exactly(task, &ann.stream);
}

static int reads_to_no_delimiter(struct task *task, void *object)
{
    (void)object;
    delimiter = "";
    return reads_until(task, &ann.stream);
}

static int holds_too_much(struct task *task, void *object)
{
    (void)object;
    wanted = STREAM_HELD_BYTES;
    return fills_beyond(task, &ann.stream);
}

Test(stream_pieces, what_can_not_be_meant_is_a_bug)
{
    misuse_by_task(reads_no_bytes, "a read of nothing would look like the end of the input");
    misuse_by_task(reads_to_no_delimiter, "a delimiter isn't empty");
    misuse_by_task(holds_too_much, "what is read and not consumed has a limit");
}

/* --- a formatted write --- */

Test(stream_pieces, what_is_printed_is_sent_however_long_it_is)
{
    char text[3000], expected[3010];
    memset(text, 'x', sizeof(text));
    for (size_t size = 500; size < 520; size++) {
        (void)snprintf(expected, sizeof(expected), "%.*s 42\n", (int)size, text);
        cr_assert_eq(stream_print(&ann.stream, "%.*s %d\n", (int)size, text, 42), 0);
        fixture_turn();
        fixture_settle();
        stream_pair_heard(&ann, expected);
    }
    cr_assert_eq(stream_print(&ann.stream, "%.*s", (int)sizeof(text), text), 0);
    fixture_turn();
    fixture_settle();
    cr_assert_eq(sim_peer_text_bytes(ann.peer), sizeof(text));
}

Test(stream_pieces, without_memory_nothing_is_printed)
{
    char text[3000];
    memset(text, 'x', sizeof(text));
    sim_options(sim)->no_memory_ppm = 1000000;
    cr_assert_eq(stream_print(&ann.stream, "%.*s", (int)sizeof(text), text), -ENOMEM);
    cr_assert_eq(stream_print(&ann.stream, "short"), -ENOMEM);
    sim_options(sim)->no_memory_ppm = 0;
    fixture_turn();
    fixture_settle();
    stream_pair_heard(&ann, "");
}
