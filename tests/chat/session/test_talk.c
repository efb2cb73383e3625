/* Private messages, /r, the bell and /quiet, on the simulated door. */
#include "chat/session/talk.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/server_fixture.h"

static struct sim_peer *ann, *bob, *eve;

static struct sim_peer *enter_as(const char *name)
{
    struct sim_peer *peer = server_fixture_enter();
    char line[64];
    (void)snprintf(line, sizeof(line), "/nick %s", name);
    server_fixture_say(peer, line);
    return peer;
}

static void pass(int64_t duration_ns)
{
    cr_assert(server_fixture_pass(duration_ns));
}

static void forget_all(void)
{
    sim_peer_forget(ann);
    sim_peer_forget(bob);
    sim_peer_forget(eve);
}

static void open_trio(void)
{
    static const char *const arguments[] = {"--rate", "0", NULL};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    ann = enter_as("ann");
    bob = enter_as("bob");
    eve = enter_as("eve");
    pass(NS_PER_SECOND);
    forget_all();
}

static void close_trio(void)
{
    (void)server_fixture_end();
    server_fixture_stop();
    server_fixture_raze();
}

TestSuite(talk, .init = open_trio, .fini = close_trio, .timeout = 60);

/* What `peer` was sent is exactly this. */
static void expect_all(struct sim_peer *peer, const char *text)
{
    cr_assert_str_eq(sim_peer_text(peer), text);
    sim_peer_forget(peer);
}

Test(talk, at_and_a_name_is_private)
{
    server_fixture_say(ann, "@bob hello");
    server_fixture_say(ann, "@EVE: with a colon");
    expect_all(ann, "* Sent to bob only.\r\n* Sent to eve only.\r\n");
    expect_all(bob, "@ann hello\r\n");
    expect_all(eve, "@ann with a colon\r\n");
}

Test(talk, at_and_a_name_is_never_speech)
{
    static const char *const lines[] = {
        "@kofi secret", "@bob",       "@bob's idea",  "@bob ",
        "@ann to me",   "@media (x)", "@bob@home hi", "@averyveryveryverylongname hi"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        server_fixture_say(ann, lines[i]);
        cr_assert_eq(sim_peer_text(ann)[0], '!', "%s: %s", lines[i], sim_peer_text(ann));
        sim_peer_forget(ann);
    }
    expect_all(bob, "");
    expect_all(eve, "");
    server_fixture_say(ann, "@kofi secret");
    expect_all(ann, "! There is nobody called kofi; nothing was sent.\r\n");
}

Test(talk, r_answers_the_person_not_the_name)
{
    server_fixture_say(ann, "/r hello?");
    expect_all(ann, "! Nobody has written to you.\r\n");
    server_fixture_say(bob, "@ann one");
    server_fixture_say(bob, "/nick rob");
    pass(NS_PER_SECOND);
    server_fixture_say(eve, "/nick bob");
    forget_all();
    server_fixture_say(ann, "/r two");
    expect_all(ann, "* Sent to rob only.\r\n");
    expect_all(bob, "@ann two\r\n");
    server_fixture_say(bob, "/quit");
    pass(NS_PER_SECOND);
    sim_peer_forget(ann);
    server_fixture_say(ann, "/r three");
    expect_all(ann, "! The person who last wrote to you has left; nothing was sent.\r\n");
}

Test(talk, r_refuses_while_two_just_wrote)
{
    server_fixture_say(eve, "@ann one");
    server_fixture_say(bob, "@ann two");
    sim_peer_forget(ann);
    pass(3 * NS_PER_SECOND - NS_PER_MS);
    server_fixture_say(ann, "/r to whom?");
    expect_all(ann, "! eve and bob both just wrote to you: /msg NICK TEXT\r\n");
    pass(2 * NS_PER_MS);
    server_fixture_say(ann, "/r to bob");
    expect_all(ann, "* Sent to bob only.\r\n");
    server_fixture_say(bob, "@ann three");
    server_fixture_say(bob, "@ann four");
    sim_peer_forget(ann);
    server_fixture_say(ann, "/r one person may write twice");
    expect_all(ann, "* Sent to bob only.\r\n");
}

Test(talk, r_does_not_know_people_who_are_ignored)
{
    server_fixture_say(ann, "/ignore bob");
    server_fixture_say(bob, "@ann one");
    sim_peer_forget(ann);
    server_fixture_say(ann, "/r hello");
    expect_all(ann, "! Nobody has written to you.\r\n");
}

