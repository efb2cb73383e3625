/* Which messages are sent, and when: windows, the schedule, the probe. */
#include "tools/chatload/sender.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/load_server.h"

static const struct settings two = {
    .clients = 2, .senders = 1, .rooms = 1, .size_bytes = 30, .window = 3};

/* Both clients are in; the sender is about to send. */
static void open_sender(void)
{
    load_server_open(&two);
    for (uint32_t i = 0; i < 2; i++)
        cr_assert_eq(task_group_spawn(&load_tasks, &load.clients[i].task, "client", client_step),
                     0);
    load_server_serve();
    cr_assert_eq(load.in, 2);
    cr_assert_eq(task_group_spawn(&load_tasks, &load.senders[0].task, "sender", sender_step), 0);
    load_server_receive();
}

TestSuite(chatload_sender, .init = open_sender);

/* Client 1 hears message `number`, as the lobby says it. */
static void deliver(uint32_t number)
{
    char line[64] = "#lobby <guest1> ";
    struct message said = {.number = number};
    message_write(&said, load.tag, line + strlen(line), two.size_bytes);
    memcpy(line + strlen("#lobby <guest1> ") + two.size_bytes, "\r\n", 3);
    load_server_say(1, line);
    load_server_receive();
}

Test(chatload_sender, keeps_a_window_of_messages_in_flight)
{
    cr_expect_eq(load.sent, 3);
    cr_expect_eq(load.expected, 3);
    deliver(0);
    cr_expect_eq(load.sent, 4);
    deliver(2); /* and so 1 was lost, or comes late */
    cr_expect_eq(load.sent, 6);
    deliver(1);
    cr_expect_eq(load.sent, 6);
    cr_expect_eq(load.windows[0].settled, 3);
    load_server_close();
}

Test(chatload_sender, gives_up_what_is_never_heard_of_again)
{
    fixture_pass(SENDER_PATIENCE_NS - NS_PER_MS);
    load_server_receive();
    cr_expect_eq(load.sent, 3);
    fixture_pass(2 * NS_PER_MS);
    load_server_receive();
    cr_expect_eq(load.sent, 6);
    deliver(0); /* late: it opens nothing */
    cr_expect_eq(load.windows[0].settled, 3);
    cr_expect_eq(load.sent, 6);
    deliver(3);
    cr_expect_eq(load.sent, 7);
    load_server_close();
}

Test(chatload_sender, waits_while_its_client_is_disconnected)
{
    cr_assert_eq(loop.sys->shutdown_write(loop.sys, load_peers[0].fd), 0);
    load_server_receive();
    cr_expect_eq(load.disconnected, 1);
    deliver(0);
    fixture_pass(2 * SENDER_PATIENCE_NS);
    cr_expect_eq(load.sent, 3);
    load_server_close();
}

Test(chatload_sender, a_schedule_follows_from_the_rate_alone)
{
    struct schedule schedule = {.load = &load, .start_ns = 1000};
    load_settings.rate = 1000;
    load_settings.burst = 1;
    cr_expect_eq(schedule_due_ns(&schedule, 0), 1000);
    cr_expect_eq(schedule_due_ns(&schedule, 1), 1000 + NS_PER_MS);
    cr_expect_eq(schedule_due_ns(&schedule, 3600000), 1000 + 3600 * NS_PER_SECOND);
    load_settings.burst = 3;
    cr_expect_eq(schedule_due_ns(&schedule, 0), 1000);
    cr_expect_eq(schedule_due_ns(&schedule, 2), 1000);
    cr_expect_eq(schedule_due_ns(&schedule, 3), 1000 + 3 * NS_PER_MS);
    cr_expect_eq(schedule_due_ns(&schedule, 5), 1000 + 3 * NS_PER_MS);
    load_server_close();
}

Test(chatload_sender, a_probe_counts_what_is_not_answered_yet)
{
    struct probe probe;
    probe_init(&probe, &load);
    cr_expect_eq(probe_speaker_us(&probe), 0);
    cr_expect_eq(probe.speaker, &load.clients[0]);
    cr_expect_eq(probe.listener, &load.clients[1]);
    cr_assert_eq(task_group_spawn(&load_tasks, &probe.task, "probe", probe_step), 0);
    load_server_receive();
    load_server_say(1, "* pong how-long\r\n");
    load_server_receive();
    fixture_pass(NS_PER_SECOND / 2);
    task_cancel(&probe.task, loop.now_ns);
    fixture_settle();
    cr_expect_geq(probe_speaker_us(&probe), 499000);
    cr_expect_lt(probe_listener_us(&probe), 1000);
    cr_expect_eq(load.clients[1].ping.answers, 1);
    load_server_close();
}
