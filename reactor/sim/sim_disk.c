#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/sim/sim_internal.h"

/* What a power failure keeps or loses as one. */
#define BLOCK_BYTES ((size_t)512)

/* --- files that last ----------------------------------------------------------------------- */

static int door_open_update(struct sys *sys, const char *path, bool fresh)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor;
    int fault = sim_enter(sim, SIM_OPEN_UPDATE);
    if (fault < 0)
        return fault;
    if (sim_descriptors_full(sim) < 0)
        return -EMFILE;
    struct sim_file *file = sim_file_find(sim, path);
    if (file && fresh)
        return -EEXIST;
    if (file && file->kind == SYS_FILE_SOCKET)
        return -ENXIO;
    int fd = sim_descriptor_open(sim, SIM_KIND_FILE, &descriptor);
    descriptor->file = file ? file : sim_file_make(sim, path, SYS_FILE_REGULAR);
    descriptor->updates = true;
    sim_bytes_append(&descriptor->content, sim_bytes_text(&descriptor->file->content),
                     descriptor->file->content.size);
    return fd;
}

/* There is one folder. */
static int door_open_directory(struct sys *sys, const char *path)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor;
    (void)path;
    int fault = sim_enter(sim, SIM_OPEN_DIRECTORY);
    return fault < 0 ? fault : sim_descriptor_open(sim, SIM_KIND_DIRECTORY, &descriptor);
}

/* A folder's lock is the program's: there is no other one that asks for it. */
static int door_lock(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    int fault = sim_enter(sim, SIM_LOCK);
    if (fault < 0)
        return fault;
    struct sim_descriptor *descriptor = sim_any_descriptor_at(sim, fd, SIM_LOCK);
    if (descriptor->kind == SIM_KIND_DIRECTORY || descriptor->holds_lock)
        return 0;
    descriptor = sim_descriptor_at(sim, fd, SIM_KIND_FILE, SIM_LOCK);
    if (descriptor->file->locked)
        return -EWOULDBLOCK;
    descriptor->file->locked = descriptor->holds_lock = true;
    return 0;
}

static void keep_first(struct sim_bytes *bytes, size_t size)
{
    struct sim_bytes kept = {.data = NULL};
    sim_bytes_move(bytes, &kept, size);
    sim_bytes_clear(bytes);
    *bytes = kept;
}

static int door_truncate(struct sys *sys, int fd, int64_t size)
{
    struct sim *sim = sim_of(sys);
    struct sim_file *file = sim_descriptor_at(sim, fd, SIM_KIND_FILE, SIM_TRUNCATE)->file;
    int fault = sim_enter(sim, SIM_TRUNCATE);
    if (fault < 0)
        return fault;
    if ((size_t)size > file->content.size)
        sim_die(sim, "truncate: making a file longer is beyond this door");
    if (sim->disk_bytes != SIZE_MAX)
        sim->disk_bytes += file->content.size - (size_t)size;
    keep_first(&file->content, (size_t)size);
    return 0;
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(sim_own(size), text, size);
}

static int door_rename(struct sys *sys, const char *from, const char *to)
{
    struct sim *sim = sim_of(sys);
    int fault = sim_enter(sim, SIM_RENAME);
    if (fault < 0)
        return fault;
    struct sim_file *file = sim_file_find(sim, from);
    struct sim_file *replaced = sim_file_find(sim, to);
    if (!file)
        return -ENOENT;
    if (replaced)
        replaced->unlinked = true;
    free(file->path);
    file->path = copy_text(to);
    return 0;
}

/* A file's inode is where it stands in the order in which files were made. */
static void describe(const struct sim *sim, const struct sim_file *file, struct sys_file_info *info)
{
    *info = (struct sys_file_info){.kind = file->kind, .size = (int64_t)file->content.size};
    list_for_each(node, &sim->files) {
        info->inode++;
        if (node == &file->node)
            return;
    }
}

static int door_path_info(struct sys *sys, const char *path, struct sys_file_info *info)
{
    struct sim *sim = sim_of(sys);
    int fault = sim_enter(sim, SIM_PATH_INFO);
    *info = (struct sys_file_info){.kind = SYS_FILE_NONE};
    if (fault < 0)
        return fault;
    struct sim_file *file = sim_file_find(sim, path);
    if (file)
        describe(sim, file, info);
    return 0;
}

