#include "tests/support/probe.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/clock.h"

/* How long an expected event may take; how long one that must not come is given to come. */
#define PATIENCE_NS (10 * NS_PER_SECOND)
#define QUIET_NS (2 * NS_PER_MS)

/* Acknowledgements may be held back for 40 ms, and after a reset none ever comes. */
#define SETTLE_NS (200 * NS_PER_MS)

#define KEYS 26 /* 'a' to 'z' */

/* --- the record --------------------------------------------------------------------------- */

void probe_note(struct probe *probe, const char *format, ...)
{
    size_t length = strlen(probe->record);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(probe->record + length, sizeof probe->record - length, format, arguments);
    va_end(arguments);
}

void probe_note_result(struct probe *probe, const char *what, ssize_t result)
{
    if (result < 0)
        probe_note(probe, "%s=%s ", what, strerror((int)-result));
    else
        probe_note(probe, "%s=%zd ", what, result);
}

/* Polls until `wanted` events have come, then once more for one too many. `ready` has a place for
 * each key; an event replaces an earlier one, for it tells all that there is to tell. */
static int gather(struct probe *probe, int wanted, uint32_t ready[KEYS])
{
    struct sys *sys = probe->sys;
    struct sys_event events[KEYS];
    int64_t until_ns = sys->monotonic_ns(sys) + PATIENCE_NS;
    int seen = 0;
    for (;;) {
        bool waits = seen < wanted && sys->monotonic_ns(sys) < until_ns;
        int count = sys->poll_wait(sys, probe->poll, events, KEYS, waits ? PATIENCE_NS : QUIET_NS);
        cr_assert_geq(count, 0);
        for (int i = 0; i < count; i++)
            ready[events[i].key - 'a'] = events[i].ready;
        seen += count;
        if (!waits)
            return seen;
    }
}

void probe_look(struct probe *probe)
{
    uint32_t ready[KEYS] = {0};
    cr_assert_lt(probe->looks, PROBE_LOOKS);
    int *wanted = &probe->seen[probe->looks++];
    int seen = gather(probe, probe->sim ? 0 : *wanted, ready);
    *wanted = seen;
    if (!seen)
        probe_note(probe, "quiet ");
    for (int key = 0; key < KEYS; key++) {
        if (ready[key])
            probe_note(probe, "%c:%s%s%s%s ", 'a' + key, ready[key] & SYS_READABLE ? "R" : "",
                       ready[key] & SYS_WRITABLE ? "W" : "", ready[key] & SYS_HANGUP ? "H" : "",
                       ready[key] & SYS_ERROR ? "E" : "");
    }
}

void probe_watch(struct probe *probe, int fd, char key)
{
    cr_assert_eq(probe->sys->poll_add(probe->sys, probe->poll, fd, (uint64_t)key), 0);
}

/* --- bytes -------------------------------------------------------------------------------- */

void probe_say(struct probe *probe, int fd, const char *text)
{
    probe_note_result(probe, "send", probe->sys->send(probe->sys, fd, text, strlen(text)));
}

void probe_hear(struct probe *probe, int fd, size_t size)
{
    char text[64];
    cr_assert_leq(size, sizeof text);
    ssize_t received = probe->sys->receive(probe->sys, fd, text, size);
    if (received > 0)
        probe_note(probe, "heard '%.*s' ", (int)received, text);
    else
        probe_note_result(probe, "receive", received);
}

void probe_settle(struct probe *probe, int fd)
{
    struct sys *sys = probe->sys;
    int64_t until_ns = sys->monotonic_ns(sys) + SETTLE_NS;
    while (!probe->sim && sys->unsent(sys, fd) > 0 && sys->monotonic_ns(sys) < until_ns)
        sched_yield();
}

size_t probe_fill(struct probe *probe, int fd)
{
    static const char page[4096];
    struct sys *sys = probe->sys;
    struct sys_event events[KEYS];
    size_t total = 0;
    ssize_t sent;
    do {
        while ((sent = sys->send(sys, fd, page, sizeof page)) > 0)
            total += (size_t)sent;
        /* What has gone to the far end meanwhile makes room for more. */
    } while (sys->poll_wait(sys, probe->poll, events, KEYS, QUIET_NS) > 0);
    probe_note_result(probe, "full", sent);
    return total;
}

