/*
 * One turn after another, on the simulated door. Where a test must see what the loop asks of the
 * kernel, or what the kernel can't be made to say, it stands in for one function of the door.
 */
#include "reactor/loop/loop.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/support/fixture.h"

static struct sys *door;
static int (*real_poll_wait)(struct sys *, int, struct sys_event *, int, int64_t);

/* What the loop asked for with its last wait. */
static int64_t asked_ns;

static int seen_poll_wait(struct sys *sys, int poll, struct sys_event *events, int max_events,
                          int64_t timeout_ns)
{
    asked_ns = timeout_ns;
    return real_poll_wait(sys, poll, events, max_events, timeout_ns);
}

static void open_door(void)
{
    fixture_open();
    door = sim_door(sim);
    real_poll_wait = door->poll_wait;
    door->poll_wait = seen_poll_wait;
}

TestSuite(loop, .init = open_door, .fini = fixture_close);

/* A timer (and so a callback) that writes its letter down, and then does what it is told. */
struct note {
    struct timer timer;
    char letter;
    void (*then)(struct note *note);
    struct note *other;
    int64_t ran_ns;
};

static char notes[64];

static void write_note(char letter)
{
    size_t length = strlen(notes);
    cr_assert_lt(length, sizeof(notes) - 1);
    notes[length] = letter;
}

static void run_note(struct callback *callback)
{
    struct note *note = container_of(callback, struct note, timer.callback);
    note->ran_ns = loop.now_ns;
    write_note(note->letter);
    if (note->then)
        note->then(note);
}

static struct note note_of(char letter)
{
    return (struct note){.letter = letter, .timer.callback = {.run = run_note, .name = "note"}};
}

static void soon(struct note *note)
{
    loop_call_soon(&loop, &note->timer.callback);
}

static void other_soon(struct note *note)
{
    soon(note->other);
}

static void expect_notes(const char *expected)
{
    cr_assert_str_eq(notes, expected);
    memset(notes, 0, sizeof(notes));
}

/* --- callbacks --- */

Test(loop, callbacks_run_in_the_order_in_which_they_were_made_ready)
{
    struct note a = note_of('a'), b = note_of('b'), c = note_of('c');

    soon(&b);
    soon(&a);
    soon(&c);
    expect_notes("");
    fixture_turn();
    expect_notes("bac");
}

Test(loop, a_callback_that_is_asked_twice_runs_once)
{
    struct note a = note_of('a');

    soon(&a);
    soon(&a);
    fixture_turn();
    expect_notes("a");
    fixture_turn();
    expect_notes("");
    soon(&a);
    fixture_turn();
    expect_notes("a");
}

Test(loop, callbacks_made_ready_by_a_batch_run_in_the_next)
{
    struct note a = note_of('a'), b = note_of('b'), c = note_of('c');

    a.then = other_soon;
    a.other = &c;
    b.then = soon; /* for ever */
    soon(&a);
    soon(&b);
    fixture_turn();
    expect_notes("ab");
    fixture_turn();
    expect_notes("cb");
    loop_stop(&loop, &b.timer);
    fixture_turn();
    expect_notes("");
}

static void first(struct note *note)
{
    loop_call_first(&loop, &note->timer.callback);
}

Test(loop, who_has_to_be_first_comes_before_all_who_are_ready)
{
    struct note a = note_of('a'), b = note_of('b'), c = note_of('c'), d = note_of('d');

    soon(&a);
    soon(&d);
    first(&b);
    first(&c);
    first(&d);
    soon(&c);
    fixture_turn();
    expect_notes("bcda");
    first(&a);
    fixture_turn();
    cr_assert_eq(asked_ns, 0);
    expect_notes("a");
    first(&a);
    loop_stop(&loop, &a.timer);
    fixture_turn();
    expect_notes("");
}

Test(loop, a_stopped_callback_leaves_the_batch_that_is_running)
{
    struct note a = note_of('a'), b = note_of('b'), c = note_of('c');

    soon(&a);
    soon(&b);
    soon(&c);
    loop_stop(&loop, &b.timer);
    loop_stop(&loop, &b.timer);
    fixture_turn();
    expect_notes("ac");
}

/* --- how long a turn waits --- */

Test(loop, with_nothing_to_do_the_wait_has_no_end)
{
    fixture_turn();
    cr_assert_eq(asked_ns, TIME_NEVER);
}

Test(loop, the_wait_is_0_while_anything_is_runnable)
{
    struct note a = note_of('a'), b = note_of('b');

    a.then = other_soon;
    a.other = &b;
    soon(&a);
    fixture_turn();
    cr_assert_eq(asked_ns, 0, "a is ready before the turn");
    fixture_turn();
    cr_assert_eq(asked_ns, 0, "b was made ready by a");
    fixture_turn();
    cr_assert_eq(asked_ns, TIME_NEVER);
}

static void is_slow(struct note *note)
{
    (void)note;
    sim_advance(sim, 3 * NS_PER_MS);
}

