#include <errno.h>
#include <string.h>

#include "chat/journal/journal_internal.h"

/* How long one turn may walk. */
#define SLICE_NS NS_PER_MS

/* What one turn may put: a write of so much takes no longer than a slice. */
#define SLICE_BYTES ((size_t)256 * 1024)

/* Between two tries to write the file anew. */
#define PAUSE_MIN_NS NS_PER_SECOND
#define PAUSE_MAX_NS (60 * NS_PER_SECOND)

static struct sys *sys_of(const struct journal *journal)
{
    return journal->loop->sys;
}

/* The file that is not `current`. */
static struct journal_file *other_file(struct journal *journal)
{
    return journal->current == &journal->files[0] ? &journal->files[1] : &journal->files[0];
}

/* Makes FILE.new, empty, and locks it before it gets FILE's name: no other server may open it. */
static int open_fresh(struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    char path[JOURNAL_PATH_MAX];
    journal_path(journal, ".new", path);
    (void)sys->unlink(sys, path); /* of a server that died: we hold FILE's lock */
    int fd = sys->open_update(sys, path, true);
    if (fd < 0)
        return fd;
    int rc = sys->lock(sys, fd);
    if (rc < 0) {
        (void)sys->close(sys, fd); /* nothing is in it */
        (void)sys->unlink(sys, path); /* the next try does it again */
        return rc;
    }
    return fd;
}

static int begin(struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    struct journal_file *file = other_file(journal);
    int folder = sys->open_directory(sys, journal->path);
    if (folder < 0)
        return folder;
    int fd = open_fresh(journal);
    if (fd < 0) {
        (void)sys->close(sys, folder); /* it was only opened */
        return fd;
    }
    journal->rewriter.folder = folder;
    journal_file_take(file, fd, 0);
    journal->fresh = file;
    journal->walking = true;
    file->error = buffer_append(&file->gathered, sys, RECORD_HEADER, RECORD_HEADER_BYTES);
    journal->source->begin(journal->source);
    return file->error;
}

/* Puts some of what is in memory. Returns whether more is left. */
static bool walk_slice(struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    int64_t until_ns = time_after(sys->monotonic_ns(sys), SLICE_NS);
    do {
        if (!journal->source->next(journal->source, journal)) {
            journal->walking = false;
            return false;
        }
    } while (sys->monotonic_ns(sys) < until_ns &&
             buffer_length(&journal->fresh->gathered) < SLICE_BYTES);
    return true;
}

/* Waits until all that was put is in the file. */
static int wait_written(struct task *task, struct journal *journal)
{
    struct journal_file *file = journal->fresh;
    int rc = task_wait(task, &journal->waiting, file->error || !buffer_length(&file->gathered));
    return rc == 0 ? file->error : rc;
}

/* Waits until what is in the file is on the disk. */
static int wait_synced(struct task *task, struct journal *journal, int fd)
{
    if (journal->fresh->error)
        return journal->fresh->error;
    return journal->can_sync ? file_sync_wait(task, &journal->fresh->sync, fd) : 0;
}

/* Waits until nobody syncs the old file. */
static int wait_idle(struct task *task, struct journal *journal)
{
    const struct file_sync *sync = &journal->current->sync;
    return task_wait(task, &journal->waiting, !sync->task && !sync->under_way);
}

static int move_into_place(struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    char path[JOURNAL_PATH_MAX];
    journal_path(journal, ".new", path);
    int rc = sys->rename(sys, path, journal->path);
    journal->renamed = rc == 0;
    return rc;
}

static void close_folder(struct journal *journal)
{
    struct sys *sys = sys_of(journal);
    if (journal->rewriter.folder >= 0)
        (void)sys->close(sys, journal->rewriter.folder); /* it was only synced */
    journal->rewriter.folder = -1;
}

static void end_hand_over(struct journal *journal)
{
    journal->fresh = NULL;
    journal->walking = journal->renamed = journal->handing_over = false;
    close_folder(journal);
    wait_list_wake_all(&journal->waiting);
}

