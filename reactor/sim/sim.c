#include "reactor/sim/sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reactor/sim/sim_internal.h"

#define START_NS NS_PER_SECOND
#define START_REALTIME_NS (INT64_C(1735689600) * NS_PER_SECOND) /* 2025-01-01 00:00:00 UTC */

#define DEFAULT_SEGMENT_BYTES 16
#define DEFAULT_BUFFER_BYTES 65536
#define DEFAULT_DESCRIPTORS 1024
#define DEFAULT_SYNC_NS (10 * NS_PER_MS)

_Noreturn void sim_die(const struct sim *sim, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "sim: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (seed %llu, at %lld ns)\n", (unsigned long long)sim->options.seed,
            (long long)sim->now_ns);
    va_end(arguments);
    abort();
}

/* --- memory ------------------------------------------------------------------------------- */

/* Stands before each block of the program; as long as the strictest alignment asks. */
struct block {
    _Alignas(max_align_t) struct list node; /* in sim->blocks */
    size_t size;
    size_t mark;
};

#define BLOCK_MARK ((size_t)0x51b10c5a11f0a7ed)

static struct block *block_of(struct sim *sim, void *pointer)
{
    struct block *block = (struct block *)pointer - 1;
    if (block->mark != BLOCK_MARK)
        sim_die(sim, "%p is no block of this door, or is released already", pointer);
    return block;
}

static void *block_open(struct sim *sim, size_t size)
{
    struct block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->mark = BLOCK_MARK;
    list_append(&block->node, &sim->blocks);
    sim->live_blocks++;
    sim->live_bytes += size;
    return block + 1;
}

static void block_close(struct sim *sim, struct block *block)
{
    sim->live_blocks--;
    sim->live_bytes -= block->size;
    block->mark = 0;
    list_remove(&block->node);
    free(block);
}

void sim_free_blocks(struct sim *sim)
{
    list_for_each_safe(node, &sim->blocks)
        block_close(sim, container_of(node, struct block, node));
}

static void *door_allocate(struct sys *sys, size_t size)
{
    struct sim *sim = sim_of(sys);
    if (!size)
        sim_die(sim, "allocate of 0 bytes");
    return sim_enter(sim, SIM_ALLOCATE) < 0 ? NULL : block_open(sim, size);
}

/* Always moves the block, so that a pointer kept into the old one is found out. */
static void *door_resize(struct sys *sys, void *pointer, size_t size)
{
    struct sim *sim = sim_of(sys);
    if (!size)
        sim_die(sim, "resize to 0 bytes");
    if (sim_enter(sim, SIM_RESIZE) < 0)
        return NULL;
    struct block *old = pointer ? block_of(sim, pointer) : NULL;
    void *moved = block_open(sim, size);
    if (moved && old) {
        memcpy(moved, pointer, old->size < size ? old->size : size);
        block_close(sim, old);
    }
    return moved;
}

static void door_release(struct sys *sys, void *pointer)
{
    if (pointer)
        block_close(sim_of(sys), block_of(sim_of(sys), pointer));
}

/* --- clocks ------------------------------------------------------------------------------- */

static size_t door_held_bytes(struct sys *sys)
{
    return sim_live_bytes(sim_of(sys));
}

static int64_t door_monotonic_ns(struct sys *sys)
{
    return sim_of(sys)->now_ns;
}

static int64_t door_realtime_ns(struct sys *sys)
{
    return START_REALTIME_NS + sim_of(sys)->now_ns - START_NS;
}

int64_t sim_now_ns(const struct sim *sim)
{
    return sim->now_ns;
}

void sim_advance(struct sim *sim, int64_t duration_ns)
{
    sim->now_ns = time_after(sim->now_ns, duration_ns);
    sim->idle = false;
}

void sim_limit(struct sim *sim, int64_t until_ns)
{
    sim->limit_ns = until_ns;
    sim->idle = false;
}

