#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "reactor/clock.h"
#include "reactor/sim.h"
#include "reactor/sys.h"

/*
 * The simulated door behaves like the kernel: each scenario is written once,
 * over the door's table, runs on both, and has to leave the same record of what
 * it saw. Whoever doubts the simulator adds a scenario here.
 */

/* Waiting for an event that comes, and for one that must not. On a loopback an event is there as
 * soon as its cause is, so the second is no race: a short wait only makes it more severe. */
#define PATIENCE_NS (5 * NS_PER_SECOND)
#define QUIET_NS (5 * NS_PER_MS)

#define KEYS 8

struct stage {
    struct sys *sys;
    struct sim *sim; /* NULL on the real door */
    int poll;
    int listener;
    int a; /* the accepted end; key 'a' */
    int b; /* the connecting end; key 'b' */
    char record[2048];
};

static void note(struct stage *stage, const char *format, ...)
{
    size_t length = strlen(stage->record);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(stage->record + length, sizeof stage->record - length, format, arguments);
    va_end(arguments);
}

/* Notes a result: a count, or the error's name. */
static void note_result(struct stage *stage, const char *what, ssize_t result)
{
    if (result < 0)
        note(stage, "%s=%s ", what, strerror((int)-result));
    else
        note(stage, "%s=%zd ", what, result);
}

static void note_event(struct stage *stage, const struct sys_event *event)
{
    note(stage, "%c:%s%s%s%s ", (char)event->key, event->ready & SYS_READABLE ? "R" : "",
         event->ready & SYS_WRITABLE ? "W" : "", event->ready & SYS_HANGUP ? "H" : "",
         event->ready & SYS_ERROR ? "E" : "");
}

/* Waits for one event and notes it. */
static void see(struct stage *stage)
{
    struct sys_event event;
    int count = stage->sys->poll_wait(stage->sys, stage->poll, &event, 1, PATIENCE_NS);
    cr_assert_eq(count, 1, "no event came; so far: %s", stage->record);
    note_event(stage, &event);
}

/* Notes the events that are there, in the order of their keys, or "quiet". */
static void look(struct stage *stage)
{
    struct sys *sys = stage->sys;
    struct sys_event events[KEYS];
    int count = sys->poll_wait(sys, stage->poll, events, KEYS, QUIET_NS);
    cr_assert_geq(count, 0);
    if (!count)
        note(stage, "quiet ");
    for (int key = 'a'; key <= 'z'; key++) {
        for (int i = 0; i < count; i++) {
            if (events[i].key == (uint64_t)key)
                note_event(stage, &events[i]);
        }
    }
}

static void watch(struct stage *stage, int fd, char key)
{
    cr_assert_eq(stage->sys->poll_add(stage->sys, stage->poll, fd, (uint64_t)key), 0);
}

static void say(struct stage *stage, int fd, const char *text)
{
    note_result(stage, "send", stage->sys->send(stage->sys, fd, text, strlen(text)));
}

static void hear(struct stage *stage, int fd, size_t size)
{
    char text[64];
    ssize_t received = stage->sys->receive(stage->sys, fd, text, size);
    if (received > 0)
        note(stage, "heard '%.*s' ", (int)received, text);
    else
        note_result(stage, "receive", received);
}

