/* Between two people: private messages, being away, and not hearing someone. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"

/* Three people in the lobby. */
struct trio {
    struct server *server;
    struct client *ann;
    struct client *bob;
    struct client *eve;
};

static struct trio trio_start(void)
{
    struct trio trio = {.server = server_start()};

    trio.ann = client_open_as(trio.server, "ann");
    trio.bob = client_open_as(trio.server, "bob");
    trio.eve = client_open_as(trio.server, "eve");
    return trio;
}

Test(talk_private, a_message_reaches_its_receiver_alone)
{
    struct trio trio = trio_start();

    say(trio.ann, "/msg bob between us");
    expect_accepted(trio.ann);
    expect_quiet(trio.eve);
    expect_next(trio.bob, "@ann between us");
    server_stop(trio.server);
}

Test(talk_private, a_message_needs_no_room_in_common)
{
    struct trio trio = trio_start();

    say(trio.ann, "/join #tea");
    say(trio.ann, "/leave #lobby");
    say(trio.ann, "/msg bob hello");
    expect_accepted(trio.ann);
    expect(trio.bob, "@ann hello");
    server_stop(trio.server);
}

Test(talk_private, someone_away_gets_the_message_and_its_sender_the_away_text)
{
    struct trio trio = trio_start();

    say(trio.bob, "/away out for lunch");
    expect_accepted(trio.bob);
    say(trio.ann, "/msg bob hungry?");
    barrier(trio.ann);
    cr_assert(strncmp(expect_heard(trio.ann, "out for lunch"), "* ", 2) == 0);
    expect_next(trio.bob, "@ann hungry?");
    server_stop(trio.server);
}

Test(talk_private, someone_back_gives_no_away_text)
{
    struct trio trio = trio_start();

    say(trio.bob, "/away out for lunch");
    say(trio.bob, "/away");
    expect_accepted(trio.bob);
    say(trio.ann, "/msg bob hungry?");
    expect_accepted(trio.ann);
    expect_unheard(trio.ann, "lunch");
    say(trio.ann, "/whois bob");
    barrier(trio.ann);
    expect_unheard(trio.ann, "lunch");
    server_stop(trio.server);
}

Test(talk_private, being_away_is_answered_to_messages_not_to_speech)
{
    struct trio trio = trio_start();

    say(trio.bob, "/away out for lunch");
    expect_accepted(trio.bob);
    say(trio.ann, "hello all");
    expect_quiet(trio.ann);
    server_stop(trio.server);
}

/* Everything that bob can say to ann or in her room. */
static void let_bob_speak(struct trio *trio, const char *bob)
{
    say(trio->bob, "speech");
    say(trio->bob, "/me emotes");
    say(trio->bob, "/msg ann %s whispers", bob);
    barrier(trio->bob);
    barrier(trio->ann);
}

Test(talk_private, someone_ignored_is_not_heard_by_who_ignores)
{
    struct trio trio = trio_start();

    say(trio.ann, "/ignore BOB");
    expect_accepted(trio.ann);
    let_bob_speak(&trio, "bob");
    cr_assert_eq(trio.ann->collected_count, 0, "heard: %s", heard(trio.ann, 0));
    expect_next(trio.eve, "#lobby <bob> speech");
    expect_next(trio.eve, "#lobby * bob emotes");
    server_stop(trio.server);
}

Test(talk_private, ignoring_goes_one_way)
{
    struct trio trio = trio_start();

    say(trio.ann, "/ignore bob");
    say(trio.ann, "can you hear me?");
    say(trio.ann, "/msg bob can you?");
    expect_accepted(trio.ann);
    expect(trio.bob, "#lobby <ann> can you hear me?");
    expect_next(trio.bob, "@ann can you?");
    server_stop(trio.server);
}

Test(talk_private, ignoring_follows_a_change_of_name)
{
    struct trio trio = trio_start();

    say(trio.ann, "/ignore bob");
    expect_accepted(trio.ann);
    say(trio.bob, "/nick rob");
    expect_accepted(trio.bob);
    let_bob_speak(&trio, "rob");
    expect_unheard(trio.ann, "speech");
    expect_unheard(trio.ann, "emotes");
    expect_unheard(trio.ann, "whispers");
    say(trio.ann, "/ignore");
    expect_accepted(trio.ann);
    expect_heard(trio.ann, "rob");
    server_stop(trio.server);
}

Test(talk_private, the_name_of_someone_ignored_is_not_what_is_ignored)
{
    struct trio trio = trio_start();

    say(trio.ann, "/ignore bob");
    expect_accepted(trio.ann);
    say(trio.bob, "/nick rob");
    expect_accepted(trio.bob);
    say(trio.eve, "/nick bob");
    say(trio.eve, "hello");
    expect(trio.ann, "#lobby <bob> hello");
    server_stop(trio.server);
}

Test(talk_private, someone_is_heard_again_after_unignore)
{
    struct trio trio = trio_start();

    say(trio.ann, "/ignore bob");
    expect_accepted(trio.ann);
    let_bob_speak(&trio, "bob");
    say(trio.ann, "/unignore Bob");
    expect_accepted(trio.ann);
    let_bob_speak(&trio, "bob");
    expect_heard(trio.ann, "#lobby <bob> speech");
    expect_heard(trio.ann, "#lobby * bob emotes");
    expect_heard(trio.ann, "@bob bob whispers");
    server_stop(trio.server);
}

Test(talk_private, the_list_names_who_is_ignored)
{
    struct trio trio = trio_start();

    say(trio.ann, "/ignore");
    expect_accepted(trio.ann);
    expect_unheard(trio.ann, "bob");
    say(trio.ann, "/ignore bob");
    say(trio.ann, "/ignore eve");
    expect_accepted(trio.ann);
    say(trio.ann, "/ignore");
    expect_accepted(trio.ann);
    cr_assert(heard_count(trio.ann, "bob") > 0 && heard_count(trio.ann, "eve") > 0);
    say(trio.ann, "/unignore bob");
    expect_accepted(trio.ann);
    say(trio.ann, "/ignore");
    expect_accepted(trio.ann);
    expect_unheard(trio.ann, "bob");
    server_stop(trio.server);
}

Test(talk_private, what_was_said_before_is_not_taken_back)
{
    struct trio trio = trio_start();

    say(trio.bob, "before");
    barrier(trio.bob);
    say(trio.ann, "/ignore bob");
    expect(trio.ann, "#lobby <bob> before");
    server_stop(trio.server);
}

Test(talk_private, a_hundred_people_are_ignored_at_most)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *others[101];

    for (int i = 0; i < 101; i++) {
        others[i] = client_open(server);
        expect_greeting(others[i], "chatd");
    }
    for (int i = 0; i < 100; i++)
        say(ann, "/ignore %s", others[i]->name);
    expect_accepted(ann);
    say(ann, "/ignore %s", others[100]->name);
    expect_refusal(ann, "100");
    expect_quiet(ann);
    say(others[100], "still heard");
    expect(ann, "#lobby <%s> still heard", others[100]->name);
    say(ann, "/unignore %s", others[0]->name);
    say(ann, "/ignore %s", others[100]->name);
    expect_accepted(ann);
    server_stop(server);
}
