/* Names and rooms that are somebody's: held names, keys, and what a creator may do. On the
 * simulated door, because much of it is a matter of minutes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/server_fixture.h"

#define MINUTE (60 * NS_PER_SECOND)

static struct sim_peer *ann, *bob, *eve;

static void say(struct sim_peer *peer, const char *line)
{
    server_fixture_say(peer, line);
}

static void pass(int64_t duration_ns)
{
    cr_assert(server_fixture_pass(duration_ns));
}

/* What `peer` was sent is exactly this. */
static void expect_all(struct sim_peer *peer, const char *text)
{
    cr_assert_str_eq(sim_peer_text(peer), text);
    sim_peer_forget(peer);
}

static struct sim_peer *enter_as(const char *name)
{
    struct sim_peer *peer = server_fixture_enter();
    char line[64];
    (void)snprintf(line, sizeof(line), "/nick %s", name);
    say(peer, line);
    return peer;
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

TestSuite(own, .init = open_trio, .fini = close_trio, .timeout = 60);

/* Held names. */

Test(own, a_held_name_waits_an_hour_for_its_key)
{
    say(ann, "/nick ann k3y9");
    expect_all(
        ann,
        "* You are now ann. Until 1 h after you leave, only /nick ann KEY takes this name.\r\n");
    say(ann, "/quit");
    pass(60 * MINUTE - NS_PER_MS);
    sim_peer_forget(bob);
    say(bob, "/nick Ann");
    expect_all(bob, "! The name ann is held; with its key: /nick ann KEY\r\n");
    say(bob, "/nick ann wrong");
    expect_all(bob, "! That is not the key of ann.\r\n");
    pass(NS_PER_MS);
    say(bob, "/nick ann");
    expect_all(bob, "* You are now ann.\r\n");
}

Test(own, the_key_takes_the_name_back)
{
    say(ann, "/nick ann k3y9");
    say(ann, "/quit");
    pass(4 * MINUTE);
    sim_peer_forget(bob);
    say(bob, "/nick ANN k3y9");
    expect_all(bob, "* Welcome back, ANN: you were away for 4 min.\r\n");
    pass(120 * MINUTE);
    sim_peer_forget(eve);
    say(eve, "/nick ann");
    expect_all(eve, "! The name ann is held; with its key: /nick ann KEY\r\n");
}

Test(own, the_key_takes_name_rooms_and_rights_over_from_another_connection)
{
    say(ann, "/nick ann k3y9");
    say(ann, "/join #tea");
    say(ann, "/lock sesame");
    say(bob, "/join #tea sesame");
    pass(2 * MINUTE);
    forget_all();
    struct sim_peer *again = server_fixture_enter();
    sim_peer_forget(again);
    say(again, "/nick ann k3y9");
    pass(0);
    cr_assert(strstr(sim_peer_text(again), "* Welcome back, ann: you were away for 2 min.\r\n"));
    server_fixture_expect(ann, "* ann was taken with its key by another connection.\r\n");
    cr_assert(sim_peer_at_end(ann));
    pass(NS_PER_SECOND);
    server_fixture_expect(bob, "#tea -- ann left (replaced)\r\n");
    sim_peer_forget(again);
    say(again, "I talk in the same room");
    server_fixture_expect(bob, "#tea <ann> I talk in the same room\r\n");
    say(again, "/unlock");
    expect_all(again, "* #tea is unlocked.\r\n");
    say(again, "/whois ann");
    expect_all(again, "* ann is active now, in #tea, #lobby.\r\n");
}

Test(own, a_creator_whose_connection_broke_has_the_room_again)
{
    say(ann, "/nick ann k3y9");
    say(ann, "/join #tea");
    say(bob, "/join #tea");
    sim_peer_reset(ann);
    pass(MINUTE);
    say(eve, "/join #tea");
    say(eve, "/lock mine");
    server_fixture_expect(eve, "! Only the creator of #tea can do that.\r\n");
    say(eve, "/nick ann k3y9");
    sim_peer_forget(eve);
    say(eve, "/lock mine");
    expect_all(eve, "* #tea is locked. To enter: /join #tea mine\r\n");
}

Test(own, a_creator_that_leaves_has_lost_the_room)
{
    say(ann, "/nick ann k3y9");
    say(ann, "/join #tea");
    say(bob, "/join #tea");
    say(ann, "/leave #tea");
    say(ann, "/join #tea");
    sim_peer_forget(ann);
    say(ann, "/lock");
    expect_all(ann, "! Only the creator of #tea can do that.\r\n");
}

Test(own, keys_of_names_are_4_to_20_printable_characters)
{
    static const char *const wrong[] = {"abc", "123456789012345678901", "k\xc3\xa4se"};
    for (size_t i = 0; i < 3; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "/nick dee %s", wrong[i]);
        say(ann, line);
        expect_all(ann, "! A key is 4 to 20 printable ASCII characters.\r\n");
    }
    say(ann, "/nick dee ~!~!");
    say(ann, "/nick dee 12345678901234567890");
    server_fixture_expect(ann, "You are now dee. Until 1 h");
}

