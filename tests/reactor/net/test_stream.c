/*
 * Streams: reading, writing, and what ends an await. How lines are cut is in
 * test_stream_lines.c, how a connection ends in test_stream_finish.c.
 */
#include "reactor/net/stream.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

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

TestSuite(stream, .init = open_ann, .fini = close_ann);

/* --- actors on ann's stream --- */

static char filled[STREAM_READ_BYTES + 1]; /* what the last one to fill found, and consumed */
static size_t fill_bytes = STREAM_READ_BYTES;

static int fills(struct task *task, void *object)
{
    struct stream *stream = object;
    size_t size;
    int rc = stream_fill(task, stream, fill_bytes);
    if (rc == 1) {
        const char *input = stream_input(stream, &size);
        memcpy(filled, input, size);
        filled[size] = '\0';
        stream_consume(stream, size);
    }
    return rc;
}

static int reads_line(struct task *task, void *object)
{
    char *line;
    size_t size;
    int rc = stream_read_line(task, object, 1000, &line, &size);
    if (rc == 1)
        memcpy(filled, line, size + 1);
    return rc;
}

static size_t low_bytes;

static int drains(struct task *task, void *object)
{
    return stream_drain(task, object, low_bytes);
}

typedef int call(struct task *task, void *object);

static void start(struct actor *actor, call *awaited)
{
    *actor = (struct actor){.call = awaited, .object = &ann.stream};
    actor_start(actor, "actor");
    fixture_settle();
}

/* Writes so much that a stalled peer leaves ann's stream blocked with `bytes` in its queue. */
static void block_ann(size_t bytes)
{
    static char text[200 * 1024];
    memset(text, 'x', sizeof(text));
    sim_peer_stall(ann.peer);
    cr_assert_eq(stream_write(&ann.stream, text, sizeof(text)), 0);
    fixture_turn();
    fixture_settle();
    cr_assert(ann.stream.outbox.blocked);
    while (ann.stream.outbox.waiting_bytes[OUTBOX_ANSWER] < bytes)
        cr_assert_eq(stream_write(&ann.stream, text, 1024), 0);
}

/* --- reading --- */

Test(stream, what_a_peer_says_is_read_when_somebody_waits)
{
    struct actor actor;
    start(&actor, fills);
    cr_assert(actor_waiting(&actor));
    sim_peer_say(ann.peer, "hello");
    fixture_settle();
    cr_assert(actor_ended(&actor, 1));
    cr_assert_str_eq(filled, "hello");
}

Test(stream, nothing_is_taken_from_the_kernel_unless_somebody_waits)
{
    struct actor actor;
    sim_peer_say(ann.peer, "hello");
    fixture_settle();
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(sim_count(sim, SIM_RECEIVE), 0);
    start(&actor, fills);
    cr_assert(actor_ended(&actor, 1));
    cr_assert_str_eq(filled, "hello");
}

Test(stream, input_that_is_not_consumed_is_not_added_to)
{
    struct actor actor;
    size_t size;
    sim_peer_say(ann.peer, "hello");
    start(&actor, fills);
    cr_assert(actor_ended(&actor, 1));
    sim_peer_say(ann.peer, "abc");
    start(&actor, reads_line); /* which reads, and waits for more */
    task_cancel(&actor.task, loop.now_ns);
    fixture_settle();
    cr_assert_eq(strncmp(stream_input(&ann.stream, &size), "abc", 3), 0);
    cr_assert_eq(size, 3);
    uint64_t receives = sim_count(sim, SIM_RECEIVE);
    sim_peer_say(ann.peer, "def");
    start(&actor, fills);
    cr_assert(actor_ended(&actor, 1));
    cr_assert_str_eq(filled, "abc");
    cr_assert_eq(sim_count(sim, SIM_RECEIVE), receives);
    start(&actor, fills);
    cr_assert_str_eq(filled, "def");
}

Test(stream, no_more_is_read_than_was_asked_for)
{
    struct actor actor;
    fill_bytes = 3;
    sim_peer_say(ann.peer, "abcdefgh");
    start(&actor, fills);
    cr_assert_str_eq(filled, "abc");
    start(&actor, fills);
    cr_assert_str_eq(filled, "def");
    start(&actor, fills);
    cr_assert_str_eq(filled, "gh");
}

