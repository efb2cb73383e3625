#include "tests/support/echo.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>

#include "reactor/base/clock.h"

struct sys_address echo_resolve(struct sys *sys, const char *host, uint16_t port)
{
    struct sys_address address;
    cr_assert_eq(sys->resolve(sys, host, port, &address, 1), 1);
    return address;
}

int echo_open(struct echo *echo, struct sys *sys)
{
    struct sys_address address;
    int status;
    *echo = (struct echo){.sys = sys};
    if ((echo->poll = sys->poll_open(sys)) < 0)
        return echo->poll;
    if ((status = echo->listener = sys->socket(sys, AF_INET)) < 0)
        goto close_poll;
    if ((status = sys->resolve(sys, "127.0.0.1", 7777, &address, 1)) < 0 ||
        (status = sys->bind(sys, echo->listener, &address)) < 0 ||
        (status = sys->listen(sys, echo->listener, 16)) < 0 ||
        (status = sys->poll_add(sys, echo->poll, echo->listener, ECHO_LISTENER)) < 0)
        goto close_listener;
    return 0;
close_listener:
    sys->close(sys, echo->listener);
close_poll:
    sys->close(sys, echo->poll);
    return status;
}

static void echo_accept(struct echo *echo)
{
    struct sys_address peer;
    int fd;
    while ((fd = echo->sys->accept(echo->sys, echo->listener, &peer)) >= 0) {
        if (echo->sys->poll_add(echo->sys, echo->poll, fd, (uint64_t)fd) < 0)
            echo->sys->close(echo->sys, fd);
    }
}

/* Sends back what comes in. It trusts that the answer fits: its peers read. */
static void echo_serve(struct echo *echo, int fd)
{
    char buffer[64];
    ssize_t size;
    while ((size = echo->sys->receive(echo->sys, fd, buffer, sizeof buffer)) > 0) {
        ssize_t done = 0;
        while (done < size) {
            ssize_t sent = echo->sys->send(echo->sys, fd, buffer + done, (size_t)(size - done));
            if (sent < 0)
                break;
            done += sent;
        }
    }
    if (size != -EAGAIN)
        echo->sys->close(echo->sys, fd);
}

void echo_turn(struct echo *echo)
{
    struct sys_event events[4];
    int count = echo->sys->poll_wait(echo->sys, echo->poll, events, 4, TIME_NEVER);
    for (int i = 0; i < count; i++) {
        if (events[i].key == ECHO_LISTENER)
            echo_accept(echo);
        else
            echo_serve(echo, (int)events[i].key);
    }
}

void echo_run(struct sim *sim, struct echo *echo, int64_t duration_ns)
{
    sim_limit(sim, time_after(sim_now_ns(sim), duration_ns));
    while (!sim_idle(sim))
        echo_turn(echo);
}

void echo_close(struct echo *echo)
{
    echo->sys->close(echo->sys, echo->listener);
    echo->sys->close(echo->sys, echo->poll);
}

void pair_deliver(struct pair *pair)
{
    struct sys_event events[8];
    pair->sys->poll_wait(pair->sys, pair->poll, events, 8, 0);
}

struct pair pair_open(const struct sim_options *options)
{
    struct pair pair = {.sim = sim_create(options)};
    struct sys *sys = pair.sys = sim_door(pair.sim);
    struct sys_address address = echo_resolve(sys, "127.0.0.1", 7777);
    pair.poll = sys->poll_open(sys);
    pair.listener = sys->socket(sys, AF_INET);
    cr_assert_eq(sys->bind(sys, pair.listener, &address), 0);
    cr_assert_eq(sys->listen(sys, pair.listener, 4), 0);
    cr_assert_eq(sys->poll_add(sys, pair.poll, pair.listener, ECHO_LISTENER), 0);
    pair.peer = sim_connect(pair.sim, ECHO_ADDRESS);
    cr_assert_not_null(pair.peer);
    pair_deliver(&pair);
    pair.fd = sys->accept(sys, pair.listener, &address);
    cr_assert_geq(pair.fd, 0);
    return pair;
}
