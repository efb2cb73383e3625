/*
 * chatload_meter: looks at a run while it lasts.
 *
 * A few times a second it takes a sample: what was delivered, how long that
 * took, what the server used. Samples are kept in constant memory: when there is
 * no room for more, every second one goes and they are taken half as often. The
 * latest one is also what is shown while the run lasts.
 */
#ifndef TOOLS_CHATLOAD_METER_H
#define TOOLS_CHATLOAD_METER_H

#include <stdio.h>

#include "tools/chatload/load.h"
#include "tools/chatload/target.h"

#define METER_INTERVAL_NS (200 * NS_PER_MS)
#define METER_SAMPLES_MAX 600

enum phase { PHASE_STARTING, PHASE_CONNECTING, PHASE_WARMING, PHASE_MEASURING, PHASE_DRAINING };

/* Counters are since the start of the run; latencies of the messages since the sample before. */
struct sample {
    int64_t at_ns;
    uint64_t delivered;
    uint64_t p50_us;
    uint64_t p99_us;
    int64_t server_cpu_ns;
    uint64_t server_bytes;
};

struct meter {
    struct task task;
    struct frame frame;
    int rc;
    struct load *load;
    struct target *target;
    enum phase phase;
    struct sample begun; /* as it began */
    struct sample samples[METER_SAMPLES_MAX]; /* of the measuring phase, its beginning first */
    size_t count;
    unsigned every; /* the how manieth look becomes a sample */
    unsigned looks;
    struct sample last; /* the latest look, of any phase */
    struct sample before; /* the one before that */
    bool server_known; /* whether what the server uses is */
    FILE *out; /* where it is shown: stderr if a report goes to stdout */
    bool terminal; /* that is one: the line is written over itself */
    int64_t shown_ns; /* when a line was shown last */
};

void meter_init(struct meter *meter, struct load *load, struct target *target);

/* A phase begins; that before it is done and gets its last line. */
void meter_phase(struct meter *meter, enum phase phase);

/* The step of meter->task: looks until it is cancelled. Returns 0. */
int meter_step(struct task *task);

/* Looks now. The measured latencies so far are then all in load->total. */
void meter_look(struct meter *meter);

/* The last look, and the end of the live line. */
void meter_finish(struct meter *meter);

#endif
