#include "reactor/patterns/iterate.h"

#include <assert.h>
#include <errno.h>

/* How far an iterator is: each state is only followed by a later one. 0 is none of them. */
enum { ITERATING = 1, AT_END, CLOSING, CLOSED };

void iterate_init(struct iterator *iterator,
                  int (*next)(struct task *task, struct iterator *iterator),
                  int (*close)(struct task *task, struct iterator *iterator))
{
    assert(next);
    *iterator = (struct iterator){.next = next, .close = close, .state = ITERATING};
}

/* Whether the wait was cut short: what it waited for may still come. A source's own error may be
 * -ETIMEDOUT too, a connection's for example: that is its end. */
static bool cut_short(const struct task *task, int rc)
{
    return rc == TASK_PENDING || (rc == -ECANCELED && task_cancelled(task)) ||
           (rc == -ETIMEDOUT && task_expired(task));
}

int iterate_next(struct task *task, struct iterator *iterator)
{
    assert(iterator->state != 0 && "an iterator is made by iterate_init");
    assert(iterator->state < CLOSING && "nothing comes from an iterator that was closed");
    if (iterator->state == AT_END)
        return iterator->end;
    int rc = iterator->next(task, iterator);
    assert(rc <= 1 && "a source answers 1, 0 or -errno");
    if (rc != 1 && !cut_short(task, rc)) {
        iterator->state = AT_END;
        iterator->end = rc;
    }
    return rc;
}

int iterate_close(struct task *task, struct iterator *iterator)
{
    assert(iterator->state != 0 && "an iterator is made by iterate_init");
    assert(iterator->state != CLOSED && "an iterator is closed once");
    if (iterator->state != CLOSING) {
        iterator->state = CLOSING;
        task_shield(task);
    }
    int rc = iterator->close ? iterator->close(task, iterator) : 0;
    if (rc == TASK_PENDING)
        return rc;
    iterator->state = CLOSED;
    task_unshield(task);
    return rc;
}

int iterate_each(struct task *task, struct iterate_each *self, struct iterator *iterator,
                 iterate_body *body, void *context)
{
    TASK_BEGIN();
    do {
        TASK_AWAIT(self->rc, iterate_next(task, iterator));
        if (self->rc == 1)
            TASK_AWAIT(self->rc, body(task, context, &iterator->item));
        assert(self->rc <= 1 && "a body answers 1, 0 or -errno");
    } while (self->rc == 1);
    TASK_AWAIT(self->closed, iterate_close(task, iterator));
    TASK_RETURN(self->rc < 0 ? self->rc : self->closed);
    TASK_END();
}

/* Sources. */

static int lines_next(struct task *task, struct iterator *iterator)
{
    struct iterate_lines *lines = container_of(iterator, struct iterate_lines, iterator);
    char *line = NULL;
    int rc = stream_read_line(task, lines->stream, lines->max_bytes, &line, &iterator->item.size);
    iterator->item.value = line;
    return rc;
}

void iterate_lines(struct iterate_lines *self, struct stream *stream, size_t max_bytes)
{
    iterate_init(&self->iterator, lines_next, NULL);
    self->stream = stream;
    self->max_bytes = max_bytes;
}

static int queue_next(struct task *task, struct iterator *iterator)
{
    struct iterate_queue *items = container_of(iterator, struct iterate_queue, iterator);
    return queue_get(task, items->queue, &iterator->item.value);
}

void iterate_queue(struct iterate_queue *self, struct queue *queue)
{
    iterate_init(&self->iterator, queue_next, NULL);
    self->queue = queue;
}

/* A tick that is overdue is waited for, too, until the next turn: or a consumer that is always late
 * would keep the thread, and never hear of a cancel. */
static int ticks_next(struct task *task, struct iterator *iterator)
{
    struct iterate_ticks *ticks = container_of(iterator, struct iterate_ticks, iterator);
    int rc = task_sleep_until(task, ticks->at_ns);
    if (rc < 0)
        return rc;
    int64_t due = 1 + (task->loop->now_ns - ticks->at_ns) / ticks->period_ns;
    ticks->at_ns += due * ticks->period_ns;
    iterator->item.size = (size_t)due;
    return 1;
}

void iterate_ticks(struct iterate_ticks *self, struct task *task, int64_t period_ns)
{
    assert(period_ns > 0);
    iterate_init(&self->iterator, ticks_next, NULL);
    self->period_ns = period_ns;
    self->at_ns = task->loop->now_ns + period_ns;
}

