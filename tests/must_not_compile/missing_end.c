/* error: expected declaration or statement at end of input | expected '}' */
/* TASK_END closes what TASK_BEGIN opened. */
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
}
