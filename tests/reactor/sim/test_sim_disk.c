/* The simulated disk: what is left of files when the program dies, and when the power fails. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/clock.h"
#include "reactor/sim/sim.h"

#define PATH "/var/journal"

static struct sim *sim;
static struct sys *sys;

static void open_sim(uint64_t seed)
{
    sim = sim_create(&(struct sim_options){.seed = seed});
    sys = sim_door(sim);
}

static void write_text(int fd, const char *text)
{
    cr_assert_eq(sys->write(sys, fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Syncs `fd` and waits for the end. */
static void sync_file(int sync, int fd)
{
    cr_assert_eq(sys->sync_start(sys, sync, fd), 0);
    sim_advance(sim, sim_options(sim)->sync_ns);
    cr_assert_eq(sys->sync_result(sys, sync), 0);
}

Test(sim_disk, a_program_that_dies_leaves_what_it_wrote_and_no_lock)
{
    open_sim(0);
    int fd = sys->open_update(sys, PATH, true);
    cr_assert_eq(sys->lock(sys, fd), 0);
    cr_assert_not_null(sys->allocate(sys, 100));
    write_text(fd, "written");
    sim_kill(sim);
    cr_assert_eq(sim_open_descriptors(sim), 0);
    cr_assert_eq(sim_live_blocks(sim), 0);
    cr_assert_str_eq(sim_file_text(sim, PATH), "written");
    fd = sys->open_update(sys, PATH, false);
    cr_assert_eq(sys->lock(sys, fd), 0);
    sim_free(sim);
}

Test(sim_disk, what_was_synced_survives_and_the_rest_may_not)
{
    unsigned whole = 0;
    unsigned cut = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        open_sim(seed);
        int fd = sys->open_update(sys, PATH, true);
        int sync = sys->sync_open(sys, fd);
        write_text(fd, "kept ");
        sync_file(sync, fd);
        sync_file(sync, sys->open_directory(sys, PATH));
        write_text(fd, "perhaps");
        sim_cut_power(sim);
        const char *left = sim_file_text(sim, PATH);
        cr_assert_eq(strncmp(left, "kept ", 5), 0, "seed %d", (int)seed);
        whole += strcmp(left, "kept perhaps") == 0;
        cut += sim_file_bytes(sim, PATH) < strlen("kept perhaps");
        sim_free(sim);
    }
    cr_assert_gt(whole, 0);
    cr_assert_gt(cut, 0);
}

Test(sim_disk, a_name_that_was_not_synced_may_be_lost)
{
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        open_sim(seed);
        int old = sys->open_update(sys, PATH, true);
        int sync = sys->sync_open(sys, old);
        write_text(old, "old");
        sync_file(sync, old);
        sync_file(sync, sys->open_directory(sys, PATH));
        int fresh = sys->open_update(sys, PATH ".new", true);
        write_text(fresh, "fresh");
        sync_file(sync, fresh);
        cr_assert_eq(sys->rename(sys, PATH ".new", PATH), 0);
        sim_cut_power(sim);
        const char *left = sim_file_text(sim, PATH);
        cr_assert(strcmp(left, "old") == 0 || strcmp(left, "fresh") == 0, "'%s'", left);
        lost += strcmp(left, "old") == 0;
        sim_free(sim);
    }
    cr_assert(lost > 0 && lost < 100, "%u of 100", lost);
}

Test(sim_disk, a_full_disk_takes_what_fits)
{
    open_sim(0);
    int fd = sys->open_update(sys, PATH, true);
    sim_disk_limit(sim, 10);
    cr_assert_eq(sys->write(sys, fd, "12345678", 8), 8);
    cr_assert_eq(sys->write(sys, fd, "12345678", 8), 2);
    cr_assert_eq(sys->write(sys, fd, "1", 1), -ENOSPC);
    cr_assert_eq(sys->truncate(sys, fd, 8), 0);
    cr_assert_eq(sys->write(sys, fd, "12345678", 8), 2);
    sim_disk_limit(sim, SIZE_MAX);
    write_text(fd, "the rest");
    sim_free(sim);
}

Test(sim_disk, another_program_may_hold_the_lock)
{
    open_sim(0);
    sim_lock_file(sim, PATH, true);
    int fd = sys->open_update(sys, PATH, false);
    cr_assert_eq(sys->lock(sys, fd), -EWOULDBLOCK);
    sim_lock_file(sim, PATH, false);
    cr_assert_eq(sys->lock(sys, fd), 0);
    sim_free(sim);
}
