#define _GNU_SOURCE 1
#include "tests/support/harness.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/client.h"

/* The log of a server that blocks in write() because nobody reads it would stop the test. */
#define PIPE_BYTES (1 << 20)

static const char listening_on[] = "listening on ";
static const char after_start[] = "\nready\n";
static rlim_t descriptor_limit;
static char scratch_directory[] = "/tmp/chatd-test-XXXXXX";
static bool scratch_made;

_Noreturn void harness_fail(const char *here, struct server *server, const char *format, ...)
{
    char message[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    cr_assert_fail("%s: %s\n--- stdout and log of the server:\n%s%s", here, message,
                   server ? server->out_text.data : "", server ? server_log(server) : "");
    criterion_abort_test();
}

int64_t harness_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void bytes_reserve(struct bytes *bytes, size_t more)
{
    size_t needed = bytes->length + more + 1;

    if (needed <= bytes->capacity)
        return;
    bytes->capacity = needed * 2;
    bytes->data = realloc(bytes->data, bytes->capacity);
    if (!bytes->data)
        abort();
}

ssize_t bytes_read(struct bytes *bytes, int fd)
{
    ssize_t count;

    bytes_reserve(bytes, 16384);
    do
        count = read(fd, bytes->data + bytes->length, bytes->capacity - bytes->length - 1);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    bytes->length += (size_t)count;
    bytes->data[bytes->length] = '\0';
    return count;
}

/* Reads what is there; closes the descriptor at the end of input. */
static void stream_drain(struct bytes *bytes, int *fd)
{
    ssize_t count;

    if (*fd < 0)
        return;
    do
        count = bytes_read(bytes, *fd);
    while (count > 0);
    if (count == -EAGAIN)
        return;
    close(*fd);
    *fd = -1;
}

bool harness_wait(struct server *server, int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd ready[2] = {{.fd = fd, .events = events},
                                  {.fd = server ? server->log : -1, .events = POLLIN}};
        int64_t left_ms = deadline_ms - harness_now_ms();

        if (poll(ready, 2, left_ms > 0 ? (int)left_ms : 0) < 0 && errno != EINTR)
            return false;
        if (server && ready[1].revents)
            stream_drain(&server->log_text, &server->log);
        if (ready[0].revents)
            return true;
        if (left_ms <= 0)
            return false;
    }
}

/* ---- scratch files ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void scratch_remove(void)
{
    if (nftw(scratch_directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
        fprintf(stderr, "cannot remove %s\n", scratch_directory);
}

char *scratch_path(const char *name)
{
    char *path;

    if (!scratch_made) {
        if (!mkdtemp(scratch_directory))
            harness_fail(HERE, NULL, "mkdtemp %s: %s", scratch_directory, strerror(errno));
        scratch_made = true;
        atexit(scratch_remove);
    }
    if (asprintf(&path, "%s/%s", scratch_directory, name) < 0)
        abort();
    return path;
}

char *scratch_write(const char *name, const char *text)
{
    char *path = scratch_path(name);
    FILE *file = fopen(path, "w");

    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        harness_fail(HERE, NULL, "%s: %s", path, strerror(errno));
    return path;
}

/* ---- starting ---- */

void harness_limit_descriptors(unsigned limit)
{
    descriptor_limit = limit;
}

/* The soft limit must not be what stops a test with many clients. */
static void raise_own_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* a test that needs more fails to connect */
    }
}

