/* error: ignoring return value */
/* Called without TASK_AWAIT an awaitable doesn't wait; its answer must not be dropped. */
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
    task_sleep(task, NS_PER_MS);
    self->rc = 0;
    TASK_END();
}