bool sim_idle(const struct sim *sim)
{
    return sim->idle;
}

void sim_settle(struct sim *sim)
{
    int64_t next_ns;
    while ((next_ns = sim_wire_next_ns(sim, SIM_TO_PEERS)) != TIME_NEVER) {
        if (next_ns > sim->now_ns)
            sim->now_ns = next_ns;
        sim_wire_deliver(sim, SIM_TO_PEERS);
    }
}

/* --- signals ------------------------------------------------------------------------------ */

static uint64_t signal_bits(const sigset_t *set)
{
    uint64_t bits = 0;
    for (int number = 1; number < 64; number++)
        bits |= (uint64_t)(sigismember(set, number) == 1) << number;
    return bits;
}

static int door_signals_open(struct sys *sys, const sigset_t *set)
{
    struct sim *sim = sim_of(sys);
    int fault = sim_enter(sim, SIM_SIGNALS_OPEN);
    if (fault < 0)
        return fault;
    if (sim->signals)
        return -EBUSY;
    int fd = sim_descriptor_open(sim, SIM_KIND_SIGNALS, &sim->signals);
    if (fd >= 0)
        sim->signals_awaited = signal_bits(set);
    return fd;
}

/* The lowest number first, and one however often it was raised, as the kernel has it. */
static int door_signals_read(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    sim_enter(sim, SIM_SIGNALS_READ);
    sim_descriptor_at(sim, fd, SIM_KIND_SIGNALS, SIM_SIGNALS_READ);
    if (!sim->signals_pending)
        return -EAGAIN;
    int number = __builtin_ctzll(sim->signals_pending);
    sim->signals_pending &= ~(UINT64_C(1) << number);
    return number;
}

static void door_signals_close(struct sys *sys, int fd)
{
    struct sim *sim = sim_of(sys);
    sim_enter(sim, SIM_CLOSE);
    sim_descriptor_close(sim, sim_descriptor_at(sim, fd, SIM_KIND_SIGNALS, SIM_CLOSE));
    sim->signals = NULL;
    sim->signals_awaited = 0;
    sim->signals_pending = 0;
}

/* The simulated process has no children. */
static void door_signals_restore(struct sys *sys)
{
    (void)sys;
}

void sim_raise(struct sim *sim, int signal_number)
{
    if (!(sim->signals_awaited >> signal_number & 1))
        sim_die(sim, "signal %d would have ended the program", signal_number);
    sim->signals_pending |= UINT64_C(1) << signal_number;
    sim->idle = false;
    sim_happened(sim->signals);
}

/* --- the process -------------------------------------------------------------------------- */

static const char *door_environment(struct sys *sys, const char *name)
{
    struct sim *sim = sim_of(sys);
    return sim->variable && strcmp(sim->variable, name) == 0 ? sim->value : NULL;
}

void sim_set_environment(struct sim *sim, const char *name, const char *value)
{
    sim->variable = name;
    sim->value = value;
}

static bool door_signal_ignored(struct sys *sys, int number)
{
    return sim_of(sys)->signals_ignored >> number & 1;
}

void sim_ignore_signal(struct sim *sim, int number)
{
    sim->signals_ignored |= UINT64_C(1) << number;
}

/* As a limit on the numbers, which programs compare with it: those here begin higher up. */
static int door_descriptor_limit(struct sys *sys)
{
    struct sim *sim = sim_of(sys);
    int fault = sim_enter(sim, SIM_DESCRIPTOR_LIMIT);
    if (fault < 0)
        return fault;
    return sim->options.descriptor_limit + SIM_FIRST_DESCRIPTOR - SIM_STANDARD_DESCRIPTORS;
}

static int door_random(struct sys *sys, void *buffer, size_t size)
{
    struct sim *sim = sim_of(sys);
    unsigned char *bytes = buffer;
    int fault = sim_enter(sim, SIM_RANDOM_BYTES);
    if (fault < 0)
        return fault;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)sim_random(sim, 256);
    return 0;
}

