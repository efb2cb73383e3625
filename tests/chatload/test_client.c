/* What a client makes of its input, however it is cut, on the simulated door. */
#include "tools/chatload/crowd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tools/chatload/sender.h"

#define SENT 5

static struct settings settings;
static struct load load;
static struct listener listener;
static struct crowd crowd;
static struct task_group group;
static int server; /* the far end of client 1's connection */

/* Client 1 of two, in the lobby, which hears client 0; the test is the server. */
static void accept_client(void)
{
    struct sys_address peer;
    fixture_settle();
    server = loop.sys->accept(loop.sys, listener.descriptor.fd, &peer);
    cr_assert_geq(server, 0);
}

static void open_load(void)
{
    fixture_open();
    settings = (struct settings){.clients = 2, .senders = 1, .rooms = 1, .size_bytes = 30};
    load_init(&load, &loop, &settings);
    cr_assert_eq(loop.sys->resolve(loop.sys, "127.0.0.1", 7007, load.addresses, 1), 1);
    cr_assert_eq(listener_open(&listener, &loop, load.addresses), 0);
    load.address_count = 1;
    load_use_address(&load, 0);
    cr_assert_eq(crowd_open(&crowd, &load), 0);
    load.windows[0].next = SENT;
    load.from_ns = 0;
    task_group_open(&group, NULL, "clients", GROUP_CONTAIN);
    group.loop = &loop;
    cr_assert_eq(task_group_spawn(&group, &load.clients[1].task, "client", client_step), 0);
}

static void open_client(void)
{
    open_load();
    accept_client();
}

static void close_client(void)
{
    task_cancel(&load.clients[1].task, loop.now_ns);
    fixture_settle();
    cr_assert_eq(group.alive, 0);
    if (server >= 0)
        cr_assert_eq(loop.sys->close(loop.sys, server), 0);
    listener_close(&listener);
    crowd_release(&crowd);
    load_release(&load);
    fixture_close();
}

TestSuite(chatload_client, .init = open_client);

/* The server says `text`, `part` bytes a turn. */
static void say_in_parts(const char *text, size_t part)
{
    size_t length = strlen(text);
    for (size_t at = 0; at < length; at += part) {
        size_t size = length - at < part ? length - at : part;
        cr_assert_eq(loop.sys->send(loop.sys, server, text + at, size), (ssize_t)size);
        fixture_settle();
        fixture_settle();
    }
}

static void say(const char *text)
{
    say_in_parts(text, SIZE_MAX / 2);
}

/* Message `number` of sender `from` as the text of a line. */
static const char *message(uint32_t from, uint32_t number)
{
    static char text[64];
    struct message said = {.from = from, .number = number};
    message_write(&said, load.tag, text, settings.size_bytes);
    text[settings.size_bytes] = '\0';
    return text;
}

static void expect_in(bool in)
{
    cr_expect_eq(load.clients[1].in, in);
    cr_expect_eq(load.in, in);
}

Test(chatload_client, a_client_is_in_when_its_question_is_answered)
{
    char asked[64] = "";
    expect_in(false);
    cr_assert_gt(loop.sys->receive(loop.sys, server, asked, sizeof(asked) - 1), 0);
    cr_expect_str_eq(asked, CLIENT_ENTERED_PING);
    say("* Welcome to chatd. You are guest1 in #lobby.\r\n");
    expect_in(false);
    say("* pong in\r\n");
    expect_in(true);
    close_client();
}

/* All that a chatd may say, and what counts in it. */
static void compose(char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "* pong in\r\n#lobby -- ann, bob joined\r\n");
    for (uint32_t i = 0; i < SENT; i++) {
        if (i == 2)
            continue; /* lost */
        length += (size_t)snprintf(text + length, size - length,
                                   "#lobby <guest0> %s\r\n#lobby <bob> hi > all\r\n"
                                   "#lobby * bob waves\r\n@bob psst\r\n~ 2025-01-01 00:00:00 "
                                   "#lobby <x> y\r\n\r\n",
                                   message(0, i));
    }
    snprintf(text + length, size - length,
             "! no such command\r\n* 7 lines of #lobby skipped: x\r\n"
             "* 8 people here\r\n#\r\n");
}