/* Waits for events; true if 'a' is writable among them. */
static bool a_is_writable(struct probe *probe)
{
    struct sys_event events[KEYS];
    bool writable = false;
    int count = probe->sys->poll_wait(probe->sys, probe->poll, events, KEYS, PATIENCE_NS);
    cr_assert_gt(count, 0, "no event came; so far: %s", probe->record);
    for (int i = 0; i < count; i++)
        writable |= events[i].key == 'a' && events[i].ready & SYS_WRITABLE;
    return writable;
}

void probe_drain(struct probe *probe, int fd, size_t size)
{
    static char buffer[65536];
    bool writable = false;
    while (size) {
        ssize_t received = probe->sys->receive(probe->sys, fd, buffer, sizeof buffer);
        if (received > 0)
            size -= (size_t)received;
        else
            writable |= a_is_writable(probe);
    }
    while (!writable)
        writable = a_is_writable(probe);
    probe_note(probe, "drained, a writable ");
}

/* --- connections -------------------------------------------------------------------------- */

static void open_listener(struct probe *probe)
{
    struct sys *sys = probe->sys;
    struct sys_address address;
    cr_assert_eq(sys->resolve(sys, "127.0.0.1", 0, &address, 1), 1);
    probe->poll = sys->poll_open(sys);
    probe->listener = sys->socket(sys, AF_INET);
    cr_assert_eq(sys->bind(sys, probe->listener, &address), 0);
    cr_assert_eq(sys->listen(sys, probe->listener, 16), 0);
}

int probe_connect(struct probe *probe)
{
    struct sys *sys = probe->sys;
    struct sys_address address;
    int fd = sys->socket(sys, AF_INET);
    cr_assert_geq(fd, 0);
    cr_assert_eq(sys->local_address(sys, probe->listener, &address), 0);
    cr_assert_eq(sys->connect(sys, fd, &address), -EINPROGRESS);
    return fd;
}

int probe_accept(struct probe *probe)
{
    struct sys *sys = probe->sys;
    struct sys_address peer;
    int64_t until_ns = sys->monotonic_ns(sys) + PATIENCE_NS;
    int fd;
    while ((fd = sys->accept(sys, probe->listener, &peer)) == -EAGAIN) {
        cr_assert(!probe->sim && sys->monotonic_ns(sys) < until_ns, "no connection came");
        sched_yield();
    }
    cr_assert_geq(fd, 0);
    return fd;
}

void probe_connect_both(struct probe *probe)
{
    probe_watch(probe, probe->listener, 'l');
    probe->b = probe_connect(probe);
    probe_watch(probe, probe->b, 'b');
    probe_look(probe);
    probe->a = probe_accept(probe);
    probe_watch(probe, probe->a, 'a');
    probe_look(probe);
    cr_assert_str_eq(probe->record, "b:W l:R a:W ");
    probe->record[0] = '\0';
}

uint16_t probe_port(struct probe *probe, int fd)
{
    struct sys_address address;
    cr_assert_eq(probe->sys->local_address(probe->sys, fd, &address), 0);
    return ntohs(((struct sockaddr_in *)&address.storage)->sin_port);
}

/* --- running ------------------------------------------------------------------------------ */

static int seen_last[PROBE_LOOKS]; /* by the simulated run */

static void run_on(struct sys *sys, struct sim *sim, probe_script *script,
                   char record[PROBE_RECORD])
{
    static struct probe probe;
    probe = (struct probe){.sys = sys, .sim = sim, .a = -1, .b = -1};
    memcpy(probe.seen, seen_last, sizeof seen_last);
    open_listener(&probe);
    script(&probe);
    memcpy(seen_last, probe.seen, sizeof seen_last);
    memcpy(record, probe.record, PROBE_RECORD);
}

void probe_simulated(probe_script *script, char record[PROBE_RECORD])
{
    struct sim *sim = sim_create(NULL);
    memset(seen_last, 0, sizeof seen_last);
    run_on(sim_door(sim), sim, script, record);
    sim_free(sim);
}

void probe_real(probe_script *script, char record[PROBE_RECORD])
{
    run_on(sys_kernel(), NULL, script, record);
}

void probe_expect(probe_script *script, const char *expected)
{
    static char simulated[PROBE_RECORD];
    static char real[PROBE_RECORD];
    probe_simulated(script, simulated);
    probe_real(script, real);
    cr_expect_str_eq(simulated, expected, "the simulator:\n%s", simulated);
    cr_expect_str_eq(real, expected, "the kernel:\n%s", real);
}
