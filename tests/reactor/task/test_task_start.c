/*
 * Starting a child that says when it is ready, racing, and what the library's users found wrong.
 * Cases of trio's test_run.py (test_nursery_start and its siblings) and asyncio's test_locks.py and
 * test_queues.py are named where they are followed.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "reactor/task/queue.h"
#include "reactor/task/sync.h"
#include "tests/support/misuse.h"
#include "tests/support/stream_pair.h"

TestSuite(task_start, .init = stream_pairs_open, .fini = stream_pairs_close);

/* --- task_group_start --- */

/* Sleeps, says that it is ready if it should, sleeps again and ends with `result`. */
struct starting {
    struct task task;
    struct frame frame;
    bool says;
    int result;
    int rc;
};

static int starting_step(struct task *task)
{
    struct starting *const self = container_of(task, struct starting, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, 10 * NS_PER_MS));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    if (self->says) {
        task_ready(task);
        TASK_AWAIT(self->rc, task_sleep(task, 20 * NS_PER_MS));
    }
    TASK_RETURN(self->rc < 0 ? self->rc : self->result);
    TASK_END();
}

/* Starts one child into its group, and joins that. */
struct starter {
    struct task task;
    struct frame frame;
    struct task_group group;
    struct task_group_start start;
    struct starting child;
    struct cancel_scope limit;
    int64_t limit_ns;
    bool cancels_group; /* before the start */
    int started, joined;
    int64_t started_ns, joined_ns;
    size_t alive; /* in the group after the start */
};

static int starter_step(struct task *task)
{
    struct starter *const self = container_of(task, struct starter, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "group", GROUP_FAIL_FAST);
    if (self->cancels_group)
        task_group_cancel(&self->group, TIME_NEVER);
    cancel_scope_open(task, &self->limit, self->limit_ns ? self->limit_ns : TIME_NEVER);
    TASK_AWAIT(self->started, task_group_start(task, &self->start, &self->group, &self->child.task,
                                               "child", starting_step));
    (void)cancel_scope_close(task, &self->limit);
    self->started_ns = loop.now_ns;
    self->alive = self->group.alive;
    TASK_AWAIT(self->joined, task_group_join(task, &self->group));
    self->joined_ns = loop.now_ns;
    TASK_END();
}

static const struct start_case {
    const char *follows;
    bool says;
    int result;
    int64_t limit_ns, cancel_ms;
    bool cancels_group;
    int started;
    int64_t started_ms;
    int joined;
    int64_t joined_ms;
} start_cases[] = {
    {"trio test_nursery_start: it is ready", true, 0, 0, 0, false, 0, 10, 0, 30},
    {"trio test_nursery_start: it fails after that", true, -EIO, 0, 0, false, 0, 10, -EIO, 30},
    {"trio test_nursery_start: it fails before", false, -EIO, 0, 0, false, -EIO, 10, 0, 10},
    {"trio test_nursery_start: it ends without a word", false, 0, 0, 0, false, -ECHILD, 10, 0, 10},
    {"trio test_nursery_start: a deadline of the starter", true, 0, 5 * NS_PER_MS, 0, false,
     -ETIMEDOUT, 5, 0, 5},
    {"trio test_nursery_start: the starter is cancelled", true, 0, 0, 5, false, -ECANCELED, 5,
     -ECANCELED, 5},
    {"trio test_nursery_start_with_cancelled_nursery", true, 0, 0, 0, true, -ECANCELED, 0, 0, 0},
};

