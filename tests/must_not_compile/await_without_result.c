/* error: requires 2 arguments | too few arguments provided */
/* Every await can fail, if only by a cancel: there must be a place for its answer. */
#include "reactor/task/task.h"

struct example {
    struct task task;
    struct frame frame;
    int rc;
};

int example_step(struct task *task);

int example_step(struct task *task)
{
    struct example *const self = container_of(task, struct example, task);

    TASK_BEGIN();
    TASK_AWAIT(task_sleep(task, NS_PER_MS));
    TASK_RETURN(self->rc);
    TASK_END();
}
