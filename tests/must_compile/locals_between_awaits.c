/* Between two awaits a block may have locals and a switch of its own. */
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
    {
        int twice = self->rc * 2;
        switch (twice) {
        case 0:
            break;
        default:
            TASK_RETURN(twice);
        }
    }
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    TASK_RETURN(self->rc);
    TASK_END();
}
