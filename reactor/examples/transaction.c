/*
 * transaction: what was begun is ended, in reverse, and both may wait.
 *
 * Money is moved at a bank that takes 2 ms for each answer: a transfer connects,
 * begins a transaction and moves. One succeeds, one ann can't pay, one has a limit
 * of 5 ms, one is told to end within 3 ms and the bank answers no more.
 *
 * What to look for: that the transaction ends before the connection, whatever
 * happened; that the limit cuts the transfer and not its rollback; that what hangs
 * is cut when the 3 ms are over, and named. book/03-scopes.md tells the rest, and
 * transaction.expected holds what it prints, on the simulated door.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

static struct loop loop;
static int64_t begin_ns, bank_takes_ns = 2 * NS_PER_MS;
static int ann = 100; /* what she has */

static void say(const char *what, int rc)
{
    printf("%3d ms  %s: %s\n", (int)((loop.now_ns - begin_ns) / NS_PER_MS), what,
           rc < 0 ? strerror(-rc) : "done");
}

static int ask_bank(struct task *task)
{
    return task_sleep(task, bank_takes_ns);
}

/* Something that is acquired with one question and released with another. */
struct part {
    struct defer defer;
    struct frame frame;
    int rc;
};

static int end_connection(struct task *task, struct defer *defer, int outcome)
{
    struct part *const self = container_of(defer, struct part, defer);

    TASK_BEGIN();
    (void)outcome; /* it ends in the same way, whatever happened */
    TASK_AWAIT(self->rc, ask_bank(task));
    say("  the connection ends", self->rc);
    TASK_RETURN(self->rc);
    TASK_END();
}

/* `outcome` is what is to be moved, or why it isn't. */
static int end_transaction(struct task *task, struct defer *defer, int outcome)
{
    struct part *const self = container_of(defer, struct part, defer);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, ask_bank(task));
    say(outcome < 0 ? "  rollback" : "  commit", self->rc);
    if (self->rc == 0 && outcome > 0)
        ann -= outcome;
    TASK_RETURN(self->rc);
    TASK_END();
}

struct transfer {
    struct task task;
    struct frame frame;
    int rc;
    int amount;
    int64_t limit_ns;
    struct cancel_scope limit;
    struct cleanup cleanup;
    struct part connection;
    struct part transaction;
    struct move {
        struct frame frame;
        int rc;
    } move;
};

/* What stands in the block of an `async with`: it may leave anywhere. */
static int move_money(struct task *task, struct move *self, struct transfer *owner)
{
    TASK_BEGIN();
    TASK_AWAIT(self->rc, ask_bank(task));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    cleanup_defer_waiting(&owner->cleanup, &owner->connection.defer, "connection", end_connection);
    TASK_AWAIT(self->rc, ask_bank(task));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    cleanup_defer_waiting(&owner->cleanup, &owner->transaction.defer, "transaction",
                          end_transaction);
    TASK_AWAIT(self->rc, ask_bank(task));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    TASK_RETURN(owner->amount <= ann ? owner->amount : -EDOM);
    TASK_END();
}

static int transfer_step(struct task *task)
{
    struct transfer *const self = container_of(task, struct transfer, task);

    TASK_BEGIN();
    cancel_scope_open(task, &self->limit, self->limit_ns);
    TASK_AWAIT(self->rc, move_money(task, &self->move, self));
    say("  moved", self->rc);
    TASK_AWAIT(self->rc, cleanup_leave(task, &self->cleanup, self->rc));
    (void)cancel_scope_close(task, &self->limit);
    for (const struct defer *defer = self->cleanup.failed; defer; defer = defer->below)
        printf("          the %s: %s\n", defer->name, strerror(-defer->result));
    TASK_RETURN(self->rc);
    TASK_END();
}

static struct transfer transfers[] = {{.amount = 30, .limit_ns = NS_PER_SECOND},
                                      {.amount = 500, .limit_ns = NS_PER_SECOND},
                                      {.amount = 20, .limit_ns = 5 * NS_PER_MS},
                                      {.amount = 10, .limit_ns = NS_PER_SECOND}};

static void shut_down(struct callback *callback)
{
    (void)callback;
    bank_takes_ns = 3600 * NS_PER_SECOND;
    task_cancel(&transfers[3].task, loop.now_ns + 3 * NS_PER_MS);
}

int main(void)
{
    struct timer shutdown = {.callback = {.run = shut_down, .name = "shutdown"}};
    struct sim *sim = sim_create(NULL);

    if (loop_init(&loop, sim_door(sim)) < 0)
        return 1;
    for (int i = 0; i < 4; i++) {
        begin_ns = loop.now_ns;
        printf("%d from ann to bob\n", transfers[i].amount);
        if (i == 3)
            loop_call_at(&loop, &shutdown, begin_ns + 5 * NS_PER_MS);
        (void)loop_run(&loop, &transfers[i].task, "transfer", transfer_step); /* it has told */
        printf("          ann has %d\n", ann);
    }
    loop_release(&loop);
    sim_free(sim);
    return 0;
}
