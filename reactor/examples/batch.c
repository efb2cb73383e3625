/*
 * batch: six callers want the price of one thing each, and a shop that is asked
 * for up to three at a time.
 *
 * A question takes the shop 20 ms, for one thing as for three. What to look for:
 * that the first batch begins because it is full, and the second because its
 * oldest caller has waited for 10 ms; that each caller has its own answer; that
 * eve, who is cancelled while her batch is under way, ends at once and leaves
 * her place empty, while the others don't notice; and that the shop's failure,
 * in the third batch, is the failure of who is in that one. Chapter 12 of the
 * book tells the rest.
 *
 * It runs on the simulated door, where the clock jumps. batch.expected holds
 * what it prints.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/patterns/batch.h"
#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

#define PLACES 3

static struct loop loop;
static int64_t begin_ns;

static int now_ms(void)
{
    return (int)((loop.now_ns - begin_ns) / NS_PER_MS);
}

/* The shop: a batch, and what its question needs. */
struct shop {
    struct batch batch;
    struct batch_item *places[PLACES];
    struct frame frame;
    int rc;
    unsigned questions;
};

static void say_question(const struct shop *shop)
{
    printf("%3d ms  the shop is asked for", now_ms());
    for (size_t i = 0; i < shop->batch.count; i++)
        printf(" %s", (const char *)shop->batch.items[i]->request);
    printf("\n");
}

/* Answers with the length of the name, which is as good a price as any. */
static void answer_all(const struct shop *shop)
{
    for (size_t i = 0; i < shop->batch.count; i++) {
        struct batch_item *item = shop->batch.items[i];
        if (item) /* whoever asked is still there */
            batch_answer(item, (int)strlen(item->request));
    }
}

static int shop_ask(struct task *task, struct batch *batch)
{
    struct shop *const self = container_of(batch, struct shop, batch);

    TASK_BEGIN();
    self->questions++;
    say_question(self);
    TASK_AWAIT(self->rc, task_sleep(task, 20 * NS_PER_MS));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    if (self->questions == 3)
        TASK_RETURN(-EIO);
    answer_all(self);
    TASK_END();
}

static struct shop shop = {
    .batch = {.make = shop_ask, .items = shop.places, .size = PLACES, .delay_ns = 10 * NS_PER_MS},
};

static struct caller {
    struct task task;
    const char *name;
    int64_t begins_ns;
    char *wants;
    struct frame frame;
    int rc;
    struct batch_item item;
} callers[] = {
    {.name = "ann", .begins_ns = 0 * NS_PER_MS, .wants = "tea"},
    {.name = "bob", .begins_ns = 2 * NS_PER_MS, .wants = "honey"},
    {.name = "eve", .begins_ns = 4 * NS_PER_MS, .wants = "salt"},
    {.name = "joe", .begins_ns = 30 * NS_PER_MS, .wants = "pepper"},
    {.name = "kim", .begins_ns = 35 * NS_PER_MS, .wants = "oil"},
    {.name = "lou", .begins_ns = 70 * NS_PER_MS, .wants = "gold"},
};

static int caller_step(struct task *task)
{
    struct caller *const self = container_of(task, struct caller, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->begins_ns));
    TASK_AWAIT(self->rc, batch_ask(task, &self->item, &shop.batch, self->wants));
    if (self->rc < 0)
        printf("%3d ms  %s: %s: %s\n", now_ms(), self->name, self->wants, strerror(-self->rc));
    else
        printf("%3d ms  %s: %s costs %d\n", now_ms(), self->name, self->wants, self->rc);
    TASK_END();
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    struct task_group group;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    batch_init(&shop.batch);
    task_group_open(&self->group, task, "market", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->group, &shop.batch.task, "shop", batch_step);
    for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++)
        (void)task_group_spawn(&self->group, &callers[i].task, callers[i].name, caller_step);
    TASK_AWAIT(self->rc, task_sleep(task, 12 * NS_PER_MS));
    task_cancel(&callers[2].task, loop.now_ns);
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_SECOND));
    batch_close(&shop.batch); /* or its task would wait for callers for ever */
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_END();
}

int main(void)
{
    struct program program = {.rc = 0};
    struct sim *sim = sim_create(NULL);

    if (loop_init(&loop, sim_door(sim)) < 0)
        return 1;
    begin_ns = loop.now_ns;
    int rc = loop_run(&loop, &program.task, "program", program_step);
    loop_release(&loop);
    sim_free(sim);
    return rc < 0;
}
