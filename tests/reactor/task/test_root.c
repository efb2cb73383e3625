/*
 * The main task from its start to its end, and the tree as it is printed.
 */
#include "reactor/task/root.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/task/sync.h"
#include "tests/support/fixture.h"

TestSuite(root, .init = fixture_open, .fini = fixture_close);

struct sleeper {
    struct task task;
    struct frame frame;
    int rc;
};

static int sleeper_step(struct task *task)
{
    struct sleeper *const self = container_of(task, struct sleeper, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, 30 * NS_PER_SECOND));
    TASK_RETURN(self->rc < 0 ? self->rc : 3);
    TASK_END();
}

Test(root, the_loop_runs_until_the_main_task_has_ended)
{
    struct sleeper sleeper = {.rc = 0};
    int64_t begun_ns = sim_now_ns(sim);

    sim_limit(sim, TIME_NEVER);
    cr_assert_eq(loop_run(&loop, &sleeper.task, "main", sleeper_step), 3);
    cr_assert_eq(sim_now_ns(sim), begun_ns + 30 * NS_PER_SECOND);
}

static int no_poll_wait(struct sys *sys, int poll, struct sys_event *events, int max_events,
                        int64_t timeout_ns)
{
    (void)sys, (void)poll, (void)events, (void)max_events, (void)timeout_ns;
    return -EBADF;
}

Test(root, a_loop_that_can_not_wait_ends_the_run)
{
    struct sleeper sleeper = {.rc = 0};
    struct root root;
    int (*real_poll_wait)(struct sys *, int, struct sys_event *, int, int64_t) =
        sim_door(sim)->poll_wait;

    sim_door(sim)->poll_wait = no_poll_wait;
    root_start(&root, &loop, &sleeper.task, "main", sleeper_step);
    cr_assert_eq(root_run(&root), -EBADF);
    sim_door(sim)->poll_wait = real_poll_wait;
    sim_limit(sim, TIME_NEVER);
    cr_assert_eq(root_run(&root), 3);
}

/* A main task with two groups, one of them with a child that owns a group itself. */
struct program {
    struct task task;
    struct frame frame;
    struct task_group server;
    struct task_group timers;
    struct middle {
        struct task task;
        struct frame frame;
        struct task_group group;
        struct sleeper leaf;
        int rc;
    } middle;
    struct sleeper sleeper;
    struct event event;
    int rc;
};

static int middle_step(struct task *task)
{
    struct middle *const self = container_of(task, struct middle, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "ann's", GROUP_CONTAIN);
    cr_assert_eq(task_group_spawn(&self->group, &self->leaf.task, "reader", sleeper_step), 0);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_RETURN(self->rc);
    TASK_END();
}

static int program_step(struct task *task)
{
    struct program *const self = container_of(task, struct program, task);

    TASK_BEGIN();
    task_group_open(&self->server, task, "server", GROUP_FAIL_FAST);
    task_group_open(&self->timers, task, "timers", GROUP_FAIL_FAST);
    cr_assert_eq(task_group_spawn(&self->server, &self->middle.task, "ann", middle_step), 0);
    cr_assert_eq(task_group_spawn(&self->server, &self->sleeper.task, "bob", sleeper_step), 0);
    TASK_AWAIT(self->rc, event_wait(task, &self->event));
    TASK_AWAIT(self->rc, task_group_join(task, &self->timers));
    TASK_AWAIT(self->rc, task_group_join(task, &self->server));
    TASK_RETURN(self->rc);
    TASK_END();
}

static char printed[2048];

/* Without line numbers, which change with every edit of this file. */
static void print_line(void *context, const char *line)
{
    cr_assert_eq(context, &loop);
    const char *place = strstr(line, __FILE__);
    const char *text = place ? strstr(place, "  ") : NULL;
    size_t length = strlen(printed);
    if (text)
        (void)snprintf(printed + length, sizeof(printed) - length, "%.*s@%s\n", (int)(place - line),
                       line, text);
    else
        (void)snprintf(printed + length, sizeof(printed) - length, "%s\n", line);
}

static void expect_tree(const struct root *root, const char *expected)
{
    printed[0] = '\0';
    root_print(root, print_line, &loop);
    cr_assert_str_eq(printed, expected);
}

