/* Every command with good, missing and wrong arguments, shortened, and unknown. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/client.h"

static const char *const commands[] = {
    "/help",  "/nick", "/join",   "/leave",   "/rooms",  "/who",      "/msg",   "/me",
    "/topic", "/lock", "/unlock", "/history", "/ignore", "/unignore", "/whois", "/away",
    "/ping",  "/quit", "/r",      "/kick",    "/give",   "/invite",   "/quiet", "/bell"};

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
        {"/history 0", "\"0\" is not a number from 1 to 100000", ""},
        {"/history 100001", "\"100001\"", ""},
        {"/history #nowhere", "#nowhere", ""},
        {"/nick bert abc", "A key is 4 to 20 printable ASCII characters.", ""},
        {"/nick bert abcd efgh", "Too many words. Usage: /nick [NAME [KEY]]", ""},
        {"/quiet maybe", "\"maybe\" is neither on nor off", "Usage: /quiet [on|off]"},
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
        {"/frobnicate", "There is no command /frobnicate. To say it: //frobnicate", ""},
        {"/frobnicate all of it", "frobnicate", "/help"},
        {"/nickname ann", "nickname", "/help"},
        {"/msg,bob secret", "/msg,bob", "/help"},
        {"/tmp", "There is no command /tmp. To say it: //tmp", ""},
        {"/", "/", ""},
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
    static const char *const lines[] = {"/he", "/n anna",   "/j #tea",  "/ro",   "/ms bob hi", "/t",
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
        {"/wh", "/who, /whois", ""}, {"/un", "/unlock, /unignore", ""}, {"/u bob", "/u", ""}};
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

Test(talk_commands, aliases_mean_what_they_always_mean)
{
    static const struct {
        const char *line;
        const char *answer;
    } aliases[] = {
        {"/m bob hi", "* Sent to bob only."},
        {"/tell bob hi", "* Sent to bob only."},
        {"/w", "* In #lobby: bob, ann"},
        {"/names", "* In #lobby: bob, ann"},
        {"/n", "* You are ann."},
        {"/list", "* #lobby: 2 people, you talk here"},
        {"/j #tea", "* You are in #tea. Nobody else is here."},
        {"/l", "* You left #tea and talk in #lobby."},
        {"/j tea", "* You are in #tea. Nobody else is here."},
        {"/part tea", "* You left #tea and talk in #lobby."},
    };
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    for (size_t i = 0; i < COUNT(aliases); i++) {
        say(ann, "%s", aliases[i].line);
        expect(ann, "%s", aliases[i].answer);
    }
    say(ann, "/h");
    expect(ann, "* /help [COMMAND]     all commands, or one");
    say(ann, "/exit bye (now)");
    expect_end(ann);
    expect(bob, "#lobby -- ann left (quit: bye [now])");
    say(bob, "/q");
    expect_end(bob);
    server_stop(server);
}

/* ---- what is speech ---- */

Test(talk_commands, pasted_code_is_speech)
{
    static const char *const lines[] = {
        "/* a comment */",    "// a comment", "/etc/hosts is broken", "/tmp/x",
        "#include <stdio.h>", "@ home",       "@3 o'clock",           "a @bob"};
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    for (size_t i = 0; i < COUNT(lines); i++) {
        say(ann, "%s", lines[i]);
        expect(bob, "#lobby <ann> %s", lines[i]);
    }
    say(ann, "//text");
    expect(bob, "#lobby <ann> /text");
    say(ann, "//etc/hosts");
    expect(bob, "#lobby <ann> /etc/hosts");
    expect_quiet(ann);
    server_stop(server);
}

Test(talk_commands, a_bare_help_or_quit_is_said_and_its_author_told_once)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *ann = client_open_as(server, "ann");

    say(ann, "quit");
    expect_next(ann, "* You said \"quit\" in #lobby. To leave: /quit");
    say(ann, "EXIT");
    expect_quiet(ann);
    say(ann, "Help");
    expect_next(ann, "* You said \"Help\" in #lobby. For help: /help");
    say(ann, "help");
    say(ann, "quit it");
    expect_quiet(ann);
    expect(bob, "#lobby <ann> quit");
    expect_next(bob, "#lobby <ann> EXIT");
    expect_next(bob, "#lobby <ann> Help");
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
