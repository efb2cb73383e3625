/* From bytes to what others are shown: speech and emotes, the ends of lines however they are cut,
 * the end of input, and the text that may pass. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"

/* Two people in the lobby of a server of their own. */
struct pair {
    struct server *server;
    struct client *ann;
    struct client *bob;
};

static struct pair pair_start(void)
{
    struct pair pair = {.server = server_start()};

    pair.ann = client_open_as(pair.server, "ann");
    pair.bob = client_open_as(pair.server, "bob");
    return pair;
}

Test(talk_lines, speech_is_shown_to_the_others_of_the_room)
{
    struct pair pair = pair_start();

    say(pair.ann, "hello");
    expect(pair.bob, "#lobby <ann> hello");
    server_stop(pair.server);
}

Test(talk_lines, an_emote_is_shown_without_brackets)
{
    struct pair pair = pair_start();

    say(pair.ann, "/me waves at  bob");
    expect(pair.bob, "#lobby * ann waves at  bob");
    server_stop(pair.server);
}

Test(talk_lines, own_speech_and_emotes_are_not_sent_back)
{
    struct pair pair = pair_start();

    say(pair.ann, "hello");
    say(pair.ann, "/me waves");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(talk_lines, two_slashes_say_a_line_that_begins_with_one)
{
    struct pair pair = pair_start();

    say(pair.ann, "//quit is the command");
    expect(pair.bob, "#lobby <ann> /quit is the command");
    expect_quiet(pair.ann);
    server_stop(pair.server);
}

Test(talk_lines, empty_lines_are_ignored)
{
    struct pair pair = pair_start();

    send_text(pair.ann, "\n\r\n\r\r\n\n");
    send_bytes(pair.ann, "\r\0\0\n", 4);
    expect_quiet(pair.ann);
    expect_quiet(pair.bob);
    server_stop(pair.server);
}

/* Sends `bytes` to the server as two segments that it reads in turns of their own: bob's barrier
 * lies between. */
static void send_split(struct pair *pair, const char *bytes, size_t length, size_t at)
{
    send_bytes(pair->ann, bytes, at);
    barrier(pair->bob);
    send_bytes(pair->ann, bytes + at, length - at);
}

Test(talk_lines, every_line_ending_works_however_it_is_split)
{
    static const char bytes[] = "a\nb\r\nc\r\0d\re\n\nf\r\r\ng\r\n\r\0h\r\0\nend\n";
    static const char *const lines[] = {"a", "b", "c", "d", "e", "f", "g", "h", "end"};
    struct pair pair = pair_start();

    for (size_t at = 1; at < sizeof bytes - 1; at++) {
        size_t first = pair.bob->line_count, said = 0;
        char expected[64];

        send_split(&pair, bytes, sizeof bytes - 1, at);
        expect(pair.bob, "#lobby <ann> end");
        for (size_t i = first; i < pair.bob->line_count; i++) {
            if (pair.bob->lines[i][0] != '#')
                continue;
            snprintf(expected, sizeof expected, "#lobby <ann> %s", lines[said++]);
            cr_assert_str_eq(pair.bob->lines[i], expected, "split at %zu", at);
        }
        cr_assert_eq(said, sizeof lines / sizeof *lines, "split at %zu", at);
    }
    server_stop(pair.server);
}

Test(talk_lines, a_carriage_return_completes_the_line_at_once)
{
    struct pair pair = pair_start();

    send_text(pair.ann, "one\r");
    expect(pair.bob, "#lobby <ann> one");
    send_text(pair.ann, "\ntwo\r");
    expect_next(pair.bob, "#lobby <ann> two");
    send_bytes(pair.ann, "\0three\r", 7);
    expect_next(pair.bob, "#lobby <ann> three");
    server_stop(pair.server);
}

Test(talk_lines, the_last_line_needs_no_newline_at_the_end_of_input)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *script = client_open(server);

    send_text(script, "hi");
    client_half_close(script);
    expect_end(script);
    expect_prefix(bob, "#lobby <guest");
    const char *line = bob->lines[bob->line_count - 1];
    cr_assert_str_eq(line + strlen(line) - 3, " hi");
    server_stop(server);
}

Test(talk_lines, everything_owed_is_sent_after_the_end_of_input)
{
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *script = client_open(server);

    say(bob, "said before");
    barrier(bob);
    send_text(script, "/nick script\nfirst\n/who\n/history\n/ping done");
    client_half_close(script);
    expect_end(script);
    const char *last = heard(script, script->collected_count - 1);
    expect(bob, "#lobby <script> first");
    cr_assert_str_eq(last, "* pong done");
    expect_heard(script, "#lobby <script> first");
    server_stop(server);
}

Test(talk_lines, end_of_input_within_a_long_talk_loses_nothing)
{
    enum { LINES = 2000 };
    struct server *server = server_start();
    struct client *bob = client_open_as(server, "bob");
    struct client *script = client_open(server);
    say(script, "/nick script");
    for (int i = 0; i < LINES; i++)
        say(script, "line %d", i);
    client_half_close(script);
    for (int i = 0; i < LINES; i++)
        expect(bob, "#lobby <script> line %d", i);
    expect_end(script);
    server_stop(server);
}

