/*
 * breaker: stop asking a service that doesn't answer. Pure but for breaker_run.
 *
 * If a service fails, its callers wait for their time-outs and add to its load.
 * A breaker counts the failures: after some of them within a window it opens,
 * and every caller is refused at once. When it has been open for a while, it
 * lets one caller through as a probe. If the probe succeeds, the breaker closes.
 *
 *                failures within the window
 *      CLOSED ------------------------------> OPEN <--+
 *      all pass                          all refused  |
 *         ^                                   |       | the probe fails
 *         |                         open_ns   v       |
 *         +---------------------------- HALF_OPEN ----+
 *           the probe succeeds         one passes
 *
 * There is no timer: the breaker looks at the clock when a caller asks. A caller
 * that was let through before the breaker opened, and fails after that, says
 * nothing new: its result is counted and otherwise ignored. So is a call that
 * was cancelled, because the caller did that; after a cancelled probe, the next
 * caller is the probe. A probe that is still out after `open_ns` holds nobody
 * up: another caller is let through, and the first result decides.
 */
#ifndef REACTOR_PATTERNS_BREAKER_H
#define REACTOR_PATTERNS_BREAKER_H

#include "reactor/task/task.h"

/* The most failures that a policy may ask for: one instant is kept for each. */
#define BREAKER_FAILURES_MAX 16

/* Room for a line of breaker_describe. */
#define BREAKER_TEXT_BYTES 256

struct breaker;

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker_policy {
    unsigned failures; /* this many open it, 1 to BREAKER_FAILURES_MAX, ... */
    int64_t window_ns; /* ... if the last came no later than this after the first */
    int64_t open_ns; /* how long it stays open before it lets a probe through */

    /* Optional. Whether this -errno speaks against the service; NULL: any does. */
    bool (*is_failure)(void *context, int error);
    /* Called after each change of state, for a log or a gauge. It must not enter or leave. The time
     * alone changes nothing: a breaker is half-open from when its first probe is let through. */
    void (*on_change)(void *context, const struct breaker *breaker, enum breaker_state state);
    void *context; /* handed to both */
};

/* Since breaker_init; for people. */
struct breaker_counts {
    uint64_t succeeded;
    uint64_t failed;
    uint64_t refused;
    uint64_t opened; /* how often it opened, again after a probe included */
};

/* Breakers by name. Zeroed, it is empty; it owns none of them. */
struct breaker_board {
    struct breaker *first; /* in the order in which they were made */
};

struct breaker {
    const char *name;
    const struct breaker_policy *policy;
    struct breaker_counts counts;

    /* Of breaker.c. */
    struct breaker_board *board;
    struct breaker *next; /* on the board */
    bool tripped; /* open or half-open */
    unsigned probes; /* under way: one, unless one of them has hung */
    uint32_t generation; /* counts changes of `tripped`: older passes say nothing new */
    unsigned inside; /* passes not yet left */
    int64_t probe_ns; /* while tripped: from when a probe is let through */
    int64_t probed_ns; /* when the latest probe was let through */
    unsigned next_failure; /* the oldest of the instants, to be replaced next */
    int64_t failures_ns[BREAKER_FAILURES_MAX]; /* as many as the policy counts; -1: none yet */
};

/* What a caller holds from breaker_enter to breaker_leave. Zeroed before its first use. */
struct breaker_pass {
    struct breaker *breaker; /* which let it through; NULL: none */
    uint32_t generation;
};

/* Makes a closed breaker. `name` and `policy` must outlive it; `board` may be NULL. */
void breaker_init(struct breaker *breaker, struct breaker_board *board, const char *name,
                  const struct breaker_policy *policy);

/* Takes it off its board. Every pass must have been left. */
void breaker_release(struct breaker *breaker);

/* Asks to be let through. Returns 0, and the caller must call breaker_leave; or -EHOSTDOWN. */
int breaker_enter(struct breaker *breaker, struct breaker_pass *pass, int64_t now_ns);

/* Reports how the call went: 0 or more, or -errno. -ECANCELED is neither success nor failure.
 * -ETIMEDOUT is a failure, whoever set the limit: the service was too slow for it. */
void breaker_leave(struct breaker_pass *pass, int64_t now_ns, int result);

enum breaker_state breaker_state(const struct breaker *breaker, int64_t now_ns);

/* The breaker of that name, or NULL. */
struct breaker *breaker_find(const struct breaker_board *board, const char *name);

/* Writes "mail: open, probe in 1500 ms; 12 succeeded, 5 failed, 80 refused, opened 1 times", or
 * what else it is; a long name is cut. */
void breaker_describe(const struct breaker *breaker, int64_t now_ns, char text[BREAKER_TEXT_BYTES]);

/* Awaitable; what it answers is the call's result. */
typedef int breaker_call(struct task *task, void *object);

/* The frame of breaker_run; zeroed before its first use. */
struct breaker_run {
    struct frame frame;
    int rc;
    struct breaker_pass pass;
};

/* Enters, awaits `call` and leaves with its result, on every way out. Returns that result, or
 * -EHOSTDOWN if it was refused and `call` was not made. May suspend. */
TASK_AWAITABLE int breaker_run(struct task *task, struct breaker_run *self, struct breaker *breaker,
                               breaker_call *call, void *object);

#endif
