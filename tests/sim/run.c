#include "tests/sim/run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chat/server/server.h"
#include "tests/sim/people.h"

struct world {
    struct loop loop;
    struct server server;
    struct config config;
    struct log log;
    struct problem problem;
};

/* At one instant, for all that people can have sent at once. */
#define TURNS_AT_ONCE_MAX 20000

/* The longest that anybody's answers may take once everybody is quiet: a flood at its rate, or of
 * which each byte comes alone. */
#define QUIET_NS (7200 * NS_PER_SECOND)

const char *const run_room_names[RUN_ROOMS] = {"#lobby", "#tea", "#den", "#vault",
                                               "#x0",    "#x1",  "#x2",  "#x3"};

/* --- means --- */

void *run_allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

void *run_grow(void *array, size_t *capacity, size_t count, size_t element_size)
{
    if (count < *capacity)
        return array;
    size_t larger = count * 2 + 16;
    array = realloc(array, larger * element_size);
    if (!array)
        abort();
    memset((char *)array + *capacity * element_size, 0, (larger - *capacity) * element_size);
    *capacity = larger;
    return array;
}

void run_fail(struct run *run, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)snprintf(run->failure, run->failure_size, "%s", text);
    run_tell(run, "FAILED: %s", text);
    (void)fflush(stdout);
    _exit(1);
}

void run_tell(struct run *run, const char *format, ...)
{
    if (!run->plan->story)
        return;
    int64_t now_ms = (sim_now_ns(run->sim) - NS_PER_SECOND) / NS_PER_MS;
    printf("%8" PRId64 ".%03" PRId64 "  ", now_ms / 1000, now_ms % 1000);
    va_list arguments;
    va_start(arguments, format);
    char text[1200];
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f)
            *at = '.';
    (void)puts(text);
    (void)fflush(stdout);
}

static uint32_t chance(struct run *run, uint32_t bound)
{
    return (uint32_t)random_below(&run->random, bound);
}

/* --- the server --- */

/* The options of this run's server. */
static void configure(struct run *run)
{
    static const char *const backlogs[] = {"4K", "8K", "64K", "1M"};
    static const char *const rates[] = {"10/40", "100/400", "0", "5/5"};
    static const char *const idles[] = {"0", "0", "0", "40s"};
    const char *backlog = backlogs[chance(run, 4)];
    const char *rate = rates[chance(run, 4)];
    const char *idle = idles[chance(run, 4)];
    char *argv[] = {
        "chatd",      "--max-line",     "400",        "--backlog",   (char *)backlog, "--rate",
        (char *)rate, "--idle-timeout", (char *)idle, "--log-level", "warn",          "--history",
        "50",         "--grace",        "4s",         NULL};
    char problem[CONFIG_PROBLEM_TEXT];
    if (config_parse(&run->world->config, argv, problem, sizeof(problem)) != 0)
        run_fail(run, "%s", problem);
    run->backlog_bytes = run->world->config.backlog_bytes;
    run->idle_timeout_ns = run->world->config.idle_timeout_ns;
    run_tell(run, "the server starts with --backlog %s --rate %s --idle-timeout %s", backlog, rate,
             idle);
}

static void start_server(struct run *run)
{
    log_init(&run->world->log, sim_door(run->sim), 2, run->world->config.log_level);
    if (loop_init(&run->world->loop, sim_door(run->sim)) < 0)
        run_fail(run, "no loop");
    if (server_open(&run->world->server, &run->world->loop, &run->world->config, &run->world->log,
                    &run->world->problem) < 0)
        run_fail(run, "the start failed: %s", run->world->problem.text);
    server_start(&run->world->server);
}

static void stop_server(struct run *run)
{
    server_close(&run->world->server);
    loop_release(&run->world->loop);
    if (sim_open_descriptors(run->sim) != 0)
        run_fail(run, "%d descriptors are left after the end", sim_open_descriptors(run->sim));
    if (sim_live_blocks(run->sim) != 0)
        run_fail(run, "%zu blocks are left after the end", sim_live_blocks(run->sim));
}

/* --- oracles of a turn --- */