/* In the child: becomes chatd, with nothing of the test's but the three standard streams. */
static _Noreturn void become_chatd(char **arguments, const int streams[2], pid_t parent)
{
    struct rlimit limit = {descriptor_limit, descriptor_limit};
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(streams[0], STDOUT_FILENO);
    dup2(streams[1], STDERR_FILENO);
    close_range(3, UINT_MAX, 0);
    if (descriptor_limit)
        setrlimit(RLIMIT_NOFILE, &limit);
    execv(arguments[0], arguments);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

static bool is_listener(const char *argument)
{
    return strcmp(argument, "-l") == 0 || strcmp(argument, "--listen") == 0;
}

/* Makes the argument vector: the program, a listener on a free port where `listener` asks for one
 * and `from` has none, and then `from`. */
static void fill_arguments(char *to[HARNESS_ARGUMENTS_MAX], const char *const *from, bool listener)
{
    const char *program = getenv("CHATD");
    int count = 0;

    for (int i = 0; from[i]; i++)
        listener = listener && !is_listener(from[i]);
    to[count++] = (char *)(program && *program ? program : "build/chatd");
    if (listener) {
        to[count++] = (char *)"-l";
        to[count++] = (char *)"127.0.0.1:0";
    }
    for (int i = 0; from[i]; i++) {
        cr_assert(count < HARNESS_ARGUMENTS_MAX - 1, "too many arguments");
        to[count++] = (char *)from[i];
    }
    to[count] = NULL;
}

static struct server *server_spawn(const char *here, const char *const *arguments, bool listener)
{
    struct server *server = calloc(1, sizeof *server);
    char *vector[HARNESS_ARGUMENTS_MAX];
    pid_t parent = getpid();
    int out[2], log[2];

    if (!server)
        abort();
    bytes_reserve(&server->out_text, 0);
    bytes_reserve(&server->log_text, 0);
    server->out_text.data[0] = server->log_text.data[0] = '\0';
    fill_arguments(vector, arguments, listener);
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(log, O_CLOEXEC) < 0)
        harness_fail(here, NULL, "pipe: %s", strerror(errno));
    server->pid = fork();
    if (server->pid == 0)
        become_chatd(vector, (const int[]){out[1], log[1]}, parent);
    if (server->pid < 0)
        harness_fail(here, NULL, "fork: %s", strerror(errno));
    close(out[1]);
    close(log[1]);
    server->out = out[0];
    server->log = log[0];
    fcntl(server->out, F_SETFL, O_NONBLOCK);
    fcntl(server->log, F_SETFL, O_NONBLOCK);
    (void)fcntl(server->log, F_SETPIPE_SZ, PIPE_BYTES); /* less makes it only likelier to fill */
    return server;
}

/* Reads the start-up lines. True once `ready` has come, with everything before it understood. */
static bool read_start(const char *here, struct server *server)
{
    const char *line = server->out_text.data;
    const char *end = strstr(line, after_start);

    if (!end)
        return false;
    for (; line <= end; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, listening_on, strlen(listening_on)) != 0)
            harness_fail(here, server, "a line on stdout before ready: %s", line);
        const char *address = line + strlen(listening_on);
        if (server->listeners < HARNESS_LISTENERS_MAX)
            server->listening[server->listeners++] = strndup(address, strcspn(address, "\n"));
    }
    return true;
}

struct server *server_start_at(const char *here, const char *const *arguments)
{
    struct server *server;
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;

    raise_own_limit();
    server = server_spawn(here, arguments, true);
    while (!read_start(here, server)) {
        if (server->out < 0)
            harness_fail(here, server, "the server ended before it was ready");
        if (!harness_wait(server, server->out, POLLIN, deadline_ms))
            harness_fail(here, server, "the server did not get ready");
        stream_drain(&server->out_text, &server->out);
    }
    return server;
}

/* ---- ending ---- */

