/* error: the result of an await is an int */
/* TASK_PENDING doesn't fit: it would be no failure, and the await be taken for done. */
#include "reactor/patterns/iterate.h"

struct numbers {
    struct iterator iterator;
    struct frame frame;
    int8_t narrow;
};

int numbers_next(struct task *task, struct iterator *iterator);

int numbers_next(struct task *task, struct iterator *iterator)
{
    struct numbers *const self = container_of(iterator, struct numbers, iterator);

    TASK_BEGIN();
    ITERATE_AWAIT(self->narrow, task_sleep(task, NS_PER_MS));
    ITERATE_YIELD();
    TASK_END();
}
