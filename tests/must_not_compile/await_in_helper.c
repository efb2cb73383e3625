/* error: case label not within a switch statement | 'case' statement not in switch */
/* A function that is no step can't be left and resumed: it has no TASK_BEGIN. */
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

    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    return self->rc;
}
