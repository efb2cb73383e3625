/*
 * fixture: a loop on the simulated door, for the suites of the loop and of tasks.
 *
 * Every test has its own process, so there is one fixture, and its parts are
 * globals. A suite names fixture_open and fixture_close as its fixtures; the latter
 * fails the test where a task, a timer, a descriptor or a block is left over.
 * Time stands still but in fixture_pass.
 *
 * An actor is a task that makes one await and ends with its result: most of
 * what is promised of awaits can be shown with two or three of them.
 */
#ifndef TESTS_SUPPORT_FIXTURE_H
#define TESTS_SUPPORT_FIXTURE_H

#include "reactor/sim/sim.h"
#include "reactor/task/task_group.h"

extern struct sim *sim;
extern struct loop loop;

/* Where actors live: a group of the root's kind, that contains failures. */
extern struct task_group actor_group;

void fixture_open(void);
void fixture_close(void);

/* One turn that doesn't wait. */
void fixture_turn(void);

/* Turns until nothing is runnable at this instant. */
void fixture_settle(void);

/* Lets `duration_ns` pass, turning whenever there is something to do. */
void fixture_pass(int64_t duration_ns);

struct actor {
    struct task task;
    struct frame frame;
    int rc;

    /* What it does; set before the start. */
    int (*call)(struct task *task, void *object);
    void *object;
    int64_t limit_ns; /* of a deadline around the await; 0: none */
    bool shielded; /* the await is a clean-up */

    struct cancel_scope limit;
    bool limit_passed; /* what cancel_scope_close said */
    unsigned rank; /* the how manieth to end, from 1; 0: it hasn't */
};

/* Starts `actor` in the actor group; its first step runs in the next batch. */
void actor_start(struct actor *actor, const char *name);

/* Whether it has ended with `result`; whether it is parked in its await. */
bool actor_ended(const struct actor *actor, int result);
bool actor_waiting(const struct actor *actor);

/* Calls for actors: sleep for the int64_t that `object` points to; wait for the struct event. */
int actor_sleeps(struct task *task, void *object);
int actor_waits(struct task *task, void *object);

/* A number below `bound`. The printed seed is enough to see a failure again. */
unsigned fixture_random(uint64_t *state, unsigned bound);

/* Plain, where a test checks thousands of things: an assertion of Criterion's is a message. */
#define must(condition, ...)             \
    do {                                 \
        if (!(condition))                \
            cr_assert_fail(__VA_ARGS__); \
    } while (0)

#endif
