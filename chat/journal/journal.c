#include "chat/journal/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/journal/journal_internal.h"

/* How long something written may stay unsynced, with the policy `second`. */
#define SYNC_INTERVAL_NS NS_PER_SECOND

static struct sys *sys_of(const struct journal *journal)
{
    return journal->loop->sys;
}

void journal_path(const struct journal *journal, const char *suffix, char path[JOURNAL_PATH_MAX])
{
    (void)snprintf(path, JOURNAL_PATH_MAX, "%s%s", journal->path, suffix); /* its length is known */
}

/* --- files ------------------------------------------------------------------------------------ */

void journal_file_take(struct journal_file *file, int fd, uint64_t size)
{
    file->fd = fd;
    file->size = size;
    file->error = 0;
    file->written = file->synced = 0;
    file->synced_bytes = file->marked_bytes = 0;
}

void journal_file_drop(struct journal_file *file, struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    buffer_release(&file->gathered, sys);
    if (file->fd >= 0)
        (void)sys->close(sys, file->fd); /* what has to be on the disk was synced */
    file->fd = -1;
}

void journal_gather(struct journal_file *file, struct journal *journal, const struct record *record)
{
    size_t size = record_size(record);
    int rc = buffer_reserve(&file->gathered, sys_of(journal), size);
    if (rc < 0) {
        file->error = rc;
        return;
    }
    record_write(record, buffer_tail(&file->gathered));
    buffer_commit(&file->gathered, size);
}

/* Cuts off the part of a record that a write has left, as far as that can be done: a reader skips
 * it as well. */
static int cut_short_write(struct journal_file *file, struct journal *journal, ssize_t wrote)
{
    struct sys *sys = sys_of(journal);
    if (wrote > 0)
        (void)sys->truncate(sys, file->fd, (int64_t)file->size); /* see above */
    return wrote < 0 ? (int)wrote : -ENOSPC;
}

/* Says in the file how much of it is on the disk: for a reader that meets damage. */
static void mark_synced(struct journal_file *file, struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    struct record mark = {.type = RECORD_SYNCED, .stamp_ns = (int64_t)file->synced_bytes};
    char bytes[64];
    assert(record_size(&mark) <= sizeof(bytes));
    if (file->synced_bytes == file->marked_bytes)
        return;
    record_write(&mark, bytes);
    /* Without memory the next write says it. */
    if (buffer_prepend(&file->gathered, sys, bytes, record_size(&mark)) == 0)
        file->marked_bytes = file->synced_bytes;
}

/* Writes what is gathered, in one piece. Returns 0, or -errno. */
static int write_gathered(struct journal_file *file, struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    if (buffer_length(&file->gathered) == 0)
        return 0;
    mark_synced(file, journal);
    size_t size = buffer_length(&file->gathered);
    ssize_t wrote = sys->write(sys, file->fd, buffer_data(&file->gathered), size);
    if (wrote != (ssize_t)size)
        return cut_short_write(file, journal, wrote);
    buffer_consume(&file->gathered, size);
    buffer_trim(&file->gathered, sys);
    file->size += size;
    return 0;
}

/* Brings a file up to the last record, unless it is being synced. Returns whether it moved on. */
static bool bring_up(struct journal_file *file, struct journal *journal)
{
    if (!file || file->error || file->sync.under_way)
        return false;
    if (file->written == journal->added && buffer_length(&file->gathered) == 0)
        return false;
    file->error = write_gathered(file, journal);
    if (file->error == 0)
        file->written = journal->added;
    return true;
}

/* --- adding and writing ----------------------------------------------------------------------- */

void journal_distrust(struct journal *journal, int error)
{
    struct journal_file *file = journal->current;
    file->error = error;
    buffer_release(&file->gathered, sys_of(journal));
    log_write(journal->log, LOG_LEVEL_ERROR,
              "journal %s cannot be written: %s; what is said is not kept until it can be",
              journal->path, strerror(-error));
    event_set(&journal->outdated);
    wait_list_wake_all(&journal->waiting);
}

void journal_add(struct journal *journal, const struct record *record, bool walked)
{
    if (!journal->current)
        return;
    journal->added++;
    if (!journal->current->error) {
        journal_gather(journal->current, journal, record);
        if (journal->current->error)
            journal_distrust(journal, journal->current->error);
    }
    if (journal->fresh && !journal->fresh->error && (walked || !journal->walking))
        journal_gather(journal->fresh, journal, record);
}

void journal_put(struct journal *journal, const struct record *record)
{
    if (!journal->fresh->error)
        journal_gather(journal->fresh, journal, record);
}

static bool is_outdated(const struct journal *journal)
{
    uint64_t size = journal->current->size;
    return size > JOURNAL_REWRITE_MIN && size > 2 * journal->live_bytes;
}

/* What a file that has the name FILE can't take is an error of the journal. */
static void judge_files(struct journal *journal, bool trusted)
{
    int error = journal->current->error;
    if (!error && journal->renamed)
        error = journal->fresh->error;
    if (error && trusted)
        journal_distrust(journal, error);
    else if (!error && !journal->fresh && is_outdated(journal))
        event_set(&journal->outdated);
}

/* The hook: in front of the flush, so that nothing is sent before what it confirms is written. */
static bool write_turn(struct hook *hook)
{
    struct journal *journal = container_of(hook, struct journal, hook);
    if (!journal->current)
        return false;
    bool trusted = !journal->current->error;
    bool moved = bring_up(journal->current, journal);
    if (moved && journal->policy != CONFIG_SYNC_OFF)
        event_set(&journal->unsynced);
    if (bring_up(journal->fresh, journal))
        moved = true;
    if (moved) {
        judge_files(journal, trusted);
        wait_list_wake_all(&journal->waiting);
    }
    return false;
}

