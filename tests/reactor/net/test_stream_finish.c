/*
 * How a connection ends: what was sent arrives, and nobody waits for ever.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/stream_pair.h"

/* More than the kernels at both ends hold, which is 128 KiB. */
#define OWED_BYTES (200 * 1024)

/* Of a stalled peer: all of it is in their hands, and not all is acknowledged. */
#define SENT_BYTES (100 * 1024)

/* Enough for a look at what is acknowledged. */
#define LOOK_NS (20 * NS_PER_MS)

static struct stream_pair ann;

/* Finishes ann's connection. */
static struct ender {
    struct task task;
    struct frame frame;
    int rc;
    struct stream_finish finish;
    int64_t begun_ns;
    int64_t ended_ns;
} ender;

static int ender_step(struct task *task)
{
    struct ender *const self = container_of(task, struct ender, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, stream_finish(task, &self->finish, &ann.stream));
    self->ended_ns = loop.now_ns;
    TASK_RETURN(self->rc);
    TASK_END();
}

static void start_ender(void)
{
    memset(&ender, 0, sizeof(ender));
    ender.finish.linger_ns = STREAM_LINGER_NS;
    ender.begun_ns = sim_now_ns(sim);
    cr_assert_eq(task_group_spawn(&actor_group, &ender.task, "ender", ender_step), 0);
    fixture_settle();
}

static bool ended(int result)
{
    return task_ended(&ender.task) && ender.task.result == result;
}

static int64_t took_ns(void)
{
    return ender.ended_ns - ender.begun_ns;
}

static void open_ann(void)
{
    stream_pairs_open();
    stream_pair_open(&ann, 1);
}

TestSuite(stream_finish, .init = open_ann, .fini = stream_pairs_close);

static void write_bytes(size_t bytes)
{
    static const char text[1024];
    for (; bytes > 0; bytes -= bytes < sizeof(text) ? bytes : sizeof(text))
        cr_assert_eq(stream_write(&ann.stream, text, bytes < sizeof(text) ? bytes : sizeof(text)),
                     0);
}

/* Takes up to `bytes` at the far end by hand. */
static size_t take(size_t bytes)
{
    static char buffer[OWED_BYTES];
    return sim_peer_receive(ann.peer, buffer, bytes);
}

/* Closes ann's end, and lets all that is under way arrive. */
static void close_ann(void)
{
    stream_pair_close(&ann);
    sim_settle(sim);
}

/* --- what was sent arrives --- */

/* A peer that has typed ahead what nobody reads any more, and is owed much. */
static void owe_to_a_typist(void)
{
    sim_peer_say(ann.peer, "more typed ahead\n");
    fixture_settle();
    write_bytes(OWED_BYTES);
}

Test(stream_finish, what_was_sent_arrives_although_input_was_left_unread)
{
    owe_to_a_typist();
    start_ender();
    fixture_pass(LOOK_NS);
    cr_assert(ended(0));
    close_ann();
    cr_assert_eq(sim_peer_text_bytes(ann.peer), OWED_BYTES);
    cr_assert(sim_peer_at_end(ann.peer));
    cr_assert_not(sim_peer_was_reset(ann.peer));
}

Test(stream_finish, a_bare_close_would_lose_it)
{
    owe_to_a_typist();
    fixture_turn();
    close_ann();
    cr_assert_lt(sim_peer_text_bytes(ann.peer), OWED_BYTES);
    cr_assert(sim_peer_was_reset(ann.peer));
}

Test(stream_finish, what_comes_while_it_is_sent_is_dropped)
{
    sim_peer_stall(ann.peer);
    write_bytes(OWED_BYTES);
    start_ender();
    size_t taken = 0;
    for (int i = 0; i < 400 && !task_ended(&ender.task); i++) {
        sim_peer_say(ann.peer, "and another thing that nobody reads any more\n");
        taken += take(1024);
        fixture_settle();
    }
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(sim_peer_unsent(ann.peer), 0, "all of it was read");
    cr_assert(ended(0));
    close_ann();
    taken += take(OWED_BYTES);
    cr_assert_eq(taken, OWED_BYTES);
    cr_assert_not(sim_peer_was_reset(ann.peer));
}

Test(stream_finish, lines_of_a_room_that_was_left_are_sent)
{
    struct broadcast room;
    struct subscriber subscriber;
    broadcast_init(&room, &visitors_hub, "room", 1024 * 1024);
    cr_assert_eq(broadcast_subscribe(&room, &subscriber, &ann.stream.outbox), 0);
    cr_assert_eq(broadcast_append(&room, NULL, "hello\n", 6), 0);
    broadcast_end(&subscriber);
    start_ender();
    fixture_pass(LOOK_NS);
    cr_assert(ended(0));
    cr_assert_eq(room.count, 0);
    stream_pair_heard(&ann, "hello\n");
    close_ann();
    broadcast_release(&room);
}

