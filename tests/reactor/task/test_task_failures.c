/*
 * Failures that go on up through nested groups, and how they are printed.
 */
#include "reactor/task/task_group.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/misuse.h"

TestSuite(task_failures, .init = fixture_open, .fini = fixture_close);

/* Sleeps, and then fails with `error`, also where it is cancelled before; 0: it doesn't fail. */
struct child {
    struct task task;
    struct frame frame;
    int64_t sleep_ns;
    int error;
    int rc;
};

static int child_step(struct task *task)
{
    struct child *const self = container_of(task, struct child, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, self->sleep_ns));
    TASK_RETURN(self->error);
    TASK_END();
}

/* A child that owns a group of two and hands their failures on up; one that is refused a
 * connection is dealt with. */
struct house {
    struct task task;
    struct frame frame;
    struct task_group group;
    struct child first;
    struct child second;
    struct list refused;
    int rc;
};

static int house_step(struct task *task)
{
    struct house *const self = container_of(task, struct house, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "house", GROUP_FAIL_FAST);
    cr_assert_eq(task_group_spawn(&self->group, &self->first.task, "first", child_step), 0);
    cr_assert_eq(task_group_spawn(&self->group, &self->second.task, "second", child_step), 0);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    list_init(&self->refused);
    task_group_match(&self->group, -ECONNREFUSED, &self->refused);
    TASK_RETURN(task_group_raise(&self->group));
    TASK_END();
}

/* A street of one house, and what is printed of its failures: without the places' lines. */
struct street {
    struct task task;
    struct frame frame;
    struct task_group group;
    struct house house;
    int rc;
};

static int street_step(struct task *task)
{
    struct street *const self = container_of(task, struct street, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "street", GROUP_FAIL_FAST);
    cr_assert_eq(task_group_spawn(&self->group, &self->house.task, "house", house_step), 0);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_RETURN(0);
    TASK_END();
}

static char printed[1024];

static void print_line(void *context, const char *line)
{
    (void)context;
    const char *place = strstr(line, "  tests/");
    int length = place ? (int)(place - line) : (int)strlen(line);
    const char *call = place ? strstr(place + 2, "  ") + 2 : "at its start";
    size_t used = strlen(printed);
    (void)snprintf(printed + used, sizeof(printed) - used, "%.*s, %s\n", length, line, call);
}

static void fail_street(struct street *street, int first, int second)
{
    street->house.first.error = first;
    street->house.second.error = second;
    street->house.second.sleep_ns = NS_PER_SECOND; /* it fails when it is cancelled */
    cr_assert_eq(task_group_spawn(&actor_group, &street->task, "street", street_step), 0);
    fixture_settle();
    fixture_pass(NS_PER_MS);
    cr_assert(task_ended(&street->task));
}

Test(task_failures, what_is_raised_stands_below_its_owner_when_printed)
{
    struct street street = {.rc = 1};

    fail_street(&street, -EIO, -EPIPE);
    cr_assert_eq(street.rc, -EIO);
    cr_assert(list_empty(&street.house.group.failures));
    task_group_print(&street.group.failures, print_line, NULL);
    cr_assert_str_eq(printed, "house: Input/output error (5), task_group_join(task, &self->group)\n"
                              "  first: Input/output error (5), task_sleep(task, self->sleep_ns)\n"
                              "  second: Broken pipe (32), task_sleep(task, self->sleep_ns)\n");
}

Test(task_failures, only_what_was_not_matched_goes_on_up)
{
    struct street street = {.rc = 1};

    fail_street(&street, -ECONNREFUSED, -EPIPE);
    cr_assert_eq(street.house.task.result, -EPIPE);
    task_group_print(&street.group.failures, print_line, NULL);
    cr_assert_str_eq(printed, "house: Broken pipe (32), task_group_join(task, &self->group)\n"
                              "  second: Broken pipe (32), task_sleep(task, self->sleep_ns)\n");
    printed[0] = '\0';
    task_group_print(&street.house.refused, print_line, NULL);
    cr_assert_str_eq(printed, "first: Connection refused (111), "
                              "task_sleep(task, self->sleep_ns)\n");
}

Test(task_failures, where_all_was_matched_nothing_has_failed)
{
    struct street street = {.rc = 1};

    fail_street(&street, -ECONNREFUSED, 0);
    cr_assert_eq(street.house.task.result, 0);
    cr_assert_eq(street.rc, 0);
    cr_assert(list_empty(&street.group.failures));
}

static int fail_at_once(struct task *task)
{
    (void)task;
    return -EACCES;
}

Test(task_failures, a_failure_before_the_first_await_has_no_place)
{
    struct task_group group;
    struct task task;

    task_group_open(&group, NULL, "group", GROUP_FAIL_FAST);
    group.loop = &loop;
    cr_assert_eq(task_group_spawn(&group, &task, "ann", fail_at_once), 0);
    fixture_settle();
    task_group_print(&group.failures, print_line, NULL);
    cr_assert_str_eq(printed, "ann: Permission denied (13), at its start\n");
}

Test(task_failures, several_errnos_are_matched_into_one_list)
{
    struct street street = {.rc = 1};
    struct list connection;

    fail_street(&street, -EPIPE, -ECONNRESET);
    list_init(&connection);
    task_group_match(&street.group, -ECONNRESET, &connection);
    task_group_match(&street.group, -EPIPE, &connection);
    task_group_print(&connection, print_line, NULL);
    /* The house ended with what its first child failed with, so it is matched with it. */
    cr_assert_str_eq(printed, "house: Broken pipe (32), task_group_join(task, &self->group)\n"
                              "  second: Connection reset by peer (104), "
                              "task_sleep(task, self->sleep_ns)\n"
                              "  first: Broken pipe (32), task_sleep(task, self->sleep_ns)\n");
    cr_assert(list_empty(&street.group.failures));
}

