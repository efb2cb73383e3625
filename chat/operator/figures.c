/* The part of operator_internal.h that counts. */
#include <inttypes.h>

#include "chat/operator/operator_internal.h"

/* A figure of the server. One that counts only grows. */
struct figure {
    const char *name;
    const char *help;
    bool counts;
    uint64_t (*read)(const struct operators *operators);
};

static uint64_t read_clients(const struct operators *operators)
{
    return names_count(&operators->chat->people);
}

static uint64_t read_connections(const struct operators *operators)
{
    return operators->sessions->open;
}

static uint64_t read_rooms(const struct operators *operators)
{
    return names_count(&operators->chat->rooms);
}

static uint64_t read_uptime(const struct operators *operators)
{
    return (uint64_t)((operators->chat->loop->now_ns - operators->begun_ns) / NS_PER_SECOND);
}

static uint64_t read_turns(const struct operators *operators)
{
    return operators->chat->loop->turn;
}

static uint64_t read_accepted(const struct operators *operators)
{
    return operators->chat->counts.accepted;
}

static uint64_t read_refused(const struct operators *operators)
{
    return operators->chat->counts.refused;
}

static uint64_t read_lines(const struct operators *operators)
{
    return operators->chat->counts.lines;
}

static uint64_t read_bytes(const struct operators *operators)
{
    return operators->chat->counts.bytes;
}

static uint64_t read_broadcast(const struct operators *operators)
{
    return operators->chat->fanout.sequence;
}

static uint64_t read_held(const struct operators *operators)
{
    struct sys *sys = operators->chat->loop->sys;
    return sys->held_bytes(sys);
}

static uint64_t read_descriptors(const struct operators *operators)
{
    return operators->chat->loop->descriptor_count;
}

static uint64_t read_timers(const struct operators *operators)
{
    return wheel_count(&operators->chat->loop->wheel);
}

static uint64_t read_slow(const struct operators *operators)
{
    return operators->chat->loop->debug.slow_count;
}

static const struct figure figures[] = {
    {"clients", "people who are here", false, read_clients},
    {"connections", "open connections, those that are being ended included", false,
     read_connections},
    {"rooms", "rooms", false, read_rooms},
    {"uptime_seconds", "seconds since the start", false, read_uptime},
    {"turns", "turns of the loop", true, read_turns},
    {"accepted", "newcomers who were let in", true, read_accepted},
    {"refused", "newcomers who were turned away", true, read_refused},
    {"lines", "lines of input that were carried out", true, read_lines},
    {"input_bytes", "bytes of input that were carried out", true, read_bytes},
    {"broadcast_lines", "lines that were said or announced in rooms", true, read_broadcast},
    {"held_bytes", "memory that the server has allocated", false, read_held},
    {"descriptors", "descriptors that the loop watches", false, read_descriptors},
    {"timers", "timers that run", false, read_timers},
    {"slow_callbacks", "slow callbacks that debug mode has seen", true, read_slow},
};

#define FIGURES (sizeof(figures) / sizeof(*figures))
_Static_assert(FIGURES <= FIGURES_MAX, "an operator keeps one number for each");

void operator_print_stats(struct operator_session *self)
{
    for (size_t i = 0; i < FIGURES; i++)
        operator_print(self, "%s %" PRIu64, figures[i].name, figures[i].read(self->operators));
}

/* Prometheus wants the unit of what counts to be followed by `_total`. */
void operator_print_metrics(struct operator_session *self)
{
    for (size_t i = 0; i < FIGURES; i++) {
        const struct figure *figure = &figures[i];
        const char *suffix = figure->counts ? "_total" : "";
        operator_print(self, "# HELP chatd_%s%s %s", figure->name, suffix, figure->help);
        operator_print(self, "# TYPE chatd_%s%s %s", figure->name, suffix,
                       figure->counts ? "counter" : "gauge");
        operator_print(self, "chatd_%s%s %" PRIu64, figure->name, suffix,
                       figure->read(self->operators));
    }
}

/* The first time, the rates are those since the server began. */
void operator_print_rates(struct operator_session *self)
{
    int64_t now_ns = self->operators->chat->loop->now_ns;
    int64_t since_ns = self->counted_ns ? self->counted_ns : self->operators->begun_ns;
    double seconds = (double)(now_ns - since_ns) / NS_PER_SECOND;
    operator_print(self, "over %.3f seconds", seconds);
    for (size_t i = 0; i < FIGURES; i++) {
        uint64_t value = figures[i].read(self->operators);
        if (figures[i].counts)
            operator_print(self, "%s %.1f", figures[i].name,
                           seconds > 0 ? (double)(value - self->counted[i]) / seconds : 0.0);
        self->counted[i] = value;
    }
    self->counted_ns = now_ns;
}
