/* Awaits and yields of a generator, in loops and under a bare if. */
#include "reactor/patterns/iterate.h"

struct numbers {
    struct iterator iterator;
    struct frame frame;
    int rc;
    size_t i;
};

int numbers_next(struct task *task, struct iterator *iterator);

int numbers_next(struct task *task, struct iterator *iterator)
{
    struct numbers *const self = container_of(iterator, struct numbers, iterator);

    TASK_BEGIN();
    for (self->i = 0; self->i < 3; self->i++) {
        if (self->i > 0)
            ITERATE_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
        else
            ITERATE_YIELD();
        iterator->item.size = self->i;
        if (self->i % 2)
            ITERATE_YIELD();
    }
    TASK_END();
}
