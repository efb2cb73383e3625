#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#include "reactor/base/clock.h"
#include "tests/support/probe.h"

/*
 * The simulated door behaves like the kernel. Whoever doubts it somewhere adds
 * a script here.
 */

/* --- readiness ---------------------------------------------------------------------------- */

static void news(struct probe *probe)
{
    probe_connect_both(probe);
    probe_say(probe, probe->b, "x");
    probe_look(probe);
    probe_look(probe);
    probe_say(probe, probe->b, "y");
    probe_look(probe);
    probe_hear(probe, probe->a, 8);
    probe_hear(probe, probe->a, 8);
    probe_look(probe);
}

Test(both_sys, every_arrival_is_reported_once)
{
    probe_expect(news, "send=1 a:RW quiet send=1 a:RW heard 'xy' "
                       "receive=Resource temporarily unavailable quiet ");
}

static void part(struct probe *probe)
{
    probe_connect_both(probe);
    probe_say(probe, probe->b, "xyz");
    probe_look(probe);
    probe_hear(probe, probe->a, 1);
    probe_look(probe);
    probe_hear(probe, probe->a, 8);
}

Test(both_sys, what_is_left_unread_is_no_news)
{
    probe_expect(part, "send=3 a:RW heard 'x' quiet heard 'yz' ");
}

static void data_and_end(struct probe *probe)
{
    probe_connect_both(probe);
    probe_say(probe, probe->b, "xy");
    probe->sys->shutdown_write(probe->sys, probe->b);
    probe_settle(probe, probe->b);
    probe_look(probe);
    probe_look(probe);
    probe_hear(probe, probe->a, 8);
    probe_hear(probe, probe->a, 8);
    probe_hear(probe, probe->a, 8);
    probe_look(probe);
}

Test(both_sys, data_and_end_of_input_come_in_one_event)
{
    probe_expect(data_and_end, "send=2 a:RWH b:W quiet heard 'xy' receive=0 receive=0 quiet ");
}

static void at_registration(struct probe *probe)
{
    struct sys *sys = probe->sys;
    probe_watch(probe, probe->listener, 'l');
    probe_look(probe);
    int fd = sys->socket(sys, AF_INET);
    probe_watch(probe, fd, 'n');
    probe_look(probe);
    probe_note_result(probe, "again", sys->poll_add(sys, probe->poll, fd, 'n'));
    probe->b = probe_connect(probe);
    probe_look(probe);
    probe->a = probe_accept(probe);
    probe_say(probe, probe->b, "early");
    probe_settle(probe, probe->b);
    probe_look(probe);
    probe_watch(probe, probe->a, 'a');
    probe_watch(probe, probe->b, 'b');
    probe_look(probe);
    probe_look(probe);
}

Test(both_sys, registration_reports_what_is_ready_already)
{
    probe_expect(at_registration, "quiet n:WH again=File exists l:R send=5 quiet a:RW b:W quiet ");
}

/* unsent, once everything has arrived. */
static void note_unsent(struct probe *probe, int fd)
{
    probe_settle(probe, fd);
    probe_note_result(probe, "unsent", probe->sys->unsent(probe->sys, fd));
}

static void full(struct probe *probe)
{
    probe_connect_both(probe);
    size_t size = probe_fill(probe, probe->a);
    probe_look(probe);
    probe_look(probe);
    probe_note(probe, "unsent is %s ",
               probe->sys->unsent(probe->sys, probe->a) > 0 ? "some" : "none");
    probe_drain(probe, probe->b, size);
    note_unsent(probe, probe->a);
    probe_say(probe, probe->a, "more");
}

Test(both_sys, a_full_socket_is_writable_again_once_its_peer_has_read)
{
    probe_expect(full, "full=Resource temporarily unavailable quiet quiet unsent is some "
                       "drained, a writable unsent=0 send=4 ");
}

/* --- ends --------------------------------------------------------------------------------- */

