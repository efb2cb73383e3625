/* What server.c lends to the other files of the server. */
#ifndef CHAT_SERVER_INSIDE_H
#define CHAT_SERVER_INSIDE_H

#include "chat/server.h"

/* Blocks the signals that a server listens to and has them come to it. Returns 0 or -errno. */
int server_open_signals(struct server *server);

/* Tells a newcomer for whom there is no descriptor; a listener's `refuse`. */
void server_tell_full(struct listener *listener, int fd);

#endif
