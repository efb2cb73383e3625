/*
 * aggregator: asks three shops for their price, and tells the best that came in time.
 *
 * Each second all three are asked at once; after 300 ms it is told what has come, be it
 * two prices or one. Look for: a shop that is too slow twice and is asked again, since
 * three failures within ten seconds are one too many; one that fails three times in three
 * ways and isn't asked any more, is tried once in vain, and then has come back; and that
 * all takes as long as the slowest shop or those 300 ms, whatever fails: a connection 5 ms
 * where one was not kept from the second before, the question and the answer 5 each.
 *
 * Patterns: a task group that is joined whatever became of its tasks, one deadline over
 * all calls, a circuit breaker for each shop, a pool of connections (in http.c), services.
 * It runs on the simulated door: the sixteen seconds take none, and what it prints, which
 * aggregator.expected holds, is exact.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/examples/http.h"
#include "reactor/sim/sim.h"

#define ANSWER_NS (300 * NS_PER_MS)
#define SECONDS 16

/* What a shop is like in one second. */
enum mood { ANSWERS = 'A', LINGERS = 'L', BUSY = 'B', HANGS_UP = 'H', RAVES = 'R', GONE = '-' };

struct call {
    struct frame frame;
    int rc;
    struct http_get get;
};

/* A shop, and what is needed to ask it. */
static struct shop {
    const char *name;
    const char *moods; /* one a second */
    int price;
    uint16_t port;
    struct service service;
    enum mood mood; /* in this second */

    struct task task; /* asks it; ends with the price, or -errno */
    struct frame frame;
    int rc;
    struct cancel_scope limit;
    struct breaker breaker;
    struct breaker_run guarded;
    struct http_host host;
    struct call call;
} shops[] = {
    {.name = "quick", .moods = "AAAAAAAAAAAAAAAA", .price = 30, .port = 7001, .mood = GONE},
    {.name = "slow", .moods = "AALLAAAAAAAAAAAA", .price = 25, .port = 7002, .mood = GONE},
    {.name = "cheap", .moods = "AAHRB-------AAAA", .price = 20, .port = 7003, .mood = GONE},
};
enum { SHOPS = sizeof(shops) / sizeof(*shops) };

static struct loop loop;
static struct fanout fanout;
static int second; /* from 1 */
static int64_t began_ns; /* when that did */

static const struct breaker_policy policy = {
    .failures = 3, .window_ns = 10 * NS_PER_SECOND, .open_ns = 4 * NS_PER_SECOND};

/* Who asks, on the shop's side. */
struct visitor {
    struct connection its;
    struct frame frame;
    int rc;
    struct http_request request;
};

static const struct shop *shop_of(const struct visitor *visitor)
{
    return container_of(visitor->its.service, struct shop, service);
}

static int answer(struct visitor *visitor)
{
    enum mood mood = shop_of(visitor)->mood;
    char text[100];
    int size = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%4d",
                        shop_of(visitor)->price);
    if (mood == BUSY)
        size = snprintf(text, sizeof(text), "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    if (mood == RAVES)
        size = snprintf(text, sizeof(text), "What a day!\r\n");
    return stream_write(&visitor->its.stream, text, (size_t)size);
}

static int visitor_step(struct task *task)
{
    struct visitor *const self = container_of(task, struct visitor, its.task);

    TASK_BEGIN();
    do {
        TASK_AWAIT(self->rc, http_next(task, &self->request, &self->its.stream));
        if (self->rc <= 0 || shop_of(self)->mood == HANGS_UP)
            break;
        if (shop_of(self)->mood == LINGERS)
            TASK_AWAIT(self->rc, task_sleep(task, NS_PER_SECOND / 2));
        if (self->rc >= 0)
            self->rc = answer(self);
    } while (self->rc >= 0);
    TASK_RETURN(self->rc);
    TASK_END();
}

/* A new second: some open, some close. One that can't open is gone, which is what is told. */
static void open_and_close(struct task_group *town)
{
    for (struct shop *shop = shops; shop < shops + SHOPS; shop++) {
        enum mood before = shop->mood;
        shop->mood = (enum mood)shop->moods[second - 1];
        if (before != GONE && shop->mood == GONE)
            task_cancel(&shop->service.task, loop.now_ns);
        if (before != GONE || shop->mood == GONE)
            continue;
        shop->service = (struct service){.step = visitor_step};
        shop->service.connection_bytes = sizeof(struct visitor);
        if (service_open(&shop->service, &fanout, "127.0.0.1", shop->port) < 0)
            shop->mood = GONE;
        else
            (void)task_group_spawn(town, &shop->service.task, shop->name, service_step);
    }
}

