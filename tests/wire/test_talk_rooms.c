/* Rooms: entering, leaving, talking in the right one, keys, and the limits. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"

/* A client of this name who talks in `room`. */
static struct client *open_in(struct server *server, const char *name, const char *room)
{
    struct client *client = client_open_as(server, name);

    say(client, "/join %s", room);
    expect_accepted(client);
    return client;
}

Test(talk_rooms, what_is_said_stays_in_its_room)
{
    struct server *server = server_start();
    struct client *eve = client_open_as(server, "eve");
    struct client *ann = open_in(server, "ann", "#tea");
    struct client *bob = open_in(server, "bob", "#tea");

    say(ann, "only here");
    expect(bob, "#tea <ann> only here");
    say(ann, "/me pours");
    expect(bob, "#tea * ann pours");
    expect_quiet(eve);
    server_stop(server);
}

Test(talk_rooms, someone_in_two_rooms_hears_both)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = open_in(server, "bob", "#tea");
    struct client *eve = open_in(server, "eve", "#tea");

    say(ann, "in the lobby");
    expect(bob, "#lobby <ann> in the lobby");
    say(eve, "at tea");
    expect_next(bob, "#tea <eve> at tea");
    server_stop(server);
}

Test(talk_rooms, joining_a_room_one_is_in_makes_it_the_room_one_talks_in)
{
    struct server *server = server_start();
    struct client *eve = client_open_as(server, "eve");
    struct client *ann = open_in(server, "ann", "#tea");

    say(ann, "/join #lobby");
    say(ann, "back");
    expect(eve, "#lobby <ann> back");
    expect_accepted(ann);
    server_stop(server);
}

Test(talk_rooms, names_of_rooms_are_folded_to_lower_case)
{
    struct server *server = server_start();
    struct client *ann = open_in(server, "ann", "#Tea_Time-2");
    struct client *bob = open_in(server, "bob", "#TEA_time-2");

    say(ann, "hello");
    expect(bob, "#tea_time-2 <ann> hello");
    server_stop(server);
}

Test(talk_rooms, names_of_one_to_thirty_characters_are_fine)
{
    static const char *const rooms[] = {"#a", "#7", "#_", "#-", "#123456789-123456789-123456789_"};
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        say(ann, "/join %s", rooms[i]);
        expect_accepted(ann);
    }
    server_stop(server);
}

Test(talk_rooms, names_that_are_not_valid_are_refused)
{
    static const char *const rooms[] = {
        "t.ea", "#", "#a.b", "#a#b", "##", "#123456789-123456789-123456789-1", "#\xc3\xbc"};
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        say(ann, "/join %s", rooms[i]);
        const char *line = expect_refusal(ann, rooms[i]);
        cr_assert(strstr(line, "is not a valid room"), "%s", line);
        expect_quiet(ann);
    }
    server_stop(server);
}

Test(talk_rooms, who_enters_is_shown_the_last_ten_remembered_lines)
{
    struct server *server = server_start();
    struct client *ann = open_in(server, "ann", "#tea");
    struct client *bob = client_open_as(server, "bob");
    char expected[64];

    for (int i = 1; i <= 12; i++)
        say(ann, "line %d", i);
    barrier(ann);
    say(bob, "/join #tea");
    for (int i = 3; i <= 12; i++) {
        snprintf(expected, sizeof expected, "#tea <ann> line %d", i);
        const char *line = i == 3 ? expect_prefix(bob, "~ ") : next_line(bob);
        cr_assert(is_remembered(line, expected), "expected %s, came %s", expected, line);
    }
    expect_quiet(bob);
    server_stop(server);
}

Test(talk_rooms, joining_again_does_not_repeat_what_is_remembered)
{
    struct server *server = server_start();
    struct client *ann = open_in(server, "ann", "#tea");

    client_open_as(server, "bob");
    say(ann, "hello");
    say(ann, "/nick anna");
    say(ann, "/join #tea");
    barrier(ann);
    expect_unheard(ann, "! ");
    expect_unheard(ann, "#tea -- anna joined");
    server_stop(server);
}

