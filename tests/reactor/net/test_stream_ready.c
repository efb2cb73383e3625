/*
 * When a stream's readiness is believed, and until when. Bits that the simulated kernel never sets
 * alone, or doesn't know at all, are set by hand, as an event would.
 */
#include <criterion/criterion.h>
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

TestSuite(stream_ready, .init = open_ann, .fini = close_ann);

static int fills(struct task *task, void *object)
{
    struct stream *stream = object;
    size_t size;
    int rc = stream_fill(task, stream, STREAM_READ_BYTES);
    if (rc == 1) {
        (void)stream_input(stream, &size);
        stream_consume(stream, size);
    }
    return rc;
}

static int reads_line(struct task *task, void *object)
{
    char *line;
    size_t size;
    return stream_read_line(task, object, 1000, &line, &size);
}

static int drains(struct task *task, void *object)
{
    return stream_drain(task, object, 0);
}

typedef int call(struct task *task, void *object);

static void start(struct actor *actor, call *awaited)
{
    *actor = (struct actor){.call = awaited, .object = &ann.stream};
    actor_start(actor, "actor");
    fixture_settle();
}

/* Leaves ann's stream blocked, since its peer has stalled. */
static void block_ann(void)
{
    static char text[200 * 1024];
    memset(text, 'x', sizeof(text));
    sim_peer_stall(ann.peer);
    cr_assert_eq(stream_write(&ann.stream, text, sizeof(text)), 0);
    fixture_turn();
    fixture_settle();
    cr_assert(ann.stream.outbox.blocked);
}

/* An event that says this. */
static void announce(uint32_t ready)
{
    ann.stream.descriptor.ready |= ready;
    ann.stream.descriptor.notify(&ann.stream.descriptor);
}

/* --- reading --- */

Test(stream_ready, a_read_that_comes_back_short_clears_the_level)
{
    struct actor actor;
    sim_peer_say(ann.peer, "hello");
    fixture_settle();
    start(&actor, fills);
    cr_assert(actor_ended(&actor, 1));
    cr_assert_not(ann.stream.descriptor.ready & SYS_READABLE);
    uint64_t receives = sim_count(sim, SIM_RECEIVE);
    start(&actor, fills);
    cr_assert(actor_waiting(&actor));
    cr_assert_eq(sim_count(sim, SIM_RECEIVE), receives, "it saves a call");
    task_cancel(&actor.task, loop.now_ns);
    fixture_settle();
}

/* The end may have come with the data, and more stands behind an urgent byte, at which a read ends:
 * there is no second event for either. */
Test(stream_ready, it_does_not_where_more_was_announced)
{
    static const uint32_t more[] = {SYS_HANGUP, SYS_ERROR, SYS_URGENT};
    for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
        struct actor actor;
        sim_peer_say(ann.peer, "hello");
        fixture_settle();
        announce(more[i]);
        start(&actor, fills);
        cr_assert(actor_ended(&actor, 1));
        cr_assert(ann.stream.descriptor.ready & SYS_READABLE, "bit %u", (unsigned)more[i]);
        start(&actor, fills);
        cr_assert(actor_waiting(&actor));
        cr_assert_not(ann.stream.descriptor.ready & (SYS_READABLE | more[i]), "EAGAIN clears");
        sim_peer_say(ann.peer, "there");
        fixture_settle();
        cr_assert(actor_ended(&actor, 1), "and the next event is heard");
    }
}

Test(stream_ready, a_hang_up_or_an_error_alone_wakes_every_await)
{
    static call *const awaits[] = {fills, reads_line, drains};
    static const uint32_t bits[] = {SYS_HANGUP, SYS_ERROR};
    block_ann();
    for (size_t i = 0; i < sizeof(awaits) / sizeof(*awaits); i++) {
        for (size_t j = 0; j < sizeof(bits) / sizeof(*bits); j++) {
            struct actor actor;
            start(&actor, awaits[i]);
            cr_assert(actor_waiting(&actor));
            announce(bits[j]);
            cr_assert(list_linked(&actor.task.wake.callback.node), "await %zu, bit %u", i,
                      (unsigned)bits[j]);
            task_cancel(&actor.task, loop.now_ns);
            fixture_settle();
        }
    }
}

/* --- writing --- */

Test(stream_ready, what_can_be_read_is_no_sign_of_room_to_write)
{
    struct actor actor;
    block_ann();
    uint64_t sends = sim_count(sim, SIM_SEND);
    sim_peer_say(ann.peer, "hello");
    fixture_settle();
    start(&actor, fills);
    cr_assert(actor_ended(&actor, 1));
    cr_assert(ann.stream.outbox.blocked);
    cr_assert_eq(sim_count(sim, SIM_SEND), sends);
}

Test(stream_ready, room_to_write_is_used_although_nobody_waits_for_it)
{
    block_ann();
    sim_peer_resume(ann.peer);
    fixture_settle();
    cr_assert_not(ann.stream.outbox.blocked);
    cr_assert_eq(sim_peer_text_bytes(ann.peer), 200 * 1024);
}
