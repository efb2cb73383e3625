/*
 * load: runs of chatload as people start them, for its suites.
 *
 * A run ends by itself, or is sent a signal; its outputs go to files of the
 * test's own directory (scratch_path). The figures are read from its JSON.
 */
#ifndef TESTS_SUPPORT_LOAD_H
#define TESTS_SUPPORT_LOAD_H

#include <sys/types.h>

#define LOAD_ARGUMENTS_MAX 40

struct load_run {
    pid_t pid;
    int status; /* exit status, or 128 + the number of the signal that ended it */
    char *out;
    char *err;
    char *json; /* "" where there is none */
};

/* Starts build/chatload (BUILD in the environment) with these arguments and a --json of its own.
 * load_finish waits for its end and reads what it wrote. */
#define load_start(run, ...) load_start_list(run, (const char *const[]){__VA_ARGS__, NULL})
void load_start_list(struct load_run *run, const char *const *arguments);
void load_finish(struct load_run *run);

/* Both in one. */
#define load_run(run, ...)            \
    do {                              \
        load_start(run, __VA_ARGS__); \
        load_finish(run);             \
    } while (0)

/* Frees the texts. */
void load_release_run(struct load_run *run);

/* Waits until the run has written `text` on stdout. */
void load_await(struct load_run *run, const char *text);

/* RLIMIT_NOFILE of the runs that are started from now on; 0: as it is. */
void load_limit_descriptors(unsigned limit);

/* A number of the JSON's top level. Fails the test where it is missing. */
double load_figure(const struct load_run *run, const char *name);

#endif
