/*
 * chatload_user: a client: it connects, enters a room and reads all that is said
 * there.
 *
 * One task a client. What it reads is taken apart where it lies, in the
 * stream's own buffer: a message of the run is recognised by its tag, checked
 * and timed with a few dozen instructions; everything else a server may say is
 * looked at more leisurely. Only a line that was cut by the end of a read is
 * copied, to be put together with its rest.
 */
#ifndef TOOLS_CHATLOAD_USER_H
#define TOOLS_CHATLOAD_USER_H

#include "tools/chatload/load.h"

/* How long a client may take to get in. */
#define CLIENT_ENTER_NS (30 * NS_PER_SECOND)

/* A question that the server is asked again and again: a /ping. */
struct question {
    int64_t asked_ns; /* 0: nothing is asked at the moment */
    int64_t waited_ns; /* for all answers together */
    uint64_t answers;
};

/* How a client gets in. */
struct entry {
    struct frame frame;
    int rc;
    struct stream_connect connect;
};

struct user {
    struct task task;
    struct frame frame;
    int rc;
    struct load *load;
    uint32_t number;
    uint32_t room;
    bool open; /* its stream is */
    bool in; /* and it is where it should be */
    bool called; /* it has heard the roll call */
    struct stream stream;
    struct buffer partial; /* the beginning of a line whose rest hasn't come */
    struct ear ear;
    struct sender *watched; /* whose messages it acknowledges; NULL: nobody's */
    struct question question;
    struct cancel_scope limit;
    struct entry entry;
};

/* Makes client `number` of the load; `heard` is its part of load->heard. */
void user_init(struct user *user, struct load *load, uint32_t number, struct heard *heard);

/* The step of user->task: connects, enters, and reads until it is cancelled or disconnected. A
 * failure to get in ends the run (load_fail); it returns 0. */
int user_step(struct task *task);

/* Connects user->stream and enters the client's room. Returns 0, or -errno (-EPIPE where the
 * server closed the connection); either way user_close is due in the end. May suspend. */
TASK_AWAITABLE int user_enter(struct task *task, struct entry *self, struct user *user);

/* Why user_enter failed, in words: what the server said before it closed is a better reason than
 * that it closed, and who is connected and hears nothing may be at the wrong kind of server. */
const char *user_reason(const struct user *user, int rc);

/* Waits for input and takes it apart. Returns 1, 0 at the end of the input, or -errno. May
 * suspend. */
TASK_AWAITABLE int user_listen(struct task *task, struct user *user);

/* Disconnects, if it is connected, and gives back what it holds. */
void user_close(struct user *user);

/* Asks the server, if no question is open. */
void user_ask(struct user *user);

/* --proto raw: says the line that shows everybody that they are connected. */
void user_call_roll(struct user *user);

#endif