/* FILE is the new one from here on. */
static void take_over(struct journal *journal)
{
    struct journal_file *old = journal->current;
    if (old->error)
        log_write(journal->log, LOG_LEVEL_INFO, "journal %s is written again", journal->path);
    if (journal->rewriter.covers > journal->fresh->synced)
        journal->fresh->synced = journal->rewriter.covers;
    journal->current = journal->fresh;
    journal->live_bytes = journal->current->size;
    journal->rewriter.pause_ns = PAUSE_MIN_NS;
    journal_file_drop(old, journal);
    end_hand_over(journal);
    event_set(&journal->unsynced);
}

/* Removes the new file; if it has FILE's name already, there is no other to be trusted. */
static void give_up(struct journal *journal, int error)
{
    struct sys *sys = sys_of(journal);
    bool renamed = journal->renamed;
    if (journal->fresh) {
        char path[JOURNAL_PATH_MAX];
        journal_path(journal, ".new", path);
        journal_file_drop(journal->fresh, journal);
        if (!renamed)
            (void)sys->unlink(sys, path); /* the next try does it again */
    }
    end_hand_over(journal);
    if (error == -ECANCELED)
        return;
    if (renamed && !journal->current->error)
        journal_distrust(journal, error);
    if (journal->current->error) {
        event_set(&journal->outdated);
        return;
    }
    log_write(journal->log, LOG_LEVEL_WARN, "journal %s could not be shortened: %s", journal->path,
              strerror(-error));
    journal->live_bytes = journal->current->size; /* it may double before the next try */
}

/* How long to wait before a try: not at all if the file is merely long. */
static int64_t next_pause(struct journal *journal)
{
    struct journal_rewriter *self = &journal->rewriter;
    if (!journal->current->error)
        return 0;
    int64_t pause_ns = self->pause_ns ? self->pause_ns : PAUSE_MIN_NS;
    self->pause_ns = 2 * pause_ns < PAUSE_MAX_NS ? 2 * pause_ns : PAUSE_MAX_NS;
    return pause_ns;
}

int journal_rewriter_step(struct task *task)
{
    struct journal_rewriter *const self = container_of(task, struct journal_rewriter, task);
    struct journal *const journal = container_of(self, struct journal, rewriter);

    TASK_BEGIN();
    while (self->rc != -ECANCELED) {
        TASK_AWAIT(self->rc, event_wait(task, &journal->outdated));
        event_clear(&journal->outdated);
        self->wait_ns = next_pause(journal);
        if (self->rc == 0)
            TASK_AWAIT(self->rc, task_sleep(task, self->wait_ns));
        if (self->rc < 0)
            continue;

        /* 1. Everything in memory goes to FILE.new, and every change to both. */
        self->rc = begin(journal);
        while (self->rc == 0 && walk_slice(journal))
            TASK_AWAIT(self->rc, wait_written(task, journal));
        if (self->rc == 0)
            TASK_AWAIT(self->rc, wait_written(task, journal));
        if (self->rc == 0)
            TASK_AWAIT(self->rc, wait_synced(task, journal, journal->fresh->fd));

        /* 2. What was said meanwhile, too; from here on both confirm, or nothing is. */
        journal->handing_over = self->rc == 0;
        if (self->rc == 0)
            TASK_AWAIT(self->rc, wait_idle(task, journal));
        if (self->rc == 0)
            TASK_AWAIT(self->rc, wait_written(task, journal));
        self->covers = self->rc == 0 ? journal->fresh->written : 0;
        if (self->rc == 0)
            TASK_AWAIT(self->rc, wait_synced(task, journal, journal->fresh->fd));

        /* 3. It gets FILE's name, on the disk as well. */
        if (self->rc == 0)
            self->rc = move_into_place(journal);
        if (self->rc == 0)
            TASK_AWAIT(self->rc, wait_synced(task, journal, self->folder));
        if (self->rc == 0)
            take_over(journal);
        else
            give_up(journal, self->rc);
    }
    TASK_RETURN(0);
    TASK_END();
}
