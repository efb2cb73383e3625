#define _GNU_SOURCE 1
#include "tools/chatload/host.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reactor/base/clock.h"

/* The default range, if the kernel does not say: 32768 to 60999. */
#define LOCAL_PORTS 28232

/* Child processes. */

/* Undoes what the reactor has set up for this process: an ignored or blocked signal would be
 * inherited across exec. */
static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL); /* two of them can't be changed, and needn't be */
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(const char *command, int output, pid_t parent)
{
    reset_signals();
    if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent &&
        dup2(output, STDOUT_FILENO) >= 0)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* A program and its arguments that need no shell: no operator of the shell, no variable before the
 * program, and not an `exec` already. */
static bool is_plain(const char *command)
{
    command += strspn(command, " \t");
    return !command[strcspn(command, "|&;<>()`\n")] && command[strcspn(command, " \t=")] != '=' &&
           strncmp(command, "exec ", strlen("exec ")) != 0;
}

int host_spawn(const char *command, pid_t *pid)
{
    char line[HOST_COMMAND_BYTES + sizeof("exec ")];
    int ends[2];
    pid_t parent = getpid();
    if (strlen(command) > HOST_COMMAND_BYTES)
        return -E2BIG;
    snprintf(line, sizeof(line), "%s%s", is_plain(command) ? "exec " : "", command);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    *pid = fork();
    if (*pid < 0) {
        int error = -errno;
        (void)close(ends[0]);
        (void)close(ends[1]);
        return error;
    }
    if (*pid == 0)
        become(line, ends[1], parent);
    (void)setpgid(*pid, *pid); /* here too: now it is done before either process goes on */
    (void)close(ends[1]); /* the child's */
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK); /* of this end only; it has no way to fail */
    return ends[0];
}

void host_signal_group(pid_t pid, int number)
{
    (void)kill(-pid, number);
}

bool host_group_ended(pid_t pid)
{
    pid_t ended;
    do
        ended = waitpid(-pid, NULL, WNOHANG);
    while (ended > 0);
    return ended < 0; /* there is no child left in it */
}

/* /proc. */

/* Reads a small file as a text. Its length, or -errno. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    (void)fclose(file); /* it was only read */
    return (ssize_t)length;
}

static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[96];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return read_text(path, text, size);
}

/* Fields of /proc/PID/stat after the name; proc(5) counts from 1, and two more before these. */
enum { STAT_GROUP = 2, STAT_USER_TICKS = 11, STAT_KERNEL_TICKS = 12 };

/* The fields of /proc/PID/stat after the name, which may hold blanks and parentheses. */
static const char *fields_of(const char *stat)
{
    const char *end = strrchr(stat, ')');
    return end ? end + 1 : "";
}

/* The number in a field, counted from 0, of those that blanks separate; `otherwise` if there is
 * none. */
static uint64_t number_in(const char *fields, int field, uint64_t otherwise)
{
    static const char blanks[] = " \t\n";
    fields += strspn(fields, blanks);
    for (; field > 0; field--) {
        fields += strcspn(fields, blanks);
        fields += strspn(fields, blanks);
    }
    return isdigit((unsigned char)*fields) ? strtoull(fields, NULL, 10) : otherwise;
}

static pid_t group_of(pid_t pid)
{
    char stat[1024];
    if (read_proc(pid, "stat", stat, sizeof(stat)) < 0)
        return 0;
    return (pid_t)number_in(fields_of(stat), STAT_GROUP, 0);
}

size_t host_group(pid_t pid, pid_t pids[HOST_GROUP_MAX])
{
    size_t count = 0;
    DIR *directory = opendir("/proc");
    pids[count++] = pid;
    if (!directory)
        return count;
    for (struct dirent *entry; (entry = readdir(directory)) && count < HOST_GROUP_MAX;) {
        pid_t other = (pid_t)strtol(entry->d_name, NULL, 10);
        if (isdigit((unsigned char)entry->d_name[0]) && other != pid && group_of(other) == pid)
            pids[count++] = other;
    }
    (void)closedir(directory);
    return count;
}

/* What the scheduler counted for one thread, in nanoseconds; -errno if it does not count. */
static int64_t thread_cpu_ns(pid_t pid, const char *thread)
{
    char name[64];
    char text[128];
    snprintf(name, sizeof(name), "task/%.20s/schedstat", thread);
    if (read_proc(pid, name, text, sizeof(text)) < 0)
        return -ENOENT;
    return (int64_t)number_in(text, 0, (uint64_t)-ENOENT);
}

/* The sum over all living threads. -ENOENT if the kernel has no such figures. */
static int64_t exact_cpu_ns(pid_t pid)
{
    char path[64];
    int64_t sum_ns = -ENOENT;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    if (!directory)
        return -ENOENT;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        int64_t cpu_ns = thread_cpu_ns(pid, entry->d_name);
        if (cpu_ns >= 0)
            sum_ns = (sum_ns < 0 ? 0 : sum_ns) + cpu_ns;
    }
    (void)closedir(directory);
    return sum_ns;
}

