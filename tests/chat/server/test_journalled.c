/* A whole server with a journal on the simulated door: what comes back after a crash or an end. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/room_journal.h"
#include "tests/support/server_fixture.h"

#define PATH "/var/journal"

TestSuite(journalled, .timeout = 300);

static const char *const second[] = {"--journal", PATH, NULL};
static const char *const always[] = {"--journal", PATH, "--journal-sync", "always", NULL};

static void start(const char *const *arguments)
{
    int rc = server_fixture_start(arguments);
    cr_assert_eq(rc, 0, "%s", server_fixture.problem.text);
}

static void end(void)
{
    cr_assert_eq(server_fixture_end(), 0);
    server_fixture_stop();
}

/* Somebody in #tea. */
static struct sim_peer *enter_tea(const char *key)
{
    char line[64];
    struct sim_peer *peer = server_fixture_enter();
    (void)snprintf(line, sizeof(line), "/join #tea %s", key);
    server_fixture_say(peer, line);
    return peer;
}

/* Waits for the pong: what was said before it is confirmed. */
static void confirm(struct sim_peer *peer)
{
    server_fixture_say(peer, "/ping token");
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    server_fixture_expect(peer, "* pong token\r\n");
}

Test(journalled, what_a_pong_confirmed_is_there_after_a_crash)
{
    server_fixture_build(NULL);
    start(second);
    struct sim_peer *ann = enter_tea("");
    server_fixture_say(ann, "hello there");
    server_fixture_say(ann, "/me waves");
    server_fixture_say(ann, "/topic all about tea");
    server_fixture_say(ann, "/lock abcd");
    confirm(ann);
    sim_kill(server_fixture.sim);
    start(second);
    struct sim_peer *bob = enter_tea("");
    server_fixture_expect(bob, "#tea is locked");
    bob = enter_tea("abcd");
    server_fixture_expect(bob, " #tea <guest1> hello there\r\n");
    server_fixture_say(bob, "/history");
    server_fixture_expect(bob, " #tea * guest1 waves\r\n");
    server_fixture_say(bob, "/topic");
    server_fixture_expect(bob, "all about tea");
    end();
    server_fixture_raze();
}

Test(journalled, always_confirms_only_what_a_power_failure_spares)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim_options options = {.seed = seed};
        server_fixture_build(&options);
        start(always);
        struct sim_peer *ann = enter_tea("");
        server_fixture_say(ann, "confirmed");
        server_fixture_say(ann, "/ping 1");
        sim_peer_forget(ann);
        cr_assert(server_fixture_pass(sim_options(server_fixture.sim)->sync_ns / 2));
        cr_assert_null(strstr(sim_peer_text(ann), "pong"), "not before it is synced");
        cr_assert(server_fixture_pass(NS_PER_SECOND));
        server_fixture_expect(ann, "* pong 1\r\n");
        server_fixture_say(ann, "perhaps");
        sim_cut_power(server_fixture.sim);
        start(always);
        server_fixture_expect(enter_tea(""), " #tea <guest1> confirmed\r\n");
        end();
        server_fixture_raze();
    }
}

Test(journalled, a_client_whose_pong_waits_is_not_read)
{
    server_fixture_build(NULL);
    start(always);
    struct sim_peer *ann = server_fixture_enter();
    struct sim_peer *bob = server_fixture_enter();
    sim_peer_say(ann, "one\n/ping 1\ntwo\n/ping 2\n");
    cr_assert(server_fixture_pass(0));
    cr_assert_null(strstr(sim_peer_text(bob), "two"));
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    const char *text = sim_peer_text(ann);
    cr_assert(strstr(text, "pong 1") < strstr(text, "pong 2"));
    server_fixture_expect(bob, "<guest1> two\r\n");
    end();
    server_fixture_raze();
}

Test(journalled, an_end_ends_no_room_and_its_people_have_ten_minutes)
{
    server_fixture_build(NULL);
    start(second);
    server_fixture_say(enter_tea(""), "before");
    end();
    start(second);
    cr_assert(server_fixture_pass(ROOM_WAITS_NS - NS_PER_SECOND));
    struct sim_peer *bob = enter_tea("");
    server_fixture_expect(bob, " #tea <guest1> before\r\n");
    server_fixture_say(bob, "/lock");
    server_fixture_expect(bob, "! "); /* it has no creator */
    cr_assert(server_fixture_pass(2 * ROOM_WAITS_NS));
    sim_kill(server_fixture.sim);
    start(second);
    cr_assert(server_fixture_pass(ROOM_WAITS_NS));
    bob = enter_tea("");
    cr_assert_null(strstr(sim_peer_text(bob), "before"), "it has ended");
    end();
    server_fixture_raze();
}