Test(root, the_tree_shows_each_group_and_what_each_task_waits_for)
{
    struct root root;
    struct program program = {.rc = 0};

    event_init(&program.event);
    root_start(&root, &loop, &program.task, "main", program_step);
    expect_tree(&root, "[root] 1 task\n"
                       "  main  (not begun)\n");
    fixture_settle();
    expect_tree(&root, "[root] 1 task\n"
                       "  main  @  event_wait(task, &self->event)\n"
                       "    [timers] 0 tasks\n"
                       "    [server] 2 tasks\n"
                       "      ann  @  task_group_join(task, &self->group)\n"
                       "        [ann's] 1 task\n"
                       "          reader  @  task_sleep(task, 30 * NS_PER_SECOND)\n"
                       "      bob  @  task_sleep(task, 30 * NS_PER_SECOND)\n");
    task_group_cancel(&program.server, TIME_NEVER);
    fixture_settle();
    expect_tree(&root, "[root] 1 task\n"
                       "  main  @  event_wait(task, &self->event)\n"
                       "    [timers] 0 tasks\n"
                       "    [server] 0 tasks, cancelled\n");
    event_set(&program.event);
    cr_assert_eq(root_run(&root), 0);
    expect_tree(&root, "[root] 0 tasks\n");
}

static void expect_pending(const struct task_group *group, size_t lines_max, const char *expected)
{
    printed[0] = '\0';
    root_print_pending(group, lines_max, print_line, &loop);
    cr_assert_str_eq(printed, expected);
}

Test(root, those_who_have_yet_to_end_are_named_and_beyond_a_limit_counted)
{
    struct root root;
    struct program program = {.rc = 0};

    event_init(&program.event);
    root_start(&root, &loop, &program.task, "main", program_step);
    fixture_settle();
    expect_pending(&program.timers, 9, "");
    expect_pending(&program.server, 4,
                   "ann  @  task_group_join(task, &self->group)\n"
                   "  [ann's] 1 task\n"
                   "    reader  @  task_sleep(task, 30 * NS_PER_SECOND)\n"
                   "bob  @  task_sleep(task, 30 * NS_PER_SECOND)\n");
    expect_pending(&program.server, 3,
                   "ann  @  task_group_join(task, &self->group)\n"
                   "  [ann's] 1 task\n"
                   "    reader  @  task_sleep(task, 30 * NS_PER_SECOND)\n"
                   "and 1 more\n");
    expect_pending(&program.server, 1,
                   "ann  @  task_group_join(task, &self->group)\n"
                   "and 2 more\n");
    expect_pending(&program.server, 0, "and 3 more\n");
    task_group_cancel(&program.server, TIME_NEVER);
    expect_pending(&program.server, 1,
                   "ann  @  task_group_join(task, &self->group)\n"
                   "and 2 more\n");
    fixture_settle();
    expect_pending(&program.server, 9, "");
    event_set(&program.event);
    cr_assert_eq(root_run(&root), 0);
}

/* A main task that prints the tree itself. */
struct looker {
    struct task task;
    struct frame frame;
    struct task_group group;
    struct root root;
    struct sleeper sleeper;
    int rc;
};

static int looker_step(struct task *task)
{
    struct looker *const self = container_of(task, struct looker, task);

    TASK_BEGIN();
    task_group_open(&self->group, task, "group", GROUP_FAIL_FAST);
    cr_assert_eq(task_group_spawn(&self->group, &self->sleeper.task, "bob", sleeper_step), 0);
    expect_tree(&self->root, "[root] 1 task\n"
                             "  main  (running)\n"
                             "    [group] 1 task\n"
                             "      bob  (not begun)\n");
    task_group_cancel(&self->group, TIME_NEVER);
    TASK_AWAIT(self->rc, task_group_join(task, &self->group));
    TASK_END();
}

Test(root, the_task_that_prints_the_tree_is_running_and_a_new_one_has_not_begun)
{
    struct looker looker = {.rc = 1};

    root_start(&looker.root, &loop, &looker.task, "main", looker_step);
    cr_assert_eq(root_run(&looker.root), 0);
}

Test(root, cancelling_the_main_task_ends_the_whole_tree)
{
    struct root root;
    struct program program = {.rc = 0};

    event_init(&program.event);
    root_start(&root, &loop, &program.task, "main", program_step);
    fixture_settle();
    task_cancel(root.main, loop.now_ns);
    cr_assert_eq(root_run(&root), -ECANCELED);
    cr_assert_eq(program.middle.leaf.rc, -ECANCELED);
    cr_assert_eq(program.sleeper.rc, -ECANCELED);
}
