#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chat/journal/journal_internal.h"

/* How often a name may come to stand for another file while it is opened and locked. */
#define OPEN_TRIES 8

static struct sys *sys_of(const struct journal *journal)
{
    return journal->loop->sys;
}

/* Adds a sentence to the notes. */
static void note(char notes[JOURNAL_NOTES_TEXT], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(char notes[JOURNAL_NOTES_TEXT], const char *format, ...)
{
    size_t length = strlen(notes);
    va_list arguments;
    if (length > 0)
        length += (size_t)snprintf(notes + length, JOURNAL_NOTES_TEXT - length, "; ");
    va_start(arguments, format);
    if (length < JOURNAL_NOTES_TEXT)
        (void)vsnprintf(notes + length, JOURNAL_NOTES_TEXT - length, format, arguments);
    va_end(arguments);
}

/* Whether PATH still stands for `fd`: a server that has just ended may have written it anew. */
static int is_same_file(const struct journal *journal, int fd)
{
    struct sys *sys = sys_of(journal);
    struct sys_file_info opened;
    struct sys_file_info named;
    int rc = sys->file_info(sys, fd, &opened);
    if (rc == 0)
        rc = sys->path_info(sys, journal->path, &named);
    if (rc != 0)
        return rc;
    if (opened.kind != SYS_FILE_REGULAR)
        return -EISDIR;
    return named.device == opened.device && named.inode == opened.inode;
}

/* Opens and locks the file, and makes it if there is none. Returns its descriptor. */
static int open_locked(const struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    for (int i = 0; i < OPEN_TRIES; i++) {
        int fd = sys->open_update(sys, journal->path, false);
        if (fd < 0)
            return fd;
        int rc = sys->lock(sys, fd);
        if (rc == 0)
            rc = is_same_file(journal, fd);
        if (rc > 0)
            return fd;
        (void)sys->close(sys, fd); /* nothing was written */
        if (rc < 0)
            return rc;
    }
    return -EWOULDBLOCK;
}

/* --- mending ---------------------------------------------------------------------------------- */

static int copy_bytes(int from, struct sys *sys, int to)
{
    char bytes[16 * 1024];
    ssize_t got;
    while ((got = sys->read(sys, from, bytes, sizeof(bytes))) > 0) {
        ssize_t wrote = sys->write(sys, to, bytes, (size_t)got);
        if (wrote != got)
            return wrote < 0 ? (int)wrote : -ENOSPC;
    }
    return (int)got;
}

/* Keeps a copy of the damaged file, so that a person can look at it. */
static int keep_damaged(const struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    char path[JOURNAL_PATH_MAX];
    journal_path(journal, ".damaged", path);
    int from = sys->open_read(sys, journal->path);
    if (from < 0)
        return from;
    int to = sys->open_write(sys, path);
    int rc = to < 0 ? to : copy_bytes(from, sys, to);
    (void)sys->close(sys, from); /* it was only read */
    if (to >= 0)
        (void)sys->close(sys, to); /* a copy: losing it loses nothing */
    return rc;
}

/* Cuts a torn tail, and begins a file that has no header. */
static int mend_tail(struct journal *journal, int fd, struct recovery *found)
{
    struct sys *sys = sys_of(journal);
    if (found->tail_bytes > 0) {
        int rc = sys->truncate(sys, fd, (int64_t)found->end_bytes);
        if (rc < 0)
            return rc;
    }
    if (found->end_bytes > 0)
        return 0;
    ssize_t wrote = sys->write(sys, fd, RECORD_HEADER, RECORD_HEADER_BYTES);
    if (wrote != (ssize_t)RECORD_HEADER_BYTES)
        return wrote < 0 ? (int)wrote : -ENOSPC;
    found->end_bytes = RECORD_HEADER_BYTES;
    return 0;
}

static int mend(struct journal *journal, int fd, struct recovery *found,
                char notes[JOURNAL_NOTES_TEXT])
{
    if (found->middle_bytes > 0) {
        int rc = keep_damaged(journal);
        if (rc < 0)
            return rc;
        note(notes, "skipped %" PRIu64 " damaged bytes in its middle and kept it as %s.damaged",
             found->middle_bytes, journal->path);
        event_set(&journal->outdated);
    }
    uint64_t tail_bytes = found->tail_bytes;
    int rc = mend_tail(journal, fd, found);
    if (rc == 0 && tail_bytes > 0)
        note(notes, "cut %" PRIu64 " bytes of a record that was not finished", tail_bytes);
    return rc;
}

/* --- syncs ------------------------------------------------------------------------------------ */

/* Puts on the disk what was mended, and the file's name; from here on the loop's syncs do it. */
static int open_syncs(struct journal *journal, int fd, char notes[JOURNAL_NOTES_TEXT])
{
    struct sys *sys = sys_of(journal);
    int rc = 0;
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = file_sync_open(&journal->files[i].sync, journal->loop, fd);
    journal->can_sync = rc == 0;
    if (rc < 0) {
        if (journal->policy == CONFIG_SYNC_ALWAYS)
            return rc == -ENOMEM || rc == -EMFILE ? rc : -EOPNOTSUPP;
        if (journal->policy == CONFIG_SYNC_SECOND)
            note(notes,
                 "it cannot be synced without blocking (%s): a crash of the machine may lose lines",
                 strerror(-rc));
        journal->policy = CONFIG_SYNC_OFF;
        return 0;
    }
    int folder = sys->open_directory(sys, journal->path);
    if (folder < 0)
        return folder;
    int synced = sys->sync_open(sys, folder); /* a sync that blocks is all that is wanted */
    if (synced >= 0)
        (void)sys->close(sys, synced); /* some file systems have no sync of folders */
    (void)sys->close(sys, folder);
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* The first reading: how far the file may be read. */
static int find_limit(const struct journal *journal, uint64_t *limit_bytes)
{
    struct sys *sys = sys_of(journal);
    struct recovery found;
    int fd = sys->open_read(sys, journal->path);
    if (fd < 0)
        return fd;
    int rc = recovery_read(&found, sys, fd, UINT64_MAX, recovery_skip, NULL);
    (void)sys->close(sys, fd); /* it was only read */
    *limit_bytes = found.hole_bytes;
    return rc;
}

/* What lies beyond the limit is part of the tail. */
static int count_tail(const struct journal *journal, int fd, struct recovery *found)
{
    struct sys *sys = sys_of(journal);
    struct sys_file_info info;
    int rc = sys->file_info(sys, fd, &info);
    if (rc == 0)
        found->tail_bytes = (uint64_t)info.size - found->end_bytes;
    return rc;
}

static int read_and_mend(struct journal *journal, int fd, recovery_visit *visit, void *context,
                         char notes[JOURNAL_NOTES_TEXT])
{
    struct recovery found;
    uint64_t limit_bytes;
    int rc = find_limit(journal, &limit_bytes);
    if (rc == 0)
        rc = recovery_read(&found, sys_of(journal), fd, limit_bytes, visit, context);
    if (rc == 0)
        rc = count_tail(journal, fd, &found);
    if (rc == 0)
        rc = mend(journal, fd, &found, notes);
    if (rc == 0)
        rc = open_syncs(journal, fd, notes);
    if (rc == 0)
        journal_file_take(&journal->files[0], fd, found.end_bytes);
    return rc;
}

static void remove_if_made(const struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    if (journal->made)
        (void)sys->unlink(sys, journal->path); /* nothing was kept in it */
}

void journal_discard(struct journal *journal)
{
    if (journal->current)
        remove_if_made(journal);
}

int journal_open(struct journal *journal, const char *path, enum config_journal_sync policy,
                 recovery_visit *visit, void *context, char notes[JOURNAL_NOTES_TEXT])
{
    struct sys *sys = sys_of(journal);
    notes[0] = '\0';
    if (strlen(path) + sizeof(".damaged") > JOURNAL_PATH_MAX)
        return -ENAMETOOLONG;
    journal->path = path;
    journal->policy = policy;
    struct sys_file_info before;
    int fd = sys->path_info(sys, path, &before);
    journal->made = fd == 0 && before.kind == SYS_FILE_NONE;
    if (fd == 0)
        fd = open_locked(journal);
    if (fd < 0)
        return fd;
    int rc = read_and_mend(journal, fd, visit, context, notes);
    if (rc < 0) {
        remove_if_made(journal);
        (void)sys->close(sys, fd); /* the failure is what counts */
        for (int i = 0; i < 2; i++)
            file_sync_close(&journal->files[i].sync);
        return rc;
    }
    journal->current = &journal->files[0];
    return 0;
}

bool journal_check(struct sys *sys, const char *path, char report[JOURNAL_NOTES_TEXT])
{
    struct recovery found;
    int fd = sys->open_read(sys, path);
    int rc = fd < 0 ? fd : recovery_read(&found, sys, fd, UINT64_MAX, recovery_skip, NULL);
    if (fd >= 0)
        (void)sys->close(sys, fd); /* it was only read */
    report[0] = '\0';
    if (rc < 0) {
        note(report, "%s: %s", path, rc == -EBADMSG ? "is not a journal" : strerror(-rc));
        return false;
    }
    note(report, "%s: %" PRIu64 " good records in %" PRIu64 " bytes", path, found.records,
         found.end_bytes - found.middle_bytes);
    if (found.middle_bytes > 0)
        note(report, "%" PRIu64 " damaged bytes in the middle", found.middle_bytes);
    if (found.tail_bytes > 0)
        note(report, "%" PRIu64 " bytes at the end are no record", found.tail_bytes);
    return found.middle_bytes == 0 && found.tail_bytes == 0 && found.end_bytes > 0;
}
