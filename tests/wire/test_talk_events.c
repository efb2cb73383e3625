/*
 * Who comes and goes, and how it is told.
 *
 * The gathering lasts up to 200 ms, and these tests don't measure it: the
 * server is stopped in its tracks (server_freeze) while newcomers connect and
 * speak, so that it finds everything at once, well within one gathering; and
 * that something is never announced is known when a later arrival is.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"

/* ann, announced, who hears everything. */
static struct client *witness_open(struct server *server)
{
    struct client *ann = client_open_as(server, "ann");

    ann->hears_newcomers = true;
    say(ann, "here I am");
    barrier(ann);
    return ann;
}

/* Connects and says `words`; meant for a frozen server, so no answer is read. */
static struct client *arrive(struct server *server, const char *words)
{
    struct client *client = client_open(server);

    send_text(client, words);
    return client;
}

/* A client of this name that ann knows to be announced. It has read everything: a socket closed
 * with bytes unread ends in a reset. */
static struct client *open_announced(struct client *ann, const char *name)
{
    struct client *client = client_open_as(ann->server, name);

    say(client, "here I am");
    expect(ann, "#lobby <%s> here I am", name);
    barrier(client);
    return client;
}

/* An event about several people, taken apart. */
struct roll {
    int named;
    char names[16][32];
    int others;
};

static void read_roll_entry(struct roll *roll, const char *entry)
{
    char *rest;
    long others = strtol(entry, &rest, 10);

    if (strcmp(rest, " others") == 0 || strcmp(rest, " other") == 0) {
        roll->others += (int)others;
        return;
    }
    cr_assert(roll->named < 16, "too many names");
    snprintf(roll->names[roll->named++], 32, "%.31s", entry);
}

/* Reads `#lobby -- a, b and N others<what>`; fails where the line is no such. */
static struct roll read_roll(const char *line, const char *what)
{
    static const char start[] = "#lobby -- ";
    struct roll roll = {0};
    char text[512];
    const char *end = strstr(line, what);

    cr_assert(strncmp(line, start, strlen(start)) == 0 && end && strcmp(end, what) == 0,
              "not `#lobby -- ...%s`: %s", what, line);
    snprintf(text, sizeof text, "%.*s", (int)(end - line - (int)strlen(start)),
             line + strlen(start));
    for (char *rest = text; rest;) {
        char *comma = strstr(rest, ", "), *and = strstr(rest, " and ");
        char *cut = comma && (!and || comma < and) ? comma : and;
        char *entry = rest;

        rest = cut ? cut + (cut == comma ? 2 : 5) : NULL;
        if (cut)
            *cut = '\0';
        read_roll_entry(&roll, entry);
    }
    return roll;
}

/* `people` in all, five of them named at most; the names are cat- and digits. */
static void check_roll(const struct roll *roll, int people)
{
    cr_assert(roll->named >= 1 && roll->named <= 5, "%d names", roll->named);
    cr_assert_eq(roll->named + roll->others, people, "%d + %d", roll->named, roll->others);
    for (int i = 0; i < roll->named; i++) {
        const char *name = roll->names[i];

        cr_assert(strncmp(name, "cat-", 4) == 0 && name[4 + strspn(name + 4, "0123456789")] == '\0',
                  "an unknown name: %s", name);
    }
}

/* ---- arrivals ---- */

Test(talk_events, an_arrival_is_announced_to_all_and_soon)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);
    int64_t start_ms = harness_now_ms();
    struct client *cat = arrive(server, "/nick cat\n");

    cat->hears_newcomers = true;
    expect_next(ann, "#lobby -- cat joined");
    int64_t took_ms = harness_now_ms() - start_ms;
    cr_assert(took_ms < 200 + 800, "announced after %d ms", (int)took_ms);
    expect(cat, "#lobby -- cat joined");
    server_stop(server);
}

Test(talk_events, one_alone_sees_the_own_arrival)
{
    struct server *server = server_start();
    struct client *client = client_open(server);

    client->hears_newcomers = true;
    expect_greeting(client, "chatd");
    expect(client, "#lobby -- %s joined", client->name);
    server_stop(server);
}

Test(talk_events, arrivals_are_gathered_into_one_line_of_five_names_at_most)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);
    char nick[32];

    server_freeze(server);
    for (int i = 0; i < 12; i++) {
        snprintf(nick, sizeof nick, "/nick cat-%d\n", i);
        arrive(server, nick);
    }
    server_thaw(server);
    struct roll roll = read_roll(next_line(ann), " joined");
    check_roll(&roll, 12);
    cr_assert_eq(roll.named, 5);
    arrive(server, "/nick dog\n");
    expect_next(ann, "#lobby -- dog joined");
    server_stop(server);
}

