/* The whole server on the simulated door, where everything fails: one call at a time, or many by
 * chance. It may lose whom that concerns, and nothing else. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/server_fixture.h"

/* The numbers of the simulated kernel begin at 1000, and a newcomer whose number is near the limit
 * finds the server full. */
#define DESCRIPTORS 2000

TestSuite(server_failures, .timeout = 300);

static const char *const talk_arguments[] = {"-l",
                                             "127.0.0.1:7777",
                                             "-l",
                                             "unix:/run/chat",
                                             "--motd",
                                             "/motd",
                                             "--max-per-host",
                                             "3",
                                             "--history",
                                             "3",
                                             "--max-line",
                                             "64",
                                             "--idle-timeout",
                                             "1h",
                                             "--rate",
                                             "0",
                                             NULL};

/* A peer may find nobody listening, once things fail. */
static void say_if_there(struct sim_peer *peer, const char *lines)
{
    if (peer)
        sim_peer_say(peer, lines);
    cr_assert(server_fixture_pass(50 * NS_PER_MS), "the server spins or ended");
}

/* A short conversation in which all that people say to chatd comes up. */
static void talk(void)
{
    struct sim_peer *ann = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    struct sim_peer *bob = sim_connect(server_fixture.sim, "unix:/run/chat");
    say_if_there(ann, "/nick ann\n/join #tea\n/topic leaves\n/lock\nhello\n");
    say_if_there(bob, "/nick bob\n/msg ann psst\n/ignore ann\n/whois ann\n/who\n/rooms\n/help\n");
    say_if_there(ann, "/unlock\n/away lunch\n/history 3\n/me waves\n");
    struct sim_peer *eve = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    say_if_there(bob, "/join #tea\none\ntwo\nthree\n/unignore ann\n/msg ann hi\n/ignore\n");
    say_if_there(eve, "half a li");
    say_if_there(eve, "ne\n\377\375\001/leave\n/join #tea\nthis line is much too long for the limit"
                      " of sixty-four bytes that was given\n");
    sim_raise(server_fixture.sim, SIGHUP);
    sim_raise(server_fixture.sim, SIGUSR1);
    if (eve)
        sim_peer_reset(eve);
    say_if_there(bob, "/leave #lobby\n/quit bye\n");
    if (ann)
        sim_peer_shutdown(ann);
    cr_assert(server_fixture_pass(500 * NS_PER_MS));
}

/* Another, with names and rooms that are somebody's. */
static void own(void)
{
    struct sim_peer *ann = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    struct sim_peer *bob = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    say_if_there(ann, "/nick ann k3y9\n/join #tea\n/lock sesame\n/bell on\n/quiet on\n");
    say_if_there(bob, "/nick bob\n/join #tea wrong\n@ann may I?\n");
    say_if_there(ann, "/r yes\n/invite bob\n/msg #lobby ann here\n");
    say_if_there(bob, "/join #tea sesame\n/leave #lobby\nann: hello\n/rooms te\n");
    say_if_there(ann, "/give bob\n/history hello\n/history 1h\n");
    say_if_there(bob, "/give ann\n");
    say_if_there(ann, "/kick bob enough\n");
    struct sim_peer *again = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    say_if_there(again, "/nick ann k3y9\n/unlock\nquit\n/quit\n");
    cr_assert(server_fixture_pass(500 * NS_PER_MS));
}

/* Another, with an operator. */
static void operate(void)
{
    struct sim_peer *ann = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    struct sim_peer *root = sim_connect(server_fixture.sim, "unix:/run/admin");
    say_if_there(ann, "/nick ann\n");
    say_if_there(root, "help\nstats\nclients\nrooms\ntasks\ntimers\ntop\nmetrics\nbogus\n");
    say_if_there(root, "say tea\nkick ann\ndebug on\nquit\n");
    sim_come_as(server_fixture.sim, geteuid() + 1);
    (void)sim_connect(server_fixture.sim, "unix:/run/admin");
    sim_come_as(server_fixture.sim, geteuid());
    struct sim_peer *last = sim_connect(server_fixture.sim, "unix:/run/admin");
    if (last)
        sim_peer_say(last, "shutdown 1\nstats\n");
    (void)server_fixture_pass(50 * NS_PER_MS); /* it may have ended by then */
}

static const char *const stall_arguments[] = {"-l",
                                              ":7777",
                                              "-l",
                                              "unix:/run/chat",
                                              "--max-clients",
                                              "3",
                                              "--backlog",
                                              "2K",
                                              "--max-line",
                                              "64",
                                              "--rate",
                                              "0",
                                              "--grace",
                                              "1s",
                                              "--history",
                                              "3",
                                              "--slow-policy",
                                              "skip",
                                              NULL};

