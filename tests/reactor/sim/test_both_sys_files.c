/* Both doors answer alike about files that last: names, locks, and syncs that do not block. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reactor/base/clock.h"
#include "tests/support/probe.h"

TestSuite(both_sys_files, .timeout = 60);

/* A free name in the folder for temporary files. */
static void make_path(char path[64])
{
    static int run;
    snprintf(path, 64, "/tmp/test_both_sys_files.%d.%d", (int)getpid(), run++);
}

static void note_content(struct probe *probe, int fd)
{
    char text[32] = "";
    (void)probe->sys->read(probe->sys, fd, text, sizeof(text) - 1);
    probe_note(probe, "'%s' ", text);
}

static void update(struct probe *probe)
{
    struct sys *sys = probe->sys;
    char path[64];
    make_path(path);
    int fd = sys->open_update(sys, path, true);
    probe_note_result(probe, "again", sys->open_update(sys, path, true));
    probe_note_result(probe, "write", sys->write(sys, fd, "one two", 7));
    probe_note_result(probe, "cut", sys->truncate(sys, fd, 4));
    probe_note_result(probe, "more", sys->write(sys, fd, "three", 5));
    sys->close(sys, fd);
    fd = sys->open_update(sys, path, false);
    note_content(probe, fd);
    probe_note_result(probe, "append", sys->write(sys, fd, "!", 1));
    sys->close(sys, fd);
    fd = sys->open_read(sys, path);
    note_content(probe, fd);
    sys->close(sys, fd);
    probe_note_result(probe, "unlink", sys->unlink(sys, path));
}

Test(both_sys_files, what_is_updated_is_read_from_its_start_and_appended_to)
{
    probe_expect(update, "again=File exists write=7 cut=0 more=5 'one three' append=1 "
                         "'one three!' unlink=0 ");
}

static void lock(struct probe *probe)
{
    struct sys *sys = probe->sys;
    char path[64];
    make_path(path);
    int first = sys->open_update(sys, path, true);
    int second = sys->open_update(sys, path, false);
    probe_note_result(probe, "first", sys->lock(sys, first));
    probe_note_result(probe, "twice", sys->lock(sys, first));
    probe_note_result(probe, "second", sys->lock(sys, second));
    sys->close(sys, first);
    probe_note_result(probe, "free", sys->lock(sys, second));
    int folder = sys->open_directory(sys, path);
    probe_note_result(probe, "folder", sys->lock(sys, folder));
    sys->close(sys, second);
    sys->close(sys, folder);
    probe_note_result(probe, "unlink", sys->unlink(sys, path));
}

Test(both_sys_files, one_descriptor_holds_a_lock_until_it_is_closed)
{
    probe_expect(lock, "first=0 twice=0 second=Resource temporarily unavailable free=0 folder=0 "
                       "unlink=0 ");
}

static void note_info(struct probe *probe, const struct sys_file_info *info)
{
    const char *const kinds[] = {"nothing", "regular", "socket", "other"};
    probe_note(probe, "%s of %d ", kinds[info->kind], (int)info->size);
}

static void move(struct probe *probe)
{
    struct sys *sys = probe->sys;
    struct sys_file_info old;
    struct sys_file_info info;
    char from[64];
    char to[64];
    make_path(from);
    make_path(to);
    int fd = sys->open_update(sys, from, true);
    (void)sys->write(sys, fd, "new", 3);
    int replaced = sys->open_update(sys, to, true);
    probe_note_result(probe, "before", sys->path_info(sys, to, &old));
    note_info(probe, &old);
    probe_note_result(probe, "rename", sys->rename(sys, from, to));
    probe_note_result(probe, "gone", sys->path_info(sys, from, &info));
    note_info(probe, &info);
    (void)sys->path_info(sys, to, &info);
    note_info(probe, &info);
    probe_note(probe, "%s ", info.inode == old.inode ? "the old" : "another");
    (void)sys->file_info(sys, replaced, &info);
    probe_note(probe, "%s ", info.inode == old.inode ? "the old" : "another");
    (void)sys->file_info(sys, probe->poll, &info);
    note_info(probe, &info);
    probe_note_result(probe, "none", sys->rename(sys, from, to));
    sys->close(sys, fd);
    sys->close(sys, replaced);
    (void)sys->unlink(sys, to);
}

Test(both_sys_files, a_rename_puts_one_file_in_the_place_of_another)
{
    probe_expect(move, "before=0 regular of 0 rename=0 gone=0 nothing of 0 regular of 3 another "
                       "the old other of 0 none=No such file or directory ");
}

/* Waits for the end of a sync. Its descriptor may be reported without one: it is always writable,
 * and reading it makes that news. */
static void note_end(struct probe *probe, int sync)
{
    struct sys *sys = probe->sys;
    struct sys_event event;
    int result;
    while ((result = sys->sync_result(sys, sync)) == -EAGAIN)
        (void)sys->poll_wait(sys, probe->poll, &event, 1, 10 * NS_PER_SECOND);
    probe_note_result(probe, "end", result);
}

static void sync_twice(struct probe *probe)
{
    struct sys *sys = probe->sys;
    char path[64];
    make_path(path);
    int fd = sys->open_update(sys, path, true);
    int folder = sys->open_directory(sys, path);
    int sync = sys->sync_open(sys, fd);
    probe_watch(probe, sync, 's');
    probe_note_result(probe, "none", sys->sync_result(sys, sync));
    (void)sys->write(sys, fd, "text", 4);
    probe_note_result(probe, "start", sys->sync_start(sys, sync, fd));
    note_end(probe, sync);
    probe_note_result(probe, "taken", sys->sync_result(sys, sync));
    probe_note_result(probe, "folder", sys->sync_start(sys, sync, folder));
    note_end(probe, sync);
    probe_note_result(probe, "close", sys->close(sys, sync));
    sys->close(sys, folder);
    sys->close(sys, fd);
    (void)sys->unlink(sys, path);
}

Test(both_sys_files, the_end_of_a_sync_is_an_event)
{
    probe_expect(sync_twice, "none=Resource temporarily unavailable start=0 end=0 "
                             "taken=Resource temporarily unavailable folder=0 end=0 close=0 ");
}