Test(talk, msg_to_a_room_speaks_there_without_moving)
{
    server_fixture_say(ann, "/join #tea");
    server_fixture_say(ann, "/join #lobby");
    server_fixture_say(bob, "/join #tea");
    pass(NS_PER_SECOND);
    forget_all();
    server_fixture_say(ann, "/msg #tea over there");
    server_fixture_say(ann, "over here");
    expect_all(bob, "#tea <ann> over there\r\n#lobby <ann> over here\r\n");
    server_fixture_say(eve, "/msg #tea hello");
    expect_all(eve, "#lobby <ann> over here\r\n! You are not in #tea.\r\n");
    server_fixture_say(ann, "/msg #jam hello");
    expect_all(ann, "! There is no room #jam.\r\n");
}

Test(talk, the_bell_rings_for_messages_and_ones_name)
{
    static const char *const rings[] = {"bob: here", "BOB, here", "hey @bob", "(@bob)", "x@bob."};
    static const char *const silent[] = {"bob",        "hey bob: here", "bobby: here",
                                         "hey @bobby", "bob here",      "@ bob"};
    server_fixture_say(bob, "/bell on");
    expect_all(bob, "* The bell rings for private messages and for your name.\r\n");
    for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        server_fixture_say(ann, rings[i]);
        cr_assert_eq(sim_peer_text(bob)[0], '\a', "%s", rings[i]);
        cr_assert(!strchr(sim_peer_text(eve), '\a'));
        pass(2 * NS_PER_SECOND);
        sim_peer_forget(bob);
    }
    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
        server_fixture_say(ann, silent[i]);
    server_fixture_say(bob, "bob: to myself");
    cr_assert(!strchr(sim_peer_text(bob), '\a'));
    sim_peer_forget(bob);
    server_fixture_say(ann, "@bob psst");
    expect_all(bob, "\a@ann psst\r\n");
}

Test(talk, the_bell_rings_every_two_seconds_at_most)
{
    server_fixture_say(bob, "/bell on");
    sim_peer_forget(bob);
    server_fixture_say(ann, "bob: one");
    server_fixture_say(ann, "@bob two");
    pass(2 * NS_PER_SECOND - NS_PER_MS);
    server_fixture_say(ann, "bob: three");
    expect_all(bob, "\a#lobby <ann> bob: one\r\n@ann two\r\n#lobby <ann> bob: three\r\n");
    pass(NS_PER_MS);
    server_fixture_say(ann, "bob: four");
    expect_all(bob, "\a#lobby <ann> bob: four\r\n");
    server_fixture_say(bob, "/bell");
    expect_all(bob, "* The bell is off.\r\n");
    pass(10 * NS_PER_SECOND);
    server_fixture_say(ann, "bob: five");
    expect_all(bob, "#lobby <ann> bob: five\r\n");
}

Test(talk, the_bell_does_not_ring_for_people_ignored_nor_for_other_rooms)
{
    server_fixture_say(bob, "/bell on");
    server_fixture_say(bob, "/ignore ann");
    server_fixture_say(eve, "/join #tea");
    sim_peer_forget(bob);
    server_fixture_say(ann, "bob: one");
    server_fixture_say(ann, "@bob two");
    server_fixture_say(eve, "bob: in another room");
    expect_all(bob, "");
}

Test(talk, a_line_is_looked_through_for_five_names)
{
    server_fixture_say(bob, "/bell on");
    server_fixture_say(eve, "/bell on");
    forget_all();
    server_fixture_say(ann, "@ @a @b @c @bob @d @eve");
    cr_assert_eq(sim_peer_text(bob)[0], '\a');
    expect_all(eve, "#lobby <ann> @ @a @b @c @bob @d @eve\r\n");
}

Test(talk, somebody_quiet_is_not_shown_who_comes_and_goes)
{
    server_fixture_say(bob, "/quiet on");
    server_fixture_say(bob, "/join #tea");
    expect_all(bob, "* Joins, leaves and renames are hidden.\r\n"
                    "* You are in #tea. Nobody else is here.\r\n");
    server_fixture_say(ann, "/join #tea");
    server_fixture_say(ann, "hello");
    server_fixture_say(ann, "/nick anna");
    server_fixture_say(ann, "/topic mills");
    server_fixture_say(bob, "/kick anna spam");
    pass(NS_PER_SECOND);
    expect_all(bob, "#tea <ann> hello\r\n#tea -- anna set the topic: mills\r\n"
                    "#tea -- anna left (kicked: spam)\r\n");
    server_fixture_say(bob, "/quiet");
    expect_all(bob, "* Joins, leaves and renames are shown.\r\n");
    server_fixture_say(eve, "/join #tea");
    pass(NS_PER_SECOND);
    expect_all(bob, "#tea -- eve joined\r\n");
}
