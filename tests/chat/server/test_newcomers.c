/* Who may come in, and what those hear who may not; nobody waits because of others. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/server_fixture.h"

#define WELCOME "* Welcome to chatd. "
#define FULL "! server full\r\n"
#define TOO_MANY "! too many connections from your address\r\n"
#define TOO_OFTEN "! you connect too often: try again in a minute\r\n"

TestSuite(newcomers, .timeout = 60);

static void start(const char *const *arguments, const struct sim_options *options)
{
    server_fixture_build(options);
    cr_assert_eq(server_fixture_start(arguments), 0, "%s", server_fixture.problem.text);
}

/* TERM ends it with status 0, and nothing is left behind. */
static void end_cleanly(void)
{
    cr_assert_eq(server_fixture_end(), 0);
    cr_assert_eq(server_fixture.server.farewells.count, 0);
    cr_assert_eq(server_fixture.server.sessions.open, 0);
    server_fixture_stop();
    server_fixture_raze();
}

/* Comes from `host`, and is carried out as far as it goes now. */
static struct sim_peer *come_from(const char *host)
{
    sim_come_from(server_fixture.sim, host);
    return server_fixture_enter();
}

/* Comes, and never acknowledges anything. */
static struct sim_peer *come_stalled_from(const char *host)
{
    sim_come_from(server_fixture.sim, host);
    struct sim_peer *peer = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    cr_assert(peer);
    sim_peer_stall(peer);
    cr_assert(server_fixture_pass(0));
    return peer;
}

/* Sockets that hold so little that a refusal is not acknowledged by a peer that doesn't read. */
static const struct sim_options tight = {.receive_buffer_bytes = 4, .descriptor_limit = 2000};

/* --- limits of one address --- */

static size_t let_in(const char *host, int count)
{
    size_t before = server_fixture.server.sessions.open;
    for (int i = 0; i < count; i++)
        (void)come_from(host);
    return server_fixture.server.sessions.open - before;
}

Test(newcomers, by_default_an_address_has_64_connections_and_the_loopback_any_number)
{
    static const char *const arguments[] = {"--connect-rate", "0", NULL};
    start(arguments, &(struct sim_options){.descriptor_limit = 2000});
    cr_assert_eq(let_in("10.1.2.3", 70), 64);
    server_fixture_expect(come_from("10.1.2.3"), TOO_MANY);
    server_fixture_expect(come_from("10.1.2.4"), WELCOME);
    cr_assert_eq(let_in(NULL, 70), 70);
    end_cleanly();
}

Test(newcomers, by_default_an_address_connects_50_times_and_then_5_times_a_second)
{
    start(NULL, NULL);
    for (int i = 0; i < 50; i++) {
        struct sim_peer *peer = come_from("10.1.2.3");
        server_fixture_expect(peer, WELCOME);
        sim_peer_close(peer);
        cr_assert(server_fixture_pass(0));
    }
    struct sim_peer *late = come_from("10.1.2.3");
    cr_assert_str_eq(sim_peer_text(late), TOO_OFTEN);
    cr_assert(sim_peer_at_end(late));
    server_fixture_expect(come_from("10.1.2.4"), WELCOME);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    cr_assert_eq(let_in("10.1.2.3", 10), 5);
    cr_assert_eq(let_in(NULL, 100), 100, "the loopback is exempt");
    end_cleanly();
}

Test(newcomers, the_connect_rate_holds_for_the_loopback_if_it_was_given)
{
    static const char *const arguments[] = {"--connect-rate", "1/3", NULL};
    start(arguments, NULL);
    cr_assert_eq(let_in(NULL, 5), 3);
    server_fixture_expect(server_fixture_enter(), TOO_OFTEN);
    cr_assert(server_fixture_pass(2 * NS_PER_SECOND));
    cr_assert_eq(let_in(NULL, 5), 2);
    end_cleanly();
}

/* --- a connection that is being ended counts --- */

/* Quits with more owed than the buffers hold, which it does not read. */
static struct sim_peer *quit_unread(void)
{
    struct sim_peer *peer = server_fixture_enter();
    sim_peer_stall(peer);
    server_fixture_say(peer, "/help\n/quit\nand more typed ahead");
    return peer;
}

Test(newcomers, who_quit_and_reads_nothing_counts_for_two_seconds)
{
    static const char *const arguments[] = {"--max-clients", "1", "--rate", "0", NULL};
    start(arguments, &(struct sim_options){.receive_buffer_bytes = 512, .send_buffer_bytes = 512});
    struct sim_peer *slow = quit_unread();
    cr_assert_eq(names_count(&server_fixture.server.chat.people), 0, "its name is free");
    server_fixture_expect(server_fixture_enter(), FULL);
    cr_assert(server_fixture_pass(1900 * NS_PER_MS));
    server_fixture_expect(server_fixture_enter(), FULL);
    cr_assert(server_fixture_pass(300 * NS_PER_MS));
    server_fixture_expect(server_fixture_enter(), WELCOME);
    (void)slow;
    end_cleanly();
}

Test(newcomers, who_quit_and_reads_slowly_counts_for_thirty_seconds_at_most)
{
    static const char *const arguments[] = {"--max-clients", "1", "--rate", "0", NULL};
    start(arguments, &(struct sim_options){.receive_buffer_bytes = 64, .send_buffer_bytes = 512});
    struct sim_peer *slow = quit_unread();
    int64_t began_ns = sim_now_ns(server_fixture.sim);
    char taken[8];
    while (server_fixture.server.sessions.open > 0) {
        cr_assert(sim_peer_receive(slow, taken, sizeof(taken)) > 0, "it was sent all");
        cr_assert(server_fixture_pass(NS_PER_SECOND));
        cr_assert_leq(sim_now_ns(server_fixture.sim) - began_ns, 32 * NS_PER_SECOND);
    }
    cr_assert_geq(sim_now_ns(server_fixture.sim) - began_ns, 30 * NS_PER_SECOND);
    server_fixture_expect(server_fixture_enter(), WELCOME);
    end_cleanly();
}