Test(talk_rooms, leaving_the_room_one_talks_in_falls_back_to_another)
{
    struct server *server = server_start();
    struct client *eve = client_open_as(server, "eve");
    struct client *ann = open_in(server, "ann", "#tea");

    say(ann, "/leave");
    say(ann, "back");
    expect(eve, "#lobby <ann> back");
    expect_accepted(ann);
    server_stop(server);
}

Test(talk_rooms, a_room_may_be_left_by_its_name_while_talking_in_another)
{
    struct server *server = server_start();
    struct client *eve = client_open_as(server, "eve");
    struct client *ann = open_in(server, "ann", "#tea");
    struct client *bob = open_in(server, "bob", "#tea");

    say(ann, "/leave #LOBBY");
    expect_accepted(ann);
    say(ann, "still here");
    expect(bob, "#tea <ann> still here");
    say(eve, "is ann gone?");
    barrier(eve);
    barrier(ann);
    expect_unheard(ann, "is ann gone?");
    server_stop(server);
}

Test(talk_rooms, who_stays_sees_who_left)
{
    struct server *server = server_start();
    struct client *bob = open_in(server, "bob", "#tea");
    struct client *ann = open_in(server, "ann", "#tea");

    say(ann, "hello");
    say(ann, "/leave #tea");
    expect(bob, "#tea <ann> hello");
    expect_prefix(bob, "#tea -- ann left");
    server_stop(server);
}

Test(talk_rooms, the_last_room_cannot_be_left)
{
    struct server *server = server_start();
    struct client *ann = open_in(server, "ann", "#tea");

    say(ann, "/leave #lobby");
    expect_accepted(ann);
    say(ann, "/leave");
    expect_refusal(ann, "/quit");
    say(ann, "/leave #tea");
    expect_refusal(ann, "/quit");
    expect_quiet(ann);
    server_stop(server);
}

Test(talk_rooms, a_room_ends_with_its_last_member_and_forgets)
{
    struct server *server = server_start();
    struct client *ann = open_in(server, "ann", "#tea");
    struct client *bob = client_open_as(server, "bob");

    say(ann, "to be forgotten");
    say(ann, "/topic forgotten too");
    say(ann, "/lock sesame");
    say(ann, "/leave");
    expect_accepted(ann);
    say(bob, "/rooms");
    barrier(bob);
    expect_unheard(bob, "#tea");
    say(bob, "/join #tea");
    say(bob, "/topic");
    say(bob, "/history");
    expect_accepted(bob);
    expect_unheard(bob, "forgotten");
    server_stop(server);
}

Test(talk_rooms, a_topic_is_told_to_all_and_shown_on_request)
{
    struct server *server = server_start();
    struct client *ann = open_in(server, "ann", "#tea");
    struct client *bob = open_in(server, "bob", "#tea");

    say(bob, "/topic");
    expect_accepted(bob);
    say(ann, "/topic Earl Grey & more");
    expect(bob, "#tea -- ann set the topic: Earl Grey & more");
    barrier(ann);
    expect_heard(ann, "#tea -- ann set the topic: Earl Grey & more");
    say(bob, "/topic");
    cr_assert_eq(barrier(bob), 1);
    cr_assert(strncmp(heard(bob, 0), "* ", 2) == 0 && strstr(heard(bob, 0), "Earl Grey & more"));
    server_stop(server);
}

/* ---- keys ---- */

/* ann, creator of #tea, talks in it; the key is sesame. bob is in the lobby. */
static struct server *start_locked(struct client **ann, struct client **bob)
{
    struct server *server = server_start();

    *ann = open_in(server, "ann", "#tea");
    *bob = client_open_as(server, "bob");
    say(*ann, "/lock sesame");
    expect_accepted(*ann);
    return server;
}

Test(talk_rooms, a_locked_room_asks_newcomers_for_its_key)
{
    struct client *ann, *bob;
    struct server *server = start_locked(&ann, &bob);

    say(bob, "/join #tea");
    expect_refusal(bob, "#tea");
    say(bob, "/join #tea Sesame");
    expect_refusal(bob, "#tea");
    expect_quiet(bob);
    say(ann, "secret");
    barrier(ann);
    expect_quiet(bob);
    say(bob, "/join #tea sesame");
    expect_accepted(bob);
    say(bob, "hello");
    expect(ann, "#tea <bob> hello");
    server_stop(server);
}

