/* error: overflow in conversion from | overflow converting case value */
/* The await's label would belong to the inner switch, which nobody enters through it. */
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
    switch (self->rc) {
    case 0:
        TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
        break;
    default:
        break;
    }
    TASK_END();
}
