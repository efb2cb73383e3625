#include "reactor/sim/testing.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/net/listener.h"

/* The report. */

static void begin_report(struct testing *testing)
{
    testing->report[0] = '\0';
}

__attribute__((format(printf, 2, 3))) static void report(struct testing *testing,
                                                         const char *format, ...)
{
    size_t used = strlen(testing->report);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(testing->report + used, sizeof(testing->report) - used, format, arguments);
    va_end(arguments);
}

static void report_line(void *context, const char *line)
{
    report(context, "  %s\n", line);
}

/* Scripts. */

/* Whether the peer was sent `text` since it last looked. */
static bool has_seen(struct testing_script *script, const char *text)
{
    const char *all = sim_peer_text(script->peer);
    const char *found = strstr(all + script->seen_bytes, text);
    if (!found)
        return false;
    script->seen_bytes = (size_t)(found - all) + strlen(text);
    return true;
}

static bool has_waited(const struct testing *testing, struct testing_script *script)
{
    int64_t now_ns = sim_now_ns(testing->sim);
    if (!script->until_ns)
        script->until_ns = time_after(now_ns, script->next->duration_ns);
    if (now_ns < script->until_ns)
        return false;
    script->until_ns = 0;
    return true;
}

/* Does the next thing. Returns false where that has to wait. */
static bool act(const struct testing *testing, struct testing_script *script)
{
    switch (script->next->verb) {
    case TESTING_END:
        return false;
    case TESTING_EXPECT:
        return has_seen(script, script->next->text);
    case TESTING_WAIT:
        return has_waited(testing, script);
    case TESTING_SAY:
        sim_peer_say(script->peer, script->next->text);
        return true;
    case TESTING_STALL:
        sim_peer_stall(script->peer);
        return true;
    case TESTING_RESUME:
        sim_peer_resume(script->peer);
        return true;
    case TESTING_SHUTDOWN:
        sim_peer_shutdown(script->peer);
        return true;
    case TESTING_CLOSE:
        sim_peer_close(script->peer);
        return true;
    case TESTING_RESET:
        sim_peer_reset(script->peer);
        return true;
    }
    assert(!"a verb is one of enum testing_verb");
    return false;
}

static void play(const struct testing *testing, struct testing_script *script)
{
    while (act(testing, script))
        script->next++;
    if (script->next->verb == TESTING_END)
        list_remove(&script->node);
}

static void play_all(struct testing *testing)
{
    list_for_each_safe(node, &testing->scripts)
        play(testing, container_of(node, struct testing_script, node));
}

static void check_acts(const struct testing_act *acts)
{
    for (; acts->verb != TESTING_END; acts++) {
        bool needs_text = acts->verb == TESTING_SAY || acts->verb == TESTING_EXPECT;
        assert((!needs_text || acts->text) && "what is said or expected has a text");
    }
}

void testing_play(struct testing *testing, struct testing_script *script, struct sim_peer *peer,
                  const struct testing_act *acts)
{
    check_acts(acts);
    *script = (struct testing_script){.peer = peer, .next = acts};
    list_append(&script->node, &testing->scripts);
}

bool testing_played(struct testing *testing, struct testing_script *script)
{
    sim_settle(testing->sim);
    play_all(testing);
    return script->next->verb == TESTING_END;
}

static void report_script(struct testing *testing, struct testing_script *script)
{
    if (script->next->verb == TESTING_EXPECT)
        report(testing, "a peer waits for \"%s\" and was sent \"%s\"\n", script->next->text,
               sim_peer_text(script->peer) + script->seen_bytes);
    else
        report(testing, "a peer waits for its time\n");
}

/* Running. */

/* The earliest instant at which a scripted peer may have to act: what it was sent arrives, or its
 * pause is over. Else the end of the run. */
static int64_t next_ns(const struct testing *testing, int64_t end_ns)
{
    int64_t next_ns = end_ns;
    if (!list_empty(&testing->scripts) && sim_peers_next_ns(testing->sim) < next_ns)
        next_ns = sim_peers_next_ns(testing->sim);
    list_for_each(node, &testing->scripts) {
        const struct testing_script *script = container_of(node, struct testing_script, node);
        if (script->until_ns && script->until_ns < next_ns)
            next_ns = script->until_ns;
    }
    return next_ns;
}

enum outcome { GOES_ON, IS_STUCK, SPINS, CANNOT_WAIT };

/* One turn, and what the peers do about it. */
static enum outcome turn(struct testing *testing, int64_t end_ns, int *turns)
{
    int64_t before_ns = sim_now_ns(testing->sim);
    play_all(testing);
    if (sim_idle(testing->sim) && before_ns >= end_ns)
        return IS_STUCK;
    sim_limit(testing->sim, next_ns(testing, end_ns));
    if (loop_run_once(&testing->loop) < 0)
        return CANNOT_WAIT;
    *turns = sim_now_ns(testing->sim) == before_ns ? *turns + 1 : 0;
    return *turns > TESTING_TURNS_MAX ? SPINS : GOES_ON;
}

static void report_unfinished(struct testing *testing, enum outcome outcome)
{
    const char *how[] = {[IS_STUCK] = "waited to the end of its time",
                         [SPINS] = "turns without end in one instant",
                         [CANNOT_WAIT] = "couldn't wait for the kernel"};
    begin_report(testing);
    const struct task *main = testing->root.main;
    report(testing, "%s did not finish: it %s\n", main ? main->wake.callback.name : "the program",
           how[outcome]);
    if (main)
        root_print(&testing->root, report_line, testing);
    list_for_each(node, &testing->scripts)
        report_script(testing, container_of(node, struct testing_script, node));
}