Test(stream_finish, it_needs_no_memory)
{
    owe_to_a_typist();
    fixture_turn();
    sim_options(sim)->no_memory_ppm = 1000000;
    start_ender();
    fixture_pass(LOOK_NS);
    sim_options(sim)->no_memory_ppm = 0;
    cr_assert(ended(0));
    close_ann();
    cr_assert_eq(sim_peer_text_bytes(ann.peer), OWED_BYTES);
}

/* --- when it ends --- */

Test(stream_finish, input_that_nobody_will_read_is_not_kept_meanwhile)
{
    cr_assert_eq(buffer_append(&ann.stream.input, loop.sys, "typed", 5), 0);
    owe_to_a_typist();
    sim_peer_stall(ann.peer);
    start_ender();
    cr_assert_not(task_ended(&ender.task));
    cr_assert_null(ann.stream.input.block);
    sim_peer_resume(ann.peer);
    fixture_pass(LOOK_NS);
    cr_assert(ended(0));
    close_ann();
}

Test(stream_finish, it_ends_when_all_is_acknowledged)
{
    write_bytes(SENT_BYTES);
    start_ender();
    fixture_pass(LOOK_NS);
    cr_assert(ended(0));
    cr_assert_not(ann.stream.flags & STREAM_ENDED, "the peer stays, for all we know");
    close_ann();
}

Test(stream_finish, it_ends_soon_after_all_is_acknowledged)
{
    sim_peer_stall(ann.peer);
    write_bytes(SENT_BYTES);
    start_ender();
    fixture_pass(NS_PER_SECOND);
    cr_assert_not(task_ended(&ender.task));
    sim_peer_resume(ann.peer);
    fixture_pass(150 * NS_PER_MS);
    cr_assert(ended(0));
    close_ann();
}

Test(stream_finish, it_ends_when_the_peer_has_closed)
{
    sim_peer_stall(ann.peer);
    write_bytes(SENT_BYTES);
    start_ender();
    cr_assert_not(task_ended(&ender.task));
    static const char last_words[3 * STREAM_READ_BYTES];
    sim_peer_send(ann.peer, last_words, sizeof(last_words));
    sim_peer_shutdown(ann.peer);
    fixture_settle();
    cr_assert(ended(0), "in no time, though one event told of words and end");
    close_ann();
    sim_peer_resume(ann.peer);
    sim_settle(sim);
    cr_assert_eq(sim_peer_text_bytes(ann.peer), SENT_BYTES, "the kernel delivers the rest");
}

Test(stream_finish, a_peer_that_had_closed_before_is_still_sent_everything)
{
    sim_peer_stall(ann.peer);
    sim_peer_say(ann.peer, "last words");
    sim_peer_shutdown(ann.peer);
    write_bytes(OWED_BYTES);
    start_ender();
    cr_assert_not(task_ended(&ender.task));
    sim_peer_resume(ann.peer);
    fixture_settle();
    cr_assert(ended(0));
    close_ann();
    cr_assert_eq(sim_peer_text_bytes(ann.peer), OWED_BYTES);
}

Test(stream_finish, a_lost_connection_ends_it)
{
    sim_peer_stall(ann.peer);
    write_bytes(SENT_BYTES);
    start_ender();
    sim_peer_reset(ann.peer);
    fixture_settle();
    cr_assert(ended(-ECONNRESET));
    close_ann();
}

Test(stream_finish, an_error_ends_it_at_once)
{
    write_bytes(SENT_BYTES);
    stream_fail(&ann.stream, -EPIPE);
    start_ender();
    cr_assert(ended(-EPIPE));
    close_ann();
}

Test(stream_finish, a_peer_that_does_not_move_is_let_go_after_the_linger)
{
    static const size_t owed[] = {SENT_BYTES, OWED_BYTES};
    for (int i = 0; i < 2; i++) {
        sim_peer_stall(ann.peer);
        write_bytes(owed[i]);
        uint64_t waits = sim_count(sim, SIM_POLL_WAIT);
        start_ender();
        fixture_pass(3 * STREAM_LINGER_NS);
        cr_assert(ended(-ETIMEDOUT));
        cr_assert_geq(took_ns(), STREAM_LINGER_NS);
        cr_assert_leq(took_ns(), STREAM_LINGER_NS + 200 * NS_PER_MS);
        cr_assert_leq(sim_count(sim, SIM_POLL_WAIT) - waits, 40, "it waits, it doesn't spin");
        close_ann();
        stream_pair_open(&ann, 1);
    }
    close_ann();
}

