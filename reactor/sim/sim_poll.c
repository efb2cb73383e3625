#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/sim/sim_internal.h"

/* More polls in a row than this, with nothing found and no time gone by, are a loop that spins. */
#define SPINS_MAX 1000000

/* --- descriptors -------------------------------------------------------------------------- */

static const char *const kind_names[] = {
    [SIM_KIND_POLL] = "a poll",        [SIM_KIND_SIGNALS] = "a signal descriptor",
    [SIM_KIND_SOCKET] = "a socket",    [SIM_KIND_FILE] = "a file",
    [SIM_KIND_DIRECTORY] = "a folder", [SIM_KIND_SYNC] = "a descriptor for syncs",
    [SIM_KIND_WAKEUP] = "a wakeup",
};

static int lowest_free(struct sim *sim)
{
    int index = 0;
    while (index < sim->descriptors_size && sim->descriptors[index])
        index++;
    return index;
}

/* Makes the table hold `index`. */
static void grow(struct sim *sim, int index)
{
    if (index < sim->descriptors_size)
        return;
    int size = sim->descriptors_size ? sim->descriptors_size * 2 : 16;
    struct sim_descriptor **table = sim_own((size_t)size * sizeof *table);
    if (sim->descriptors_size)
        memcpy(table, sim->descriptors, (size_t)sim->descriptors_size * sizeof *table);
    free(sim->descriptors);
    sim->descriptors = table;
    sim->descriptors_size = size;
}

int sim_descriptors_full(const struct sim *sim)
{
    int open = sim->open_descriptors + SIM_STANDARD_DESCRIPTORS;
    return open >= sim->options.descriptor_limit ? -EMFILE : 0;
}

int sim_descriptor_open(struct sim *sim, enum sim_kind kind, struct sim_descriptor **made)
{
    *made = NULL;
    if (sim_descriptors_full(sim) < 0)
        return -EMFILE;
    int index = lowest_free(sim);
    grow(sim, index);
    struct sim_descriptor *descriptor = sim_own(sizeof *descriptor);
    descriptor->fd = SIM_FIRST_DESCRIPTOR + index;
    descriptor->kind = kind;
    list_init(&descriptor->ready);
    sim->descriptors[index] = descriptor;
    sim->open_descriptors++;
    *made = descriptor;
    return descriptor->fd;
}

/* The open descriptor of this number, whatever its kind; aborts where there is none. */
struct sim_descriptor *sim_any_descriptor_at(struct sim *sim, int fd, enum sim_call call)
{
    int index = fd - SIM_FIRST_DESCRIPTOR;
    if (index < 0 || index >= sim->descriptors_size)
        sim_die(sim, "%s: descriptor %d is none of this door's", sim_call_name(call), fd);
    if (!sim->descriptors[index])
        sim_die(sim, "%s: descriptor %d is closed", sim_call_name(call), fd);
    return sim->descriptors[index];
}

struct sim_descriptor *sim_descriptor_at(struct sim *sim, int fd, enum sim_kind kind,
                                         enum sim_call call)
{
    struct sim_descriptor *descriptor = sim_any_descriptor_at(sim, fd, call);
    if (descriptor->kind != kind)
        sim_die(sim, "%s: descriptor %d is %s, not %s", sim_call_name(call), fd,
                kind_names[descriptor->kind], kind_names[kind]);
    return descriptor;
}

/* A poll that goes away watches nothing any more. */
static void stop_watching(struct sim *sim, struct sim_descriptor *poll)
{
    while (list_pop(&poll->ready))
        continue;
    for (int i = 0; i < sim->descriptors_size; i++) {
        if (sim->descriptors[i] && sim->descriptors[i]->poll == poll)
            sim->descriptors[i]->poll = NULL;
    }
}

void sim_descriptor_close(struct sim *sim, struct sim_descriptor *descriptor)
{
    list_remove(&descriptor->happened);
    sim->descriptors[descriptor->fd - SIM_FIRST_DESCRIPTOR] = NULL;
    sim->open_descriptors--;
    if (descriptor->kind == SIM_KIND_POLL)
        stop_watching(sim, descriptor);
    if (descriptor->socket) {
        descriptor->socket->descriptor = NULL;
        sim_wire_close(descriptor->socket);
    }
    sim_disk_close(descriptor);
    free(descriptor);
}

/* signals_close is the way to close what signals_open opened. */
static int door_close(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    sim_enter(sim, SIM_CLOSE);
    struct sim_descriptor *descriptor = sim_any_descriptor_at(sim, fd, SIM_CLOSE);
    if (descriptor->kind == SIM_KIND_SIGNALS)
        sim_die(sim, "close: descriptor %d is for signals_close", fd);
    sim_descriptor_close(sim, descriptor);
    return 0;
}

/* --- readiness ---------------------------------------------------------------------------- */

/*
 * As in epoll: an event only puts the descriptor on its poll's list. What it is
 * ready for is looked at when poll_wait takes it off, all of it at once, so that
 * data and end of input that came one after the other are one report.
 */
void sim_happened(struct sim_descriptor *descriptor)
{
    if (!descriptor || !descriptor->poll || list_linked(&descriptor->happened))
        return;
    struct sim *sim = descriptor->socket ? descriptor->socket->sim : NULL;
    if (sim && sim->options.shuffle && sim_random(sim, 2))
        list_prepend(&descriptor->happened, &descriptor->poll->ready);
    else
        list_append(&descriptor->happened, &descriptor->poll->ready);
}

