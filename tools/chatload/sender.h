/*
 * chatload sender: which messages are sent, and when.
 *
 * Without --rate each sender is a task that keeps a window of messages in
 * flight. A sender does not hear itself, so the next client of its room reports
 * what has arrived. Messages that never arrive are given up after a while;
 * otherwise the window would stay full for ever.
 *
 * With --rate one schedule serves all senders in turn. The due times follow from
 * the rate alone. A message that could not be sent in time was still due, and
 * its latency counts from then. The schedule has an alarm of its own, because
 * the timer wheel's millisecond is too coarse.
 *
 * The probe finds out whether the server holds senders back. chatd reads a
 * client that exceeds its rate more slowly and does not say so. But a sender's
 * /ping waits behind its own lines, while the /ping of a silent client is
 * answered at once. If the two answers take very different times, neither the
 * server nor the network is slow: the sender is held back.
 */
#ifndef TOOLS_CHATLOAD_SENDER_H
#define TOOLS_CHATLOAD_SENDER_H

#include "tools/chatload/client.h"
#include "tools/chatload/load.h"

/* When messages in flight are given up. Longer than chatd's rate limit holds a window back. */
#define SENDER_PATIENCE_NS (5 * NS_PER_SECOND)

/* A scheduled message that is sent this much after it was due was late. */
#define SCHEDULE_LATE_NS (5 * NS_PER_MS)

struct sender {
    struct task task;
    struct frame frame;
    int rc;
    struct load *load;
    struct client *client;
    struct window *window;
    uint32_t audience; /* how many clients hear it */
    struct cancel_scope limit;
};

/* Makes the sender for client `from`, whose watcher is set. */
void sender_init(struct sender *sender, struct load *load, uint32_t from);

/* Sends the next message, due at `due_ns`. Does nothing if the client is disconnected. */
void sender_say(struct sender *sender, int64_t due_ns);

/* The step of sender->task: keeps the window full until it is cancelled. Returns 0. */
int sender_step(struct task *task);

struct alarm {
    struct descriptor descriptor;
    struct loop *loop;
    int64_t armed_ns; /* TIME_NEVER: it isn't */
    struct wait_list waiting;
};

struct schedule {
    struct task task;
    struct frame frame;
    int rc;
    struct load *load;
    struct alarm alarm;
    int64_t start_ns;
    uint64_t next; /* the number of the next message, counted over all senders */
    uint64_t late; /* sent more than SCHEDULE_LATE_NS after they were due */
    int64_t latest_ns; /* by how much, at most */
};

/* Opens the alarm. 0 or -errno. */
int schedule_open(struct schedule *schedule, struct load *load);
void schedule_close(struct schedule *schedule);

/* When message `number`, counted over all senders, is due. */
int64_t schedule_due_ns(const struct schedule *schedule, uint64_t number);

/* The step of schedule->task: sends what is due until it is cancelled. Returns 0. */
int schedule_step(struct task *task);

/* A /ping counts as a line of the client that sends it. One per second does not push a sender that
 * stays below chatd's ten lines per second over that limit. */
#define PROBE_INTERVAL_NS NS_PER_SECOND

struct probe {
    struct task task;
    struct frame frame;
    int rc;
    struct client *speaker;
    struct client *listener; /* NULL: all clients send */
};

/* Chooses the two clients. */
void probe_init(struct probe *probe, struct load *load);

/* The step of probe->task: asks until it is cancelled. Returns 0. */
int probe_step(struct task *task);

/* After it has ended: how long a speaker and a listener waited on average, in microseconds; a
 * /ping that is not answered yet counts with its time so far. 0: there was none. */
double probe_speaker_us(const struct probe *probe);
double probe_listener_us(const struct probe *probe);

#endif
