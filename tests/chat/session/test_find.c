/* Finding one's way: /history, /rooms, /who and /whois on the simulated door. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "chat/session/answer.h"
#include "tests/support/server_fixture.h"

static struct sim_peer *ann, *bob;

static void say(struct sim_peer *peer, const char *line)
{
    server_fixture_say(peer, line);
}

static void pass(int64_t duration_ns)
{
    cr_assert(server_fixture_pass(duration_ns));
}

/* `peer` says a line and is sent exactly this, with the slices of a search. */
static void asks(struct sim_peer *peer, const char *line, const char *answer)
{
    sim_peer_forget(peer);
    say(peer, line);
    pass(NS_PER_SECOND);
    cr_assert_str_eq(sim_peer_text(peer), answer, "%s: %s", line, sim_peer_text(peer));
}

static struct sim_peer *enter_as(const char *name)
{
    struct sim_peer *peer = server_fixture_enter();
    char line[64];
    (void)snprintf(line, sizeof(line), "/nick %s", name);
    say(peer, line);
    return peer;
}

static void open_pair(void)
{
    static const char *const arguments[] = {"--rate", "0", "--history", "5000", NULL};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(arguments), 0);
    ann = enter_as("ann");
    bob = enter_as("bob");
    pass(NS_PER_SECOND);
}

static void close_pair(void)
{
    (void)server_fixture_end();
    server_fixture_stop();
    server_fixture_raze();
}

TestSuite(find, .init = open_pair, .fini = close_pair, .timeout = 120);

/* How many remembered lines `peer` is shown for this, and the last of them. */
static int count_shown(struct sim_peer *peer, const char *line, char last[64])
{
    int count = 0;
    sim_peer_forget(peer);
    say(peer, line);
    pass(5 * NS_PER_SECOND);
    for (const char *at = sim_peer_text(peer); (at = strstr(at, "~ ")); at += 2) {
        count++;
        (void)snprintf(last, 64, "%.*s", (int)strcspn(at + 22, "\r"), at + 22);
    }
    return count;
}

Test(find, history_finds_the_newest_twenty_lines_with_a_text_in_any_case)
{
    char last[64] = "";
    for (int i = 0; i < 2000; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), i % 40 == 0 ? "Needle %d" : "hay %d", i);
        sim_peer_say(ann, line);
        sim_peer_say(ann, "\n");
    }
    pass(NS_PER_SECOND);
    cr_assert_eq(count_shown(bob, "/history nEEDLE", last), ANSWER_HISTORY_DEFAULT);
    cr_assert_str_eq(last, "#lobby <ann> Needle 1960");
    cr_assert_eq(count_shown(bob, "/history needle 40", last), 2, "40 and 400");
    cr_assert_eq(count_shown(bob, "/history <ann> hay 1999", last), 1);
    cr_assert_eq(count_shown(bob, "/history #lobby 7", last), 7);
    asks(bob, "/history lobby", "* Nothing in #lobby matches \"lobby\".\r\n");
    say(bob, "/ignore ann");
    asks(bob, "/history needle", "* Nothing in #lobby matches \"needle\".\r\n");
    asks(bob, "/history", "* #lobby remembers only lines of people you ignore.\r\n");
}

Test(find, history_shows_what_was_said_since)
{
    char last[64] = "";
    for (int i = 0; i < 10; i++) {
        say(ann, "tick");
        pass(60 * NS_PER_SECOND);
    }
    cr_assert_eq(count_shown(bob, "/history 5m", last), 5);
    cr_assert_eq(count_shown(bob, "/history 2h", last), 10);
    asks(bob, "/history 10s", "* Nothing was said in #lobby in that time.\r\n");
    asks(bob, "/history #tea", "! There is no room #tea.\r\n");
}

Test(find, a_search_takes_at_most_64_bytes)
{
    char line[100] = "/history ";
    memset(line + 9, 'x', ANSWER_SEARCH_MAX + 1);
    asks(bob, line, "! At most 64 bytes can be searched for.\r\n");
    line[9 + ANSWER_SEARCH_MAX] = '\0';
    sim_peer_forget(bob);
    say(bob, line);
    pass(NS_PER_SECOND);
    server_fixture_expect(bob, "* Nothing in #lobby matches \"xxx");
}

