/*
 * sim: the simulated door to the kernel.
 *
 * A kernel in memory: stream sockets with bounded buffers, edge-triggered
 * readiness as in epoll, two virtual clocks, signals, a few files, and the
 * failures of a real one. A whole program runs on it unchanged, within one
 * process and one thread, and what happens depends on the seed alone.
 *
 *     struct sim *sim = sim_create(NULL);
 *     struct server *server = server_open(sim_door(sim), "127.0.0.1:7777");
 *     struct sim_peer *ann = sim_connect(sim, "127.0.0.1:7777");
 *     sim_peer_say(ann, "hello\r\n");
 *     sim_limit(sim, sim_now_ns(sim) + NS_PER_SECOND);
 *     while (!sim_idle(sim))
 *         server_run_once(server);
 *     cr_assert_str_eq(sim_peer_text(ann), "* welcome\r\n");
 *     server_close(server);
 *     cr_assert_eq(sim_live_blocks(sim), 0);
 *     sim_free(sim);
 *
 * The network moves only while the program waits in poll_wait, as on a machine
 * whose other processes run while this one sleeps. So bytes that are sent, and
 * thrown away at once by a careless close(), have not arrived. Time stands still
 * except in poll_wait, which jumps to the earlier of its timeout and the next
 * arrival. To use a descriptor that this door never gave out, or that is closed,
 * is a bug of the program: the process aborts and says so.
 *
 * Where it is simpler than Linux: a listener's queue is never full, one segment
 * a direction is under way at a time, unix sockets carry bytes as TCP does, one
 * poll watches a descriptor, and an address is in use only while a listener
 * holds it.
 */
#ifndef REACTOR_SIM_SIM_H
#define REACTOR_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "reactor/base/sys.h"

struct sim;
struct sim_peer;

/* How bytes reach the program under test: all that is under way at once, one at a time, or in
 * parts of 1 to segment_max_bytes. The next part comes with the next poll_wait at the earliest.
 * What reaches a peer is never cut. */
enum sim_segments { SIM_WHOLE, SIM_BYTES, SIM_RANDOM };

/* What this kernel and its network are like. A zero is the default; all may be changed at any
 * time through sim_options. Rates are in parts per million of the calls they concern. */
struct sim_options {
    uint64_t seed;
    enum sim_segments segments;
    size_t segment_max_bytes; /* for SIM_RANDOM (16) */
    int64_t delay_min_ns; /* each segment, connection and end is under way between these */
    int64_t delay_max_ns;
    size_t send_buffer_bytes; /* of sockets made from now on (64 KiB each) */
    size_t receive_buffer_bytes;
    int descriptor_limit; /* open ones, standard ones included (1024) */
    bool without_ipv6;
    bool shuffle; /* events in any order, not the one they happened in */
    unsigned short_read_ppm; /* fewer bytes than there are; an event tells of the rest */
    unsigned short_write_ppm; /* fewer bytes than fit; an event tells of the room */
    unsigned late_accept_ppm; /* -EAGAIN in spite of the event, then another event */
    unsigned reset_ppm; /* ECONNRESET, ECONNABORTED, ETIMEDOUT and EPIPE */
    unsigned no_descriptor_ppm; /* EMFILE and ENFILE */
    unsigned no_buffer_ppm; /* ENOMEM and ENOBUFS of system calls */
    unsigned no_memory_ppm; /* allocate and resize */
    int64_t sync_ns; /* how long a sync takes (10 ms) */
};

/* A new kernel; `options` (NULL: all defaults) are copied. Its clocks read one second, and the
 * first second of 2025. Aborts without memory, as does all of the simulator on its own account. */
struct sim *sim_create(const struct sim_options *options);

/* Releases the kernel, its files and all peers; NULL is fine. The program's blocks are its own. */
void sim_free(struct sim *sim);

/* Frees the blocks that a program has left, for who has told of them and goes on. */
void sim_free_blocks(struct sim *sim);

/* The door to hand to the program; valid until sim_free. */
struct sys *sim_door(struct sim *sim);

/* The options in force, to be changed in place. */
struct sim_options *sim_options(struct sim *sim);

/* --- time --- */

int64_t sim_now_ns(const struct sim *sim);

/* Lets time pass outside poll_wait: what a slow callback does. Nothing arrives meanwhile. */
void sim_advance(struct sim *sim, int64_t duration_ns);

