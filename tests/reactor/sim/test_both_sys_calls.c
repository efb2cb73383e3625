#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/probe.h"

/*
 * What test_both_sys.c shows of connections, here of single calls: what they
 * refuse, the names of sockets, unix sockets, and signals.
 */

/* --- refusals ----------------------------------------------------------------------------- */

static void unconnected(struct probe *probe)
{
    struct sys *sys = probe->sys;
    int fd = sys->socket(sys, AF_INET);
    struct sys_address address;
    probe_hear(probe, fd, 8);
    probe_say(probe, fd, "x");
    probe_note_result(probe, "shut", sys->shutdown_write(sys, fd));
    probe_note_result(probe, "accept", sys->accept(sys, fd, &address));
    probe_note_result(probe, "unsent", sys->unsent(sys, fd));
    probe_note_result(probe, "unsent", sys->unsent(sys, probe->listener));
    probe_hear(probe, probe->listener, 8);
    probe_say(probe, probe->listener, "x");
}

Test(both_sys_calls, a_socket_without_a_connection_refuses)
{
    probe_expect(unconnected,
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

static void names(struct probe *probe)
{
    struct sys *sys = probe->sys;
    uint16_t port = probe_port(probe, probe->listener);
    struct sys_address address = every(sys, 0, port);
    int fd = sys->socket(sys, AF_INET);
    probe_note(probe, port ? "a port " : "no port ");
    probe_note_result(probe, "covered", sys->bind(sys, fd, &address));
    address = every(sys, 1, port);
    int fd6 = sys->socket(sys, AF_INET6);
    probe_note_result(probe, "both", sys->bind(sys, fd6, &address));
    sys->set_option(sys, fd6, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    probe_note_result(probe, "alone", sys->bind(sys, fd6, &address));
    probe_note_result(probe, "twice", sys->bind(sys, fd6, &address));
    sys->close(sys, probe->listener);
    address = every(sys, 0, port);
    probe_note_result(probe, "free", sys->bind(sys, fd, &address));
}

Test(both_sys_calls, an_address_belongs_to_one_listener)
{
    probe_expect(names, "a port covered=Address already in use both=Address already in use "
                        "alone=0 twice=Invalid argument free=0 ");
}

/* --- unix sockets ------------------------------------------------------------------------- */

static void local(struct probe *probe)
{
    static int run;
    struct sys *sys = probe->sys;
    struct sys_address address;
    struct sys_address peer;
    char path[64];
    char text[SYS_ADDRESS_TEXT];
    struct sys_file_info file;
    struct sys_peer_state state;
    uid_t uid = 4711;
    snprintf(path, sizeof path, "/tmp/test_both_sys.%d.%d", (int)getpid(), run++);
    cr_assert_eq(sys_address_local(&address, path), 0);
    int client = sys->socket(sys, AF_UNIX);
    int listener = sys->socket(sys, AF_UNIX);
    probe_note_result(probe, "nothing", sys->connect(sys, client, &address));
    probe_note_result(probe, "bind", sys->bind_path(sys, listener, &address, 0640));
    probe_note_result(probe, "file", sys->path_info(sys, path, &file));
    probe_note_result(probe, "socket", file.kind == SYS_FILE_SOCKET);
    probe_note_result(probe, "nobody", sys->connect(sys, client, &address));
    probe_note_result(probe, "listen", sys->listen(sys, listener, 4));
    probe_note_result(probe, "connect", sys->connect(sys, client, &address));
    int other = sys->socket(sys, AF_UNIX);
    probe_note_result(probe, "taken", sys->bind(sys, other, &address));
    int accepted = sys->accept(sys, listener, &peer);
    sys_address_format(&peer, text);
    probe_note(probe, "from '%s' ", text);
    sys->local_address(sys, listener, &peer);
    sys_address_format(&peer, text);
    probe_note(probe, "at %s ", strncmp(text, "unix:/tmp/", 10) == 0 ? "its path" : text);
    probe_note_result(probe, "user", sys->peer_user(sys, accepted, &uid));
    probe_note_result(probe, "mine", uid == geteuid());
    probe_note_result(probe, "state", sys->peer_state(sys, accepted, &state));
    probe_say(probe, client, "hi");
    probe_look(probe);
    probe_hear(probe, accepted, 8);
    probe_note_result(probe, "unlink", sys->unlink(sys, path));
    probe_note_result(probe, "gone", sys->connect(sys, other, &address));
    probe_note_result(probe, "read", sys->open_read(sys, path));
}

Test(both_sys_calls, unix_sockets_live_under_a_path)
{
    probe_expect(local, "nothing=No such file or directory bind=0 file=0 socket=1 "
                        "nobody=Connection refused listen=0 connect=0 taken=Address already in use "
                        "from 'unix:' at its path user=0 mine=1 "
                        "state=Operation not supported send=2 quiet heard 'hi' unlink=0 "
                        "gone=No such file or directory read=No such file or directory ");
}

/* --- signals ------------------------------------------------------------------------------ */

static void send_signal(struct probe *probe, int number)
{
    if (probe->sim)
        sim_raise(probe->sim, number);
    else
        raise(number);
}

static void signals(struct probe *probe)
{
    struct sys *sys = probe->sys;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    int fd = sys->signals_open(sys, &set);
    probe_watch(probe, fd, 's');
    probe_look(probe);
    send_signal(probe, SIGTERM);
    probe_look(probe);
    probe_look(probe);
    send_signal(probe, SIGTERM);
    send_signal(probe, SIGHUP);
    probe_look(probe);
    for (int i = 0; i < 3; i++)
        probe_note_result(probe, "signal", sys->signals_read(sys, fd));
    sys->signals_close(sys, fd);
    probe_look(probe);
}

Test(both_sys_calls, signals_are_read_lowest_first_and_once)
{
    probe_expect(signals, "quiet s:R quiet s:R signal=1 signal=15 "
                          "signal=Resource temporarily unavailable quiet ");
}