static uint32_t ready_of(struct sim *sim, struct sim_descriptor *descriptor)
{
    if (descriptor->kind == SIM_KIND_SIGNALS)
        return sim->signals_pending ? SYS_READABLE : 0;
    if (descriptor->kind == SIM_KIND_SYNC)
        return sim_disk_ready(sim, descriptor);
    if (descriptor->kind == SIM_KIND_WAKEUP)
        return SYS_WRITABLE | (descriptor->raised ? SYS_READABLE : 0);
    return sim_socket_ready(descriptor->socket);
}

/* --- wakeups ------------------------------------------------------------------------------ */

static int door_wakeup_open(struct sys *sys)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor;
    int fault = sim_enter(sim, SIM_WAKEUP_OPEN);
    return fault < 0 ? fault : sim_descriptor_open(sim, SIM_KIND_WAKEUP, &descriptor);
}

static void door_wakeup_raise(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor =
        sim_descriptor_at(sim, fd, SIM_KIND_WAKEUP, SIM_WAKEUP_RAISE);
    sim_enter(sim, SIM_WAKEUP_RAISE);
    descriptor->raised = true;
    sim->idle = false;
    sim_happened(descriptor);
}

static int door_wakeup_take(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *descriptor =
        sim_descriptor_at(sim, fd, SIM_KIND_WAKEUP, SIM_WAKEUP_TAKE);
    sim_enter(sim, SIM_WAKEUP_TAKE);
    bool raised = descriptor->raised;
    descriptor->raised = false;
    return raised ? 0 : -EAGAIN;
}

static int door_inherit(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    int fault = sim_enter(sim, SIM_INHERIT);
    (void)sim_any_descriptor_at(sim, fd, SIM_INHERIT);
    return fault;
}

/* --- polls -------------------------------------------------------------------------------- */

static int door_poll_open(struct sys *sys)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *poll;
    int fault = sim_enter(sim, SIM_POLL_OPEN);
    return fault < 0 ? fault : sim_descriptor_open(sim, SIM_KIND_POLL, &poll);
}

static int door_poll_add(struct sys *sys, int poll, int fd, uint64_t key)
{
    struct sim *sim = sim_of(sys);
    struct sim_descriptor *watcher = sim_descriptor_at(sim, poll, SIM_KIND_POLL, SIM_POLL_ADD);
    struct sim_descriptor *descriptor = sim_any_descriptor_at(sim, fd, SIM_POLL_ADD);
    int fault = sim_enter(sim, SIM_POLL_ADD);
    if (fault < 0)
        return fault;
    if (descriptor->kind == SIM_KIND_FILE || descriptor->kind == SIM_KIND_DIRECTORY)
        return -EPERM;
    if (descriptor->kind == SIM_KIND_POLL)
        sim_die(sim, "poll_add: a poll in a poll is beyond this door");
    if (descriptor->poll)
        return -EEXIST;
    descriptor->poll = watcher;
    descriptor->key = key;
    if (ready_of(sim, descriptor))
        sim_happened(descriptor);
    return 0;
}

static int collect(struct sim *sim, struct sim_descriptor *poll, struct sys_event *events,
                   int max_events)
{
    int count = 0;
    struct list *node;
    while (count < max_events && (node = list_pop(&poll->ready))) {
        struct sim_descriptor *descriptor = container_of(node, struct sim_descriptor, happened);
        uint32_t ready = ready_of(sim, descriptor);
        if (ready)
            events[count++] = (struct sys_event){.key = descriptor->key, .ready = ready};
    }
    return count;
}

/* Moves the clock to `next_ns`; false where the limit is met first. */
static bool jump(struct sim *sim, int64_t next_ns)
{
    if (next_ns > sim->limit_ns) {
        if (sim->now_ns < sim->limit_ns)
            sim->now_ns = sim->limit_ns;
        sim->idle = true;
        return false;
    }
    if (next_ns == TIME_NEVER)
        sim_die(sim, "the program would sleep for ever");
    if (sim->now_ns < next_ns)
        sim->now_ns = next_ns;
    return true;
}

/* A virtual clock would let a spinning program spin for ever: time doesn't pass in a poll. */
static void note_spin(struct sim *sim, bool spun)
{
    sim->spins = spun ? sim->spins + 1 : 0;
    if (sim->spins > SPINS_MAX)
        sim_die(sim, "the program polls without end and never waits");
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

static int door_poll_wait(struct sys *sys, int poll, struct sys_event *events, int max_events,
                          int64_t timeout_ns)
{
    struct sim *sim = sim_of(sys);
    sim_enter(sim, SIM_POLL_WAIT);
    struct sim_descriptor *watcher = sim_descriptor_at(sim, poll, SIM_KIND_POLL, SIM_POLL_WAIT);
    int64_t until_ns = time_after(sim->now_ns, timeout_ns);
    note_spin(sim, timeout_ns <= 0 && list_empty(&watcher->ready));
    for (;;) {
        sim_wire_deliver(sim, SIM_TO_ALL);
        sim_disk_deliver(sim);
        int count = collect(sim, watcher, events, max_events);
        if (count > 0 || until_ns <= sim->now_ns)
            return count;
        int64_t next_ns = earlier(sim_wire_next_ns(sim, SIM_TO_ALL), sim_disk_next_ns(sim));
        if (!jump(sim, earlier(next_ns, until_ns)))
            return 0;
    }
}

void sim_poll_install(struct sys *sys)
{
    sys->poll_open = door_poll_open;
    sys->poll_add = door_poll_add;
    sys->poll_wait = door_poll_wait;
    sys->close = door_close;
    sys->wakeup_open = door_wakeup_open;
    sys->wakeup_raise = door_wakeup_raise;
    sys->wakeup_take = door_wakeup_take;
    sys->inherit = door_inherit;
}