/* The price in a reply, or -errno. */
static int price_in(struct http_get *get)
{
    char *end, *body = http_body(get);
    if (!body)
        return -ENOMEM;
    long price = strtol(body, &end, 10);
    bool sane = get->reply.status == 200 && end > body && price >= 0 && price < 10000;
    return sane ? (int)price : -EPROTO;
}

static int call_step(struct task *task, void *object)
{
    struct call *const self = object;

    TASK_BEGIN();
    TASK_AWAIT(self->rc, http_get(task, &self->get));
    if (self->rc >= 0)
        self->rc = price_in(&self->get);
    http_forget(&self->get);
    TASK_RETURN(self->rc);
    TASK_END();
}

/* All have one deadline, but each has it: around the join it would cancel them, and a call that was
 * cancelled says nothing against a shop, while one that was too slow has failed. */
static int shop_step(struct task *task)
{
    struct shop *const self = container_of(task, struct shop, task);

    TASK_BEGIN();
    cancel_scope_open_at(task, &self->limit, began_ns + ANSWER_NS);
    TASK_AWAIT(self->rc, breaker_run(task, &self->guarded, &self->breaker, call_step, &self->call));
    (void)cancel_scope_close(task, &self->limit);
    TASK_RETURN(self->rc);
    TASK_END();
}

static const char *cause(int error)
{
    return error == -ETIMEDOUT ? "too late" : error == -EHOSTDOWN ? "not asked" : strerror(-error);
}

static void tell(void)
{
    int best = 0;
    int count = 0;
    printf("second %2d: ", second);
    for (const struct shop *shop = shops; shop < shops + SHOPS; shop++) {
        int price = shop->task.result;
        if (price < 0)
            printf("%s %s, ", shop->name, cause(price));
        else
            printf("%s %d, ", shop->name, price);
        if (price >= 0 && (count++ == 0 || price < best))
            best = price;
    }
    printf("best of %d after %d ms: %d\n", count, (int)((loop.now_ns - began_ns) / NS_PER_MS),
           best);
}

struct program {
    struct task task;
    struct frame frame;
    int rc;
    struct task_group town;
    struct task_group callers;
    size_t next;
};

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    task_group_open(&self->town, task, "town", GROUP_CONTAIN);
    for (second = 1; second <= SECONDS; second++) {
        began_ns = loop.now_ns;
        open_and_close(&self->town);
        task_group_open(&self->callers, task, "callers", GROUP_CONTAIN);
        for (size_t i = 0; i < SHOPS; i++)
            (void)task_group_spawn(&self->callers, &shops[i].task, shops[i].name, shop_step);
        TASK_AWAIT(self->rc, task_group_join(task, &self->callers));
        tell();
        TASK_AWAIT(self->rc, task_sleep_until(task, began_ns + NS_PER_SECOND));
    }
    for (self->next = 0; self->next < SHOPS; self->next++)
        TASK_AWAIT(self->rc, pool_drain(task, &shops[self->next].host.pool));
    task_group_cancel(&self->town, loop.now_ns);
    TASK_AWAIT(self->rc, task_group_join(task, &self->town));
    TASK_END();
}

int main(void)
{
    static struct program program;
    char text[BREAKER_TEXT_BYTES];
    struct sim_options network = {.delay_min_ns = 5 * NS_PER_MS, .delay_max_ns = 5 * NS_PER_MS};
    struct sim *sim = sim_create(&network);

    if (loop_init(&loop, sim_door(sim)) < 0)
        return 1;
    fanout_init(&fanout, &loop, NULL);
    for (size_t i = 0; i < SHOPS; i++) {
        breaker_init(&shops[i].breaker, NULL, shops[i].name, &policy);
        http_host_open(&shops[i].host, &fanout, shops[i].port, 1);
        shops[i].call.get = (struct http_get){.host = &shops[i].host, .path = "/price"};
    }
    int rc = loop_run(&loop, &program.task, "aggregator", program_step);
    for (size_t i = 0; i < SHOPS; i++) {
        breaker_describe(&shops[i].breaker, loop.now_ns, text);
        puts(text);
        breaker_release(&shops[i].breaker);
    }
    fanout_release(&fanout);
    loop_release(&loop);
    sim_free(sim);
    return rc < 0;
}
