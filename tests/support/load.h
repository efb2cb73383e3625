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
#define load_start(...) load_start_list((const char *const[]){__VA_ARGS__, NULL})
void load_start_list(const char *const *arguments);
void load_finish(void);

/* Both in one. */
#define load_run(...)            \
    do {                         \
        load_start(__VA_ARGS__); \
        load_finish();           \
    } while (0)

/* Frees the texts. */
void load_release_run(void);

/* Waits until the run has written `text` on stdout. */
void load_await(const char *text);

/* RLIMIT_NOFILE of the runs that are started from now on; 0: as it is. */
void load_limit_descriptors(unsigned limit);

/* A number of the JSON's top level. Fails the test where it is missing. */
double load_figure(const char *name);

/* chatd as a command for --spawn, with these options. */
const char *chatd(const char *options);

/* The run of a test, and what is expected of it. */
extern struct load_run run;
void expect_figure(const char *name, double value);
void expect_status(int status);

/* One line on stderr, with these words. */
void expect_complaint(const char *words);

#endif
