/* error: assignment of read-only variable | cannot assign to variable 'self' */
/* The step works on one frame from begin to end. */
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
    self = NULL;
    TASK_END();
}
