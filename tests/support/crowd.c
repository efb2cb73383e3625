#define _GNU_SOURCE 1 /* memmem */
#include "tests/support/crowd.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many connect at once: well below any listener's queue, where a full one costs a second. */
#define JOIN_BATCH 200

/* How much of a transcript a failed wait shows. */
#define LAST_WORDS 600

static void *grown(void *block, size_t size)
{
    void *bigger = realloc(block, size);
    cr_assert_not_null(bigger, "the test itself is out of memory");
    return bigger;
}

/* Thousands of sockets need more than the usual soft limit. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* where it fails, the connecting says so */
    }
}

struct crowd *crowd_new(struct server *server)
{
    struct crowd *crowd = grown(NULL, sizeof(*crowd));
    raise_descriptor_limit();
    *crowd = (struct crowd){.server = server, .poll = epoll_create1(EPOLL_CLOEXEC)};
    cr_assert_geq(crowd->poll, 0, "epoll_create1: %s", strerror(errno));
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        crowd_close(crowd, i);
        free(crowd->members[i].seen);
        free(crowd->members[i].unsent);
    }
    free(crowd->members);
    close(crowd->poll);
    free(crowd);
}

static struct crowd_member *member_at(const struct crowd *crowd, size_t who)
{
    cr_assert_lt(who, crowd->count, "the crowd has no member %zu", who);
    return &crowd->members[who];
}

/* What the poll set shall report of the member: what it reads, and room where it has to send. */
static void watch(struct crowd *crowd, size_t who)
{
    struct crowd_member *member = &crowd->members[who];
    struct epoll_event event = {.data.u64 = who};
    if (member->fd < 0)
        return;
    if (!member->paused)
        event.events |= EPOLLIN;
    if (member->unsent_bytes > 0)
        event.events |= EPOLLOUT;
    if (epoll_ctl(crowd->poll, EPOLL_CTL_MOD, member->fd, &event) != 0)
        cr_assert_eq(epoll_ctl(crowd->poll, EPOLL_CTL_ADD, member->fd, &event), 0, "epoll_ctl: %s",
                     strerror(errno));
}

/* Takes the member's socket out of the poll set: what it doesn't want to know would be reported for
 * ever. */
static void unwatch(struct crowd *crowd, struct crowd_member *member)
{
    (void)epoll_ctl(crowd->poll, EPOLL_CTL_DEL, member->fd, NULL); /* may be out already */
}

static int connected_socket(int port, int receive_bytes)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0, "a socket of the crowd: %s (this needs `ulimit -n` raised)",
                  strerror(errno));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        cr_assert_eq(errno, EINPROGRESS, "connecting: %s", strerror(errno));
    return fd;
}

static size_t connect_with(struct crowd *crowd, size_t count, int receive_bytes)
{
    size_t first = crowd->count;
    crowd->members = grown(crowd->members, (first + count) * sizeof(*crowd->members));
    for (size_t i = 0; i < count; i++) {
        size_t who = crowd->count++;
        crowd->members[who] = (struct crowd_member){
            .fd = connected_socket(server_port(crowd->server, 0), receive_bytes)};
        watch(crowd, who);
    }
    return first;
}

size_t crowd_connect(struct crowd *crowd, size_t count)
{
    return connect_with(crowd, count, 0);
}

size_t crowd_connect_slow(struct crowd *crowd, size_t count)
{
    return connect_with(crowd, count, 4096);
}

static size_t join_with(const char *here, struct crowd *crowd, size_t count, int receive_bytes)
{
    size_t first = crowd->count;
    while (crowd->count < first + count) {
        size_t rest = first + count - crowd->count;
        size_t batch = rest < JOIN_BATCH ? rest : JOIN_BATCH;
        crowd_await_at(here, crowd, connect_with(crowd, batch, receive_bytes), batch,
                       "* Welcome to ");
    }
    return first;
}

size_t crowd_join_at(const char *here, struct crowd *crowd, size_t count)
{
    return join_with(here, crowd, count, 0);
}

size_t crowd_join_slow_at(const char *here, struct crowd *crowd, size_t count)
{
    return join_with(here, crowd, count, 4096);
}

static void send_queued(struct crowd *crowd, size_t who)
{
    struct crowd_member *member = &crowd->members[who];
    size_t sent_bytes = 0;
    while (sent_bytes < member->unsent_bytes) {
        ssize_t sent = send(member->fd, member->unsent + sent_bytes,
                            member->unsent_bytes - sent_bytes, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN))
            break;
        if (sent < 0) {
            /* A reset may follow what is still to be read: reading finds out. */
            member->unsent_bytes = 0;
            return;
        }
        sent_bytes += (size_t)sent;
    }
    if (sent_bytes == 0)
        return;
    member->unsent_bytes -= sent_bytes;
    memmove(member->unsent, member->unsent + sent_bytes, member->unsent_bytes);
}

