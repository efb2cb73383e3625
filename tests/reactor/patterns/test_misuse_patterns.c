/* What pools, workers and the other patterns say to who breaks their rules. */
#include <criterion/criterion.h>

#include "reactor/reactor.h"
#include "tests/support/misuse.h"

TestSuite(misuse_patterns, .init = fixture_open, .fini = fixture_close);

/* What is fine but for one field. */
#define WITH(fine, field, value)      \
    ({                                \
        __typeof__(fine) made = fine; \
        made.field = (value);         \
        made;                         \
    })

/* --- the pool --- */

static int thing_open(struct task *task, struct pool_item *item)
{
    (void)task, (void)item;
    return 0;
}

static void thing_close(struct pool_item *item)
{
    (void)item;
}

static struct pool things = {.name = "things",
                             .limit = 1,
                             .item_bytes = sizeof(struct pool_item),
                             .keep_ns = NS_PER_SECOND,
                             .open = thing_open,
                             .close = thing_close};
static struct pool pool, other_pool;
static struct pool_lease lease;

static void init_pool(void)
{
    pool_init(&pool, &loop);
}

static void misuse_of_pool(struct pool wrong, const char *rule)
{
    pool = wrong;
    misuse(init_pool, rule);
}

/* From a pool that has room: it doesn't suspend. */
static void take_a_thing(struct task *task)
{
    pool = other_pool = things;
    pool_init(&pool, &loop);
    pool_init(&other_pool, &loop);
    cr_assert_eq(pool_lease(task, &lease, &pool), 0);
}

static int releases_to_another_pool(struct task *task, void *object)
{
    (void)object;
    take_a_thing(task);
    pool_release(&other_pool, lease.item);
    return 0;
}

static int releases_twice(struct task *task, void *object)
{
    (void)object;
    take_a_thing(task);
    pool_release(&pool, lease.item);
    pool_release(&pool, lease.item);
    return 0;
}

static int discards_what_was_released(struct task *task, void *object)
{
    (void)object;
    take_a_thing(task);
    pool_release(&pool, lease.item);
    pool_discard(&pool, lease.item);
    return 0;
}

static void init_a_pool_twice(void)
{
    pool = things;
    init_pool();
    init_pool();
}

static int leases_from_a_zeroed_pool(struct task *task, void *object)
{
    (void)object;
    pool = (struct pool){.name = "things"};
    return pool_lease(task, &lease, &pool);
}

Test(misuse_patterns, of_a_pool_is_told)
{
    misuse_of_pool(WITH(things, limit, 0), "a pool holds one item at least");
    misuse_of_pool(WITH(things, limit, NEGATIVE_SIZE), "a limit isn't negative");
    misuse_of_pool(WITH(things, item_bytes, sizeof(void *)), "an item begins with a pool_item");
    misuse_of_pool(WITH(things, item_bytes, NEGATIVE_SIZE), "a size isn't negative");
    misuse_of_pool(WITH(things, keep_ns, -1), "items aren't kept for less than no time");
    misuse_of_pool(WITH(things, trust_ns, -1), "items aren't trusted for less than no time");
    misuse_of_pool(WITH(things, open, NULL), "a pool can make items");
    misuse_of_pool(WITH(things, close, NULL), "a pool can end its items");
    misuse_by_task(releases_to_another_pool, "an item goes back to the pool that lent it");
    misuse_by_task(releases_twice, "an item goes back once");
    misuse_by_task(discards_what_was_released, "an item goes back once");
    misuse(init_a_pool_twice, "a pool is initialised once, in zeroed memory");
    misuse_by_task(leases_from_a_zeroed_pool, "what is waited for was initialised");
}

/* --- workers --- */

static struct worker crew[1];
static struct workers fetchers = {
    .name = "fetcher", .crew = crew, .crew_size = 1, .queue_limit = 1};
static struct workers workers;
static struct job job;

static int job_step(struct task *task)
{
    return task_sleep(task, NS_PER_SECOND);
}

static int opens_workers(struct task *task, void *object)
{
    (void)object;
    workers_open(&workers, task);
    return 0;
}

static void misuse_of_workers(struct workers wrong, const char *rule)
{
    workers = wrong;
    misuse_by_task(opens_workers, rule);
}

