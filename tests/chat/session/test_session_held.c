/* Lines that wait for a room that is ahead of its readers: who waits and who doesn't, and that
 * nothing is lost or out of order. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/people/room.h"
#include "tests/support/server_fixture.h"

#define READERS 280 /* more than a slice */
#define FEW 40 /* more than a first slice */
#define TALKERS 20
#define LINES 150 /* of each talker, 200 bytes each: nine backlogs in all */

static int reader_count;
static struct sim_peer *readers[READERS];
static struct sim_peer *talkers[TALKERS];
static struct sim_peer *other; /* is in a room of its own */

/* A room full of people, whose sockets take everything at once. */
static void open_crowd(int count, const char *const *arguments)
{
    reader_count = count;
    const struct sim_options options = {.send_buffer_bytes = (size_t)4 * 1024 * 1024,
                                        .receive_buffer_bytes = (size_t)4 * 1024 * 1024};
    server_fixture_build(&options);
    cr_assert_eq(server_fixture_start(arguments), 0);
    for (int i = 0; i < reader_count; i++)
        readers[i] = server_fixture_enter();
    for (int i = 0; i < TALKERS; i++) {
        char nick[32];
        talkers[i] = server_fixture_enter();
        (void)snprintf(nick, sizeof(nick), "/nick t%d", i);
        server_fixture_say(talkers[i], nick);
    }
    other = server_fixture_enter();
    server_fixture_say(other, "/join #quiet");
    server_fixture_say(other, "/leave #lobby");
    cr_assert(server_fixture_pass(NS_PER_SECOND)); /* all is announced */
    for (int i = 0; i < reader_count; i++)
        sim_peer_forget(readers[i]);
    for (int i = 0; i < TALKERS; i++)
        sim_peer_forget(talkers[i]);
    sim_peer_forget(other);
}

static void close_crowd(void)
{
    cr_assert_eq(server_fixture_end(), 0);
    server_fixture_stop();
    server_fixture_raze();
}

static const char *const small_backlog[] = {"--rate",     "0",   "--backlog", "64K",
                                            "--max-line", "512", NULL};

