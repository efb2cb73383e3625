/* error: continue statement not within a loop | 'continue' statement not in loop */
/* TASK_BEGIN opens a switch, and no loop that could be continued. */
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
        continue;
    TASK_END();
}
