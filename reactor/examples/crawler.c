/*
 * crawler: follows links from page to page, politely, and tells what it found.
 *
 * Without arguments it crawls two small sites that it serves itself, with what
 * goes wrong out there: pages that are missing, busy for a while or for ever,
 * cut off in the middle, garbled, moved in a circle; and eight bytes a turn, so
 * that nothing comes in one piece. Look for: each page once, at the depth of the
 * shortest way to it, whichever page comes first; how many attempts it took;
 * and how few connections there were, for a host has two at a time at most.
 * `crawler http://127.0.0.1:8000/ 2` crawls a real server, two links deep.
 *
 * Patterns: a pool of connections a host (in http.c), workers with a bounded
 * queue, retry with back-off and jitter, a time-out an attempt, services in a
 * group. crawler.expected holds what it prints without arguments.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/examples/http.h"
#include "reactor/examples/site.h"

#define HOME "http://127.0.0.1:"
#define PAGES_MAX 500
#define HOSTS_MAX 8

struct page {
    struct job job;
    unsigned depth; /* links between it and the first page */
    struct frame frame;
    int rc;
    struct retry retry;

    struct visit {
        struct frame frame;
        int rc;
        struct cancel_scope limit;
        struct http_get get;
    } visit;
};

static struct loop loop;
static struct fanout fanout;
static struct http_host hosts[HOSTS_MAX];
static struct page pages[PAGES_MAX]; /* those known: visited, or to be */
static size_t host_count, page_count, left_out;
static unsigned depth_max = 3;

static struct worker crew[4];
static struct workers workers = {.name = "workers", .crew = crew, .crew_size = 4, .queue_limit = 4};

static bool passes(void *object, int error) /* what may be better a little later */
{
    (void)object;
    return error == -EBUSY || error == -ECONNRESET || error == -EPIPE || error == -ETIMEDOUT;
}

static const struct retry_policy policy = {
    .attempts = 4,
    .first_delay_ns = 50 * NS_PER_MS,
    .factor = 2,
    .cap_ns = NS_PER_SECOND,
    .again = passes,
};

/* An attempt. Returns the status, or -errno. */
static int visit_step(struct task *task, void *object)
{
    struct visit *const self = object;

    TASK_BEGIN();
    cancel_scope_open(task, &self->limit, 10 * NS_PER_SECOND);
    TASK_AWAIT(self->rc, http_get(task, &self->get));
    (void)cancel_scope_close(task, &self->limit);
    TASK_RETURN(self->rc);
    TASK_END();
}

static void follow_links(struct page *page);

static int page_step(struct task *task)
{
    struct page *const self = container_of(task, struct page, job.task);

    TASK_BEGIN();
    retry_init(&self->retry, &policy, (uint64_t)(self - pages)); /* each has pauses of its own */
    TASK_AWAIT(self->rc, retry_run(task, &self->retry, visit_step, &self->visit));
    if (self->rc >= 0)
        follow_links(self);
    http_forget(&self->visit.get);
    TASK_RETURN(self->rc);
    TASK_END();
}

static struct http_host *host_at(unsigned long port)
{
    for (size_t i = 0; i < host_count; i++)
        if (hosts[i].port == port)
            return &hosts[i];
    if (port == 0 || port > UINT16_MAX || host_count == HOSTS_MAX)
        return NULL;
    http_host_open(&hosts[host_count], &fanout, (uint16_t)port, 2);
    return &hosts[host_count++];
}

/* Notes a page, unless it is known. Looks at all that are: a larger crawler has a table. */
static void note(struct http_host *host, const char *path, unsigned depth)
{
    for (size_t i = 0; i < page_count; i++)
        if (pages[i].visit.get.host == host && strcmp(pages[i].visit.get.path, path) == 0)
            return;
    if (page_count == PAGES_MAX) {
        left_out++;
        return;
    }
    struct page *page = &pages[page_count++];
    page->job = (struct job){.step = page_step, .name = "page"};
    page->depth = depth;
    page->visit.get.host = host;
    (void)snprintf(page->visit.get.path, HTTP_PATH_BYTES, "%s", path);
}

/* A link to a page of this machine, of the same host or beside the page it is on. Others aren't
 * followed, nor are those with a colon in their path. */