Test(own, the_holder_may_change_the_key_and_the_case)
{
    say(ann, "/nick ann k3y9");
    say(ann, "/nick Ann");
    say(ann, "/nick Ann newer");
    forget_all();
    say(bob, "/nick ann k3y9");
    expect_all(bob, "! That is not the key of ann.\r\n");
    say(ann, "/nick dee");
    expect_all(ann, "* You are now dee.\r\n");
    sim_peer_forget(bob);
    say(bob, "/nick ann newer");
    server_fixture_expect(bob, "* Welcome back, ann: you were away for ");
}

Test(own, an_address_holds_four_names)
{
    static const char *const names[] = {"n1", "n2", "n3", "n4"};
    for (size_t i = 0; i < 4; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "/nick %s k3y9", names[i]);
        say(ann, line);
    }
    sim_peer_forget(ann);
    say(ann, "/nick n5 k3y9");
    expect_all(ann, "! Your address already holds 4 names.\r\n");
    say(ann, "/nick n5");
    expect_all(ann, "* You are now n5.\r\n");
    pass(60 * MINUTE);
    say(ann, "/nick n6 k3y9");
    server_fixture_expect(ann, "You are now n6. Until 1 h");
}

Test(own, a_name_in_use_is_not_held_by_somebody_else)
{
    say(ann, "/nick bob k3y9");
    expect_all(ann, "! The name bob is taken.\r\n");
}

/* Wrong keys. */

Test(own, five_wrong_keys_close_held_names_and_locked_rooms_for_a_minute)
{
    say(ann, "/join #tea");
    say(ann, "/lock sesame");
    pass(NS_PER_SECOND);
    sim_peer_forget(ann);
    for (int i = 0; i < 5; i++)
        say(bob, "/join #tea wrong");
    sim_peer_forget(bob);
    say(bob, "/join #tea sesame");
    expect_all(bob, "! Too many wrong keys came from your address: try again in a minute.\r\n");
    pass(MINUTE - NS_PER_MS);
    expect_all(ann, "#tea -- 5 wrong keys were tried\r\n");
    say(bob, "/join #tea sesame");
    server_fixture_expect(bob, "! Too many wrong keys");
    pass(NS_PER_MS);
    say(bob, "/join #tea sesame");
    server_fixture_expect(bob, "* You are in #tea. 1 other: ann.\r\n");
}

Test(own, members_are_told_of_wrong_keys_once_per_minute)
{
    say(ann, "/join #tea");
    say(ann, "/lock sesame");
    sim_peer_forget(ann);
    say(bob, "/join #tea wrong");
    pass(NS_PER_SECOND);
    server_fixture_expect(ann, "#tea -- 1 wrong key was tried\r\n");
    say(bob, "/join #tea wrong");
    say(bob, "/join #tea wrong");
    pass(MINUTE - 2 * NS_PER_SECOND);
    expect_all(ann, "");
    pass(2 * NS_PER_SECOND);
    expect_all(ann, "#tea -- 2 wrong keys were tried\r\n");
}

Test(own, wrong_keys_a_minute_apart_close_nothing)
{
    say(ann, "/join #tea");
    say(ann, "/lock sesame");
    for (int i = 0; i < 8; i++) {
        say(bob, "/join #tea wrong");
        pass(15 * NS_PER_SECOND);
    }
    sim_peer_forget(bob);
    say(bob, "/join #tea sesame");
    server_fixture_expect(bob, "* You are in #tea. 1 other: ann.\r\n");
}

/* What a creator may do. */

/* ann made #tea, and bob is in it. */
static void open_tea(void)
{
    say(ann, "/join #tea");
    say(bob, "/join #tea");
    pass(NS_PER_SECOND);
    forget_all();
}