/* An ended child is on no list of its group any more: its node is ours until it is joined. */
static void note_result(struct task_group *group, struct task *task)
{
    struct iterate_results *results = container_of(group, struct iterate_results, group);
    list_append(&task->sibling, &results->done);
    wait_list_wake_first(&results->waiting);
}

static int results_next(struct task *task, struct iterator *iterator)
{
    struct iterate_results *results = container_of(iterator, struct iterate_results, iterator);
    bool ready = !list_empty(&results->done) || results->group.alive == 0;
    int rc = task_wait(task, &results->waiting, ready);
    if (rc < 0)
        return rc;
    if (list_empty(&results->done))
        return 0;
    iterator->item.value = task_of_sibling(list_pop(&results->done));
    return 1;
}

static int results_close(struct task *task, struct iterator *iterator)
{
    struct iterate_results *results = container_of(iterator, struct iterate_results, iterator);
    task_group_cancel(&results->group, TIME_NEVER);
    int rc = task_group_join(task, &results->group);
    return rc == -ETIMEDOUT ? 0 : rc; /* nobody was waited for but to end */
}

void iterate_results(struct iterate_results *self, struct task *task, const char *name)
{
    iterate_init(&self->iterator, results_next, results_close);
    list_init(&self->done);
    wait_list_init(&self->waiting);
    task_group_open(&self->group, task, name, GROUP_CONTAIN);
    self->group.on_end = note_result;
}

/* Adapters. */

static int map_next(struct task *task, struct iterator *iterator)
{
    struct iterate_map *map = container_of(iterator, struct iterate_map, iterator);
    int rc = iterate_next(task, map->source);
    if (rc != 1)
        return rc;
    iterator->item = map->source->item;
    map->apply(map->context, &iterator->item);
    return 1;
}

static int map_close(struct task *task, struct iterator *iterator)
{
    return iterate_close(task, container_of(iterator, struct iterate_map, iterator)->source);
}

void iterate_map(struct iterate_map *self, struct iterator *source,
                 void (*apply)(void *context, struct iterate_item *item), void *context)
{
    iterate_init(&self->iterator, map_next, map_close);
    self->source = source;
    self->apply = apply;
    self->context = context;
}

static int filter_next(struct task *task, struct iterator *iterator)
{
    struct iterate_filter *filter = container_of(iterator, struct iterate_filter, iterator);
    for (;;) {
        int rc = iterate_next(task, filter->source);
        if (rc != 1)
            return rc;
        if (filter->keeps(filter->context, &filter->source->item))
            break;
    }
    iterator->item = filter->source->item;
    return 1;
}

static int filter_close(struct task *task, struct iterator *iterator)
{
    return iterate_close(task, container_of(iterator, struct iterate_filter, iterator)->source);
}

void iterate_filter(struct iterate_filter *self, struct iterator *source,
                    bool (*keeps)(void *context, const struct iterate_item *item), void *context)
{
    iterate_init(&self->iterator, filter_next, filter_close);
    self->source = source;
    self->keeps = keeps;
    self->context = context;
}

static int take_next(struct task *task, struct iterator *iterator)
{
    struct iterate_take *take = container_of(iterator, struct iterate_take, iterator);
    if (take->left == 0)
        return 0;
    int rc = iterate_next(task, take->source);
    if (rc != 1)
        return rc;
    take->left--;
    iterator->item = take->source->item;
    return 1;
}

static int take_close(struct task *task, struct iterator *iterator)
{
    return iterate_close(task, container_of(iterator, struct iterate_take, iterator)->source);
}

void iterate_take(struct iterate_take *self, struct iterator *source, size_t count)
{
    iterate_init(&self->iterator, take_next, take_close);
    self->source = source;
    self->left = count;
}

/* All at once. */

int iterate_gather(struct task *task, struct iterate_gather *self, const char *name,
                   task_step *step, struct task *const *tasks, size_t count)
{
    TASK_BEGIN();
    task_group_open(&self->group, task, name, GROUP_FAIL_FAST);
    for (size_t i = 0; i < count; i++)
        (void)task_group_spawn(&self->group, tasks[i], name, step); /* none has failed yet */
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_RETURN(self->rc);
    TASK_END();
}
