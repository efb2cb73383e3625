#include "tools/chatload/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define ROLL_CALL_PAUSE_NS (100 * NS_PER_MS)
#define LOOK_PAUSE_NS (20 * NS_PER_MS)

/* Waits for `duration_ns`, or until the phase is over. Returns 0. May suspend. */
static int pause_phase(struct task *task, struct run *run, int64_t duration_ns)
{
    struct pause *const self = &run->pause;

    TASK_BEGIN();
    cancel_scope_open(task, &self->deadline, duration_ns);
    TASK_AWAIT(self->rc, event_wait(task, &run->load->over));
    (void)cancel_scope_close(task, &self->deadline); /* either way the caller looks */
    TASK_RETURN(0);
    TASK_END();
}

/* A new phase can be over. */
static void begin_phase(struct run *run, enum phase phase)
{
    meter_phase(&run->meter, phase);
    if (!load_stopped(run->load))
        event_clear(&run->load->over);
}

static void spawn(struct run *run, struct task_group *group, struct task *task, const char *name,
                  task_step *step)
{
    if (task_group_spawn(group, task, name, step) < 0)
        load_fail(run->load, "the run is over"); /* groups are cancelled at its end only */
}

/* Starting. */

static void find_server(struct run *run)
{
    struct load *load = run->load;
    struct sys *sys = load->loop->sys;
    const struct settings *settings = load->settings;
    const struct endpoint *endpoint = settings->spawn ? &run->server.endpoint : &settings->address;
    const char *name = settings->spawn ? endpoint->host : settings->address_name;
    int rc;
    if (endpoint->kind == ENDPOINT_UNIX)
        rc = sys_address_local(load->addresses, endpoint->path);
    else
        rc = sys->resolve(sys, endpoint->host, endpoint->port, load->addresses, LOAD_ADDRESSES_MAX);
    if (rc < 0) {
        load_fail(load, "%s: %s", name, rc == -ENOENT ? "no such host" : strerror(-rc));
        return;
    }
    load->address_count = rc > 0 ? (uint32_t)rc : 1;
    load_use_address(load, 0);
}

static void prepare(struct run *run)
{
    struct load *load = run->load;
    if (!load_stopped(load) && crowd_open(&run->crowd, load) < 0)
        load_fail(load, "out of memory for %u clients", load->settings->clients);
    if (load_stopped(load))
        return;
    server_watch(&run->server);
    if (!server_usage(&run->server, &run->empty) && load->settings->server_pid) /* else all 0 */
        load_fail(load, "--server-pid %u: there is no such process", load->settings->server_pid);
}

static int start_server(struct task *task, struct run *run)
{
    struct steps *const self = &run->start;

    TASK_BEGIN();
    if (run->load->settings->spawn) {
        self->rc = server_spawn(&run->server);
        if (self->rc < 0) {
            load_fail(run->load, "--spawn: %s", strerror(-self->rc));
            TASK_RETURN(0);
        }
        spawn(run, &run->server_group, &run->server.task, "server", server_step);
        TASK_AWAIT(self->rc, pause_phase(task, run, SERVER_START_NS));
        if (!run->server.is_listening && !load_stopped(run->load))
            load_fail(run->load, "--spawn '%s': it said no 'listening on' within 10 s",
                      run->load->settings->spawn);
    }
    if (!load_stopped(run->load))
        find_server(run);
    prepare(run);
    TASK_RETURN(0);
    TASK_END();
}

/* Connecting. */

static void spawn_clients(struct run *run)
{
    struct load *load = run->load;
    for (uint32_t i = 0; i < load->settings->clients; i++)
        spawn(run, &run->clients, &load->clients[i].task, "client", client_step);
}

static bool waits_for_stalled(const struct run *run, int64_t until_ns)
{
    struct load *load = run->load;
    if (load_stopped(load) || load->stalled_in == load->settings->stalled)
        return false;
    if (load->loop->now_ns < until_ns)
        return true;
    load_fail(load, "%s: only %u of %u stalled clients got in", load->address_text,
              load->stalled_in, load->settings->stalled);
    return false;
}

/* The first client calls until all others have heard it. */
static bool waits_for_roll_call(const struct run *run, int64_t until_ns)
{
    struct load *load = run->load;
    uint32_t others = load->settings->clients - 1;
    if (load_stopped(load) || load->settings->protocol == PROTOCOL_CHATD || load->called >= others)
        return false;
    if (load->loop->now_ns < until_ns) {
        client_call_roll(&load->clients[0]);
        return true;
    }
    load_fail(load, "%s: it doesn't relay lines: %u of %u clients heard nothing in 10 s",
              load->address_text, others - load->called, others);
    return false;
}