static struct sys_address any_port(void)
{
    struct sys_address address = {.length = sizeof(struct sockaddr_in)};
    struct sockaddr_in *ip4 = (struct sockaddr_in *)&address.storage;
    ip4->sin_family = AF_INET;
    ip4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int start_connect(struct stage *stage)
{
    struct sys *sys = stage->sys;
    struct sys_address address;
    int fd = sys->socket(sys, AF_INET);
    cr_assert_geq(fd, 0);
    cr_assert_eq(sys->local_address(sys, stage->listener, &address), 0);
    cr_assert_eq(sys->connect(sys, fd, &address), -EINPROGRESS);
    return fd;
}

static int take_connection(struct stage *stage)
{
    struct sys_address peer;
    return stage->sys->accept(stage->sys, stage->listener, &peer);
}

static void open_listener(struct stage *stage)
{
    struct sys *sys = stage->sys;
    struct sys_address address = any_port();
    stage->poll = sys->poll_open(sys);
    stage->listener = sys->socket(sys, AF_INET);
    cr_assert_eq(sys->bind(sys, stage->listener, &address), 0);
    cr_assert_eq(sys->listen(sys, stage->listener, 16), 0);
}

/* Connects b to a, both watched, their first events seen. */
static void connect_both(struct stage *stage)
{
    watch(stage, stage->listener, 'l');
    stage->b = start_connect(stage);
    watch(stage, stage->b, 'b');
    see(stage);
    see(stage);
    stage->a = take_connection(stage);
    cr_assert_geq(stage->a, 0);
    watch(stage, stage->a, 'a');
    see(stage);
    look(stage);
    stage->record[0] = '\0';
}

typedef void act(struct stage *stage);

static void play(act *scenario, bool simulated, char *record)
{
    static struct stage stage;
    stage = (struct stage){.a = -1, .b = -1};
    stage.sim = simulated ? sim_create(NULL) : NULL;
    stage.sys = simulated ? sim_door(stage.sim) : sys_kernel();
    open_listener(&stage);
    scenario(&stage);
    strcpy(record, stage.record);
    sim_free(stage.sim);
}

static void expect_on_both(act *scenario, const char *expected)
{
    static char kernel[sizeof((struct stage *)0)->record];
    static char simulated[sizeof kernel];
    play(scenario, false, kernel);
    play(scenario, true, simulated);
    cr_expect_str_eq(kernel, expected, "the kernel:\n%s", kernel);
    cr_expect_str_eq(simulated, expected, "the simulator:\n%s", simulated);
}

/* --- readiness ---------------------------------------------------------------------------- */

static void news(struct stage *stage)
{
    connect_both(stage);
    say(stage, stage->b, "x");
    look(stage);
    look(stage);
    say(stage, stage->b, "y");
    look(stage);
    hear(stage, stage->a, 8);
    hear(stage, stage->a, 8);
    look(stage);
}

Test(doors, every_arrival_is_reported_once)
{
    expect_on_both(news, "send=1 a:RW quiet send=1 a:RW heard 'xy' "
                         "receive=Resource temporarily unavailable quiet ");
}

static void part(struct stage *stage)
{
    connect_both(stage);
    say(stage, stage->b, "xyz");
    look(stage);
    hear(stage, stage->a, 1);
    look(stage);
    hear(stage, stage->a, 8);
}

Test(doors, what_is_left_unread_is_no_news)
{
    expect_on_both(part, "send=3 a:RW heard 'x' quiet heard 'yz' ");
}

static void data_and_end(struct stage *stage)
{
    connect_both(stage);
    say(stage, stage->b, "xy");
    stage->sys->shutdown_write(stage->sys, stage->b);
    look(stage);
    look(stage);
    hear(stage, stage->a, 8);
    hear(stage, stage->a, 8);
    hear(stage, stage->a, 8);
    look(stage);
}

Test(doors, data_and_end_of_input_come_in_one_event)
{
    expect_on_both(data_and_end, "send=2 a:RWH b:W quiet heard 'xy' receive=0 receive=0 quiet ");
}

static void at_registration(struct stage *stage)
{
    struct sys *sys = stage->sys;
    watch(stage, stage->listener, 'l');
    look(stage);
    int fd = sys->socket(sys, AF_INET);
    watch(stage, fd, 'n');
    look(stage);
    note_result(stage, "again", sys->poll_add(sys, stage->poll, fd, 'n'));
    stage->b = start_connect(stage);
    look(stage);
    stage->a = take_connection(stage);
    say(stage, stage->b, "early");
    look(stage);
    watch(stage, stage->a, 'a');
    watch(stage, stage->b, 'b');
    look(stage);
    look(stage);
}

Test(doors, registration_reports_what_is_ready_already)
{
    expect_on_both(at_registration,
                   "quiet n:WH again=File exists l:R send=5 quiet a:RW b:W quiet ");
}

/* Sends until nothing more fits; returns how much that was. */
static size_t fill(struct stage *stage, int fd)
{
    static const char page[4096];
    size_t total = 0;
    ssize_t sent;
    while ((sent = stage->sys->send(stage->sys, fd, page, sizeof page)) > 0) {
        total += (size_t)sent;
        /* Only what the far end can't take any more stays with the sender. */
        struct sys_event events[KEYS];
        stage->sys->poll_wait(stage->sys, stage->poll, events, KEYS, 0);
    }
    note_result(stage, "full", sent);
    return total;
}

/* Receives `size` bytes as they come; false where they don't. */
static void drain(struct stage *stage, int fd, size_t size)
{
    static char buffer[65536];
    struct sys_event event;
    bool writable = false;
    while (size) {
        ssize_t received = stage->sys->receive(stage->sys, fd, buffer, sizeof buffer);
        if (received > 0) {
            size -= (size_t)received;
            continue;
        }
        cr_assert_eq(received, -EAGAIN);
        if (stage->sys->poll_wait(stage->sys, stage->poll, &event, 1, PATIENCE_NS) == 1)
            writable |= event.key == 'a' && event.ready & SYS_WRITABLE;
    }
    while (!writable) {
        cr_assert_eq(stage->sys->poll_wait(stage->sys, stage->poll, &event, 1, PATIENCE_NS), 1);
        writable |= event.key == 'a' && event.ready & SYS_WRITABLE;
    }
    note(stage, "drained, a writable ");
}

/* unsent, once it no longer changes: acknowledgements may be a moment late. */
static void note_unsent(struct stage *stage, int fd)
{
    struct sys *sys = stage->sys;
    struct sys_event events[KEYS];
    int64_t until_ns = sys->monotonic_ns(sys) + PATIENCE_NS;
    while (sys->unsent(sys, fd) > 0 && sys->monotonic_ns(sys) < until_ns)
        sys->poll_wait(sys, stage->poll, events, KEYS, QUIET_NS);
    note_result(stage, "unsent", sys->unsent(sys, fd));
}

static void full(struct stage *stage)
{
    connect_both(stage);
    size_t size = fill(stage, stage->a);
    look(stage);
    look(stage);
    note(stage, "unsent is %s ", stage->sys->unsent(stage->sys, stage->a) > 0 ? "some" : "none");
    drain(stage, stage->b, size);
    note_unsent(stage, stage->a);
    say(stage, stage->a, "more");
}

Test(doors, a_full_socket_is_writable_again_once_its_peer_has_read)
{
    expect_on_both(full, "full=Resource temporarily unavailable quiet quiet unsent is some "
                         "drained, a writable unsent=0 send=4 ");
}

/* --- ends --------------------------------------------------------------------------------- */

static void half_close(struct stage *stage)
{
    struct sys *sys = stage->sys;
    connect_both(stage);
    say(stage, stage->a, "bye");
    note_result(stage, "shut", sys->shutdown_write(sys, stage->a));
    look(stage);
    say(stage, stage->a, "more");
    hear(stage, stage->b, 8);
    hear(stage, stage->b, 8);
    note_unsent(stage, stage->a);
    say(stage, stage->b, "still here");
    look(stage);
    hear(stage, stage->a, 32);
    note_result(stage, "shut", sys->shutdown_write(sys, stage->a));
    note_result(stage, "shut", sys->shutdown_write(sys, stage->b));
    see(stage);
}

Test(doors, after_shutdown_the_other_direction_lives)
{
    expect_on_both(half_close,
                   "send=3 shut=0 a:W b:RWH send=Broken pipe heard 'bye' receive=0 unsent=0 "
                   "send=10 a:RW heard 'still here' shut=0 shut=0 a:RWH ");
}

static void careless_close(struct stage *stage)
{
    struct sys *sys = stage->sys;
    connect_both(stage);
    say(stage, stage->b, "unread");
    look(stage);
    sys->close(sys, stage->a);
    look(stage);
    hear(stage, stage->b, 8);
    hear(stage, stage->b, 8);
    say(stage, stage->b, "x");
    look(stage);
}

Test(doors, closing_with_unread_input_resets_the_peer)
{
    expect_on_both(careless_close, "send=6 a:RW b:RWHE receive=Connection reset by peer receive=0 "
                                   "send=Broken pipe quiet ");
}

static void late_send(struct stage *stage)
{
    struct sys *sys = stage->sys;
    connect_both(stage);
    say(stage, stage->a, "bye");
    sys->close(sys, stage->a);
    look(stage);
    say(stage, stage->b, "too late");
    see(stage);
    hear(stage, stage->b, 8);
    hear(stage, stage->b, 8);
    say(stage, stage->b, "x");
    say(stage, stage->b, "y");
}

Test(doors, sending_to_one_who_has_closed_is_answered_with_a_reset)
{
    expect_on_both(late_send, "send=3 b:RWH send=8 b:RWHE heard 'bye' receive=0 "
                              "send=Broken pipe send=Broken pipe ");
}

static void lost_in_flight(struct stage *stage)
{
    struct sys *sys = stage->sys;
    connect_both(stage);
    say(stage, stage->b, "unread");
    size_t owed = fill(stage, stage->a);
    sys->close(sys, stage->a);
    see(stage);
    static char buffer[65536];
    size_t arrived = 0;
    ssize_t received;
    while ((received = sys->receive(sys, stage->b, buffer, sizeof buffer)) > 0)
        arrived += (size_t)received;
    note_result(stage, "then", received);
    note(stage, "%s", arrived < owed ? "lost some" : "lost none");
}

Test(doors, closing_with_unread_input_throws_away_what_was_owed)
{
    expect_on_both(lost_in_flight, "send=6 full=Resource temporarily unavailable b:RWHE "
                                   "then=Connection reset by peer lost some");
}

static void owed_after_close(struct stage *stage)
{
    static char buffer[65536];
    struct sys *sys = stage->sys;
    struct sys_event event;
    connect_both(stage);
    size_t owed = fill(stage, stage->a);
    sys->close(sys, stage->a);
    size_t arrived = 0;
    ssize_t received;
    while ((received = sys->receive(sys, stage->b, buffer, sizeof buffer)) != 0) {
        if (received > 0)
            arrived += (size_t)received;
        else
            cr_assert_eq(sys->poll_wait(sys, stage->poll, &event, 1, PATIENCE_NS), 1);
    }
    note(stage, "%s", arrived == owed ? "all" : "not all");
}

Test(doors, what_is_owed_still_arrives_after_an_orderly_close)
{
    expect_on_both(owed_after_close, "full=Resource temporarily unavailable all");
}

/* --- connections -------------------------------------------------------------------------- */

static uint16_t port_of(struct stage *stage, int fd)
{
    struct sys_address address;
    cr_assert_eq(stage->sys->local_address(stage->sys, fd, &address), 0);
    return ((struct sockaddr_in *)&address.storage)->sin_port;
}

static void queue(struct stage *stage)
{
    struct sys *sys = stage->sys;
    int clients[3];
    watch(stage, stage->listener, 'l');
    note_result(stage, "accept", take_connection(stage));
    for (int i = 0; i < 2; i++)
        clients[i] = start_connect(stage);
    look(stage);
    for (int i = 0; i < 2; i++) {
        struct sys_address peer;
        cr_assert_geq(sys->accept(sys, stage->listener, &peer), 0);
        bool in_order =
            ((struct sockaddr_in *)&peer.storage)->sin_port == port_of(stage, clients[i]);
        note(stage, in_order ? "in order " : "out of order ");
    }
    note_result(stage, "accept", take_connection(stage));
    clients[2] = start_connect(stage);
    look(stage);
    look(stage);
}

Test(doors, connections_are_accepted_in_order_and_reported_together)
{
    expect_on_both(queue, "accept=Resource temporarily unavailable l:R in order in order "
                          "accept=Resource temporarily unavailable l:R quiet ");
}

static void established(struct stage *stage)
{
    struct sys *sys = stage->sys;
    int error = -1;
    stage->b = start_connect(stage);
    watch(stage, stage->b, 'b');
    see(stage);
    cr_assert_eq(sys->get_option(sys, stage->b, SOL_SOCKET, SO_ERROR, &error), 0);
    note_result(stage, "error", error);
    say(stage, stage->b, "before it is accepted");
    look(stage);
    stage->a = take_connection(stage);
    hear(stage, stage->a, 32);
    hear(stage, stage->b, 32);
}

Test(doors, a_connection_is_writable_before_it_is_accepted)
{
    expect_on_both(established, "b:W error=0 send=21 quiet heard 'before it is accepted' "
                                "receive=Resource temporarily unavailable ");
}

static void refused(struct stage *stage)
{
    struct sys *sys = stage->sys;
    struct sys_address address;
    int error = -1;
    cr_assert_eq(sys->local_address(sys, stage->listener, &address), 0);
    sys->close(sys, stage->listener);
    stage->b = sys->socket(sys, AF_INET);
    note_result(stage, "connect", sys->connect(sys, stage->b, &address));
    watch(stage, stage->b, 'b');
    see(stage);
    cr_assert_eq(sys->get_option(sys, stage->b, SOL_SOCKET, SO_ERROR, &error), 0);
    note_result(stage, "error", -error);
    cr_assert_eq(sys->get_option(sys, stage->b, SOL_SOCKET, SO_ERROR, &error), 0);
    note_result(stage, "error", -error);
    hear(stage, stage->b, 8);
    say(stage, stage->b, "x");
}

Test(doors, a_refused_connection_says_so_once)
{
    expect_on_both(refused, "connect=Operation now in progress b:RWHE error=Connection refused "
                            "error=0 receive=0 send=Broken pipe ");
}

static void never_accepted(struct stage *stage)
{
    struct sys *sys = stage->sys;
    stage->b = start_connect(stage);
    watch(stage, stage->b, 'b');
    see(stage);
    sys->close(sys, stage->listener);
    see(stage);
    hear(stage, stage->b, 8);
}

Test(doors, closing_a_listener_resets_who_waits_in_its_queue)
{
    expect_on_both(never_accepted, "b:W b:RWHE receive=Connection reset by peer ");
}

static void gone_before_accept(struct stage *stage)
{
    struct sys *sys = stage->sys;
    stage->b = start_connect(stage);
    watch(stage, stage->b, 'b');
    see(stage);
    say(stage, stage->b, "hi");
    sys->close(sys, stage->b);
    look(stage);
    stage->a = take_connection(stage);
    watch(stage, stage->a, 'a');
    look(stage);
    hear(stage, stage->a, 8);
    hear(stage, stage->a, 8);
}

Test(doors, who_left_before_being_accepted_is_heard_all_the_same)
{
    expect_on_both(gone_before_accept, "b:W send=2 quiet a:RWH heard 'hi' receive=0 ");
}

/* Lets `count` more descriptors be opened. */
static void allow(struct stage *stage, int count)
{
    struct rlimit limit;
    if (stage->sim) {
        sim_options(stage->sim)->descriptor_limit = sim_open_descriptors(stage->sim) + 3 + count;
        return;
    }
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)(next + count);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void exhausted(struct stage *stage)
{
    struct sys *sys = stage->sys;
    watch(stage, stage->listener, 'l');
    int spare = sys->socket(sys, AF_INET);
    stage->b = start_connect(stage);
    see(stage);
    allow(stage, 0);
    note_result(stage, "accept", take_connection(stage));
    note_result(stage, "socket", sys->socket(sys, AF_INET));
    note_result(stage, "poll", sys->poll_open(sys));
    note_result(stage, "open", sys->open_read(sys, "/nowhere/at/all"));
    look(stage);
    sys->close(sys, spare);
    look(stage);
    stage->a = take_connection(stage);
    note(stage, stage->a >= 0 ? "accepted " : "not accepted ");
    note_result(stage, "with nobody there", take_connection(stage));
}

Test(doors, without_descriptors_accept_fails_and_the_connection_waits)
{
    expect_on_both(exhausted, "l:R accept=Too many open files socket=Too many open files "
                              "poll=Too many open files open=Too many open files quiet quiet "
                              "accepted with nobody there=Too many open files ");
}

/* --- refusals ----------------------------------------------------------------------------- */

static void unconnected(struct stage *stage)
{
    struct sys *sys = stage->sys;
    int fd = sys->socket(sys, AF_INET);
    struct sys_address address;
    hear(stage, fd, 8);
    say(stage, fd, "x");
    note_result(stage, "shut", sys->shutdown_write(sys, fd));
    note_result(stage, "accept", sys->accept(sys, fd, &address));
    note_result(stage, "unsent", sys->unsent(sys, fd));
    note_result(stage, "unsent", sys->unsent(sys, stage->listener));
    hear(stage, stage->listener, 8);
    say(stage, stage->listener, "x");
}

Test(doors, a_socket_without_a_connection_refuses)
{
    expect_on_both(unconnected,
                   "receive=Transport endpoint is not connected send=Broken pipe "
                   "shut=Transport endpoint is not connected accept=Invalid argument unsent=0 "
                   "unsent=Invalid argument receive=Transport endpoint is not connected "
                   "send=Broken pipe ");
}

static struct sys_address every(struct sys *sys, int which, uint16_t port)
{
    struct sys_address addresses[2];
    cr_assert_eq(sys->resolve(sys, NULL, port, addresses, 2), 2);
    return addresses[which];
}

static void names(struct stage *stage)
{
    struct sys *sys = stage->sys;
    uint16_t port = ntohs(port_of(stage, stage->listener));
    struct sys_address address = every(sys, 0, port);
    int fd = sys->socket(sys, AF_INET);
    note(stage, port ? "a port " : "no port ");
    note_result(stage, "covered", sys->bind(sys, fd, &address));
    address = every(sys, 1, port);
    int fd6 = sys->socket(sys, AF_INET6);
    note_result(stage, "both", sys->bind(sys, fd6, &address));
    sys->set_option(sys, fd6, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    note_result(stage, "alone", sys->bind(sys, fd6, &address));
    note_result(stage, "twice", sys->bind(sys, fd6, &address));
    sys->close(sys, stage->listener);
    address = every(sys, 0, port);
    note_result(stage, "free", sys->bind(sys, fd, &address));
}

Test(doors, an_address_belongs_to_one_listener)
{
    expect_on_both(names, "a port covered=Address already in use both=Address already in use "
                          "alone=0 twice=Invalid argument free=0 ");
}

/* --- unix sockets ------------------------------------------------------------------------- */

static void local(struct stage *stage)
{
    static int run;
    struct sys *sys = stage->sys;
    struct sys_address address;
    struct sys_address peer;
    char path[64];
    char text[SYS_ADDRESS_TEXT];
    enum sys_file_kind kind;
    uid_t uid = 4711;
    snprintf(path, sizeof path, "/tmp/test_doors.%d.%d", (int)getpid(), run++);
    cr_assert_eq(sys_address_local(&address, path), 0);
    int client = sys->socket(sys, AF_UNIX);
    int listener = sys->socket(sys, AF_UNIX);
    note_result(stage, "nothing", sys->connect(sys, client, &address));
    note_result(stage, "bind", sys->bind(sys, listener, &address));
    note_result(stage, "kind", sys->file_kind(sys, path, &kind));
    note_result(stage, "socket", kind == SYS_FILE_SOCKET);
    note_result(stage, "nobody", sys->connect(sys, client, &address));
    note_result(stage, "listen", sys->listen(sys, listener, 4));
    note_result(stage, "connect", sys->connect(sys, client, &address));
    int other = sys->socket(sys, AF_UNIX);
    note_result(stage, "taken", sys->bind(sys, other, &address));
    int accepted = sys->accept(sys, listener, &peer);
    sys_address_format(&peer, text);
    note(stage, "from '%s' ", text);
    sys->local_address(sys, listener, &peer);
    sys_address_format(&peer, text);
    note(stage, "at %s ", strncmp(text, "unix:/tmp/", 10) == 0 ? "its path" : text);
    note_result(stage, "user", sys->peer_user(sys, accepted, &uid));
    note_result(stage, "mine", uid == geteuid());
    say(stage, client, "hi");
    look(stage);
    hear(stage, accepted, 8);
    note_result(stage, "unlink", sys->unlink(sys, path));
    note_result(stage, "gone", sys->connect(sys, other, &address));
    note_result(stage, "read", sys->open_read(sys, path));
}

Test(doors, unix_sockets_live_under_a_path)
{
    expect_on_both(local,
                   "nothing=No such file or directory bind=0 kind=0 socket=1 "
                   "nobody=Connection refused listen=0 connect=0 taken=Address already in use "
                   "from 'unix:' at its path user=0 mine=1 send=2 quiet heard 'hi' unlink=0 "
                   "gone=No such file or directory read=No such file or directory ");
}

/* --- signals ------------------------------------------------------------------------------ */

static void send_signal(struct stage *stage, int number)
{
    if (stage->sim)
        sim_raise(stage->sim, number);
    else
        raise(number);
}

static void signals(struct stage *stage)
{
    struct sys *sys = stage->sys;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    int fd = sys->signals_open(sys, &set);
    watch(stage, fd, 's');
    look(stage);
    send_signal(stage, SIGTERM);
    look(stage);
    look(stage);
    send_signal(stage, SIGTERM);
    send_signal(stage, SIGHUP);
    look(stage);
    for (int i = 0; i < 3; i++)
        note_result(stage, "signal", sys->signals_read(sys, fd));
    sys->signals_close(sys, fd);
    look(stage);
}

Test(doors, signals_are_read_lowest_first_and_once)
{
    expect_on_both(signals, "quiet s:R quiet s:R signal=1 signal=15 "
                            "signal=Resource temporarily unavailable quiet ");
}
