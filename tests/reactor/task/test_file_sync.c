/* Syncs that are awaited: their ends, their errors, and those that a cancel leaves behind. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "reactor/task/file_sync.h"
#include "tests/support/fixture.h"

#define PATH "/var/file"

static struct file_sync sync_of_file;
static int fd;

static void open_file(void)
{
    fixture_open();
    fd = loop.sys->open_update(loop.sys, PATH, true);
    cr_assert_eq(file_sync_open(&sync_of_file, &loop, fd), 0);
}

static void close_file(void)
{
    file_sync_close(&sync_of_file);
    loop.sys->close(loop.sys, fd);
    fixture_close();
}

TestSuite(file_sync, .init = open_file, .fini = close_file);

static int syncs(struct task *task, void *object)
{
    return file_sync_wait(task, object, fd);
}

static struct actor first = {.call = syncs, .object = &sync_of_file};
static struct actor second = {.call = syncs, .object = &sync_of_file};

Test(file_sync, the_end_of_a_sync_ends_the_wait)
{
    actor_start(&first, "first");
    fixture_settle();
    cr_assert(actor_waiting(&first));
    fixture_pass(sim_options(sim)->sync_ns);
    cr_assert(actor_ended(&first, 0));
    actor_start(&second, "second");
    fixture_pass(sim_options(sim)->sync_ns);
    cr_assert(actor_ended(&second, 0));
}

Test(file_sync, a_sync_that_can_not_begin_or_fails_says_why)
{
    static const int answers[] = {-EAGAIN};
    static const int results[] = {-EIO};
    sim_answer(sim, SIM_SYNC_START, answers, 1);
    actor_start(&first, "first");
    fixture_settle();
    cr_assert(actor_ended(&first, -EAGAIN));
    sim_answer(sim, SIM_SYNC_RESULT, results, 1);
    actor_start(&second, "second");
    fixture_pass(sim_options(sim)->sync_ns);
    cr_assert(actor_ended(&second, -EIO));
}

/* The one that was begun ends by itself; the next covers what was written since. */
Test(file_sync, after_a_cancel_the_next_begins_its_own)
{
    actor_start(&first, "first");
    fixture_settle();
    task_cancel(&first.task, TIME_NEVER);
    fixture_settle();
    cr_assert(actor_ended(&first, -ECANCELED));
    cr_assert(sync_of_file.under_way);
    actor_start(&second, "second");
    fixture_pass(sim_options(sim)->sync_ns);
    cr_assert(actor_waiting(&second));
    cr_assert_eq(sim_count(sim, SIM_SYNC_START), 2);
    fixture_pass(sim_options(sim)->sync_ns);
    cr_assert(actor_ended(&second, 0));
}

Test(file_sync, an_open_that_fails_leaves_nothing)
{
    struct file_sync another;
    int descriptors = sim_open_descriptors(sim);
    for (uint64_t nth = 1; nth < 10; nth++) {
        sim_fail_nth(sim, nth, 0);
        int rc = file_sync_open(&another, &loop, fd);
        cr_assert_eq(rc < 0, sim_failed_call(sim) != NULL);
        file_sync_close(&another);
        cr_assert_eq(sim_open_descriptors(sim), descriptors);
    }
}
