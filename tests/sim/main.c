/* sim: plays lives of a whole server, from seeds. `sim --help` says how. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/run.h"

#define JOBS_MAX 64

/* No run takes this long, unless it hangs. */
#define RUN_SECONDS_MAX 60

/* Reruns that a failure may take to become smaller. */
#define SHRINK_RUNS 60

struct settings {
    uint64_t seed;
    uint64_t runs; /* 0: until the time is over, or for ever */
    int64_t seconds; /* 0: no limit */
    int jobs;
    bool first; /* end with the first failure, as it is */
    const char *recorded; /* a file of seeds; NULL: none */
    struct plan plan; /* masks that --people, --faults and --acts set */
};

/* Shared with the process that plays. */
struct result {
    struct tally tally;
    char failure[600];
};

/* One job: the run it is at. */
struct job {
    pid_t pid;
    struct plan plan;
    struct result *result;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

/* --- one run in a process of its own --- */

static void play(const struct plan *plan, struct result *result)
{
    struct run *run = run_allocate(sizeof(*run));
    run->plan = plan;
    run->tally = &result->tally;
    run->failure = result->failure;
    run->failure_size = sizeof(result->failure);
    run_play(run);
    (void)fflush(stdout);
    _exit(0);
}

static pid_t begin(const struct plan *plan, struct result *result, bool silent)
{
    *result = (struct result){0};
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)signal(SIGINT, SIG_IGN);
    alarm(RUN_SECONDS_MAX);
    if (silent && !freopen("/dev/null", "w", stderr))
        _exit(2);
    play(plan, result);
    return 0;
}

/* Whether the run that ended with `status` failed; its reason is then in the result. */
static bool failed(int status, struct result *result)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    if (result->failure[0])
        return true;
    if (WIFSIGNALED(status))
        (void)snprintf(result->failure, sizeof(result->failure), "the process died: %s%s",
                       strsignal(WTERMSIG(status)),
                       WTERMSIG(status) == SIGALRM ? " (it hangs)" : "");
    else
        (void)snprintf(result->failure, sizeof(result->failure), "the process ended with status %d",
                       WEXITSTATUS(status));
    return true;
}

/* --- smaller failures --- */

static bool fails(const struct plan *plan, struct result *result)
{
    int status;
    pid_t pid = begin(plan, result, true);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    return failed(status, result);
}

/* Takes away one bit of a mask after the other, as long as the run still fails. */
static int shrink_mask(struct plan *plan, uint32_t *mask, uint32_t bits, int runs)
{
    struct result *result =
        mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED)
        return 0;
    for (uint32_t bit = 0; bit < bits && runs > 0; bit++, runs--) {
        uint32_t before = *mask;
        *mask &= ~(UINT32_C(1) << bit);
        if (*mask == before || !fails(plan, result))
            *mask = before;
    }
    (void)munmap(result, sizeof(*result));
    return runs;
}

static int shrink_acts(struct plan *plan, const struct tally *tally, int runs)
{
    struct plan smaller = *plan;
    struct result *result =
        mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED)
        return 0;
    uint32_t low = 0;
    uint32_t high = (uint32_t)tally->acts + 1;
    for (; low + 1 < high && runs > 0; runs--) {
        smaller.acts = low + (high - low) / 2;
        if (fails(&smaller, result))
            high = plan->acts = smaller.acts;
        else
            low = smaller.acts;
    }
    (void)munmap(result, sizeof(*result));
    return runs;
}

static void report(const struct settings *settings, const struct plan *failing,
                   const struct result *result)
{
    struct plan plan = *failing;
    plan.story = 0;
    printf("seed %" PRIu64 ": %s\n", plan.seed, result->failure);
    (void)fflush(stdout);
    int runs = settings->first ? 0 : SHRINK_RUNS;
    runs = shrink_acts(&plan, &result->tally, runs);
    runs = shrink_mask(&plan, &plan.faults, FAULTS, runs);
    (void)shrink_mask(&plan, &plan.people, RUN_PEOPLE_MAX, runs);
    printf("replay: build/sim --seed %" PRIu64 " --runs 1 --people %#x --faults %#x --acts %u"
           " --story\n",
           plan.seed, plan.people, plan.faults, plan.acts);
    (void)fflush(stdout);
}

