/*
 * chatload run: the phases of a run, from the start of the server to its end.
 *
 *      starting    the server is spawned and listens
 *      connecting  clients enter their rooms; with --proto raw a roll call shows
 *                  that they are connected, because a relay says nothing itself
 *      warm-up     senders begin; their messages are checked but not measured
 *      measuring   messages that are due in this time make the figures
 *      draining    senders have stopped; messages under way arrive
 *
 * A failure or Ctrl-C skips to the end, which is always the same: senders,
 * clients and server are stopped in this order, and joined.
 *
 *      run -+- [server] --- server's output
 *           +- [clients] -- healthy ones, stalled ones, churn
 *           +- [speakers] - senders or the schedule, the probe
 *           +- [meters] --- meter
 */
#ifndef TOOLS_CHATLOAD_RUN_H
#define TOOLS_CHATLOAD_RUN_H

#include "tools/chatload/crowd.h"
#include "tools/chatload/load.h"
#include "tools/chatload/meter.h"
#include "tools/chatload/sender.h"
#include "tools/chatload/server.h"

/* The warm-up takes a tenth of the measured time, and 2 s at most. */
#define RUN_WARM_SHARE 10
#define RUN_WARM_MAX_NS (2 * NS_PER_SECOND)

/* Draining ends when everything has arrived and it was quiet for a moment, in which duplicates
 * would come; when nothing arrives any more; or when it takes too long. */
#define RUN_QUIET_NS (200 * NS_PER_MS)
#define RUN_SILENCE_NS (3 * NS_PER_SECOND)
#define RUN_DRAIN_MAX_NS (30 * NS_PER_SECOND)

/* How long the roll call may take to reach all clients. */
#define RUN_ROLL_CALL_NS (10 * NS_PER_SECOND)

/* What is measured as differences. */
struct reading {
    int64_t at_ns;
    uint64_t delivered;
    uint64_t sent;
    int64_t own_cpu_ns;
    int64_t own_wait_ns;
    struct host_usage server;
};

struct run {
    struct task task;
    struct frame frame;
    int rc;
    struct load *load;
    struct server server;
    struct meter meter;
    struct crowd crowd;
    struct schedule schedule;
    struct probe probe;
    struct signals signals;
    struct callback spin; /* ready all the time: see settings->spin */

    struct task_group server_group;
    struct task_group clients;
    struct task_group speakers;
    struct task_group meters;

    /* Of the phases. */
    struct steps {
        struct frame frame;
        int rc;
    } start, connect, speak, drain;
    struct pause {
        struct frame frame;
        int rc;
        struct cancel_scope deadline;
    } pause;
    struct server_stop stop;
    int64_t drain_ns; /* when draining began */
    int64_t arrived_ns; /* when something last arrived */
    uint64_t arrived; /* deliveries by then */

    /* What the report is made of. */
    struct host_usage empty; /* the server before anybody was in */
    struct reading begin; /* of measuring */
    struct reading end;
    bool measured; /* both are valid */
    bool drained; /* everything that was owed has arrived */
};

/* Runs it all on the loop of `load`. Returns 0 if there is something to report: it was measured, or
 * interrupted after clients began to connect. Otherwise -1 with load->problem set (empty: it was
 * interrupted before that). */
int run_load(struct run *run, struct load *load);

/* Frees what the run was made of; the report is read from it before. */
void run_release(struct run *run);

#endif