/* Waits for the process's end and returns its status; -1 where it does not come. */
static int reap(struct server *server)
{
    int process = pidfd_open(server->pid, 0);
    bool ended = harness_wait(server, process, POLLIN, harness_now_ms() + HARNESS_LIMIT_MS);
    int status;

    close(process);
    if (!ended)
        kill(server->pid, SIGKILL);
    waitpid(server->pid, &status, 0);
    server->pid = 0;
    stream_drain(&server->out_text, &server->out);
    stream_drain(&server->log_text, &server->log);
    if (!ended)
        return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void check_log(const char *here, struct server *server)
{
    static const char *const reports[] = {"AddressSanitizer", "LeakSanitizer",
                                          "runtime error:", "Assertion `"};

    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
        if (strstr(server_log(server), reports[i]))
            harness_fail(here, server, "the server's log holds a report: %s", reports[i]);
}

int server_wait_at(const char *here, struct server *server)
{
    int status = reap(server);

    if (status < 0)
        harness_fail(here, server, "the server did not end");
    check_log(here, server);
    return status;
}

static void server_release(struct server *server)
{
    clients_release(server);
    if (server->out >= 0)
        close(server->out);
    if (server->log >= 0)
        close(server->log);
    for (int i = 0; i < server->listeners; i++)
        free((char *)server->listening[i]);
    free(server->out_text.data);
    free(server->log_text.data);
    free(server);
}

void server_stop_at(const char *here, struct server *server)
{
    const char *rest;

    if (server->pid) {
        kill(server->pid, SIGTERM);
        clients_release(server);
        int status = server_wait_at(here, server);
        if (status != 0)
            harness_fail(here, server, "exit status %d after TERM", status);
    }
    rest = strstr(server->out_text.data, after_start) + strlen(after_start);
    if (*rest)
        harness_fail(here, server, "on stdout after ready: %s", rest);
    server_release(server);
}

struct run chatd_run_at(const char *here, const char *const *arguments)
{
    struct server *server = server_spawn(here, arguments, false);
    struct run run = {.status = server_wait_at(here, server)};

    run.out = server->out_text.data;
    run.err = server->log_text.data;
    free(server);
    return run;
}

void run_release(struct run *run)
{
    free(run->out);
    free(run->err);
}

/* ---- signals and looks from outside ---- */

void server_signal(struct server *server, int number)
{
    kill(server->pid, number);
}

void server_freeze(struct server *server)
{
    int status;

    kill(server->pid, SIGSTOP);
    waitpid(server->pid, &status, WUNTRACED);
    cr_assert(WIFSTOPPED(status), "the server ended instead of stopping");
}

void server_thaw(struct server *server)
{
    kill(server->pid, SIGCONT);
}

const char *server_log(struct server *server)
{
    stream_drain(&server->log_text, &server->log);
    return server->log_text.data;
}

void server_expect_log_at(const char *here, struct server *server, size_t from, const char *text)
{
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;

    while (!strstr(server_log(server) + from, text)) {
        if (server->log < 0 || !harness_wait(NULL, server->log, POLLIN, deadline_ms))
            harness_fail(here, server, "never in the log: %s", text);
    }
}

int server_descriptors(const struct server *server)
{
    char path[64];
    int count = 0;
    DIR *directory;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)server->pid);
    directory = opendir(path);
    cr_assert(directory, "%s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* The text of a file in /proc/PID/, in `buffer`. */
static void read_proc(const struct server *server, const char *name, char *buffer, size_t size)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)server->pid, name);
    file = fopen(path, "r");
    cr_assert(file, "%s: %s", path, strerror(errno));
    buffer[fread(buffer, 1, size - 1, file)] = '\0';
    fclose(file);
}

long server_figure(const struct server *server, const char *name)
{
    char text[8192], key[64];
    const char *found;

    read_proc(server, "status", text, sizeof text);
    snprintf(key, sizeof key, "\n%s:", name);
    found = strstr(text, key);
    cr_assert(found, "no %s in /proc/PID/status", name);
    return strtol(found + strlen(key), NULL, 10);
}

long server_processor_ticks(const struct server *server)
{
    char text[1024];
    unsigned long user = 0, system = 0;
    const char *fields;

    read_proc(server, "stat", text, sizeof text);
    fields = strrchr(text, ')'); /* the program's name may hold anything */
    cr_assert(fields && sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                               &user, &system) == 2);
    return (long)(user + system);
}

int server_port(const struct server *server, int index)
{
    const char *address = server->listening[index];

    cr_assert(index < server->listeners);
    if (strncmp(address, "unix:", 5) == 0)
        return 0;
    return (int)strtol(strrchr(address, ':') + 1, NULL, 10);
}