Test(chatload_client, hears_the_same_however_its_input_is_cut)
{
    char text[4096];
    compose(text, sizeof(text));
    for (size_t part = 1; part <= 200; part++) {
        load.clients[1].receiver.heard[0] = (struct sequence){0};
        check_release(&load.check);
        check_init(&load.check, loop.sys);
        load.refused.count = load.garbled.count = 0;
        histogram_clear(&load.recent);
        say_in_parts(text, part);
        must(load.check.delivered == SENT - 1, "%zu: delivered", part);
        must(load.check.missing == 1, "%zu: missing", part);
        must(load.check.skipped == 7, "%zu: told", part);
        must(load.check.duplicated.count == 0, "%zu: duplicated", part);
        must(load.refused.count == 1, "%zu: refused", part);
        must(load.garbled.count == 0, "%zu: garbled", part);
        must(load.recent.count == SENT - 1, "%zu: measured", part);
    }
    close_client();
}

Test(chatload_client, what_can_not_have_been_said_is_garbled)
{
    char text[256];
    say("* pong in\r\n");
    snprintf(text, sizeof(text), "#lobby <guest0> %s\r\n", message(0, SENT));
    say(text); /* not sent yet */
    snprintf(text, sizeof(text), "#lobby <guest0> %s\r\n", message(1, 0));
    say(text); /* from somebody who is no sender */
    snprintf(text, sizeof(text), "#lobby <guest0> %.25s\r\n", message(0, 0));
    say(text); /* cut */
    snprintf(text, sizeof(text), "#lobby <guest0> %sx\r\n", message(0, 0));
    say(text); /* grown */
    cr_expect_eq(load.garbled.count, 4);
    cr_expect_eq(load.check.delivered, 0);
    close_client();
}

Test(chatload_client, another_runs_messages_are_passed_over)
{
    char text[256];
    say("* pong in\r\n");
    snprintf(text, sizeof(text), "#lobby <guest0> %s\r\n", message(0, 0));
    text[17]++; /* in the tag */
    say(text);
    cr_expect_eq(load.garbled.count, 0);
    cr_expect_eq(load.check.delivered, 0);
    close_client();
}

Test(chatload_client, its_own_lines_are_echoes)
{
    char text[256];
    load.clients[1].number = 0;
    say("* pong in\r\n");
    snprintf(text, sizeof(text), "#lobby <guest0> %s\r\n", message(0, 0));
    say(text);
    cr_expect_eq(load.echoed, 1);
    cr_expect_eq(load.check.delivered, 0);
    close_client();
}

/* Message 0, due at an instant of the loop's clock. */
static void say_due(uint32_t number, int64_t due_ns)
{
    char text[128];
    struct message said = {.number = number, .due_ns = due_ns - load.epoch_ns};
    size_t length = (size_t)snprintf(text, sizeof(text), "#lobby <guest0> ");
    message_write(&said, load.tag, text + length, settings.size_bytes);
    snprintf(text + length + settings.size_bytes, 3, "\r\n");
    say(text);
}

Test(chatload_client, only_messages_that_were_due_while_measuring_are_timed)
{
    say("* pong in\r\n");
    load.from_ns = loop.now_ns + 1000;
    load.until_ns = loop.now_ns + 5000;
    say_due(0, load.from_ns - 1);
    cr_expect_eq(load.recent.count, 0);
    say_due(1, load.from_ns);
    cr_expect_eq(load.recent.count, 1);
    say_due(2, load.until_ns - 1);
    cr_expect_eq(load.recent.count, 2);
    say_due(3, load.until_ns);
    cr_expect_eq(load.recent.count, 2);
    cr_expect_eq(load.check.delivered, 4);
    close_client();
}

