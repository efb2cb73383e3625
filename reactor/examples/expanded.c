/*
 * expanded: one task twice, with the macros of task.h and as what they become.
 *
 * A step reads as if it blocked, but it returns at each await that isn't ready
 * and is called again later. That is a switch at its beginning, and a label in
 * front of each await. What to look for: that `self` is all that is left of the
 * task between two calls; that an await, called again, is asked again, because a
 * wake-up is only a hint; and that a label may stand inside a loop, for a switch
 * jumps anywhere within its braces. It prints
 *
 *     with macros: 1 2 3
 *     by hand: 1 2 3
 */
#include <stdio.h>

#include "reactor/task/root.h"

/* A parked task is this struct and nothing else: its counter can't be a local. */
struct counter {
    struct task task;
    struct frame frame;
    int count;
    int rc;
};

static int count_with_macros(struct task *task)
{
    struct counter *const self = container_of(task, struct counter, task);

    TASK_BEGIN();
    printf("with macros:");
    for (self->count = 1; self->count <= 3; self->count++) {
        TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
        if (self->rc < 0)
            TASK_RETURN(self->rc);
        printf(" %d", self->count);
    }
    printf("\n");
    TASK_END();
}

static int count_by_hand(struct task *task)
{
    struct counter *const self = container_of(task, struct counter, task);

    /* TASK_BEGIN: go on where the last call left off. The macros' keys are 64 bits wide, so that an
     * await within a nested switch doesn't compile; here plain numbers will do. */
    switch (self->frame.resume) {
    default:
        task_resumed_nowhere(); /* the frame was not zeroed */
    case 0:
        printf("by hand:");
        for (self->count = 1; self->count <= 3; self->count++) {
            /* TASK_AWAIT: ask, and leave while the answer is "not yet". The macro's number is its
             * line; the site is what the tree of tasks shows of a parked one. */
            while ((self->rc = task_sleep(task, NS_PER_MS)) == TASK_PENDING) {
                static const struct site here = {__FILE__, __LINE__, "task_sleep(task, NS_PER_MS)"};
                self->frame.resume = 1;
                return task_park(task, &here);
            case 1:; /* the next call comes here, and asks again */
            }
            /* TASK_RETURN: the next call, if there is one, begins anew. */
            if (self->rc < 0) {
                self->frame.resume = 0;
                return self->rc;
            }
            printf(" %d", self->count);
        }
        printf("\n");
    }
    /* TASK_END: a TASK_RETURN of 0, and the brace that closes the switch. */
    self->frame.resume = 0;
    return 0;
}

/* Runs `step` as the main task of a loop of its own. */
static int run(const char *name, task_step *step)
{
    struct counter counter = {.count = 0};
    struct loop loop;

    int rc = loop_init(&loop, sys_kernel());
    if (rc < 0)
        return rc;
    rc = loop_run(&loop, &counter.task, name, step);
    loop_release(&loop);
    return rc;
}

int main(void)
{
    int rc = run("with macros", count_with_macros);
    if (rc == 0)
        rc = run("by hand", count_by_hand);
    return rc < 0;
}
