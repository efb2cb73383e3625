/*
 * bench_crowd: people who connect and then do nothing.
 *
 *     bench_crowd HOST:PORT CLIENTS MS [LINES]
 *
 * Connects so many to a server, evenly spread over so many milliseconds (0: as
 * fast as it can), says so in one line, and keeps them until it is killed.
 * Nothing is sent or read, so whatever the server does, it does because somebody
 * has come: what it says to them fits into their buffers.
 *
 * Where a listener's queue is full, the kernel lets a newcomer wait for a second:
 * so a server that falls behind by that much is met by a slower crowd.
 *
 * With LINES, the last of them says so many before that, each when the first has
 * heard the one before: what a relay's sends to all of them cost.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int die(const char *what)
{
    fprintf(stderr, "bench_crowd: %s: %s\n", what, strerror(errno));
    return 1;
}

/* `HOST:PORT`, the host an IPv4 address. */
static int parse_address(char *text, struct sockaddr_in *address)
{
    char *colon = strrchr(text, ':');
    if (!colon)
        return -1;
    *colon = '\0';
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return inet_pton(AF_INET, text, &address->sin_addr) == 1 ? 0 : -1;
}

static int raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -1;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

/* Until so long after `start`. */
static void wait_until(const struct timespec *start, unsigned long ms)
{
    struct timespec at = *start;
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL); /* early is no harm */
}

/* The descriptors of the first and the last who came. */
struct crowd {
    int first;
    int last;
};

struct crowd_plan {
    unsigned long clients;
    unsigned long ms; /* in which they come */
    unsigned long lines;
};

static int connect_all(struct crowd *crowd, const struct sockaddr_in *address,
                       const struct crowd_plan *plan)
{
    struct timespec start;
    if (clock_gettime(CLOCK_MONOTONIC, &start) < 0)
        return -1;
    for (unsigned long i = 0; i < plan->clients; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        wait_until(&start, plan->ms * i / plan->clients); /* those of a millisecond in a row */
        if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
            return -1;
        if (i == 0)
            crowd->first = fd;
        crowd->last = fd;
    }
    return 0;
}

/* As long as a message of chatload's is. */
static int say(const struct crowd *crowd, unsigned long lines)
{
    char line[64];
    char heard[sizeof(line)];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (unsigned long i = 0; i < lines; i++) {
        if (send(crowd->last, line, sizeof(line), MSG_NOSIGNAL) != sizeof(line))
            return -1;
        if (recv(crowd->first, heard, sizeof(heard), MSG_WAITALL) != sizeof(heard))
            return -1;
    }
    return 0;
}

int main(int count, char **arguments)
{
    struct sockaddr_in address;
    struct crowd crowd = {-1, -1};
    if (count < 4 || count > 5 || parse_address(arguments[1], &address) < 0) {
        fprintf(stderr, "usage: %s HOST:PORT CLIENTS MS [LINES]\n", arguments[0]);
        return 2;
    }
    struct crowd_plan plan = {.clients = strtoul(arguments[2], NULL, 10),
                              .ms = strtoul(arguments[3], NULL, 10),
                              .lines = count == 5 ? strtoul(arguments[4], NULL, 10) : 0};
    if (raise_limit() < 0)
        return die("the limit of descriptors");
    if (connect_all(&crowd, &address, &plan) < 0)
        return die("connecting");
    if (say(&crowd, plan.lines) < 0)
        return die("talking");
    puts("connected");
    if (fflush(stdout) != 0)
        return die("stdout");
    for (;;)
        (void)pause(); /* until it is killed */
}