static int opens_workers_twice(struct task *task, void *object)
{
    (void)opens_workers(task, object);
    return opens_workers(task, object);
}

static int ends_with_workers_open(struct task *task, void *object)
{
    return opens_workers(task, object);
}

static int submits_twice(struct task *task, void *object)
{
    (void)opens_workers(task, object);
    job = (struct job){.step = job_step, .name = "job"};
    int rc = workers_submit(task, &workers, &job);
    return rc ? rc : workers_submit(task, &workers, &job);
}

static int submits_what_has_no_step(struct task *task, void *object)
{
    (void)opens_workers(task, object);
    job = (struct job){.name = "job"};
    return workers_submit(task, &workers, &job);
}

static int submits_what_has_no_name(struct task *task, void *object)
{
    (void)opens_workers(task, object);
    job = (struct job){.step = job_step};
    return workers_submit(task, &workers, &job);
}

static int joins_what_was_not_submitted(struct task *task, void *object)
{
    (void)object;
    job = (struct job){.step = job_step, .name = "job"};
    return job_join(task, &job);
}

static int joins_what_another_joins(struct task *task, void *object)
{
    static struct task other = {.wake.callback.name = "other"};

    (void)opens_workers(task, object);
    job = (struct job){.step = job_step, .name = "job"};
    int rc = workers_submit(task, &workers, &job);
    list_append(&other.waiter, &job.joiner.tasks);
    return rc ? rc : job_join(task, &job);
}

Test(misuse_patterns, of_workers_is_told)
{
    misuse_of_workers(WITH(fetchers, crew, NULL), "workers have a crew");
    misuse_of_workers(WITH(fetchers, crew_size, 0), "a crew is one worker at least");
    misuse_of_workers(WITH(fetchers, crew_size, NEGATIVE_SIZE),
                      "the size of a crew isn't negative");
    misuse_of_workers(WITH(fetchers, queue_limit, 0), "one job at least may wait for a worker");
    misuse_of_workers(WITH(fetchers, queue_limit, NEGATIVE_SIZE), "a limit isn't negative");
    workers = fetchers;
    misuse_by_task(opens_workers_twice, "workers are opened once");
    misuse_by_task(ends_with_workers_open, "a task joins its groups before it ends");
    misuse_by_task(submits_twice, "a job is submitted again only after it has ended");
    misuse_by_task(submits_what_has_no_step, "a job has a step");
    misuse_by_task(submits_what_has_no_name, "a job has a name");
    misuse_by_task(joins_what_was_not_submitted, "only a job that was submitted is joined");
    misuse_by_task(joins_what_another_joins, "one task joins a job");
}

/* --- the breaker --- */

static struct breaker breaker;
static struct breaker_policy policy;
static struct breaker_pass pass;

static void init_breaker(void)
{
    breaker_init(&breaker, NULL, "mail", &policy);
}

static void misuse_of_breaker(struct breaker_policy wrong, const char *rule)
{
    policy = wrong;
    misuse(init_breaker, rule);
}

static void init_a_breaker_without_a_name(void)
{
    breaker_init(&breaker, NULL, NULL, &policy);
}

static void enter_twice_with_one_pass(void)
{
    init_breaker();
    (void)breaker_enter(&breaker, &pass, 0);
    (void)breaker_enter(&breaker, &pass, 0);
}

static void leave_twice(void)
{
    init_breaker();
    (void)breaker_enter(&breaker, &pass, 0);
    breaker_leave(&pass, 0, 0);
    breaker_leave(&pass, 0, 0);
}

static void release_with_somebody_inside(void)
{
    init_breaker();
    (void)breaker_enter(&breaker, &pass, 0);
    breaker_release(&breaker);
}

static void enter_a_zeroed_breaker(void)
{
    (void)breaker_enter(&breaker, &pass, 0);
}

