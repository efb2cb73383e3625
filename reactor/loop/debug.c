#include "reactor/loop/debug.h"

#include <string.h>

void debug_init(struct debug *debug, const char *environment)
{
    *debug = (struct debug){.threshold_ns = DEBUG_SLOW_CALLBACK_NS};
    debug->enabled = environment && *environment && strcmp(environment, "0") != 0;
}

void debug_judge(struct debug *debug, const char *name, const struct site *where, int64_t took_ns)
{
    if (took_ns <= debug->threshold_ns)
        return;
    debug->slow_count++;
    if (debug->report) {
        const struct debug_slow slow = {.name = name, .where = where, .took_ns = took_ns};
        debug->report(debug->context, &slow);
    }
}
