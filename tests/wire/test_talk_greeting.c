/* What a newcomer is shown before anything else: the greeting, a line of help, the motd and the
 * room's last remembered lines. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/client.h"

Test(talk_greeting, begins_with_the_server_and_the_guests_name)
{
    struct server *server = server_start();
    struct client *client = client_open(server);

    expect_greeting(client, "chatd");
    server_stop(server);
}

Test(talk_greeting, shows_the_name_given_as_an_option)
{
    struct server *server = server_start("--name", "The Old Mill");
    struct client *client = client_open(server);

    expect_greeting(client, "The Old Mill");
    server_stop(server);
}

Test(talk_greeting, is_two_lines_in_a_quiet_room_without_motd)
{
    struct server *server = server_start();
    struct client *client = client_open(server);

    expect_greeting(client, "chatd");
    const char *help = next_line(client);
    cr_assert_str_eq(help, "* Type to talk. /nick NAME, /help, /quit. Nobody else is here.");
    expect_quiet(client);
    server_stop(server);
}

Test(talk_greeting, is_followed_by_the_own_arrival_and_nothing_more)
{
    struct server *server = server_start();
    struct client *client = client_open(server);

    client->hears_newcomers = true;
    expect_greeting(client, "chatd");
    next_line(client);
    expect_next(client, "#lobby -- %s joined", client->name);
    expect_quiet(client);
    server_stop(server);
}

Test(talk_greeting, help_line_says_who_else_is_there)
{
    struct server *server = server_start();
    const char *const names[] = {"ann", "bob", "eve"};

    for (int i = 0; i < 3; i++)
        client_open_as(server, names[i]);
    struct client *client = client_open(server);
    expect_greeting(client, "chatd");
    const char *help = next_line(client);
    cr_assert_str_eq(help, "* Type to talk. /nick NAME, /help, /quit. 3 others: ann, bob, eve.");
    server_stop(server);
}

Test(talk_greeting, shows_the_motd_line_by_line_after_the_help)
{
    char *motd = scratch_write("motd", "Welcome to the mill.\n\nMind the step.\nno newline");
    struct server *server = server_start("--motd", motd);
    struct client *client = client_open(server);

    expect_greeting(client, "chatd");
    next_line(client);
    expect_next(client, "* Welcome to the mill.");
    expect_next(client, "* ");
    expect_next(client, "* Mind the step.");
    expect_next(client, "* no newline");
    expect_quiet(client);
    server_stop(server);
    free(motd);
}

/* Lines 1 to `count` of ann, in the lobby. */
static struct client *let_ann_say(struct server *server, int count)
{
    struct client *ann = client_open_as(server, "ann");

    for (int i = 1; i <= count; i++)
        say(ann, "line %d", i);
    barrier(ann);
    return ann;
}

/* The very next lines are the remembered lines `first` to `last` of ann. */
static void expect_remembered(struct client *client, int first, int last)
{
    char line[64];

    for (int i = first; i <= last; i++) {
        snprintf(line, sizeof line, "#lobby <ann> line %d", i);
        const char *came = next_line(client);
        cr_assert(is_remembered(came, line), "expected a remembered %s, came %s", line, came);
    }
}

Test(talk_greeting, ends_with_the_last_ten_remembered_lines)
{
    char *motd = scratch_write("motd", "the motd\n");
    struct server *server = server_start("--motd", motd);

    let_ann_say(server, 12);
    struct client *client = client_open(server);
    expect_prefix(client, "* Welcome to chatd.");
    next_line(client);
    expect_next(client, "* the motd");
    expect_remembered(client, 3, 12);
    expect_quiet(client);
    server_stop(server);
    free(motd);
}

Test(talk_greeting, shows_as_many_remembered_lines_as_there_are)
{
    struct server *server = server_start();

    let_ann_say(server, 3);
    struct client *client = client_open(server);
    expect_prefix(client, "* Welcome to chatd.");
    next_line(client);
    expect_remembered(client, 1, 3);
    expect_quiet(client);
    server_stop(server);
}

Test(talk_greeting, remembers_the_lobby_after_its_last_member_left)
{
    struct server *server = server_start();
    struct client *ann = let_ann_say(server, 2);

    say(ann, "/quit");
    expect_end(ann);
    struct client *client = client_open(server);
    expect_prefix(client, "* Welcome to chatd.");
    next_line(client);
    expect_remembered(client, 1, 2);
    server_stop(server);
}

Test(talk_greeting, remembers_emotes_but_no_events_and_nothing_private)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    client_open_as(server, "bob");
    say(ann, "/me waves");
    say(ann, "/topic mills");
    say(ann, "/msg bob psst");
    say(ann, "/nick anna");
    expect_accepted(ann);
    struct client *client = client_open(server);
    expect_prefix(client, "* Welcome to chatd.");
    next_line(client);
    expect_next(client, "* The topic of #lobby is: mills");
    cr_assert(is_remembered(next_line(client), "#lobby * ann waves"));
    barrier(client);
    expect_unheard(client, "psst");
    cr_assert(heard_count(client, "~ ") == 0, "something else was remembered");
    server_stop(server);
}

static void format_now(char text[32])
{
    struct timespec now; /* time() may be a tick behind this one */
    struct tm parts;

    clock_gettime(CLOCK_REALTIME, &now);
    strftime(text, 32, "%Y-%m-%d %H:%M:%S", gmtime_r(&now.tv_sec, &parts));
}

Test(talk_greeting, dates_remembered_lines_in_utc_wherever_the_server_stands)
{
    char before[32], after[32];

    setenv("TZ", "XYZ-9:30", 1);
    struct server *server = server_start();
    format_now(before);
    let_ann_say(server, 1);
    format_now(after);
    struct client *client = client_open(server);
    const char *line = expect_prefix(client, "~ ") + 2;
    cr_assert(strncmp(line, before, 19) >= 0 && strncmp(line, after, 19) <= 0,
              "%s is not between %s and %s", line, before, after);
    server_stop(server);
}

Test(talk_greeting, gives_every_guest_a_name_of_its_own)
{
    enum { GUESTS = 30 };
    struct server *server = server_start();
    struct client *guests[GUESTS];

    for (int i = 0; i < GUESTS; i++) {
        guests[i] = client_open(server);
        expect_greeting(guests[i], "chatd");
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(guests[i]->name, guests[j]->name);
    }
    server_stop(server);
}

Test(talk_greeting, is_the_same_over_ipv4_ipv6_and_a_unix_socket)
{
    char *path = scratch_path("socket"), listener[128];

    snprintf(listener, sizeof listener, "unix:%s", path);
    struct server *server = server_start("-l", "127.0.0.1:0", "-l", "[::1]:0", "-l", listener);
    for (int i = 0; i < server->listeners; i++) {
        struct client *client = client_open_listener(server, i);
        expect_greeting(client, "chatd");
        next_line(client);
        expect_quiet(client);
        client_close(client);
    }
    cr_assert_eq(server->listeners, 3);
    server_stop(server);
    free(path);
}
