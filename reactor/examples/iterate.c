/*
 * iterate: names that come in pages.
 *
 * A generator fetches pages of names, 50 ms each. Of those with an r the first
 * three are wanted, in capitals. Then come the names once more, for somebody who
 * looks up every 20 ms and wants to know who comes before carl.
 *
 * What to look for: that no page is fetched that nobody reads; that the generator
 * is closed however its loop ends; that a time-out loses no name.
 * book/04-iteration.md tells the rest. It runs on the simulated door, where the
 * clock jumps. iterate.expected holds what it prints.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "reactor/patterns/iterate.h"
#include "reactor/sim/sim.h"
#include "reactor/task/root.h"

static struct loop loop;
static int64_t begin_ns;

static void say(const char *who, const char *what)
{
    printf("%3d ms  %s%s\n", (int)((loop.now_ns - begin_ns) / NS_PER_MS), who, what);
}

/* The generator. An item's value is a name. */
#define PAGES 4
#define PAGE_NAMES 3

struct names {
    struct iterator iterator;
    struct frame frame;
    int rc, page, row;
    int64_t there_ns; /* when the page that is fetched will be there */
    char text[20];
};

static int names_next(struct task *task, struct iterator *iterator)
{
    static const char *const pages[PAGES][PAGE_NAMES] = {
        {"ann", "arthur", "bob"}, {"carl", "eve", "fay"}, {"gert", "hal", "ida"}, {"jo", "kim"}};
    struct names *const self = container_of(iterator, struct names, iterator);

    TASK_BEGIN();
    for (self->page = 0; self->page < PAGES; self->page++) {
        self->there_ns = loop.now_ns + 50 * NS_PER_MS;
        ITERATE_AWAIT(self->rc, task_sleep_until(task, self->there_ns));
        say("a page came", "");
        for (self->row = 0; self->row < PAGE_NAMES && pages[self->page][self->row]; self->row++) {
            (void)snprintf(self->text, sizeof(self->text), "%s", pages[self->page][self->row]);
            ITERATE_YIELD();
        }
    }
    TASK_END();
}

static int names_close(struct task *task, struct iterator *iterator)
{
    (void)task, (void)iterator;
    say("the names are closed", "");
    return 0;
}

static void names_init(struct names *self)
{
    *self = (struct names){.rc = 0};
    iterate_init(&self->iterator, names_next, names_close);
    self->iterator.item.value = self->text;
}

static bool has_r(void *context, const struct iterate_item *item)
{
    (void)context;
    return strchr(item->value, 'r') != NULL;
}

static void capitalise(void *context, struct iterate_item *item)
{
    (void)context;
    for (char *letter = item->value; *letter; letter++)
        *letter = (char)toupper((unsigned char)*letter);
}

static int read_name(struct task *task, void *context, struct iterate_item *item)
{
    (void)task, (void)context;
    say("", item->value);
    return 1; /* go on */
}

struct program {
    struct task task;
    struct frame frame;
    int rc, closed;
    struct names names;
    struct iterate_filter with_r;
    struct iterate_map capitals;
    struct iterate_take three;
    struct iterate_each each;
    struct cancel_scope limit;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    names_init(&self->names);
    iterate_filter(&self->with_r, &self->names.iterator, has_r, NULL);
    iterate_map(&self->capitals, &self->with_r.iterator, capitalise, NULL);
    iterate_take(&self->three, &self->capitals.iterator, 3);
    TASK_AWAIT(self->rc, iterate_each(task, &self->each, &self->three.iterator, read_name, NULL));

    names_init(&self->names);
    for (;;) {
        cancel_scope_open(task, &self->limit, 20 * NS_PER_MS);
        TASK_AWAIT(self->rc, iterate_next(task, &self->names.iterator));
        if (cancel_scope_close(task, &self->limit))
            say("nothing yet", "");
        else if (self->rc <= 0 || strcmp(self->names.text, "carl") == 0)
            break;
        else
            say("", self->names.text);
    }
    TASK_AWAIT(self->closed, iterate_close(task, &self->names.iterator));
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
