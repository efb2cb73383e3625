/* Loops, their break and continue, and awaits in them, whose counters live in self. */
#include <errno.h>

#include "reactor/task/task.h"

struct example {
    struct task task;
    struct frame frame;
    int rc;
    int i;
};

int example_step(struct task *task);

int example_step(struct task *task)
{
    struct example *const self = container_of(task, struct example, task);

    TASK_BEGIN();
    for (self->i = 0; self->i < 3; self->i++)
        TASK_AWAIT(self->rc, task_sleep(task, self->i));
    while (self->i-- > 0) {
        TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
        if (self->rc == -ECANCELED)
            break;
        if (self->rc < 0)
            continue;
        {
            TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
        }
    }
    do
        TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    while (self->rc < 0);
    TASK_RETURN(self->i);
    TASK_END();
}
