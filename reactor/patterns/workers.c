#include "reactor/patterns/workers.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>

static struct job *job_of_node(struct list *node)
{
    return container_of(node, struct job, node);
}

/* Tells who joins the job, or who only wants to hear of it. It may be gone afterwards. */
static void end_job(struct job *job, int result)
{
    job->state = JOB_ENDED;
    job->result = result;
    wait_list_wake_all(&job->joiner);
    if (job->on_end)
        job->on_end(job);
}

/* The queue. */

static void enqueue(struct workers *workers, struct job *job)
{
    job->workers = workers;
    job->state = JOB_QUEUED;
    job->timed_out = false;
    wait_list_init(&job->joiner);
    list_append(&job->node, &workers->queue);
    workers->queued++;
    wait_list_wake_first(&workers->idle);
}

static void dequeue(struct workers *workers, struct job *job)
{
    assert(workers->queued > 0);
    list_remove(&job->node);
    workers->queued--;
    wait_list_wake_first(&workers->submitters);
}

static void refuse_queued(struct workers *workers)
{
    while (workers->queued > 0) {
        struct job *job = job_of_node(workers->queue.next);
        dequeue(workers, job);
        end_job(job, -ESHUTDOWN);
    }
}

int workers_submit(struct task *task, struct workers *workers, struct job *job)
{
    assert(job->step && "a job has a step");
    assert(job->name && "a job has a name");
    bool on_its_way = job->state == JOB_QUEUED || job->state == JOB_RUNNING;
    assert(!on_its_way && "a job is submitted again only after it has ended");
    bool room =
        workers->queued < workers->queue_limit && wait_list_is_next(&workers->submitters, task);
    int rc = task_wait(task, &workers->submitters, room || workers->shut);
    if (rc < 0)
        return rc;
    if (workers->shut)
        return -ESHUTDOWN;
    enqueue(workers, job);
    /* Several workers that took a job in one turn have all woken the same first in line. */
    if (workers->queued < workers->queue_limit)
        wait_list_wake_first(&workers->submitters);
    return 0;
}

void job_cancel(struct job *job, int64_t cancel_ns)
{
    if (job->state == JOB_QUEUED) {
        dequeue(job->workers, job);
        end_job(job, -ECANCELED);
    } else if (job->state == JOB_RUNNING) {
        task_cancel(&job->task, cancel_ns);
    }
}

int job_join(struct task *task, struct job *job)
{
    assert(job->state != JOB_NEW && "only a job that was submitted is joined");
    assert(wait_list_is_next(&job->joiner, task) && "one task joins a job");
    if (job->state != JOB_ENDED) {
        if (task->flags & TASK_CANCELLED)
            job_cancel(job, task->cancel_ns);
        else if (task_cancelled(task))
            job_cancel(job, TIME_NEVER);
        else if (task_expired(task) && !job->timed_out) {
            job->timed_out = true;
            job_cancel(job, TIME_NEVER);
        }
    }
    int rc = wait_list_settle(task, &job->joiner, job->state == JOB_ENDED);
    if (rc == TASK_PENDING)
        return rc;
    if (task_cancelled(task))
        return -ECANCELED;
    return job->timed_out && job->result == -ECANCELED ? -ETIMEDOUT : job->result;
}

/* A worker. */

/* Waits for the next job; which of the idle workers gets it doesn't matter. Returns 1 with it in
 * *job, 0 when the workers are shut and none is left, -ECANCELED. */
static int next_job(struct task *task, struct workers *workers, struct job **job)
{
    int rc = task_wait(task, &workers->idle, workers->queued > 0 || workers->shut);
    if (rc < 0)
        return rc;
    if (workers->queued == 0)
        return 0;
    *job = job_of_node(workers->queue.next);
    dequeue(workers, *job);
    if (workers->queued > 0)
        wait_list_wake_first(&workers->idle);
    return 1;
}

/* The job is a task of a group of its own: its failure stays there, it can be cancelled alone, and
 * the tree of tasks shows who runs it. */
static void start_job(struct worker *worker)
{
    struct job *job = worker->job;
    job->state = JOB_RUNNING;
    task_group_open(&worker->group, &worker->task, "job", GROUP_CONTAIN);
    (void)task_group_spawn(&worker->group, &job->task, job->name, job->step); /* it is new */
}

/* A job that went down with its worker was not cancelled by who joins it, and mustn't look so. */
static int result_of(const struct worker *worker)
{
    int result = worker->job->task.result;
    bool torn_down = task_cancelled(&worker->task) && result == -ECANCELED;
    return torn_down ? -ESHUTDOWN : result;
}

static int worker_step(struct task *task)
{
    struct worker *const self = container_of(task, struct worker, task);

    TASK_BEGIN();
    for (;;) {
        TASK_AWAIT(self->rc, next_job(task, self->workers, &self->job));
        if (self->rc <= 0)
            break;
        start_job(self);
        TASK_AWAIT(self->rc, task_group_join(task, &self->group));
        end_job(self->job, result_of(self));
    }
    /* Nobody is left to do what is queued. */
    if (task_cancelled(task)) {
        workers_shut(self->workers);
        refuse_queued(self->workers);
    }
    TASK_RETURN(self->rc);
    TASK_END();
}

/* The whole. */

void workers_open(struct workers *workers, struct task *owner)
{
    assert(workers->crew && "workers have a crew");
    assert(workers->crew_size > 0 && "a crew is one worker at least");
    assert(workers->crew_size <= PTRDIFF_MAX && "the size of a crew isn't negative");
    assert(workers->queue_limit > 0 && "one job at least may wait for a worker");
    assert(workers->queue_limit <= PTRDIFF_MAX && "a limit isn't negative");
    assert(!workers->group.owner && "workers are opened once, in zeroed memory");
    list_init(&workers->queue);
    wait_list_init(&workers->submitters);
    wait_list_init(&workers->idle);
    task_group_open(&workers->group, owner, workers->name, GROUP_CONTAIN);
    for (size_t i = 0; i < workers->crew_size; i++) {
        struct worker *worker = &workers->crew[i];
        *worker = (struct worker){.workers = workers};
        (void)task_group_spawn(&workers->group, &worker->task, workers->name, worker_step);
    }
}

void workers_shut(struct workers *workers)
{
    workers->shut = true;
    wait_list_wake_all(&workers->submitters);
    wait_list_wake_all(&workers->idle);
}

void workers_cancel(struct workers *workers, int64_t cancel_ns)
{
    workers_shut(workers);
    refuse_queued(workers);
    task_group_cancel(&workers->group, cancel_ns);
}

int workers_join(struct task *task, struct workers *workers)
{
    workers_shut(workers);
    return task_group_join(task, &workers->group);
}

void workers_check(const struct workers *workers)
{
    size_t queued = 0;
    list_for_each(node, &workers->queue) {
        assert(job_of_node(node)->state == JOB_QUEUED);
        assert(job_of_node(node)->workers == workers);
        queued++;
    }
    assert(queued == workers->queued);
    assert(queued <= workers->queue_limit);
}