/* The clock never jumps beyond `until_ns` (TIME_NEVER: no limit). A poll_wait that would have to
 * puts the clock there, returns 0 events and makes sim_idle true. Without a limit, a poll_wait
 * that nothing can ever end aborts: "the program would sleep for ever". */
void sim_limit(struct sim *sim, int64_t until_ns);

/* True once the program has nothing to do before the limit; false again as soon as a peer does
 * something, a signal is raised, time passes or the limit moves. */
bool sim_idle(const struct sim *sim);

/* Lets all that is under way to peers arrive, though the program no longer runs: the clock moves
 * on as far as that takes. What peers sent stays under way. */
void sim_settle(struct sim *sim);

/* --- the far ends --- */

/* Connects to "127.0.0.1:7777", "[::1]:7777" or "unix:/path". NULL and errno where nobody listens;
 * the peer belongs to the simulator and stays readable until sim_free. It reads all that arrives
 * unless it is stalled. */
struct sim_peer *sim_connect(struct sim *sim, const char *address);

/* Where later peers connect from ("10.1.2.3", "2001:db8::1"; NULL: the loopback), and as whom
 * (SO_PEERCRED of unix sockets; the process' own user at first). */
void sim_come_from(struct sim *sim, const char *host);
void sim_come_as(struct sim *sim, uid_t uid);

/* Sends; there is no limit to what waits on the peer's side. Nothing happens once the peer has
 * shut down, closed or lost its connection. sim_peer_say sends a text. */
void sim_peer_send(struct sim_peer *peer, const void *data, size_t size);
void sim_peer_say(struct sim_peer *peer, const char *text);

/* Sent bytes that have not reached the program's socket yet: it reads too slowly, or has not
 * waited since. */
size_t sim_peer_unsent(const struct sim_peer *peer);

/* Everything read so far, zero-terminated and valid until the peer reads more; its size; and
 * forgetting it. What is due for the peer arrives first. */
const char *sim_peer_text(struct sim_peer *peer);
size_t sim_peer_text_bytes(struct sim_peer *peer);
void sim_peer_forget(struct sim_peer *peer);

/* When something under way to a peer arrives next; TIME_NEVER: nothing is. It is no event for the
 * program, so poll_wait passes over it: a test whose peers answer puts its limit there. */
int64_t sim_peers_next_ns(const struct sim *sim);

/* Stops reading: from now on the socket's buffers fill. Reading again takes all that is there. */
void sim_peer_stall(struct sim_peer *peer);
void sim_peer_resume(struct sim_peer *peer);

/* What a stalled peer takes by hand; returns how many bytes, 0 where none have arrived. */
size_t sim_peer_receive(struct sim_peer *peer, void *buffer, size_t size);

/* Ends: no more will be sent (the rest still arrives); the descriptor closed (a reset where input
 * is unread, as in reality); the connection torn down, what is under way lost. */
void sim_peer_shutdown(struct sim_peer *peer);
void sim_peer_close(struct sim_peer *peer);
void sim_peer_reset(struct sim_peer *peer);

/* Vanishes without a word, like a host that loses power: nothing reaches it or comes from it any
 * more, and nobody is told. */
void sim_peer_vanish(struct sim_peer *peer);

/* The program's end has arrived: an orderly one, or a reset. */
bool sim_peer_at_end(struct sim_peer *peer);
bool sim_peer_was_reset(struct sim_peer *peer);

/* --- signals, files and output --- */

/* Sends `signal_number` to the program. Aborts where the program has not opened it: in reality it
 * would have ended there. */
void sim_raise(struct sim *sim, int signal_number);

/* Puts a regular file there, or replaces its content. */
void sim_write_file(struct sim *sim, const char *path, const char *text);

/* Puts a fifo there that nobody writes into; sim_write_file makes a regular file of it again. */
void sim_make_fifo(struct sim *sim, const char *path);

/* Sets the one variable of the program's environment; both strings must outlive the simulator. */
void sim_set_environment(struct sim *sim, const char *name, const char *value);

/* Makes the program one that was started with `number` ignored, as nohup(1) does. */
void sim_ignore_signal(struct sim *sim, int number);

/* The content of a file, zero-terminated; NULL if there is none. Valid until it is written. */
const char *sim_file_text(struct sim *sim, const char *path);

/* How many bytes a file has; 0 if there is none. */
size_t sim_file_bytes(struct sim *sim, const char *path);

/* Another program takes the lock of a file (makes it, if there is none), or gives it back. */
void sim_lock_file(struct sim *sim, const char *path, bool locked);