/* Reads to the end, consuming everything. */
struct glutton {
    struct task task;
    struct frame frame;
    int rc;
    struct stream *stream;
    size_t bytes;
    uint64_t turn; /* of its last read */
    bool twice; /* it read twice in a turn */
};

static void swallow(struct glutton *self)
{
    size_t size;
    (void)stream_input(self->stream, &size);
    stream_consume(self->stream, size);
    self->bytes += size;
    self->twice |= self->turn == loop.turn;
    self->turn = loop.turn;
}

static int glutton_step(struct task *task)
{
    struct glutton *const self = container_of(task, struct glutton, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc, stream_fill(task, self->stream, STREAM_READ_BYTES));
        if (self->rc <= 0)
            TASK_RETURN(self->rc);
        swallow(self);
    }
    TASK_END();
}

static void start_glutton(struct glutton *glutton, struct stream_pair *pair)
{
    *glutton = (struct glutton){.stream = &pair->stream};
    cr_assert_eq(task_group_spawn(&actor_group, &glutton->task, "glutton", glutton_step), 0);
}

static void say_much(struct stream_pair *pair, size_t bytes)
{
    static const char text[1000];
    for (; bytes > 0; bytes -= bytes < sizeof(text) ? bytes : sizeof(text))
        sim_peer_send(pair->peer, text, bytes < sizeof(text) ? bytes : sizeof(text));
}

Test(stream, a_stream_is_read_once_a_turn)
{
    struct glutton glutton;
    say_much(&ann, 500 * 1000);
    start_glutton(&glutton, &ann);
    fixture_settle();
    cr_assert_eq(glutton.bytes, 500 * 1000);
    cr_assert_not(glutton.twice);
    sim_peer_shutdown(ann.peer);
    fixture_settle();
    cr_assert(task_ended(&glutton.task));
}

#define CROWD 40

/* What the one that was read least has had. */
static size_t least_bytes(const struct glutton gluttons[CROWD])
{
    size_t least = gluttons[0].bytes;
    for (int i = 1; i < CROWD; i++)
        least = gluttons[i].bytes < least ? gluttons[i].bytes : least;
    return least;
}

Test(stream, all_streams_together_read_so_much_a_turn_and_share_it)
{
    static struct stream_pair crowd[CROWD];
    static struct glutton gluttons[CROWD];
    for (int i = 0; i < CROWD; i++) {
        stream_pair_open(&crowd[i], 0);
        say_much(&crowd[i], 200 * 1000);
    }
    for (int i = 0; i < CROWD; i++)
        start_glutton(&gluttons[i], &crowd[i]);
    size_t before = 0;
    size_t bytes = 0;
    for (int turn = 0; turn < 400; turn++) {
        fixture_turn();
        for (int i = 0; i < CROWD; i++)
            bytes += gluttons[i].bytes;
        cr_assert_leq(bytes - before, LOOP_READ_BUDGET_BYTES);
        for (int i = 0; i < CROWD; i++)
            cr_assert_leq(gluttons[i].bytes, least_bytes(gluttons) + STREAM_READ_BYTES, "a share");
        before = bytes;
        bytes = 0;
    }
    for (int i = 0; i < CROWD; i++) {
        cr_assert_eq(gluttons[i].bytes, 200 * 1000);
        sim_peer_shutdown(crowd[i].peer);
    }
    fixture_settle();
    for (int i = 0; i < CROWD; i++)
        stream_pair_close(&crowd[i]);
}

Test(stream, data_and_the_end_may_come_in_one_event)
{
    struct actor actor;
    sim_peer_say(ann.peer, "hello");
    sim_peer_shutdown(ann.peer);
    fixture_settle();
    start(&actor, fills);
    cr_assert(actor_ended(&actor, 1));
    cr_assert_str_eq(filled, "hello");
    start(&actor, fills);
    cr_assert(actor_ended(&actor, 0));
    start(&actor, fills);
    cr_assert(actor_ended(&actor, 0), "the end stays");
}