Test(journalled, a_room_that_its_people_left_does_not_come_back)
{
    server_fixture_build(NULL);
    start(second);
    struct sim_peer *ann = enter_tea("");
    server_fixture_say(ann, "gone");
    server_fixture_say(ann, "in the lobby");
    server_fixture_say(ann, "/leave #tea");
    server_fixture_say(ann, "in the lobby");
    confirm(ann);
    sim_kill(server_fixture.sim);
    start(second);
    struct sim_peer *bob = server_fixture_enter();
    server_fixture_expect(bob, " #lobby <guest1> in the lobby\r\n");
    cr_assert_null(strstr(sim_peer_text(enter_tea("")), "gone"));
    end();
    server_fixture_raze();
}

Test(journalled, on_a_full_disk_chat_goes_on_and_pings_say_so)
{
    server_fixture_build(NULL);
    start(second);
    struct sim_peer *ann = server_fixture_enter();
    struct sim_peer *bob = server_fixture_enter();
    sim_disk_limit(server_fixture.sim, 0);
    server_fixture_say(ann, "still talking");
    server_fixture_expect(bob, "<guest1> still talking\r\n");
    server_fixture_say(ann, "/ping 7");
    server_fixture_expect(ann, "! 7: the journal cannot be written\r\n");
    server_fixture_say(ann, "/ping");
    server_fixture_expect(ann, "! the journal cannot be written\r\n");
    sim_disk_limit(server_fixture.sim, SIZE_MAX);
    cr_assert(server_fixture_pass(70 * NS_PER_SECOND));
    confirm(ann);
    sim_kill(server_fixture.sim);
    start(second);
    server_fixture_expect(server_fixture_enter(), " #lobby <guest1> still talking\r\n");
    end();
    server_fixture_raze();
}

Test(journalled, a_file_that_is_no_journal_or_is_held_fails_the_start)
{
    server_fixture_build(NULL);
    sim_write_file(server_fixture.sim, PATH, "root:x:0:0\n");
    cr_assert_eq(server_fixture_start(second), -EBADMSG);
    cr_assert_not_null(strstr(server_fixture.problem.text, "--journal " PATH ": not a journal"));
    cr_assert_str_eq(sim_file_text(server_fixture.sim, PATH), "root:x:0:0\n");
    sim_write_file(server_fixture.sim, PATH, "");
    sim_lock_file(server_fixture.sim, PATH, true);
    cr_assert_eq(server_fixture_start(second), -EWOULDBLOCK);
    cr_assert_not_null(strstr(server_fixture.problem.text, "another server holds it"));
    cr_assert_eq(sim_open_descriptors(server_fixture.sim), 0);
    cr_assert_eq(sim_live_blocks(server_fixture.sim), 0);
    server_fixture_raze();
}

Test(journalled, a_start_that_fails_leaves_no_file_that_it_made)
{
    static const char *const no_motd[] = {"--journal", PATH, "--motd", "/nowhere", NULL};
    server_fixture_build(NULL);
    cr_assert_lt(server_fixture_start(no_motd), 0);
    cr_assert_null(sim_file_text(server_fixture.sim, PATH));
    start(second);
    end();
    cr_assert_lt(server_fixture_start(no_motd), 0);
    cr_assert_not_null(sim_file_text(server_fixture.sim, PATH), "there was one before");
    server_fixture_raze();
}

/* Much is said in two rooms, so that the file is written anew again and again. */
Test(journalled, a_file_that_was_written_anew_holds_what_is_remembered)
{
    static const char *const arguments[] = {"--journal", PATH, "--rate", "0",
                                            "--history", "30", NULL};
    static char line[1600];
    server_fixture_build(NULL);
    start(arguments);
    struct sim_peer *ann = enter_tea("");
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(line, sizeof(line), "%d %01500d", i, 0);
        server_fixture_say(ann, line);
    }
    confirm(ann);
    cr_assert_lt(sim_file_bytes(server_fixture.sim, PATH), 2 * 1024 * 1024);
    sim_kill(server_fixture.sim);
    start(arguments);
    struct sim_peer *bob = enter_tea("");
    server_fixture_say(bob, "/history 100");
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    const char *text = sim_peer_text(bob);
    cr_assert_not_null(strstr(text, "<guest1> 1970 0000"));
    cr_assert_not_null(strstr(text, "<guest1> 1999 0000"));
    cr_assert_null(strstr(text, "<guest1> 1969 0000"));
    end();
    server_fixture_raze();
}
