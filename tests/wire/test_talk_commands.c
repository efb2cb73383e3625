/* Every command with good, missing and wrong arguments, shortened, and unknown. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/client.h"

static const char *const commands[] = {
    "/help", "/nick",   "/join",    "/leave",  "/rooms",    "/who",   "/msg",  "/me",   "/topic",
    "/lock", "/unlock", "/history", "/ignore", "/unignore", "/whois", "/away", "/ping", "/quit"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- help ---- */

Test(talk_commands, help_names_every_command_and_fits_a_terminal)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    say(ann, "/help");
    size_t lines = barrier(ann);
    cr_assert(lines > 0 && lines <= 23, "%zu lines", lines);
    for (size_t i = 0; i < lines; i++) {
        cr_assert(strncmp(heard(ann, i), "* ", 2) == 0, "not information: %s", heard(ann, i));
        cr_assert(strlen(heard(ann, i)) <= 80, "too wide: %s", heard(ann, i));
    }
    for (size_t i = 0; i < COUNT(commands); i++)
        cr_assert(heard_count(ann, commands[i]) > 0, "no %s in the help", commands[i]);
    cr_assert(heard_count(ann, "//") > 0, "no // in the help");
    server_stop(server);
}

Test(talk_commands, help_explains_each_command)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    for (size_t i = 0; i < COUNT(commands); i++) {
        say(ann, "/help %s", commands[i] + 1);
        expect_accepted(ann);
        cr_assert(heard_count(ann, commands[i]) > 0, "no %s in its help", commands[i]);
    }
    say(ann, "/help frobnicate");
    expect_refusal(ann, "frobnicate");
    expect_quiet(ann);
    server_stop(server);
}

/* ---- what is refused ---- */

struct wrong {
    const char *line;
    const char *names; /* what was wrong, in the answer */
    const char *usage; /* and the usage */
};

/* Sends each line; the answer is one `!` line that names both. */
static void expect_all_refused(struct client *client, const struct wrong *wrong, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        say(client, "%s", wrong[i].line);
        const char *answer = expect_refusal(client, wrong[i].names);
        if (!strstr(answer, wrong[i].usage))
            client_fail(HERE, client, "%s: no usage (%s) in %s", wrong[i].line, wrong[i].usage,
                        answer);
        expect_quiet(client);
    }
}

Test(talk_commands, missing_arguments_are_refused_with_the_usage)
{
    static const struct wrong wrong[] = {
        {"/join", "#room is missing.", "/join #room"},
        {"/msg", "NICK is missing.", "/msg NICK TEXT"},
        {"/msg bob", "TEXT is missing.", "/msg NICK TEXT"},
        {"/msg bob ", "/msg", "/msg NICK TEXT"},
        {"/me", "/me", "/me TEXT"},
        {"/me ", "/me", "/me TEXT"},
        {"/unignore", "/unignore", "/unignore NICK"},
        {"/whois", "/whois", "/whois NICK"},
    };
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    expect_all_refused(ann, wrong, COUNT(wrong));
    expect_quiet(bob);
    server_stop(server);
}

Test(talk_commands, wrong_arguments_are_refused_and_named)
{
    static const struct wrong wrong[] = {
        {"/nick a.b", "\"a.b\" is not a valid name: 1 to 20", ""},
        {"/unlock now", "Too many words: \"now\"", "Usage: /unlock"},
        {"/join #tea k9 secret", "Too many words.", "Usage: /join #room"},
        {"/join #a.b", "\"#a.b\" is not a valid room", ""},
        {"/leave tea", "#tea", ""},
        {"/leave #nowhere", "#nowhere", ""},
        {"/who #nowhere", "#nowhere", ""},
        {"/who nowhere", "#nowhere", ""},
        {"/msg nobody hi", "There is nobody called nobody; nothing was sent.", ""},
        {"/history x", "\"x\" is not a number from 1 to 100000", ""},
        {"/history -1", "\"-1\"", ""},
        {"/history 5x", "\"5x\"", ""},
        {"/ignore nobody", "nobody", ""},
        {"/unignore nobody", "nobody", ""},
        {"/unignore bob", "bob", ""},
        {"/whois nobody", "nobody", ""},
        {"/lock", "#lobby", ""},
        {"/unlock", "#lobby", ""},
    };
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    expect_all_refused(ann, wrong, COUNT(wrong));
    expect_quiet(bob);
    server_stop(server);
}

Test(talk_commands, unknown_commands_are_refused_and_not_said)
{
    static const struct wrong wrong[] = {
        {"/frobnicate", "frobnicate", "/help"},
        {"/frobnicate all of it", "frobnicate", "/help"},
        {"/nickname ann", "nickname", "/help"},
        {"/", "/", "/help"},
    };
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    expect_all_refused(ann, wrong, COUNT(wrong));
    expect_quiet(bob);
    server_stop(server);
}