Test(task_start, a_start_waits_until_the_child_is_ready)
{
    for (size_t i = 0; i < sizeof(start_cases) / sizeof(*start_cases); i++) {
        const struct start_case *row = &start_cases[i];
        struct starter starter = {.limit_ns = row->limit_ns, .cancels_group = row->cancels_group};
        starter.child = (struct starting){.says = row->says, .result = row->result};
        int64_t begun_ns = sim_now_ns(sim);
        cr_assert_eq(task_group_spawn(&actor_group, &starter.task, "starter", starter_step), 0);
        if (row->cancel_ms) {
            fixture_pass(row->cancel_ms * NS_PER_MS);
            task_cancel(&starter.task, TIME_NEVER);
        }
        fixture_pass(NS_PER_SECOND);
        must(task_ended(&starter.task), "%s: it hangs", row->follows);
        must(starter.started == row->started, "%s: %d", row->follows, starter.started);
        must(starter.alive == (row->started == 0), "%s: %zu alive", row->follows, starter.alive);
        must((starter.started_ns - begun_ns) / NS_PER_MS == row->started_ms, "%s", row->follows);
        must(starter.joined == row->joined, "%s: joined %d", row->follows, starter.joined);
        must((starter.joined_ns - begun_ns) / NS_PER_MS == row->joined_ms, "%s", row->follows);
    }
}

/* trio test_nursery_start: a step that says it is ready may be spawned as well. */
Test(task_start, a_task_that_was_spawned_is_ready_for_nobody)
{
    struct starting starting = {.says = true};

    cr_assert_eq(task_group_spawn(&actor_group, &starting.task, "spawned", starting_step), 0);
    fixture_pass(NS_PER_SECOND);
    cr_assert(task_ended(&starting.task));
    cr_assert_eq(starting.task.result, 0);
}

/* --- the first of several --- */

static struct queue queue;
static void *slots[2];
static struct event event;
static struct stream_pair visitor;

struct racer {
    struct task task;
    struct frame frame;
    int rc;
    void *item;
    char *line;
    size_t size;
};

static int item_step(struct task *task)
{
    struct racer *const self = container_of(task, struct racer, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, queue_get(task, &queue, &self->item));
    TASK_RETURN(self->rc);
    TASK_END();
}

static int event_step(struct task *task)
{
    struct racer *const self = container_of(task, struct racer, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, event_wait(task, &event));
    TASK_RETURN(self->rc);
    TASK_END();
}

static int line_step(struct task *task)
{
    struct racer *const self = container_of(task, struct racer, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, stream_read_line(task, &visitor.stream, 100, &self->line, &self->size));
    TASK_RETURN(self->rc);
    TASK_END();
}

struct race {
    struct task task;
    struct frame frame;
    struct task_group group;
    struct racer item, event, line;
    int rc;
};

