#include "chat/text/pace.h"

#include <assert.h>

#include "reactor/base/clock.h"

void pace_begin(struct pace *pace, const struct pace_limit *limit, int64_t now_ns)
{
    *pace = (struct pace){0};
    if (limit->burst > limit->rate)
        pace_charge(pace, limit, now_ns, limit->burst - limit->rate);
}

int64_t pace_ready_at(const struct pace *pace, const struct pace_limit *limit)
{
    if (limit->rate == 0)
        return 0;

    /* In units of 1/rate of a nanosecond an interval is NS_PER_SECOND: `ahead` is exact, and fits
     * for any 32-bit burst. If positive it is less than one nanosecond; the division rounds up. */
    assert(limit->burst > 0);
    int64_t ahead = (int64_t)pace->due_fraction - (int64_t)(limit->burst - 1) * NS_PER_SECOND;
    if (ahead > 0)
        return time_after(pace->due_ns, 1);
    return pace->due_ns + ahead / (int64_t)limit->rate;
}

void pace_charge(struct pace *pace, const struct pace_limit *limit, int64_t now_ns, uint32_t lines)
{
    assert(now_ns >= 0);
    if (limit->rate == 0)
        return;
    if (pace->due_ns < now_ns)
        *pace = (struct pace){.due_ns = now_ns};

    uint64_t fractions = (uint64_t)lines * NS_PER_SECOND + pace->due_fraction;
    pace->due_ns = time_after(pace->due_ns, (int64_t)(fractions / limit->rate));
    pace->due_fraction = (uint32_t)(fractions % limit->rate);
}