Test(loop, the_wait_ends_with_the_nearest_timer)
{
    struct note far = note_of('f'), near = note_of('n'), slow = note_of('s');

    loop_call_at(&loop, &far.timer, loop.now_ns + 40 * NS_PER_MS);
    loop_call_at(&loop, &near.timer, loop.now_ns + 10 * NS_PER_MS);
    slow.then = is_slow;
    soon(&slow);
    fixture_turn();
    fixture_turn();
    cr_assert_eq(asked_ns, 7 * NS_PER_MS, "less what the callbacks of the last turn took");
    loop_stop(&loop, &near.timer);
    fixture_turn();
    cr_assert_leq(asked_ns, 37 * NS_PER_MS);
    loop_stop(&loop, &far.timer);
}

Test(loop, a_timer_that_became_due_meanwhile_is_not_waited_for)
{
    struct note due = note_of('d'), slow = note_of('s');

    loop_call_at(&loop, &due.timer, loop.now_ns + 2 * NS_PER_MS);
    slow.then = is_slow;
    soon(&slow);
    fixture_turn();
    fixture_turn();
    cr_assert_eq(asked_ns, 0);
    expect_notes("sd");
}

static int interrupted_poll_wait(struct sys *sys, int poll, struct sys_event *events,
                                 int max_events, int64_t timeout_ns)
{
    (void)sys, (void)poll, (void)events, (void)max_events, (void)timeout_ns;
    return -EBADF;
}

Test(loop, a_wait_that_fails_is_told_to_the_caller)
{
    struct note a = note_of('a');

    soon(&a);
    door->poll_wait = interrupted_poll_wait;
    cr_assert_eq(loop_run_once(&loop), -EBADF);
    expect_notes("");
    door->poll_wait = real_poll_wait;
    fixture_turn();
    expect_notes("a");
}

Test(loop, a_loop_needs_a_poll)
{
    struct loop other;

    sim_fail_nth(sim, 1, 0);
    cr_assert_eq(loop_init(&other, door), -EMFILE);
}

/* --- timers --- */

Test(loop, timers_run_in_the_order_of_their_deadlines_and_never_early)
{
    struct note a = note_of('a'), b = note_of('b'), c = note_of('c');
    int64_t begun_ns = loop.now_ns;

    loop_call_at(&loop, &a.timer, begun_ns + 20 * NS_PER_MS);
    loop_call_at(&loop, &b.timer, begun_ns + 10 * NS_PER_MS + 1);
    loop_call_at(&loop, &c.timer, begun_ns + 20 * NS_PER_MS);
    fixture_pass(30 * NS_PER_MS);
    expect_notes("bac");
    cr_assert_eq(b.ran_ns, begun_ns + 11 * NS_PER_MS);
    cr_assert_eq(a.ran_ns, begun_ns + 20 * NS_PER_MS);
}

Test(loop, starting_a_running_timer_moves_it)
{
    struct note a = note_of('a');
    int64_t begun_ns = loop.now_ns;

    loop_call_at(&loop, &a.timer, begun_ns + 10 * NS_PER_MS);
    loop_call_at(&loop, &a.timer, begun_ns + 20 * NS_PER_MS);
    fixture_pass(30 * NS_PER_MS);
    expect_notes("a");
    cr_assert_eq(a.ran_ns, begun_ns + 20 * NS_PER_MS);
    loop_call_at(&loop, &a.timer, loop.now_ns + NS_PER_MS);
    loop_call_at(&loop, &a.timer, TIME_NEVER);
    fixture_pass(30 * NS_PER_MS);
    expect_notes("");
}

static void postpone_other(struct note *note)
{
    loop_call_at(&loop, &note->other->timer, loop.now_ns + 5 * NS_PER_MS);
}

Test(loop, a_timer_that_is_due_can_still_be_moved)
{
    struct note a = note_of('a'), b = note_of('b');
    int64_t begun_ns = loop.now_ns;

    a.then = postpone_other;
    a.other = &b;
    loop_call_at(&loop, &a.timer, begun_ns + 10 * NS_PER_MS);
    loop_call_at(&loop, &b.timer, begun_ns + 10 * NS_PER_MS);
    fixture_pass(10 * NS_PER_MS);
    expect_notes("a");
    fixture_pass(10 * NS_PER_MS);
    expect_notes("b");
    cr_assert_eq(b.ran_ns, begun_ns + 15 * NS_PER_MS);
}

static void stop_other(struct note *note)
{
    loop_stop(&loop, &note->other->timer);
}

Test(loop, a_timer_that_is_due_can_still_be_stopped)
{
    struct note a = note_of('a'), b = note_of('b');

    a.then = stop_other;
    a.other = &b;
    loop_call_at(&loop, &a.timer, loop.now_ns + 10 * NS_PER_MS);
    loop_call_at(&loop, &b.timer, loop.now_ns + 10 * NS_PER_MS);
    fixture_pass(20 * NS_PER_MS);
    expect_notes("a");
}

