/* Iteration over the lines of a stream, on a network that cuts and fails, cancelled at any time. */
#include "reactor/patterns/iterate.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "reactor/sim/testing.h"

/* Adds up the lengths of the lines that come. */
struct reader {
    struct task task;
    struct frame frame;
    int rc, closed;
    struct stream stream;
    struct iterate_lines lines;
    char text[200];
};

static int reader_step(struct task *task)
{
    struct reader *const self = container_of(task, struct reader, task);

    TASK_BEGIN();
    iterate_lines(&self->lines, &self->stream, 20);
    for (;;) {
        TASK_AWAIT(self->rc, iterate_next(task, &self->lines.iterator));
        if (self->rc <= 0)
            break;
        cr_assert_eq(strlen(self->lines.iterator.item.value), self->lines.iterator.item.size);
        strncat(self->text, self->lines.iterator.item.value, 20);
        strncat(self->text, "|", 2);
    }
    TASK_AWAIT(self->closed, iterate_close(task, &self->lines.iterator));
    stream_close(&self->stream);
    TASK_RETURN(self->rc);
    TASK_END();
}

/* Reads what a peer says, whatever fails. Returns whether a call was made to fail. */
static bool read_lines(struct testing *testing, struct reader *reader, uint64_t nth,
                       const struct testing_act *acts)
{
    struct testing_script script;
    struct sim_peer *peer;

    *reader = (struct reader){.rc = 0};
    cr_assert_eq(testing_stream(testing, &reader->stream, &peer), 0);
    testing_play(testing, &script, peer, acts);
    sim_fail_nth(testing->sim, nth, 0);
    cr_assert(testing_run(testing, &reader->task, "reader", reader_step, NS_PER_SECOND), "%s",
              testing->report);
    bool failed = sim_failed_call(testing->sim) != NULL;
    cr_assert(testing_close(testing), "%s", testing->report);
    return failed;
}

static const struct testing_act poem[] = {{.verb = TESTING_SAY, .text = "one\ntwo\r\n\nthr"},
                                          {.verb = TESTING_WAIT, .duration_ns = NS_PER_MS},
                                          {.verb = TESTING_SAY, .text = "ee"},
                                          {.verb = TESTING_SHUTDOWN},
                                          {.verb = TESTING_END}};

Test(iterate_lines, lines_come_whole_however_their_bytes_are_cut)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct testing testing;
        struct reader reader;
        testing_open(&testing, &(struct sim_options){.seed = seed,
                                                     .segments = (enum sim_segments)(seed % 3)});
        (void)read_lines(&testing, &reader, 0, poem);
        cr_assert_eq(reader.task.result, 0, "seed %lu", seed);
        cr_assert_str_eq(reader.text, "one|two||three|", "seed %lu", seed);
    }
}

Test(iterate_lines, whatever_call_fails_the_loop_ends_and_nothing_is_left)
{
    bool more = true;
    for (uint64_t nth = 1; more; nth++) {
        struct testing testing;
        struct reader reader;
        testing_open(&testing, NULL);
        more = read_lines(&testing, &reader, nth, poem);
        cr_assert(more ? reader.task.result < 0 : reader.task.result == 0, "call %lu", nth);
    }
}

Test(iterate_lines, whenever_it_is_cancelled_the_loop_ends_and_nothing_is_left)
{
    bool ended = false;
    for (int64_t ms = 0; !ended; ms++) {
        struct testing testing;
        struct testing_script script;
        struct reader reader = {.rc = 0};
        struct sim_peer *peer;
        testing_open(&testing, &(struct sim_options){.segments = SIM_BYTES,
                                                     .delay_min_ns = NS_PER_MS,
                                                     .delay_max_ns = NS_PER_MS});
        cr_assert_eq(testing_stream(&testing, &reader.stream, &peer), 0);
        testing_play(&testing, &script, peer, poem);
        ended = testing_run(&testing, &reader.task, "reader", reader_step, ms * NS_PER_MS);
        cr_assert(testing_close(&testing), "%s", testing.report);
        cr_assert_eq(reader.task.result, ended ? 0 : -ECANCELED, "after %ld ms", (long)ms);
        cr_assert_eq(reader.closed, 0);
    }
}

Test(iterate_lines, a_line_that_is_too_long_is_a_failure_of_the_source)
{
    static const struct testing_act flood[] = {
        {.verb = TESTING_SAY, .text = "short\nthis line is longer than twenty bytes\n"},
        {.verb = TESTING_END}};
    struct testing testing;
    struct reader reader;

    testing_open(&testing, NULL);
    (void)read_lines(&testing, &reader, 0, flood);
    cr_assert_eq(reader.task.result, -EMSGSIZE);
    cr_assert_str_eq(reader.text, "short|");
}

/* No deadline of the program's: the kernel gave the connection up. */
Test(iterate_lines, a_connection_that_timed_out_is_the_end_of_the_source)
{
    static const int error = -ETIMEDOUT;
    struct testing testing;
    struct reader reader;

    testing_open(&testing, NULL);
    sim_answer(testing.sim, SIM_RECEIVE, &error, 1);
    (void)read_lines(&testing, &reader, 0, poem);
    cr_assert_eq(reader.task.result, -ETIMEDOUT);
    cr_assert_eq(reader.lines.iterator.end, -ETIMEDOUT, "it isn't asked again");
}
