/*
 * chatload host: system calls that the door (reactor/base/sys.h) lacks, because
 * no server needs them: child processes, /proc, report files, a timer finer than
 * the wheel. No other file of chatload calls the kernel.
 *
 * Results are as in sys.h: 0, a count or a descriptor, or -errno.
 */
#ifndef TOOLS_CHATLOAD_HOST_H
#define TOOLS_CHATLOAD_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The longest command of the shell that is started. */
#define HOST_COMMAND_BYTES 4096

/*
 * Starts `command` in a shell, in a process group of its own, with no signal blocked or ignored,
 * with the returned descriptor (a stream socket, the caller's) as its standard output. When this
 * process dies, the command gets TERM: a plain program directly, because it replaces the shell;
 * otherwise the shell. Returns the descriptor with *pid set, or -errno.
 */
int host_spawn(const char *command, pid_t *pid);

/* Sends `number` to the whole process group of `pid`; one that is gone is fine. */
void host_signal_group(pid_t pid, int number);

/* Whether the process group of `pid`, a child, has ended: that child and all its descendants there,
 * which become children of this process when they lose their parent. */
bool host_group_ended(pid_t pid);

/* The processes of `pid`'s group, itself first. Returns how many of `pids` were filled. */
#define HOST_GROUP_MAX 32
size_t host_group(pid_t pid, pid_t pids[HOST_GROUP_MAX]);

struct host_usage {
    int64_t cpu_ns; /* used so far, of all threads */
    uint64_t memory_bytes; /* resident */
    uint64_t peak_bytes; /* the most that was resident */
};

/* Adds what process `pid` uses to `usage`. 0, or -ESRCH if there is no such process. */
int host_usage(pid_t pid, struct host_usage *usage);

/* What this process has used of the CPU so far, and how long it has waited for one that others had
 * (0 if the kernel does not say). */
int64_t host_own_cpu_ns(void);
int64_t host_own_wait_ns(void);

bool host_is_terminal(int fd);

/* Whether a file could be written now: 0 or -errno. Changes nothing. */
int host_check_file(const char *path);

/* Makes `text` the content of a file, all at once: whatever happens, a reader finds the old content
 * or the new. What is no regular file (a pipe, a terminal) is written to. 0 or -errno. */
int host_replace_file(const char *path, const char *text, size_t length);

/* Writes all of it. 0 or -errno. */
int host_write_all(int fd, const char *text, size_t length);

/* Opens /dev/null for each standard descriptor that is closed; otherwise a connection could take
 * the number of stdout and be sent the report. From now on a write to a pipe without a reader is
 * an error. */
void host_settle_descriptors(void);

/* How many ports the kernel has for outgoing connections of one address. */
unsigned host_local_ports(void);

/* A descriptor that becomes readable at an instant of the monotonic clock, to the microsecond. */
int host_alarm_open(void);
int host_alarm_set(int fd, int64_t at_ns);

#endif
