/*
 * root: the main task, and the tree that grows from it.
 *
 * A program is one main task. It opens groups, spawns into them, joins them and
 * ends, and when it has ended no task is left. The tree of all groups and tasks,
 * with what each waits for, can be printed at any time.
 */
#ifndef REACTOR_TASK_ROOT_H
#define REACTOR_TASK_ROOT_H

#include "reactor/task/task_group.h"

struct root {
    struct task_group group;
    struct task *main;
};

/* Starts `step` as the main task; root_run or turns of the loop run it. */
void root_start(struct root *root, struct loop *loop, struct task *main, const char *name,
                task_step *step);

/* Turns the loop until the main task has ended. Returns its result, or -errno if the loop failed
 * to wait for the kernel. Runs callbacks, and so must not be called by one. */
int root_run(struct root *root);

/* Runs `step` as the main task of `loop` to its end: root_start and root_run in one. */
int loop_run(struct loop *loop, struct task *main, const char *name, task_step *step);

/* Hands the tree below `root` to `print`, a line at a time without its newline, indented by two
 * spaces a level: groups by name and number of children, tasks by name and await site. A task at no
 * await has not begun, or is running: then it is the one that prints. */
void root_print(const struct root *root, void (*print)(void *context, const char *line),
                void *context);

/* Lines of the tree, counted from 0. */
struct root_part {
    size_t first;
    size_t count;
};

/* The same of some of its lines: a large tree is printed in parts, a part per turn, so that none
 * takes long. The lines before cost a walk only. Tasks that begin or end between two parts move
 * the lines that follow, which may then be missing or come twice. */
void root_print_part(const struct root *root, struct root_part part,
                     void (*print)(void *context, const char *line), void *context);

/* The same of those children of one group that have yet to end, and of what is below them:
 * `lines_max` lines at most, the children unindented; where that was not enough, a last one counts
 * the tasks left out. What a program logs of whom it is about to cut off. */
void root_print_pending(const struct task_group *group, size_t lines_max,
                        void (*print)(void *context, const char *line), void *context);

#endif
