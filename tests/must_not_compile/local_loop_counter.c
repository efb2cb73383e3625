/* gcc error: switch jumps over variable initialization */
/* A counter that lives across an await has to be a member of self. */
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
    for (int i = 0; i < 3; i++)
        TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    TASK_END();
}