Test(own, kick_removes_for_as_long_as_the_connection_lives)
{
    open_tea();
    say(ann, "/kick bob no (more) spam");
    pass(NS_PER_SECOND);
    expect_all(ann, "#tea -- bob left (kicked: no [more] spam)\r\n");
    expect_all(bob, "* ann removed you from #tea: no (more) spam\r\n* You now talk in #lobby.\r\n");
    say(bob, "/join #tea");
    expect_all(bob, "! You were removed from #tea.\r\n");
    say(bob, "/quit");
    bob = enter_as("bob");
    sim_peer_forget(bob);
    say(bob, "/join #tea");
    server_fixture_expect(bob, "* You are in #tea. 1 other: ann.\r\n");
}

Test(own, a_person_without_a_room_left_is_in_the_lobby)
{
    open_tea();
    say(bob, "/leave #lobby");
    pass(NS_PER_SECOND);
    forget_all();
    say(ann, "/kick bob");
    server_fixture_expect(bob, "* ann removed you from #tea.\r\n* You now talk in #lobby.\r\n");
    pass(NS_PER_SECOND);
    server_fixture_expect(ann, "#tea -- bob left (kicked)\r\n");
    say(bob, "here");
    server_fixture_expect(eve, "#lobby <bob> here\r\n");
}

Test(own, only_a_creator_kicks_gives_and_invites_to_a_locked_room)
{
    open_tea();
    say(bob, "/kick ann");
    say(bob, "/give bob");
    expect_all(bob, "! Only the creator of #tea can do that.\r\n"
                    "! Only the creator of #tea can do that.\r\n");
    say(bob, "/invite eve");
    expect_all(bob, "* Sent to eve only.\r\n");
    expect_all(eve, "* bob invites you: /join #tea\r\n");
    say(ann, "/lock k3y9");
    sim_peer_forget(ann);
    say(bob, "/invite eve");
    expect_all(bob, "! Only the creator of #tea can do that.\r\n");
    say(ann, "/invite eve");
    expect_all(eve, "* ann invites you: /join #tea k3y9\r\n");
    say(ann, "/invite bob");
    say(ann, "/kick eve");
    say(ann, "/kick ann");
    say(ann, "/join #lobby");
    say(ann, "/kick bob");
    expect_all(ann, "* Sent to eve only.\r\n! bob is in #tea already.\r\n! eve is not in #tea.\r\n"
                    "! That is you.\r\n* You now talk in #lobby.\r\n! #lobby has no creator.\r\n");
}

Test(own, an_invitation_from_somebody_ignored_does_not_arrive)
{
    open_tea();
    say(eve, "/ignore bob");
    sim_peer_forget(eve);
    say(bob, "/invite eve");
    expect_all(bob, "* Sent to eve only.\r\n");
    expect_all(eve, "");
}

Test(own, give_hands_the_room_over)
{
    open_tea();
    say(ann, "/give bob");
    expect_all(ann, "#tea -- bob now owns the room\r\n");
    expect_all(bob, "#tea -- bob now owns the room\r\n");
    say(ann, "/lock");
    expect_all(ann, "! Only the creator of #tea can do that.\r\n");
    say(bob, "/lock mine");
    expect_all(bob, "* #tea is locked. To enter: /join #tea mine\r\n");
}

Test(own, a_hundred_are_kept_out_of_a_room_and_the_oldest_comes_back)
{
    open_tea();
    say(ann, "/kick bob");
    for (int i = 0; i < CHAT_KICKED_MAX; i++) {
        if (i == CHAT_KICKED_MAX - 1) {
            sim_peer_forget(bob);
            say(bob, "/join #tea");
            expect_all(bob, "! You were removed from #tea.\r\n");
        }
        struct sim_peer *other = enter_as("other");
        say(other, "/join #tea");
        say(ann, "/kick other");
        say(other, "/quit");
    }
    sim_peer_forget(bob);
    say(bob, "/join #tea");
    server_fixture_expect(bob, "* You are in #tea.");
}

Test(own, a_new_room_joined_with_a_key_says_that_it_has_none)
{
    say(ann, "/join jam k3y9");
    expect_all(ann, "* You are in #jam. Nobody else is here.\r\n"
                    "* #jam is new and has no key. To lock it: /lock KEY\r\n");
}
