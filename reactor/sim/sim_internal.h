/*
 * sim_inside: what the parts of the simulated kernel know of each other.
 * Private to sim/: nothing else includes it.
 *
 *   sim.c        the kernel as a whole: its life, clocks, memory, signals
 *   sim_fault.c  the seed, and which call fails with what
 *   sim_poll.c   descriptors, readiness, and the wait in which time passes
 *   sim_wire.c   connections: what is under way, its arrival, its loss
 *   sim_listen.c the door's calls that make sockets and connections
 *   sim_socket.c the door's calls on a connection
 *   sim_address.c addresses as text, and what covers what
 *   sim_file.c   the door's calls on files
 *   sim_disk.c   files that last: syncs, and what is left of a file after a crash
 *   sim_peer.c   the far ends, driven by a test
 *
 * The objects: a descriptor is what the program has a number for. A socket
 * belongs to a descriptor, to a peer or to the queue of a listener; one that
 * has none of these left (an orphan) lives on until all that it owes has
 * arrived. Two connected sockets point at each other.
 *
 *   descriptor -> socket <-- far --> socket <- peer
 *                 | sent --(wire)--> arrived |
 *                 | arrived <--(wire)-- sent |
 */
#ifndef REACTOR_SIM_SIM_INTERNAL_H
#define REACTOR_SIM_SIM_INTERNAL_H

#include "reactor/base/clock.h"
#include "reactor/base/list.h"
#include "reactor/sim/sim.h"
#include "reactor/sim/sim_bytes.h"

/* Private numbers begin here, far above any that a real kernel gives a test, so that a real
 * descriptor that strays in is noticed. Below 3 are the standard ones. */
#define SIM_FIRST_DESCRIPTOR 1000
#define SIM_STANDARD_DESCRIPTORS 3

#define SIM_SOCKET_OPTIONS_MAX 16

/* Handed out for port 0 and to whoever connects, upwards. */
#define SIM_FIRST_PORT 40000

struct sim_file {
    struct list node; /* in sim->files until sim_free: open descriptors outlive the name */
    char *path;
    enum sys_file_kind kind;
    bool unlinked;
    bool locked; /* by a descriptor of the program, or by another program */
    struct sim_bytes content;

    /* What a crash leaves. */
    struct sim_bytes durable; /* the content at the last sync */
    char *durable_path; /* the name at the last sync of the folder; NULL: none */
};

enum sim_kind {
    SIM_KIND_POLL,
    SIM_KIND_SIGNALS,
    SIM_KIND_SOCKET,
    SIM_KIND_FILE,
    SIM_KIND_DIRECTORY,
    SIM_KIND_SYNC,
    SIM_KIND_WAKEUP
};

struct sim_descriptor {
    int fd;
    enum sim_kind kind;
    struct sim_socket *socket; /* of SIM_KIND_SOCKET; owned */
    struct sim_file *file; /* of SIM_KIND_FILE that is written; owned by sim->files */
    struct sim_bytes content; /* of SIM_KIND_FILE that is read: as it was when opened */
    bool is_fifo; /* of the same */
    bool updates; /* of SIM_KIND_FILE: it is read and written */
    bool holds_lock; /* of SIM_KIND_FILE */
    int64_t due_ns; /* of SIM_KIND_SYNC: when the sync under way ends; 0: none is */
    struct sim_bytes synced; /* of SIM_KIND_SYNC: the content that it makes durable */
    bool syncs_names; /* of SIM_KIND_SYNC: the sync under way is one of a folder */
    struct list ready; /* of SIM_KIND_POLL: descriptors to which something happened */
    struct sim_descriptor *poll; /* what watches this one; NULL: nothing */
    struct list happened; /* on poll->ready */
    bool raised; /* SIM_KIND_WAKEUP */
    uint64_t key; /* as given to poll_add */
};

enum sim_state {
    SIM_NEW,
    SIM_BOUND,
    SIM_LISTENING,
    SIM_CONNECTING,
    SIM_CONNECTED,
    SIM_BROKEN /* reset, refused, or failed */
};

struct sim_option {
    int level;
    int name;
    int value;
};

struct sim_socket {
    struct sim *sim;
    struct list node; /* in sim->sockets */
    enum sim_state state;
    int family;
    struct sys_address local;
    struct sys_address remote; /* valid from SIM_CONNECTING on */
    struct sim_file *file; /* the name that a unix socket is bound to */
    uid_t user; /* who the far end is */