Test(stream, data_and_the_end_may_come_to_who_waits)
{
    struct actor actor;
    start(&actor, reads_line);
    sim_peer_say(ann.peer, "no newline");
    sim_peer_shutdown(ann.peer);
    fixture_settle();
    cr_assert(actor_ended(&actor, 1));
    cr_assert_str_eq(filled, "no newline");
    start(&actor, reads_line);
    cr_assert(actor_ended(&actor, 0));
}

Test(stream, a_read_cut_short_is_no_end)
{
    struct glutton glutton;
    sim_options(sim)->short_read_ppm = 500000;
    say_much(&ann, 100 * 1000);
    sim_peer_shutdown(ann.peer);
    start_glutton(&glutton, &ann);
    fixture_settle();
    cr_assert_eq(glutton.bytes, 100 * 1000);
    cr_assert_eq(glutton.task.result, 0);
}

/* --- errors --- */

static call *const awaits[] = {fills, reads_line, drains};
#define AWAITS (sizeof(awaits) / sizeof(*awaits))

Test(stream, a_lost_connection_wakes_every_await)
{
    for (size_t i = 0; i < AWAITS; i++) {
        struct actor actor;
        block_ann(1);
        start(&actor, awaits[i]);
        cr_assert(actor_waiting(&actor));
        sim_peer_reset(ann.peer);
        fixture_settle();
        cr_assert(task_ended(&actor.task), "await %zu", i);
        cr_assert(actor.task.result == -ECONNRESET || actor.task.result == -EPIPE, "await %zu: %d",
                  i, actor.task.result);
        stream_pair_close(&ann);
        stream_pair_open(&ann, 1);
    }
}

Test(stream, the_first_error_stays)
{
    struct actor actor;
    stream_fail(&ann.stream, -ENOMEM);
    stream_fail(&ann.stream, -EPIPE);
    sim_peer_say(ann.peer, "hello\n");
    for (size_t i = 0; i < AWAITS; i++) {
        start(&actor, awaits[i]);
        cr_assert(actor_ended(&actor, -ENOMEM), "await %zu", i);
    }
    cr_assert_eq(stream_write(&ann.stream, "lost\n", 5), 0, "nobody needs to ask first");
    fixture_turn();
    fixture_settle();
    stream_pair_heard(&ann, "");
}

Test(stream, what_was_read_before_the_error_is_read_first)
{
    struct actor actor;
    sim_peer_say(ann.peer, "one\ntwo\npart");
    start(&actor, reads_line);
    cr_assert_str_eq(filled, "one");
    stream_fail(&ann.stream, -EPIPE);
    start(&actor, reads_line);
    cr_assert(actor_ended(&actor, 1));
    cr_assert_str_eq(filled, "two");
    start(&actor, reads_line);
    cr_assert(actor_ended(&actor, -EPIPE), "half a line is none");
}

Test(stream, a_send_that_fails_is_the_connections_error)
{
    struct actor actor;
    start(&actor, fills);
    cr_assert_eq(stream_write(&ann.stream, "hello\n", 6), 0);
    sim_fail_nth(sim, 1, 2);
    fixture_turn();
    fixture_settle();
    cr_assert_str_eq(sim_failed_call(sim), "send: ENOBUFS");
    cr_assert(actor_ended(&actor, -ENOBUFS));
}

Test(stream, a_read_without_memory_is_the_connections_error)
{
    for (size_t i = 0; i < 2; i++) {
        struct actor actor;
        start(&actor, awaits[i]);
        cr_assert(actor_waiting(&actor));
        sim_options(sim)->no_memory_ppm = 1000000;
        sim_peer_say(ann.peer, "hello\n");
        fixture_settle();
        sim_options(sim)->no_memory_ppm = 0;
        cr_assert(actor_ended(&actor, -ENOMEM));
        stream_pair_close(&ann);
        stream_pair_open(&ann, 1);
    }
}