/* User and system time, in ticks of 10 ms: coarse, but every kernel has it. */
static int64_t coarse_cpu_ns(const char *stat)
{
    const char *fields = fields_of(stat);
    uint64_t ticks =
        number_in(fields, STAT_USER_TICKS, 0) + number_in(fields, STAT_KERNEL_TICKS, 0);
    return (int64_t)ticks * (NS_PER_SECOND / sysconf(_SC_CLK_TCK));
}

/* A line of /proc/PID/status, in KiB there; 0 if it is missing. */
static uint64_t figure_bytes(const char *status, const char *name)
{
    const char *line = strstr(status, name);
    return line ? number_in(line + strlen(name), 0, 0) * 1024 : 0;
}

int host_usage(pid_t pid, struct host_usage *usage)
{
    char stat[1024];
    char status[4096];
    if (read_proc(pid, "stat", stat, sizeof(stat)) < 0 ||
        read_proc(pid, "status", status, sizeof(status)) < 0)
        return -ESRCH;
    int64_t cpu_ns = exact_cpu_ns(pid);
    usage->cpu_ns += cpu_ns < 0 ? coarse_cpu_ns(stat) : cpu_ns;
    usage->memory_bytes += figure_bytes(status, "VmRSS:");
    usage->peak_bytes += figure_bytes(status, "VmHWM:");
    return 0;
}

int64_t host_own_cpu_ns(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
        return 0;
    return used.tv_sec * NS_PER_SECOND + used.tv_nsec;
}

int64_t host_own_wait_ns(void)
{
    char text[128];
    if (read_proc(getpid(), "schedstat", text, sizeof(text)) < 0)
        return 0;
    return (int64_t)number_in(text, 1, 0);
}

bool host_is_terminal(int fd)
{
    return isatty(fd);
}

void host_settle_descriptors(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd > STDERR_FILENO)
        (void)close(fd); /* nothing was written to it */
    (void)signal(SIGPIPE, SIG_IGN); /* can't fail for a signal that exists */
}

unsigned host_local_ports(void)
{
    char range[64];
    if (read_text("/proc/sys/net/ipv4/ip_local_port_range", range, sizeof(range)) < 0)
        return LOCAL_PORTS;
    uint64_t first = number_in(range, 0, 0);
    uint64_t last = number_in(range, 1, 0);
    return first > 0 && last >= first ? (unsigned)(last - first + 1) : LOCAL_PORTS;
}

/* Files. */

int host_write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, text, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        text += written;
        length -= (size_t)written;
    }
    return 0;
}

/* A file that a text goes to. */
struct replacement {
    char path[PATH_MAX]; /* where it will be, symbolic links followed */
    char temporary[PATH_MAX + 8]; /* where it is until it is complete; "": written in place */
    int fd;
};

/* Opens what takes the text: a new file beside the old one, or what is no regular file itself. */
static int open_replacement(struct replacement *new, const char *path)
{
    struct stat old;
    bool exists = stat(path, &old) == 0;
    *new = (struct replacement){.fd = -1};
    if (exists && !S_ISREG(old.st_mode)) {
        new->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return new->fd < 0 ? -errno : 0;
    }
    if (strlen(path) >= sizeof(new->path))
        return -ENAMETOOLONG;
    if (!realpath(path, new->path)) /* there is none yet */
        snprintf(new->path, sizeof(new->path), "%s", path);
    snprintf(new->temporary, sizeof(new->temporary), "%s.XXXXXX", new->path);
    new->fd = mkostemp(new->temporary, O_CLOEXEC);
    if (new->fd < 0)
        return -errno;
    if (exists)
        (void)fchmod(new->fd, old.st_mode & 07777); /* otherwise it is for its owner alone */
    return 0;
}

/* Puts it in place if `rc` is 0, or drops it. Returns the first error. */
static int close_replacement(struct replacement *new, int rc)
{
    if (close(new->fd) < 0 && rc == 0)
        rc = -errno;
    if (!new->temporary[0])
        return rc;
    if (rc == 0 && rename(new->temporary, new->path) < 0)
        rc = -errno;
    if (rc < 0)
        (void)unlink(new->temporary); /* the error is reported anyway */
    return rc;
}

int host_check_file(const char *path)
{
    struct replacement probe;
    struct stat old;
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode)) {
        if (S_ISDIR(old.st_mode))
            return -EISDIR;
        return access(path, W_OK) < 0 ? -errno : 0;
    }
    int rc = open_replacement(&probe, path);
    if (rc < 0)
        return rc;
    (void)close_replacement(&probe, -ECANCELED); /* it was only tried */
    return 0;
}

int host_replace_file(const char *path, const char *text, size_t length)
{
    struct replacement new;
    int rc = open_replacement(&new, path);
    if (rc < 0)
        return rc;
    return close_replacement(&new, host_write_all(new.fd, text, length));
}

/* The alarm. */

int host_alarm_open(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int host_alarm_set(int fd, int64_t at_ns)
{
    /* A zero would disarm it. */
    struct itimerspec at = {.it_value = {at_ns / NS_PER_SECOND, at_ns % NS_PER_SECOND}};
    if (at_ns <= 0)
        at.it_value.tv_nsec = 1;
    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) < 0 ? -errno : 0;
}
