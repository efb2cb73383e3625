#include "reactor/patterns/retry.h"

#include <assert.h>

#include "reactor/base/random.h"

void retry_init(struct retry *retry, const struct retry_policy *policy, uint64_t seed)
{
    assert(policy->factor >= 1 && "a pause doesn't shrink: the factor is at least 1");
    assert(policy->first_delay_ns >= 0 && "a pause isn't negative");
    assert(policy->cap_ns >= policy->first_delay_ns && "the cap isn't below the first delay");
    assert(policy->limit_ns >= 0 && "a limit isn't negative");
    *retry = (struct retry){.policy = policy, .random = seed};
}

/* From 0 to `ceiling_ns`, both included: the upper half of a product of 128 bits, which costs no
 * division. By halves of 32 bits, as not every machine multiplies more. */
static int64_t draw(uint64_t *state, int64_t ceiling_ns)
{
    uint64_t chance = random_next(state), count = (uint64_t)ceiling_ns + 1;
    uint64_t low = (chance & UINT32_MAX) * (count & UINT32_MAX);
    uint64_t middle = (chance >> 32) * (count & UINT32_MAX) + (low >> 32);
    uint64_t other = (chance & UINT32_MAX) * (count >> 32) + (middle & UINT32_MAX);
    return (int64_t)((chance >> 32) * (count >> 32) + (middle >> 32) + (other >> 32));
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
    return time_after(task->loop->now_ns, pause_ns) < task_deadline_ns(task);
}

/* Whether the latest attempt calls for another and policy and time allow it; draws the pause. */
static bool another(const struct task *task, struct retry *retry, void *object)
{
    const struct retry_policy *policy = retry->policy;
    if (retry->rc >= 0 || retry->attempts == policy->attempts)
        return false;
    if (policy->again && !policy->again(object, retry->rc))
        return false;
    retry->pause_ns = next_pause_ns(retry);
    int64_t asked_ns = policy->pause_ns ? policy->pause_ns(object, retry->rc) : -1;
    if (asked_ns >= 0)
        retry->pause_ns = asked_ns;
    if (!ends_in_time(task, retry->pause_ns))
        return false;
    if (policy->before_pause)
        policy->before_pause(object, retry);
    return true;
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
        if (!another(task, self, object))
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
