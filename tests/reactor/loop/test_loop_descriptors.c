/*
 * Descriptors and their events, on the simulated door; what its kernel would never say is said by a
 * stand-in for poll_wait.
 */
#include "reactor/loop/loop.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/support/fixture.h"

static struct sys *door;

static void open_door(void)
{
    fixture_open();
    door = sim_door(sim);
}

TestSuite(loop_descriptors, .init = open_door, .fini = fixture_close);

static char notes[64];

static void expect_notes(const char *expected)
{
    cr_assert_str_eq(notes, expected);
    memset(notes, 0, sizeof(notes));
}

/* A socket that becomes readable when somebody connects to 127.0.0.1:`port`. */
static int open_socket(uint16_t port)
{
    struct sys_address address;
    int fd = door->socket(door, AF_INET);

    cr_assert_geq(fd, 0);
    cr_assert_eq(door->resolve(door, "127.0.0.1", port, &address, 1), 1);
    cr_assert_eq(door->bind(door, fd, &address), 0);
    cr_assert_eq(door->listen(door, fd, 8), 0);
    return fd;
}

/* A descriptor that writes its letter down with each event. */
struct watched {
    struct descriptor descriptor;
    char letter;
    uint32_t ready;
};

static void note_ready(struct descriptor *descriptor)
{
    struct watched *watched = container_of(descriptor, struct watched, descriptor);
    watched->ready = descriptor->ready;
    notes[strlen(notes)] = watched->letter;
}

static void watch(struct watched *watched, uint16_t port)
{
    cr_assert_eq(loop_watch(&loop, &watched->descriptor, open_socket(port), note_ready), 0);
}

Test(loop_descriptors, an_event_is_noted_in_the_level_before_notify_is_called)
{
    struct watched watched = {.letter = 'w'};

    watch(&watched, 7777);
    fixture_turn();
    expect_notes("");
    sim_connect(sim, "127.0.0.1:7777");
    fixture_turn();
    expect_notes("w");
    cr_assert(watched.ready & SYS_READABLE);
    fixture_turn();
    expect_notes("");
    cr_assert(watched.descriptor.ready & SYS_READABLE, "only its user clears the level");
    loop_close(&loop, &watched.descriptor);
}

/* What poll_wait says instead of the kernel. */
static struct sys_event said[4];
static int said_count;

static int scripted_poll_wait(struct sys *sys, int poll, struct sys_event *events, int max_events,
                              int64_t timeout_ns)
{
    (void)sys, (void)poll, (void)max_events, (void)timeout_ns;
    memcpy(events, said, sizeof(said));
    return said_count;
}

static struct sys_event event_of(const struct descriptor *descriptor, uint32_t ready)
{
    uint64_t key = (uint64_t)descriptor->generation << 32 | (unsigned)descriptor->fd;
    return (struct sys_event){.key = key, .ready = ready};
}

Test(loop_descriptors, events_add_to_the_level)
{
    struct watched watched = {.letter = 'w'};

    watch(&watched, 7777);
    said[0] = event_of(&watched.descriptor, SYS_READABLE);
    said[1] = event_of(&watched.descriptor, SYS_HANGUP);
    said_count = 2;
    door->poll_wait = scripted_poll_wait;
    fixture_turn();
    expect_notes("ww");
    cr_assert_eq(watched.ready, SYS_READABLE | SYS_HANGUP);
    loop_close(&loop, &watched.descriptor);
}

Test(loop_descriptors, an_event_of_an_older_generation_is_dropped)
{
    struct watched older = {.letter = 'o'}, newer = {.letter = 'n'};

    watch(&older, 7777);
    said[0] = event_of(&older.descriptor, SYS_READABLE);
    int number = older.descriptor.fd;
    loop_close(&loop, &older.descriptor);
    said_count = 1;
    door->poll_wait = scripted_poll_wait;
    fixture_turn();
    expect_notes("");

    watch(&newer, 7777);
    cr_assert_eq(newer.descriptor.fd, number, "the number is in use again");
    said[1] = event_of(&newer.descriptor, SYS_WRITABLE);
    said_count = 2;
    fixture_turn();
    expect_notes("n");
    cr_assert_eq(newer.ready, SYS_WRITABLE);
    loop_close(&loop, &newer.descriptor);
}

