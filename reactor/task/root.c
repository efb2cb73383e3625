#include "reactor/task/root.h"

#include <stdio.h>

/* Deeper levels are left out: a tree of owners is shallow, and the walk is recursive. */
#define PRINT_DEPTH_MAX 32

void root_start(struct root *root, struct loop *loop, struct task *main, const char *name,
                task_step *step)
{
    root->main = main;
    task_group_open(&root->group, NULL, "root", GROUP_FAIL_FAST);
    root->group.loop = loop;
    (void)task_group_spawn(&root->group, main, name, step); /* a new group refuses nobody */
}

int root_run(struct root *root)
{
    while (!task_ended(root->main)) {
        int rc = loop_run_once(root->group.loop);
        if (rc < 0)
            return rc;
    }
    return root->main->result;
}

int loop_run(struct loop *loop, struct task *main, const char *name, task_step *step)
{
    struct root root;
    root_start(&root, loop, main, name, step);
    return root_run(&root);
}

struct printer {
    void (*print)(void *context, const char *line);
    void *context;
    size_t lines_before; /* those still to be passed over */
    size_t lines_left; /* before what follows is only counted */
    size_t left_out; /* tasks */
};

/* Whether the next line is one to print. */
static bool wants_line(struct printer *printer)
{
    if (printer->lines_before == 0)
        return printer->lines_left > 0;
    printer->lines_before--;
    return false;
}

static void print_line(struct printer *printer, const char *line)
{
    printer->print(printer->context, line);
    printer->lines_left--;
}

static void print_task_line(struct printer *printer, const struct task *task, int depth)
{
    char line[256];
    const char *name = task->wake.callback.name;
    const struct site *where = task_where(task);
    if (where)
        (void)snprintf(line, sizeof(line), "%*s%s  %s:%d  %s", 2 * depth, "", name, where->file,
                       where->line, where->text);
    else
        (void)snprintf(line, sizeof(line), "%*s%s  (%s)", 2 * depth, "", name,
                       task_running(task) ? "running" : "not begun");
    print_line(printer, line);
}

static void print_group_line(struct printer *printer, const struct task_group *group, int depth)
{
    char line[256];
    (void)snprintf(line, sizeof(line), "%*s[%s] %zu %s%s", 2 * depth, "", group->name, group->alive,
                   group->alive == 1 ? "task" : "tasks", group->cancelled ? ", cancelled" : "");
    print_line(printer, line);
}

static void print_children(struct printer *printer, const struct task_group *group, int depth);

static void print_group(struct printer *printer, const struct task_group *group, int depth)
{
    if (wants_line(printer))
        print_group_line(printer, group, depth);
    print_children(printer, group, depth + 1);
}

static void print_task(struct printer *printer, const struct task *task, int depth)
{
    if (wants_line(printer))
        print_task_line(printer, task, depth);
    else if (printer->lines_left == 0)
        printer->left_out++;
    for (const struct task_group *group = task->groups; group; group = group->next)
        print_group(printer, group, depth + 1);
}

static void print_children(struct printer *printer, const struct task_group *group, int depth)
{
    if (depth > PRINT_DEPTH_MAX)
        return;
    for (struct list *node = group->children.next; node != &group->children; node = node->next)
        print_task(printer, task_of_sibling(node), depth);
}

void root_print(const struct root *root, void (*print)(void *context, const char *line),
                void *context)
{
    struct printer printer = {.print = print, .context = context, .lines_left = SIZE_MAX};
    print_group(&printer, &root->group, 0);
}

void root_print_part(const struct root *root, struct root_part part,
                     void (*print)(void *context, const char *line), void *context)
{
    struct printer printer = {
        .print = print, .context = context, .lines_before = part.first, .lines_left = part.count};
    print_group(&printer, &root->group, 0);
}

void root_print_pending(const struct task_group *group, size_t lines_max,
                        void (*print)(void *context, const char *line), void *context)
{
    struct printer printer = {.print = print, .context = context, .lines_left = lines_max};
    print_children(&printer, group, 0);
    if (printer.left_out == 0)
        return;
    char line[64];
    (void)snprintf(line, sizeof(line), "and %zu more", printer.left_out);
    print(context, line);
}