static int race_step(struct task *task)
{
    struct race *const self = container_of(task, struct race, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "race", GROUP_CONTAIN);
    self->group.on_end = task_group_cancel_rest;
    (void)task_group_spawn(&self->group, &self->item.task, "item", item_step);
    (void)task_group_spawn(&self->group, &self->event.task, "event", event_step);
    (void)task_group_spawn(&self->group, &self->line.task, "line", line_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_END();
}

/* What happens while the race runs, from 1: an item, 2: the event, 4: a line; and who wins. */
static void run_race(unsigned happens)
{
    struct race race = {.rc = 1};
    int item = 7;
    void *left = NULL;

    event_init(&event);
    queue_init(&queue, slots, 2);
    stream_pair_open(&visitor, 1);
    cr_assert_eq(task_group_spawn(&actor_group, &race.task, "race", race_step), 0);
    fixture_settle();
    cr_assert_not(task_ended(&race.task));
    if (happens & 1)
        cr_assert_eq(queue_try_put(&queue, &item), 0);
    if (happens & 2)
        event_set(&event);
    if (happens & 4)
        sim_peer_say(visitor.peer, "hello\r\n");
    fixture_pass(10 * NS_PER_MS);
    must(task_ended(&race.task), "race %u hangs", happens);
    must(race.rc == 0, "race %u: %d", happens, race.rc);
    bool got = race.item.task.result == 1, seen = race.event.task.result == 0;
    bool read = race.line.task.result > 0;
    must(got || seen || read, "race %u: nobody won", happens);
    if (happens & 1)
        must(got != (queue_try_get(&queue, &left) == 1), "race %u: the item is lost", happens);
    stream_pair_close(&visitor);
}

Test(task_start, a_race_of_a_queue_an_event_and_a_socket_loses_nothing)
{
    for (unsigned happens = 1; happens < 8; happens++)
        run_race(happens);
}

/* --- sync --- */

/* asyncio test_locks LockTests and EventTests.test_clear_with_waiters. */
Test(task_start, an_event_set_and_cleared_in_one_turn_wakes_those_that_wait)
{
    struct actor waiter = {.call = actor_waits, .object = &event}, late = waiter, hurried = waiter;

    event_init(&event);
    actor_start(&waiter, "waiter");
    actor_start(&hurried, "hurried");
    fixture_settle();
    event_set(&event);
    event_clear(&event);
    task_cancel(&hurried.task, TIME_NEVER);
    actor_start(&late, "late");
    fixture_settle();
    cr_assert(actor_ended(&waiter, 0));
    cr_assert(actor_ended(&hurried, -ECANCELED));
    cr_assert(actor_waiting(&late), "it came after the clear, and gets no wake-up of another's");
    event_set(&event);
    fixture_settle();
    cr_assert(actor_ended(&late, 0));
}

static struct lock lock;

/* Holds the lock for 10 ms. */
static int holds(struct task *task, void *object)
{
    (void)object;
    if (lock.holder != task) {
        int rc = lock_acquire(task, &lock);
        if (rc != 0)
            return rc;
    }
    int rc = task_sleep(task, 10 * NS_PER_MS);
    if (rc != TASK_PENDING)
        lock_release(task, &lock);
    return rc;
}

/* asyncio test_locks LockTests.test_acquire, test_cancel_race, test_release_not_acquired. */
Test(task_start, a_lock_is_held_by_one_in_order_and_a_cancelled_one_hands_it_on)
{
    struct actor a = {.call = holds}, b = a, c = a;

    lock_init(&lock);
    actor_start(&a, "a");
    actor_start(&b, "b");
    actor_start(&c, "c");
    fixture_settle();
    cr_assert_eq(lock.holder, &a.task);
    cr_assert_eq(lock_try_acquire(&c.task, &lock), -EAGAIN);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&a, 0));
    cr_assert_eq(lock.holder, &b.task);
    task_cancel(&b.task, TIME_NEVER);
    fixture_settle();
    cr_assert(actor_ended(&b, -ECANCELED));
    cr_assert_eq(lock.holder, &c.task);
    fixture_pass(10 * NS_PER_MS);
    cr_assert(actor_ended(&c, 0));
    cr_assert_eq(lock_try_acquire(&a.task, &lock), 0);
    lock_release(&a.task, &lock);
}

static int gets_one(struct task *task, void *object)
{
    void *item;
    (void)object;
    return queue_get(task, &queue, &item);
}

/* asyncio test_queues QueuePutTests.test_nonblocking_put_exception, QueueGetTests. */
Test(task_start, the_try_forms_never_wait_and_never_overtake)
{
    struct actor getter = {.call = gets_one};
    struct semaphore semaphore;
    void *item;

    queue_init(&queue, slots, 1);
    cr_assert_eq(queue_try_get(&queue, &item), -EAGAIN);
    actor_start(&getter, "getter");
    fixture_settle();
    cr_assert_eq(queue_try_put(&queue, &queue), 0);
    cr_assert_eq(queue_try_put(&queue, &queue), -EAGAIN, "it is full");
    cr_assert_eq(queue_try_get(&queue, &item), -EAGAIN, "it is for the getter that waits");
    fixture_settle();
    cr_assert(actor_ended(&getter, 1));
    cr_assert_eq(queue_try_put(&queue, &queue), 0);
    queue_close(&queue);
    cr_assert_eq(queue_try_put(&queue, &queue), -EPIPE);
    cr_assert_eq(queue_try_get(&queue, &item), 1);
    cr_assert_eq(queue_try_get(&queue, &item), 0);

    semaphore_init_bounded(&semaphore, 1);
    cr_assert_eq(semaphore_try_acquire(&semaphore), 0);
    cr_assert_eq(semaphore_try_acquire(&semaphore), -EAGAIN);
    semaphore_release(&semaphore);
}

