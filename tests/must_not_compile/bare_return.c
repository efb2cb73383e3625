/* error: 'return' with no value | should return a value */
/* A step is left with an answer. */
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
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    if (self->rc < 0)
        return;
    TASK_END();
}
