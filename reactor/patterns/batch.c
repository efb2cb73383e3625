#include "reactor/patterns/batch.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>

void batch_init(struct batch *batch)
{
    assert(batch->make && "a batch has something to make");
    assert(batch->items && "a batch has places");
    assert(batch->size >= 1 && "a batch has room for one request at least");
    assert(batch->size <= PTRDIFF_MAX && "a size isn't negative");
    assert(batch->delay_ns >= 0 && "a delay isn't negative");
    list_init(&batch->gathered);
    wait_list_init(&batch->stirred);
}

/* --- the callers --- */

static void enter(struct batch *batch, struct batch_item *item, void *request, int64_t now_ns)
{
    item->request = request;
    item->place = NULL;
    item->due_ns = time_after(now_ns, batch->delay_ns);
    future_init(&item->answer);
    list_append(&item->node, &batch->gathered);
    batch->waiting++;
    /* The first sets the time, the last makes it full; of those between its task needn't know. */
    if (batch->waiting == 1 || batch->waiting == batch->size)
        wait_list_wake_first(&batch->stirred);
}

/* From wherever it is: gathered, in the batch that runs, or answered. */
static void leave(struct batch *batch, struct batch_item *item)
{
    if (list_linked(&item->node)) {
        list_remove(&item->node);
        batch->waiting--;
    }
    if (item->place)
        *item->place = NULL;
}

int batch_ask(struct task *task, struct batch_item *const self, struct batch *batch, void *request)
{
    TASK_BEGIN();
    assert(batch->gathered.next && "a batch is initialised before it is asked");
    if (batch->closed)
        TASK_RETURN(-EPIPE);
    enter(batch, self, request, task->loop->now_ns);
    TASK_AWAIT(self->rc, future_wait(task, &self->answer));
    leave(batch, self);
    TASK_RETURN(self->rc);
    TASK_END();
}

void batch_close(struct batch *batch)
{
    batch->closed = true;
    wait_list_wake_all(&batch->stirred);
}

/* --- the batches --- */

static struct batch_item *oldest(const struct batch *batch)
{
    return container_of(batch->gathered.next, struct batch_item, node);
}

static bool has_some(const struct batch *batch)
{
    return batch->waiting > 0 || batch->closed;
}

static bool is_full(const struct batch *batch)
{
    return batch->waiting >= batch->size || batch->closed;
}

/* Whether a batch begins now: the oldest may have left while its time was waited for. */
static bool begins(const struct batch *batch, int64_t now_ns)
{
    return batch->waiting > 0 && (is_full(batch) || now_ns >= oldest(batch)->due_ns);
}

static void begin(struct batch *batch)
{
    while (batch->count < batch->size && batch->waiting > 0) {
        struct batch_item *item = oldest(batch);
        list_remove(&item->node);
        batch->waiting--;
        item->place = &batch->items[batch->count++];
        *item->place = item;
    }
}

void batch_answer(struct batch_item *item, int result)
{
    assert(item->place && "only what is in the batch that runs is answered, once");
    *item->place = NULL;
    item->place = NULL;
    future_resolve(&item->answer, result, NULL);
}

static void end(struct batch *batch, int result)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i])
            batch_answer(batch->items[i], result);
    }
    batch->count = 0;
}

/* Nobody makes batches any more. */
static void refuse(struct batch *batch)
{
    batch->closed = true;
    while (batch->waiting > 0) {
        begin(batch);
        end(batch, -EPIPE);
    }
}

/* What callers without an answer of their own are given. A batch that went down with its task was
 * not cancelled by its callers, and must not look so. */
static int result_of(const struct batch *batch)
{
    bool torn_down = batch->rc == -ECANCELED && task_cancelled(&batch->task);
    return torn_down ? -EPIPE : batch->rc;
}

int batch_step(struct task *task)
{
    struct batch *const self = container_of(task, struct batch, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc, task_wait(task, &self->stirred, has_some(self)));
        if (self->rc < 0 || self->waiting == 0)
            break;
        cancel_scope_open_at(task, &self->due, oldest(self)->due_ns);
        TASK_AWAIT(self->rc, task_wait(task, &self->stirred, is_full(self)));
        cancel_scope_close(task, &self->due);
        if (self->rc == -ECANCELED)
            break;
        if (!begins(self, task->loop->now_ns))
            continue;
        begin(self);
        TASK_AWAIT(self->rc, self->make(task, self));
        end(self, result_of(self));
    }
    refuse(self);
    TASK_RETURN(self->rc);
    TASK_END();
}
