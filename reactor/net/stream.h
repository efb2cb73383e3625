/*
 * stream: bytes and lines over a connected socket.
 *
 * A stream owns its descriptor from stream_open to stream_close. Reading is
 * pulled: the stream reads from the kernel only while a task waits for input,
 * once per turn, and keeps what it read until that is consumed. Writing is
 * queued: stream_write never waits, the end of the turn sends (fanout.h), and a
 * task that must not run ahead of its reader awaits stream_drain. An idle stream
 * has no buffer in either direction.
 *
 * The connection's first error is kept, and what was still to be sent is dropped.
 * After a send that failed, reads go on: what the peer said before it left is
 * still in the kernel. At the end of that they return the error. A hang-up wakes
 * every task that waits.
 */
#ifndef REACTOR_NET_STREAM_H
#define REACTOR_NET_STREAM_H

#include "reactor/broadcast/broadcast.h"
#include "reactor/task/task.h"

/* The most that is read at once. */
#define STREAM_READ_BYTES ((size_t)16 * 1024)

/* The most that a program may ask to have in the input at once. */
#define STREAM_HELD_BYTES ((size_t)1024 * 1024)

/* How long stream_finish waits for a peer that takes nothing, and how long in all: a peer that
 * takes a byte now and then must not hold a connection for ever. */
#define STREAM_LINGER_NS (2 * NS_PER_SECOND)
#define STREAM_FINISH_NS (30 * NS_PER_SECOND)

enum stream_flag {
    STREAM_ENDED = 1, /* no more input comes: the peer has ended, or the connection is lost */
    STREAM_SHUT = 2, /* we send no more */
    STREAM_PROGRESS = 4, /* something was sent, or the peer closed; cleared by stream_finish */
    STREAM_DRAINING = 8, /* a task waits for the outbox to be sent */
    STREAM_SKIPPING = 16, /* the rest of a line that was too long is dropped as it comes */
    STREAM_OWED = 32 /* something was sent, and perhaps not acknowledged */
};

struct stream {
    struct descriptor descriptor;
    struct fanout *fanout;
    uint32_t read_turn; /* when it was last read from, to read once a turn */
    int16_t error; /* the connection's first, -errno; 0: none */
    uint8_t flags; /* enum stream_flag, or-ed */
    struct outbox outbox;
    struct buffer input; /* read and not yet consumed */
    struct wait_list waiting; /* for input, for the queue to drain, or for any change */
};

/* Makes a stream of the connected socket `fd`. `tag` is the author tag of its lines in broadcasts
 * (0 where it writes none). Returns 0 or -errno; on failure `fd` is still the caller's. */
int stream_open(struct stream *stream, struct fanout *fanout, int fd, uint64_t tag);

/* Closes at once: what is still owed is lost. Its subscriptions must have been taken off, and no
 * task may be waiting. Does nothing on a stream that is closed. */
void stream_close(struct stream *stream);

/* Reading. The awaits return -ECANCELED or -ETIMEDOUT too, and have then taken nothing. */

/* Waits until there is input that was not consumed, reading at most `size` bytes (1 to
 * STREAM_READ_BYTES) if there is none. Returns 1, 0 at the end of the input, or the connection's
 * -errno (-ENOMEM where there was no memory to read into). May suspend. */
TASK_AWAITABLE int stream_fill(struct task *task, struct stream *stream, size_t size);

/* The input, and how long it is. Valid until the next await. */
const char *stream_input(const struct stream *stream, size_t *size);

/* Takes the first `size` bytes off the input. */
void stream_consume(struct stream *stream, size_t size);

/*
 * Reads a line of at most `max` bytes, its LF or CR LF cut off and a NUL put in its place. Returns
 * 1 with *line and *size, which are valid until the next await; 0 at the end of the input (a last
 * line without a newline was returned before); -EMSGSIZE if the line is longer than `max` (less
 * than STREAM_READ_BYTES): the next stream_read_line drops that line to its end and reads the one
 * after it; or the connection's -errno. May suspend.
 */
TASK_AWAITABLE int stream_read_line(struct task *task, struct stream *stream, size_t max,
                                    char **line, size_t *size);

/*
 * Reads what stands before `delimiter` (a string of at least one byte, "\r\n\r\n" for example), at
 * most `max` bytes (STREAM_READ_BYTES at most). The delimiter is taken too, and a NUL stands in its
 * place. Returns 1 with *bytes and *size, which are valid until the next await; 0 at the end of the
 * input; -ENODATA if the input ended before the delimiter (stream_input has what came); -EMSGSIZE
 * as stream_read_line; or the connection's -errno. May suspend.
 */
TASK_AWAITABLE int stream_read_until(struct task *task, struct stream *stream,
                                     const char *delimiter, size_t max, char **bytes, size_t *size);

