/*
 * server: everything, from the first listener to the last farewell.
 *
 * server_open takes what a start can fail for (files, addresses, memory) and
 * either has it all or leaves nothing behind; server_step is the main task of
 * the loop: it opens the doors, waits for a signal, and shuts down in two
 * phases: whoever is in is sent what it is owed, and after the grace the rest
 * is named in the log and cut.
 *
 *      server ─┬─ [doors]      a task per listener, accepting
 *              ├─ [operators]  a task that accepts, and one per operator
 *              ├─ [sessions]   a task per client
 *              └─ [farewells]  a task per newcomer that is turned away
 */
#ifndef CHAT_SERVER_SERVER_H
#define CHAT_SERVER_SERVER_H

#include "chat/operator/operator.h"
#include "chat/people/chat.h"
#include "chat/session/farewell.h"
#include "chat/session/session.h"
#include "reactor/loop/signals.h"
#include "reactor/net/listener.h"
#include "reactor/task/root.h"
#include "reactor/task/sync.h"

/* Sockets that are listened on: an endpoint may stand for an address of each family. */
#define SERVER_LISTENERS_MAX (2 * CONFIG_LISTENERS_MAX)

/* Descriptors that neither clients nor farewells get: for the operator, the journal, the motd. */
#define SERVER_RESERVED_DESCRIPTORS 16

struct server;

/* Room for the cause of every listener and for that of a motd, whatever file it can be. */
#define SERVER_PROBLEM_TEXT (16 * 1024)

/* The causes of a failed start: one line for people, without `chatd: `. */
struct problem {
    char text[SERVER_PROBLEM_TEXT];
};

/* One listener and the task that accepts from it. */
struct chat_listener {
    struct task task;
    struct frame frame;
    int fd; /* the newcomer at hand, or an error */
    struct server *server;
    struct listener listener;
    struct sys_address peer;
    struct host *host;
    char name[SYS_ADDRESS_TEXT];
};

/* A dump that is under way, a slice per turn: server_dump.c. */
struct server_dump {
    struct timer timer; /* the next slice */
    bool under_way;
    size_t part; /* of the dump: tree, clients, timers, figures */
    size_t position; /* in that part, where the next slice goes on */
    size_t passed; /* timers met in this walk */
    int64_t moved_ns; /* when the log last took a line of it */

    /* Of this slice. */
    int64_t slice_begun_ns;
    size_t slice_lines;
    bool slice_is_full;
};

struct server {
    struct task task;
    struct frame frame;
    int rc;
    struct root root;
    struct chat chat;
    struct sessions sessions;
    struct farewells farewells;
    struct operators operators;
    struct task_group listeners_group;
    struct signals signals;
    struct event ending; /* a signal has asked for the end */
    uint64_t grace_turn; /* in which the grace began; 0: it hasn't */
    int64_t grace_ns; /* how long it lasts */
    struct timer grace; /* to its end */
    struct server_dump dump;
    int descriptor_limit;
    int client_fd_limit; /* a newcomer whose descriptor is not below this finds the server full */
    int places; /* clients that there are descriptors for, 1 at least */
    bool had_terminal; /* at the start, and HUP was not ignored: a hang-up ends the server */
    struct task_group journal_group; /* its two tasks, which end last */
    char journal_notes[JOURNAL_NOTES_TEXT]; /* what was mended at the start; "": nothing */
    bool without_ipv6; /* every address was asked for, and there is no IPv6 */
    size_t listener_count;
    struct chat_listener doors[SERVER_LISTENERS_MAX];
};

/*
 * Makes a server on `loop` that listens as `config` says; all three must outlive it. Returns 0, or
 * -errno and, in `problem`, all that the start failed for. Nothing is logged or accepted before the
 * server runs. Turns the loop, so it is called from outside of it. May block for as long as name
 * servers take.
 */
int server_open(struct server *server, struct loop *loop, const struct config *config,
                struct log *log, struct problem *problem);

/* Runs the server until a signal has ended it. Returns 0 or -errno. Runs callbacks. */
int server_run(struct server *server);

/* The same in two: starts the main task; turns of the loop then run it until task_ended(). */
void server_start(struct server *server);

/* Frees what server_open made. The main task must have ended or never been started. */
void server_close(struct server *server);

/* Begins to write the task tree, the clients, the timers and the figures of the loop into the log:
 * a slice in each of the coming turns, as fast as the log is read. One dump at a time. */
void server_dump(struct server *server);

#endif
