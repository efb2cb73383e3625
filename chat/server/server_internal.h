/* What the files of the server lend to each other. */
#ifndef CHAT_SERVER_SERVER_INTERNAL_H
#define CHAT_SERVER_SERVER_INTERNAL_H

#include "chat/server/server.h"

/* Blocks the signals that a server listens to and has them come to it. Returns 0 or -errno. */
int server_open_signals(struct server *server);

/* Opens what one --listen asks for, a door for each address it stands for. Returns 0, or -errno
 * with none of its own left. May block for as long as a name server takes. */
int server_listen(struct server *server, const struct endpoint *endpoint);

/* What such an error means to whoever wrote the option. */
const char *server_listen_cause(int error);

/* Closes the doors from number `first` on. */
void server_close_listeners(struct server *server, size_t first);

/* Has slow callbacks reported in the log, as the command line asks. */
void server_set_debug(struct server *server);

/* Ends a dump that is under way. */
void server_end_dump(struct server *server);

/* Tells a newcomer for whom there is no descriptor; a listener's `refuse`. */
void server_tell_full(struct listener *listener, int fd);

#endif
