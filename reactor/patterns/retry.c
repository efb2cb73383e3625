#include "reactor/patterns/retry.h"

#include <assert.h>

void retry_init(struct retry *retry, const struct retry_policy *policy, uint64_t seed)
{
    assert(policy->factor >= 1 && "a pause doesn't shrink: the factor is at least 1");
    assert(policy->first_delay_ns >= 0 && "a pause isn't negative");
    assert(policy->cap_ns >= policy->first_delay_ns && "the cap isn't below the first delay");
    assert(policy->limit_ns >= 0 && "a limit isn't negative");
    *retry = (struct retry){.policy = policy, .random = seed};
}

/* splitmix64: good enough to scatter clients, and any seed will do, also 0. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* From 0 to `ceiling_ns`, both included: the upper half of a product, which costs no division. */
static int64_t draw(uint64_t *state, int64_t ceiling_ns)
{
    unsigned __int128 product = next_random(state);
    product *= (uint64_t)ceiling_ns + 1;
    return (int64_t)(product >> 64);
}

/* How long to sleep before the next attempt; raises the ceiling for the one after it. */
static int64_t next_pause_ns(struct retry *retry)
{
    const struct retry_policy *policy = retry->policy;
    int64_t pause_ns = draw(&retry->random, retry->ceiling_ns);
    if (retry->ceiling_ns > policy->cap_ns / policy->factor)
        retry->ceiling_ns = policy->cap_ns;
    else
        retry->ceiling_ns *= policy->factor;
    return pause_ns;
}

static bool ends_in_time(const struct task *task, int64_t pause_ns)
{
    return time_after(task->loop->now_ns, pause_ns) < task->scopes->at_ns;
}

/* Whether the latest attempt calls for another and policy and time allow it; draws the pause. */
static bool another(const struct task *task, struct retry *retry)
{
    const struct retry_policy *policy = retry->policy;
    if (retry->rc >= 0 || retry->attempts == policy->attempts)
        return false;
    if (policy->again && !policy->again(retry->rc))
        return false;
    retry->pause_ns = next_pause_ns(retry);
    return ends_in_time(task, retry->pause_ns);
}

static void begin(struct task *task, struct retry *retry)
{
    const struct retry_policy *policy = retry->policy;
    retry->attempts = 0;
    retry->pause_ns = 0;
    retry->ceiling_ns = policy->first_delay_ns;
    cancel_scope_open(task, &retry->limit, policy->limit_ns > 0 ? policy->limit_ns : TIME_NEVER);
}

int retry_run(struct task *task, struct retry *const self, retry_attempt *attempt, void *object)
{
    TASK_BEGIN();
    assert(self->policy && "a retry is initialised before it is run");
    begin(task, self);
    for (;;) {
        self->attempts++;
        TASK_AWAIT(self->rc, attempt(task, object));
        if (!another(task, self))
            break;
        TASK_AWAIT(self->slept, task_sleep(task, self->pause_ns));
        if (self->slept < 0) {
            self->rc = self->slept;
            break;
        }
    }
    cancel_scope_close(task, &self->limit);
    TASK_RETURN(self->rc);
    TASK_END();
}
