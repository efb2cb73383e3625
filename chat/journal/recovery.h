/*
 * recovery: reading a journal from its start to its end.
 *
 * Every good record is handed to the caller, in order. What is no record is
 * counted: damage with good records after it ("in the middle") is skipped, and
 * what follows the last good record (the tail that a crash left half written,
 * perhaps) is for the caller to cut off.
 *
 *      header | record | record | ###### | record | reco
 *                                 ^ middle          ^ tail: from end_bytes on
 *
 * When the power fails, blocks that were written late may be on the disk and
 * earlier ones not: those read as zeros. What follows such a hole was never
 * confirmed as synced, and is part of the tail. Records of the type
 * RECORD_SYNCED tell such a hole from damage that came later.
 *
 * Nothing is changed here. Memory is one window of two records.
 */
#ifndef CHAT_JOURNAL_RECOVERY_H
#define CHAT_JOURNAL_RECOVERY_H

#include "chat/journal/record.h"
#include "reactor/base/sys.h"

struct recovery {
    uint64_t records; /* good ones, those of unknown types included */
    uint64_t end_bytes; /* the end of the last good record; 0: the header is not whole */
    uint64_t middle_bytes; /* damaged, in front of a good record */
    uint64_t tail_bytes; /* after end_bytes */
    uint64_t hole_bytes; /* start of the first hole not known as synced; UINT64_MAX: none */
};

/* What is done with a good record: its texts are valid during the call. Returns 0, or -errno, which
 * ends the reading. */
typedef int recovery_visit(void *context, const struct record *record);

/* A visit that does nothing, for a first reading. */
int recovery_skip(void *context, const struct record *record);

/*
 * Reads `fd`, which stands at the file's start, to its end, or up to `limit_bytes`: what a first
 * reading found in `hole_bytes` is the limit of the second. Returns 0 with `recovery` filled in;
 * -EBADMSG if the file is no journal; what `visit` returned; -ENOMEM; or -errno of a read. A file
 * that ends inside the header, as one does whose writer died at once, is an empty journal whose
 * tail has to be cut.
 */
int recovery_read(struct recovery *recovery, struct sys *sys, int fd, uint64_t limit_bytes,
                  recovery_visit *visit, void *context);

#endif
