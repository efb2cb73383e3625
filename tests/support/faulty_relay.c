#include "tests/support/faulty_relay.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMBERS_MAX 64
#define INPUT_BYTES 65536
#define FREEZE_MS 500

struct member {
    int fd;
    size_t length;
    char input[INPUT_BYTES];
};

/* A delivery that is held back until the next one of its sender to its receiver. */
struct held {
    const struct member *sender; /* NULL: nothing is held */
    const struct member *receiver;
    size_t length;
    char line[INPUT_BYTES];
};

static struct member members[MEMBERS_MAX];
static int member_count;
static struct held held;

struct faulty_relay *faulty_relay_create(void)
{
    struct faulty_relay *relay =
        mmap(NULL, sizeof(*relay), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(relay, MAP_FAILED);
    return relay;
}

/* Blocking: a reader that is slow makes everybody wait, which is no mistake. */
static void pass_on(const struct member *receiver, const char *line, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(receiver->fd, line, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* it is gone */
        line += sent;
        length -= (size_t)sent;
    }
}

/* What is held back goes behind the next one. */
static void release_held(struct faulty_relay *relay)
{
    pass_on(held.receiver, held.line, held.length);
    held.sender = NULL;
    relay->swapped++;
}

static void deliver(struct faulty_relay *relay, const struct member *sender,
                    const struct member *receiver, const char *line, size_t length)
{
    uint64_t number = ++relay->deliveries;
    if (relay->drop_every && number % relay->drop_every == 0) {
        relay->dropped++;
        return;
    }
    if (number == relay->swap_at) {
        held = (struct held){.sender = sender, .receiver = receiver, .length = length};
        memcpy(held.line, line, length);
        return;
    }
    pass_on(receiver, line, length);
    if (number == relay->duplicate_at) {
        pass_on(receiver, line, length);
        relay->duplicated++;
    }
    if (held.sender == sender && held.receiver == receiver)
        release_held(relay);
}

static void relay_line(struct faulty_relay *relay, const struct member *sender, const char *line,
                       size_t length)
{
    bool counts = length >= FAULTY_RELAY_LINE_MIN;
    if (counts && ++relay->lines == relay->freeze_at) {
        relay->frozen++;
        (void)poll(NULL, 0, FREEZE_MS); /* there is nothing that it could report */
    }
    for (int i = 0; i < member_count; i++) {
        if (&members[i] == sender || members[i].fd < 0)
            continue;
        if (counts)
            deliver(relay, sender, &members[i], line, length);
        else
            pass_on(&members[i], line, length);
    }
}

static void read_member(struct faulty_relay *relay, struct member *member)
{
    ssize_t got = recv(member->fd, member->input + member->length, INPUT_BYTES - member->length, 0);
    if (got <= 0) {
        (void)close(member->fd); /* whatever it was owed */
        member->fd = -1;
        return;
    }
    member->length += (size_t)got;
    size_t taken = 0;
    for (char *end; (end = memchr(member->input + taken, '\n', member->length - taken));) {
        size_t length = (size_t)(end - member->input) + 1 - taken;
        relay_line(relay, member, member->input + taken, length);
        taken += length;
    }
    member->length -= taken;
    memmove(member->input, member->input + taken, member->length);
}

static void accept_member(int listener)
{
    int yes = 1;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 || member_count == MEMBERS_MAX)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* else it is slower */
    members[member_count++].fd = fd;
}

static _Noreturn void run(struct faulty_relay *relay, int listener)
{
    for (;;) {
        struct pollfd polled[MEMBERS_MAX + 1] = {{.fd = listener, .events = POLLIN}};
        int count = member_count;
        for (int i = 0; i < count; i++)
            polled[i + 1] = (struct pollfd){.fd = members[i].fd, .events = POLLIN};
        if (poll(polled, (nfds_t)count + 1, -1) < 0)
            _exit(1);
        for (int i = 0; i < count; i++)
            if (polled[i + 1].revents)
                read_member(relay, &members[i]);
        if (polled[0].revents)
            accept_member(listener);
    }
}

static int listen_on_port(uint16_t *port, int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_geq(listener, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, length), 0);
    cr_assert_eq(listen(listener, backlog), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return listener;
}

static int listen_on_path(const char *path, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_geq(listener, 0);
    cr_assert_lt(strlen(path), sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listener, backlog), 0);
    return listener;
}

void faulty_relay_start(struct faulty_relay *relay)
{
    int backlog = relay->backlog ? relay->backlog : MEMBERS_MAX;
    int listener = relay->path[0] ? listen_on_path(relay->path, backlog)
                                  : listen_on_port(&relay->port, backlog);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
            _exit(1);
        run(relay, listener);
    }
    relay->pid = pid; /* not by both: the memory is shared */
    (void)close(listener); /* the child's */
}

void faulty_relay_stop(struct faulty_relay *relay)
{
    cr_assert_eq(kill(relay->pid, SIGKILL), 0);
    cr_assert_eq(waitpid(relay->pid, NULL, 0), relay->pid);
}