/* --- many runs --- */

struct total {
    struct tally tally;
    uint64_t runs;
    uint64_t failures;
    int64_t begin_ns;
};

static int64_t wall_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static void add(struct total *total, const struct tally *tally)
{
    total->runs++;
    total->tally.turns += tally->turns;
    total->tally.acts += tally->acts;
    total->tally.lines += tally->lines;
    total->tally.views += tally->views;
    total->tally.faults += tally->faults;
    total->tally.simulated_ns += tally->simulated_ns;
}

static void tell_progress(const struct total *total, const char *end)
{
    double seconds = (double)(wall_ns() - total->begin_ns) / 1e9;
    double simulated = (double)total->tally.simulated_ns / 1e9;
    printf("%" PRIu64 " runs, %.1f simulated hours (%.0f x real time), %" PRIu64 " turns (%.0f/s), "
           "%" PRIu64 " lines sent, %" PRIu64 " compared, %" PRIu64 " faults, %" PRIu64
           " failures%s",
           total->runs, simulated / 3600, simulated / seconds, total->tally.turns,
           (double)total->tally.turns / seconds, total->tally.lines, total->tally.views,
           total->tally.faults, total->failures, end);
    (void)fflush(stdout);
}

/* The next seed: of the file, if there is one, else the next number. False: there is none. */
static bool next_seed(struct settings *settings, FILE *recorded, struct plan *plan, uint64_t *begun)
{
    char line[256];
    *plan = settings->plan;
    if (recorded) {
        while (fgets(line, sizeof(line), recorded))
            if (sscanf(line, "%" SCNu64, &plan->seed) == 1)
                return true;
        return false;
    }
    if (settings->runs && *begun == settings->runs)
        return false;
    plan->seed = settings->seed + (*begun)++;
    return true;
}

static bool time_is_over(const struct settings *settings, const struct total *total)
{
    return stopped ||
           (settings->seconds && wall_ns() - total->begin_ns > settings->seconds * NS_PER_SECOND);
}

/* Fills free jobs; returns how many run. */
static int fill_jobs(struct settings *settings, struct job *jobs, FILE *recorded,
                     const struct total *total, uint64_t *begun)
{
    int running = 0;
    for (int i = 0; i < settings->jobs; i++) {
        struct job *job = &jobs[i];
        if (!job->pid && !time_is_over(settings, total) &&
            total->failures < (settings->first ? 1 : 10) &&
            next_seed(settings, recorded, &job->plan, begun)) {
            (void)fflush(stdout);
            job->pid = begin(&job->plan, job->result, false);
            if (job->pid < 0) {
                perror("sim: fork");
                exit(2);
            }
        }
        running += job->pid != 0;
    }
    return running;
}

static void take_result(const struct settings *settings, struct job *jobs, struct total *total)
{
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    for (int i = 0; pid > 0 && i < settings->jobs; i++) {
        struct job *job = &jobs[i];
        if (job->pid != pid)
            continue;
        job->pid = 0;
        add(total, &job->result->tally);
        if (failed(status, job->result)) {
            total->failures++;
            report(settings, &job->plan, job->result);
        }
    }
}

