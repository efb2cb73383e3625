/* error: duplicate case value */
/* The line is the label: two on one line could not be told apart. */
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

    /* clang-format off */
    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, 1)); TASK_AWAIT(self->rc, task_sleep(task, 2));
    TASK_END();
    /* clang-format on */
}
