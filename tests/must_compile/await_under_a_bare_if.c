/* An await is one statement: it may stand where one does, without braces. */
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
    if (self->rc == 0)
        TASK_AWAIT(self->rc, task_sleep(task, 1));
    else if (self->rc > 0)
        TASK_AWAIT(self->rc, task_sleep(task, 2));
    else
        TASK_RETURN(self->rc);
    TASK_END();
}
