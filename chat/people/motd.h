/*
 * motd: the message of the day, read from a file.
 *
 * It is read whole, at the start and on SIGHUP; a file that can't be read leaves
 * what there was. Greetings are composed from it as they are read (answer.h), and
 * who is in the middle of one when a new edition comes is shown the old one to
 * its end: an edition lives as long as somebody holds it.
 */
#ifndef CHAT_PEOPLE_MOTD_H
#define CHAT_PEOPLE_MOTD_H

#include "chat/people/chat.h"

/* The largest that is accepted. */
#define MOTD_BYTES ((size_t)64 * 1024)

/* One edition. */
struct motd {
    uint32_t holders; /* those who show it, and the chat while there is none newer */
    uint32_t length;
    char text[];
};

/* Reads `path`, a regular file, into `chat`. Returns 0; -EFBIG if it is larger than MOTD_BYTES,
 * -EINVAL if it is no regular file, or another -errno; and then nothing has changed. */
int motd_load(struct chat *chat, const char *path);

/* What an error of motd_load means to people. */
const char *motd_cause(int error);

/* Holds the edition, which may be NULL for none, until motd_drop. */
void motd_hold(struct motd *motd);

/* Lets it go, NULL being none: the last one to do so frees it. */
void motd_drop(struct motd *motd, struct sys *sys);

#endif