Test(chatload_client, a_latency_counts_from_when_a_message_was_due)
{
    say("* pong in\r\n");
    load.from_ns = loop.now_ns;
    load.until_ns = TIME_NEVER;
    int64_t due_ns = loop.now_ns;
    fixture_pass(70 * NS_PER_MS);
    say_due(0, due_ns);
    cr_expect_geq(load.recent.max_us, 70000);
    cr_expect_lt(load.recent.max_us, 75000);
    close_client();
}

Test(chatload_client, the_raw_protocol_is_the_message_alone)
{
    char text[256];
    settings.protocol = PROTOCOL_RAW;
    snprintf(text, sizeof(text), "%s\n", message(0, 0));
    say(text);
    snprintf(text, sizeof(text), "%s\r\n", message(0, 1));
    say(text);
    say("* pong in\n! no\n");
    cr_expect_eq(load.check.delivered, 2);
    cr_expect_eq(load.refused.count, 0);
    close_client();
}

Test(chatload_client, a_line_without_an_end_ends_the_connection)
{
    static char text[CLIENT_LINE_BYTES + 20000];
    say("* pong in\r\n");
    memset(text, 'x', sizeof(text) - 1);
    for (size_t at = 0; at + 5000 < sizeof(text) && load.disconnected == 0; at += 5000) {
        cr_assert_eq(loop.sys->send(loop.sys, server, text + at, 5000), 5000);
        fixture_settle();
        fixture_settle();
    }
    cr_expect_eq(load.disconnected, 1);
    cr_expect_str_eq(load.losses.first, "Message too long");
    close_client();
}

Test(chatload_client, a_disconnected_client_is_counted_with_the_cause)
{
    say("* pong in\r\n");
    cr_assert_eq(loop.sys->shutdown_write(loop.sys, server), 0);
    fixture_settle();
    fixture_settle();
    cr_expect_eq(load.disconnected, 1);
    cr_expect_str_eq(load.losses.first, "the server closed the connection");
    close_client();
}

Test(chatload_client, who_is_not_let_in_ends_the_run_with_the_servers_words)
{
    say("! server full\r\n");
    cr_assert_eq(loop.sys->shutdown_write(loop.sys, server), 0);
    fixture_settle();
    fixture_settle();
    cr_expect_not_null(strstr(load.problem, "client 2 of 2: server full"), "%s", load.problem);
    close_client();
}

/* Closing with a question unread resets the connection. */
static void refuse_and_reset(const char *words)
{
    say(words);
    cr_assert_eq(loop.sys->close(loop.sys, server), 0);
    server = -1;
    fixture_settle();
    fixture_settle();
}

Test(chatload_client, a_reset_does_not_hide_why_the_server_refused)
{
    refuse_and_reset("! server full\r\n");
    cr_expect_not_null(strstr(load.problem, "client 2 of 2: server full"), "%s", load.problem);
    close_client();
}

Test(chatload_client, names_the_option_of_the_limit_that_a_client_met)
{
    refuse_and_reset("! too many connections from your address\r\n");
    cr_expect_not_null(strstr(load.problem, "too many connections from your address (chatd's "
                                            "--max-per-host; 0 lifts the limit)"),
                       "%s", load.problem);
    close_client();
}

Test(chatload_client, names_the_option_of_the_rate_that_newcomers_met)
{
    refuse_and_reset("! you connect too often: try again in a minute\r\n");
    cr_expect_not_null(strstr(load.problem, "you connect too often: try again in a minute (chatd's "
                                            "--connect-rate; 0 lifts the limit)"),
                       "%s", load.problem);
    close_client();
}

/* Where port 7006 stands for an address at which nobody listens. */
static void open_two_addresses(void)
{
    open_load();
    load.addresses[1] = load.addresses[0];
    cr_assert_eq(loop.sys->resolve(loop.sys, "127.0.0.1", 7006, load.addresses, 1), 1);
    load.address_count = 2;
    load_use_address(&load, 0);
}