Test(stream_finish, a_peer_that_only_talks_is_let_go_after_the_linger)
{
    sim_peer_stall(ann.peer);
    write_bytes(SENT_BYTES);
    start_ender();
    for (int i = 0; i < 100 && !task_ended(&ender.task); i++) {
        sim_peer_say(ann.peer, "blah blah\n");
        fixture_pass(100 * NS_PER_MS);
    }
    cr_assert(ended(-ETIMEDOUT));
    cr_assert_leq(took_ns(), STREAM_LINGER_NS + 200 * NS_PER_MS);
    close_ann();
}

/* Everything in the kernel's hands: nothing more is sent, only acknowledged. */
Test(stream_finish, a_slow_reader_that_moves_is_not_cut)
{
    static const size_t owed[] = {SENT_BYTES, OWED_BYTES};
    for (int i = 0; i < 2; i++) {
        size_t taken = 0;
        sim_peer_stall(ann.peer);
        write_bytes(owed[i]);
        start_ender();
        while (!task_ended(&ender.task)) {
            taken += take(4096);
            fixture_pass(STREAM_LINGER_NS / 2);
        }
        cr_assert(ended(0), "%d after %zu of %zu", ender.task.result, taken, owed[i]);
        cr_assert_gt(took_ns(), 3 * STREAM_LINGER_NS);
        close_ann();
        sim_peer_resume(ann.peer);
        sim_settle(sim);
        cr_assert_eq(taken + sim_peer_text_bytes(ann.peer), owed[i]);
        stream_pair_open(&ann, 1);
    }
    close_ann();
}

/* A peer that takes a byte a second must not hold a connection for ever. */
Test(stream_finish, a_peer_that_moves_is_let_go_after_the_limit)
{
    sim_peer_stall(ann.peer);
    write_bytes(SENT_BYTES);
    start_ender();
    ender.finish.limit_ns = STREAM_FINISH_NS;
    for (int i = 0; i < 60 && !task_ended(&ender.task); i++) {
        (void)take(16);
        fixture_pass(NS_PER_SECOND);
    }
    cr_assert(ended(-ETIMEDOUT));
    cr_assert_geq(took_ns(), STREAM_FINISH_NS);
    cr_assert_leq(took_ns(), STREAM_FINISH_NS + NS_PER_SECOND);
    close_ann();
}

Test(stream_finish, what_the_kernel_does_not_tell_is_not_acknowledged)
{
    static int errors[1000];
    for (size_t i = 0; i < 1000; i++)
        errors[i] = -EINVAL;
    sim_peer_stall(ann.peer);
    write_bytes(SENT_BYTES);
    sim_answer(sim, SIM_UNSENT, errors, 1000);
    start_ender();
    fixture_pass(STREAM_LINGER_NS / 2);
    cr_assert_not(task_ended(&ender.task));
    fixture_pass(STREAM_LINGER_NS);
    cr_assert(ended(-ETIMEDOUT));
    cr_assert_leq(took_ns(), STREAM_LINGER_NS + 200 * NS_PER_MS);
    close_ann();
}

Test(stream_finish, it_ends_at_a_cancel)
{
    sim_peer_stall(ann.peer);
    write_bytes(OWED_BYTES);
    start_ender();
    fixture_pass(NS_PER_SECOND);
    task_cancel(&ender.task, loop.now_ns);
    fixture_settle();
    cr_assert(ended(-ECANCELED));
    close_ann();
}

Test(stream_finish, without_a_linger_it_waits_until_it_is_cancelled)
{
    sim_peer_stall(ann.peer);
    write_bytes(SENT_BYTES);
    start_ender();
    ender.finish.linger_ns = TIME_NEVER;
    fixture_pass(600 * NS_PER_SECOND);
    cr_assert_not(task_ended(&ender.task));
    task_cancel(&ender.task, loop.now_ns);
    fixture_settle();
    cr_assert(ended(-ECANCELED));
    close_ann();
}

Test(stream_finish, a_shutdown_that_fails_ends_it)
{
    write_bytes(SENT_BYTES);
    fixture_turn();
    fixture_settle();
    sim_fail_nth(sim, 1, 0);
    start_ender();
    cr_assert_str_eq(sim_failed_call(sim), "shutdown_write: ENOTCONN");
    cr_assert(ended(-ENOTCONN));
    close_ann();
}