static void half_close(struct probe *probe)
{
    struct sys *sys = probe->sys;
    probe_connect_both(probe);
    probe_say(probe, probe->a, "bye");
    probe_note_result(probe, "shut", sys->shutdown_write(sys, probe->a));
    probe_settle(probe, probe->a);
    probe_look(probe);
    probe_say(probe, probe->a, "more");
    probe_hear(probe, probe->b, 8);
    probe_hear(probe, probe->b, 8);
    note_unsent(probe, probe->a);
    probe_say(probe, probe->b, "still here");
    probe_look(probe);
    probe_hear(probe, probe->a, 32);
    probe_note_result(probe, "shut", sys->shutdown_write(sys, probe->a));
    probe_note_result(probe, "shut", sys->shutdown_write(sys, probe->b));
    probe_look(probe);
}

Test(both_sys, after_shutdown_the_other_direction_lives)
{
    probe_expect(half_close,
                 "send=3 shut=0 a:W b:RWH send=Broken pipe heard 'bye' receive=0 unsent=0 "
                 "send=10 a:RW heard 'still here' shut=0 shut=0 a:RWH b:RWH ");
}

static void careless_close(struct probe *probe)
{
    struct sys *sys = probe->sys;
    probe_connect_both(probe);
    probe_say(probe, probe->b, "unread");
    probe_look(probe);
    sys->close(sys, probe->a);
    probe_look(probe);
    probe_hear(probe, probe->b, 8);
    probe_hear(probe, probe->b, 8);
    probe_say(probe, probe->b, "x");
    probe_look(probe);
}

Test(both_sys, closing_with_unread_input_resets_the_peer)
{
    probe_expect(careless_close, "send=6 a:RW b:RWHE receive=Connection reset by peer receive=0 "
                                 "send=Broken pipe quiet ");
}

static void late_send(struct probe *probe)
{
    struct sys *sys = probe->sys;
    probe_connect_both(probe);
    probe_say(probe, probe->a, "bye");
    probe_look(probe);
    sys->close(sys, probe->a);
    probe_look(probe);
    probe_say(probe, probe->b, "too late");
    probe_look(probe);
    probe_hear(probe, probe->b, 8);
    probe_hear(probe, probe->b, 8);
    probe_say(probe, probe->b, "x");
    probe_say(probe, probe->b, "y");
}

Test(both_sys, sending_to_one_who_has_closed_is_answered_with_a_reset)
{
    probe_expect(late_send, "send=3 b:RW b:RWH send=8 b:RWHE heard 'bye' receive=0 "
                            "send=Broken pipe send=Broken pipe ");
}

static void lost_in_flight(struct probe *probe)
{
    struct sys *sys = probe->sys;
    probe_connect_both(probe);
    probe_say(probe, probe->b, "unread");
    size_t owed = probe_fill(probe, probe->a);
    sys->close(sys, probe->a);
    probe_look(probe);
    static char buffer[65536];
    size_t arrived = 0;
    ssize_t received;
    while ((received = sys->receive(sys, probe->b, buffer, sizeof buffer)) > 0)
        arrived += (size_t)received;
    probe_note_result(probe, "then", received);
    probe_note(probe, "%s", arrived < owed ? "lost some" : "lost none");
}

Test(both_sys, closing_with_unread_input_throws_away_what_was_owed)
{
    probe_expect(lost_in_flight, "send=6 full=Resource temporarily unavailable b:RWHE "
                                 "then=Connection reset by peer lost some");
}

static void owed_after_close(struct probe *probe)
{
    static char buffer[65536];
    struct sys *sys = probe->sys;
    struct sys_event event;
    probe_connect_both(probe);
    size_t owed = probe_fill(probe, probe->a);
    sys->close(sys, probe->a);
    size_t arrived = 0;
    ssize_t received;
    while ((received = sys->receive(sys, probe->b, buffer, sizeof buffer)) != 0) {
        if (received > 0)
            arrived += (size_t)received;
        else
            cr_assert_eq(sys->poll_wait(sys, probe->poll, &event, 1, NS_PER_SECOND), 1);
    }
    probe_note(probe, "%s", arrived == owed ? "all" : "not all");
}

