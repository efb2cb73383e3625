#include "tests/support/house.h"

#include <criterion/criterion.h>
#include <string.h>

/* Turns in one instant that no conversation needs: the server is spinning. */
#define TURNS_MAX 20000

#define ARGUMENTS_MAX 32

struct house house;

void house_build(const struct sim_options *options)
{
    house.sim = sim_create(options);
}

static void read_arguments(const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX + 2] = {(char *)"chatd"};
    for (int i = 0; arguments && arguments[i]; i++) {
        cr_assert_lt(i, ARGUMENTS_MAX);
        argv[i + 1] = (char *)arguments[i];
    }
    char problem[CONFIG_PROBLEM_TEXT];
    int rc = config_parse(&house.config, argv, problem, sizeof(problem));
    cr_assert_eq(rc, 0, "%s", problem);
}

int house_start(const char *const *arguments)
{
    read_arguments(arguments);
    log_init(&house.log, sim_door(house.sim), 2, house.config.log_level);
    int rc = loop_init(&house.loop, sim_door(house.sim));
    if (rc < 0)
        return rc;
    rc = server_open(&house.server, &house.loop, &house.config, &house.log, &house.problem);
    if (rc < 0) {
        loop_release(&house.loop);
        return rc;
    }
    server_start(&house.server);
    return 0;
}

bool house_pass(int64_t duration_ns)
{
    sim_limit(house.sim, sim_now_ns(house.sim) + duration_ns);
    for (int turns = 0; !sim_idle(house.sim); turns++) {
        if (task_ended(&house.server.task) || turns == TURNS_MAX)
            return false;
        cr_assert_eq(loop_run_once(&house.loop), 0);
    }
    return true;
}

int house_end(void)
{
    sim_raise(house.sim, SIGTERM);
    for (int i = 0; i < 600 && !task_ended(&house.server.task); i++)
        (void)house_pass(100 * NS_PER_MS);
    cr_assert(task_ended(&house.server.task), "the server doesn't end");
    return house.server.task.result;
}

void house_stop(void)
{
    server_close(&house.server);
    loop_release(&house.loop);
    cr_assert_eq(sim_open_descriptors(house.sim), 0, "descriptors are left");
    cr_assert_eq(sim_live_blocks(house.sim), 0, "%zu blocks are left", sim_live_blocks(house.sim));
}

void house_raze(void)
{
    sim_free(house.sim);
}

struct sim_peer *house_enter(void)
{
    struct sim_peer *peer = sim_connect(house.sim, HOUSE_ADDRESS);
    cr_assert(peer);
    cr_assert(house_pass(0));
    return peer;
}

void house_say(struct sim_peer *peer, const char *line)
{
    sim_peer_say(peer, line);
    sim_peer_say(peer, "\r\n");
    cr_assert(house_pass(0));
}

void house_expect(struct sim_peer *peer, const char *text)
{
    cr_assert(strstr(sim_peer_text(peer), text), "expected \"%s\" in:\n%s", text,
              sim_peer_text(peer));
    sim_peer_forget(peer);
}