static int door_resolve(struct sys *sys, const char *host, uint16_t port,
                        struct sys_address *addresses, int max)
{
    int fault = sim_enter(sim_of(sys), SIM_RESOLVE);
    return fault < 0 ? fault : sim_address_resolve(host, port, addresses, max);
}

/* --- the whole ---------------------------------------------------------------------------- */

static void install(struct sys *sys)
{
    sys->allocate = door_allocate;
    sys->resize = door_resize;
    sys->release = door_release;
    sys->held_bytes = door_held_bytes;
    sys->monotonic_ns = door_monotonic_ns;
    sys->realtime_ns = door_realtime_ns;
    sys->signals_open = door_signals_open;
    sys->signals_read = door_signals_read;
    sys->signals_close = door_signals_close;
    sys->environment = door_environment;
    sys->signal_ignored = door_signal_ignored;
    sys->signals_restore = door_signals_restore;
    sys->descriptor_limit = door_descriptor_limit;
    sys->random = door_random;
    sys->resolve = door_resolve;
    sim_poll_install(sys);
    sim_listen_install(sys);
    sim_socket_install(sys);
    sim_file_install(sys);
    sim_disk_install(sys);
}

static void fill_in_defaults(struct sim_options *options)
{
    if (!options->segment_max_bytes)
        options->segment_max_bytes = DEFAULT_SEGMENT_BYTES;
    if (!options->send_buffer_bytes)
        options->send_buffer_bytes = DEFAULT_BUFFER_BYTES;
    if (!options->receive_buffer_bytes)
        options->receive_buffer_bytes = DEFAULT_BUFFER_BYTES;
    if (!options->descriptor_limit)
        options->descriptor_limit = DEFAULT_DESCRIPTORS;
    if (!options->sync_ns)
        options->sync_ns = DEFAULT_SYNC_NS;
}

struct sim *sim_create(const struct sim_options *options)
{
    struct sim *sim = sim_own(sizeof *sim);
    if (options)
        sim->options = *options;
    fill_in_defaults(&sim->options);
    sim->random = sim->options.seed;
    list_init(&sim->blocks);
    sim->now_ns = START_NS;
    sim->limit_ns = TIME_NEVER;
    sim->next_port = SIM_FIRST_PORT;
    sim->own_user = geteuid();
    sim->from_user = sim->own_user;
    list_init(&sim->sockets);
    list_init(&sim->moving);
    list_init(&sim->peers);
    list_init(&sim->files);
    sim->disk_bytes = SIZE_MAX;
    sim_come_from(sim, NULL);
    install(&sim->sys);
    return sim;
}

void sim_free(struct sim *sim)
{
    if (!sim)
        return;
    for (int i = 0; i < sim->descriptors_size; i++) {
        if (sim->descriptors[i])
            sim_descriptor_close(sim, sim->descriptors[i]);
    }
    while (!list_empty(&sim->peers))
        sim_peer_free(container_of(sim->peers.next, struct sim_peer, node));
    while (!list_empty(&sim->sockets))
        sim_socket_free(container_of(sim->sockets.next, struct sim_socket, node));
    while (!list_empty(&sim->files))
        sim_file_free(container_of(sim->files.next, struct sim_file, node));
    for (int fd = 0; fd < SIM_STANDARD_DESCRIPTORS; fd++)
        sim_bytes_clear(&sim->output[fd]);
    free(sim->descriptors);
    free(sim);
}

struct sys *sim_door(struct sim *sim)
{
    return &sim->sys;
}

struct sim_options *sim_options(struct sim *sim)
{
    return &sim->options;
}

int sim_open_descriptors(const struct sim *sim)
{
    return sim->open_descriptors;
}

size_t sim_live_blocks(const struct sim *sim)
{
    return sim->live_blocks;
}

size_t sim_live_bytes(const struct sim *sim)
{
    return sim->live_bytes;
}
