/* error: duplicate case value */
/* The line is the label, of a yield as of an await. */
#include "reactor/patterns/iterate.h"

struct numbers {
    struct iterator iterator;
    struct frame frame;
};

int numbers_next(struct task *task, struct iterator *iterator);

int numbers_next(struct task *task, struct iterator *iterator)
{
    struct numbers *const self = container_of(iterator, struct numbers, iterator);

    (void)task;
    /* clang-format off */
    TASK_BEGIN();
    ITERATE_YIELD(); ITERATE_YIELD();
    TASK_END();
    /* clang-format on */
}
