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

/* How long one address of several may take to accept a connection before the next is tried. */
#define CLIENT_ADDRESS_NS (5 * NS_PER_SECOND)

/* A unix socket whose queue is full refuses at once; this long until the next attempt. */
#define CLIENT_QUEUE_PAUSE_NS (10 * NS_PER_MS)

#define USER_REASON_TEXT 240

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
    int paused; /* the result of a pause */
    uint32_t address_at; /* of load->addresses: the one this attempt goes to */
    struct cancel_scope limit;
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

/* Writes why user_enter failed: the server's last words if it said any, else the error. A client
 * that is connected and hears nothing may have met the wrong kind of server. */
const char *user_reason(const struct user *user, int rc, char text[static USER_REASON_TEXT]);

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