static int door_file_info(struct sys *sys, int fd, struct sys_file_info *info)
{
    struct sim *sim = sim_of(sys);
    int fault = sim_enter(sim, SIM_FILE_INFO);
    if (fault < 0)
        return fault;
    const struct sim_descriptor *descriptor = sim_any_descriptor_at(sim, fd, SIM_FILE_INFO);
    *info = (struct sys_file_info){.kind = SYS_FILE_OTHER};
    if (descriptor->file)
        describe(sim, descriptor->file, info);
    else if (descriptor->kind == SIM_KIND_FILE && !descriptor->is_fifo)
        info->kind = SYS_FILE_REGULAR; /* that is read: it has the content, but no file */
    return 0;
}

/* Nobody else starts in this kernel. */
static int door_lock_directory(struct sys *sys, const char *path)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor;
    (void)path; /* there is one directory */
    int fault = sim_enter(sim, SIM_LOCK_DIRECTORY);
    return fault < 0 ? fault : sim_descriptor_open(sim, SIM_KIND_DIRECTORY, &descriptor);
}

/* --- syncs --------------------------------------------------------------------------------- */

static void copy_bytes(struct sim_bytes *to, const struct sim_bytes *from)
{
    sim_bytes_clear(to);
    sim_bytes_append(to, sim_bytes_text(from), from->size);
}

static void make_names_durable(struct sim *sim)
{
    list_for_each(node, &sim->files) {
        struct sim_file *file = container_of(node, struct sim_file, node);
        free(file->durable_path);
        file->durable_path = file->unlinked ? NULL : copy_text(file->path);
    }
}

static int door_sync_open(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor;
    int fault = sim_enter(sim, SIM_SYNC_OPEN);
    if (fault < 0)
        return fault;
    struct sim_file *file = sim_any_descriptor_at(sim, fd, SIM_SYNC_OPEN)->file;
    int made = sim_descriptor_open(sim, SIM_KIND_SYNC, &descriptor);
    if (made >= 0 && file)
        copy_bytes(&file->durable, &file->content);
    else if (made >= 0)
        make_names_durable(sim);
    return made;
}

static int door_sync_start(struct sys *sys, int sync, int fd)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *at = sim_descriptor_at(sim, sync, SIM_KIND_SYNC, SIM_SYNC_START);
    const struct sim_descriptor *synced = sim_any_descriptor_at(sim, fd, SIM_SYNC_START);
    int fault = sim_enter(sim, SIM_SYNC_START);
    if (fault < 0)
        return fault;
    if (at->due_ns)
        sim_die(sim, "sync_start: a sync is under way");
    at->due_ns = time_after(sim->now_ns, sim->options.sync_ns);
    at->file = synced->file;
    at->syncs_names = synced->kind == SIM_KIND_DIRECTORY;
    if (at->file)
        copy_bytes(&at->synced, &at->file->content);
    return 0;
}

static int door_sync_result(struct sys *sys, int sync)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *at = sim_descriptor_at(sim, sync, SIM_KIND_SYNC, SIM_SYNC_RESULT);
    if (!at->due_ns || at->due_ns > sim->now_ns)
        return -EAGAIN;
    at->due_ns = 0;
    int fault = sim_enter(sim, SIM_SYNC_RESULT);
    if (fault == 0 && at->syncs_names)
        make_names_durable(sim);
    else if (fault == 0)
        copy_bytes(&at->file->durable, &at->synced);
    at->file = NULL;
    return fault;
}

/* The next sync that is under way, by descriptor from *at on; NULL: there is none. */
static struct sim_descriptor *next_sync(const struct sim *sim, int *at)
{
    while (*at < sim->descriptors_size) {
        struct sim_descriptor *found = sim->descriptors[(*at)++];
        if (found && found->kind == SIM_KIND_SYNC && found->due_ns)
            return found;
    }
    return NULL;
}

void sim_disk_deliver(struct sim *sim)
{
    struct sim_descriptor *sync;
    for (int at = 0; (sync = next_sync(sim, &at));)
        if (sync->due_ns <= sim->now_ns)
            sim_happened(sync);
}

