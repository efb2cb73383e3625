/*
 * iterate: one item after another, whatever they come from.
 *
 * An iterator is two functions: `next`, which may suspend and answers 1 with an
 * item, 0 at the end or -errno; and `close`, which gives back what the iterator
 * holds. So lines of a stream, items of a queue, ticks of a timer and results of
 * tasks look alike, and one map, filter or take works for all of them. Nothing
 * is allocated: iterators are members of the consumer's frame. Python:
 * `async for`.
 *
 *     iterate_lines(&self->lines, &self->stream, 1000);
 *     iterate_take(&self->first, &self->lines.iterator, 10);
 *     for (;;) {
 *         TASK_AWAIT(self->rc, iterate_next(task, &self->first.iterator));
 *         if (self->rc <= 0)
 *             break;
 *         ... self->first.iterator.item.value ...
 *     }
 *     TASK_AWAIT(self->closed, iterate_close(task, &self->first.iterator));
 *
 * Whatever ends the loop (the end, an error, a break, or a cancel, which makes
 * `next` answer -ECANCELED), the close follows it: leave such a loop by break
 * only. iterate_each is this loop as a function, which can't be left in another
 * way. Closing an adapter closes the iterator that it draws from.
 */
#ifndef REACTOR_PATTERNS_ITERATE_H
#define REACTOR_PATTERNS_ITERATE_H

#include "reactor/net/stream.h"
#include "reactor/task/queue.h"
#include "reactor/task/task_group.h"

/* What an iterator yields; each source says what the two are. */
struct iterate_item {
    void *value;
    size_t size;
};

struct iterator {
    struct iterate_item item; /* valid after `next` answered 1, until it is called again */
    int (*next)(struct task *task, struct iterator *iterator);
    int (*close)(struct task *task, struct iterator *iterator); /* NULL: it holds nothing */
    int end; /* what iterate_next answers once it is at its end: 0 or -errno */
    uint8_t state; /* of iterate.c */
};

/* Makes `iterator` one of `next` and `close` (NULL: it holds nothing): for those who write
 * sources. Neither is called again once it has answered for good, nor in a wrong order. */
void iterate_init(struct iterator *iterator,
                  int (*next)(struct task *task, struct iterator *iterator),
                  int (*close)(struct task *task, struct iterator *iterator));

/* The next item. Returns 1 with it in iterator->item, 0 at the end, or the source's -errno: both
 * again each time. A cancel of the task (-ECANCELED) or an open deadline that has passed
 * (-ETIMEDOUT) ends nothing and has taken nothing: after a time-out the next item may be asked for
 * again. May suspend. */
TASK_AWAITABLE int iterate_next(struct task *task, struct iterator *iterator);

/* Gives back what the iterator and those it draws from hold. Call it once, wherever the iteration
 * stands. It is shielded: a cancel counts only from its deadline on. An open deadline still limits
 * it, so close the limit on the items before a close that has to wait. Returns 0, or the -errno of
 * a clean-up that went wrong, after which nothing is held either. May suspend. */
TASK_AWAITABLE int iterate_close(struct task *task, struct iterator *iterator);

/* What is done with each item; an awaitable. Answers 1: go on, 0: that was enough, or -errno. */
typedef int iterate_body(struct task *task, void *context, struct iterate_item *item);

/* The frame of iterate_each; zeroed before its first use. */
struct iterate_each {
    struct frame frame;
    int rc;
    int closed;
};

/* Awaits `body` for each item, and closes the iterator whatever happens. Returns 0, or the -errno
 * of the iterator, of `body` or of the close, the first of them. May suspend. */
TASK_AWAITABLE int iterate_each(struct task *task, struct iterate_each *self,
                                struct iterator *iterator, iterate_body *body, void *context);

/*
 * A generator is a `next` written as a step, whose `self` holds the iterator and a zeroed frame. It
 * goes over its items in a loop of its own and yields each; asked for the next, it goes on behind
 * that. It ends as steps do. Its awaits are ITERATE_AWAIT: TASK_AWAIT would do, but then a failure
 * had to be returned, the step would be at its end, and begin anew where it is asked again.
 */

/* Answers 1, for the item in iterator->item. Python: `yield`. */
#define ITERATE_YIELD()                \
    do {                               \
        self->frame.resume = __LINE__; \
        return 1;                      \
    case TASK_KEY(__LINE__):;          \
    } while (0)

