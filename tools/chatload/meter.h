/*
 * chatload meter: samples of a run while it lasts, and the line that shows it.
 *
 * A few times per second it samples what was delivered, how long that took and
 * what the server used. Samples take constant memory: when the table is full,
 * every second one goes and samples are taken half as often.
 *
 * The latest sample is shown as a line. On a terminal the line is overwritten
 * and stays when its phase ends; elsewhere a plain line is written once per
 * second and at the end of each phase.
 */
#ifndef TOOLS_CHATLOAD_METER_H
#define TOOLS_CHATLOAD_METER_H

#include <stdio.h>

#include "tools/chatload/load.h"
#include "tools/chatload/server.h"

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
    struct server *server;
    enum phase phase;
    struct sample begun; /* as it began */
    struct sample samples[METER_SAMPLES_MAX]; /* of the measuring phase, its beginning first */
    size_t count;
    unsigned every; /* each so many-th look becomes a sample */
    unsigned looks;
    struct sample last; /* the latest look, of any phase */
    struct sample before; /* the one before that */
    bool server_known; /* whether what the server uses is */
    FILE *out; /* where it is shown: stderr if a report goes to stdout */
    bool terminal; /* that is one: the line is written over itself */
    int64_t shown_ns; /* when a line was shown last */
};

void meter_init(struct meter *meter, struct load *load, struct server *server);

/* A phase begins; that before it is done and gets its last line. */
void meter_phase(struct meter *meter, enum phase phase);

/* The step of meter->task: looks until it is cancelled. Returns 0. */
int meter_step(struct task *task);

/* Looks now. The measured latencies so far are then all in load->total. */
void meter_look(struct meter *meter);

/* The last look, and the end of the live line. */
void meter_finish(struct meter *meter);

/* Without a terminal: how often. */
#define LIVE_PLAIN_NS NS_PER_SECOND

bool live_on_terminal(FILE *out);

/* Shows the latest look at the run; `last`: the phase is over, so that the line stays. */
void live_show(struct meter *meter, bool last);

#endif