struct passage {
    const char *sent;
    size_t length;
    const char *shown;
};

#define PASSAGE(sent, shown)         \
    {                                \
        sent, sizeof sent - 1, shown \
    }

Test(talk_lines, text_reaches_others_clean)
{
    static const struct passage passages[] = {
        PASSAGE("gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x98\x80",
                "gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x98\x80"),
        PASSAGE("tab\tgoes", "tab goes"),
        PASSAGE("n\0u\0l", "nul"),
        PASSAGE("b\a\x1b[31me\x01ll", "bell"),
        PASSAGE("c1 \xc2\x9b"
                "31m\xc2\x99.",
                "c1 ."),
        PASSAGE("bidi \xe2\x80\xae"
                "abc\xe2\x81\xa6"
                "d",
                "bidi abcd"),
        PASSAGE("two\xe2\x80\xa8"
                "lines\xe2\x80\xa9"
                "here",
                "two lines here"),
        PASSAGE("latin \xe9t\xe9", "latin \xef\xbf\xbdt\xef\xbf\xbd"),
        PASSAGE("cut \xe2\x82 \xf0\x9f\x98", "cut \xef\xbf\xbd \xef\xbf\xbd"),
        PASSAGE("surrogate \xed\xa0\x80.", "surrogate \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd."),
        PASSAGE("overlong \xc0\xaf.", "overlong \xef\xbf\xbd\xef\xbf\xbd."),
        PASSAGE("rubx\x7f out\bt", "rub out"),
        PASSAGE("rub\xc3\xbc\x7f!", "rub!"),
    };
    struct pair pair = pair_start();

    for (size_t i = 0; i < sizeof passages / sizeof *passages; i++) {
        send_bytes(pair.ann, passages[i].sent, passages[i].length);
        send_text(pair.ann, "\n");
        expect_next(pair.bob, "#lobby <ann> %s", passages[i].shown);
    }
    server_stop(pair.server);
}

static void expect_length_limit(struct pair *pair, size_t limit)
{
    char *line = malloc(limit + 100);

    memset(line, 'x', limit + 100);
    say(pair->ann, "%.*s", (int)limit, line);
    expect_next(pair->bob, "#lobby <ann> %.*s", (int)limit, line);
    for (size_t more = 1; more < 100; more += 49) {
        say(pair->ann, "%.*s", (int)(limit + more), line);
        say(pair->ann, "next");
        expect_refusal(pair->ann, "");
        expect_quiet(pair->ann);
        expect_next(pair->bob, "#lobby <ann> next");
    }
    free(line);
}

Test(talk_lines, a_line_too_long_is_refused_whole_and_the_connection_lives)
{
    struct pair pair = pair_start();

    expect_length_limit(&pair, 2048);
    server_stop(pair.server);
}

Test(talk_lines, the_shortest_limit_of_a_line_is_sixteen_bytes)
{
    struct pair pair = {.server = server_start("--max-line", "16")};

    pair.bob = client_open(pair.server);
    expect_greeting(pair.bob, "chatd");
    next_line(pair.bob);
    pair.ann = client_open(pair.server);
    expect_greeting(pair.ann, "chatd");
    next_line(pair.ann);
    say(pair.ann, "sixteen bytes of");
    expect_next(pair.bob, "#lobby <%s> sixteen bytes of", pair.ann->name);
    say(pair.ann, "seventeen bytes o");
    say(pair.ann, "next");
    expect_refusal(pair.ann, "16");
    expect_next(pair.bob, "#lobby <%s> next", pair.ann->name);
    server_stop(pair.server);
}

Test(talk_lines, the_longest_line_possible_passes_whole)
{
    struct pair pair = {.server = server_start("--max-line", "16384")};

    pair.ann = client_open_as(pair.server, "ann");
    pair.bob = client_open_as(pair.server, "bob");
    expect_length_limit(&pair, 16384);
    server_stop(pair.server);
}

/* Every bad byte becomes the three of U+FFFD. */
Test(talk_lines, a_line_that_cleaning_makes_too_long_is_refused)
{
    struct pair pair = {.server = server_start("--max-line", "60")};
    char sent[64], expected[3 * 20 + 1] = "";

    pair.ann = client_open_as(pair.server, "ann");
    pair.bob = client_open_as(pair.server, "bob");
    memset(sent, 0xfe, sizeof sent);
    sent[20] = '\n';
    for (int i = 0; i < 20; i++)
        memcpy(expected + (size_t)i * 3, "\xef\xbf\xbd", 3);
    send_bytes(pair.ann, sent, 21);
    expect_next(pair.bob, "#lobby <ann> %s", expected);
    send_bytes(pair.ann, sent + 30, 21);
    send_text(pair.ann, "\nnext\n");
    expect_refusal(pair.ann, "60");
    expect_quiet(pair.ann);
    expect_next(pair.bob, "#lobby <ann> next");
    server_stop(pair.server);
}
