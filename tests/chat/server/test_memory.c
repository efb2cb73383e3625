/* --memory: what goes first, what is refused last, and that readers lose nothing but history. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "chat/people/memory.h"
#include "chat/people/room.h"
#include "tests/support/server_fixture.h"

#define USED_UP "! The server's memory is used up: try again later.\r\n"
#define LIMIT_BYTES (512 * 1024)

TestSuite(memory, .timeout = 60);

static const char *const arguments[] = {"--rate",    "0",      "--memory",   "512K",
                                        "--backlog", "128K",   "--max-line", "512",
                                        "--history", "100000", NULL};

static struct sim_peer *ann, *bob;

static void start(const char *const *options)
{
    const struct sim_options small = {.send_buffer_bytes = 4096, .receive_buffer_bytes = 4096};
    server_fixture_build(&small);
    cr_assert_eq(server_fixture_start(options), 0, "%s", server_fixture.problem.text);
    ann = server_fixture_enter();
    bob = server_fixture_enter();
    cr_assert(server_fixture_pass(NS_PER_SECOND));
}

static void end_cleanly(void)
{
    cr_assert_eq(server_fixture_end(), 0);
    server_fixture_stop();
    server_fixture_raze();
}

/* Lets `peer` say `count` lines of 400 bytes. */
static void talk(struct sim_peer *peer, int count)
{
    char line[420];
    for (int i = 0; i < count; i++) {
        (void)snprintf(line, sizeof(line), "%0400d", i);
        server_fixture_say(peer, line);
    }
}

static const struct room *room(const char *name)
{
    return room_find(&server_fixture.server.chat, name, strlen(name));
}

static size_t used(void)
{
    return sim_live_bytes(server_fixture.sim) - server_fixture.server.chat.base_bytes;
}

Test(memory, histories_stay_within_the_limit_and_nobody_notices)
{
    start(arguments);
    talk(ann, 3000);
    cr_assert_leq(used(), LIMIT_BYTES + 64 * 1024, "%zu", used());
    cr_assert_gt(room("#lobby")->history.bytes, LIMIT_BYTES / 4, "not more than needed goes");
    cr_assert_null(strstr(sim_peer_text(ann), "! "));
    cr_assert(strstr(sim_peer_text(bob), "2999\r\n"));
    cr_assert_null(strstr(sim_peer_text(bob), "skipped"));
    end_cleanly();
}

Test(memory, the_largest_rooms_forget_first)
{
    start(arguments);
    server_fixture_say(bob, "/join #small");
    talk(bob, 20);
    size_t small_bytes = room("#small")->history.bytes;
    talk(ann, 3000);
    cr_assert_eq(room("#small")->history.bytes, small_bytes);
    end_cleanly();
}

/* Fills backlogs of several rooms with what bob does not read; returns how many. */
static int stall_in_rooms(int rooms)
{
    char name[32];
    for (int i = 0; i < rooms; i++) {
        (void)snprintf(name, sizeof(name), "/join #room%d", i);
        server_fixture_say(ann, name);
        server_fixture_say(bob, name);
    }
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    sim_peer_stall(bob);
    for (int i = 0; i < rooms; i++) {
        (void)snprintf(name, sizeof(name), "/join #room%d", i);
        server_fixture_say(ann, name);
        talk(ann, 400);
    }
    return rooms;
}

Test(memory, when_histories_are_gone_stalled_readers_skip)
{
    start(arguments);
    sim_peer_forget(ann);
    (void)stall_in_rooms(8);
    cr_assert_leq(used(), LIMIT_BYTES + 128 * 1024, "%zu", used());
    cr_assert_null(strstr(sim_peer_text(ann), "! "), "nothing is refused");
    cr_assert_eq(room("#room1")->history.bytes, 0, "histories go first");
    sim_peer_resume(bob);
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    cr_assert(strstr(sim_peer_text(bob), " lines of #room1 skipped"));
    server_fixture_say(bob, "/ping still");
    server_fixture_expect(bob, "* pong still\r\n");
    end_cleanly();
}

Test(memory, without_a_limit_all_is_kept)
{
    static const char *const unlimited[] = {"--rate",    "0",      "--memory", "0",
                                            "--history", "100000", NULL};
    start(unlimited);
    talk(ann, 3000);
    cr_assert_gt(room("#lobby")->history.bytes, 3000 * 400);
    end_cleanly();
}

Test(memory, what_can_not_be_dropped_is_refused_with_one_line)
{
    start(arguments);
    server_fixture.server.chat.base_bytes = 0;
    server_fixture.config.memory_bytes = 1; /* as if queues took it all */
    sim_peer_forget(ann);
    server_fixture_say(ann, "hello");
    cr_assert_str_eq(sim_peer_text(ann), USED_UP);
    sim_peer_forget(ann);
    server_fixture_say(ann, "/ping there");
    server_fixture_expect(ann, "* pong there\r\n");
    server_fixture_say(ann, "/quit");
    cr_assert(sim_peer_at_end(ann));
    server_fixture.config.memory_bytes = 0;
    server_fixture_say(bob, "hello");
    cr_assert_null(strstr(sim_peer_text(bob), USED_UP), "it is over");
    end_cleanly();
}
