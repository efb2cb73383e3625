/*
 * harness: a chatd of one's own, for the suites that test from outside.
 *
 * A test starts the program named by CHATD in the environment (build/chatd
 * where there is none) on a free port of the loopback, talks to it through
 * client.h, and stops it; server_stop is itself a check. Criterion runs every
 * test in a process of its own, several at a time: so ports are the kernel's to
 * choose and files live in a directory of the process (scratch_path). A server
 * never outlives its test, however that ends.
 *
 * Nothing here sleeps. Whatever is waited for is waited for as an event, for
 * HARNESS_LIMIT_MS at most; then the test fails and shows what there was. Every
 * check that can fail takes the place it was called from as its first argument,
 * filled in by a macro of the same name.
 */
#ifndef TESTS_SUPPORT_HARNESS_H
#define TESTS_SUPPORT_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* How long anything may take before the test fails; a sanitized server on a busy machine is slow */
#define HARNESS_LIMIT_MS 10000

#define HARNESS_LISTENERS_MAX 8
#define HARNESS_ARGUMENTS_MAX 32

#define HARNESS_TEXT(x) #x
#define HARNESS_LINE(x) HARNESS_TEXT(x)
#define HERE __FILE__ ":" HARNESS_LINE(__LINE__)

struct client;

/* Bytes that grow, always followed by a NUL that doesn't count. */
struct bytes {
    char *data;
    size_t length;
    size_t capacity;
};

struct server {
    pid_t pid;
    int out; /* the server's stdout; -1 once it has ended */
    int log; /* the server's stderr; -1 once it has ended */
    struct bytes out_text; /* all of either that was read so far */
    struct bytes log_text;
    const char *listening[HARNESS_LISTENERS_MAX]; /* what follows "listening on ", in its order */
    int listeners;
    struct client *clients; /* newest first; closed and released by server_stop */
};

/* The result of a chatd that ended by itself. */
struct run {
    int status; /* exit status, or 128 + the number of the signal that ended it */
    char *out;
    char *err;
};

/* Fails the test: `here`, the message, then all that `server` (may be NULL) logged. */
_Noreturn void harness_fail(const char *here, struct server *server, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Milliseconds of the monotonic clock; for deadlines and for measuring. */
int64_t harness_now_ms(void);

/* Waits until `fd` has one of poll's `events`, keeping the log of `server` (may be NULL) read
 * meanwhile. False where `deadline_ms` came first. */
bool harness_wait(struct server *server, int fd, short events, int64_t deadline_ms);

/* Reads once from `fd` to the end of `bytes`; 0 at the end of input, -errno, or the count. */
ssize_t bytes_read(struct bytes *bytes, int fd);

/* Starts chatd and waits until it is ready: server_start("--history", "5"). The arguments are put
 * behind `--rate 0` and, where none is a listener, `-l 127.0.0.1:0`. server_start_exactly adds
 * the listener only. */
#define server_start(...) \
    server_start_at(HERE, (const char *const[]){"--rate", "0", ##__VA_ARGS__, NULL})
#define server_start_exactly(...) server_start_at(HERE, (const char *const[]){__VA_ARGS__, NULL})
struct server *server_start_at(const char *here, const char *const *arguments);

/* RLIMIT_NOFILE, soft and hard, of the servers that are started from now on; 0: as it is. */
void harness_limit_descriptors(unsigned limit);

/* Sends TERM, closes and releases all clients and `server`, and checks: exit status 0, nothing on
 * stdout after `ready`, no report of a sanitizer. */
#define server_stop(server) server_stop_at(HERE, server)
void server_stop_at(const char *here, struct server *server);

/* Waits until the server has ended and returns its status as in struct run, everything that it
 * wrote being read. server_stop may still be called and checks what is left to check. */
#define server_wait(server) server_wait_at(HERE, server)
int server_wait_at(const char *here, struct server *server);

void server_signal(struct server *server, int number);

/* Stops the server's process in its tracks (it is stopped on return) and lets it go on: all that
 * was sent meanwhile it finds at once, in one turn. */
void server_freeze(struct server *server);
void server_thaw(struct server *server);

/* Everything logged so far. Valid until the log is next looked at or waited for. */
const char *server_log(struct server *server);

/* Waits until the log holds `text` behind its first `from` bytes (0: anywhere). */
#define server_expect_log(server, from, text) server_expect_log_at(HERE, server, from, text)
void server_expect_log_at(const char *here, struct server *server, size_t from, const char *text);

/* What the kernel says of the server's process: open descriptors, a figure of /proc/PID/status
 * ("VmRSS": in KiB), processor time used so far in ticks of sysconf(_SC_CLK_TCK). */
int server_descriptors(const struct server *server);
long server_figure(const struct server *server, const char *name);
long server_processor_ticks(const struct server *server);

/* The port of listener `index`; 0 for a unix socket. */
int server_port(const struct server *server, int index);

/* Runs chatd to its end; it must end by itself. chatd_run("--max-line", "0"). */
#define chatd_run(...) chatd_run_at(HERE, (const char *const[]){__VA_ARGS__, NULL})
struct run chatd_run_at(const char *here, const char *const *arguments);
void run_release(struct run *run);

/* The path of `name` in the directory of this process, which goes with the process. The caller
 * frees it. scratch_write also makes it a file that holds `text`. */
char *scratch_path(const char *name);
char *scratch_write(const char *name, const char *text);

#endif