Test(loop_descriptors, an_event_of_a_number_that_was_never_watched_is_dropped)
{
    said[0] = (struct sys_event){.key = UINT64_C(1) << 32 | 5, .ready = SYS_READABLE};
    said[1] = (struct sys_event){.key = UINT64_MAX, .ready = SYS_READABLE};
    said_count = 2;
    door->poll_wait = scripted_poll_wait;
    fixture_turn();
    expect_notes("");
}

Test(loop_descriptors, a_closed_descriptor_is_closed_once_and_told_nothing)
{
    struct watched watched = {.letter = 'w'};
    int open_before = sim_open_descriptors(sim);

    watch(&watched, 7777);
    sim_connect(sim, "127.0.0.1:7777");
    loop_close(&loop, &watched.descriptor);
    cr_assert_eq(sim_open_descriptors(sim), open_before);
    cr_assert_eq(watched.descriptor.fd, -1);
    loop_close(&loop, &watched.descriptor);
    fixture_turn();
    expect_notes("");
}

Test(loop_descriptors, a_forgotten_descriptor_is_the_callers_again)
{
    struct watched watched = {.letter = 'w'};

    watch(&watched, 7777);
    int number = watched.descriptor.fd;
    cr_assert_eq(loop_forget(&loop, &watched.descriptor), number);
    cr_assert_eq(watched.descriptor.fd, -1);
    sim_connect(sim, "127.0.0.1:7777");
    fixture_turn();
    expect_notes("");
    cr_assert_eq(door->close(door, number), 0, "it was still open");
}

Test(loop_descriptors, the_table_grows_with_the_numbers_in_use)
{
    struct watched watched[100] = {{.letter = 'w'}};

    for (uint16_t i = 0; i < 100; i++)
        watch(&watched[i], (uint16_t)(7000 + i));
    for (uint16_t i = 0; i < 100; i++)
        cr_assert_eq(loop.descriptors[watched[i].descriptor.fd], &watched[i].descriptor);
    cr_assert_eq(loop.descriptor_count, 100);
    for (int i = 0; i < 100; i++)
        loop_close(&loop, &watched[i].descriptor);
    cr_assert_eq(loop.descriptor_count, 0);
}

Test(loop_descriptors, a_refused_watch_leaves_the_descriptor_with_the_caller)
{
    int number = open_socket(7777);

    for (uint64_t nth = 1;; nth++) {
        struct watched watched = {.letter = 'w'};
        sim_fail_nth(sim, nth, 0);
        int rc = loop_watch(&loop, &watched.descriptor, number, note_ready);
        if (!sim_failed_call(sim)) {
            cr_assert_eq(rc, 0);
            cr_assert_eq(nth, 3, "the table and the kernel have been seen to refuse");
            loop_close(&loop, &watched.descriptor);
            return;
        }
        cr_assert_lt(rc, 0);
        cr_assert_eq(loop.descriptor_count, 0);
        loop_close(&loop, &watched.descriptor); /* harmless: it isn't watched */
    }
}

static void note_timer(struct callback *callback)
{
    (void)callback;
    notes[strlen(notes)] = 't';
}

static void note_event(struct callback *callback)
{
    (void)callback;
    notes[strlen(notes)] = 'e';
}

static struct callback after_event = {.run = note_event, .name = "event"};

static void call_soon(struct descriptor *descriptor)
{
    (void)descriptor;
    loop_call_soon(&loop, &after_event);
}

Test(loop_descriptors, what_events_make_ready_runs_before_timers)
{
    struct watched watched;
    struct timer timer = {.callback = {.run = note_timer, .name = "timer"}};

    cr_assert_eq(loop_watch(&loop, &watched.descriptor, open_socket(7777), call_soon), 0);
    sim_connect(sim, "127.0.0.1:7777");
    loop_call_at(&loop, &timer, loop.now_ns);
    fixture_turn();
    expect_notes("et");
    loop_close(&loop, &watched.descriptor);
}
