/*
 * workers: a few tasks that carry out the jobs of many.
 *
 * A job is a task that begins when a worker is free. So at most as many jobs run
 * at once as there are workers, and at most `queue_limit` wait. A task that
 * submits more waits in line: that is the back-pressure. Python: tasks that loop
 * over an asyncio.Queue.
 *
 *      main -- group "fetchers" -+- task "fetcher" -- [job] -- task "page 17"
 *                                +- task "fetcher" -- [job] -- task "page 18"
 *                                +- task "fetcher"     waits for a job
 *      queue: page 19, page 20
 *
 * A job's memory must stay until the job was joined (job_join) or, if no task
 * joins it, until its `on_end` was called. If a job fails, the task that joins it
 * learns of it, and the worker goes on to the next job. A job may submit others,
 * but a job that waits for others of its own workers may wait for ever.
 */
#ifndef REACTOR_PATTERNS_WORKERS_H
#define REACTOR_PATTERNS_WORKERS_H

#include "reactor/task/task_group.h"

struct workers;

enum job_state { JOB_NEW, JOB_QUEUED, JOB_RUNNING, JOB_ENDED };

/* Zeroed, it is new. */
struct job {
    /* Set by the submitter. */
    struct task task; /* zeroed; runs `step` once a worker is free */
    task_step *step; /* finds its job with container_of(task, struct job, task) */
    const char *name; /* of the task; must live as long as the job */
    void (*on_end)(struct job *job); /* optional: called when it has ended, may free it */

    /* Of workers.c. */
    struct workers *workers;
    enum job_state state;
    int result; /* valid once JOB_ENDED */
    bool timed_out; /* cancelled by an expired deadline of the task that joins it */
    struct list node; /* in the queue */
    struct wait_list joiner;
};

struct worker {
    struct task task;
    struct frame frame;
    int rc;
    struct workers *workers;
    struct job *job;
    struct task_group group; /* of the job it runs */
};

struct workers {
    /* Set by the program; the rest zeroed. */
    const char *name; /* of the group and of each worker */
    struct worker *crew; /* the program's array */
    size_t crew_size; /* how many of them; > 0 */
    size_t queue_limit; /* jobs that may wait for a worker; > 0 */

    /* Of workers.c. */
    struct task_group group; /* of the crew */
    struct list queue; /* of jobs, the oldest first */
    size_t queued;
    bool shut;
    struct wait_list submitters; /* tasks that wait for room in the queue */
    struct wait_list idle; /* workers that wait for a job */
};

/* Starts the crew as children of `owner`, which must join it with workers_join. Can't fail. */
void workers_open(struct workers *workers, struct task *owner);

/* Jobs. */

/*
 * Puts `job` into the queue; if that is full, waits in line for room. Returns 0 and the job is on
 * its way; -ESHUTDOWN from workers that are shut, -ECANCELED or -ETIMEDOUT, and the job is
 * untouched. To submit a job that is on its way is a bug; a job that has ended may be submitted
 * again. May suspend.
 */
TASK_AWAITABLE int workers_submit(struct task *task, struct workers *workers, struct job *job);

/* Cancels a job: one that is queued leaves the queue and ends at once with -ECANCELED, one that
 * runs has until `cancel_ns` (an instant) for its shielded clean-up. Harmless on others. */
void job_cancel(struct job *job, int64_t cancel_ns);

/*
 * Waits until `job`, which was submitted, has ended; its memory is then the caller's. Never cut
 * short: a cancel or an expired deadline of the joining task cancels the job, and the wait goes on.
 * Returns -ECANCELED to a task that is cancelled, else -ETIMEDOUT where a deadline ended the job,
 * else what the job returned (in job->result in any case): -ESHUTDOWN where the workers were
 * cancelled before it had ended. One task joins a job. May suspend.
 */
TASK_AWAITABLE int job_join(struct task *task, struct job *job);

/* The end. */

/* Takes no more jobs; tasks that wait to submit are answered -ESHUTDOWN. Queued and running jobs
 * are still done. Does nothing on workers that are shut. */
void workers_shut(struct workers *workers);

/* Shuts them, ends what is queued with -ESHUTDOWN, and cancels what is running, whose shielded
 * clean-up may last until `cancel_ns` (an instant). */
void workers_cancel(struct workers *workers, int64_t cancel_ns);

/*
 * Shuts the workers and waits until the last has ended, and so every job: a drain. Called by their
 * owner. Never cut short: a cancel or an expired deadline of the joining task cancels the workers,
 * and the wait goes on. Returns 0, -ECANCELED, or -ETIMEDOUT where a deadline passed. May suspend.
 */
TASK_AWAITABLE int workers_join(struct task *task, struct workers *workers);

/* Asserts the invariants; for tests. */
void workers_check(const struct workers *workers);

#endif