/* --- confirming ------------------------------------------------------------------------------- */

static bool is_confirmed(const struct journal *journal, uint64_t number)
{
    if (journal->policy == CONFIG_SYNC_ALWAYS)
        return journal->current->synced >= number;
    if (journal->handing_over && journal->fresh->written < number)
        return false;
    return journal->current->written >= number;
}

int journal_confirm(struct task *task, struct journal *journal, uint64_t number)
{
    if (!journal->current)
        return 0;
    bool failed = journal->current->error;
    int rc = task_wait(task, &journal->waiting, failed || is_confirmed(journal, number));
    if (rc != 0)
        return rc;
    return failed ? -EIO : 0;
}

int journal_wait_space(struct task *task, struct journal *journal)
{
    return task_wait(task, &journal->waiting, !journal_is_full(journal));
}

/* --- syncing ---------------------------------------------------------------------------------- */

/* Waits until the file is one that may be synced: not while another takes its place. */
static int wait_for_file(struct task *task, struct journal *journal)
{
    return task_wait(task, &journal->waiting, !journal->handing_over);
}

static bool needs_sync(const struct journal *journal)
{
    return journal->policy != CONFIG_SYNC_OFF && !journal->current->error &&
           journal->current->synced < journal->current->written;
}

static void note_synced(struct journal_file *file, const struct journal_syncer *syncer)
{
    if (syncer->covers > file->synced)
        file->synced = syncer->covers;
    if (syncer->covers_bytes > file->synced_bytes)
        file->synced_bytes = syncer->covers_bytes;
}

/* Notes what a sync came to. A cancelled wait says nothing about the file. */
static void note_sync(struct journal *journal, int result)
{
    struct journal_file *file = journal->current;
    if (result == 0)
        note_synced(file, &journal->syncer);
    else if (result < 0 && result != -ECANCELED && !file->error)
        journal_distrust(journal, result);
    wait_list_wake_all(&journal->waiting);
}

/* Notes what the sync that begins covers. */
static void begin_sync(struct journal *journal)
{
    journal->syncer.covers = journal->current->written;
    journal->syncer.covers_bytes = journal->current->size;
}

/* An orderly end leaves a file that says that all of it was on the disk. */
static void write_last_mark(struct journal *journal)
{
    struct journal_file *file = journal->current;
    if (file->error || file->sync.under_way || buffer_length(&file->gathered) > 0)
        return;
    mark_synced(file, journal);
    (void)write_gathered(file, journal); /* what it says is only of use after damage */
}

static int syncer_step(struct task *task)
{
    struct journal_syncer *const self = container_of(task, struct journal_syncer, task);
    struct journal *const journal = container_of(self, struct journal, syncer);

    TASK_BEGIN();
    while (self->rc != -ECANCELED) {
        TASK_AWAIT(self->rc, event_wait(task, &journal->unsynced));
        event_clear(&journal->unsynced);
        if (self->rc == 0 && journal->policy == CONFIG_SYNC_SECOND)
            TASK_AWAIT(self->rc, task_sleep(task, SYNC_INTERVAL_NS));
        if (self->rc == 0)
            TASK_AWAIT(self->rc, wait_for_file(task, journal));
        if (self->rc < 0 || !needs_sync(journal))
            continue;
        begin_sync(journal);
        TASK_AWAIT(self->rc, file_sync_wait(task, &journal->current->sync, journal->current->fd));
        note_sync(journal, self->rc);
    }
    /* The end: the last turn's records are written at its end, and synced once more. */
    task_shield(task);
    TASK_AWAIT(self->rc, task_sleep(task, 0));
    if (self->rc == 0 && needs_sync(journal)) {
        begin_sync(journal);
        TASK_AWAIT(self->rc, file_sync_wait(task, &journal->current->sync, journal->current->fd));
        note_sync(journal, self->rc);
    }
    write_last_mark(journal);
    task_unshield(task);
    TASK_RETURN(0);
    TASK_END();
}

/* --- life ------------------------------------------------------------------------------------- */

void journal_init(struct journal *journal, struct loop *loop, struct log *log)
{
    *journal = (struct journal){.loop = loop, .log = log, .hook.run = write_turn};
    journal->rewriter.folder = -1;
    for (int i = 0; i < 2; i++) {
        journal->files[i].fd = -1;
        journal->files[i].sync.descriptor.fd = -1;
    }
    event_init(&journal->unsynced);
    event_init(&journal->outdated);
    wait_list_init(&journal->waiting);
    loop_add_hook(loop, &journal->hook);
}

void journal_start(struct journal *journal, struct task_group *group, struct journal_source *source)
{
    if (!journal->current)
        return;
    journal->source = source;
    (void)task_group_spawn(group, &journal->syncer.task, "journal: sync", syncer_step);
    (void)task_group_spawn(group, &journal->rewriter.task, "journal: rewrite",
                           journal_rewriter_step);
}

void journal_close(struct journal *journal)
{
    loop_remove_hook(&journal->hook);
    for (int i = 0; i < 2; i++) {
        file_sync_close(&journal->files[i].sync);
        journal_file_drop(&journal->files[i], journal);
    }
    journal->current = NULL;
}