static int play_all(struct settings *settings)
{
    struct job jobs[JOBS_MAX] = {0};
    struct total total = {.begin_ns = wall_ns()};
    FILE *recorded = settings->recorded ? fopen(settings->recorded, "r") : NULL;
    bool terminal = isatty(1);
    uint64_t begun = 0;
    if (settings->recorded && !recorded) {
        (void)fprintf(stderr, "sim: %s: %s\n", settings->recorded, strerror(errno));
        return 2;
    }
    struct result *results = mmap(NULL, JOBS_MAX * sizeof(*results), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED)
        return 2;
    for (int i = 0; i < settings->jobs; i++)
        jobs[i].result = &results[i];
    while (fill_jobs(settings, jobs, recorded, &total, &begun) > 0) {
        take_result(settings, jobs, &total);
        if (terminal && !settings->plan.story)
            tell_progress(&total, "   \r");
    }
    if (recorded)
        (void)fclose(recorded);
    tell_progress(&total, "\n");
    return total.failures ? 1 : 0;
}

/* --- options --- */

static const char help[] =
    "sim [options]: the whole chatd on a simulated kernel, with people, faults and checks\n"
    "  --seed N        the first seed (a fresh one each time)\n"
    "  --runs N        so many seeds (until it is stopped)\n"
    "  --seconds N     or for so long\n"
    "  --jobs N        runs at the same time (1)\n"
    "  --recorded FILE the seeds that a file names, one a line\n"
    "  --first         stop at the first failure, and don't make it smaller\n"
    "  --story         say in words what people do; twice: and what they are sent\n"
    "  --people MASK --faults MASK --acts N   what is left of a run: printed with a failure\n"
    "A seed that fails is printed as the command that replays it. The status is then 1.\n";

static uint64_t read_number(const char *option, const char *text)
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(text, &end, 0);
    if (errno || *end || end == text) {
        (void)fprintf(stderr, "sim: --%s %s: a number, please\n", option, text);
        exit(2);
    }
    return number;
}

static void set(struct settings *settings, const char *option, uint64_t number)
{
    if (strcmp(option, "seed") == 0)
        settings->seed = number;
    else if (strcmp(option, "runs") == 0)
        settings->runs = number;
    else if (strcmp(option, "seconds") == 0)
        settings->seconds = (int64_t)number;
    else if (strcmp(option, "people") == 0)
        settings->plan.people = (uint32_t)number;
    else if (strcmp(option, "faults") == 0)
        settings->plan.faults = (uint32_t)number;
    else if (strcmp(option, "acts") == 0)
        settings->plan.acts = (uint32_t)number;
    else
        settings->jobs = number < 1 ? 1 : number > JOBS_MAX ? JOBS_MAX : (int)number;
}

static void read_options(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", 1, NULL, 'n'},     {"runs", 1, NULL, 'n'},   {"seconds", 1, NULL, 'n'},
        {"people", 1, NULL, 'n'},   {"faults", 1, NULL, 'n'}, {"acts", 1, NULL, 'n'},
        {"jobs", 1, NULL, 'n'},     {"story", 0, NULL, 's'},  {"first", 0, NULL, 'f'},
        {"recorded", 1, NULL, 'r'}, {"help", 0, NULL, 'h'},   {NULL, 0, NULL, 0},
    };
    int index = 0;
    for (int letter; (letter = getopt_long(argc, argv, "", options, &index)) != -1;) {
        if (letter == 'n') {
            set(settings, options[index].name, read_number(options[index].name, optarg));
        } else if (letter == 's') {
            settings->plan.story++;
        } else if (letter == 'f') {
            settings->first = true;
        } else if (letter == 'r') {
            settings->recorded = optarg;
        } else {
            (void)fputs(help, letter == 'h' ? stdout : stderr);
            exit(letter == 'h' ? 0 : 2);
        }
    }
}

int main(int argc, char **argv)
{
    struct settings settings = {.seed = (uint64_t)time(NULL) * 100000,
                                .jobs = 1,
                                .plan = {.people = (1u << RUN_PEOPLE_MAX) - 1,
                                         .faults = (1u << FAULTS) - 1,
                                         .acts = UINT32_MAX}};
    read_options(&settings, argc, argv);
    (void)signal(SIGINT, stop);
    (void)signal(SIGTERM, stop);
    if (!settings.recorded && !settings.plan.story)
        printf("seeds from %" PRIu64 " on\n", settings.seed);
    return play_all(&settings);
}
