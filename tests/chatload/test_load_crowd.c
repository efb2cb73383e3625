/* All clients of a run, on the simulated door: who connects when, stalls, leaves, or is lost. */
#include "tools/chatload/crowd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/load_server.h"

static const struct settings four = {
    .clients = 4, .senders = 1, .rooms = 1, .size_bytes = 30, .ramp_ns = 4 * NS_PER_SECOND};

static void spawn_clients(void)
{
    for (uint32_t i = 0; i < load_settings.clients; i++)
        cr_assert_eq(task_group_spawn(&load_tasks, &load.clients[i].task, "client", client_step),
                     0);
}

Test(chatload_crowd, a_ramp_spreads_the_connecting_evenly)
{
    load_server_open(&four);
    spawn_clients();
    for (int i = 0; i < 4; i++) {
        load_server_serve();
        cr_expect_eq(load_peer_count, i + 1, "%d came", load_peer_count);
        fixture_pass(NS_PER_SECOND - NS_PER_MS);
        load_server_serve();
        cr_expect_eq(load_peer_count, i + 1, "%d came early", load_peer_count);
        fixture_pass(NS_PER_MS);
    }
    cr_expect_eq(load.in, 4);
    cr_expect(load.over.set);
    load_server_close();
}

/* Otherwise a run of more clients than may connect at once would never begin. */
Test(chatload_crowd, who_is_in_makes_room_for_others_to_connect)
{
    struct settings settings = four;
    settings.ramp_ns = 0;
    settings.stalled = 2;
    load_server_open(&settings);
    semaphore_init(&load.connecting, 1);
    spawn_clients();
    crowd_spawn_stalled(&load_crowd, &load_tasks);
    for (int i = 1; i <= 6; i++) {
        load_server_serve();
        cr_expect_eq(load_peer_count, i < 6 ? i + 1 : 6);
    }
    cr_expect_eq(load.in, 4);
    cr_expect_eq(load.stalled_in, 2);
    cr_expect_eq(load.connecting.permits, 1);
    load_server_close();
}

Test(chatload_crowd, a_run_ends_when_the_last_client_is_disconnected)
{
    struct settings settings = four;
    settings.ramp_ns = 0;
    load_server_open(&settings);
    spawn_clients();
    load_server_serve();
    load_server_serve();
    cr_assert_eq(load.in, 4);
    for (int i = 0; i < 4; i++) {
        cr_expect_str_eq(load.problem, "");
        cr_assert_eq(loop.sys->shutdown_write(loop.sys, load_peers[i].fd), 0);
        load_server_receive();
        cr_expect_eq(load.disconnected, (uint32_t)i + 1);
    }
    cr_expect_str_eq(load.problem, "127.0.0.1:7007: every client was disconnected: the server "
                                   "closed the connection");
    load_server_close();
}

Test(chatload_crowd, a_stalled_client_reads_no_more_and_has_a_small_buffer)
{
    int bytes = 0;
    struct settings settings = four;
    settings.stalled = 1;
    load_server_open(&settings);
    crowd_spawn_stalled(&load_crowd, &load_tasks);
    load_server_serve();
    struct client *client = &load_crowd.extras[0].client;
    cr_assert_eq(load.stalled_in, 1);
    cr_assert_eq(
        loop.sys->get_option(loop.sys, client->stream.descriptor.fd, SOL_SOCKET, SO_RCVBUF, &bytes),
        0);
    cr_expect_eq(bytes, CROWD_STALLED_RECEIVE_BYTES);
    load_server_say(0, "* 3 lines of #lobby skipped: x\r\n");
    load_server_receive();
    cr_expect_eq(load.check.skipped, 0);
    load_server_close();
}

Test(chatload_crowd, only_visits_that_got_in_are_counted)
{
    struct settings settings = four;
    settings.churn = 1;
    load_server_open(&settings);
    crowd_spawn_churn(&load_crowd, &load_tasks);
    load_server_receive();
    cr_assert_eq(load_peer_count, 1);
    load_server_say(0, "! server full\r\n");
    cr_assert_eq(loop.sys->shutdown_write(loop.sys, load_peers[0].fd), 0);
    load_server_receive();
    cr_expect_eq(load.visits, 0);
    load_peers[0].input[0] = '\0'; /* it is answered already */
    fixture_pass(2 * CROWD_STAY_NS + NS_PER_MS);
    load_server_serve();
    cr_expect_eq(load_peer_count, 2);
    cr_expect_eq(load.visits, 1);
    cr_expect_eq(load.refused.count, 1);
    cr_expect_str_eq(load.problem, "");
    load_server_close();
}

Test(chatload_crowd, without_memory_it_holds_nothing)
{
    struct settings settings = four;
    settings.stalled = 2;
    for (unsigned nth = 1; nth <= 6; nth++) {
        struct crowd crowd;
        fixture_open();
        load_init(&load, &loop, &settings);
        sim_fail_nth(sim, nth, 0);
        cr_expect_eq(crowd_open(&crowd, &load), -ENOMEM, "the %uth", nth);
        crowd_release(&crowd);
        load_release(&load);
        fixture_close();
    }
}

/* Rooms are dealt out by number: 4 clients in 3 rooms, the first of which has two. */
Test(chatload_crowd, clients_and_senders_are_spread_over_the_rooms)
{
    struct settings settings = four;
    settings.rooms = 3;
    settings.senders = 4;
    settings.ramp_ns = 0;
    load_server_open(&settings);
    cr_expect_eq(load_room_members(&load, 0), 2);
    cr_expect_eq(load_room_members(&load, 1), 1);
    cr_expect_eq(load.clients[3].room, 0);
    cr_expect_eq(load.clients[3].receiver.senders, 2);
    cr_expect_eq(load.clients[2].receiver.senders, 1);
    cr_expect_eq(load.senders[0].audience, 1);
    cr_expect_eq(load.senders[2].audience, 0);
    cr_expect_eq(load.clients[3].watched, &load.windows[0]);
    cr_expect_eq(load.clients[0].watched, &load.windows[3]);
    spawn_clients();
    load_server_receive();
    cr_expect_str_eq(load_peers[1].input, "/join #load2\n/leave #lobby\n" CLIENT_ENTERED_PING);
    load_server_close();
}