Test(talk_events, up_to_five_arrivals_are_all_named)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);

    for (int people = 2; people <= 5; people++) {
        char nick[32];

        server_freeze(server);
        for (int i = 0; i < people; i++) {
            snprintf(nick, sizeof nick, "/nick cat-%d%d\n", people, i);
            arrive(server, nick);
        }
        server_thaw(server);
        struct roll roll = read_roll(next_line(ann), " joined");
        check_roll(&roll, people);
        cr_assert_eq(roll.named, people);
    }
    server_stop(server);
}

/* What cat does first, and how ann sees it. */
struct first_words {
    const char *said;
    const char *seen;
};

Test(talk_events, nobody_is_seen_before_they_are_announced)
{
    static const struct first_words first[] = {
        {"hello", "#lobby <cat> hello"},
        {"/me waves", "#lobby * cat waves"},
        {"/topic cats", "#lobby -- cat set the topic: cats"},
        {"/msg ann psst", "@cat psst"},
    };

    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        struct server *server = server_start();
        struct client *ann = witness_open(server);
        char words[64];

        snprintf(words, sizeof words, "/nick cat\n%s\n", first[i].said);
        server_freeze(server);
        arrive(server, words);
        server_thaw(server);
        expect_next(ann, "#lobby -- cat joined");
        expect_next(ann, "%s", first[i].seen);
        server_stop(server);
    }
}

Test(talk_events, nobody_is_seen_in_another_room_before_they_are_announced_there)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);
    struct client *bob = open_announced(ann, "bob");

    say(ann, "/join #tea");
    say(ann, "anybody?");
    expect(ann, "#tea -- ann joined");
    server_freeze(server);
    say(bob, "/join #tea");
    say(bob, "me");
    server_thaw(server);
    expect_next(ann, "#tea -- bob joined");
    expect_next(ann, "#tea <bob> me");
    server_stop(server);
}

Test(talk_events, a_name_taken_while_pending_is_the_only_one_announced)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);

    server_freeze(server);
    arrive(server, "/nick cat\n/nick dog\n");
    server_thaw(server);
    expect_next(ann, "#lobby -- dog joined");
    arrive(server, "/nick eel\n");
    expect_next(ann, "#lobby -- eel joined");
    server_stop(server);
}

Test(talk_events, who_comes_and_goes_within_the_gathering_is_not_announced)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);

    server_freeze(server);
    arrive(server, "/quit bye\n");
    client_close(arrive(server, ""));
    client_half_close(arrive(server, "/nick ghost\n"));
    client_reset(arrive(server, ""));
    server_thaw(server);
    arrive(server, "/nick dog\n");
    expect_next(ann, "#lobby -- dog joined");
    open_announced(ann, "eel");
    cr_assert(!strstr(ann->received.data, "left"));
    server_stop(server);
}

Test(talk_events, a_visit_to_another_room_within_the_gathering_is_not_announced)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);
    struct client *bob = open_announced(ann, "bob");

    say(ann, "/join #tea");
    say(ann, "anybody?");
    expect(ann, "#tea -- ann joined");
    server_freeze(server);
    say(bob, "/join #tea");
    say(bob, "/leave #tea");
    server_thaw(server);
    barrier(bob);
    struct client *cat = open_announced(ann, "cat");
    say(cat, "/join #tea");
    expect(ann, "#tea -- cat joined");
    cr_assert(!strstr(ann->received.data, "#tea -- bob"));
    server_stop(server);
}

/* ---- departures ---- */

Test(talk_events, a_departure_is_told_with_its_reason)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);

    say(open_announced(ann, "bob"), "/quit good night");
    expect(ann, "#lobby -- bob left (quit: good night)");
    client_close(open_announced(ann, "cat"));
    expect(ann, "#lobby -- cat left (connection closed)");
    client_half_close(open_announced(ann, "dog"));
    expect(ann, "#lobby -- dog left (connection closed)");
    client_reset(open_announced(ann, "eel"));
    expect(ann, "#lobby -- eel left (connection lost)");
    server_stop(server);
}

Test(talk_events, a_departure_is_told_in_every_room)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);
    struct client *bob = open_announced(ann, "bob");

    say(ann, "/join #tea");
    barrier(ann);
    say(bob, "/join #tea");
    say(bob, "hello");
    expect(ann, "#tea <bob> hello");
    say(bob, "/quit bye");
    const char *first = expect_prefix(ann, "#");
    const char *second = next_line(ann);
    bool lobby_first = strcmp(first, "#lobby -- bob left (quit: bye)") == 0;
    cr_assert_str_eq(lobby_first ? second : first, "#tea -- bob left (quit: bye)");
    cr_assert_str_eq(lobby_first ? first : second, "#lobby -- bob left (quit: bye)");
    server_stop(server);
}

