/* A step that awaits another: the inner frame is a member of the outer's, the task is the same. */
#include "reactor/task/task.h"

struct inner {
    struct frame frame;
    int64_t pause_ns;
    int rc;
};

static int inner_step(struct task *task, struct inner *self)
{
    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->pause_ns));
    TASK_RETURN(self->rc);
    TASK_END();
}

struct outer {
    struct task task;
    struct frame frame;
    struct inner inner;
    int rc;
};

int outer_step(struct task *task);

int outer_step(struct task *task)
{
    struct outer *const self = container_of(task, struct outer, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, inner_step(task, &self->inner));
    TASK_END();
}
