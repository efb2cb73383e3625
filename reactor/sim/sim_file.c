#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/sim/sim_internal.h"

struct sim_file *sim_file_find(struct sim *sim, const char *path)
{
    list_for_each(node, &sim->files) {
        struct sim_file *file = container_of(node, struct sim_file, node);
        if (!file->unlinked && strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

struct sim_file *sim_file_make(struct sim *sim, const char *path, enum sys_file_kind kind)
{
    struct sim_file *file = sim_own(sizeof *file);
    size_t size = strlen(path) + 1;
    file->path = sim_own(size);
    memcpy(file->path, path, size);
    file->kind = kind;
    list_append(&file->node, &sim->files);
    return file;
}

void sim_file_free(struct sim_file *file)
{
    list_remove(&file->node);
    sim_bytes_clear(&file->content);
    sim_bytes_clear(&file->durable);
    free(file->durable_path);
    free(file->path);
    free(file);
}

void sim_write_file(struct sim *sim, const char *path, const char *text)
{
    struct sim_file *file = sim_file_find(sim, path);
    if (!file)
        file = sim_file_make(sim, path, SYS_FILE_REGULAR);
    sim_bytes_clear(&file->content);
    sim_bytes_append(&file->content, text, strlen(text));
}

void sim_make_fifo(struct sim *sim, const char *path)
{
    sim_write_file(sim, path, "");
    sim_file_find(sim, path)->kind = SYS_FILE_OTHER;
}

const char *sim_file_text(struct sim *sim, const char *path)
{
    struct sim_file *file = sim_file_find(sim, path);
    return file ? sim_bytes_text(&file->content) : NULL;
}

void sim_stop_output(struct sim *sim, bool stopped)
{
    sim->output_is_stopped = stopped;
}

const char *sim_output(struct sim *sim, int fd)
{
    if (fd < 1 || fd >= SIM_STANDARD_DESCRIPTORS)
        sim_die(sim, "sim_output: %d is neither standard output nor error", fd);
    return sim_bytes_text(&sim->output[fd]);
}

/* A reader has the content as it is now; a real one would see later writes, which nobody needs. */
static int door_open_read(struct sys *sys, const char *path)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor;
    int fault = sim_enter(sim, SIM_OPEN_READ);
    if (fault < 0)
        return fault;
    if (sim_descriptors_full(sim) < 0) /* Linux looks for a number before it looks for the file. */
        return -EMFILE;
    struct sim_file *file = sim_file_find(sim, path);
    if (!file)
        return -ENOENT;
    if (file->kind == SYS_FILE_SOCKET)
        return -ENXIO;
    int fd = sim_descriptor_open(sim, SIM_KIND_FILE, &descriptor);
    descriptor->is_fifo = file->kind == SYS_FILE_OTHER;
    sim_bytes_append(&descriptor->content, sim_bytes_text(&file->content), file->content.size);
    return fd;
}

static int door_open_write(struct sys *sys, const char *path)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor;
    int fault = sim_enter(sim, SIM_OPEN_WRITE);
    if (fault < 0)
        return fault;
    if (sim_descriptors_full(sim) < 0)
        return -EMFILE;
    struct sim_file *file = sim_file_find(sim, path);
    if (file && file->kind == SYS_FILE_SOCKET)
        return -ENXIO;
    int fd = sim_descriptor_open(sim, SIM_KIND_FILE, &descriptor);
    descriptor->file = file ? file : sim_file_make(sim, path, SYS_FILE_REGULAR);
    sim_bytes_clear(&descriptor->file->content);
    return fd;
}

static ssize_t door_read(struct sys *sys, int fd, void *buffer, size_t size)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor = sim_descriptor_at(sim, fd, SIM_KIND_FILE, SIM_READ);
    int fault = sim_enter(sim, SIM_READ);
    if (fault < 0)
        return fault;
    if (descriptor->file && !descriptor->updates)
        return -EBADF;
    return (ssize_t)sim_bytes_take(&descriptor->content, buffer, size);
}

/* Somebody reads, unless the test has stopped it. */
static int door_takes(struct sys *sys, int fd, int64_t timeout_ns)
{
    struct sim *sim = sim_of(sys);
    (void)sim_enter(sim, SIM_TAKES);
    if (!sim->output_is_stopped || fd >= SIM_STANDARD_DESCRIPTORS)
        return 1;
    sim_advance(sim, timeout_ns);
    return 0;
}

static ssize_t door_write(struct sys *sys, int fd, const void *data, size_t size)
{
    struct sim *sim = sim_of(sys);
    struct sim_bytes *content;
    int fault = sim_enter(sim, SIM_WRITE);
    if (fault < 0)
        return fault;
    if (fd == 1 || fd == 2) {
        content = &sim->output[fd];
    } else {
        struct sim_file *file = sim_descriptor_at(sim, fd, SIM_KIND_FILE, SIM_WRITE)->file;
        if (!file)
            return -EBADF;
        content = &file->content;
        if (size > 0 && sim->disk_bytes == 0)
            return -ENOSPC;
        size = size < sim->disk_bytes ? size : sim->disk_bytes;
        if (sim->disk_bytes != SIZE_MAX)
            sim->disk_bytes -= size;
    }
    sim_bytes_append(content, data, size);
    return (ssize_t)size;
}

static int door_unlink(struct sys *sys, const char *path)
{
    struct sim *sim = sim_of(sys);
    int fault = sim_enter(sim, SIM_UNLINK);
    if (fault < 0)
        return fault;
    struct sim_file *file = sim_file_find(sim, path);
    if (!file)
        return -ENOENT;
    file->unlinked = true;
    return 0;
}

void sim_file_install(struct sys *sys)
{
    sys->open_read = door_open_read;
    sys->open_write = door_open_write;
    sys->read = door_read;
    sys->takes = door_takes;
    sys->write = door_write;
    sys->unlink = door_unlink;
}