Test(both_sys, what_is_owed_still_arrives_after_an_orderly_close)
{
    probe_expect(owed_after_close, "full=Resource temporarily unavailable all");
}

/* --- connections -------------------------------------------------------------------------- */

/* Accepts without waiting. */
static int take_connection(struct probe *probe)
{
    struct sys_address peer;
    return probe->sys->accept(probe->sys, probe->listener, &peer);
}

static void queue(struct probe *probe)
{
    struct sys *sys = probe->sys;
    int clients[3];
    probe_watch(probe, probe->listener, 'l');
    probe_note_result(probe, "accept", take_connection(probe));
    for (int i = 0; i < 2; i++)
        clients[i] = probe_connect(probe);
    probe_look(probe);
    for (int i = 0; i < 2; i++) {
        struct sys_address peer;
        cr_assert_geq(sys->accept(sys, probe->listener, &peer), 0);
        bool in_order =
            ntohs(((struct sockaddr_in *)&peer.storage)->sin_port) == probe_port(probe, clients[i]);
        probe_note(probe, in_order ? "in order " : "out of order ");
    }
    probe_note_result(probe, "accept", take_connection(probe));
    clients[2] = probe_connect(probe);
    probe_look(probe);
    probe_look(probe);
}

Test(both_sys, connections_are_accepted_in_order_and_reported_together)
{
    probe_expect(queue, "accept=Resource temporarily unavailable l:R in order in order "
                        "accept=Resource temporarily unavailable l:R quiet ");
}

static void established(struct probe *probe)
{
    struct sys *sys = probe->sys;
    int error = -1;
    probe->b = probe_connect(probe);
    probe_watch(probe, probe->b, 'b');
    probe_look(probe);
    cr_assert_eq(sys->get_option(sys, probe->b, SOL_SOCKET, SO_ERROR, &error), 0);
    probe_note_result(probe, "error", error);
    probe_say(probe, probe->b, "before it is accepted");
    probe_look(probe);
    probe->a = probe_accept(probe);
    probe_hear(probe, probe->a, 32);
    probe_hear(probe, probe->b, 32);
}

Test(both_sys, a_connection_is_writable_before_it_is_accepted)
{
    probe_expect(established, "b:W error=0 send=21 quiet heard 'before it is accepted' "
                              "receive=Resource temporarily unavailable ");
}

static void refused(struct probe *probe)
{
    struct sys *sys = probe->sys;
    struct sys_address address;
    int error = -1;
    cr_assert_eq(sys->local_address(sys, probe->listener, &address), 0);
    sys->close(sys, probe->listener);
    probe->b = sys->socket(sys, AF_INET);
    probe_note_result(probe, "connect", sys->connect(sys, probe->b, &address));
    probe_watch(probe, probe->b, 'b');
    probe_look(probe);
    cr_assert_eq(sys->get_option(sys, probe->b, SOL_SOCKET, SO_ERROR, &error), 0);
    probe_note_result(probe, "error", -error);
    cr_assert_eq(sys->get_option(sys, probe->b, SOL_SOCKET, SO_ERROR, &error), 0);
    probe_note_result(probe, "error", -error);
    probe_hear(probe, probe->b, 8);
    probe_say(probe, probe->b, "x");
}

Test(both_sys, a_refused_connection_says_so_once)
{
    probe_expect(refused, "connect=Operation now in progress b:RWHE error=Connection refused "
                          "error=0 receive=0 send=Broken pipe ");
}

static void never_accepted(struct probe *probe)
{
    struct sys *sys = probe->sys;
    probe->b = probe_connect(probe);
    probe_watch(probe, probe->b, 'b');
    probe_look(probe);
    sys->close(sys, probe->listener);
    probe_look(probe);
    probe_hear(probe, probe->b, 8);
}

Test(both_sys, closing_a_listener_resets_who_waits_in_its_queue)
{
    probe_expect(never_accepted, "b:W b:RWHE receive=Connection reset by peer ");
}