/* Lets `people` announced clients leave at once, each with its line of `words`. */
static void leave_at_once(struct client *ann, int people, const char *const *words)
{
    struct client *clients[16];
    char name[32];

    for (int i = 0; i < people; i++) {
        snprintf(name, sizeof name, "cat-%d", i);
        clients[i] = open_announced(ann, name);
    }
    barrier(ann);
    server_freeze(ann->server);
    for (int i = 0; i < people; i++)
        say(clients[i], "%s", words[i]);
    server_thaw(ann->server);
}

Test(talk_events, departures_of_one_reason_share_a_line)
{
    static const char *const words[] = {"/quit bye", "/quit bye", "/quit bye", "/quit bye",
                                        "/quit bye", "/quit bye", "/quit bye", "/quit bye"};
    struct server *server = server_start();
    struct client *ann = witness_open(server);

    leave_at_once(ann, 8, words);
    struct roll roll = read_roll(next_line(ann), " left (quit: bye)");
    check_roll(&roll, 8);
    cr_assert_eq(roll.named, 5);
    server_stop(server);
}

Test(talk_events, departures_of_different_reasons_have_lines_of_their_own)
{
    static const char *const words[] = {"/quit a", "/quit b", "/quit a", "/quit b", "/quit c"};
    struct server *server = server_start();
    struct client *ann = witness_open(server);
    bool seen[3] = {false};

    leave_at_once(ann, 5, words);
    for (int i = 0; i < 3; i++) {
        const char *line = next_line(ann);
        char reason[] = " left (quit: x)";

        reason[13] = line[strlen(line) - 2];
        cr_assert(reason[13] >= 'a' && reason[13] <= 'c' && !seen[reason[13] - 'a'], "%s", line);
        seen[reason[13] - 'a'] = true;
        struct roll roll = read_roll(line, reason);
        check_roll(&roll, reason[13] == 'c' ? 1 : 2);
    }
    server_stop(server);
}

Test(talk_events, departures_of_more_than_five_reasons_are_counted)
{
    static const char *const words[] = {"/quit a", "/quit b", "/quit c", "/quit d",
                                        "/quit e", "/quit f", "/quit g", "/quit h"};
    struct server *server = server_start();
    struct client *ann = witness_open(server);

    leave_at_once(ann, 8, words);
    for (int i = 0; i < 5; i++) {
        const char *line = next_line(ann);
        cr_assert(strncmp(line, "#lobby -- cat-", 14) == 0 && strstr(line, " left ("), "%s", line);
    }
    expect_next(ann, "#lobby -- 3 others left");
    expect_quiet(ann);
    server_stop(server);
}

Test(talk_events, one_gathering_shows_departures_before_arrivals)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);
    struct client *bob = open_announced(ann, "bob");

    server_freeze(server);
    arrive(server, "/nick cat\n");
    say(bob, "/quit bye");
    arrive(server, "/nick dog\n");
    server_thaw(server);
    expect_next(ann, "#lobby -- bob left (quit: bye)");
    struct roll roll = read_roll(next_line(ann), " joined");
    cr_assert_eq(roll.named, 2);
    server_stop(server);
}

Test(talk_events, someone_who_leaves_and_returns_is_told_in_that_order)
{
    struct server *server = server_start();
    struct client *ann = witness_open(server);
    struct client *bob = open_announced(ann, "bob");

    server_freeze(server);
    say(bob, "/quit back soon");
    server_thaw(server);
    expect_end(bob);
    client_open_as(server, "bob");
    expect(ann, "#lobby -- bob left (quit: back soon)");
    expect(ann, "#lobby -- bob joined");
    server_stop(server);
}

Test(talk_events, many_arrivals_are_a_handful_of_lines)
{
    enum { PEOPLE = 400 };
    struct server *server = server_start();
    struct client *ann = witness_open(server);
    int lines = 0;

    server_freeze(server);
    for (int i = 0; i < PEOPLE; i++)
        arrive(server, "");
    server_thaw(server);
    for (int people = 0; people < PEOPLE; lines++) {
        struct roll roll = read_roll(next_line(ann), " joined");
        people += roll.named + roll.others;
    }
    cr_assert(lines <= 5, "%d lines", lines);
    server_stop(server);
}
