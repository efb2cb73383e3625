/*
 * workers: two fetchers work off six pages, of which two at most may be queued.
 *
 * In the morning the pages are submitted one after the other and then joined.
 * What to look for: that the submitter is held up when the queue is full, until a
 * fetcher takes a page; that /map, which fails, is the affair of who joins it,
 * and its fetcher goes on to the next. In the evening there are 35 ms to finish
 * four of them: one is done, two are cut off, one is never begun, and whoever
 * asks is told. Chapter 8 of the book tells the rest.
 *
 * It runs on the simulated door, where the clock jumps. workers.expected holds
 * what it prints.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/reactor.h"
#include "reactor/sim/sim.h"

static struct loop loop;
static int64_t begin_ns;

static void say(const char *name, const char *what)
{
    printf("%3d ms  %s: %s\n", (int)((loop.now_ns - begin_ns) / NS_PER_MS), name, what);
}

/* A page, and the job of fetching it. */
static struct page {
    struct job job;
    const char *url;
    int64_t takes_ms;
    int answer;
    struct frame frame;
    int rc;
} pages[] = {
    {.url = "/news", .takes_ms = 30},
    {.url = "/mail", .takes_ms = 60},
    {.url = "/map", .takes_ms = 10, .answer = -EIO},
    {.url = "/sport", .takes_ms = 30},
    {.url = "/jobs", .takes_ms = 20},
    {.url = "/films", .takes_ms = 10},
};
enum { PAGES = sizeof(pages) / sizeof(pages[0]), LATE_PAGES = 4, CREW = 2 };

static int page_step(struct task *task)
{
    struct page *const self = container_of(task, struct page, job.task);

    TASK_BEGIN();
    say(self->url, "a fetcher begins");
    TASK_AWAIT(self->rc, task_sleep(task, self->takes_ms * NS_PER_MS));
    if (self->rc < 0)
        say(self->url, "is cut off");
    TASK_RETURN(self->rc < 0 ? self->rc : self->answer);
    TASK_END();
}

static void say_result(const char *name, int result)
{
    if (result == -ESHUTDOWN)
        say(name, "not done, the fetchers have gone home");
    else
        say(name, result < 0 ? strerror(-result) : "done");
}

struct day {
    struct frame frame;
    int rc;
    size_t i;
    struct workers workers;
    struct worker crew[CREW];
    struct cancel_scope limit;
};

static int morning(struct task *task, struct day *self)
{
    TASK_BEGIN();
    for (self->i = 0; self->i < PAGES; self->i++) {
        TASK_AWAIT(self->rc, workers_submit(task, &self->workers, &pages[self->i].job));
        say(pages[self->i].url, "is queued");
    }
    for (self->i = 0; self->i < PAGES; self->i++) {
        TASK_AWAIT(self->rc, job_join(task, &pages[self->i].job));
        say_result(pages[self->i].url, self->rc);
    }
    TASK_END();
}

/* The same pages again: a job that has ended may be submitted once more. */
static int evening(struct task *task, struct day *self)
{
    TASK_BEGIN();
    for (self->i = 0; self->i < LATE_PAGES; self->i++)
        TASK_AWAIT(self->rc, workers_submit(task, &self->workers, &pages[self->i].job));
    cancel_scope_open(task, &self->limit, 35 * NS_PER_MS);
    TASK_AWAIT(self->rc, workers_join(task, &self->workers));
    cancel_scope_close(task, &self->limit);
    say_result("all of it", self->rc);
    for (size_t i = 0; i < LATE_PAGES; i++)
        say_result(pages[i].url, pages[i].job.result);
    TASK_AWAIT(self->rc, workers_submit(task, &self->workers, &pages[0].job));
    say_result("one more", self->rc);
    TASK_END();
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    struct day day;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    self->day.workers = (struct workers){
        .name = "fetcher", .crew = self->day.crew, .crew_size = CREW, .queue_limit = 2};
    workers_open(&self->day.workers, task);
    TASK_AWAIT(self->rc, morning(task, &self->day));
    puts("");
    TASK_AWAIT(self->rc, evening(task, &self->day));
    TASK_END();
}

int main(void)
{
    struct program program = {.rc = 0};
    struct sim *sim = sim_create(NULL);

    for (size_t i = 0; i < PAGES; i++) {
        pages[i].job.step = page_step;
        pages[i].job.name = pages[i].url;
    }
    if (loop_init(&loop, sim_door(sim)) < 0)
        return 1;
    begin_ns = loop.now_ns;
    int rc = loop_run(&loop, &program.task, "program", program_step);
    loop_release(&loop);
    sim_free(sim);
    return rc < 0;
}