static void gone_before_accept(struct probe *probe)
{
    struct sys *sys = probe->sys;
    probe->b = probe_connect(probe);
    probe_watch(probe, probe->b, 'b');
    probe_look(probe);
    probe_say(probe, probe->b, "hi");
    sys->shutdown_write(sys, probe->b);
    probe_settle(probe, probe->b);
    sys->close(sys, probe->b);
    probe_look(probe);
    probe->a = probe_accept(probe);
    probe_watch(probe, probe->a, 'a');
    probe_look(probe);
    probe_hear(probe, probe->a, 8);
    probe_hear(probe, probe->a, 8);
}

Test(both_sys, who_left_before_being_accepted_is_heard_all_the_same)
{
    probe_expect(gone_before_accept, "b:W send=2 quiet a:RWH heard 'hi' receive=0 ");
}

/* Lets `count` more descriptors be opened. */
static void allow(struct probe *probe, int count)
{
    struct rlimit limit;
    if (probe->sim) {
        sim_options(probe->sim)->descriptor_limit = sim_open_descriptors(probe->sim) + 3 + count;
        return;
    }
    int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)(next + count);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void exhausted(struct probe *probe)
{
    struct sys *sys = probe->sys;
    probe_watch(probe, probe->listener, 'l');
    int spare = sys->socket(sys, AF_INET);
    probe->b = probe_connect(probe);
    probe_look(probe);
    allow(probe, 0);
    probe_note_result(probe, "accept", take_connection(probe));
    probe_note_result(probe, "socket", sys->socket(sys, AF_INET));
    probe_note_result(probe, "poll", sys->poll_open(sys));
    probe_note_result(probe, "open", sys->open_read(sys, "/nowhere/at/all"));
    probe_look(probe);
    sys->close(sys, spare);
    probe_look(probe);
    probe->a = take_connection(probe);
    probe_note(probe, probe->a >= 0 ? "accepted " : "not accepted ");
    probe_note_result(probe, "with nobody there", take_connection(probe));
}

Test(both_sys, without_descriptors_accept_fails_and_the_connection_waits)
{
    probe_expect(exhausted, "l:R accept=Too many open files socket=Too many open files "
                            "poll=Too many open files open=Too many open files quiet quiet "
                            "accepted with nobody there=Too many open files ");
}

/* --- anything ----------------------------------------------------------------------------- */

#define CONVERSATIONS 40
#define STEPS 14

static unsigned course; /* of the conversation that is played, by its seed */

static unsigned next_choice(unsigned bound)
{
    course = course * 1103515245u + 12345u;
    return (course >> 16) % bound;
}

/* One of the two ends does something, unless it is closed. */
static void act_at_random(struct probe *probe)
{
    struct sys *sys = probe->sys;
    char name = next_choice(2) ? 'a' : 'b';
    int *fd = name == 'a' ? &probe->a : &probe->b;
    unsigned what = next_choice(10);
    if (*fd < 0)
        return;
    probe_note(probe, "\n%c ", name);
    if (what < 4) {
        probe_say(probe, *fd, &"words"[next_choice(4)]);
    } else if (what < 8) {
        probe_hear(probe, *fd, 1 + next_choice(8));
    } else if (what == 8) {
        probe_note_result(probe, "shut", sys->shutdown_write(sys, *fd));
        probe_settle(probe, *fd);
    } else {
        probe_note_result(probe, "close", sys->close(sys, *fd));
        *fd = -1;
    }
    probe_look(probe);
}

static void converse(struct probe *probe)
{
    probe_connect_both(probe);
    for (int i = 0; i < STEPS; i++)
        act_at_random(probe);
}

Test(both_sys, random_conversations_leave_the_same_record)
{
    static char simulated[PROBE_RECORD];
    static char real[PROBE_RECORD];
    for (unsigned seed = 1; seed <= CONVERSATIONS; seed++) {
        course = seed;
        probe_simulated(converse, simulated);
        course = seed;
        probe_real(converse, real);
        cr_assert_str_eq(simulated, real, "seed %u: the simulator%s\nthe kernel%s", seed, simulated,
                         real);
    }
}
