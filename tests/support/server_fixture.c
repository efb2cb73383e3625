#include "tests/support/server_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

/* Turns in one instant that no conversation needs: the server is spinning. */
#define TURNS_MAX 20000

#define ARGUMENTS_MAX 32

struct server_fixture server_fixture;

void server_fixture_build(const struct sim_options *options)
{
    server_fixture.sim = sim_create(options);
}

static void read_arguments(const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX + 2] = {(char *)"chatd"};
    for (int i = 0; arguments && arguments[i]; i++) {
        cr_assert_lt(i, ARGUMENTS_MAX);
        argv[i + 1] = (char *)arguments[i];
    }
    char problem[CONFIG_PROBLEM_TEXT];
    int rc = config_parse(&server_fixture.config, argv, problem, sizeof(problem));
    cr_assert_eq(rc, 0, "%s", problem);
}

int server_fixture_start(const char *const *arguments)
{
    read_arguments(arguments);
    log_init(&server_fixture.log, sim_door(server_fixture.sim), 2, server_fixture.config.log_level);
    int rc = loop_init(&server_fixture.loop, sim_door(server_fixture.sim));
    if (rc < 0)
        return rc;
    rc = server_open(&server_fixture.server, &server_fixture.loop, &server_fixture.config,
                     &server_fixture.log, &server_fixture.problem);
    if (rc < 0) {
        loop_release(&server_fixture.loop);
        return rc;
    }
    server_start(&server_fixture.server);
    return 0;
}

bool server_fixture_pass(int64_t duration_ns)
{
    sim_limit(server_fixture.sim, sim_now_ns(server_fixture.sim) + duration_ns);
    for (int turns = 0; !sim_idle(server_fixture.sim); turns++) {
        if (task_ended(&server_fixture.server.task) || turns == TURNS_MAX)
            return false;
        cr_assert_eq(loop_run_once(&server_fixture.loop), 0);
    }
    return true;
}

int server_fixture_end(void)
{
    sim_raise(server_fixture.sim, SIGTERM);
    for (int i = 0; i < 600 && !task_ended(&server_fixture.server.task); i++)
        (void)server_fixture_pass(100 * NS_PER_MS);
    cr_assert(task_ended(&server_fixture.server.task), "the server doesn't end");
    return server_fixture.server.task.result;
}

void server_fixture_stop(void)
{
    server_close(&server_fixture.server);
    loop_release(&server_fixture.loop);
    cr_assert_eq(sim_open_descriptors(server_fixture.sim), 0, "descriptors are left");
    cr_assert_eq(sim_live_blocks(server_fixture.sim), 0, "%zu blocks are left",
                 sim_live_blocks(server_fixture.sim));
}

void server_fixture_raze(void)
{
    sim_free(server_fixture.sim);
}

struct sim_peer *server_fixture_enter(void)
{
    struct sim_peer *peer = sim_connect(server_fixture.sim, HOUSE_ADDRESS);
    cr_assert(peer);
    cr_assert(server_fixture_pass(0));
    return peer;
}

void server_fixture_say(struct sim_peer *peer, const char *line)
{
    sim_peer_say(peer, line);
    sim_peer_say(peer, "\r\n");
    cr_assert(server_fixture_pass(0));
}

void server_fixture_expect(struct sim_peer *peer, const char *text)
{
    cr_assert(strstr(sim_peer_text(peer), text), "expected \"%s\" in:\n%s", text,
              sim_peer_text(peer));
    sim_peer_forget(peer);
}