/* --- misuse --- */

static int waits_for_two_events(struct task *task, void *object)
{
    static struct event other;
    (void)object;
    event_init(&event);
    event_init(&other);
    (void)!event_wait(task, &event);
    return event_wait(task, &other);
}

static int waits_and_sleeps(struct task *task, void *object)
{
    (void)object;
    event_init(&event);
    (void)!event_wait(task, &event);
    return task_sleep(task, NS_PER_SECOND);
}

static int sleeps_and_waits(struct task *task, void *object)
{
    (void)object;
    event_init(&event);
    (void)!task_sleep(task, NS_PER_SECOND);
    return event_wait(task, &event);
}

static int spawns_itself(struct task *task, void *object)
{
    (void)object;
    return task_group_spawn(&actor_group, task, "again", starting_step);
}

static int turns_the_loop(struct task *task, void *object)
{
    (void)task, (void)object;
    return loop_run_once(&loop);
}

static int locks_twice(struct task *task, void *object)
{
    (void)object;
    lock_init(&lock);
    int rc = lock_acquire(task, &lock);
    return rc ? rc : lock_acquire(task, &lock);
}

static int releases_the_lock_of_another(struct task *task, void *object)
{
    (void)object;
    lock_init(&lock);
    lock_release(task, &lock);
    return 0;
}

static void release_too_often(void)
{
    struct semaphore semaphore;
    semaphore_init_bounded(&semaphore, 1);
    semaphore_release(&semaphore);
}

Test(task_start, what_must_not_be_is_said)
{
    misuse_by_task(waits_for_two_events, "a task waits for one thing at a time");
    misuse_by_task(waits_and_sleeps, "a task waits for one thing at a time");
    misuse_by_task(sleeps_and_waits, "a task waits for one thing at a time");
    misuse_by_task(spawns_itself, "a task is spawned again only after it has ended");
    misuse_by_task(turns_the_loop, "a turn is not run inside a callback");
    misuse_by_task(locks_twice, "a task that holds a lock would wait for itself");
    misuse_by_task(releases_the_lock_of_another, "a lock is released by its holder");
    misuse(release_too_often, "a permit is given back once");
}

/* --- failures that were raised --- */

/* Owns a group of one that fails, raises that, and ends with an error of its own. */
struct raiser {
    struct task task;
    struct frame frame;
    struct task_group group;
    struct starting child;
    int ends_with;
    int rc;
};

static int raiser_step(struct task *task)
{
    struct raiser *const self = container_of(task, struct raiser, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "group", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->group, &self->child.task, "child", starting_step);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    (void)task_group_raise(&self->group);
    TASK_RETURN(self->ends_with);
    TASK_END();
}

struct above {
    struct task task;
    struct frame frame;
    struct task_group group;
    struct raiser raiser;
    int joined;
};

static int above_step(struct task *task)
{
    struct above *const self = container_of(task, struct above, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "above", GROUP_FAIL_FAST);
    (void)task_group_spawn(&self->group, &self->raiser.task, "raiser", raiser_step);
    TASK_AWAIT(self->joined, task_group_join(task, &self->group));
    TASK_END();
}

/* trio's and Python's groups of exceptions hold both; here the first of the list is the answer. */
Test(task_start, a_join_answers_the_first_of_its_failures)
{
    struct above above = {.raiser = {.child.result = -EIO, .ends_with = -EPIPE}};

    cr_assert_eq(task_group_spawn(&actor_group, &above.task, "above", above_step), 0);
    fixture_pass(NS_PER_SECOND);
    const struct task *first = task_of_sibling(above.group.failures.next);
    cr_assert_eq(above.joined, -EIO);
    cr_assert_eq(first->result, above.joined);
    cr_assert_str_eq(task_name(first), "child");
    cr_assert_eq(above.raiser.task.result, -EPIPE);
}