/* It can always be written to, as an eventfd. */
uint32_t sim_disk_ready(const struct sim *sim, const struct sim_descriptor *sync)
{
    bool ended = sync->due_ns && sync->due_ns <= sim->now_ns;
    return ended ? SYS_READABLE | SYS_WRITABLE : SYS_WRITABLE;
}

/* A sync that has ended and whose result was not taken is no event again. */
int64_t sim_disk_next_ns(const struct sim *sim)
{
    int64_t next_ns = TIME_NEVER;
    const struct sim_descriptor *sync;
    for (int at = 0; (sync = next_sync(sim, &at));)
        if (sync->due_ns < next_ns)
            next_ns = sync->due_ns;
    return next_ns;
}

void sim_disk_close(struct sim_descriptor *descriptor)
{
    if (descriptor->holds_lock)
        descriptor->file->locked = false;
    sim_bytes_clear(&descriptor->content);
    sim_bytes_clear(&descriptor->synced);
}

/* --- what a test does ---------------------------------------------------------------------- */

size_t sim_file_bytes(struct sim *sim, const char *path)
{
    const struct sim_file *file = sim_file_find(sim, path);
    return file ? file->content.size : 0;
}

void sim_lock_file(struct sim *sim, const char *path, bool locked)
{
    struct sim_file *file = sim_file_find(sim, path);
    if (!file)
        file = sim_file_make(sim, path, SYS_FILE_REGULAR);
    file->locked = locked;
}

void sim_disk_limit(struct sim *sim, size_t bytes)
{
    sim->disk_bytes = bytes;
}

void sim_kill(struct sim *sim)
{
    for (int i = 0; i < sim->descriptors_size; i++) {
        if (sim->descriptors[i])
            sim_descriptor_close(sim, sim->descriptors[i]);
    }
    sim->signals = NULL;
    sim->signals_awaited = sim->signals_pending = 0;
    sim_free_blocks(sim);
}

/* Puts together what a power failure leaves of a content: of each block the old bytes or the new,
 * and some length between the two. Bytes that never arrived are zero. */
static void tear(struct sim *sim, struct sim_bytes *content, const struct sim_bytes *durable)
{
    struct sim_bytes torn = {.data = NULL};
    size_t size = durable->size;
    if (content->size > size)
        size += sim_random(sim, content->size - size + 1);
    for (size_t at = 0; at < size; at += BLOCK_BYTES) {
        static const char zeros[BLOCK_BYTES];
        size_t length = size - at < BLOCK_BYTES ? size - at : BLOCK_BYTES;
        const struct sim_bytes *from = sim_random(sim, 2) ? content : durable;
        size_t there = from->size > at ? from->size - at : 0;
        there = there < length ? there : length;
        if (there > 0)
            sim_bytes_append(&torn, sim_bytes_text(from) + at, there);
        sim_bytes_append(&torn, zeros, length - there);
    }
    sim_bytes_clear(content);
    *content = torn;
}

void sim_cut_power(struct sim *sim)
{
    sim_kill(sim);
    bool names_arrived = sim_random(sim, 2);
    if (names_arrived)
        make_names_durable(sim);
    list_for_each(node, &sim->files) {
        struct sim_file *file = container_of(node, struct sim_file, node);
        if (file->kind != SYS_FILE_REGULAR)
            continue;
        file->unlinked = !file->durable_path;
        if (file->durable_path) {
            free(file->path);
            file->path = copy_text(file->durable_path);
        }
        tear(sim, &file->content, &file->durable);
        copy_bytes(&file->durable, &file->content);
    }
}

void sim_disk_install(struct sys *sys)
{
    sys->open_update = door_open_update;
    sys->open_directory = door_open_directory;
    sys->lock = door_lock;
    sys->lock_directory = door_lock_directory;
    sys->truncate = door_truncate;
    sys->rename = door_rename;
    sys->path_info = door_path_info;
    sys->file_info = door_file_info;
    sys->sync_open = door_sync_open;
    sys->sync_start = door_sync_start;
    sys->sync_result = door_sync_result;
}