Test(misuse_patterns, of_a_breaker_is_told)
{
    struct breaker_policy fine = {.failures = 1};

    misuse_of_breaker(WITH(fine, failures, 0), "it takes a failure to open a breaker");
    misuse_of_breaker(WITH(fine, failures, BREAKER_FAILURES_MAX + 1),
                      "failures beyond BREAKER_FAILURES_MAX");
    misuse_of_breaker(WITH(fine, window_ns, -1), "a window isn't negative");
    misuse_of_breaker(WITH(fine, open_ns, -1), "a breaker isn't open for less than no time");
    policy = fine;
    misuse(init_a_breaker_without_a_name, "a breaker has a name");
    misuse(enter_twice_with_one_pass, "a pass is left before it is used again");
    misuse(leave_twice, "who was let through leaves, once");
    misuse(release_with_somebody_inside, "everybody leaves a breaker before it goes");
    misuse(enter_a_zeroed_breaker, "a breaker is initialised before it is entered");
}

/* --- batch, once, retry --- */

static struct batch batch;
static struct batch_item *places[1], item;

static int batch_makes(struct task *task, struct batch *making)
{
    (void)task, (void)making;
    return 0;
}

static void init_batch(void)
{
    batch_init(&batch);
}

static void misuse_of_batch(struct batch wrong, const char *rule)
{
    batch = wrong;
    misuse(init_batch, rule);
}

static int asks_a_zeroed_batch(struct task *task, void *object)
{
    return batch_ask(task, &item, &batch, object);
}

static void answer_what_is_in_no_batch(void)
{
    batch_answer(&item, 0);
}

Test(misuse_patterns, of_a_batch_is_told)
{
    struct batch fine = {.make = batch_makes, .items = places, .size = 1};

    misuse_of_batch(WITH(fine, make, NULL), "a batch has something to make");
    misuse_of_batch(WITH(fine, items, NULL), "a batch has places");
    misuse_of_batch(WITH(fine, size, 0), "a batch has room for one request at least");
    misuse_of_batch(WITH(fine, size, NEGATIVE_SIZE), "a size isn't negative");
    misuse_of_batch(WITH(fine, delay_ns, -1), "a delay isn't negative");
    batch = (struct batch){.make = batch_makes};
    misuse_by_task(asks_a_zeroed_batch, "a batch is initialised before it is asked");
    misuse(answer_what_is_in_no_batch, "only what is in the batch that runs is answered, once");
}

static struct once once;
static struct once_ask ask;

static void init_once_without_a_maker(void)
{
    once_init(&once, NULL, NULL);
}

static int gets_what_is_zeroed(struct task *task, void *object)
{
    (void)object;
    return once_get(task, &once, &ask);
}

static int asks_for_itself(struct task *task, void *object)
{
    (void)object;
    return once_get(task, &once, &ask);
}

static int resets_itself(struct task *task, void *object)
{
    (void)task, (void)object;
    once_reset(&once);
    return 0;
}

static int gets_what_asks_for_itself(struct task *task, void *object)
{
    once_init(&once, asks_for_itself, object);
    return once_get(task, &once, &ask);
}

static int gets_what_resets_itself(struct task *task, void *object)
{
    once_init(&once, resets_itself, object);
    return once_get(task, &once, &ask);
}

Test(misuse_patterns, of_once_is_told)
{
    misuse(init_once_without_a_maker, "what is made once can be made");
    misuse_by_task(gets_what_is_zeroed, "what is waited for was initialised");
    misuse_by_task(gets_what_asks_for_itself, "what is made once must not ask for itself");
    misuse_by_task(gets_what_resets_itself, "what is being made can't be forgotten");
}

static struct retry retry;
static struct retry_policy retries;

static void init_retry(void)
{
    retry_init(&retry, &retries, 0);
}

static void misuse_of_retry(struct retry_policy wrong, const char *rule)
{
    retries = wrong;
    misuse(init_retry, rule);
}

static int runs_a_zeroed_retry(struct task *task, void *object)
{
    return retry_run(task, &retry, asks_for_itself, object);
}

Test(misuse_patterns, of_a_retry_is_told)
{
    struct retry_policy fine = {.factor = 1, .first_delay_ns = 1, .cap_ns = 1};

    misuse_of_retry(WITH(fine, factor, 0), "a pause doesn't shrink: the factor is at least 1");
    misuse_of_retry(WITH(fine, first_delay_ns, -1), "a pause isn't negative");
    misuse_of_retry(WITH(fine, cap_ns, 0), "the cap isn't below the first delay");
    misuse_of_retry(WITH(fine, limit_ns, -1), "a limit isn't negative");
    misuse_by_task(runs_a_zeroed_retry, "a retry is initialised before it is run");
}