Test(newcomers, who_reads_all_and_closes_makes_place_at_once)
{
    static const char *const arguments[] = {"--max-clients", "1", "--max-per-host", "1", NULL};
    start(arguments, NULL);
    for (int i = 0; i < 3; i++) {
        struct sim_peer *peer = server_fixture_enter();
        server_fixture_expect(peer, WELCOME);
        server_fixture_say(peer, "/quit");
        cr_assert(sim_peer_at_end(peer));
        sim_peer_close(peer);
        cr_assert(server_fixture_pass(0));
    }
    end_cleanly();
}

/* --- refusals --- */

/* Takes all 64 places: four for each of sixteen addresses. */
static void ask_for_all_places(void)
{
    char host[32];
    for (int i = 0; i < FAREWELLS_MAX; i++) {
        (void)snprintf(host, sizeof(host), "10.0.0.%d", i / HOSTS_REFUSALS_MAX);
        (void)come_stalled_from(host);
    }
}

static void take_all_places(void)
{
    ask_for_all_places();
    cr_assert_eq(server_fixture.server.farewells.count, FAREWELLS_MAX);
}

Test(newcomers, an_address_holds_four_farewells_and_the_fifth_is_brief)
{
    static const char *const arguments[] = {"--max-clients", "1", NULL};
    start(arguments, &tight);
    (void)server_fixture_enter();
    for (int i = 0; i < 10; i++)
        (void)come_stalled_from("10.0.0.1");
    cr_assert_eq(server_fixture.server.farewells.count, HOSTS_REFUSALS_MAX);
    (void)come_stalled_from("10.0.0.2");
    cr_assert_eq(server_fixture.server.farewells.count, HOSTS_REFUSALS_MAX + 1);
    cr_assert(server_fixture_pass(STREAM_LINGER_NS + 200 * NS_PER_MS));
    cr_assert_eq(server_fixture.server.farewells.count, 0, "they are let go after two seconds");
    end_cleanly();
}

Test(newcomers, an_innocent_is_told_at_once_though_nobody_acknowledges)
{
    static const char *const arguments[] = {"--max-clients", "1", NULL};
    start(arguments, &tight);
    (void)server_fixture_enter();
    take_all_places();
    struct sim_peer *innocent = come_from("192.0.2.1");
    cr_assert_str_eq(sim_peer_text(innocent), FULL);
    cr_assert(sim_peer_at_end(innocent));
    cr_assert_not(sim_peer_was_reset(innocent));
    cr_assert_eq(server_fixture.server.farewells.count, FAREWELLS_MAX, "without a place");
    end_cleanly();
}

Test(newcomers, an_innocent_is_let_in_at_once_though_nobody_acknowledges)
{
    static const char *const arguments[] = {"--max-clients", "1", NULL};
    start(arguments, &tight);
    struct sim_peer *ann = server_fixture_enter();
    take_all_places();
    sim_peer_close(ann);
    cr_assert(server_fixture_pass(0));
    server_fixture_expect(come_from("192.0.2.1"), WELCOME);
    end_cleanly();
}

Test(newcomers, a_refusal_arrives_though_the_newcomer_has_talked_already)
{
    static const char *const arguments[] = {"--max-clients", "1", NULL};
    static const int late[] = {-ENOBUFS, -ENOBUFS}; /* its words are there first */
    start(arguments, &tight);
    (void)server_fixture_enter();
    for (int i = 0; i < 2; i++) {
        sim_answer(server_fixture.sim, SIM_ACCEPT, late, 2);
        struct sim_peer *talker = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
        sim_peer_say(talker, "hey");
        cr_assert(server_fixture_pass(LISTENER_REST_NS));
        cr_assert_str_eq(sim_peer_text(talker), FULL);
        cr_assert(sim_peer_at_end(talker));
        cr_assert_not(sim_peer_was_reset(talker));
        take_all_places(); /* and once more the brief way */
    }
    end_cleanly();
}

Test(newcomers, without_memory_a_refusal_is_brief)
{
    static const char *const arguments[] = {"--max-clients", "1", NULL};
    start(arguments, NULL);
    (void)server_fixture_enter();
    sim_options(server_fixture.sim)->no_memory_ppm = 1000000;
    struct sim_peer *late = server_fixture_enter();
    sim_options(server_fixture.sim)->no_memory_ppm = 0;
    cr_assert_str_eq(sim_peer_text(late), FULL);
    cr_assert(sim_peer_at_end(late));
    end_cleanly();
}

Test(newcomers, farewells_use_clients_descriptors_and_leave_the_reserve_alone)
{
    static const char *const arguments[] = {"--max-clients", "1", NULL};
    enum { LIMIT = 40, STANDARD = 3 };
    start(arguments, &(struct sim_options){.receive_buffer_bytes = 4, .descriptor_limit = LIMIT});
    (void)server_fixture_enter();
    ask_for_all_places();
    cr_assert_eq(sim_open_descriptors(server_fixture.sim),
                 LIMIT - STANDARD - SERVER_RESERVED_DESCRIPTORS);
    struct sim_peer *late = come_from("192.0.2.1");
    cr_assert_str_eq(sim_peer_text(late), FULL);
    end_cleanly();
}
