/*
 * journal_internal: the parts of the journal. Private to journal/.
 *
 *   journal.c          adding, the hook that writes, confirming, syncing
 *   journal_rewrite.c  writing the file anew
 *   journal_open.c     the start: reading, mending, checking
 */
#ifndef CHAT_JOURNAL_JOURNAL_INTERNAL_H
#define CHAT_JOURNAL_JOURNAL_INTERNAL_H

#include "chat/journal/journal.h"

/* FILE is not to be trusted any more, for `error` (-errno): nothing is confirmed until it has been
 * written anew. Said in the log, once. */
void journal_distrust(struct journal *journal, int error);

/* Appends a record to what is gathered for `file`; without memory the file has an error. */
void journal_gather(struct journal_file *file, struct journal *journal,
                    const struct record *record);

/* Makes `file` stand for `fd`, with `size` bytes in it. */
void journal_file_take(struct journal_file *file, int fd, uint64_t size);

/* Closes the descriptor, if it is open, and drops what is gathered. */
void journal_file_drop(struct journal_file *file, struct journal *journal);

/* PATH with ".new" or ".damaged" added. */
void journal_path(const struct journal *journal, const char *suffix, char path[JOURNAL_PATH_MAX]);

/* The step of the task that writes the file anew. */
int journal_rewriter_step(struct task *task);

#endif
