#include "reactor/patterns/once.h"

#include <assert.h>
#include <errno.h>

void once_init(struct once *once, once_make *make, void *object)
{
    assert(make && "what is made once can be made");
    *once = (struct once){.make = make, .object = object};
    wait_list_init(&once->waiting);
}

/* Whether `rc` is about the task and not about what it makes: its own cancel, or a deadline that is
 * still open and so was opened around the await. */
static bool cut_off(const struct task *task, int rc)
{
    if (rc == -ECANCELED)
        return task_cancelled(task);
    return rc == -ETIMEDOUT && task_expired(task);
}

/* The maker is done: all hear of it, unless it was only cut off and the next takes over. */
static int settle(struct task *task, struct once *once, int rc)
{
    once->maker = NULL;
    if (cut_off(task, rc)) {
        wait_list_wake_first(&once->waiting);
        return rc;
    }
    once->made = rc >= 0;
    if (rc < 0) {
        once->failures++;
        once->error = rc;
    }
    wait_list_wake_all(&once->waiting);
    return rc < 0 ? rc : 0;
}

static int make(struct task *task, struct once *once)
{
    assert(!once->entered && "what is made once must not ask for itself");
    once->entered = true;
    int rc = once->make(task, once->object);
    once->entered = false;
    return rc == TASK_PENDING ? rc : settle(task, once, rc);
}

int once_get(struct task *task, struct once *once, struct once_ask *ask)
{
    /* Nearly every call there will be: nobody waits, and nobody has to be woken. */
    if (once->made && !task->waits_on)
        return task_cancelled(task) ? -ECANCELED : 0;
    if (once->maker == task)
        return make(task, once);
    if (!task->waits_on)
        ask->failures = once->failures;
    bool failed = ask->failures != once->failures;
    bool turn = !once->maker && wait_list_is_next(&once->waiting, task);
    int rc = task_wait(task, &once->waiting, once->made || failed || turn);
    if (rc < 0 || once->made)
        return rc;
    if (failed) {
        /* Who came after the failure stands behind those who are told of it, and tries again. */
        wait_list_wake_first(&once->waiting);
        return once->error;
    }
    once->maker = task;
    return make(task, once);
}

void once_reset(struct once *once)
{
    assert(!once->maker && "what is being made can't be forgotten");
    once->made = false;
}
