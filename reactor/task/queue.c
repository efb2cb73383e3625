#include "reactor/task/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>

void queue_init(struct queue *queue, void **slots, size_t capacity)
{
    assert(slots && "a queue has slots");
    assert(capacity > 0 && "a queue has room for one item at least");
    assert(capacity <= PTRDIFF_MAX && "a capacity isn't negative");
    *queue = (struct queue){.slots = slots, .capacity = capacity};
    wait_list_init(&queue->putters);
    wait_list_init(&queue->getters);
}

/* The first that waits on either side may now find what it waits for. */
static void wake_both(struct queue *queue)
{
    if (queue->count < queue->capacity)
        wait_list_wake_first(&queue->putters);
    if (queue->count > 0)
        wait_list_wake_first(&queue->getters);
}

static void push(struct queue *queue, void *item)
{
    queue->slots[(queue->first + queue->count) % queue->capacity] = item;
    queue->count++;
    wake_both(queue);
}

static void *pop(struct queue *queue)
{
    void *item = queue->slots[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    wake_both(queue);
    if (queue->closed && queue->count == 0)
        wait_list_wake_all(&queue->getters);
    return item;
}

int queue_put(struct task *task, struct queue *queue, void *item)
{
    bool room = queue->count < queue->capacity && wait_list_is_next(&queue->putters, task);
    int rc = task_wait(task, &queue->putters, room || queue->closed);
    if (rc < 0)
        return rc;
    if (queue->closed)
        return -EPIPE;
    push(queue, item);
    return 0;
}

int queue_try_put(struct queue *queue, void *item)
{
    if (queue->closed)
        return -EPIPE;
    if (queue->count == queue->capacity || !wait_list_empty(&queue->putters))
        return -EAGAIN;
    push(queue, item);
    return 0;
}

int queue_get(struct task *task, struct queue *queue, void **item)
{
    bool some = queue->count > 0 && wait_list_is_next(&queue->getters, task);
    bool ended = queue->closed && queue->count == 0;
    int rc = task_wait(task, &queue->getters, some || ended);
    if (rc < 0)
        return rc;
    if (ended)
        return 0;
    *item = pop(queue);
    return 1;
}

int queue_try_get(struct queue *queue, void **item)
{
    if (queue->count == 0)
        return queue->closed ? 0 : -EAGAIN;
    if (!wait_list_empty(&queue->getters))
        return -EAGAIN;
    *item = pop(queue);
    return 1;
}

void queue_close(struct queue *queue)
{
    queue->closed = true;
    wait_list_wake_all(&queue->putters);
    wait_list_wake_all(&queue->getters);
}
