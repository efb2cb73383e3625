/* error: overflow in conversion from | overflow converting case value */
/* The yield's label would belong to the inner switch, as an await's would. */
#include "reactor/patterns/iterate.h"

struct numbers {
    struct iterator iterator;
    struct frame frame;
    int rc;
};

int numbers_next(struct task *task, struct iterator *iterator);

int numbers_next(struct task *task, struct iterator *iterator)
{
    struct numbers *const self = container_of(iterator, struct numbers, iterator);

    TASK_BEGIN();
    ITERATE_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    switch (self->rc) {
    case 0:
        ITERATE_YIELD();
        break;
    default:
        break;
    }
    TASK_END();
}
