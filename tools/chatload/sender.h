/*
 * chatload_sender: who speaks, and when.
 *
 * Without a rate each sender is a task that keeps a window of messages in
 * flight. A sender doesn't hear itself, so the next client of its room, its
 * watcher, tells it within this process what has arrived. What is never heard
 * of again is given up after a while, or the window would be shut for ever.
 *
 * With a rate one schedule serves all senders in turn. Its instants follow from
 * the rate alone and not from what was sent before: a message that could not be
 * sent in time was still due, and its latency is counted from there. The wheel's
 * millisecond would be coarse for that, so the schedule has an alarm of its own.
 */
#ifndef TOOLS_CHATLOAD_SENDER_H
#define TOOLS_CHATLOAD_SENDER_H

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
    struct user *user;
    uint32_t from; /* its number, and its client's */
    uint32_t audience; /* who hears it */
    uint32_t next; /* the number of its next message: so many were sent */
    uint32_t settled; /* messages before this one aren't in flight any more */
    struct wait_list waiting; /* for the window to open */
    struct cancel_scope limit;
};

/* Makes the sender for client `from`, whose watcher is set. */
void sender_init(struct sender *sender, struct load *load, uint32_t from);

/* Says the next message, due at `due_ns`. Nothing where it is not connected any more. */
void sender_say(struct sender *sender, int64_t due_ns);

/* Message `number`, and so all before it, was heard. */
void sender_acknowledge(struct sender *sender, uint32_t number);

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
    uint64_t next; /* the how manieth message of all comes next */
    uint64_t late; /* sent more than SCHEDULE_LATE_NS after they were due */
    int64_t latest_ns; /* by how much, at most */
};

/* Opens the alarm. 0 or -errno. */
int schedule_open(struct schedule *schedule, struct load *load);
void schedule_close(struct schedule *schedule);

/* The step of schedule->task: sends what is due until it is cancelled. Returns 0. */
int schedule_step(struct task *task);

#endif
