#include "reactor/patterns/breaker.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NO_FAILURE (-1)

static void forget_failures(struct breaker *breaker)
{
    for (unsigned i = 0; i < breaker->policy->failures; i++)
        breaker->failures_ns[i] = NO_FAILURE;
    breaker->next_failure = 0;
}

void breaker_init(struct breaker *breaker, struct breaker_board *board, const char *name,
                  const struct breaker_policy *policy)
{
    assert(name && "a breaker has a name");
    assert(policy->failures >= 1 && "it takes a failure to open a breaker");
    assert(policy->failures <= BREAKER_FAILURES_MAX && "failures beyond BREAKER_FAILURES_MAX");
    assert(policy->window_ns >= 0 && "a window isn't negative");
    assert(policy->open_ns >= 0 && "a breaker isn't open for less than no time");
    *breaker = (struct breaker){.name = name, .policy = policy, .board = board};
    forget_failures(breaker);
    if (!board)
        return;
    struct breaker **last = &board->first;
    while (*last)
        last = &(*last)->next;
    *last = breaker;
}

void breaker_release(struct breaker *breaker)
{
    assert(breaker->inside == 0 && "everybody leaves a breaker before it goes");
    if (!breaker->board)
        return;
    struct breaker **link = &breaker->board->first;
    while (*link != breaker)
        link = &(*link)->next;
    *link = breaker->next;
    breaker->board = NULL;
}

/* Whether the next caller is a probe. One that has not left after `open_ns` is waited for no
 * longer, since its caller may have hung. If it comes back first, its result counts. */
static bool probe_due(const struct breaker *breaker, int64_t now_ns)
{
    int64_t lost_ns = time_after(breaker->probed_ns, breaker->policy->open_ns);
    return now_ns >= breaker->probe_ns && (breaker->probes == 0 || now_ns > lost_ns);
}

static void report(const struct breaker *breaker, enum breaker_state state)
{
    if (breaker->policy->on_change)
        breaker->policy->on_change(breaker->policy->context, breaker, state);
}

int breaker_enter(struct breaker *breaker, struct breaker_pass *pass, int64_t now_ns)
{
    assert(breaker->policy && "a breaker is initialised before it is entered");
    assert(!pass->breaker && "a pass is left before it is used again");
    if (breaker->tripped) {
        if (!probe_due(breaker, now_ns)) {
            breaker->counts.refused++;
            return -EHOSTDOWN;
        }
        breaker->probed_ns = now_ns;
        if (breaker->probes++ == 0)
            report(breaker, BREAKER_HALF_OPEN);
    }
    breaker->inside++;
    *pass = (struct breaker_pass){.breaker = breaker, .generation = breaker->generation};
    return 0;
}

static void trip(struct breaker *breaker, int64_t now_ns)
{
    breaker->tripped = true;
    breaker->generation++;
    breaker->probes = 0;
    breaker->counts.opened++;
    breaker->probe_ns = time_after(now_ns, breaker->policy->open_ns);
    report(breaker, BREAKER_OPEN);
}

static void mend(struct breaker *breaker)
{
    breaker->tripped = false;
    breaker->generation++;
    breaker->probes = 0;
    forget_failures(breaker);
    report(breaker, BREAKER_CLOSED);
}

/* Takes the place of the oldest instant; the one that is the oldest then decides. */
static void note_failure(struct breaker *breaker, int64_t now_ns)
{
    breaker->failures_ns[breaker->next_failure] = now_ns;
    breaker->next_failure = (breaker->next_failure + 1) % breaker->policy->failures;
    int64_t oldest_ns = breaker->failures_ns[breaker->next_failure];
    if (oldest_ns != NO_FAILURE && now_ns - oldest_ns <= breaker->policy->window_ns)
        trip(breaker, now_ns);
}

/* While it is tripped, the only passes of this generation are probes. */
static void probe_ended(struct breaker *breaker, int64_t now_ns, int result, bool failed)
{
    breaker->probes--;
    if (failed)
        trip(breaker, now_ns);
    else if (result != -ECANCELED)
        mend(breaker);
}

static bool speaks_against(const struct breaker_policy *policy, int result)
{
    if (result >= 0 || result == -ECANCELED)
        return false;
    return !policy->is_failure || policy->is_failure(policy->context, result);
}

void breaker_leave(struct breaker_pass *pass, int64_t now_ns, int result)
{
    struct breaker *breaker = pass->breaker;
    assert(breaker && "who was let through leaves, once");
    bool failed = speaks_against(breaker->policy, result);
    pass->breaker = NULL;
    breaker->inside--;
    breaker->counts.failed += failed;
    breaker->counts.succeeded += !failed && result != -ECANCELED;
    if (pass->generation != breaker->generation)
        return;
    if (breaker->tripped)
        probe_ended(breaker, now_ns, result, failed);
    else if (failed)
        note_failure(breaker, now_ns);
}

enum breaker_state breaker_state(const struct breaker *breaker, int64_t now_ns)
{
    if (!breaker->tripped)
        return BREAKER_CLOSED;
    return now_ns < breaker->probe_ns ? BREAKER_OPEN : BREAKER_HALF_OPEN;
}

struct breaker *breaker_find(const struct breaker_board *board, const char *name)
{
    struct breaker *breaker = board->first;
    while (breaker && strcmp(breaker->name, name) != 0)
        breaker = breaker->next;
    return breaker;
}

static void describe_state(const struct breaker *breaker, int64_t now_ns, char *text, size_t size)
{
    switch (breaker_state(breaker, now_ns)) {
    case BREAKER_CLOSED:
        (void)snprintf(text, size, "closed");
        break;
    case BREAKER_OPEN:
        (void)snprintf(text, size, "open, probe in %" PRId64 " ms",
                       time_round_up(breaker->probe_ns - now_ns, NS_PER_MS));
        break;
    case BREAKER_HALF_OPEN:
        (void)snprintf(text, size, "half-open, %s",
                       breaker->probes ? "probe under way" : "the next is the probe");
        break;
    }
}

void breaker_describe(const struct breaker *breaker, int64_t now_ns, char text[BREAKER_TEXT_BYTES])
{
    const struct breaker_counts *counts = &breaker->counts;
    char state[48];

    describe_state(breaker, now_ns, state, sizeof(state));
    (void)snprintf(text, BREAKER_TEXT_BYTES,
                   "%.64s: %s; %" PRIu64 " succeeded, %" PRIu64 " failed, %" PRIu64
                   " refused, opened %" PRIu64 " times",
                   breaker->name, state, counts->succeeded, counts->failed, counts->refused,
                   counts->opened);
}

int breaker_run(struct task *task, struct breaker_run *const self, struct breaker *breaker,
                breaker_call *call, void *object)
{
    TASK_BEGIN();
    self->rc = breaker_enter(breaker, &self->pass, task->loop->now_ns);
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    TASK_AWAIT(self->rc, call(task, object));
    breaker_leave(&self->pass, task->loop->now_ns, self->rc);
    TASK_RETURN(self->rc);
    TASK_END();
}
