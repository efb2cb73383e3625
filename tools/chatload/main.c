/*
 * chatload: the load-test client. From the command line to the exit status.
 *
 * Many people in few processes: one, in fact, on one loop. The phases of a run
 * are in chatload_run.c; read on there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/chatload/host.h"
#include "tools/chatload/report.h"

#define VERSION "0.1.0"

/* Descriptors besides those of clients: standard ones, poll, signals, alarm, server, reports. */
#define SPARE_DESCRIPTORS 32

enum status { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* A report that goes to a file; opened at the start, so that a run isn't in vain. */
struct output {
    const char *path; /* NULL: it isn't wanted */
    int fd; /* -1 while not open */
    void (*report)(struct page *page, const struct result *result);
};

static int complain(const char *what, const char *why)
{
    (void)fflush(stdout); /* its errors show at the next write */
    fprintf(stderr, "chatload: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return STATUS_FAILED;
}

static int write_all(struct sys *sys, int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = sys->write(sys, fd, text, length);
        if (written < 0)
            return (int)written;
        text += written;
        length -= (size_t)written;
    }
    return 0;
}

static int write_report(struct sys *sys, const struct output *output, const struct result *result)
{
    struct page page = {0};
    output->report(&page, result);
    int rc = page.failed ? page.failed : write_all(sys, output->fd, page.text, page.length);
    page_release(&page);
    return rc;
}

static int open_outputs(struct sys *sys, struct output *outputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!outputs[i].path)
            continue;
        outputs[i].fd = sys->open_write(sys, outputs[i].path);
        if (outputs[i].fd < 0)
            return complain(outputs[i].path, strerror(-outputs[i].fd));
    }
    return STATUS_OK;
}

/* Writes and closes. */
static int write_outputs(struct sys *sys, struct output *outputs, size_t count,
                         const struct result *result)
{
    int status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        if (outputs[i].fd < 0)
            continue;
        int rc = write_report(sys, &outputs[i], result);
        int closed = sys->close(sys, outputs[i].fd);
        outputs[i].fd = -1;
        if (rc == 0)
            rc = closed;
        if (rc < 0)
            status = complain(outputs[i].path ? outputs[i].path : "stdout", strerror(-rc));
    }
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

/* Runs it, tells on stdout and in files: in these also where nobody reads stdout any more. */
static int run(struct load *load, struct output *outputs, size_t count)
{
    static struct run the_run; /* histograms and all: too large for a stack, and there is one */
    static struct result result;
    struct output terminal = {.fd = STDOUT_FILENO, .report = report_text};
    if (run_load(&the_run, load) < 0)
        return complain(load->problem[0] ? load->problem : "interrupted before it was measured",
                        NULL);
    result_make(&result, &the_run);
    int status = result.failed ? STATUS_FAILED : STATUS_OK;
    int rc = write_report(load->loop->sys, &terminal, &result);
    if (rc < 0)
        status = complain("stdout", strerror(-rc));
    if (write_outputs(load->loop->sys, outputs, count, &result) != STATUS_OK)
        status = STATUS_FAILED;
    return status;
}

static int start(const struct settings *settings)
{
    static struct load load;
    struct sys *sys = sys_kernel();
    struct loop loop;
    struct output outputs[] = {
        {.path = settings->json_path, .fd = -1, .report = report_json},
        {.path = settings->html_path, .fd = -1, .report = report_html},
    };
    size_t count = sizeof(outputs) / sizeof(*outputs);
    int status = check_descriptors(sys, settings);
    if (status == STATUS_OK)
        status = open_outputs(sys, outputs, count);
    if (status != STATUS_OK)
        return status;
    int rc = loop_init(&loop, sys);
    if (rc < 0)
        return complain("it can't start", strerror(-rc));
    load_init(&load, &loop, settings);
    status = run(&load, outputs, count);
    load_release(&load);
    loop_release(&loop);
    return status;
}

/* A text that was asked for. */
static int print(const char *text, size_t length)
{
    int rc = write_all(sys_kernel(), STDOUT_FILENO, text, length);
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
