/*
 * chatload server: the process under test, started and stopped, or only watched.
 *
 * A server that is spawned listens on a free port and names it on its standard
 * output (`listening on 127.0.0.1:43210`). It has a process group of its own, so
 * Ctrl-C reaches chatload alone, which ends both.
 */
#ifndef TOOLS_CHATLOAD_SERVER_H
#define TOOLS_CHATLOAD_SERVER_H

#include "reactor/reactor.h"
#include "tools/chatload/host.h"
#include "tools/chatload/load.h"

/* How long it may take to listen, and to end once it is asked to. */
#define SERVER_START_NS (10 * NS_PER_SECOND)
#define SERVER_STOP_NS (15 * NS_PER_SECOND)

struct server {
    struct task task; /* reads what a spawned one prints */
    struct frame frame;
    int rc;
    struct load *load;
    pid_t pid; /* 0: not known */
    bool spawned; /* and is ours to stop */
    bool stopping; /* its end is wanted */
    bool is_listening; /* `endpoint` is valid; the phase is over then */
    struct endpoint endpoint;
    struct stream output;
    char *line;
    size_t size;
    pid_t processes[HOST_GROUP_MAX]; /* those that are watched */
    size_t process_count;
};

/* Watches the process that the settings name, if they do. */
void server_init(struct server *server, struct load *load);

/* Starts the command of the settings; server->task is then to be spawned with server_step. 0, or
 * -errno. */
int server_spawn(struct server *server);

/* Reads the output of a spawned server to its end. If it ends before server_stop, the run ends. */
int server_step(struct task *task);

/* Finds the processes to watch, once the server is ready. */
void server_watch(struct server *server);

/* What it uses; false if that is not known. */
bool server_usage(const struct server *server, struct host_usage *usage);

/* The frame of server_stop; zeroed. */
struct server_stop {
    struct frame frame;
    int rc;
    int64_t kill_ns;
};

/* Ends a spawned server and all of its group: TERM, and KILL if that does not help. Never cut
 * short. Returns 0. May suspend. */
TASK_AWAITABLE int server_stop(struct task *task, struct server_stop *self, struct server *server);

#endif
