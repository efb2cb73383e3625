/* gcc error: switch jumps over variable initialization */
/* A local doesn't survive an await: when the step comes back, its initialisation is jumped over. */
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
    int times = 3;
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    TASK_RETURN(times);
    TASK_END();
}