/* The disk takes `bytes` more, of all files together; SIZE_MAX: no limit, as at first. A write that
 * does not fit writes what fits, and the next one answers -ENOSPC. */
void sim_disk_limit(struct sim *sim, size_t bytes);

/* The program dies here: its descriptors are closed, its peers reset, its blocks freed and its
 * locks given back, and its files have what was written. The test starts another one on the same
 * kernel. */
void sim_kill(struct sim *sim);

/* The power fails: as sim_kill, but of what was written since a file's last sync any part may be
 * lost, in blocks of 512 bytes, and of names that were made, moved or removed since the last sync
 * of their folder all or none. The seed decides. */
void sim_cut_power(struct sim *sim);

/* What the program wrote to descriptor 1 or 2, which are open from the start. */
const char *sim_output(struct sim *sim, int fd);

/* Whoever reads that output stops reading, as a pager does; or reads on. */
void sim_stop_output(struct sim *sim, bool stopped);

/* --- faults --- */

enum sim_call {
    SIM_ALLOCATE,
    SIM_RESIZE,
    SIM_POLL_OPEN,
    SIM_POLL_ADD,
    SIM_POLL_WAIT,
    SIM_SIGNALS_OPEN,
    SIM_SIGNALS_READ,
    SIM_SOCKET,
    SIM_BIND,
    SIM_BIND_PATH,
    SIM_LISTEN,
    SIM_ACCEPT,
    SIM_CONNECT,
    SIM_RECEIVE,
    SIM_SEND,
    SIM_SEND_SEGMENTS,
    SIM_SHUTDOWN_WRITE,
    SIM_RESET_ON_CLOSE,
    SIM_WAKEUP_OPEN,
    SIM_WAKEUP_RAISE,
    SIM_WAKEUP_TAKE,
    SIM_INHERIT,
    SIM_UNSENT,
    SIM_PEER_STATE,
    SIM_SET_OPTION,
    SIM_GET_OPTION,
    SIM_LOCAL_ADDRESS,
    SIM_PEER_USER,
    SIM_OPEN_READ,
    SIM_OPEN_WRITE,
    SIM_READ,
    SIM_TAKES,
    SIM_WRITE,
    SIM_UNLINK,
    SIM_CLOSE,
    SIM_OPEN_UPDATE,
    SIM_OPEN_DIRECTORY,
    SIM_LOCK,
    SIM_LOCK_DIRECTORY,
    SIM_TRUNCATE,
    SIM_RENAME,
    SIM_PATH_INFO,
    SIM_FILE_INFO,
    SIM_SYNC_OPEN,
    SIM_SYNC_START,
    SIM_SYNC_RESULT,
    SIM_DESCRIPTOR_LIMIT,
    SIM_RANDOM_BYTES,
    SIM_RESOLVE,
    SIM_CALLS
};

/* Makes the `nth` (from 1) of the coming calls that can fail do so, once; 0: none. `which` chooses
 * among the errors that this call may give in reality; where it has fewer, it does not fail. So
 *
 *     for (n = 1, more = true; more; n++)
 *         for (which = 0; more = run(n, which); which++)
 *
 * with a run that answers sim_failed_call(sim) != NULL goes through all of them. A connection that
 * failed is dead afterwards, as in reality; poll_wait, signals_read and close never fail. */
void sim_fail_nth(struct sim *sim, uint64_t nth, unsigned which);

/* Lets the coming calls of one kind answer, in turn, what the `count` `answers` say: 0: as it would
 * anyway, and nothing else makes it fail; -errno: that. They are not copied. Another set replaces
 * what is left. poll_wait, signals_read and close can't be told what to answer. */
void sim_answer(struct sim *sim, enum sim_call call, const int *answers, size_t count);

/* The last failure that was made, like "accept: EMFILE"; NULL: none since sim_fail_nth. */
const char *sim_failed_call(const struct sim *sim);

/* --- accounting --- */

/* Calls made so far that can fail, those of one kind, and a kind's name. */
uint64_t sim_calls(const struct sim *sim);
uint64_t sim_count(const struct sim *sim, enum sim_call call);
const char *sim_call_name(enum sim_call call);

/* What the program holds: descriptors (the standard three apart), blocks, and their bytes. */
int sim_open_descriptors(const struct sim *sim);
size_t sim_live_blocks(const struct sim *sim);
size_t sim_live_bytes(const struct sim *sim);

#endif
