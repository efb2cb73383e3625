#include "tests/support/load_server.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/fixture.h"

struct settings load_settings;
struct load load;
struct crowd load_crowd;
struct task_group load_tasks;
struct load_peer load_peers[LOAD_SERVER_PEERS_MAX];
int load_peer_count;

static struct listener listener;

void load_server_open(const struct settings *settings)
{
    fixture_open();
    load_settings = *settings;
    load_init(&load, &loop, &load_settings);
    cr_assert_eq(loop.sys->resolve(loop.sys, "127.0.0.1", 7007, load.addresses, 1), 1);
    cr_assert_eq(listener_open(&listener, &loop, load.addresses), 0);
    load.address_count = 1;
    load_use_address(&load, 0);
    cr_assert_eq(crowd_open(&load_crowd, &load), 0);
    task_group_open(&load_tasks, NULL, "tasks", GROUP_CONTAIN);
    load_tasks.loop = &loop;
}

void load_server_close(void)
{
    task_group_cancel(&load_tasks, loop.now_ns);
    fixture_settle();
    cr_assert_eq(load_tasks.alive, 0);
    for (int i = 0; i < load_peer_count; i++)
        if (load_peers[i].fd >= 0)
            cr_assert_eq(loop.sys->close(loop.sys, load_peers[i].fd), 0);
    listener_close(&listener);
    crowd_release(&load_crowd);
    load_release(&load);
    fixture_close();
}

static bool accept_peer(void)
{
    struct sys_address address;
    int fd = loop.sys->accept(loop.sys, listener.descriptor.fd, &address);
    if (fd < 0)
        return false;
    cr_assert_lt(load_peer_count, LOAD_SERVER_PEERS_MAX);
    load_peers[load_peer_count++] = (struct load_peer){.fd = fd};
    return true;
}

static bool receive_from(struct load_peer *peer)
{
    size_t length = strlen(peer->input);
    if (peer->fd < 0)
        return false;
    ssize_t got = loop.sys->receive(loop.sys, peer->fd, peer->input + length,
                                    sizeof(peer->input) - 1 - length);
    return got > 0;
}

void load_server_receive(void)
{
    bool active = true;
    while (active) {
        fixture_settle();
        active = false;
        while (accept_peer())
            active = true;
        for (int i = 0; i < load_peer_count; i++)
            active |= receive_from(&load_peers[i]);
    }
}

void load_server_serve(void)
{
    load_server_receive();
    for (int i = 0; i < load_peer_count; i++) {
        char *asked = strstr(load_peers[i].input, CLIENT_ENTERED_PING);
        if (!asked)
            continue;
        *asked = '\0'; /* once */
        load_server_say(i, "* pong in\r\n");
    }
    load_server_receive();
}

void load_server_say(int peer, const char *text)
{
    size_t length = strlen(text);
    cr_assert_eq(loop.sys->send(loop.sys, load_peers[peer].fd, text, length), (ssize_t)length);
    fixture_settle();
}
