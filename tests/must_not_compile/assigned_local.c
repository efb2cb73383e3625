/* gcc error: may be used uninitialized */
/* The same without an initialiser: what was assigned before the await is gone after it. */
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

    int times;
    TASK_BEGIN();
    times = self->rc + 3;
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    TASK_RETURN(times);
    TASK_END();
}