bool testing_resume(struct testing *testing, int64_t limit_ns)
{
    int64_t end_ns = time_after(sim_now_ns(testing->sim), limit_ns);
    int turns = 0;
    if (end_ns == TIME_NEVER)
        end_ns--; /* a kernel without a limit would abort where nothing can happen any more */
    assert(testing->root.main && "what is resumed was started and has not ended");
    sim_limit(testing->sim, end_ns); /* it was idle at the end of the last run */
    while (!task_ended(testing->root.main)) {
        enum outcome outcome = turn(testing, end_ns, &turns);
        if (outcome != GOES_ON) {
            report_unfinished(testing, outcome);
            return false;
        }
    }
    testing->root.main = NULL; /* its memory is its owner's again */
    return true;
}

bool testing_settle(struct testing *testing)
{
    int64_t now_ns = sim_now_ns(testing->sim);
    int turns = 0;
    enum outcome outcome;
    sim_limit(testing->sim, now_ns);
    do
        outcome = turn(testing, now_ns, &turns);
    while (outcome == GOES_ON);
    if (outcome != IS_STUCK)
        report_unfinished(testing, outcome);
    return outcome == IS_STUCK;
}

bool testing_run(struct testing *testing, struct task *task, const char *name, task_step *step,
                 int64_t limit_ns)
{
    assert(!testing->root.main && "one main task at a time");
    root_start(&testing->root, &testing->loop, task, name, step);
    return testing_resume(testing, limit_ns);
}

/* A connected stream. */

/* The longest that a connection is under way, whatever the options of the network. */
#define CONNECT_NS (60 * NS_PER_SECOND)

/* The task that waits for the far end to arrive; its result is the descriptor. */
struct arrival {
    struct task task;
    struct frame frame;
    int rc;
    struct listener listener;
    struct sys_address from;
};

static int arrival_step(struct task *task)
{
    struct arrival *const self = container_of(task, struct arrival, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, listener_accept(task, &self->listener, &self->from));
    TASK_RETURN(self->rc);
    TASK_END();
}

/* Connects a new peer to `arrival`'s listener. Returns the descriptor, or -errno. */
static int connect_peer(struct testing *testing, struct arrival *arrival, struct sim_peer **peer)
{
    char address[SYS_ADDRESS_TEXT];
    sys_address_format(&arrival->listener.address, address);
    *peer = sim_connect(testing->sim, address);
    if (testing_run(testing, &arrival->task, "arrival", arrival_step, CONNECT_NS))
        return arrival->task.result;
    task_cancel(&arrival->task, testing->loop.now_ns);
    (void)testing_resume(testing, 0); /* a cancelled accept ends at once */
    return -ETIMEDOUT;
}

int testing_stream(struct testing *testing, struct stream *stream, struct sim_peer **peer)
{
    struct sys *sys = testing->loop.sys;
    struct arrival arrival = {.rc = 0};
    struct sys_address address;
    int rc = sys->resolve(sys, "127.0.0.1", 0, &address, 1);
    if (rc >= 0)
        rc = listener_open(&arrival.listener, &testing->loop, &address);
    if (rc < 0)
        return rc;
    int fd = connect_peer(testing, &arrival, peer);
    listener_close(&arrival.listener);
    if (fd < 0)
        return fd;
    rc = stream_open(stream, &testing->fanout, fd, 0);
    if (rc < 0)
        (void)sys->close(sys, fd); /* nothing was sent on it */
    return rc;
}

/* Life cycle. */

void testing_open(struct testing *testing, const struct sim_options *options)
{
    *testing = (struct testing){.sim = sim_create(options)};
    list_init(&testing->scripts);
    if (loop_init(&testing->loop, sim_door(testing->sim)) < 0)
        abort();
    fanout_init(&testing->fanout, &testing->loop, NULL);
}

/* What the program still holds, once the loop is gone. */
static void report_left(struct testing *testing)
{
    if (sim_open_descriptors(testing->sim) > 0)
        report(testing, "%d descriptors are left\n", sim_open_descriptors(testing->sim));
    if (sim_live_blocks(testing->sim) > 0)
        report(testing, "%zu blocks are left, %zu bytes\n", sim_live_blocks(testing->sim),
               sim_live_bytes(testing->sim));
}

/* Whether nothing of the program's hangs on the loop any more. */
static bool loop_is_free(struct testing *testing)
{
    size_t timers = wheel_count(&testing->loop.wheel);
    if (timers > 0)
        report(testing, "%zu timers are left\n", timers);
    if (testing->loop.descriptor_count > 0)
        report(testing, "%zu streams or listeners are left open\n", testing->loop.descriptor_count);
    return testing->loop.descriptor_count == 0;
}

/* Cancels a main task that has not ended. Returns whether it did then. */
static bool end_main(struct testing *testing)
{
    if (!testing->root.main)
        return true;
    task_cancel(testing->root.main, testing->loop.now_ns);
    return testing_resume(testing, 0);
}

bool testing_close(struct testing *testing)
{
    assert(testing->sim && "it is closed once");
    begin_report(testing);
    if (end_main(testing) && loop_is_free(testing)) {
        fanout_release(&testing->fanout);
        loop_release(&testing->loop);
        report_left(testing);
    }
    sim_free_blocks(testing->sim);
    sim_free(testing->sim);
    testing->sim = NULL;
    return testing->report[0] == '\0';
}
