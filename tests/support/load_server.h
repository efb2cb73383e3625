/*
 * load_server: clients of chatload on the simulated door, and a server for them.
 *
 * There is one of each, as globals. The server accepts whoever comes, keeps what
 * it has received, and lets a client in by answering its question; what else it
 * says is the test's. Open it with the settings of the test, close it in the end.
 */
#ifndef TESTS_SUPPORT_LOAD_SERVER_H
#define TESTS_SUPPORT_LOAD_SERVER_H

#include "reactor/reactor.h"
#include "tools/chatload/crowd.h"
#include "tools/chatload/sender.h"

#define LOAD_SERVER_PEERS_MAX 8
#define LOAD_SERVER_INPUT_MAX 4096

struct load_peer {
    int fd; /* -1: it is closed */
    char input[LOAD_SERVER_INPUT_MAX]; /* all that was received, as a string */
};

extern struct settings load_settings;
extern struct load load;
extern struct crowd load_crowd;
extern struct task_group load_tasks;
extern struct load_peer load_peers[LOAD_SERVER_PEERS_MAX]; /* in the order in which they came */
extern int load_peer_count;

void load_server_open(const struct settings *settings);
void load_server_close(void);

/* Accepts and receives, until nothing is left to do at this instant. */
void load_server_receive(void);

/* The same, and answers everybody who asks whether it is in. */
void load_server_serve(void);

void load_server_say(int peer, const char *text);

#endif
