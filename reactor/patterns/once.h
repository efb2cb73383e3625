/*
 * once: many tasks ask for something, one makes it, all use it.
 *
 * Many tasks need something expensive, a connection or a table, for example. The
 * first that asks makes it, and the others wait. No lock is needed in one thread,
 * but making it may suspend, so "if it isn't there, make it" alone would make it
 * twice.
 *
 *              the first asks             it succeeds
 *      MISSING --------------> MAKING -------------------> MADE
 *         ^                    |    ^
 *         |      it fails      |    |   its maker is cut off:
 *         +--------------------+    +-- whoever waited longest
 *           all who wait are told,      makes it, from the beginning
 *           the next to ask tries again
 *
 * It is made in the task that asked, so a cancel or a deadline of that task cuts
 * the making short. That does not count as a failure.
 */
#ifndef REACTOR_PATTERNS_ONCE_H
#define REACTOR_PATTERNS_ONCE_H

#include "reactor/task/task.h"

/* Awaitable: 0 or more when it is made, else -errno with nothing left behind, also when it is cut
 * off. It may then be called again, from its beginning, in this task or in another. */
typedef int once_make(struct task *task, void *object);

struct once {
    once_make *make;
    void *object; /* handed to `make` */

    /* Of once.c. */
    bool made;
    bool entered; /* while `make` is being called: it must not ask for itself */
    uint32_t failures; /* counted, so that a task that waits sees a new one */
    int error; /* the -errno of the latest; 0: none */
    struct task *maker; /* NULL: nobody */
    struct wait_list waiting;
};

/* What an asker keeps while it waits: which failure is news to it. Needs no initialising. */
struct once_ask {
    uint32_t failures;
};

void once_init(struct once *once, once_make *make, void *object);

/*
 * Returns 0 when it is made, by this task or another; else the -errno of the `make` that this task
 * ran or waited for; -ECANCELED or -ETIMEDOUT of the task that asks. May suspend, but not once it
 * is made.
 */
TASK_AWAITABLE int once_get(struct task *task, struct once *once, struct once_ask *ask);

/* Forgets what was made, after the caller has released it: the next task that asks makes it anew.
 * No task may be making it. */
void once_reset(struct once *once);

#endif
