#include "tests/support/load.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"

struct load_run run;

static unsigned descriptor_limit;

void load_limit_descriptors(unsigned limit)
{
    descriptor_limit = limit;
}

static const char *program(char path[256])
{
    const char *build = getenv("BUILD");
    snprintf(path, 256, "%s/chatload", build ? build : "build");
    return path;
}

static void redirect(const char *name, int fd)
{
    char *path = scratch_path(name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    free(path);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(126);
}

static _Noreturn void become(const char *const *arguments)
{
    const char *list[LOAD_ARGUMENTS_MAX + 4];
    char path[256];
    size_t count = 0;
    struct rlimit limit = {descriptor_limit, descriptor_limit};
    list[count++] = program(path);
    for (; *arguments && count < LOAD_ARGUMENTS_MAX; arguments++)
        list[count++] = *arguments;
    list[count++] = "--json";
    list[count++] = scratch_path("report.json"); /* goes with the process */
    list[count] = NULL;
    redirect("out", STDOUT_FILENO);
    redirect("err", STDERR_FILENO);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 ||
        (descriptor_limit && setrlimit(RLIMIT_NOFILE, &limit) < 0))
        _exit(126);
    execv(path, (char *const *)list);
    _exit(127);
}

/* All of a file of the scratch directory; "" where there is none. */
static char *slurp(const char *name)
{
    char *path = scratch_path(name);
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    free(path);
    if (!file)
        return strdup("");
    if (getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    (void)fclose(file); /* it was only read */
    return text;
}

void load_start_list(const char *const *arguments)
{
    static const char *const names[] = {"out", "err", "report.json"};
    run = (struct load_run){0};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        free(scratch_write(names[i], ""));
    run.pid = fork();
    cr_assert_geq(run.pid, 0);
    if (run.pid == 0)
        become(arguments);
}

void load_finish(void)
{
    int status;
    cr_assert_eq(waitpid(run.pid, &status, 0), run.pid);
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    run.out = slurp("out");
    run.err = slurp("err");
    run.json = slurp("report.json");
}

void load_release_run(void)
{
    free(run.out);
    free(run.err);
    free(run.json);
}

void load_await(const char *text)
{
    bool seen = false;
    for (int64_t end = harness_now_ms() + HARNESS_LIMIT_MS; !seen; (void)poll(NULL, 0, 10)) {
        char *out = slurp("out");
        seen = strstr(out, text) != NULL;
        cr_assert(seen || harness_now_ms() < end, "no '%s' in what %d wrote:\n%s", text,
                  (int)run.pid, out);
        free(out);
    }
}

double load_figure(const char *name)
{
    char key[64];
    snprintf(key, sizeof(key), "\n  \"%s\": ", name);
    const char *found = strstr(run.json, key);
    cr_assert_not_null(found, "no \"%s\" in the report '%s'; %s%s", name, run.json, run.out,
                       run.err);
    return strtod(found + strlen(key), NULL);
}

const char *chatd(const char *options)
{
    static char command[512];
    const char *program = getenv("CHATD");
    snprintf(command, sizeof(command), "%s --log-level error %s", program ? program : "build/chatd",
             options);
    return command;
}

void expect_figure(const char *name, double value)
{
    double figure = load_figure(name);
    cr_expect_eq(figure, value, "%s is %g, not %g\n%s%s", name, figure, value, run.out, run.err);
}

void expect_status(int status)
{
    cr_expect_eq(run.status, status, "the status is %d, not %d\n%s%s", run.status, status, run.out,
                 run.err);
}

void expect_complaint(const char *words)
{
    cr_expect_not_null(strstr(run.err, words), "no '%s' in '%s'", words, run.err);
    cr_expect_eq(strncmp(run.err, "chatload: ", strlen("chatload: ")), 0, "'%s'", run.err);
    cr_expect_eq(strchr(run.err, '\n') + 1, run.err + strlen(run.err), "'%s'", run.err);
}
