/*
 * chatload client: it connects, enters a room and reads all that is said there.
 *
 * One task per client. Input is taken apart where it lies, in the stream's own
 * buffer: a message of the run is recognised by its tag, checked and timed with
 * a few dozen instructions. Of what else chatd says, a few lines count: `* pong`,
 * a gap line, and `!`. Events, remembered lines and other people are skipped.
 * Only a line that the end of a read cuts is copied.
 */
#ifndef TOOLS_CHATLOAD_CLIENT_H
#define TOOLS_CHATLOAD_CLIENT_H

#include "tools/chatload/load.h"

/* How long a client may take to get in. */
#define CLIENT_ENTER_NS (30 * NS_PER_SECOND)

/* How long one address of several may take to accept a connection before the next is tried. */
#define CLIENT_ADDRESS_NS (5 * NS_PER_SECOND)

/* A unix socket whose queue is full refuses at once; this long until the next attempt. */
#define CLIENT_QUEUE_PAUSE_NS (10 * NS_PER_MS)

#define CLIENT_REASON_TEXT 240

/* A question that the server is asked again and again: a /ping. */
struct ping {
    int64_t asked_ns; /* 0: nothing is asked at the moment */
    int64_t waited_ns; /* for all answers together */
    uint64_t answers;
};

/* How a client gets in. */
struct client_entry {
    struct frame frame;
    int rc;
    int paused; /* the result of a pause */
    uint32_t address_at; /* of load->addresses: the one this attempt goes to */
    struct cancel_scope limit;
    struct stream_connect connect;
};

struct client {
    struct task task;
    struct frame frame;
    int rc;
    struct load *load;
    uint32_t number;
    uint32_t room;
    bool open; /* its stream is */
    bool in; /* and the client is in its room */
    bool called; /* it has heard the roll call */
    struct stream stream;
    struct buffer partial; /* the beginning of a line whose rest hasn't come */
    struct receiver receiver;
    struct window *watched; /* of the sender whose messages it acknowledges; NULL: of none */
    struct ping ping;
    struct cancel_scope limit;
    struct client_entry entry;
};

/* Makes client `number` of the load; `heard` is its part of crowd->sequences. */
void client_init(struct client *client, struct load *load, uint32_t number, struct sequence *heard);

/* The step of client->task: connects, enters, and reads until it is cancelled or disconnected. A
 * failure to enter ends the run (load_fail). Returns 0. */
int client_step(struct task *task);

/* Connects client->stream and enters the room. Returns 0, or -errno (-EPIPE if the server closed
 * the connection). Either way, client_close is due in the end. May suspend. */
TASK_AWAITABLE int client_enter(struct task *task, struct client_entry *self,
                                struct client *client);

/* Writes why client_enter failed: the server's last words if it said any, else the error. A client
 * that is connected and hears nothing may have met the wrong kind of server. */
const char *client_reason(const struct client *client, int rc,
                          char text[static CLIENT_REASON_TEXT]);

/* Waits for input and takes it apart. Returns 1, 0 at the end of the input, or -errno. May
 * suspend. */
TASK_AWAITABLE int client_listen(struct task *task, struct client *client);

/* Disconnects, if it is connected, and gives back what it holds. */
void client_close(struct client *client);

/* Asks the server, if no question is open. */
void client_ask(struct client *client);

/* --proto raw: sends the line that shows all other clients that the server relays to them. */
void client_call_roll(struct client *client);

/* The questions whose answers are known here: that it is in, and how long an answer takes. */
#define CLIENT_ENTERED_PING "/ping in\n"
#define CLIENT_QUESTION_PING "/ping how-long\n"

/* The longest line that is kept when a read cuts it. */
#define CLIENT_LINE_BYTES ((size_t)64 * 1024)

#endif