Test(talk_rooms, who_is_in_a_locked_room_needs_no_key)
{
    struct client *ann, *bob;
    struct server *server = start_locked(&ann, &bob);

    say(bob, "/join #tea sesame");
    expect_accepted(bob);
    say(bob, "/join #lobby");
    say(bob, "/join #tea");
    expect_accepted(bob);
    server_stop(server);
}

Test(talk_rooms, an_unlocked_room_is_open_again)
{
    struct client *ann, *bob;
    struct server *server = start_locked(&ann, &bob);

    say(ann, "/unlock");
    expect_accepted(ann);
    say(bob, "/join #tea");
    expect_accepted(bob);
    server_stop(server);
}

Test(talk_rooms, a_lock_without_key_makes_one_and_tells_it)
{
    struct server *server = server_start();
    struct client *ann = open_in(server, "ann", "#tea");
    struct client *bob = client_open_as(server, "bob");

    say(ann, "/lock");
    expect_accepted(ann);
    const char *told = heard(ann, 0);
    const char before[] = "* #tea is locked. To enter: /join #tea ";
    cr_assert(strncmp(told, before, strlen(before)) == 0, "not an answer: %s", told);
    say(ann, "/lock");
    expect_next(ann, "%s", told); /* shown again, not replaced */
    say(bob, "/join #tea");
    expect_next(bob, "! #tea is locked. To enter: /join #tea KEY");
    say(bob, "/join #tea %s", told + strlen(before));
    expect_accepted(bob);
    server_stop(server);
}

Test(talk_rooms, only_the_creator_locks_and_unlocks)
{
    struct client *ann, *bob;
    struct server *server = start_locked(&ann, &bob);

    say(bob, "/join #tea sesame");
    expect_accepted(bob);
    say(bob, "/lock mine");
    expect_refusal(bob, "#tea");
    say(bob, "/unlock");
    expect_refusal(bob, "#tea");
    say(bob, "/join #lobby");
    expect_accepted(bob);
    say(bob, "/lock mine");
    expect_refusal(bob, "#lobby");
    say(bob, "/unlock");
    expect_refusal(bob, "#lobby");
    server_stop(server);
}

Test(talk_rooms, the_creators_right_survives_a_change_of_name)
{
    struct client *ann, *bob;
    struct server *server = start_locked(&ann, &bob);

    say(ann, "/nick eve");
    say(ann, "/unlock");
    expect_accepted(ann);
    server_stop(server);
}

Test(talk_rooms, the_right_ends_with_the_creators_leaving)
{
    struct client *ann, *bob;
    struct server *server = start_locked(&ann, &bob);

    say(bob, "/join #tea sesame");
    expect_accepted(bob);
    say(ann, "/leave #tea");
    say(ann, "/join #tea sesame");
    expect_accepted(ann);
    say(ann, "/unlock");
    expect_refusal(ann, "#tea");
    say(bob, "/unlock");
    expect_refusal(bob, "#tea");
    server_stop(server);
}

Test(talk_rooms, the_creators_name_alone_gives_no_right)
{
    struct client *ann, *bob;
    struct server *server = start_locked(&ann, &bob);

    say(bob, "/join #tea sesame");
    say(ann, "/nick eve");
    expect_accepted(ann);
    expect_accepted(bob);
    say(bob, "/nick ann");
    expect_accepted(bob);
    say(bob, "/unlock");
    expect_refusal(bob, "#tea");
    server_stop(server);
}

/* ---- limits ---- */

Test(talk_rooms, a_client_is_in_twenty_rooms_at_most)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    for (int i = 2; i <= 20; i++)
        say(ann, "/join #r%d", i);
    expect_accepted(ann);
    say(ann, "/join #r21");
    expect_refusal(ann, "20");
    expect_quiet(ann);
    say(ann, "/join #r7");
    expect_accepted(ann);
    say(ann, "/leave #r2");
    say(ann, "/join #r21");
    expect_accepted(ann);
    server_stop(server);
}