    struct sim_descriptor *descriptor; /* at most one of these two owns it, or `queued` does */
    struct sim_peer *peer;
    struct list queued; /* on a listener's `queue` until accepted */
    struct list queue; /* of SIM_LISTENING */

    struct sim_socket *far; /* NULL: nobody is there (any more) */
    struct sim_bytes sent; /* accepted from the owner, not yet arrived at `far` */
    struct sim_bytes arrived; /* not yet received by the owner */
    size_t send_capacity;
    size_t receive_capacity;
    bool shut; /* the owner sends no more */
    bool resets; /* at its close */
    bool end_arrived; /* ... and `far` has been told */
    bool ended; /* `far` sends no more: the owner reads the end after `arrived` */
    int64_t acked_ns; /* when `far` last took something that was sent */
    bool wants_space; /* a send did not fit: room for more is news */
    int error; /* told once by receive, send or SO_ERROR; positive */

    struct list moving; /* on sim->moving while something is under way to `far` */
    int64_t due_ns; /* valid while moving: when it arrives */

    struct sim_option options[SIM_SOCKET_OPTIONS_MAX];
    int option_count;
};

struct sim_peer {
    struct list node; /* in sim->peers until sim_free */
    struct sim *sim;
    struct sim_socket *socket; /* NULL once closed or reset by the test */
    struct sim_bytes text;
    bool stalled;
    bool vanished;
    bool at_end;
    bool was_reset;
};

struct sim {
    struct sys sys;
    struct sim_options options;
    uint64_t random; /* state of the generator */

    int64_t now_ns;
    int64_t limit_ns;
    bool idle;
    int spins; /* polls in a row that neither waited nor found anything */

    uint64_t counts[SIM_CALLS];
    uint64_t calls;
    uint64_t fail_at; /* the value of `calls` that fails; 0: none */
    unsigned fail_which;
    char failed[48]; /* "" : none */
    struct {
        const int *answers; /* those not given yet */
        size_t left;
    } canned[SIM_CALLS];

    struct list blocks; /* the program's */
    size_t live_blocks;
    size_t live_bytes;

    struct sim_descriptor **descriptors; /* by number - SIM_FIRST_DESCRIPTOR; NULL: free */
    int descriptors_size;
    int open_descriptors;
    struct sim_bytes output[SIM_STANDARD_DESCRIPTORS];
    bool output_is_stopped; /* nobody reads it */

    uint64_t signals_awaited; /* bit n: signal n; 0: no descriptor for signals */
    uint64_t signals_pending;
    uint64_t signals_ignored; /* bit n: signal n, from the start */
    struct sim_descriptor *signals;

    const char *variable; /* of the environment, and its value; NULL: none is set */
    const char *value;

    struct list sockets;
    struct list moving; /* sockets of which something is under way */
    struct list peers;
    struct list files;
    size_t disk_bytes; /* that the disk still takes */
    uint16_t next_port;
    struct sys_address from4; /* where peers come from, by family */
    struct sys_address from6;
    uid_t from_user;
    uid_t own_user; /* the program's */
};

static inline struct sim *sim_of(struct sys *sys)
{
    return container_of(sys, struct sim, sys);
}

