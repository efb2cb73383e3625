#include "tests/support/misuse.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends the process. */
static void break_rule(void (*act)(void), int out)
{
    (void)dup2(out, STDERR_FILENO);
    act();
    _exit(0);
}

void misuse(void (*act)(void), const char *rule)
{
    char words[1024] = "";
    size_t size = 0;
    int ends[2], status;

    cr_assert_eq(pipe(ends), 0);
    pid_t process = fork();
    cr_assert(process >= 0);
    if (process == 0)
        break_rule(act, ends[1]);
    (void)close(ends[1]);
    for (ssize_t got; (got = read(ends[0], words + size, sizeof(words) - 1 - size)) > 0;)
        size += (size_t)got;
    (void)close(ends[0]);
    cr_assert_eq(waitpid(process, &status, 0), process);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%s: status %d", rule, status);
    cr_assert(strstr(words, rule), "%s: it says %s", rule, words);
}

static misuse_await *awaited;

static void run_awaiter(void)
{
    static struct actor awaiter;

    awaiter = (struct actor){.call = awaited};
    actor_start(&awaiter, "awaiter");
    fixture_settle();
}

void misuse_by_task(misuse_await *await, const char *rule)
{
    awaited = await;
    misuse(run_awaiter, rule);
}