/* What rooms may hold, what each client may hold, and the rest: the table in chat/README.md. */
static size_t memory_bound(const struct run *run)
{
    size_t per_room = 2 * run->backlog_bytes + 256 * 1024;
    size_t per_client = 256 * 1024;
    return 4 * 1024 * 1024 + (RUN_ROOMS + 1) * per_room + (run->person_count + 1) * per_client;
}

static void check_turn(struct run *run)
{
    if (sim_now_ns(run->sim) != run->instant_ns) {
        run->instant_ns = sim_now_ns(run->sim);
        run->instant_turns = 0;
    }
    if (++run->instant_turns > TURNS_AT_ONCE_MAX)
        run_fail(run, "the loop spins: %u turns at one instant", run->instant_turns);
    if (sim_live_bytes(run->sim) > memory_bound(run))
        run_fail(run, "the server holds %zu bytes, more than %zu", sim_live_bytes(run->sim),
                 memory_bound(run));
}

/* --- time --- */

static bool ended(const struct run *run)
{
    return task_ended(&run->world->server.task);
}

/* Lets the server run until `until_ns`, or its end. */
static void pass_until(struct run *run, int64_t until_ns)
{
    sim_limit(run->sim, until_ns);
    while (!ended(run) && !sim_idle(run->sim)) {
        int rc = loop_run_once(&run->world->loop);
        if (rc < 0)
            run_fail(run, "a turn of the loop returns %d", rc);
        run->tally->turns++;
        check_turn(run);
    }
}

static void pass(struct run *run, int64_t duration_ns)
{
    pass_until(run, sim_now_ns(run->sim) + duration_ns);
    people_read(run);
}

/* --- faults --- */

static void set_faults(struct run *run)
{
    static const uint32_t rare =
        FAULT_RESET | FAULT_NO_BUFFER | FAULT_NO_MEMORY | FAULT_TERM | FAULT_NO_DESCRIPTOR;
    struct sim_options *options = sim_options(run->sim);
    uint32_t chosen = (uint32_t)random_next(&run->random) & ((1u << FAULTS) - 1);
    uint32_t thinned = (uint32_t)random_next(&run->random) & (uint32_t)random_next(&run->random);
    run->faults = chosen & ~(rare & ~thinned) & run->plan->faults;
    run->lenient = run->faults & FAULT_NO_MEMORY;
    if (run->faults & FAULT_SEGMENTS)
        options->segments = chance(run, 3) ? SIM_RANDOM : SIM_BYTES;
    if (run->faults & FAULT_DELAY)
        options->delay_max_ns = (int64_t)(1 + chance(run, 60)) * NS_PER_MS;
    if (run->faults & FAULT_SHORT)
        options->short_read_ppm = options->short_write_ppm = 100000;
    options->shuffle = run->faults & FAULT_SHUFFLE;
    if (run->faults & FAULT_LATE_ACCEPT)
        options->late_accept_ppm = 200000;
    if (run->faults & FAULT_SMALL_BUFFERS)
        options->send_buffer_bytes = options->receive_buffer_bytes = 1024 + chance(run, 4096);
    if (run->faults & FAULT_RESET)
        options->reset_ppm = 300;
    if (run->faults & FAULT_NO_DESCRIPTOR)
        options->no_descriptor_ppm = 100000;
    if (run->faults & FAULT_NO_BUFFER)
        options->no_buffer_ppm = 500;
    if (run->faults & FAULT_NO_MEMORY)
        options->no_memory_ppm = 2000;
    run_tell(run, "kinds of faults: %#x", run->faults);
}

/* The process, or the machine, stands still for a moment. */
static void perhaps_pause(struct run *run)
{
    if (!(run->faults & FAULT_PAUSE) || chance(run, 200))
        return;
    int64_t pause_ns = (int64_t)(1 + chance(run, 3000)) * NS_PER_MS;
    run_tell(run, "the process stands still for %" PRId64 " ms", pause_ns / NS_PER_MS);
    sim_advance(run->sim, pause_ns);
    run->tally->faults++;
}

/* No more faults, so that what is owed can arrive. */
static void calm(struct run *run)
{
    struct sim_options *options = sim_options(run->sim);
    options->reset_ppm = options->no_buffer_ppm = options->no_memory_ppm = 0;
    options->no_descriptor_ppm = 0;
}