static const char *const cut_arguments[] = {"--backlog",     "2K",         "--max-line", "64",
                                            "--rate",        "0",          "--grace",    "1s",
                                            "--slow-policy", "disconnect", NULL};

/* More than a backlog. */
static void flood(struct sim_peer *peer, const char *line)
{
    for (int i = 0; peer && i < 250; i++)
        sim_peer_say(peer, line);
    say_if_there(peer, "/ping\n");
}

static void stall(struct sim_peer *peer)
{
    if (peer)
        sim_peer_stall(peer);
}

static void resume(struct sim_peer *peer)
{
    if (peer)
        sim_peer_resume(peer);
    say_if_there(peer, "I am back\n");
}

/* Where nothing failed, `peer` must have been told this: else the conversation isn't what it says
 * it is. */
static void meets(struct sim_peer *peer, const char *text)
{
    cr_assert(sim_failed_call(server_fixture.sim) || strstr(sim_peer_text(peer), text), "%s", text);
}

/* Another in which readers fall behind, are owed private messages, leave while they are, find the
 * server full, and hang when it ends. */
static void stop_reading(void)
{
    struct sim_peer *ann = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    struct sim_peer *bob = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    say_if_there(ann, "/nick ann\n/join #tea\n");
    say_if_there(bob, "/nick bob\n/join #tea\nI am here\n");
    stall(bob);
    flood(ann, "a line for who doesn't read it\n");
    flood(ann, "/msg bob and one for him alone\n");
    say_if_there(bob, "/ignore ann\n/help\nwho says nothing that is read\n/leave\n");
    resume(bob);
    stall(bob);
    struct sim_peer *cat = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    struct sim_peer *eve = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    say_if_there(eve, "am I in?\n");
    flood(ann, "/me goes on and on and on and on\n");
    say_if_there(bob, "/quit while much is owed\n");
    cr_assert(server_fixture_pass(5 * NS_PER_SECOND));
    stall(cat);
    flood(ann, "a line for the end\n");
    if (server_fixture.config.slow_policy == CONFIG_SLOW_DISCONNECT) {
        meets(ann, "#tea -- bob left (too slow)\r\n");
        return;
    }
    meets(bob, " lines of #tea skipped");
    meets(ann, "! bob is not reading");
    meets(eve, "! server full\r\n");
}

struct conversation {
    const char *const *arguments;
    void (*hold)(void);
    size_t buffer_bytes; /* of sockets; 0: as usual */
};

/* A dead server has left its socket. */
static void leave_a_socket(void)
{
    struct sys *sys = sim_door(server_fixture.sim);
    struct sys_address address;
    cr_assert_eq(sys_address_local(&address, "/run/chat"), 0);
    int fd = sys->socket(sys, AF_UNIX);
    cr_assert_eq(sys->bind(sys, fd, &address), 0);
    cr_assert_eq(sys->close(sys, fd), 0);
}

/* One conversation in which the `nth` call fails with its error number `which`. Returns whether
 * there was such a call. */
static bool fails(const struct conversation *conversation, uint64_t nth, unsigned which)
{
    const struct sim_options options = {.descriptor_limit = DESCRIPTORS,
                                        .send_buffer_bytes = conversation->buffer_bytes,
                                        .receive_buffer_bytes = conversation->buffer_bytes};
    server_fixture_build(&options);
    sim_write_file(server_fixture.sim, "/motd", "mind\nthe step\n");
    leave_a_socket();
    sim_fail_nth(server_fixture.sim, nth, which);
    if (server_fixture_start(conversation->arguments) == 0) {
        conversation->hold();
        cr_assert_eq(server_fixture_end(), 0);
        cr_assert_eq(server_fixture.server.farewells.count, 0, "a place is lost: %s",
                     sim_failed_call(server_fixture.sim));
        server_fixture_stop();
    }
    cr_assert_eq(sim_open_descriptors(server_fixture.sim), 0, "descriptors are left: %s",
                 sim_failed_call(server_fixture.sim));
    cr_assert_eq(sim_live_blocks(server_fixture.sim), 0, "blocks are left: %s",
                 sim_failed_call(server_fixture.sim));
    bool failed = sim_failed_call(server_fixture.sim) != NULL;
    server_fixture_raze();
    return failed;
}

