#define _GNU_SOURCE /* accept4 */
#include "tools/bench/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

void relay_drop(struct relay *relay, int fd)
{
    int place = relay->places[fd];
    int last = relay->members[--relay->count];
    relay->members[place] = last;
    relay->places[last] = place;
    (void)close(fd); /* a failing close() still closes, and nobody is left to tell */
}

static bool watch(struct relay *relay, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(relay->poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void accept_members(struct relay *relay)
{
    int fd;
    while ((fd = accept4(relay->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= relay->capacity || !watch(relay, fd)) {
            (void)close(fd); /* nothing was sent on it */
            continue;
        }
        relay->places[fd] = relay->count;
        relay->members[relay->count++] = fd;
    }
}

static void serve(struct relay *relay, int fd, const struct relay_rules *rules)
{
    char bytes[RELAY_READ_BYTES];
    ssize_t size = recv(fd, bytes, sizeof(bytes), 0);
    if (size > 0)
        rules->chunk(relay, fd, bytes, (size_t)size);
    else if (size == 0 || errno != EAGAIN)
        relay_drop(relay, fd);
}

static int run(struct relay *relay, const struct relay_rules *rules)
{
    struct epoll_event events[RELAY_EVENTS_MAX];
    int count;
    while ((count = epoll_wait(relay->poll, events, RELAY_EVENTS_MAX, -1)) >= 0 || errno == EINTR) {
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == relay->listener)
                accept_members(relay);
            else if (relay->places[fd] < relay->count && relay->members[relay->places[fd]] == fd)
                serve(relay, fd, rules); /* still a member: a send of this turn may have failed */
        }
        if (rules->turn_end)
            rules->turn_end(relay);
    }
    return 1;
}

/* `HOST:PORT`; without a host, every address. */
static bool parse_address(const char *text, struct sockaddr_in *address)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return !*host || inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

/* The options are set once and inherited by what is accepted. */
static bool open_listener(struct relay *relay, struct sockaddr_in *address)
{
    int on = 1;
    socklen_t size = sizeof(*address);
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return relay->listener >= 0 &&
           setsockopt(relay->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           setsockopt(relay->listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
           bind(relay->listener, (struct sockaddr *)address, size) == 0 &&
           listen(relay->listener, SOMAXCONN) == 0 &&
           getsockname(relay->listener, (struct sockaddr *)address, &size) == 0;
}

/* Two tables as large as the limit of descriptors: they never grow. */
static bool open_tables(struct relay *relay)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return false;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return false;
    relay->capacity = (int)limit.rlim_cur;
    relay->members = calloc((size_t)relay->capacity, sizeof(int));
    relay->places = calloc((size_t)relay->capacity, sizeof(int));
    return relay->members && relay->places;
}

int relay_main(int count, char **arguments, const struct relay_rules *rules)
{
    static struct relay relay; /* lives as long as the process */
    struct sockaddr_in address;
    char host[INET_ADDRSTRLEN];
    if (count != 3 || strcmp(arguments[1], "-l") != 0 || !parse_address(arguments[2], &address)) {
        fprintf(stderr, "usage: %s -l HOST:PORT\n", arguments[0]);
        return 2;
    }
    relay.poll = epoll_create1(EPOLL_CLOEXEC);
    if (relay.poll < 0 || !open_tables(&relay) || !open_listener(&relay, &address) ||
        !watch(&relay, relay.listener)) {
        fprintf(stderr, "%s: can't listen on %s: %s\n", arguments[0], arguments[2],
                strerror(errno));
        return 1;
    }
    (void)inet_ntop(AF_INET, &address.sin_addr, host, sizeof(host)); /* any address fits */
    printf("listening on %s:%d\nready\n", host, ntohs(address.sin_port));
    fflush(stdout);
    return run(&relay, rules);
}