/* --- the run --- */

static void act_for(struct run *run, int64_t duration_ns)
{
    int64_t until_ns = sim_now_ns(run->sim) + duration_ns;
    while (!ended(run) && run->tally->acts < run->plan->acts) {
        int64_t next_ns = people_next_ns(run);
        if (next_ns >= until_ns)
            break;
        perhaps_pause(run);
        pass_until(run, next_ns);
        people_read(run);
        people_act(run);
    }
    if (!ended(run) && run->tally->acts < run->plan->acts)
        pass(run, until_ns > sim_now_ns(run->sim) ? until_ns - sim_now_ns(run->sim) : 0);
}

/* Nobody acts, everybody reads: now nothing may be missing. */
static void be_quiet(struct run *run)
{
    struct sim_options before = *sim_options(run->sim);
    int64_t until_ns = sim_now_ns(run->sim) + QUIET_NS;
    const struct connection *waiting;
    run_tell(run, "everybody is quiet");
    calm(run);
    pass(run, 0);
    people_settle(run);
    while ((waiting = people_unanswered(run))) {
        if (ended(run))
            run_fail(run, "the server has ended, and nobody asked for that");
        if (sim_now_ns(run->sim) > until_ns)
            run_fail(run, "c%u (%s) waits for ever: pong %u of %u%s", waiting->number,
                     waiting->name, waiting->pongs, waiting->pings,
                     waiting->mute ? ", and for its end" : "");
        pass(run, NS_PER_SECOND);
    }
    pass(run, NS_PER_SECOND);
    views_check(run);
    *sim_options(run->sim) = before;
}

static void end(struct run *run)
{
    int64_t grace_ns = run->world->config.grace_ns;
    run->ending = true;
    run_tell(run, "TERM");
    sim_raise(run->sim, SIGTERM);
    if (chance(run, 4) == 0) {
        pass(run, 10 * NS_PER_MS);
        run_tell(run, "TERM again");
        if (!ended(run))
            sim_raise(run->sim, SIGTERM);
    }
    int64_t until_ns = sim_now_ns(run->sim) + grace_ns + 2 * NS_PER_SECOND;
    while (!ended(run) && sim_now_ns(run->sim) < until_ns)
        pass(run, 100 * NS_PER_MS);
    if (!ended(run))
        run_fail(run, "the server has not ended within its grace");
    if (run->world->server.task.result != 0)
        run_fail(run, "the server ends with %d", (int)run->world->server.task.result);
    sim_settle(run->sim);
    people_read(run);
}

static void bring_everybody(struct run *run)
{
    people_bring_witness(run);
    pass_until(run, sim_now_ns(run->sim) + NS_PER_SECOND);
    model_read(run, run->witness);
    if (!run->witness->views[RUN_VAULT].in)
        run_fail(run, "the witness is not in %s", run_room_names[RUN_VAULT]);
    people_make(run);
}

/* The witness gets buffers that hold all it can be sent at once: it never falls behind. */
static void make_world(struct run *run)
{
    struct sim_options options = {
        .seed = run->plan->seed, .send_buffer_bytes = 64 << 20, .receive_buffer_bytes = 64 << 20};
    run->random = run->plan->seed;
    run->world = run_allocate(sizeof(*run->world));
    run->sim = sim_create(&options);
    configure(run);
    start_server(run);
    pass_until(run, sim_now_ns(run->sim));
    bring_everybody(run);
    sim_options(run->sim)->send_buffer_bytes = 0;
    sim_options(run->sim)->receive_buffer_bytes = 0;
    set_faults(run);
}

void run_play(struct run *run)
{
    make_world(run);
    for (uint32_t part = 1 + chance(run, 3); part > 0; part--) {
        act_for(run, (int64_t)(10 + chance(run, 50)) * NS_PER_SECOND);
        if (part == 1 && run->faults & FAULT_TERM)
            break;
        if (ended(run))
            run_fail(run, "the server has ended, and nobody asked for that");
        be_quiet(run);
    }
    end(run);
    run->tally->simulated_ns = sim_now_ns(run->sim) - NS_PER_SECOND;
    stop_server(run);
    people_release(run);
    sim_free(run->sim);
    free(run->world);
}