void crowd_send_bytes(struct crowd *crowd, size_t who, const void *bytes, size_t size)
{
    struct crowd_member *member = member_at(crowd, who);
    if (member->fd < 0)
        return;
    if (member->unsent_bytes + size > member->unsent_room) {
        member->unsent_room = (member->unsent_bytes + size) * 2;
        member->unsent = grown(member->unsent, member->unsent_room);
    }
    memcpy(member->unsent + member->unsent_bytes, bytes, size);
    member->unsent_bytes += size;
    if (member->unsent_bytes > size)
        return; /* there is no room for what came before either */
    send_queued(crowd, who);
    watch(crowd, who);
}

void crowd_send(struct crowd *crowd, size_t who, const char *text)
{
    crowd_send_bytes(crowd, who, text, strlen(text));
}

void crowd_sendf(struct crowd *crowd, size_t who, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    cr_assert(length >= 0 && (size_t)length < sizeof(text), "too long for crowd_sendf");
    crowd_send_bytes(crowd, who, text, (size_t)length);
}

void crowd_pause(struct crowd *crowd, size_t who)
{
    member_at(crowd, who)->paused = true;
    watch(crowd, who);
}

void crowd_resume(struct crowd *crowd, size_t who)
{
    member_at(crowd, who)->paused = false;
    watch(crowd, who);
}

void crowd_close(struct crowd *crowd, size_t who)
{
    struct crowd_member *member = member_at(crowd, who);
    if (member->fd >= 0)
        close(member->fd);
    member->fd = -1;
    member->unsent_bytes = 0;
}

void crowd_reset(struct crowd *crowd, size_t who)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(member_at(crowd, who)->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    crowd_close(crowd, who);
}

void crowd_half_close(struct crowd *crowd, size_t who)
{
    crowd_await_sent(crowd, who);
    shutdown(member_at(crowd, who)->fd, SHUT_WR);
}

static void note_received(struct crowd_member *member, const char *bytes, size_t size)
{
    if (member->seen_bytes + size + 1 > member->seen_room) {
        member->seen_room = (member->seen_bytes + size + 1) * 3 / 2;
        member->seen = grown(member->seen, member->seen_room);
    }
    memcpy(member->seen + member->seen_bytes, bytes, size);
    member->seen_bytes += size;
    member->seen[member->seen_bytes] = '\0';
}

/* One read: a fast sender must not keep the others of the crowd from being served. */
static void receive_some(struct crowd *crowd, size_t who)
{
    static char bytes[256 * 1024];
    struct crowd_member *member = &crowd->members[who];
    ssize_t received = recv(member->fd, bytes, sizeof(bytes), 0);
    if (received > 0) {
        note_received(member, bytes, (size_t)received);
    } else if (received == 0 || errno != EAGAIN) {
        member->ended = received == 0;
        member->error = received == 0 ? 0 : errno;
        crowd_close(crowd, who);
    }
}