/* Prints "sim: ...", seed and time, and aborts: a bug of the program under test. */
_Noreturn void sim_die(const struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- sim_fault.c --- */

/* A number below `bound`, which is > 0. */
uint64_t sim_random(struct sim *sim, uint64_t bound);

/* True `ppm` times in a million. */
bool sim_happens(struct sim *sim, unsigned ppm);

/* Counts a call; 0, or the -errno with which it has to fail. */
int sim_enter(struct sim *sim, enum sim_call call);

/* --- sim_poll.c --- */

/* The lowest free number with a new descriptor, or -EMFILE and *made is NULL. */
int sim_descriptor_open(struct sim *sim, enum sim_kind kind, struct sim_descriptor **made);

/* 0, or -EMFILE where no more may be opened. */
int sim_descriptors_full(const struct sim *sim);

/* The open descriptor of this number and kind; aborts where there is none. */
struct sim_descriptor *sim_any_descriptor_at(struct sim *sim, int fd, enum sim_call call);
struct sim_descriptor *sim_descriptor_at(struct sim *sim, int fd, enum sim_kind kind,
                                         enum sim_call call);

/* Notes that something happened to `descriptor` (NULL is fine): it is looked at by poll_wait. */
void sim_happened(struct sim_descriptor *descriptor);

void sim_poll_install(struct sys *sys);

/* Closes and releases. */
void sim_descriptor_close(struct sim *sim, struct sim_descriptor *descriptor);

/* --- sim_wire.c --- */

enum sim_reach { SIM_TO_ALL, SIM_TO_PEERS };

struct sim_socket *sim_socket_new(struct sim *sim, int family);

/* Brings `socket` into the world's motion if it has something to send and `far` has room. */
void sim_wire_schedule(struct sim_socket *socket);

/* Lets everything that is due arrive, one segment a direction. */
void sim_wire_deliver(struct sim *sim, enum sim_reach reach);

/* When the next arrival is due; TIME_NEVER: nothing is under way. */
int64_t sim_wire_next_ns(const struct sim *sim, enum sim_reach reach);

/* The listener for `address`, or NULL. */
struct sim_socket *sim_wire_listener(struct sim *sim, const struct sys_address *address);

/* Begins to connect: 0 (unix: done), -EINPROGRESS, -ECONNREFUSED or -ENOENT. */
int sim_wire_connect(struct sim_socket *socket, const struct sys_address *address);

/* Tears the connection down at both ends; the far one is told, `error` (0: nothing) is for this. */
void sim_wire_reset(struct sim_socket *socket, int error);

/* True where no connection is left: never made, broken, or ended from both sides. */
bool sim_wire_over(const struct sim_socket *socket);

/* The owner lets go: input left unread resets, else what is owed and the end still arrive. The
 * socket may be gone afterwards. */
void sim_wire_close(struct sim_socket *socket);

/* The owner receives from what has arrived, or drops it (NULL). */
size_t sim_wire_take(struct sim_socket *socket, void *buffer, size_t size);

/* What the kernel knows of the far end's acknowledgements. */
void sim_wire_peer_state(const struct sim_socket *socket, struct sys_peer_state *state);

/* Room in the send buffer, and whether it is enough to be called writable. */
size_t sim_wire_room(const struct sim_socket *socket);
bool sim_wire_writable(const struct sim_socket *socket);

/* Releases at once, whatever is owed. */
void sim_socket_free(struct sim_socket *socket);

/* --- sim_socket.c --- */

void sim_socket_install(struct sys *sys);

struct sim_socket *sim_socket_at(struct sim *sim, int fd, enum sim_call call);

/* The value that was set, or 0. */
int sim_socket_option(const struct sim_socket *socket, int level, int name);

/* What epoll would say of it now: enum sim_ready of sys.h, or-ed. */
uint32_t sim_socket_ready(struct sim_socket *socket);

/* --- sim_listen.c --- */

void sim_listen_install(struct sys *sys);

/* The next port that is nobody's choice. */
uint16_t sim_next_port(struct sim *sim);

/* --- sim_address.c --- */

/* Reads what sys_address_format writes; false where it is no such text. */
bool sim_address_parse(const char *text, struct sys_address *address);

/* Makes a numeric IPv4 or IPv6 address; false where `host` is none. */
bool sim_address_ip(const char *host, uint16_t port, struct sys_address *address);

/* True where a listener at `own` takes connections to `address`. */
bool sim_address_covers(const struct sys_address *own, const struct sys_address *address);

/* The resolve of the door: numeric hosts, localhost, and every address. */
int sim_address_resolve(const char *host, uint16_t port, struct sys_address *addresses, int max);

/* --- sim_peer.c --- */

/* Releases the peer and its socket, whatever is owed. */
void sim_peer_free(struct sim_peer *peer);

/* --- sim_file.c --- */

void sim_file_install(struct sys *sys);

/* The file of this name, or NULL. */
struct sim_file *sim_file_find(struct sim *sim, const char *path);
struct sim_file *sim_file_make(struct sim *sim, const char *path, enum sys_file_kind kind);
void sim_file_free(struct sim_file *file);

/* --- sim_disk.c --- */

void sim_disk_install(struct sys *sys);

/* Ends syncs that are due; what a descriptor for syncs is ready for; when the next sync is due,
 * TIME_NEVER: none is under way. */
void sim_disk_deliver(struct sim *sim);
uint32_t sim_disk_ready(const struct sim *sim, const struct sim_descriptor *sync);
int64_t sim_disk_next_ns(const struct sim *sim);

/* Gives back what the descriptor holds of its file. */
void sim_disk_close(struct sim_descriptor *descriptor);

#endif