TestSuite(chatload_addresses, .init = open_two_addresses);

Test(chatload_addresses, tries_the_next_address_of_a_name)
{
    accept_client();
    say("* pong in\r\n");
    expect_in(true);
    cr_expect_str_eq(load.problem, "");
    cr_expect_str_eq(load.address_text, "127.0.0.1:7007");
    close_client();
}

Test(chatload_addresses, names_every_address_it_tried_where_none_takes_it)
{
    server = -1;
    listener_close(&listener);
    fixture_settle();
    cr_expect_str_eq(load.problem, "127.0.0.1:7006: Connection refused; 127.0.0.1:7007: client 2 "
                                   "of 2: Connection refused");
    task_cancel(&load.clients[1].task, loop.now_ns);
    cr_expect_eq(group.alive, 0);
    crowd_release(&crowd);
    load_release(&load);
    fixture_close();
}

Test(chatload_client, a_server_that_was_reached_once_is_the_one)
{
    load.addresses[1] = load.addresses[0];
    load.address_count = 2;
    say("* pong in\r\n");
    cr_expect(load.reached);
    cr_expect_not(load_next_address(&load, 0, -ECONNREFUSED));
    close_client();
}

Test(chatload_client, more_skipped_lines_than_there_were_excuse_nothing)
{
    say("* pong in\r\n* 99999999999999999999999 lines of #lobby skipped: x\r\n");
    cr_expect_eq(load.check.skipped, 0);
    cr_expect_eq(load.garbled.count, 1);
    say("* 1000006 lines of #lobby skipped: x\r\n"); /* none was sent in this test */
    cr_expect_eq(load.check.skipped, 0);
    say("* 1000000 lines of #lobby skipped: x\r\n");
    cr_expect_eq(load.check.skipped, 1000000);
    cr_expect_eq(load.garbled.count, 2);
    close_client();
}

Test(chatload_client, who_is_never_answered_may_be_at_the_wrong_kind_of_server)
{
    fixture_pass(CLIENT_ENTER_NS);
    cr_expect_not_null(strstr(load.problem, "client 2 of 2: its /ping was not answered in 30 s"),
                       "%s", load.problem);
    cr_expect_not_null(strstr(load.problem, "--proto raw"), "%s", load.problem);
    close_client();
}

/* Each question is a line of the client's own, and counts for its rate. */
Test(chatload_client, is_asked_no_more_than_once_a_second_whether_it_is_held_back)
{
    struct probe probe;
    char asked[256];
    say("* pong in\r\n");
    cr_assert_gt(loop.sys->receive(loop.sys, server, asked, sizeof(asked)), 0);
    probe_init(&probe, &load);
    cr_assert_eq(probe.listener, &load.clients[1]);
    cr_assert_eq(task_group_spawn(&group, &probe.task, "probe", probe_step), 0);
    for (int second = 0; second < 5; second++) {
        fixture_pass(NS_PER_SECOND - 1);
        ssize_t size = loop.sys->receive(loop.sys, server, asked, sizeof(asked));
        cr_expect_eq(size, (ssize_t)strlen(CLIENT_QUESTION_PING), "second %d", second);
        say("* pong how-long\r\n");
        fixture_pass(1);
    }
    task_cancel(&probe.task, loop.now_ns);
    fixture_settle();
    cr_expect_geq(load.clients[1].ping.answers, 5);
    close_client();
}

Test(chatload_client, acknowledges_what_it_watches)
{
    char text[256];
    say("* pong in\r\n");
    cr_assert_eq(load.clients[1].watched, &load.windows[0]);
    snprintf(text, sizeof(text), "#lobby <guest0> %s\r\n", message(0, 3));
    say(text);
    cr_expect_eq(load.windows[0].settled, 4);
    close_client();
}