static void follow(struct http_host *host, const char *from, char *link, unsigned depth)
{
    char path[HTTP_PATH_BYTES];
    const char *rest = link;
    int base = 0; /* how much of `from` stands before it */

    link[strcspn(link, "#")] = '\0';
    if (strncmp(link, HOME, strlen(HOME)) == 0) {
        host = host_at(strtoul(link + strlen(HOME), &link, 10));
        rest = *link ? link : "/";
    } else if (*link && *link != '/') {
        base = (int)(strrchr(from, '/') + 1 - from);
    }
    if (!host || depth > depth_max || (base == 0 && *rest != '/') || strpbrk(rest, ": \r\n"))
        return;
    if (snprintf(path, sizeof(path), "%.*s%s", base, from, rest) < HTTP_PATH_BYTES)
        note(host, path, depth);
}

static void follow_links(struct page *page)
{
    struct http_get *get = &page->visit.get;
    char *end, *at = http_body(get);
    if (page->rc >= 300 && page->rc < 400)
        follow(get->host, get->path, get->reply.location, page->depth + 1);
    while (at && (at = strstr(at, "href=\"")) && (end = strchr(at + 6, '"'))) {
        *end = '\0';
        follow(get->host, get->path, at + 6, page->depth + 1);
        at = end + 1;
    }
}

static int by_host_and_path(const void *page_a, const void *page_b)
{
    const struct http_get *one = &(*(struct page *const *)page_a)->visit.get;
    const struct http_get *other = &(*(struct page *const *)page_b)->visit.get;
    if (one->host != other->host)
        return one->host < other->host ? -1 : 1;
    return strcmp(one->path, other->path);
}

static void report(void)
{
    static struct page *sorted[PAGES_MAX];
    for (size_t i = 0; i < page_count; i++)
        sorted[i] = &pages[i];
    qsort(sorted, page_count, sizeof(*sorted), by_host_and_path);
    puts("depth attempts host page");
    for (size_t i = 0; i < page_count; i++) {
        const struct visit *visit = &sorted[i]->visit;
        printf("%5u %8u %4td %s: ", sorted[i]->depth, sorted[i]->retry.attempts,
               visit->get.host - hosts + 1, visit->get.path);
        if (visit->rc >= 0 || visit->rc == -EBUSY)
            printf("%d\n", visit->get.reply.status);
        else
            printf("%s\n", strerror(-visit->rc));
    }
    for (struct http_host *host = hosts; host < hosts + host_count; host++)
        printf("host %td: %u requests, %u connections\n", host - hosts + 1, host->requests,
               host->connections);
    printf("%zu pages, %zu links left out\n", page_count, left_out);
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    bool serves; /* the sites are its own */
    struct task_group sites;
    size_t next, submitted, level;
};

/* All pages of one depth before those of the next, so that each is found by the shortest way. The
 * main task has no deadline, and nobody cancels it: no await of it fails. */
static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    task_group_open(&self->sites, task, "sites", GROUP_CONTAIN);
    if (self->serves)
        site_start(&self->sites);
    workers_open(&workers, task);
    while (self->next < page_count) {
        for (self->level = page_count; self->submitted < self->level; self->submitted++)
            TASK_AWAIT(self->rc, workers_submit(task, &workers, &pages[self->submitted].job));
        for (; self->next < self->level; self->next++)
            TASK_AWAIT(self->rc, job_join(task, &pages[self->next].job));
    }
    TASK_AWAIT(self->rc, workers_join(task, &workers));
    for (self->next = 0; self->next < host_count; self->next++)
        TASK_AWAIT(self->rc, pool_drain(task, &hosts[self->next].pool));
    task_group_cancel(&self->sites, loop.now_ns);
    TASK_AWAIT(self->rc, task_group_join(task, &self->sites));
    report();
    TASK_RETURN(pages[0].rc < 0);
    TASK_END();
}

int main(int argc, char **argv)
{
    static struct program program;
    char url[SITE_URL_BYTES];

    if (loop_init(&loop, sys_kernel()) < 0)
        return 1;
    fanout_init(&fanout, &loop, NULL);
    program.serves = argc < 2;
    if (program.serves && site_open(&fanout, url) < 0)
        return 1;
    if (argc > 2)
        depth_max = (unsigned)strtoul(argv[2], NULL, 10);
    follow(NULL, "/", program.serves ? url : argv[1], 0);
    if (page_count == 0) {
        fprintf(stderr, "usage: crawler [%sPORT/ [DEPTH]]\n", HOME);
        return 2;
    }
    int rc = loop_run(&loop, &program.task, "crawler", program_step);
    fanout_release(&fanout);
    loop_release(&loop);
    return rc;
}