/* Has each talker say its lines, all in one go: "0 xxx", "1 xxx", ... */
static void flood(void)
{
    static char text[LINES * 220];
    size_t length = 0;
    for (int line = 0; line < LINES; line++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%d %0190d\n", line, 0);
    for (int i = 0; i < TALKERS; i++)
        sim_peer_send(talkers[i], text, length);
}

static uint64_t sends(void)
{
    return sim_count(server_fixture.sim, SIM_SEND) +
           sim_count(server_fixture.sim, SIM_SEND_SEGMENTS);
}

/* The longest turn until nothing more happens, in sends; `other` pings before each of the first
 * `pings` turns. */
static uint64_t longest_turn(int pings)
{
    uint64_t longest = 0;
    sim_limit(server_fixture.sim, sim_now_ns(server_fixture.sim));
    for (int turn = 0; turn < pings || !sim_idle(server_fixture.sim); turn++) {
        uint64_t before = sends();
        if (turn < pings)
            sim_peer_say(other, "/ping\n");
        cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
        if (sends() - before > longest)
            longest = sends() - before;
        cr_assert_lt(turn, 20000);
    }
    return longest;
}

static unsigned count(const char *text, const char *what)
{
    unsigned hits = 0;
    while ((text = strstr(text, what))) {
        hits++;
        text++;
    }
    return hits;
}

/* Everybody has heard every line of every talker, each talker's in its order, and no gap. */
static void expect_all_heard(struct sim_peer *peer)
{
    int next[TALKERS] = {0};
    char *line = strdup(sim_peer_text(peer)), *rest = line;
    cr_assert_eq(count(line, "skipped"), 0);
    while (*rest) {
        int talker, number;
        char *end = strchr(rest, '\n');
        cr_assert_not_null(end);
        if (sscanf(rest, "#lobby <t%d> %d ", &talker, &number) == 2)
            cr_assert_eq(number, next[talker]++, "line %d of talker %d", number, talker);
        rest = end + 1;
    }
    free(line);
    for (int i = 0; i < TALKERS; i++)
        cr_assert(next[i] == LINES || peer == talkers[i], "%d of t%d's lines", next[i], i);
}

Test(session_held, a_flood_reaches_everybody_whole_and_in_bounded_turns)
{
    open_crowd(READERS, small_backlog);
    flood();
    /* A slice of the room, and what the talkers and `other` are owed of their own. */
    cr_assert_leq(longest_turn(0), FANOUT_SLICE_SENDS + TALKERS + 1);
    for (int i = 0; i < reader_count; i++)
        expect_all_heard(readers[i]);
    for (int i = 0; i < TALKERS; i++)
        expect_all_heard(talkers[i]);
    close_crowd();
}

Test(session_held, a_flooded_room_delays_no_other_by_a_turn)
{
    open_crowd(READERS, small_backlog);
    flood();
    (void)longest_turn(40);
    cr_assert_eq(count(sim_peer_text(other), "* pong"), 40);
    sim_peer_forget(other);
    /* Once more, a turn at a time: each ping is answered in the turn that reads it. */
    flood();
    for (int turn = 0; turn < 30; turn++) {
        sim_peer_say(other, "/ping\n");
        cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
        cr_assert_leq(sim_peer_unsent(other), strlen("/ping\n"));
        cr_assert_geq(count(sim_peer_text(other), "* pong"), turn > 2 ? (unsigned)turn - 2 : 0);
    }
    (void)longest_turn(0);
    close_crowd();
}

/* Turns until a talker's line waits for the room. */
static void turn_until_ahead(void)
{
    const struct room *lobby = server_fixture.server.chat.lobby;
    for (int turn = 0; broadcast_has_space(&lobby->broadcast); turn++) {
        cr_assert_lt(turn, 100, "the room never was ahead");
        cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
    }
}

static struct client *client_called(const char *name)
{
    struct client *client = client_find(&server_fixture.server.chat, name, strlen(name));
    cr_assert_not_null(client);
    return client;
}

Test(session_held, only_what_the_room_would_see_waits)
{
    open_crowd(FEW, small_backlog);
    server_fixture_say(readers[0], "/nick ann");
    server_fixture_say(readers[1], "/nick bob");
    server_fixture_say(readers[2], "/nick eve");
    server_fixture_say(readers[3], "/nick sam");
    flood();
    turn_until_ahead();
    sim_peer_say(readers[0], "/msg bob psst\n/ping 1\nwords\n/ping 2\n");
    sim_peer_say(readers[1], "/me waits\n");
    sim_peer_say(readers[2], "/topic tea\n");
    sim_peer_say(readers[3], "/nick max\n");
    /* The talkers fill the room again as soon as it has space: somebody is held back for turns. */
    bool held[4] = {false};
    for (int turn = 0; turn < 12; turn++) {
        static const char *const names[] = {"ann", "bob", "eve", "sam"};
        cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
        for (int i = 0; i < 4; i++) {
            struct client *client =
                client_find(&server_fixture.server.chat, names[i], strlen(names[i]));
            held[i] = held[i] || (client && client->held);
        }
    }
    cr_assert(held[0] && held[1] && held[2] && held[3], "%d%d%d%d", held[0], held[1], held[2],
              held[3]);
    (void)longest_turn(0);
    const char *seen = sim_peer_text(readers[1]);
    cr_assert(strstr(seen, "@ann psst\r\n") && strstr(seen, "#lobby <ann> words\r\n"));
    cr_assert_eq(count(seen, "#lobby <ann> words\r\n"), 1, "said once");
    cr_assert_eq(count(seen, "#lobby -- eve set the topic: tea\r\n"), 1);
    cr_assert_eq(count(seen, "#lobby -- sam is now max\r\n"), 1);
    cr_assert_eq(count(sim_peer_text(readers[0]), "#lobby * bob waits\r\n"), 1);
    cr_assert_eq(count(sim_peer_text(readers[3]), "* You are now max.\r\n"), 1);
    const char *pongs = strstr(sim_peer_text(readers[0]), "* pong 1\r\n");
    cr_assert(pongs && strstr(pongs, "* pong 2\r\n"));
    close_crowd();
}

Test(session_held, a_last_line_without_a_newline_waits_and_is_said)
{
    open_crowd(FEW, small_backlog);
    flood();
    turn_until_ahead();
    sim_peer_say(readers[0], "last words");
    sim_peer_shutdown(readers[0]);
    (void)longest_turn(0);
    cr_assert_eq(count(sim_peer_text(readers[1]), "> last words\r\n"), 1);
    close_crowd();
}

Test(session_held, somebody_whose_connection_is_lost_waits_no_longer)
{
    open_crowd(FEW, small_backlog);
    flood();
    turn_until_ahead();
    for (int i = 0; i < TALKERS; i++)
        sim_peer_reset(talkers[i]);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    cr_assert_eq(count(sim_peer_text(readers[0]), "left (connection lost)"), 1, "all in one line");
    close_crowd();
}

Test(session_held, the_end_of_the_server_ends_the_wait)
{
    open_crowd(FEW, small_backlog);
    flood();
    turn_until_ahead();
    close_crowd();
}

Test(session_held, waiting_is_not_being_idle)
{
    open_crowd(FEW, (const char *const[]){"--rate", "0", "--backlog", "64K", "--max-line", "512",
                                          "--idle-timeout", "5s", NULL});
    flood();
    turn_until_ahead();
    int who = 0;
    for (char name[32] = "t0"; !client_called(name)->held;)
        (void)snprintf(name, sizeof(name), "t%d", ++who);
    sim_advance(server_fixture.sim, 6 * NS_PER_SECOND); /* a slow turn */
    (void)longest_turn(0);
    cr_assert_eq(count(sim_peer_text(talkers[who]), "idle"), 0);
    expect_all_heard(talkers[who]);
    close_crowd();
}

/* One client cannot have a turn for itself, whatever its lines are. */
Test(session_held, a_client_has_a_share_of_a_turn_and_no_more)
{
    static char text[8 * 1024];
    open_crowd(FEW, (const char *const[]){"--rate", "0", NULL});
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "x\n", 2);
    sim_peer_send(talkers[0], text, sizeof(text));
    const struct room *lobby = server_fixture.server.chat.lobby;
    uint64_t said = lobby->broadcast.log.end;
    uint64_t most = 0;
    sim_limit(server_fixture.sim, sim_now_ns(server_fixture.sim));
    while (!sim_idle(server_fixture.sim)) {
        uint64_t before = lobby->broadcast.log.end;
        cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
        if (lobby->broadcast.log.end - before > most)
            most = lobby->broadcast.log.end - before;
    }
    cr_assert_eq(lobby->broadcast.log.end - said, sizeof(text) / 2);
    cr_assert_geq(most, 200);
    cr_assert_leq(most, 16 * 1024 / 64 + 1);
    close_crowd();
}