/* Reads exactly `size` bytes (1 to STREAM_HELD_BYTES). Returns 1 with *bytes, which are valid until
 * the next await; 0 at the end of the input; -ENODATA if the input ended after fewer bytes
 * (stream_input has them), or the connection's -errno. May suspend. */
TASK_AWAITABLE int stream_read_exactly(struct task *task, struct stream *stream, size_t size,
                                       char **bytes);

/* Waits until there are more than `have` bytes of input (less than STREAM_HELD_BYTES): for a parser
 * that found only a part of something. Returns as stream_fill; at the end, what is there stays.
 * May suspend. */
TASK_AWAITABLE int stream_fill_beyond(struct task *task, struct stream *stream, size_t have);

/* Writing. */

/* Queues a copy of `size` bytes for the end of the turn. Returns 0 (also where the connection is
 * lost: the next read tells); -ENOMEM or -ENOBUFS with nothing queued; -EPIPE after
 * stream_shutdown_write. */
int stream_write(struct stream *stream, const char *bytes, size_t size);

/* Queues what printf(3) would print. Returns as stream_write. */
__attribute__((format(printf, 2, 3))) int stream_print(struct stream *stream, const char *format,
                                                       ...);

/* Waits until at most `low_bytes` of what stream_write queued are unsent. Returns 0, or the
 * connection's -errno; -ECANCELED or -ETIMEDOUT. May suspend. */
TASK_AWAITABLE int stream_drain(struct task *task, struct stream *stream, size_t low_bytes);

/* What others have to know of it. */

/* Sets the author tag of its lines in broadcasts, which stream_open sets too. A stream is not shown
 * lines with its own tag. */
static inline void stream_set_tag(struct stream *stream, uint64_t tag)
{
    stream->outbox.tag = tag;
}

/* Its author tag. */
static inline uint64_t stream_tag(const struct stream *stream)
{
    return stream->outbox.tag;
}

/* The first of its subscriptions; `next` of each leads on. NULL: it has none. */
static inline struct subscriber *stream_subscriptions(const struct stream *stream)
{
    return stream->outbox.subscribers;
}

/* Whether its socket took less than it was sent last, and has not become writable since. */
static inline bool stream_is_blocked(const struct stream *stream)
{
    return stream->outbox.blocked;
}

/* How many bytes of one kind wait in its queue, with the heads of their entries. */
static inline uint32_t stream_waiting_bytes(const struct stream *stream, enum outbox_kind kind)
{
    return stream->outbox.waiting_bytes[kind];
}

/* Ending. */

/* Sends all that is owed, and then the end: the peer reads it, and may go on to speak. Its
 * subscriptions must have been taken off. Returns 0, the connection's -errno, -ECANCELED or
 * -ETIMEDOUT. May suspend. */
TASK_AWAITABLE int stream_shutdown_write(struct task *task, struct stream *stream);

/* Closes at once so that the peer gets an error (ECONNRESET) and no end: for an answer that stays
 * incomplete. A unix socket has no such error, and is closed. */
void stream_reset(struct stream *stream);

/* Looks whether the peer has vanished, and if so gives the connection up with -ETIMEDOUT. On a
 * quiet connection keep-alive notices that; it is silent while something is unacknowledged, and
 * then the kernel would go on for a quarter of an hour. To be called every half minute: the peer is
 * let go within three minutes, within five if it had stopped reading before. A peer that only
 * stopped reading stays. Costs nothing if nothing was sent. Returns whether anything is
 * unacknowledged. */
bool stream_check_peer(struct stream *stream);

/* Gives the connection up with `error` (a -errno), if the program can't go on with it: reads return
 * the error, and nothing more is sent. The first error stays. */
void stream_fail(struct stream *stream, int error);

/* The frame of stream_finish; zero all but `linger_ns` and `limit_ns`. */
struct stream_finish {
    struct frame frame;
    int rc;
    int unsent_bytes; /* at the last look */
    uint32_t pause_ns; /* until the next look at what is unacknowledged */
    int64_t linger_ns; /* how long without progress is too long; TIME_NEVER: until cancelled */
    int64_t limit_ns; /* how long in all is too long; 0: no limit */
    int64_t begun_ns;
    int64_t moved_ns; /* when there last was progress */
    struct cancel_scope deadline;
};

/*
 * Ends a connection so that what was sent arrives: sends all that is owed, shuts down, reads and
 * drops what still comes, and returns when the peer closed or acknowledged everything. A close()
 * alone with input unread would make the kernel throw away what it has accepted, tcp(7). Needs no
 * memory. Returns 0, -ETIMEDOUT after `linger_ns` in which the peer took nothing or after
 * `limit_ns` in all, the connection's -errno, or -ECANCELED.
 * The stream must still be closed. May suspend.
 */
TASK_AWAITABLE int stream_finish(struct task *task, struct stream_finish *self,
                                 struct stream *stream);

#endif