static int connect_all(struct task *task, struct run *run)
{
    struct steps *const self = &run->connect;

    TASK_BEGIN();
    begin_phase(run, PHASE_CONNECTING);
    spawn_clients(run);
    TASK_AWAIT(self->rc, pause_phase(task, run, TIME_NEVER));
    if (!load_stopped(run->load))
        event_clear(&run->load->over);
    crowd_spawn_stalled(&run->crowd, &run->clients);
    run->drain_ns = time_after(task->loop->now_ns, CLIENT_ENTER_NS);
    while (waits_for_stalled(run, run->drain_ns))
        TASK_AWAIT(self->rc, pause_phase(task, run, LOOK_PAUSE_NS));
    run->drain_ns = time_after(task->loop->now_ns, RUN_ROLL_CALL_NS);
    while (waits_for_roll_call(run, run->drain_ns))
        TASK_AWAIT(self->rc, pause_phase(task, run, ROLL_CALL_PAUSE_NS));
    TASK_RETURN(0);
    TASK_END();
}

/* Warm-up and measuring. */

static void spawn_speakers(struct run *run)
{
    struct load *load = run->load;
    if (load->settings->protocol == PROTOCOL_CHATD) {
        probe_init(&run->probe, load);
        spawn(run, &run->speakers, &run->probe.task, "probe", probe_step);
    }
    crowd_spawn_churn(&run->crowd, &run->clients);
    if (load->settings->rate > 0) {
        spawn(run, &run->speakers, &run->schedule.task, "schedule", schedule_step);
        return;
    }
    for (uint32_t i = 0; i < load->settings->senders; i++)
        spawn(run, &run->speakers, &load->senders[i].task, "sender", sender_step);
}

static struct reading take_reading(struct run *run)
{
    struct load *load = run->load;
    struct reading reading = {
        .at_ns = load->loop->sys->monotonic_ns(load->loop->sys),
        .delivered = load->check.delivered,
        .sent = load->sent,
        .own_cpu_ns = host_own_cpu_ns(),
        .own_wait_ns = host_own_wait_ns(),
    };
    (void)server_usage(&run->server, &reading.server); /* all 0 if it is not known */
    return reading;
}

static int64_t warm_up_ns(const struct settings *settings)
{
    int64_t tenth_ns = settings->duration_ns / RUN_WARM_SHARE;
    return tenth_ns < RUN_WARM_MAX_NS ? tenth_ns : RUN_WARM_MAX_NS;
}

/* The end was planned, unless a signal asked for it earlier. */
static void end_measuring(struct run *run)
{
    struct load *load = run->load;
    run->end = take_reading(run);
    if (run->end.at_ns < load->until_ns)
        load->until_ns = run->end.at_ns;
    run->measured = run->end.at_ns > run->begin.at_ns;
}

static int speak(struct task *task, struct run *run)
{
    struct steps *const self = &run->speak;

    TASK_BEGIN();
    begin_phase(run, PHASE_WARMING);
    spawn_speakers(run);
    TASK_AWAIT(self->rc, pause_phase(task, run, warm_up_ns(run->load->settings)));
    if (!load_stopped(run->load)) {
        run->begin = take_reading(run); /* before the first sample, which is not to be earlier */
        begin_phase(run, PHASE_MEASURING);
        run->load->from_ns = run->begin.at_ns;
        run->load->until_ns = time_after(run->begin.at_ns, run->load->settings->duration_ns);
        TASK_AWAIT(self->rc, pause_phase(task, run, run->load->settings->duration_ns));
        end_measuring(run);
    }
    task_group_cancel(&run->speakers, task->loop->now_ns);
    TASK_RETURN(0);
    TASK_END();
}

/* Draining. */

static bool still_draining(struct run *run)
{
    struct load *load = run->load;
    int64_t now_ns = load->loop->now_ns;
    uint64_t heard = load->check.delivered + load->check.duplicated.count;
    if (heard > run->arrived) {
        run->arrived = heard;
        run->arrived_ns = now_ns;
    }
    run->drained = load_settled(load) >= load->expected;
    int64_t quiet_ns = run->drained ? RUN_QUIET_NS : RUN_SILENCE_NS;
    return !load->problem[0] && load->interrupts < 2 && now_ns - run->arrived_ns < quiet_ns &&
           now_ns - run->drain_ns < RUN_DRAIN_MAX_NS;
}

