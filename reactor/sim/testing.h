/*
 * testing: a program of tasks on the simulated door, run to its end.
 *
 * For tests of programs that are built on this library. One struct holds a
 * simulated kernel (sim.h), a loop and a fanout. testing_run runs a task to its
 * end on the virtual clock, which jumps to the next deadline when nothing is
 * ready, so half an hour of waiting takes no time. If a task doesn't end, the
 * report says what every task was waiting for. It depends on no test framework:
 * each function returns a value, and there is a text to print.
 *
 *     struct testing testing;
 *     struct sim_peer *peer;
 *     testing_open(&testing, &(struct sim_options){.segments = SIM_BYTES});
 *     testing_stream(&testing, &ann.stream, &peer);
 *     testing_play(&testing, &script, peer, (const struct testing_act[]){
 *         {TESTING_EXPECT, "name?"}, {TESTING_SAY, "ann\r\n"}, {TESTING_SHUTDOWN}, {TESTING_END}});
 *     if (!testing_run(&testing, &ann.task, "ann", ann_step, 10 * NS_PER_SECOND))
 *         fail(testing.report);
 *     ... ann.task.result ...
 *     if (!testing_close(&testing))
 *         fail(testing.report);
 *
 * Functions of the door can be asked how often they were called (sim_count),
 * told what to answer (sim_answer) or made to fail one by one (sim_fail_nth);
 * and since the door is a table, a test may put a function of its own into it
 * (sim_door(testing.sim)->random = no_chance). Python: pytest-asyncio, with
 * AsyncMock and wait_for in every test.
 */
#ifndef REACTOR_SIM_TESTING_H
#define REACTOR_SIM_TESTING_H

#include "reactor/net/stream.h"
#include "reactor/sim/sim.h"
#include "reactor/task/root.h"

/* What doesn't fit into a report is cut off. */
#define TESTING_REPORT_BYTES 4096

/* A program that takes more turns than this in one instant is spinning. */
#define TESTING_TURNS_MAX 20000

struct testing {
    struct sim *sim;
    struct loop loop;
    struct fanout fanout;
    struct root root; /* its `main` is NULL before testing_run */
    struct list scripts; /* of peers, those that were not played to their end */
    char report[TESTING_REPORT_BYTES]; /* why the last call answered false */
};

/* Life cycle. */

/* Makes a kernel with `options` (NULL: all defaults), and a loop and a fanout on it. Aborts without
 * memory, or where the options leave none for the loop. */
void testing_open(struct testing *testing, const struct sim_options *options);

/*
 * Takes everything down; a main task that has not ended is cancelled and gets no time. Returns true
 * if the program gave back all that it took: blocks, descriptors and timers, with its streams
 * closed. If not, false, with testing->report; the kernel and all blocks are freed either way.
 */
bool testing_close(struct testing *testing);

/* Running. */

/*
 * Runs `step` as the main task until it ends, `limit_ns` of virtual time at most (TIME_NEVER: until
 * nothing can happen any more). Returns true when it has ended: task->result is what it returned.
 * False where it did not finish, with testing->report: how it failed to, the tree of tasks with the
 * await each is parked at, and what scripted peers were waiting for. Runs callbacks.
 */
bool testing_run(struct testing *testing, struct task *task, const char *name, task_step *step,
                 int64_t limit_ns);

/* The same for a main task that was started: by root_start(&testing->root, ...), or by a run that
 * did not finish it. */
bool testing_resume(struct testing *testing, int64_t limit_ns);

/* Turns the loop until nothing is ready at this instant; no time passes. Returns false, with
 * testing->report, if that never comes: the program spins. Runs callbacks. */
bool testing_settle(struct testing *testing);

/* Far ends. */

/* Makes `stream`, which may be uninitialised memory, a connected one, and *peer its far end. Not
 * while a main task has yet to end: it runs one of its own. Returns 0 or -errno. */
int testing_stream(struct testing *testing, struct stream *stream, struct sim_peer **peer);

/* What a scripted peer does next. */
enum testing_verb {
    TESTING_END, /* ends the script */
    TESTING_SAY, /* sends `text` */
    TESTING_EXPECT, /* waits until it was sent `text`; what stands before that is skipped */
    TESTING_WAIT, /* lets `duration_ns` pass */
    TESTING_STALL, /* stops reading */
    TESTING_RESUME, /* reads again */
    TESTING_SHUTDOWN, /* sends no more, but reads on */
    TESTING_CLOSE,
    TESTING_RESET
};

struct testing_act {
    enum testing_verb verb;
    const char *text;
    int64_t duration_ns;
};

struct testing_script {
    struct sim_peer *peer;
    const struct testing_act *next; /* what is done next */
    size_t seen_bytes; /* of the peer's text */
    int64_t until_ns; /* of TESTING_WAIT, once it has begun; 0: it hasn't */
    struct list node;
};

/* Has `peer` act by `acts`, which end with TESTING_END, while the loop is run. Both arrays and the
 * script must live until testing_close. */
void testing_play(struct testing *testing, struct testing_script *script, struct sim_peer *peer,
                  const struct testing_act *acts);

/* Whether it was played to its end; what is under way to its peer arrives first. */
bool testing_played(struct testing *testing, struct testing_script *script);

#endif
