/*
 * memory: keeps what a server holds within --memory.
 *
 * The door counts all that is allocated. What the server held when it began and
 * MEMORY_CLIENT_BYTES per connection are free; the rest is rooms, histories,
 * queues and backlogs, also those of rooms that have ended. A session asks
 * before it carries out a line. If the limit is exceeded, the oldest history of
 * the largest rooms goes first, then the oldest part of the largest backlogs,
 * whose stalled readers skip. If that is not enough, the line is refused.
 */
#ifndef CHAT_PEOPLE_MEMORY_H
#define CHAT_PEOPLE_MEMORY_H

#include "chat/people/chat.h"

/* A session with its places in rooms and tables, and an input buffer now and then. */
#define MEMORY_CLIENT_BYTES 2048

/* To be called when the tables are made, and before rooms are restored: what is held by now is
 * free. */
void memory_begin(struct chat *chat);

/* Brings what is held back within the limit, as far as that is possible without a loss for anybody
 * who reads. Returns whether it is. One comparison, unless the limit is exceeded. */
bool memory_settle(struct chat *chat);

#endif
