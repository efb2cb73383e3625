/*
 * Ends that are no close: of one direction, and by a reset. The cases follow libuv's
 * test-shutdown-eof.c and test-tcp-close-reset.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/stream_pair.h"

#define OWED_BYTES (200 * 1024) /* more than the kernels at both ends hold */

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

TestSuite(stream_end, .init = open_ann, .fini = close_ann);

static int shuts(struct task *task, void *object)
{
    return stream_shutdown_write(task, object);
}

static int reads_line(struct task *task, void *object)
{
    char *line;
    size_t size;
    return stream_read_line(task, object, 100, &line, &size);
}

static void start(struct actor *actor, int (*call)(struct task *task, void *object))
{
    *actor = (struct actor){.call = call, .object = &ann.stream};
    actor_start(actor, "actor");
    fixture_settle();
}

static void owe(void)
{
    static const char text[OWED_BYTES];
    sim_peer_stall(ann.peer);
    cr_assert_eq(stream_write(&ann.stream, text, sizeof(text)), 0);
    fixture_turn();
}

Test(stream_end, the_peer_reads_all_that_is_owed_and_the_end_and_may_speak_on)
{
    struct actor actor;
    owe();
    start(&actor, shuts);
    cr_assert(actor_waiting(&actor), "first all is sent");
    sim_peer_resume(ann.peer);
    fixture_settle();
    cr_assert(actor_ended(&actor, 0));
    cr_assert_eq(sim_peer_text_bytes(ann.peer), OWED_BYTES);
    cr_assert(sim_peer_at_end(ann.peer));
    cr_assert_not(sim_peer_was_reset(ann.peer));
    sim_peer_say(ann.peer, "one more thing\n");
    start(&actor, reads_line);
    cr_assert(actor_ended(&actor, 1));
}

Test(stream_end, after_the_end_nothing_is_written)
{
    struct actor actor;
    start(&actor, shuts);
    cr_assert_eq(stream_write(&ann.stream, "more", 4), -EPIPE);
    cr_assert_eq(stream_print(&ann.stream, "%d", 4), -EPIPE);
    start(&actor, shuts);
    cr_assert(actor_ended(&actor, 0), "to end twice is fine");
    cr_assert_eq(ann.stream.error, 0);
}

Test(stream_end, one_that_is_cancelled_or_late_has_not_ended_it)
{
    for (int late = 0; late < 2; late++) {
        struct actor actor = {.call = shuts, .object = &ann.stream, .limit_ns = late ? 1000 : 0};
        owe();
        actor_start(&actor, "actor");
        fixture_settle();
        if (!late)
            task_cancel(&actor.task, loop.now_ns);
        fixture_pass(NS_PER_MS);
        cr_assert(actor_ended(&actor, late ? -ETIMEDOUT : -ECANCELED));
        sim_peer_resume(ann.peer);
        fixture_settle();
        cr_assert_not(sim_peer_at_end(ann.peer));
        cr_assert_eq(stream_write(&ann.stream, "more", 4), 0);
        fixture_turn();
        close_ann();
        open_ann();
    }
}

Test(stream_end, a_lost_connection_answers_its_error)
{
    struct actor actor;
    owe();
    start(&actor, shuts);
    sim_peer_reset(ann.peer);
    stream_fail(&ann.stream, -ECONNRESET);
    fixture_settle();
    cr_assert(actor_ended(&actor, -ECONNRESET));
}

Test(stream_end, a_shutdown_that_the_kernel_refuses_is_the_connections_error)
{
    struct actor actor;
    sim_fail_nth(sim, 1, 0);
    start(&actor, shuts);
    cr_assert_str_eq(sim_failed_call(sim), "shutdown_write: ENOTCONN");
    cr_assert(actor_ended(&actor, -ENOTCONN));
}

Test(stream_end, a_reset_is_an_error_for_the_peer_and_no_end)
{
    cr_assert_eq(stream_write(&ann.stream, "half an ans", 11), 0);
    fixture_turn();
    fixture_settle();
    stream_reset(&ann.stream);
    sim_settle(sim);
    cr_assert(sim_peer_was_reset(ann.peer));
    stream_reset(&ann.stream); /* harmless on one that is closed */
}

Test(stream_end, a_socket_that_can_not_be_reset_is_closed)
{
    sim_fail_nth(sim, 1, 0);
    stream_reset(&ann.stream);
    sim_settle(sim);
    cr_assert_str_eq(sim_failed_call(sim), "reset_on_close: EINVAL");
    cr_assert(sim_peer_at_end(ann.peer));
    cr_assert_not(sim_peer_was_reset(ann.peer));
}