Test(stream, a_failed_open_leaves_the_descriptor_with_the_caller)
{
    struct stream_pair bob = {.peer = NULL};
    int fd = stream_pair_accept(&bob.peer);
    sim_fail_nth(sim, 1, 0);
    cr_assert_eq(stream_open(&bob.stream, &visitors_hub, fd, 0), -ENOSPC);
    stream_close(&bob.stream); /* harmless */
    cr_assert_eq(loop.sys->close(loop.sys, fd), 0);
    cr_assert_eq(stream_open(&bob.stream, &visitors_hub, stream_pair_accept(&bob.peer), 0), 0);
    stream_close(&bob.stream);
    stream_close(&bob.stream); /* harmless, too */
}

/* --- cancel and deadline --- */

Test(stream, a_cancelled_await_has_taken_nothing)
{
    for (size_t i = 0; i < 2; i++) {
        struct actor actor;
        start(&actor, awaits[i]);
        sim_peer_say(ann.peer, "hello\n");
        task_cancel(&actor.task, loop.now_ns);
        fixture_settle();
        cr_assert(actor_ended(&actor, -ECANCELED), "cancel beats success");
        cr_assert_eq(sim_count(sim, SIM_RECEIVE), i, "and nobody has asked the kernel");
        start(&actor, reads_line);
        cr_assert(actor_ended(&actor, 1));
        cr_assert_str_eq(filled, "hello");
    }
}

Test(stream, an_await_that_timed_out_has_taken_nothing)
{
    for (size_t i = 0; i < AWAITS; i++) {
        struct actor actor = {.call = awaits[i], .object = &ann.stream, .limit_ns = 10 * NS_PER_MS};
        block_ann(1);
        actor_start(&actor, "actor");
        fixture_pass(10 * NS_PER_MS - 1);
        cr_assert(actor_waiting(&actor));
        fixture_pass(1);
        cr_assert(actor_ended(&actor, -ETIMEDOUT));
        cr_assert(actor.limit_passed);
        sim_peer_say(ann.peer, "hello\n");
        start(&actor, reads_line);
        cr_assert(actor_ended(&actor, 1));
        cr_assert_str_eq(filled, "hello");
        stream_pair_close(&ann);
        stream_pair_open(&ann, 1);
    }
}

Test(stream, success_in_the_turn_of_the_deadline_is_success)
{
    struct actor actor = {.call = fills, .object = &ann.stream, .limit_ns = 10 * NS_PER_MS};
    sim_options(sim)->delay_min_ns = 10 * NS_PER_MS;
    sim_options(sim)->delay_max_ns = 10 * NS_PER_MS;
    actor_start(&actor, "actor");
    sim_peer_say(ann.peer, "hello");
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&actor, 1));
}

Test(stream, a_cancelled_drain_leaves_all_that_was_written)
{
    struct actor actor;
    block_ann(1);
    start(&actor, drains);
    task_cancel(&actor.task, loop.now_ns);
    fixture_settle();
    cr_assert(actor_ended(&actor, -ECANCELED));
    sim_peer_resume(ann.peer);
    fixture_settle();
    cr_assert_eq(sim_peer_text_bytes(ann.peer), 200 * 1024);
}

/* --- writing --- */

Test(stream, what_is_written_in_a_turn_is_sent_at_its_end_at_once)
{
    uint64_t sends = sim_count(sim, SIM_SEND) + sim_count(sim, SIM_SEND_SEGMENTS);
    cr_assert_eq(stream_write(&ann.stream, "one ", 4), 0);
    cr_assert_eq(stream_write(&ann.stream, "two\n", 4), 0);
    fixture_turn();
    cr_assert_eq(sim_count(sim, SIM_SEND) + sim_count(sim, SIM_SEND_SEGMENTS) - sends, 1);
    fixture_settle();
    stream_pair_heard(&ann, "one two\n");
}

static uint64_t sends(void)
{
    return sim_count(sim, SIM_SEND) + sim_count(sim, SIM_SEND_SEGMENTS);
}

