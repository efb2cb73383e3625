/*
 * retry: try again, after a pause that grows.
 *
 * What failed may work a little later, but not if all clients that failed come
 * back at the same time. So the upper limit of the pause grows by a factor from
 * attempt to attempt, up to a cap, and the pause itself is drawn evenly between
 * zero and that limit ("full jitter"). It is drawn from a seed, so a test gets
 * the same pauses each time.
 *
 *     attempt   pause     attempt   pause           attempt   pause
 *     |##|......|         |##|............|         |##|..................
 *        0 to first_delay    0 to first * factor       0 to cap at most
 *     |<------------------------- limit ------------------------------>|
 *
 * The attempt is an awaitable that the program provides. It runs to its end and
 * begins again in the same task: nothing is spawned and nothing allocated. Don't
 * retry what must not be done twice. Don't retry at two levels at once: three
 * attempts of three are nine.
 */
#ifndef REACTOR_PATTERNS_RETRY_H
#define REACTOR_PATTERNS_RETRY_H

#include "reactor/task/task.h"

struct retry;

/* How often and how long. Any number of retries may share one. */
struct retry_policy {
    unsigned attempts; /* at most, the first included; 0: any number */
    int64_t first_delay_ns; /* the longest the first pause may be; 0: only until the next turn */
    unsigned factor; /* by which that grows from pause to pause; at least 1 */
    int64_t cap_ns; /* the limit never grows beyond this; at least first_delay_ns */
    int64_t limit_ns; /* a deadline over all attempts and pauses together; 0: none */

    /* Optional; each is handed the `object` of retry_run, and must not suspend. */

    /* Whether this -errno is worth another attempt; NULL: any is. */
    bool (*again)(void *object, int error);
    /* How long to pause after this -errno, a server's "Retry-After" for example; it may be longer
     * than cap_ns. Negative: as drawn. */
    int64_t (*pause_ns)(void *object, int error);
    /* Called before each pause: retry->rc failed, retry->pause_ns follows. */
    void (*before_pause)(void *object, const struct retry *retry);
};

struct retry {
    const struct retry_policy *policy;
    uint64_t random; /* where the jitter stands; goes on from one retry_run to the next */
    unsigned attempts; /* begun by the latest retry_run */
    int64_t pause_ns; /* its latest pause */

    /* Of retry.c. */
    struct frame frame;
    int rc; /* what the latest attempt returned */
    int slept; /* of the latest pause */
    int64_t ceiling_ns; /* the longest the next pause may be */
    struct cancel_scope limit;
};

/* Awaitable: 0 or more is success. It is called until it answers, then perhaps from its beginning
 * again, so it leaves nothing half done when it fails. */
typedef int retry_attempt(struct task *task, void *object);

/* Makes `retry` ready to run under `policy`, which must outlive it. Retries that may fail together
 * need different seeds, or their pauses agree: take the seed from sys->random. */
void retry_init(struct retry *retry, const struct retry_policy *policy, uint64_t seed);

/*
 * Runs `attempt` until it succeeds. Returns what the last attempt returned: its result, or its
 * -errno if that is not worth another attempt, if the policy allows no more, or if the pause would
 * not end before the nearest deadline (the policy's limit or one around this await), because no
 * attempt could be made after it. An attempt that this deadline cuts off answers -ETIMEDOUT itself.
 * -ECANCELED if the task is cancelled in a pause. May suspend; may be run again once it has
 * returned.
 */
TASK_AWAITABLE int retry_run(struct task *task, struct retry *self, retry_attempt *attempt,
                             void *object);

#endif
