/* error: expected expression */
/* An await is a statement. */
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
    if (TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS)))
        TASK_RETURN(1);
    TASK_END();
}
