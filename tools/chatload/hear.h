/*
 * chatload_hear: what a client makes of the bytes it was sent.
 *
 * Messages of this run are checked and timed; of what else chatd says, a few
 * lines mean something here: `* pong`, a gap line, and `!`. The rest (events,
 * remembered lines, other people) is passed over.
 */
#ifndef TOOLS_CHATLOAD_HEAR_H
#define TOOLS_CHATLOAD_HEAR_H

#include "tools/chatload/user.h"

/* The questions whose answers are known here: that it is in, and how long an answer takes. */
#define HEAR_ENTERED_PING "/ping in\n"
#define HEAR_QUESTION_PING "/ping how-long\n"

/* The longest line that is kept when a read cuts it. */
#define HEAR_LINE_BYTES ((size_t)64 * 1024)

/* Takes all of the stream's input. Returns 1, -ENOMEM, or -EMSGSIZE where a line has no end. */
int hear_input(struct user *user);

/* The same for bytes that were read otherwise. */
int hear_bytes(struct user *user, const char *bytes, size_t size);

#endif
