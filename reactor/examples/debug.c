/*
 * debug: who makes everybody wait, and who waits for whom.
 *
 * First, bob computes for 250 ms between two awaits, and then the same in pieces.
 * Debug mode reports what took longer than 100 ms. Second, two diners take the same
 * two forks, each in an order of his own, and wait for each other: no clock can see
 * that, but the tree of tasks shows it.
 *
 * What to look for: that the report names the await behind which the slow code
 * stands; that a sleep of 10 ms is only as good as the slowest of all callbacks;
 * what each of the diners waits for. book/14-debug.md tells the rest. It runs on the
 * simulated door, where to compute is to move the clock. debug.expected holds what
 * it prints.
 */
#include <stdio.h>

#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

static struct sim *sim;
static struct root root;

static void report(void *context, const struct debug_slow *slow)
{
    (void)context;
    const struct site *where = slow->where; /* NULL: a first step, or no task */
    printf("slow: %s took %d ms from %s:%d on\n", slow->name, (int)(slow->took_ns / NS_PER_MS),
           where ? where->file : "its start", where ? where->line : 0);
}

static void print_line(void *context, const char *line)
{
    (void)context;
    puts(line);
}

/* Computes for 250 ms, in `pieces` pieces with an await before each. */
struct cruncher {
    struct task task;
    struct frame frame;
    int rc;
    int pieces;
    int done;
};

static int cruncher_step(struct task *task)
{
    struct cruncher *const self = container_of(task, struct cruncher, task);

    TASK_BEGIN();
    for (self->done = 0; self->done < self->pieces; self->done++) {
        TASK_AWAIT(self->rc, task_sleep(task, 0)); /* the others' turn */
        sim_advance(sim, 250 * NS_PER_MS / self->pieces);
    }
    TASK_END();
}

/* Takes two forks, eats for a millisecond and puts them back. */
struct diner {
    struct task task;
    struct frame frame;
    int rc;
    struct semaphore *left;
    struct semaphore *right;
};

static int diner_step(struct task *task)
{
    struct diner *const self = container_of(task, struct diner, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, semaphore_acquire(task, self->left));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_MS));
    TASK_AWAIT(self->rc, semaphore_acquire(task, self->right));
    if (self->rc == 0)
        semaphore_release(self->right);
    semaphore_release(self->left);
    TASK_RETURN(self->rc);
    TASK_END();
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    int64_t begin_ns;
    struct task_group group;
    struct cruncher bob;
    struct semaphore forks[2];
    struct diner eve;
    struct diner joe;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    for (self->bob.pieces = 1; self->bob.pieces <= 10; self->bob.pieces += 9) {
        self->begin_ns = task->loop->now_ns;
        task_group_open(&self->group, task, "office", GROUP_FAIL_FAST);
        (void)task_group_spawn(&self->group, &self->bob.task, "bob", cruncher_step);
        TASK_AWAIT(self->rc, task_sleep(task, 10 * NS_PER_MS));
        printf("bob in pieces of %d ms: a sleep of 10 ms took %d ms\n", 250 / self->bob.pieces,
               (int)((task->loop->now_ns - self->begin_ns) / NS_PER_MS));
        TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    }

    semaphore_init(&self->forks[0], 1);
    semaphore_init(&self->forks[1], 1);
    self->eve.left = self->joe.right = &self->forks[0];
    self->eve.right = self->joe.left = &self->forks[1];
    task_group_open(&self->group, task, "table", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->group, &self->eve.task, "eve", diner_step);
    (void)task_group_spawn(&self->group, &self->joe.task, "joe", diner_step);
    TASK_AWAIT(self->rc, task_sleep(task, NS_PER_SECOND));
    root_print(&root, print_line, NULL);
    task_group_cancel(&self->group, task->loop->now_ns);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_END();
}

int main(void)
{
    struct program program = {.rc = 0};
    struct loop loop;

    sim = sim_create(NULL);
    if (loop_init(&loop, sim_door(sim)) < 0)
        return 1;
    loop.debug.enabled = true;
    loop.debug.threshold_ns = 100 * NS_PER_MS;
    loop.debug.report = report;
    root_start(&root, &loop, &program.task, "program", program_step);
    int rc = root_run(&root);
    printf("%d slow callback\n", (int)loop.debug.slow_count);
    loop_release(&loop);
    sim_free(sim);
    return rc < 0;
}
