/*
 * crowd: very many clients of one server, in one test process.
 *
 * One epoll set drives all of them. Whatever a member receives is appended to
 * its transcript; whatever it is told to send waits in its own queue until the
 * socket takes it, so a test never blocks on a server that reads slowly, and a
 * member that is paused (doesn't read) can still talk. Nothing happens on the
 * sockets between calls: a crowd moves only inside crowd_pump, and in the calls
 * named crowd_await_..., crowd_join and crowd_barrier, which pump until what
 * they wait for is there. None of these sleeps to be right: each waits for an
 * event, and fails the test with the member's last words after CROWD_LIMIT_MS
 * (as in harness.h, macros fill in the place it was called from).
 *
 * A member is named by its index, in the order of connecting. It closes when
 * the server has ended the connection and everything was read, as clients do.
 * Only 127.0.0.1, so at most some 28,000 members of one server. For a few
 * clients whose every line matters, use client.h; both may talk to one server.
 */
#ifndef TESTS_SUPPORT_CROWD_H
#define TESTS_SUPPORT_CROWD_H

#include "tests/support/harness.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long an awaited event may take: far beyond anything a working server needs. */
#define CROWD_LIMIT_MS 20000

struct crowd_member {
    int fd; /* -1: closed */
    bool paused; /* doesn't read */
    bool ended; /* the server closed, orderly: end of input was read */
    int error; /* errno of a connection that broke, 0: none */
    char *seen; /* all that was received, NUL-terminated; NULL until something was */
    size_t seen_bytes;
    size_t seen_room;
    size_t mark; /* what lies before was looked at: crowd_await searches behind it */
    char *unsent; /* what the socket didn't take yet */
    size_t unsent_bytes;
    size_t unsent_room;
};

struct crowd {
    struct server *server; /* its log is kept read, so that logging never blocks it */
    int poll;
    struct crowd_member *members;
    size_t count;
};

/* A member's transcript as lines without their CR LF, NUL-terminated, oldest first. An unfinished
 * last line counts as a line. The lines are a copy: crowd_lines_free. */
struct crowd_lines {
    char *text;
    char **line;
    size_t count;
};

/* A crowd without members yet, of `server`, whose first listener must be on the IPv4 loopback. */
struct crowd *crowd_new(struct server *server);
/* Closes all members and frees everything; the server stays. */
void crowd_free(struct crowd *crowd);

/* Connects `count` members and waits for no greeting; returns the first one's index. */
size_t crowd_connect(struct crowd *crowd, size_t count);
/* The same with a receive buffer of 4 KiB, so that a member that is paused fills up at once. */
size_t crowd_connect_slow(struct crowd *crowd, size_t count);
/* Connects `count` members, some hundred at a time, until each has been greeted. */
#define crowd_join(crowd, count) crowd_join_at(HERE, crowd, count)
size_t crowd_join_at(const char *here, struct crowd *crowd, size_t count);
#define crowd_join_slow(crowd, count) crowd_join_slow_at(HERE, crowd, count)
size_t crowd_join_slow_at(const char *here, struct crowd *crowd, size_t count);

/* Queues `text` (`size` bytes) for sending and sends what the socket takes at once. */
void crowd_send(struct crowd *crowd, size_t who, const char *text);
void crowd_send_bytes(struct crowd *crowd, size_t who, const void *bytes, size_t size);
/* The same, formatted; at most 4 KiB. */
void crowd_sendf(struct crowd *crowd, size_t who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A paused member leaves what arrives in the kernel until it is resumed. */
void crowd_pause(struct crowd *crowd, size_t who);
void crowd_resume(struct crowd *crowd, size_t who);

/* The ways to go: close what is left of the connection, reset it, or end the input only. */
void crowd_close(struct crowd *crowd, size_t who);
void crowd_reset(struct crowd *crowd, size_t who);
void crowd_half_close(struct crowd *crowd, size_t who);

/* Moves bytes until nothing is left to do for `timeout_ms`, or once where something was. Returns
 * how many members something happened to. */
int crowd_pump(struct crowd *crowd, int timeout_ms);

/* Pumps until each of `count` members from `first` has received `needle` behind its mark, which
 * then moves behind it. */
#define crowd_await(crowd, first, count, needle) crowd_await_at(HERE, crowd, first, count, needle)
void crowd_await_at(const char *here, struct crowd *crowd, size_t first, size_t count,
                    const char *needle);
/* Pumps until each was ended by the server, by an end of input or by a broken connection. */
#define crowd_await_end(crowd, first, count) crowd_await_end_at(HERE, crowd, first, count)
void crowd_await_end_at(const char *here, struct crowd *crowd, size_t first, size_t count);
/* Pumps until the socket has taken all that `who` was told to send. */
#define crowd_await_sent(crowd, who) crowd_await_sent_at(HERE, crowd, who)
void crowd_await_sent_at(const char *here, struct crowd *crowd, size_t who);
/* A /ping of each and its answer: all that they sent before was carried out and shown to them. */
#define crowd_barrier(crowd, first, count) crowd_barrier_at(HERE, crowd, first, count)
void crowd_barrier_at(const char *here, struct crowd *crowd, size_t first, size_t count);

/* The transcript so far, never NULL. */
const char *crowd_seen(const struct crowd *crowd, size_t who);
/* How many lines of the transcript contain `needle`. */
size_t crowd_count(const struct crowd *crowd, size_t who, const char *needle);
/* The transcript in lines, from the first line that contains `from` on (NULL: all of it). */
struct crowd_lines crowd_lines(const struct crowd *crowd, size_t who, const char *from);
void crowd_lines_free(struct crowd_lines *lines);

/* False in a sanitized build, where figures of memory are the sanitizer's. The tests are built like
 * the server that they test. */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_IS_MEASURED false
#elif defined(__has_feature)
#define MEMORY_IS_MEASURED (!__has_feature(address_sanitizer))
#else
#define MEMORY_IS_MEASURED true
#endif

/* The anonymous memory of the server's process that is resident: its own, without its program. */
size_t server_anonymous_bytes(const struct server *server);

#endif