/* A paused member's socket reports errors all the same, which are left until it is resumed. */
static void serve(struct crowd *crowd, const struct epoll_event *event)
{
    size_t who = event->data.u64;
    struct crowd_member *member = &crowd->members[who];
    if (event->events & EPOLLOUT) {
        send_queued(crowd, who);
        watch(crowd, who);
    }
    if (!member->paused && (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        receive_some(crowd, who);
    else if (member->paused && (event->events & (EPOLLERR | EPOLLHUP)))
        unwatch(crowd, member);
}

int crowd_pump(struct crowd *crowd, int timeout_ms)
{
    struct epoll_event events[512];
    int ready = epoll_wait(crowd->poll, events, 512, timeout_ms);
    for (int i = 0; i < ready; i++)
        serve(crowd, &events[i]);
    (void)server_log(crowd->server); /* read, so that its pipe never fills */
    return ready > 0 ? ready : 0;
}

/* Fails the test: `who` waited in vain for `what`. */
_Noreturn static void waited_in_vain(const char *here, const struct crowd *crowd, size_t who,
                                     const char *what)
{
    const struct crowd_member *member = &crowd->members[who];
    size_t skipped = member->seen_bytes > LAST_WORDS ? member->seen_bytes - LAST_WORDS : 0;
    harness_fail(here, crowd->server,
                 "member %zu waited in vain for %s (%s, error %d, %zu bytes unsent); it saw last:"
                 "\n%s",
                 who, what, member->ended ? "ended" : "open", member->error, member->unsent_bytes,
                 crowd_seen(crowd, who) + skipped);
}

/* True when `needle` stands behind the mark, which then moves behind it; where it doesn't, the mark
 * moves as far as the needle can't begin. */
static bool found(struct crowd_member *member, const char *needle)
{
    size_t length = strlen(needle);
    const char *at = member->seen ? strstr(member->seen + member->mark, needle) : NULL;
    if (at)
        member->mark = (size_t)(at - member->seen) + length;
    else if (member->seen_bytes > member->mark + length)
        member->mark = member->seen_bytes - length;
    return at != NULL;
}

static bool is_over(const struct crowd_member *member)
{
    return member->ended || member->error != 0;
}

void crowd_await_at(const char *here, struct crowd *crowd, size_t first, size_t count,
                    const char *needle)
{
    int64_t limit_ms = harness_now_ms() + CROWD_LIMIT_MS;
    for (size_t who = first; who < first + count; who++) {
        struct crowd_member *member = member_at(crowd, who);
        while (!found(member, needle)) {
            if (is_over(member) || harness_now_ms() > limit_ms)
                waited_in_vain(here, crowd, who, needle);
            crowd_pump(crowd, 100);
        }
    }
}

void crowd_await_end_at(const char *here, struct crowd *crowd, size_t first, size_t count)
{
    int64_t limit_ms = harness_now_ms() + CROWD_LIMIT_MS;
    for (size_t who = first; who < first + count; who++)
        while (!is_over(member_at(crowd, who))) {
            if (harness_now_ms() > limit_ms)
                waited_in_vain(here, crowd, who, "its end");
            crowd_pump(crowd, 100);
        }
}

void crowd_await_sent_at(const char *here, struct crowd *crowd, size_t who)
{
    int64_t limit_ms = harness_now_ms() + CROWD_LIMIT_MS;
    while (member_at(crowd, who)->unsent_bytes > 0) {
        if (harness_now_ms() > limit_ms)
            waited_in_vain(here, crowd, who, "room to send");
        crowd_pump(crowd, 100);
    }
}

void crowd_barrier_at(const char *here, struct crowd *crowd, size_t first, size_t count)
{
    static unsigned barriers;
    char answer[64];
    barriers++;
    for (size_t who = first; who < first + count; who++)
        crowd_sendf(crowd, who, "/ping barrier-%u\n", barriers);
    (void)snprintf(answer, sizeof(answer), "* pong barrier-%u\r\n", barriers);
    crowd_await_at(here, crowd, first, count, answer);
}

const char *crowd_seen(const struct crowd *crowd, size_t who)
{
    const struct crowd_member *member = member_at(crowd, who);
    return member->seen ? member->seen : "";
}

size_t crowd_count(const struct crowd *crowd, size_t who, const char *needle)
{
    const char *line = crowd_seen(crowd, who), *end = line + member_at(crowd, who)->seen_bytes;
    size_t count = 0;
    while (line < end) {
        /* Line by line: a sanitized strstr looks at all the rest each time. */
        const char *next = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((next ? next : end) - line);
        count += memmem(line, length, needle, strlen(needle)) != NULL;
        line += length + 1;
    }
    return count;
}

/* Where the line that contains `from` begins in `text`. */
static const char *line_with(const char *text, const char *from)
{
    const char *at = strstr(text, from);
    cr_assert_not_null(at, "no line with '%s' was received", from);
    while (at > text && at[-1] != '\n')
        at--;
    return at;
}

struct crowd_lines crowd_lines(const struct crowd *crowd, size_t who, const char *from)
{
    const char *begin = crowd_seen(crowd, who);
    struct crowd_lines lines = {0};
    size_t room = 0;
    if (from)
        begin = line_with(begin, from);
    lines.text = grown(NULL, strlen(begin) + 1);
    memcpy(lines.text, begin, strlen(begin) + 1);
    for (char *at = lines.text; *at != '\0';) {
        if (lines.count == room) {
            room = room * 2 + 64;
            lines.line = grown(lines.line, room * sizeof(*lines.line));
        }
        lines.line[lines.count++] = at;
        char *end = at + strcspn(at, "\r\n");
        at = end + strspn(end, "\r");
        at += *at == '\n';
        *end = '\0';
    }
    return lines;
}

size_t server_anonymous_bytes(const struct server *server)
{
    char path[64], line[256];
    size_t kib = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)server->pid);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "Anonymous: %zu kB", &kib) == 1)
            break;
    (void)fclose(file);
    return kib * 1024;
}

void crowd_lines_free(struct crowd_lines *lines)
{
    free(lines->text);
    free(lines->line);
    *lines = (struct crowd_lines){0};
}
