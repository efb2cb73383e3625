/*
 * journal: what rooms remember, on the disk.
 *
 * Changes are added as records during a turn, and written with one write(2) at
 * the turn's end, by a hook that stands in front of the flush: nothing that a
 * client is sent confirms a change that is not in the file. Two tasks do the
 * rest: one syncs, the other writes the file anew, when most of it is outdated
 * or when it can't be trusted any more.
 *
 *      journal_add --> gathered --hook--> FILE --sync--> disk
 *                          \--------hook--> FILE.new      (while it is written anew)
 *
 * Rules:
 * - While a file is being synced nothing is written to it, since write(2) may
 *   block behind the sync. Records gather meanwhile; above JOURNAL_GATHERED_MAX
 *   the server reads from nobody (journal_wait_space).
 * - After a write or a sync that failed the file is never trusted again: it is
 *   written anew, from memory, as often as it takes. Until then nothing is
 *   confirmed, and the chat goes on.
 * - FILE.new takes FILE's place only when it is whole and synced. From shortly
 *   before the rename until that is on the disk, nothing is confirmed that is not
 *   in both, so a crash at any moment leaves a file with all that was confirmed.
 *
 * What is in memory is the caller's: it is walked through a journal_source.
 */
#ifndef CHAT_JOURNAL_JOURNAL_H
#define CHAT_JOURNAL_JOURNAL_H

#include "chat/config/config.h"
#include "chat/config/log.h"
#include "chat/journal/record.h"
#include "chat/journal/recovery.h"
#include "reactor/base/buffer.h"
#include "reactor/task/file_sync.h"
#include "reactor/task/sync.h"
#include "reactor/task/task_group.h"

/* Records that wait for a sync to end; above, the server reads from nobody. A disk that is busy for
 * a second has taken a thousand lines of 1 KiB by then. */
#define JOURNAL_GATHERED_MAX ((size_t)1024 * 1024)

/* A file below this is not worth writing anew. */
#define JOURNAL_REWRITE_MIN ((uint64_t)1024 * 1024)

/* The longest name of a journal: ".damaged" is added to it. */
#define JOURNAL_PATH_MAX 3072

struct journal;

/* What a file that is written anew holds. */
struct journal_source {
    /* A walk begins: nothing is walked past yet. */
    void (*begin)(struct journal_source *source);

    /* Puts some records more, with journal_put: some KiB, so that a turn stays short. Returns false
     * if nothing is left. What is walked past is added to both files from then on. */
    bool (*next)(struct journal_source *source, struct journal *journal);
};

/* A file that is appended to. */
struct journal_file {
    int fd; /* -1: not open */
    int error; /* -errno: not to be trusted any more; 0: it is */
    uint64_t size; /* bytes in it that are whole records */
    struct buffer gathered; /* records not yet written */
    uint64_t written; /* the number of the last record in it */
    uint64_t synced; /* ... that is on the disk */
    uint64_t synced_bytes; /* how much of the file is */
    uint64_t marked_bytes; /* how much the file itself says is */
    struct file_sync sync;
};

/* The task that syncs. */
struct journal_syncer {
    struct task task;
    struct frame frame;
    int rc;
    uint64_t covers; /* the last record that the sync under way covers */
    uint64_t covers_bytes; /* ... and how much of the file */
};

/* The task that writes the file anew. */
struct journal_rewriter {
    struct task task;
    struct frame frame;
    int rc;
    int64_t wait_ns; /* before this try */
    int64_t pause_ns; /* before the next one, if this one fails */
    int folder; /* that holds the file; -1: not open */
    uint64_t covers;
};

struct journal {
    struct loop *loop;
    struct log *log;
    const char *path;
    enum config_journal_sync policy;
    bool made; /* by this start: there was no file */
    bool can_sync; /* the file system has syncs that do not block */
    struct journal_source *source;
    struct hook hook;

    uint64_t added; /* the number of the last record */
    struct journal_file files[2];
    struct journal_file *current; /* FILE; NULL: there is no journal */
    struct journal_file *fresh; /* FILE.new; NULL: nothing is being written anew */
    bool walking; /* `fresh` does not hold everything yet */
    bool renamed; /* `fresh` has FILE's name, which may not be on the disk yet */
    bool handing_over; /* `fresh` is about to be `current`: what is confirmed is in both */
    uint64_t live_bytes; /* size of the file when it was last written anew */

    struct event unsynced; /* something is written and not synced */
    struct event outdated; /* the file should be written anew */
    struct wait_list waiting; /* for a confirmation, for space, or for any other progress */
    struct journal_syncer syncer;
    struct journal_rewriter rewriter;
};

/* Prepares a journal without a file, and puts its hook on the loop: before the fanout's, which has
 * to stand after it. Never fails. */
void journal_init(struct journal *journal, struct loop *loop, struct log *log);

/*
 * Opens `path`, which must outlive the journal, and reads it: `visit` is called with each record.
 * It is made if there is none. Blocks; for the start only. A torn tail is cut off; a file with
 * damage in its middle is copied to PATH.damaged and written anew by journal_start.
 * Returns 0 with a description of what was mended in `notes` ("": nothing); or -errno with nothing
 * left open: -EBADMSG if the file is no journal, -EWOULDBLOCK if another server holds it, -EISDIR
 * if it is no regular file, -EOPNOTSUPP if it can't be synced and `policy` is always, or what the
 * kernel said.
 */
#define JOURNAL_NOTES_TEXT 512
int journal_open(struct journal *journal, const char *path, enum config_journal_sync policy,
                 recovery_visit *visit, void *context, char notes[JOURNAL_NOTES_TEXT]);

/* Starts the two tasks in `group`, with `source` for files that are written anew. */
void journal_start(struct journal *journal, struct task_group *group,
                   struct journal_source *source);

/* Undoes a journal_open, for a start that fails later: a file that it made is removed. */
void journal_discard(struct journal *journal);

/* Closes everything. The tasks must have ended. Harmless on one that was only prepared. */
void journal_close(struct journal *journal);

/* Reads `path` and says in `report` what is in it. Returns true if all of it is good. */
bool journal_check(struct sys *sys, const char *path, char report[JOURNAL_NOTES_TEXT]);

/* Whether there is a file. */
static inline bool journal_is_open(const struct journal *journal)
{
    return journal->current != NULL;
}

/* Whether what is added can be written. True if there is no file. */
static inline bool journal_is_good(const struct journal *journal)
{
    return !journal->current || !journal->current->error;
}

/* Whether too many records are gathered: then nobody should be read from. */
static inline bool journal_is_full(const struct journal *journal)
{
    return journal->current && buffer_length(&journal->current->gathered) > JOURNAL_GATHERED_MAX;
}

/* Adds a change. `walked`: it belongs to what the walk under way is past. Never fails: without
 * memory the file is written anew. Nothing happens if there is no file. */
void journal_add(struct journal *journal, const struct record *record, bool walked);

/* For a source: puts a record into the file that is written anew. */
void journal_put(struct journal *journal, const struct record *record);

/* Waits until all that was added so far is confirmed: in the file, or on the disk, as the policy
 * says; `number` is the value of journal->added when the waiting began. Returns 0; -EIO if the file
 * can't be written now; -ECANCELED or -ETIMEDOUT. Without a file there is nothing to wait for. May
 * suspend. */
TASK_AWAITABLE int journal_confirm(struct task *task, struct journal *journal, uint64_t number);

/* Waits while journal_is_full. Returns 0, -ECANCELED or -ETIMEDOUT. May suspend. */
TASK_AWAITABLE int journal_wait_space(struct task *task, struct journal *journal);

#endif
