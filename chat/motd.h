/*
 * motd: the message of the day, read from a file.
 *
 * Its text lies in struct chat; greetings are composed from it (answer.h). It is
 * read whole, at the start and on SIGHUP; a file that can't be read leaves what
 * there was.
 */
#ifndef CHAT_MOTD_H
#define CHAT_MOTD_H

#include "chat/chat.h"

/* The largest that is accepted. */
#define MOTD_BYTES ((size_t)64 * 1024)

/* Reads `path` into `chat`. Returns 0; -EFBIG where it is larger than MOTD_BYTES, or another
 * -errno, and then nothing has changed. */
int motd_load(struct chat *chat, const char *path);

/* Frees the text. */
void motd_release(struct chat *chat);

#endif