Test(find, rooms_come_largest_first_and_a_locked_rooms_topic_is_for_members)
{
    say(ann, "/join #ops");
    say(ann, "/topic INC-311 checkout");
    say(ann, "/lock k3y9");
    say(bob, "/join #ops k3y9");
    struct sim_peer *eve = enter_as("eve");
    say(eve, "/join #zoo");
    say(eve, "/join #art");
    say(eve, "/topic Old MASTERS");
    pass(NS_PER_SECOND);
    asks(bob, "/rooms",
         "* #lobby: 3 people\r\n* #ops: 2 people, locked, you talk here: INC-311 "
         "checkout\r\n* #art: 1 person: Old MASTERS\r\n* #zoo: 1 person\r\n");
    asks(eve, "/rooms",
         "* #lobby: 3 people\r\n* #ops: 2 people, locked\r\n"
         "* #art: 1 person, you talk here: Old MASTERS\r\n* #zoo: 1 person\r\n");
    asks(eve, "/rooms masters", "* #art: 1 person, you talk here: Old MASTERS\r\n");
    asks(eve, "/rooms INC", "* No room matches \"INC\".\r\n");
    asks(bob, "/rooms INC", "* #ops: 2 people, locked, you talk here: INC-311 checkout\r\n");
}

/* More rooms than are named, and more than one slice of them. */
Test(find, at_most_a_hundred_rooms_are_named_and_the_rest_counted)
{
    enum { PEOPLE = 60, ROOMS = 19 };
    for (int i = 0; i < PEOPLE; i++) {
        struct sim_peer *peer = server_fixture_enter();
        for (int j = 0; j < ROOMS; j++) {
            char line[64];
            (void)snprintf(line, sizeof(line), "/join #r%d-%d\n", i, j);
            sim_peer_say(peer, line);
        }
    }
    say(bob, "/join #r0-0");
    pass(NS_PER_SECOND);
    sim_peer_forget(bob);
    say(bob, "/rooms");
    pass(NS_PER_SECOND);
    const char *text = sim_peer_text(bob);
    int lines = 0;
    for (const char *at = text; (at = strstr(at, "\r\n")); at += 2)
        lines++;
    cr_assert_eq(lines, ANSWER_NAMED_MAX + 1);
    cr_assert_eq(strncmp(text, "* #lobby: 62 people\r\n* #r0-0: 2 people, you talk here\r\n", 53),
                 0);
    cr_assert(strstr(text, "* 1041 more rooms\r\n"), "%s", text);
}

Test(find, whois_names_all_rooms_on_more_lines)
{
    for (int i = 0; i < 19; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "/join #a-room-with-a-long-name-%02d", i);
        say(ann, line);
    }
    sim_peer_forget(bob);
    say(bob, "/whois ann");
    const char *text = sim_peer_text(bob);
    int rooms = 0;
    for (const char *at = text; (at = strchr(at, '#')); at++)
        rooms++;
    cr_assert_eq(rooms, 20, "%s", text);
    cr_assert(strncmp(text, "* ann is active now, in #a-room-with-a-long-name-18, ", 53) == 0);
    cr_assert(strstr(text, ".\r\n* ann is also in #"));
}

Test(find, the_ignored_are_listed_and_those_who_left_counted)
{
    struct sim_peer *eve = enter_as("eve");
    say(ann, "/ignore bob");
    say(ann, "/ignore eve");
    say(ann, "/ignore ann");
    server_fixture_expect(ann, "! That is you.\r\n");
    say(eve, "/nick eva");
    pass(NS_PER_SECOND);
    asks(ann, "/ignore", "* You ignore: bob, eva\r\n");
    say(eve, "/quit");
    pass(NS_PER_SECOND);
    asks(ann, "/ignore", "* You ignore: bob\r\n* You ignore: 1 who left\r\n");
}