Test(stream, what_a_peer_does_not_take_waits_until_it_does)
{
    block_ann(1);
    uint64_t before = sends();
    fixture_pass(NS_PER_SECOND);
    cr_assert_eq(sends(), before, "and nobody tries meanwhile");
    cr_assert_eq(stream_write(&ann.stream, "last\n", 5), 0);
    fixture_turn();
    cr_assert_eq(sends(), before);
    sim_peer_resume(ann.peer);
    fixture_settle();
    cr_assert_eq(sim_peer_text_bytes(ann.peer), 200 * 1024 + 5);
    cr_assert_str_eq(sim_peer_text(ann.peer) + 200 * 1024, "last\n");
}

Test(stream, a_send_may_be_cut_short_anywhere)
{
    static const char text[] = "0123456789 and so on";
    char expected[2000] = "";
    size_t length = 0;
    sim_options(sim)->short_write_ppm = 700000;
    for (int i = 0; i < 100; i++) {
        size_t size = (size_t)i % sizeof(text);
        cr_assert_eq(stream_write(&ann.stream, text, size), 0);
        memcpy(expected + length, text, size);
        length += size;
        if (i % 7 == 0)
            fixture_turn();
    }
    fixture_turn();
    fixture_settle();
    cr_assert_eq(sim_peer_text_bytes(ann.peer), length);
    cr_assert_eq(memcmp(sim_peer_text(ann.peer), expected, length), 0);
}

Test(stream, a_drain_that_has_nothing_to_wait_for_is_done)
{
    struct actor actor;
    start(&actor, drains);
    cr_assert(actor_ended(&actor, 0));
}

/* Lets the stalled peer take `bytes` by hand. */
static void take(size_t bytes)
{
    char buffer[1024];
    while (bytes > 0)
        bytes -=
            sim_peer_receive(ann.peer, buffer, bytes < sizeof(buffer) ? bytes : sizeof(buffer));
    fixture_settle();
}

Test(stream, a_drain_ends_at_its_low_water)
{
    struct actor actor;
    low_bytes = 20 * 1024;
    block_ann(1);
    cr_assert_eq(ann.stream.outbox.waiting_bytes[OUTBOX_ANSWER],
                 sizeof(struct outbox_entry) + (200 - 128) * 1024);
    start(&actor, drains);
    for (int i = 0; i < 100 && !task_ended(&actor.task); i++) {
        cr_assert_gt(ann.stream.outbox.waiting_bytes[OUTBOX_ANSWER], low_bytes);
        take(1024);
    }
    cr_assert(actor_ended(&actor, 0));
    cr_assert_leq(ann.stream.outbox.waiting_bytes[OUTBOX_ANSWER], low_bytes);
}

Test(stream, a_drain_does_not_wait_for_other_peoples_messages)
{
    struct actor actor;
    struct outbox *outbox = &ann.stream.outbox;
    sim_peer_stall(ann.peer);
    outbox->blocked = true;
    cr_assert_eq(outbox_write(outbox, &visitors_hub, OUTBOX_MESSAGE, "hi\n", 3), 0);
    start(&actor, drains);
    cr_assert(actor_ended(&actor, 0));
}

/* --- memory --- */

Test(stream, an_idle_stream_has_no_buffer)
{
    struct actor actor;
    size_t blocks = sim_live_blocks(sim);
    sim_peer_say(ann.peer, "hello\n");
    start(&actor, reads_line);
    cr_assert(actor_ended(&actor, 1));
    cr_assert_eq(stream_write(&ann.stream, "hello\n", 6), 0);
    fixture_turn();
    start(&actor, reads_line);
    cr_assert(actor_waiting(&actor));
    fixture_settle();
    cr_assert_eq(sim_live_blocks(sim), blocks);
    sim_peer_shutdown(ann.peer);
    fixture_settle();
}

Test(stream, a_read_that_finds_nothing_leaves_no_buffer)
{
    struct actor actor;
    size_t blocks = sim_live_blocks(sim);
    start(&actor, fills);
    ann.stream.descriptor.ready |= SYS_READABLE; /* a level that is no longer true */
    task_wake(&actor.task);
    fixture_turn();
    fixture_settle();
    cr_assert(actor_waiting(&actor));
    cr_assert_eq(sim_live_blocks(sim), blocks);
    sim_peer_shutdown(ann.peer);
    fixture_settle();
}
