/*
 * A connection that is lost: what was said before is read, and the error is reported once that is
 * read, whoever met it first.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/misuse.h"
#include "tests/support/stream_pair.h"

static struct stream_pair ann;
static char *line;
static size_t line_bytes;

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

TestSuite(stream_lost, .init = open_ann, .fini = close_ann);

static int reads_line(struct task *task, void *object)
{
    return stream_read_line(task, object, 1000, &line, &line_bytes);
}

static int drains(struct task *task, void *object)
{
    return stream_drain(task, object, 0);
}

/* Has ann's stream await `call` until nothing more happens. Returns its result. */
static int result_of(int (*call)(struct task *task, void *object))
{
    struct actor actor = {.call = call, .object = &ann.stream};
    actor_start(&actor, "actor");
    fixture_settle();
    cr_assert(task_ended(&actor.task), "it waits");
    return actor.task.result;
}

/* The next send to ann fails with `error`. */
static void fail_a_send(int error)
{
    sim_answer(sim, SIM_SEND, &error, 1);
    cr_assert_eq(stream_write(&ann.stream, "hello\n", 6), 0);
    fixture_turn();
    cr_assert_eq(ann.stream.error, error);
}

Test(stream_lost, after_a_failed_send_the_peers_last_words_are_read_and_then_the_error)
{
    static const int errors[] = {-EPIPE, -ECONNRESET, -ETIMEDOUT};
    for (int i = 0; i < 3; i++) {
        sim_peer_say(ann.peer, "413\nbye\nhalf a li");
        fixture_turn();
        fail_a_send(errors[i]);
        cr_assert_eq(result_of(reads_line), 1);
        cr_assert_str_eq(line, "413");
        cr_assert_eq(result_of(reads_line), 1);
        cr_assert_str_eq(line, "bye");
        cr_assert_eq(result_of(reads_line), errors[i], "and what was cut off is no line");
        cr_assert_eq(result_of(drains), errors[i]);
        close_ann();
        open_ann();
    }
}

Test(stream_lost, a_reader_that_waits_learns_of_a_failed_send)
{
    struct actor actor = {.call = reads_line, .object = &ann.stream};
    actor_start(&actor, "actor");
    fixture_settle();
    fail_a_send(-EPIPE);
    fixture_settle();
    cr_assert(actor_ended(&actor, -EPIPE));
}

Test(stream_lost, a_send_without_kernel_memory_gives_the_connection_up)
{
    sim_peer_say(ann.peer, "hello\n");
    fixture_turn();
    fail_a_send(-ENOBUFS);
    cr_assert_eq(result_of(reads_line), -ENOBUFS);
}

Test(stream_lost, a_read_that_fails_is_the_end)
{
    static const int error = -ETIMEDOUT;
    sim_peer_say(ann.peer, "hello\n");
    fixture_turn();
    sim_answer(sim, SIM_RECEIVE, &error, 1);
    cr_assert_eq(result_of(reads_line), -ETIMEDOUT);
    cr_assert_eq(result_of(reads_line), -ETIMEDOUT);
}

/* --- a read has a size --- */

static int fills_nothing(struct task *task, void *object)
{
    return stream_fill(task, object ? object : &ann.stream, 0);
}

static int fills_more_than_a_read(struct task *task, void *object)
{
    return stream_fill(task, object ? object : &ann.stream, STREAM_READ_BYTES + 1);
}

Test(stream_lost, a_read_of_nothing_or_of_too_much_is_a_bug)
{
    misuse_by_task(fills_nothing, "a read of nothing would look like the end of the input");
    misuse_by_task(fills_more_than_a_read, "a read stays within the budget of a turn");
}