Test(task_failures, where_there_is_no_memory_they_are_kept_all_the_same)
{
    struct street street = {.rc = 1};

    sim_options(sim)->no_memory_ppm = 1000000;
    fail_street(&street, -EIO, -ENOMEM);
    task_group_print(&street.group.failures, print_line, NULL);
    cr_assert_str_eq(printed,
                     "house: Input/output error (5), task_group_join(task, &self->group)\n"
                     "  first: Input/output error (5), task_sleep(task, self->sleep_ns)\n"
                     "  second: Cannot allocate memory (12), task_sleep(task, self->sleep_ns)\n");
}

/* A street whose children take their time, cancelled after `turns` turns and given none. */
static void cancel_street(struct street *street, int turns)
{
    street->house.first.sleep_ns = 2 * NS_PER_MS;
    street->house.second.sleep_ns = 4 * NS_PER_MS;
    cr_assert_eq(task_group_spawn(&actor_group, &street->task, "street", street_step), 0);
    sim_limit(sim, TIME_NEVER);
    for (int turn = 0; turn < turns && !task_ended(&street->task); turn++)
        cr_assert_eq(loop_run_once(&loop), 0);
    task_cancel(&street->task, loop.now_ns);
    fixture_settle();
    cr_assert(task_ended(&street->task), "after %d turns", turns);
    task_group_check(&street->group);
    task_group_check(&street->house.group);
}

Test(task_failures, whenever_it_is_cancelled_what_failed_is_named)
{
    for (int turns = 0; turns < 8; turns++) {
        struct street street = {.house = {.first.error = -EIO, .second.error = -EPIPE}};
        printed[0] = '\0';
        cancel_street(&street, turns);
        task_group_print(&street.group.failures, print_line, NULL);
        cr_assert(strstr(printed, "\n  first: Input"), "after %d turns: %s", turns, printed);
        cr_assert(strstr(printed, "\n  second: Broken"), "after %d turns: %s", turns, printed);
    }
}

Test(task_failures, who_raises_nothing_still_ends_as_cancelled)
{
    struct street street = {.rc = 0};

    cancel_street(&street, 4);
    cr_assert_eq(street.house.task.result, -ECANCELED);
    cr_assert(list_empty(&street.group.failures));
}

/* A group of one that sleeps too long for the deadline around its join. */
struct hurried {
    struct task task;
    struct frame frame;
    struct task_group group;
    struct child child;
    struct cancel_scope limit;
    int rc;
};

static int hurried_step(struct task *task)
{
    struct hurried *const self = container_of(task, struct hurried, task);

    TASK_BEGIN();
    cancel_scope_open(task, &self->limit, NS_PER_MS);
    task_group_open(&self->group, task, "hurried", GROUP_FAIL_FAST);
    cr_assert_eq(task_group_spawn(&self->group, &self->child.task, "child", child_step), 0);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    cancel_scope_close(task, &self->limit);
    TASK_RETURN(task_group_raise(&self->group));
    TASK_END();
}

Test(task_failures, who_raises_nothing_still_ends_as_timed_out)
{
    struct hurried hurried = {.child.sleep_ns = NS_PER_SECOND};

    cr_assert_eq(task_group_spawn(&actor_group, &hurried.task, "hurried", hurried_step), 0);
    fixture_settle();
    fixture_pass(NS_PER_MS);
    cr_assert_eq(hurried.rc, -ETIMEDOUT);
    cr_assert_eq(hurried.task.result, -ETIMEDOUT);
}

/* Mistakes. */

static struct list some;

static void match_a_positive_errno(void)
{
    static struct street street;

    fail_street(&street, -EIO, -EPIPE);
    list_init(&some);
    task_group_match(&street.group, EIO, &some);
}

/* A group that nobody owns, as the root's. */
static struct task_group *group_of(struct task *task, task_step *step)
{
    static struct task_group group;

    task_group_open(&group, NULL, "group", GROUP_FAIL_FAST);
    group.loop = &loop;
    cr_assert_eq(task_group_spawn(&group, task, "child", step), 0);
    return &group;
}

static void match_before_the_join(void)
{
    static struct child child;

    list_init(&some);
    task_group_match(group_of(&child.task, child_step), -EIO, &some);
}

static void raise_before_the_join(void)
{
    static struct child child;

    (void)task_group_raise(group_of(&child.task, child_step));
}

static void raise_where_nobody_is_above(void)
{
    static struct child child = {.error = -EIO};
    struct task_group *group = group_of(&child.task, child_step);

    fixture_settle();
    (void)task_group_raise(group);
}

static int careless_step(struct task *task)
{
    struct house *const self = container_of(task, struct house, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "house", GROUP_FAIL_FAST);
    cr_assert_eq(task_group_spawn(&self->group, &self->first.task, "first", child_step), 0);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    (void)task_group_raise(&self->group);
    TASK_END();
}

static void raise_and_end_well(void)
{
    static struct house house = {.first.error = -EIO};

    (void)group_of(&house.task, careless_step);
    fixture_settle();
}

Test(task_failures, who_matches_or_raises_wrongly_is_told)
{
    misuse(match_a_positive_errno, "failures are matched by a -errno");
    misuse(match_before_the_join, "failures are matched when the group was joined");
    misuse(raise_before_the_join, "failures are raised when the group was joined");
    misuse(raise_where_nobody_is_above, "the root's group has nobody above to raise to");
    misuse(raise_and_end_well, "a task that raises failures fails with them");
}
