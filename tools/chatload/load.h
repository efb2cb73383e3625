/*
 * chatload load: what all parts of a run share: the server's address, what was
 * sent and received so far, and whether to go on.
 *
 * One struct load per process. Clients count into it what they receive, senders
 * what they send; run, meter and report read it. Nothing here suspends.
 */
#ifndef TOOLS_CHATLOAD_LOAD_H
#define TOOLS_CHATLOAD_LOAD_H

#include "reactor/reactor.h"
#include "tools/chatload/check.h"
#include "tools/chatload/histogram.h"
#include "tools/chatload/message.h"
#include "tools/chatload/settings.h"

/* Clients that connect at the same time: fewer than any listener's queue holds. */
#define LOAD_CONNECTING_MAX 256

/* Addresses of one name that are tried. */
#define LOAD_ADDRESSES_MAX 8

#define LOAD_PROBLEM_TEXT 480

struct client;
struct sender;

/* What one sender has sent, and how much of that is no longer in flight. */
struct window {
    uint32_t from; /* the sender's number, and its client's */
    uint32_t next; /* the number of its next message: as many were sent */
    uint32_t settled; /* messages before this one have arrived or were given up */
    struct wait_list waiting; /* the sender, while the window is full */
};

/* Lines that are worth a look, and the first of them. */
struct load_oddity {
    uint64_t count;
    char first[160];
};

struct load {
    const struct settings *settings;
    struct loop *loop;
    struct fanout fanout;
    struct sys_address addresses[LOAD_ADDRESSES_MAX]; /* of the server's name, in order */
    uint32_t address_count;
    uint32_t address_at; /* the one that clients connect to; it is also in: */
    struct sys_address address;
    char address_text[SYS_ADDRESS_TEXT];
    char tried[192]; /* the addresses before it, and why each was given up; "": none */
    bool reached; /* this address took a connection, so no other is tried */
    char tag[MESSAGE_TAG_BYTES];
    char *text; /* room for one message and its newline */
    int64_t epoch_ns; /* messages say when they were due since then */

    struct client *clients; /* settings->clients of them; NULL before crowd_open, as are: */
    struct sender *senders;
    struct window *windows; /* of each sender */
    unsigned ports_per_source; /* connections that one source address is good for */

    /* Getting in. */
    struct semaphore connecting;
    uint32_t in; /* clients */
    uint32_t stalled_in;
    uint64_t visits; /* of the clients of --churn */
    uint32_t called; /* --proto raw: clients that have received the roll call */
    uint32_t disconnected; /* clients that were disconnected since */
    struct load_oddity losses; /* of connections: why */

    /* What is said and heard. */
    uint64_t sent;
    uint64_t expected; /* deliveries that follow from it */
    uint64_t echoed; /* a sender's own lines that it was sent */
    struct load_oddity refused; /* `!` lines */
    struct load_oddity garbled; /* messages of this run that can't be */
    struct check check;

    /* What is measured: messages that were due from then to then. */
    int64_t from_ns;
    int64_t until_ns;
    struct histogram recent; /* since the meter last looked */
    struct histogram total;

    /* Whether to go on. */
    struct event over; /* the phase may be over: all clients are in, or one of these: */
    unsigned interrupts; /* how often a signal asked for the end */
    char problem[LOAD_PROBLEM_TEXT]; /* why the run can't go on; "": it can */
};

/* Makes a load on `loop`, without clients. */
void load_init(struct load *load, struct loop *loop, const struct settings *settings);

/* Frees what load_init made; every client must have ended. */
void load_release(struct load *load);

/* Connects to the given address of load->addresses from now on. */
void load_use_address(struct load *load, uint32_t at);

/* A connection to address `at` failed with `rc`. Returns whether to try again: another address is
 * now the one to connect to. */
bool load_next_address(struct load *load, uint32_t at, int rc);

/* How to lift the limit of chatd that these words of a `!` line speak of; "" if it is another. */
const char *load_refusal_advice(const char *words);

/* Ends the run for a reason; the first one counts. */
void load_fail(struct load *load, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends the run because a signal asked for it; the second time, at once. */
void load_interrupt(struct load *load);

static inline bool load_stopped(const struct load *load)
{
    return load->interrupts > 0 || load->problem[0];
}

/* Counts an oddity; `text` is kept if it is the first. */
void load_note(struct load_oddity *oddity, const char *text, size_t length);

/* The source address of connection `number`: the kernel's choice, or one of 127.0.0.x if there are
 * more connections to a loopback server than one address has ports. */
struct sys_address load_source(const struct load *load, uint32_t number);

/* Of all expected deliveries, those that have arrived or that the server reported as skipped. */
static inline uint64_t load_settled(const struct load *load)
{
    return load->check.delivered + load->check.skipped;
}

/* How many clients, and how many senders, are in a room. Client N is in room N modulo rooms. */
uint32_t load_room_members(const struct load *load, uint32_t room);
uint32_t load_room_senders(const struct load *load, uint32_t room);

#endif