static void restart(struct note *note)
{
    loop_call_at(&loop, &note->timer, note->ran_ns + 10 * NS_PER_MS);
}

Test(loop, a_timer_may_start_itself_again)
{
    struct note a = note_of('a');

    a.then = restart;
    loop_call_at(&loop, &a.timer, loop.now_ns + 10 * NS_PER_MS);
    fixture_pass(30 * NS_PER_MS);
    expect_notes("aaa");
    loop_stop(&loop, &a.timer);
    fixture_pass(30 * NS_PER_MS);
    expect_notes("");
}

/* --- the end of a turn --- */

struct noting_hook {
    struct hook hook;
    char letter;
    int more; /* how many times it says that there is more to do */
    bool leaves;
};

static bool run_hook(struct hook *hook)
{
    struct noting_hook *noting = container_of(hook, struct noting_hook, hook);
    write_note(noting->letter);
    if (noting->leaves)
        loop_remove_hook(hook);
    return noting->more-- > 0;
}

Test(loop, hooks_run_in_their_order_when_the_batch_is_done)
{
    struct note a = note_of('a');
    struct noting_hook first = {.hook.run = run_hook, .letter = '1'};
    struct noting_hook second = {.hook.run = run_hook, .letter = '2'};

    loop_add_hook(&loop, &first.hook);
    loop_add_hook(&loop, &second.hook);
    soon(&a);
    fixture_turn();
    expect_notes("a12");
    fixture_turn();
    expect_notes("12");
    loop_remove_hook(&first.hook);
    loop_remove_hook(&first.hook);
    fixture_turn();
    expect_notes("2");
    loop_remove_hook(&second.hook);
}

Test(loop, a_hook_with_more_to_do_keeps_the_wait_0)
{
    struct noting_hook busy = {.hook.run = run_hook, .letter = '1', .more = 2};
    struct noting_hook idle = {.hook.run = run_hook, .letter = '2'};

    loop_add_hook(&loop, &busy.hook);
    loop_add_hook(&loop, &idle.hook);
    fixture_turn();
    cr_assert_eq(asked_ns, TIME_NEVER);
    fixture_turn();
    cr_assert_eq(asked_ns, 0);
    fixture_turn();
    cr_assert_eq(asked_ns, 0);
    fixture_turn();
    cr_assert_eq(asked_ns, TIME_NEVER);
    expect_notes("12121212");
    loop_remove_hook(&busy.hook);
    loop_remove_hook(&idle.hook);
}

Test(loop, a_hook_may_take_itself_off)
{
    struct noting_hook once = {.hook.run = run_hook, .letter = '1', .leaves = true};
    struct noting_hook always = {.hook.run = run_hook, .letter = '2'};

    loop_add_hook(&loop, &once.hook);
    loop_add_hook(&loop, &always.hook);
    fixture_turn();
    fixture_turn();
    expect_notes("122");
    loop_remove_hook(&always.hook);
}

static void reap_other(struct note *note)
{
    loop_reap(&loop, &note->other->timer.callback);
}

Test(loop, what_is_reaped_runs_after_the_flush_of_the_same_turn)
{
    struct note a = note_of('a'), b = note_of('b'), reaped = note_of('r');
    struct noting_hook hook = {.hook.run = run_hook, .letter = '1'};

    loop_add_hook(&loop, &hook.hook);
    a.then = reap_other;
    a.other = &reaped;
    soon(&a);
    soon(&b);
    fixture_turn();
    expect_notes("ab1r");
    loop_remove_hook(&hook.hook);
}

Test(loop, what_the_reap_phase_produces_is_flushed_without_waiting)
{
    struct note a = note_of('a'), reaped = note_of('r'), again = note_of('s');
    struct noting_hook hook = {.hook.run = run_hook, .letter = '1'};

    loop_add_hook(&loop, &hook.hook);
    a.then = reap_other;
    a.other = &reaped;
    reaped.then = reap_other;
    reaped.other = &again;
    soon(&a);
    fixture_turn();
    expect_notes("a1r");
    fixture_turn();
    cr_assert_eq(asked_ns, 0);
    expect_notes("1s");
    fixture_turn();
    cr_assert_eq(asked_ns, 0);
    expect_notes("1");
    fixture_turn();
    cr_assert_eq(asked_ns, TIME_NEVER);
    loop_remove_hook(&hook.hook);
}

Test(loop, every_turn_has_its_number_its_time_and_its_read_budget)
{
    uint64_t turn = loop.turn;

    loop.read_budget_bytes = 0;
    sim_advance(sim, 5);
    fixture_turn();
    cr_assert_eq(loop.turn, turn + 1);
    cr_assert_eq(loop.now_ns, sim_now_ns(sim));
    cr_assert_eq(loop.read_budget_bytes, LOOP_READ_BUDGET_BYTES);
}