/* Goes through all calls and all the errors of each. Returns how many there were. */
static uint64_t fail_each(const struct conversation *conversation)
{
    uint64_t failures = 0;
    bool more = true;
    for (uint64_t nth = 1; more; nth++) {
        more = false;
        for (unsigned which = 0; fails(conversation, nth, which); which++) {
            more = true;
            failures++;
        }
    }
    return failures;
}

Test(server_failures, every_call_fails_once_while_people_talk)
{
    cr_assert_gt(fail_each(&(struct conversation){talk_arguments, talk, 0}), 200);
}

Test(server_failures, every_call_fails_once_while_names_and_rooms_are_held)
{
    static const char *const arguments[] = {"--max-line", "64", "--rate", "0", NULL};
    cr_assert_gt(fail_each(&(struct conversation){arguments, own, 0}), 200);
}

Test(server_failures, every_call_fails_once_while_an_operator_works)
{
    static const char *const arguments[] = {"--admin", "/run/admin", "--rate", "0", NULL};
    cr_assert_gt(fail_each(&(struct conversation){arguments, operate, 0}), 200);
}

Test(server_failures, every_call_fails_once_while_readers_are_skipped)
{
    cr_assert_gt(fail_each(&(struct conversation){stall_arguments, stop_reading, 512}), 200);
}

Test(server_failures, every_call_fails_once_while_readers_are_disconnected)
{
    cr_assert_gt(fail_each(&(struct conversation){cut_arguments, stop_reading, 512}), 200);
}

Test(server_failures, what_could_not_be_said_is_not_remembered)
{
    static const int reads_and_then_fails[] = {0, -ENOMEM};
    server_fixture_build(NULL);
    cr_assert_eq(server_fixture_start(NULL), 0);
    struct sim_peer *ann = server_fixture_enter();
    struct sim_peer *bob = server_fixture_enter();
    cr_assert(server_fixture_pass(NS_PER_SECOND));
    sim_peer_forget(ann);
    sim_answer(server_fixture.sim, SIM_ALLOCATE, reads_and_then_fails, 2);
    server_fixture_say(ann, "hello");
    cr_assert_eq(strncmp(sim_peer_text(ann), "! ", 2), 0, "%s", sim_peer_text(ann));
    server_fixture_say(ann, "again");
    struct sim_peer *eve = server_fixture_enter();
    cr_assert_null(strstr(sim_peer_text(bob), "hello"));
    cr_assert_null(strstr(sim_peer_text(eve), "hello"));
    server_fixture_expect(eve, "#lobby <guest1> again\r\n");
    cr_assert_eq(server_fixture_end(), 0);
    server_fixture_stop();
    server_fixture_raze();
}

Test(server_failures, a_rough_network_loses_nobody_elses_lines)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        const struct sim_options options = {.seed = seed,
                                            .descriptor_limit = DESCRIPTORS,
                                            .segments = SIM_RANDOM,
                                            .delay_max_ns = 3 * NS_PER_MS,
                                            .shuffle = true,
                                            .short_read_ppm = 200000,
                                            .short_write_ppm = 200000,
                                            .late_accept_ppm = 200000};
        server_fixture_build(&options);
        sim_write_file(server_fixture.sim, "/motd", "mind\nthe step\n");
        cr_assert_eq(server_fixture_start(talk_arguments), 0);
        talk();
        cr_assert_eq(server_fixture_end(), 0, "seed %lu", (unsigned long)seed);
        server_fixture_stop();
        server_fixture_raze();
    }
}

Test(server_failures, a_failing_world_is_survived)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        const struct sim_options options = {.seed = seed,
                                            .descriptor_limit = DESCRIPTORS,
                                            .segments = SIM_RANDOM,
                                            .shuffle = true,
                                            .reset_ppm = 20000,
                                            .no_descriptor_ppm = 50000,
                                            .no_buffer_ppm = 20000,
                                            .no_memory_ppm = 20000};
        server_fixture_build(&options);
        sim_write_file(server_fixture.sim, "/motd", "mind\nthe step\n");
        if (server_fixture_start(talk_arguments) == 0) {
            talk();
            cr_assert_eq(server_fixture_end(), 0, "seed %lu", (unsigned long)seed);
            server_fixture_stop();
        }
        cr_assert_eq(sim_open_descriptors(server_fixture.sim), 0, "seed %lu", (unsigned long)seed);
        cr_assert_eq(sim_live_blocks(server_fixture.sim), 0, "seed %lu", (unsigned long)seed);
        server_fixture_raze();
    }
}