Test(talk_rooms, ten_thousand_rooms_in_all)
{
    enum { OWN_ROOMS = 19, CLIENTS = 9999 / OWN_ROOMS + 1 };
    struct server *server = server_start();
    size_t refused = 0;

    for (int i = 0; i < CLIENTS; i++) {
        struct client *client = client_open(server);
        for (int j = 0; j < OWN_ROOMS; j++)
            say(client, "/join #r%d", i * OWN_ROOMS + j);
    }
    for (struct client *client = server->clients; client; client = client->next) {
        barrier(client);
        refused += heard_count(client, "! ");
    }
    cr_assert_eq(CLIENTS * OWN_ROOMS + 1 - refused, 10000, "%zu refused", refused);
    server_stop(server);
}

/* ---- who is there ---- */

/* How many of `guest1` to `guest<count>` the lines collected by the last barrier name. */
static int named_guests(struct client *client, int count)
{
    int named = 0;

    for (int i = 1; i <= count; i++) {
        char name[32];
        bool found = false;

        snprintf(name, sizeof name, "guest%d", i);
        for (size_t j = 0; j < client->collected_count; j++)
            found = found || has_word(heard(client, j), name);
        named += found;
    }
    return named;
}

static bool heard_word(struct client *client, const char *word)
{
    for (size_t i = 0; i < client->collected_count; i++)
        if (has_word(heard(client, i), word))
            return true;
    return false;
}

Test(talk_rooms, who_names_the_members_of_a_room)
{
    struct server *server = server_start();
    struct client *ann = open_in(server, "ann", "#tea");

    open_in(server, "bob", "#tea");
    client_open_as(server, "eve");
    say(ann, "/who");
    expect_accepted(ann);
    cr_assert(heard_word(ann, "ann") && heard_word(ann, "bob") && !heard_word(ann, "eve"));
    say(ann, "/who #LOBBY");
    expect_accepted(ann);
    cr_assert(heard_word(ann, "ann") && heard_word(ann, "bob") && heard_word(ann, "eve"));
    server_stop(server);
}

Test(talk_rooms, who_names_a_hundred_and_counts_the_rest)
{
    struct server *server = server_start();
    struct client *client = NULL;

    for (int i = 1; i <= 107; i++)
        client = client_open(server);
    for (struct client *each = client; each; each = each->next)
        barrier(each);
    say(client, "/who");
    barrier(client);
    cr_assert_eq(named_guests(client, 107), 100);
    cr_assert(heard_word(client, "7"), "the seven others are not counted");
    server_stop(server);
}

Test(talk_rooms, rooms_are_listed_with_counts)
{
    struct server *server = server_start();
    struct client *ann = open_in(server, "ann", "#tea");

    client_open_as(server, "bob");
    client_open_as(server, "eve");
    say(ann, "/rooms");
    expect_accepted(ann);
    cr_assert(has_word(expect_heard(ann, "#lobby"), "3"));
    const char *tea = strstr(expect_heard(ann, "#tea"), "#tea");
    cr_assert(has_word(tea, "1"), "no count: %s", tea);
    server_stop(server);
}

Test(talk_rooms, rooms_names_a_hundred_and_counts_the_rest)
{
    struct server *server = server_start();
    int rooms = 1, named = 0;

    while (rooms < 106) {
        struct client *client = client_open(server);
        for (int i = 0; i < 15; i++, rooms++)
            say(client, "/join #room-%d", rooms);
        expect_accepted(client);
    }
    struct client *ann = client_open_as(server, "ann");
    say(ann, "/rooms");
    expect_accepted(ann);
    for (int i = 0; i < rooms; i++) {
        char room[32];
        snprintf(room, sizeof room, i ? "room-%d" : "lobby", i);
        named += heard_word(ann, room);
    }
    cr_assert_eq(named, 100);
    cr_assert(heard_word(ann, "6"), "the six other rooms are not counted");
    server_stop(server);
}