/* Like TASK_AWAIT; but what fails is the answer to the consumer, and is awaited again when the
 * consumer asks again: from its beginning, so where that is a sleep let the frame hold the instant
 * of its end. Behind it `result` is never negative. */
#define ITERATE_AWAIT(result, call)                                                            \
    do {                                                                                       \
        while (((result) = (call)) < 0) {                                                      \
            _Static_assert(sizeof(result) >= sizeof(int), "the result of an await is an int"); \
            static const struct site iterate_site_here = {__FILE__, __LINE__, #call};          \
            self->frame.resume = __LINE__;                                                     \
            if ((result) != TASK_PENDING)                                                      \
                return (result);                                                               \
            return task_park(task, &iterate_site_here);                                        \
        case TASK_KEY(__LINE__):;                                                              \
        }                                                                                      \
    } while (0)

/* --- sources --- */

/* Lines of a stream, at most `max_bytes` long: `value` is the text, zero-terminated and valid until
 * the next await, `size` its length. The stream stays open. */
struct iterate_lines {
    struct iterator iterator;
    struct stream *stream;
    size_t max_bytes;
};

void iterate_lines(struct iterate_lines *self, struct stream *stream, size_t max_bytes);

/* Items of a queue until it is closed: `value` is the item, the consumer's from then on. */
struct iterate_queue {
    struct iterator iterator;
    struct queue *queue;
};

void iterate_queue(struct iterate_queue *self, struct queue *queue);

/* Ticks of a clock: the first one `period_ns` > 0 from now, without drift and without end. `size`
 * is how many are due: more than 1 where the consumer took longer than a period. */
struct iterate_ticks {
    struct iterator iterator;
    int64_t period_ns;
    int64_t at_ns; /* the next one */
};

void iterate_ticks(struct iterate_ticks *self, struct task *task, int64_t period_ns);

/*
 * Tasks in the order in which they end: `value` is the struct task, `task->result` what it
 * returned. The consumer spawns them into `group`, also while it iterates; it ends when all have
 * been yielded, for good. Their failures concern nobody but the consumer. Closing cancels and joins
 * the rest. Only the task that it was made for iterates, and it may not end before it has closed.
 */
struct iterate_results {
    struct iterator iterator;
    struct task_group group; /* owned by the task that iterates */
    struct list done; /* ended, not yet yielded */
    struct wait_list waiting;
};

void iterate_results(struct iterate_results *self, struct task *task, const char *name);

/* --- adapters --- */

/* Each item changed by `apply`, which must not suspend. */
struct iterate_map {
    struct iterator iterator;
    struct iterator *source;
    void (*apply)(void *context, struct iterate_item *item);
    void *context;
};

void iterate_map(struct iterate_map *self, struct iterator *source,
                 void (*apply)(void *context, struct iterate_item *item), void *context);

/* Those items that `keeps` says true of; it must not suspend. Over a source that never waits it
 * searches on without a pause. */
struct iterate_filter {
    struct iterator iterator;
    struct iterator *source;
    bool (*keeps)(void *context, const struct iterate_item *item);
    void *context;
};

void iterate_filter(struct iterate_filter *self, struct iterator *source,
                    bool (*keeps)(void *context, const struct iterate_item *item), void *context);

/* The first `count` items; no more is asked of the source. */
struct iterate_take {
    struct iterator iterator;
    struct iterator *source;
    size_t left;
};

void iterate_take(struct iterate_take *self, struct iterator *source, size_t count);

/* --- all at once --- */

/* The frame of iterate_gather; zeroed before its first use. */
struct iterate_gather {
    struct frame frame;
    int rc;
    struct task_group group;
};

/*
 * Runs `step` for each of `tasks` at once, as children called `name`, and waits for all. Their
 * results, in order, are tasks[0]->result to tasks[count - 1]->result. Returns 0; the -errno of
 * the first to fail, its siblings cancelled; -ECANCELED or -ETIMEDOUT, all of them cancelled. May
 * suspend.
 */
TASK_AWAITABLE int iterate_gather(struct task *task, struct iterate_gather *self, const char *name,
                                  task_step *step, struct task *const *tasks, size_t count);

#endif
