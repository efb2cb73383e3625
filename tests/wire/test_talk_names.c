/* Who may be called what. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/client.h"

Test(talk_names, a_name_once_taken_is_shown_with_everything_said)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "hello");
    expect(bob, "#lobby <ann> hello");
    say(ann, "/nick eve");
    say(ann, "me again");
    expect_next(bob, "#lobby -- ann is now eve");
    expect_next(bob, "#lobby <eve> me again");
    server_stop(server);
}

Test(talk_names, a_change_of_name_is_not_shown_to_its_owner_who_is_told)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    say(ann, "what I say announces me");
    say(ann, "/nick eve");
    barrier(ann);
    expect_heard(ann, "* You are now eve.");
    expect_unheard(ann, "is now eve");
    server_stop(server);
}

Test(talk_names, a_change_of_name_is_shown_to_people_who_ignore_its_owner)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "what I say announces me");
    barrier(ann);
    say(bob, "/ignore ann");
    expect_accepted(bob);
    say(ann, "/nick eve");
    say(ann, "unheard");
    barrier(ann);
    barrier(bob);
    expect_heard(bob, "#lobby -- ann is now eve");
    expect_unheard(bob, "unheard");
    server_stop(server);
}

Test(talk_names, without_a_name_nick_tells_ones_own)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    say(ann, "/nick");
    expect_next(ann, "* You are ann.");
    server_stop(server);
}

Test(talk_names, names_that_could_be_taken_for_the_server_are_reserved)
{
    static const char *const names[] = {"server", "Chatd", "ADMIN", "mill", "nobody", "you"};
    struct server *server = server_start("--name", "Mill");
    struct client *ann = client_open_as(server, "ann");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        say(ann, "/nick %s", names[i]);
        expect_next(ann, "! The name %s is reserved.", names[i]);
    }
    server_stop(server);
}

Test(talk_names, a_change_of_name_is_shown_in_each_of_its_owners_rooms_and_no_other)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(bob, "/join #tea");
    say(bob, "/join #jam");
    expect_accepted(bob);
    say(ann, "hello");
    say(ann, "/join #tea");
    say(ann, "hello");
    say(ann, "/nick eve");
    barrier(ann);
    barrier(bob);
    expect_heard(bob, "#lobby -- ann is now eve");
    expect_heard(bob, "#tea -- ann is now eve");
    expect_unheard(bob, "#jam -- ");
    server_stop(server);
}

Test(talk_names, names_of_letters_digits_underscore_and_hyphen_are_fine)
{
    static const char *const names[] = {
        "a",     "Z",      "a1",      "A_b-C", "z-",     "abcdefghijklmnopqrst",
        "guest", "guestx", "guest1x", "gues1", "guest-1"};
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        say(ann, "/nick %s", names[i]);
        expect_accepted(ann);
        say(ann, "/whois %s", names[i]);
        expect_accepted(ann);
    }
    server_stop(server);
}

Test(talk_names, names_that_are_not_valid_are_refused)
{
    static const char *const names[] = {"1abc",      "_abc",  "-abc",   "a.b",
                                        "a:b",       "<ann>", "#lobby", "abcdefghijklmnopqrstu",
                                        "\xc3\xa9va"};
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        say(ann, "/nick %s", names[i]);
        const char *line = expect_refusal(ann, names[i]);
        cr_assert(strstr(line, "is not a valid name"), "%s", line);
        expect_quiet(ann);
    }
    server_stop(server);
}

Test(talk_names, the_servers_own_names_cannot_be_taken)
{
    static const char *const names[] = {"guest0", "guest77", "GUEST5", "Guest007",
                                        "guest123456789012345"};
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        say(ann, "/nick %s", names[i]);
        expect_refusal(ann, names[i]);
        expect_quiet(ann);
    }
    server_stop(server);
}

Test(talk_names, a_name_is_unique_whatever_the_case)
{
    static const char *const names[] = {"ann", "ANN", "aNn"};
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");

    client_open_as(server, "Ann");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        say(bob, "/nick %s", names[i]);
        expect_refusal(bob, names[i]);
        expect_quiet(bob);
    }
    server_stop(server);
}

Test(talk_names, ones_own_name_may_change_its_case)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "/nick ANN");
    expect_accepted(ann);
    say(ann, "hello");
    expect(bob, "#lobby <ANN> hello");
    server_stop(server);
}

Test(talk_names, people_are_found_whatever_the_case)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "Bob");

    say(ann, "/msg bOB hello");
    expect(bob, "@ann hello");
    say(ann, "/whois BOB");
    barrier(ann);
    cr_assert(heard_count(ann, "Bob") > 0);
    server_stop(server);
}

Test(talk_names, a_name_left_behind_is_free_again)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");

    say(ann, "/nick eve");
    expect_accepted(ann);
    say(bob, "/nick ann");
    expect_accepted(bob);
    say(ann, "/nick bob");
    expect_accepted(ann);
    server_stop(server);
}

Test(talk_names, the_name_of_someone_gone_is_free_again)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");

    say(ann, "/quit");
    expect_end(ann);
    say(bob, "/nick ANN");
    expect_accepted(bob);
    server_stop(server);
}

Test(talk_names, a_guests_number_is_never_given_to_two)
{
    struct server *server = server_start();
    struct client *first = client_guest(server);
    struct client *second = client_guest(server);

    say(first, "/quit");
    expect_end(first);
    struct client *third = client_guest(server);
    cr_assert_str_neq(second->name, third->name);
    say(third, "/whois %s", second->name);
    expect_accepted(third);
    server_stop(server);
}