static int drain(struct task *task, struct run *run)
{
    struct steps *const self = &run->drain;

    TASK_BEGIN();
    begin_phase(run, PHASE_DRAINING);
    run->drain_ns = run->arrived_ns = task->loop->now_ns;
    while (still_draining(run))
        TASK_AWAIT(self->rc, task_sleep(task, LOOK_PAUSE_NS));
    TASK_RETURN(0);
    TASK_END();
}

/* The end. */

/* What is missing now is lost. */
static void close_checks(struct load *load)
{
    for (uint32_t i = 0; i < load->settings->clients; i++) {
        struct client *client = &load->clients[i];
        for (uint32_t slot = 0; slot < client->receiver.senders; slot++) {
            const struct sender *sender =
                &load->senders[client->room + slot * client->receiver.stride];
            if (sender->client != client)
                check_end_of(&load->check, &client->receiver, &client->receiver.heard[slot],
                             sender->window->next);
        }
        check_close(&load->check, &client->receiver);
    }
}

static void open_groups(struct run *run, struct task *task)
{
    task_group_open(&run->server_group, task, "server", GROUP_CONTAIN);
    task_group_open(&run->clients, task, "crowd", GROUP_CONTAIN);
    task_group_open(&run->speakers, task, "speakers", GROUP_CONTAIN);
    task_group_open(&run->meters, task, "meters", GROUP_CONTAIN);
}

static int run_step(struct task *task)
{
    struct run *const self = container_of(task, struct run, task);

    TASK_BEGIN();
    open_groups(self, task);
    TASK_AWAIT(self->rc, start_server(task, self));
    if (!load_stopped(self->load)) {
        spawn(self, &self->meters, &self->meter.task, "meter", meter_step);
        TASK_AWAIT(self->rc, connect_all(task, self));
    }
    if (!load_stopped(self->load))
        TASK_AWAIT(self->rc, speak(task, self));
    TASK_AWAIT(self->rc, task_group_join(task, &self->speakers));
    if (self->load->sent > 0)
        TASK_AWAIT(self->rc, drain(task, self));
    meter_finish(&self->meter);
    task_group_cancel(&self->meters, task->loop->now_ns);
    TASK_AWAIT(self->rc, task_group_join(task, &self->meters));
    task_group_cancel(&self->clients, task->loop->now_ns);
    TASK_AWAIT(self->rc, task_group_join(task, &self->clients));
    TASK_AWAIT(self->rc, server_stop(task, &self->stop, &self->server));
    task_group_cancel(&self->server_group, task->loop->now_ns);
    TASK_AWAIT(self->rc, task_group_join(task, &self->server_group));
    TASK_RETURN(0);
    TASK_END();
}

static void on_signal(struct signals *signals, int number)
{
    (void)number; /* either asks for the end */
    load_interrupt(container_of(signals, struct run, signals)->load);
}

static int open_signals(struct run *run)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return signals_open(&run->signals, run->load->loop, "signals", &set, on_signal);
}

/* A turn that has something ready doesn't wait. */
static void spin(struct callback *callback)
{
    const struct run *run = container_of(callback, struct run, spin);
    loop_call_soon(run->load->loop, callback);
}

int run_load(struct run *run, struct load *load)
{
    *run = (struct run){.load = load, .spin = {.run = spin, .name = "spin"}};
    server_init(&run->server, load);
    meter_init(&run->meter, load, &run->server);
    int rc = open_signals(run);
    if (rc < 0)
        goto fail;
    rc = schedule_open(&run->schedule, load);
    if (rc < 0)
        goto close_signals;
    if (load->settings->spin)
        loop_call_soon(load->loop, &run->spin);
    rc = loop_run(load->loop, &run->task, "run", run_step);
    list_remove(&run->spin.node);
    if (rc == 0 && load->clients)
        close_checks(load);
    schedule_close(&run->schedule);
close_signals:
    signals_close(&run->signals);
fail:
    if (rc < 0)
        load_fail(load, "it can't start: %s", strerror(-rc));
    return run->measured || (load->clients && load->interrupts > 0) ? 0 : -1;
}

void run_release(struct run *run)
{
    crowd_release(&run->crowd);
}
