/*
 * chatload: the load-test client. From the command line to the exit status.
 *
 * All clients are tasks on one loop. The phases of a run are in run.c: read on
 * there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/chatload/host.h"
#include "tools/chatload/report.h"

#define VERSION "0.1.0"

/* Descriptors for all but clients: standard ones, poll, signals, alarm, server, reports. */
#define SPARE_DESCRIPTORS 32

enum status { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_INTERRUPTED = 130 };

/* A report that is written at the end. */
struct output {
    const char *path; /* NULL: it isn't wanted; "-": stdout */
    void (*report)(struct page *page, const struct result *result);
};

static int complain(const char *what, const char *why)
{
    (void)fflush(stdout); /* its errors show at the next write */
    fprintf(stderr, "chatload: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return STATUS_FAILED;
}

/* Where a report goes that is not for a file. */
struct standard {
    int fd;
    const char *name;
};

static const struct standard on_stdout = {STDOUT_FILENO, "stdout"};
static const struct standard on_stderr = {STDERR_FILENO, "stderr"};

static bool is_standard(const struct output *output)
{
    return strcmp(output->path, "-") == 0;
}

static int write_report(const struct output *output, const struct result *result,
                        const struct standard *standard)
{
    struct page page = {0};
    output->report(&page, result);
    int rc = page.failed;
    if (rc == 0 && is_standard(output))
        rc = host_write_all(standard->fd, page.text, page.length);
    else if (rc == 0)
        rc = host_replace_file(output->path, page.text, page.length);
    page_release(&page);
    if (rc < 0)
        return complain(is_standard(output) ? standard->name : output->path, strerror(-rc));
    return STATUS_OK;
}

/* Before the run, so that it is not in vain. */
static int check_outputs(const struct output *outputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!outputs[i].path || is_standard(&outputs[i]))
            continue;
        int rc = host_check_file(outputs[i].path);
        if (rc < 0)
            return complain(outputs[i].path, strerror(-rc));
    }
    return STATUS_OK;
}

/* All of them, whatever becomes of one. */
static int write_outputs(const struct output *outputs, size_t count, const struct result *result)
{
    int status = STATUS_OK;
    for (size_t i = 0; i < count; i++)
        if (outputs[i].path && write_report(&outputs[i], result, &on_stdout) != STATUS_OK)
            status = STATUS_FAILED;
    return status;
}

static int check_descriptors(struct sys *sys, const struct settings *settings)
{
    char text[160];
    uint64_t needed =
        (uint64_t)settings->clients + settings->stalled + settings->churn + SPARE_DESCRIPTORS;
    int limit = sys->descriptor_limit(sys);
    if (limit < 0 || needed <= (uint64_t)limit)
        return STATUS_OK;
    snprintf(
        text, sizeof(text),
        "%llu descriptors are needed and %d are allowed: fewer clients, or a higher hard limit "
        "(ulimit -Hn)",
        (unsigned long long)needed, limit);
    return complain(text, NULL);
}

/* The report for people goes to stdout, or to stderr if another one goes there; the others are
 * written even if nobody reads it. */
static int report_all(const struct result *result, const struct output *outputs, size_t count)
{
    const struct output people = {.path = "-", .report = report_text};
    bool taken = settings_use_stdout(result->run->load->settings);
    int status = STATUS_OK;
    if (result->run->measured)
        status = write_report(&people, result, taken ? &on_stderr : &on_stdout);
    else
        (void)complain("interrupted before anything was measured", NULL);
    if (write_outputs(outputs, count, result) != STATUS_OK)
        status = STATUS_FAILED;
    return status;
}

/* Runs it and reports. Returns the exit status. */
static int run(struct run *run, struct load *load, const struct output *outputs, size_t count)
{
    static struct result result;
    if (run_load(run, load) < 0) {
        if (load->problem[0])
            return complain(load->problem, NULL);
        (void)complain("interrupted before anything was measured", NULL);
        return STATUS_INTERRUPTED;
    }
    result_make(&result, run);
    int status = report_all(&result, outputs, count);
    if (result.interrupted)
        return STATUS_INTERRUPTED;
    return result.failed ? STATUS_FAILED : status;
}

static int start(const struct settings *settings)
{
    static struct load load;
    static struct run the_run; /* histograms and all: too large for a stack */
    struct sys *sys = sys_kernel();
    struct loop loop;
    const struct output outputs[] = {
        {.path = settings->json_path, .report = report_json},
        {.path = settings->html_path, .report = report_html},
    };
    size_t count = sizeof(outputs) / sizeof(*outputs);
    int status = check_descriptors(sys, settings);
    if (status == STATUS_OK)
        status = check_outputs(outputs, count);
    if (status != STATUS_OK)
        return status;
    int rc = loop_init(&loop, sys);
    if (rc < 0)
        return complain("it can't start", strerror(-rc));
    load_init(&load, &loop, settings);
    status = run(&the_run, &load, outputs, count);
    run_release(&the_run);
    load_release(&load);
    loop_release(&loop);
    return status;
}

/* A text that was asked for. */
static int print(const char *text, size_t length)
{
    int rc = host_write_all(STDOUT_FILENO, text, length);
    return rc < 0 ? complain("stdout", strerror(-rc)) : STATUS_OK;
}

int main(int argc, char **argv)
{
    static struct settings settings;
    char problem[SETTINGS_PROBLEM_TEXT];
    char help[SETTINGS_HELP_TEXT];
    (void)argc; /* argv ends with a NULL */
    host_settle_descriptors();
    switch (settings_parse(&settings, argv, problem, sizeof(problem))) {
    case 0:
        return start(&settings);
    case SETTINGS_HELP:
        return print(help, settings_help(help, sizeof(help)));
    case SETTINGS_VERSION:
        return print("chatload " VERSION "\n", strlen("chatload " VERSION "\n"));
    default:
        fprintf(stderr, "%s\n", problem);
        return STATUS_USAGE;
    }
}
