/* Workers: random customers against a model of one line in front of many counters. */
#include "reactor/patterns/workers.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

#define CREW 2
#define QUEUE 2

static struct worker crew[CREW];
static struct workers workers;

/* Who owns the workers: it joins them when it is told to close. */
static struct boss {
    struct task task;
    struct frame frame;
    int rc;
    struct event closing;
} boss;

static int boss_step(struct task *task)
{
    struct boss *const self = container_of(task, struct boss, task);

    TASK_BEGIN();
    workers_open(&workers, task);
    TASK_AWAIT(self->rc, event_wait(task, &self->closing));
    TASK_AWAIT(self->rc, workers_join(task, &workers));
    TASK_RETURN(self->rc);
    TASK_END();
}

/* One who submits a job, which takes a time and has a result. */
struct customer {
    struct actor submitter;
    struct job job;
    struct frame frame;
    int rc;
    int64_t takes_ns;
    int answer;
};

static int work_step(struct task *task)
{
    struct customer *const self = container_of(task, struct customer, job.task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->takes_ns));
    TASK_RETURN(self->rc < 0 ? self->rc : self->answer);
    TASK_END();
}

static int submits(struct task *task, void *object)
{
    return workers_submit(task, &workers, &((struct customer *)object)->job);
}

static void submit(struct customer *customer, int64_t takes_ns, int answer)
{
    *customer = (struct customer){.submitter = {.call = submits, .object = customer},
                                  .job = {.step = work_step, .name = "work"},
                                  .takes_ns = takes_ns,
                                  .answer = answer};
    actor_start(&customer->submitter, "submitter");
}

#define CUSTOMERS 12
#define STEPS 2000

enum stage_of_job { AWAY, IN_LINE, AT_COUNTER };

/* One line in front of CREW counters: the submitters that wait stand behind the queued jobs. */
struct model {
    enum stage_of_job at[CUSTOMERS];
    int64_t left_ns[CUSTOMERS]; /* of who is at a counter, or will be */
    int line[CUSTOMERS];
    int waiting;
    int serving;
};

static struct customer customers[CUSTOMERS];

static void model_leave_line(struct model *model, int customer)
{
    int at = 0;
    while (model->line[at] != customer)
        at++;
    for (; at + 1 < model->waiting; at++)
        model->line[at] = model->line[at + 1];
    model->waiting--;
    model->at[customer] = AWAY;
}

static void model_settle(struct model *model)
{
    while (model->waiting && model->serving < CREW) {
        int first = model->line[0];
        model_leave_line(model, first);
        model->at[first] = AT_COUNTER;
        model->serving++;
    }
}

/* A millisecond passes; who comes to a counter in it begins at its end. */
static void model_pass(struct model *model)
{
    for (int i = 0; i < CUSTOMERS; i++) {
        if (model->at[i] == AT_COUNTER && (model->left_ns[i] -= NS_PER_MS) <= 0) {
            model->at[i] = AWAY;
            model->serving--;
        }
    }
    model_settle(model);
}

static void model_act(struct model *model, int i, uint64_t *state)
{
    if (model->at[i] == AWAY) {
        model->left_ns[i] = (1 + (int64_t)fixture_random(state, 5)) * NS_PER_MS;
        submit(&customers[i], model->left_ns[i], -(int)fixture_random(state, 3));
        model->line[model->waiting++] = i;
        model->at[i] = IN_LINE;
    } else if (customers[i].job.state == JOB_NEW) {
        task_cancel(&customers[i].submitter.task, loop.now_ns);
        model_leave_line(model, i);
    } else if (fixture_random(state, 3) == 0) {
        job_cancel(&customers[i].job, loop.now_ns);
        if (model->at[i] == AT_COUNTER)
            model->serving--;
        else
            model_leave_line(model, i);
        model->at[i] = AWAY;
    }
}

static void model_compare(const struct model *model, uint64_t seed, int step)
{
    workers_check(&workers);
    for (int i = 0; i < CUSTOMERS; i++) {
        const struct job *job = &customers[i].job;
        bool running = job->state == JOB_RUNNING;
        bool in_line = job->state == JOB_QUEUED || actor_waiting(&customers[i].submitter);
        must(running == (model->at[i] == AT_COUNTER), "seed %lu step %d: %d", seed, step, i);
        must(in_line == (model->at[i] == IN_LINE), "seed %lu step %d: %d", seed, step, i);
        must(job->state != JOB_ENDED || job->result == customers[i].answer ||
                 job->result == -ECANCELED,
             "seed %lu step %d: the result of %d", seed, step, i);
    }
    must((int)workers.queued == (model->waiting < QUEUE ? model->waiting : QUEUE),
         "seed %lu step %d: %zu queued", seed, step, workers.queued);
}

static void run_model(uint64_t seed)
{
    struct model model = {.waiting = 0};
    uint64_t state = seed;

    for (int i = 0; i < CUSTOMERS; i++) {
        submit(&customers[i], NS_PER_MS, 0);
        fixture_pass(NS_PER_MS);
    }
    for (int step = 0; step < STEPS; step++) {
        int touched[CUSTOMERS] = {0};
        for (unsigned acts = fixture_random(&state, 4); acts > 0; acts--) {
            unsigned i = fixture_random(&state, CUSTOMERS);
            if (!touched[i]++)
                model_act(&model, (int)i, &state);
        }
        fixture_settle();
        model_settle(&model);
        model_compare(&model, seed, step);
        if (fixture_random(&state, 2)) {
            fixture_pass(NS_PER_MS);
            model_pass(&model);
            model_compare(&model, seed, step);
        }
    }
    fixture_pass(NS_PER_SECOND);
}

Test(workers_model, random_customers_are_served_as_the_model_says, .init = fixture_open,
     .fini = fixture_close)
{
    workers =
        (struct workers){.name = "worker", .crew = crew, .crew_size = CREW, .queue_limit = QUEUE};
    event_init(&boss.closing);
    cr_assert_eq(task_group_spawn(&actor_group, &boss.task, "boss", boss_step), 0);
    fixture_settle();
    for (uint64_t seed = 1; seed <= 20; seed++)
        run_model(seed);
    event_set(&boss.closing);
    fixture_settle();
    cr_assert(task_ended(&boss.task));
}
