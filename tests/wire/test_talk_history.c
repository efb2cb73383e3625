/* What a room remembers, and who is shown which part of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/client.h"

static void say_lines(struct client *client, int first, int last)
{
    for (int i = first; i <= last; i++)
        say(client, "line %d", i);
    barrier(client);
}

/* Sends `command`; the answer's remembered lines are ann's `first` to `last` in `room`. */
static void expect_history(struct client *client, const char *command, const char *room, int first,
                           int last)
{
    size_t shown = 0;
    char expected[64];

    say(client, "%s", command);
    expect_accepted(client);
    for (size_t i = 0; i < client->collected_count; i++) {
        if (heard(client, i)[0] != '~')
            continue;
        snprintf(expected, sizeof expected, "%s <ann> line %d", room, first + (int)shown++);
        if (!is_remembered(heard(client, i), expected))
            client_fail(HERE, client, "%s: expected %s, came %s", command, expected,
                        heard(client, i));
    }
    cr_assert_eq((int)shown, last - first + 1, "%s: %zu lines", command, shown);
}

Test(talk_history, shows_the_last_lines_asked_for_oldest_first)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");

    say_lines(ann, 1, 30);
    expect_history(bob, "/history 1", "#lobby", 30, 30);
    expect_history(bob, "/history 7", "#lobby", 24, 30);
    expect_history(bob, "/history 30", "#lobby", 1, 30);
    expect_history(bob, "/history 99999", "#lobby", 1, 30);
    expect_history(ann, "/history 2", "#lobby", 29, 30);
    server_stop(server);
}

Test(talk_history, without_a_number_shows_the_latest)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    say_lines(ann, 1, 5);
    expect_history(ann, "/history", "#lobby", 1, 5);
    server_stop(server);
}

Test(talk_history, forgets_the_oldest_lines)
{
    struct server *server = server_start("--history", "5");
    struct client *ann = client_open_as(server, "ann");

    say_lines(ann, 1, 12);
    expect_history(ann, "/history 100", "#lobby", 8, 12);
    server_stop(server);
}

Test(talk_history, remembers_a_hundred_lines_unless_told_otherwise)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    say_lines(ann, 1, 120);
    expect_history(ann, "/history 1000", "#lobby", 21, 120);
    server_stop(server);
}

Test(talk_history, is_each_rooms_own)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    say_lines(ann, 1, 3);
    say(ann, "/join #tea");
    say_lines(ann, 4, 6);
    expect_history(ann, "/history 50", "#tea", 4, 6);
    say(ann, "/join #lobby");
    expect_accepted(ann);
    expect_history(ann, "/history 50", "#lobby", 1, 3);
    server_stop(server);
}

Test(talk_history, keeps_lines_as_they_were_sent)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    say(ann, "as ann");
    say(ann, "/me is renamed");
    say(ann, "/nick eve");
    say(ann, "as eve");
    say(ann, "/history 3");
    expect_accepted(ann);
    cr_assert(is_remembered(expect_heard(ann, "<ann>"), "#lobby <ann> as ann"));
    cr_assert(is_remembered(expect_heard(ann, "is renamed"), "#lobby * ann is renamed"));
    cr_assert(is_remembered(expect_heard(ann, "<eve>"), "#lobby <eve> as eve"));
    server_stop(server);
}

Test(talk_history, holds_no_events_and_nothing_private)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "line 1");
    say(ann, "/topic mills");
    say(ann, "/msg bob psst");
    say(ann, "/nick anna");
    say(ann, "/nick ann");
    say(ann, "line 2");
    barrier(ann);
    barrier(bob);
    expect_history(bob, "/history 50", "#lobby", 1, 2);
    server_stop(server);
}

Test(talk_history, leaves_out_whom_one_ignores)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");
    struct client *eve = client_open_as(server, "eve");

    say(ann, "line 1");
    barrier(ann);
    say(bob, "not for eve");
    barrier(bob);
    say(ann, "line 2");
    barrier(ann);
    barrier(eve);
    say(eve, "/ignore bob");
    expect_accepted(eve);
    say(bob, "/nick rob");
    say(bob, "nor this");
    barrier(bob);
    barrier(eve);
    expect_history(eve, "/history 50", "#lobby", 1, 2);
    say(eve, "/unignore rob");
    say(eve, "/history 50");
    expect_accepted(eve);
    expect_heard(eve, "#lobby <bob> not for eve");
    expect_heard(eve, "#lobby <rob> nor this");
    server_stop(server);
}

Test(talk_history, is_answered_also_where_nothing_is_left_to_show)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");

    say(ann, "/history");
    expect(ann, "* Nothing said in #lobby is remembered yet.");
    say_lines(bob, 1, 3);
    say(ann, "/ignore bob");
    barrier(ann);
    say(ann, "/history");
    expect_next(ann, "* #lobby remembers only lines of people you ignore.");
    server_stop(server);
}

Test(talk_history, stands_where_it_was_asked_for)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");

    say_lines(ann, 1, 3);
    say(bob, "/history 3");
    say(bob, "/ping behind");
    expect_prefix(bob, "~ ");
    next_line(bob);
    next_line(bob);
    expect_next(bob, "* pong behind");
    server_stop(server);
}
