/* error: the result of an await is an int */
/* TASK_PENDING doesn't fit: the await would be taken for done. */
#include "reactor/task/task.h"

struct example {
    struct task task;
    struct frame frame;
    int rc;
    uint8_t narrow;
};

int example_step(struct task *task);

int example_step(struct task *task)
{
    struct example *const self = container_of(task, struct example, task);

    TASK_BEGIN();
    TASK_AWAIT(self->narrow, task_sleep(task, NS_PER_MS));
    TASK_END();
}
