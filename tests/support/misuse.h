/*
 * misuse: what a program must not do, and what it is told, for the suites of that.
 *
 * A rule of tasks, groups, queues or patterns that is broken, where that can be
 * seen, ends the program with an assert that says which one it was. What also a
 * program without a bug meets (workers that were shut when it submits, a group
 * that was cancelled when it spawns) is answered with a -errno, and tested where
 * the module is.
 *
 * Call these on an open fixture (fixture.h). The rule is broken in a process of its
 * own, whose last words are read.
 */
#ifndef TESTS_SUPPORT_MISUSE_H
#define TESTS_SUPPORT_MISUSE_H

#include <stddef.h>

#include "tests/support/fixture.h"

/* What -1 becomes where a size is asked for. */
#define NEGATIVE_SIZE ((size_t)-1)

/* `act` must end its process by an assert that says `rule`. */
void misuse(void (*act)(void), const char *rule);

/* The same for what a task does in an await of its own. */
typedef int misuse_await(struct task *task, void *object);
void misuse_by_task(misuse_await *await, const char *rule);

#endif