/* ---- abbreviations ---- */

Test(talk_commands, a_command_may_be_shortened_while_only_one_begins_so)
{
    static const char *const lines[] = {"/he", "/n anna",   "/j #tea",  "/r",    "/ms bob hi", "/t",
                                        "/lo", "/unl",      "/hi",      "/ig",   "/a tea",     "/p",
                                        "/le", "/whoi bob", "/nic ann", "/room", "/unig bob"};
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "/ignore bob");
    for (size_t i = 0; i < COUNT(lines); i++) {
        say(ann, "%s", lines[i]);
        expect_accepted(ann);
    }
    expect(bob, "@anna hi");
    say(ann, "/q bye");
    expect(bob, "#lobby -- ann left (quit: bye)");
    server_stop(server);
}

Test(talk_commands, an_ambiguous_beginning_is_refused)
{
    static const struct wrong wrong[] = {
        {"/h", "/h", ""}, {"/m bob hi", "/m", ""}, {"/w", "/w", ""},  {"/wh", "/wh", ""},
        {"/l", "/l", ""}, {"/u bob", "/u", ""},    {"/un", "/un", ""}};
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    expect_all_refused(ann, wrong, COUNT(wrong));
    expect_quiet(bob);
    server_stop(server);
}

Test(talk_commands, a_whole_command_is_itself_even_if_another_begins_so)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "/who");
    expect_accepted(ann);
    say(ann, "/me waves");
    expect(bob, "#lobby * ann waves");
    server_stop(server);
}

/* ---- whois, ping, quit ---- */

Test(talk_commands, whois_tells_name_rooms_idle_time_and_away_text)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");
    struct client *bob = client_open_as(server, "bob");
    static const char *const told[] = {"ann", "#lobby", "#tea", "active now", "gone fishing"};

    say(ann, "/join #tea");
    say(ann, "/away gone fishing");
    expect_accepted(ann);
    say(bob, "/whois ANN");
    barrier(bob);
    for (size_t i = 0; i < COUNT(told); i++)
        cr_assert(heard_count(bob, told[i]) > 0, "not told: %s", told[i]);
    for (size_t i = 0; i < bob->collected_count; i++)
        cr_assert(strncmp(heard(bob, i), "* ", 2) == 0, "not information: %s", heard(bob, i));
    server_stop(server);
}

Test(talk_commands, whois_works_for_oneself)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    say(ann, "/whois ann");
    expect_accepted(ann);
    cr_assert(heard_count(ann, "#lobby") > 0);
    server_stop(server);
}

Test(talk_commands, ping_gives_its_token_back)
{
    struct server *server = server_start();
    struct client *ann = client_open_as(server, "ann");

    say(ann, "/ping t0ken-!");
    expect_next(ann, "* pong t0ken-!");
    say(ann, "/ping");
    cr_assert(strncmp(next_line(ann), "* pong", 6) == 0);
    server_stop(server);
}

Test(talk_commands, quit_ends_the_connection_and_shows_the_parting_word)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "hello");
    say(ann, "/quit see you all");
    expect_end(ann);
    expect(bob, "#lobby -- ann left (quit: see you all)");
    server_stop(server);
}

Test(talk_commands, quit_without_a_word_ends_the_connection_too)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "hello");
    say(ann, "/quit");
    expect_end(ann);
    expect_prefix(bob, "#lobby -- ann left");
    server_stop(server);
}

Test(talk_commands, what_is_typed_behind_quit_is_not_carried_out_and_does_no_harm)
{
    enum { LINES = 5000 };
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");
    static char text[LINES * 16 + 64] = "last words\n/ping last\n/quit bye\n";

    for (size_t i = 0, start = strlen(text); i < LINES; i++)
        memcpy(text + start + i * 12, "too late...\n", 12);
    send_text(ann, text);
    expect(ann, "* pong last");
    expect_end(ann);
    expect(bob, "#lobby <ann> last words");
    expect(bob, "#lobby -- ann left (quit: bye)");
    expect_quiet(bob);
    server_stop(server);
}

Test(talk_commands, all_that_was_said_before_quit_arrives)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    for (int i = 0; i < 100; i++)
        say(ann, "line %d", i);
    say(ann, "/quit");
    for (int i = 0; i < 100; i++)
        expect_next(bob, "#lobby <ann> line %d", i);
    expect_prefix(bob, "#lobby -- ann left");
    server_stop(server);
}

/* Words of a command's argument are separated by blanks, and TEXT is the rest of the line. */
Test(talk_commands, text_is_the_rest_of_the_line_as_it_was_typed)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "/msg bob two  blanks /quit");
    expect(bob, "@ann two  blanks /quit");
    say(ann, "/topic  a  b");
    const char *line = expect_prefix(bob, "#lobby -- ann set the topic: ");
    cr_assert(strstr(line, "a  b"));
    server_stop(server);
}
