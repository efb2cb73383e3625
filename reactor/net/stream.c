#include "reactor/net/stream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reactor/broadcast/flush.h"
#include "reactor/broadcast/send_plan.h"

/* What makes a read worth trying. */
#define SYS_INPUT ((uint32_t)SYS_READABLE | SYS_HANGUP | SYS_ERROR | SYS_URGENT)

/* What makes a read that came back short no sign that there is nothing more. */
#define SYS_MORE ((uint32_t)SYS_HANGUP | SYS_ERROR | SYS_URGENT)

/* The first and the longest pause between two looks at what is unacknowledged: the kernel doesn't
 * tell when that changes. */
#define FINISH_PAUSE_NS (5 * NS_PER_MS)
#define FINISH_PAUSE_MAX_NS (100 * NS_PER_MS)

static const struct fanout_rules no_rules;

static void transmit(struct outbox *outbox);

void stream_fanout_init(struct fanout *fanout, struct loop *loop, const struct fanout_rules *rules)
{
    *fanout =
        (struct fanout){.loop = loop, .rules = rules ? rules : &no_rules, .transmit = transmit};
    chunk_pool_init(&fanout->pool, loop->sys);
    list_init(&fanout->passes);
    list_init(&fanout->dirty);
    fanout->hook.run = flush_run;
    loop_add_hook(loop, &fanout->hook);
}

void stream_fanout_release(struct fanout *fanout)
{
    assert(list_empty(&fanout->passes));
    assert(list_empty(&fanout->dirty));
    loop_remove_hook(&fanout->hook);
    chunk_pool_release(&fanout->pool);
}

static struct sys *sys_of(const struct stream *stream)
{
    return stream->fanout->loop->sys;
}

/* The note phase: a socket that takes data again is looked at by the flush, a waiting task looks at
 * everything else. */
static void notify(struct descriptor *descriptor)
{
    struct stream *stream = container_of(descriptor, struct stream, descriptor);
    if ((descriptor->ready & SYS_WRITABLE) && stream->outbox.blocked) {
        stream->outbox.blocked = false;
        outbox_mark(&stream->outbox, stream->fanout);
    }
    if (descriptor->ready & SYS_INPUT)
        wait_list_wake_all(&stream->waiting);
}

int stream_open(struct stream *stream, struct fanout *fanout, int fd, uint64_t tag)
{
    *stream = (struct stream){.fanout = fanout, .read_turn = (uint32_t)fanout->loop->turn - 1};
    outbox_init(&stream->outbox, tag);
    wait_list_init(&stream->waiting);
    return loop_watch(fanout->loop, &stream->descriptor, fd, notify);
}

void stream_close(struct stream *stream)
{
    assert(list_empty(&stream->waiting.tasks));
    outbox_release(&stream->outbox, stream->fanout);
    buffer_release(&stream->input, sys_of(stream));
    loop_close(stream->fanout->loop, &stream->descriptor);
}

void stream_fail(struct stream *stream, int error)
{
    if (!stream->error)
        stream->error = (int16_t)error;
    stream->flags |= STREAM_ENDED;
    outbox_kill(&stream->outbox, stream->fanout);
    wait_list_wake_all(&stream->waiting);
}

/* Writing. */

/* The kernel sends no more. What the peer said before may still be there, its reason for leaving
 * for example, so reading goes on until the kernel reports the end. */
static void fail_sending(struct stream *stream, int error)
{
    if (!stream->error)
        stream->error = (int16_t)error;
    stream->descriptor.ready |= SYS_HANGUP; /* a short read proves nothing from now on */
    outbox_kill(&stream->outbox, stream->fanout);
    wait_list_wake_all(&stream->waiting);
}

/* Whether a send that failed with `error` says nothing about the peer. */
static bool ran_out(int error)
{
    return error == -ENOMEM || error == -ENOBUFS;
}

static ssize_t send_plan(struct stream *stream, const struct send_plan *plan)
{
    struct sys *sys = sys_of(stream);
    const struct iovec *first = &plan->segments[0];
    if (plan->count == 1)
        return sys->send(sys, stream->descriptor.fd, first->iov_base, first->iov_len);
    return sys->send_segments(sys, stream->descriptor.fd, plan->segments, plan->count);
}

/* Accounts for what was sent of a plan. Returns whether another send makes sense. */
static bool account(struct stream *stream, const struct send_plan *plan, ssize_t sent)
{
    if (sent > 0)
        stream->flags |= STREAM_PROGRESS;
    int rc = send_plan_sent(plan, &stream->outbox, stream->fanout, sent > 0 ? (size_t)sent : 0);
    if (rc == 0 && sent == -EAGAIN) {
        stream->outbox.blocked = true;
        stream->descriptor.ready &= ~(uint32_t)SYS_WRITABLE;
        return false;
    }
    if (rc < 0 || ran_out((int)sent)) {
        stream_fail(stream, rc < 0 ? rc : (int)sent);
        return false;
    }
    if (sent < 0) {
        fail_sending(stream, (int)sent);
        return false;
    }
    return !plan->whole || (size_t)sent < plan->bytes;
}

/* Sends once. Returns whether another send makes sense. */
static bool transmit_once(struct stream *stream)
{
    struct send_plan plan;
    send_plan_make(&plan, &stream->outbox, stream->fanout);
    return plan.count > 0 && account(stream, &plan, send_plan(stream, &plan));
}

/* A piece of which not all went is the first of what would have been planned. */
static void account_short(struct stream *stream, ssize_t sent)
{
    struct send_plan plan;
    send_plan_make(&plan, &stream->outbox, stream->fanout);
    (void)account(stream, &plan, sent); /* the next plan shows whether there is more to send */
}

/* The short way, a third of the instructions: sends what lies in one piece. Returns whether that is
 * all there was to do. */
static bool transmit_piece(struct stream *stream)
{
    struct sys *sys = sys_of(stream);
    struct iovec piece;
    struct subscriber *only = send_plan_one_piece(&stream->outbox, &piece);
    if (!only)
        return false;
    ssize_t sent = sys->send(sys, stream->descriptor.fd, piece.iov_base, piece.iov_len);
    if (sent != (ssize_t)piece.iov_len) {
        account_short(stream, sent);
        return false;
    }
    stream->flags |= STREAM_PROGRESS;
    broadcast_advance(only, broadcast_limit(only));
    return only->end == SUBSCRIBER_OPEN;
}

/* Wakes those who wait for the outbox only: a reader that is parked has nothing to do with it. */
static void transmit(struct outbox *outbox)
{
    struct stream *stream = container_of(outbox, struct stream, outbox);
    if (!transmit_piece(stream)) {
        while (!outbox->blocked && transmit_once(stream))
            continue;
        broadcast_finish_ended(outbox);
        buffer_trim(&outbox->queue, sys_of(stream));
    }
    if (stream->flags & STREAM_DRAINING) {
        stream->flags &= (uint8_t)~STREAM_DRAINING;
        wait_list_wake_all(&stream->waiting);
    }
}

int stream_write(struct stream *stream, const char *bytes, size_t size)
{
    return outbox_write(&stream->outbox, stream->fanout, OUTBOX_ANSWER, bytes, size);
}

int stream_drain(struct task *task, struct stream *stream, size_t low_bytes)
{
    bool low = stream->outbox.waiting_bytes[OUTBOX_ANSWER] <= low_bytes;
    if (!low)
        stream->flags |= STREAM_DRAINING;
    int rc = task_wait(task, &stream->waiting, low || stream->error);
    return rc == 0 ? stream->error : rc;
}

/* Reading. */

/* No more comes: the input has ended, or the connection is lost. */
static bool is_over(const struct stream *stream)
{
    return stream->flags & STREAM_ENDED;
}

/* Whether there may be something to read. */
static bool is_ready(const struct stream *stream)
{
    return (stream->descriptor.ready & SYS_INPUT) && !is_over(stream);
}

/* Whether to read now. In one turn a stream may once, and while the turn's budget lasts. */
static bool may_read(const struct task *task, struct stream *stream, size_t size)
{
    const struct loop *loop = stream->fanout->loop;
    if (!is_ready(stream) || task_cancelled(task))
        return false;
    if (stream->read_turn == (uint32_t)loop->turn || loop->read_budget_bytes < size)
        return false;
    stream->read_turn = (uint32_t)loop->turn;
    return true;
}

/* One read. Returns how much it was: 0 for nothing, the end or an error, which are noted. Short of
 * EAGAIN, the level is cleared only by a read that came back short where no end, no error and no
 * urgent data was announced: data and the end of input can come in one event, and no second one
 * follows; nor does one for what stands behind the urgent byte, at which a read ends. */
static size_t receive(struct stream *stream, char *room, size_t size)
{
    struct sys *sys = sys_of(stream);
    struct descriptor *descriptor = &stream->descriptor;
    ssize_t got = sys->receive(sys, descriptor->fd, room, size);
    bool announced = descriptor->ready & SYS_MORE;
    if (got == -EAGAIN || (got > 0 && (size_t)got < size && !announced))
        descriptor->ready &= ~SYS_INPUT;
    if (got > 0) {
        stream->fanout->loop->read_budget_bytes -= (size_t)got;
        return (size_t)got;
    }
    if (got == 0)
        stream->flags |= STREAM_ENDED | STREAM_PROGRESS;
    else if (got != -EAGAIN)
        stream_fail(stream, (int)got);
    return 0;
}

/* Reads more, behind what there is. */
static void read_more(const struct task *task, struct stream *stream, size_t size)
{
    if (!may_read(task, stream, size))
        return;
    if (buffer_reserve(&stream->input, sys_of(stream), size) < 0)
        stream_fail(stream, -ENOMEM);
    else
        buffer_commit(&stream->input, receive(stream, buffer_tail(&stream->input), size));
}

/* Has what is left in the kernel looked at in the next turn, for no event tells of it again. One
 * that found the turn's budget used up comes before the others then, or the same few would use it
 * up every time. */
static void look_again(struct task *task, const struct stream *stream)
{
    if (!is_ready(stream))
        return;
    if (stream->read_turn == (uint32_t)task->loop->turn)
        task_wake(task);
    else
        task_wake_early(task);
}

/* Waits for `ready`, or for the end of the input or of the connection. */
static int wait_input(struct task *task, struct stream *stream, bool ready)
{
    if (!ready) {
        buffer_trim(&stream->input, sys_of(stream));
        look_again(task, stream);
    }
    int rc = task_wait(task, &stream->waiting, ready || is_over(stream));
    if (rc < 0)
        return rc;
    if (ready)
        return 1;
    return stream->error;
}

int stream_fill(struct task *task, struct stream *stream, size_t size)
{
    assert(size > 0 && "a read of nothing would look like the end of the input");
    assert(size <= STREAM_READ_BYTES && "a read stays within the budget of a turn");
    buffer_scrub(&stream->input);
    if (buffer_length(&stream->input) == 0)
        read_more(task, stream, size);
    return wait_input(task, stream, buffer_length(&stream->input) > 0);
}

const char *stream_input(const struct stream *stream, size_t *size)
{
    *size = buffer_length(&stream->input);
    return buffer_data(&stream->input);
}

void stream_consume(struct stream *stream, size_t size)
{
    buffer_consume(&stream->input, size);
}

/* The first line of the input. */
struct line_found {
    size_t size; /* of its text */
    size_t taken; /* with its newline; 0: it isn't complete */
};

/* Drops what has come of a line that was too long. */
static void skip_line(struct stream *stream)
{
    size_t length = buffer_length(&stream->input);
    const char *data = buffer_data(&stream->input);
    const char *newline = length ? memchr(data, '\n', length) : NULL;
    if (newline)
        stream->flags &= (uint8_t)~STREAM_SKIPPING;
    buffer_consume(&stream->input, newline ? (size_t)(newline - data) + 1 : length);
}

/* Looks no further than the end of the longest line: a text of `max` bytes, CR and LF. */
static struct line_found find_line(struct stream *stream, size_t max)
{
    if (stream->flags & STREAM_SKIPPING)
        skip_line(stream);
    size_t length = buffer_length(&stream->input);
    size_t window = length < max + 2 ? length : max + 2;
    const char *data = buffer_data(&stream->input);
    const char *newline = window ? memchr(data, '\n', window) : NULL;
    bool last = (stream->flags & STREAM_ENDED) && !stream->error; /* what is cut off is no line */
    if (!newline && window < max + 2 && !last)
        return (struct line_found){0};
    if (!newline)
        return (struct line_found){.size = length, .taken = length};
    size_t size = (size_t)(newline - data);
    bool cr = size > 0 && data[size - 1] == '\r';
    return (struct line_found){.size = size - cr, .taken = size + 1};
}

/* Hands out a line that was found. */
static int take_line(struct stream *stream, struct line_found found, char **line)
{
    /* Only a last line without a newline needs another byte, for the NUL. */
    if (found.taken == found.size && buffer_reserve(&stream->input, sys_of(stream), 1) < 0) {
        stream_fail(stream, -ENOMEM);
        return stream->error;
    }
    *line = buffer_data(&stream->input);
    assert(*line && "a line that was found is stored");
    buffer_consume(&stream->input, found.taken); /* stays where it is until the next await */
    (*line)[found.size] = '\0';
    return 1;
}

int stream_read_line(struct task *task, struct stream *stream, size_t max, char **line,
                     size_t *size)
{
    assert(max < STREAM_READ_BYTES);
    buffer_scrub(&stream->input);
    struct line_found found = find_line(stream, max);
    if (!found.taken) {
        read_more(task, stream, STREAM_READ_BYTES);
        found = find_line(stream, max);
    }
    int rc = wait_input(task, stream, found.taken);
    if (rc <= 0)
        return rc;
    *size = found.size;
    if (found.size <= max)
        return take_line(stream, found, line);
    stream->flags |= STREAM_SKIPPING;
    return -EMSGSIZE;
}

/* Ending. */

/* Reads and drops; without memory, for the end of a connection must not depend on it. */
static void drop_input(const struct task *task, struct stream *stream)
{
    char dropped[STREAM_READ_BYTES];
    buffer_release(&stream->input, sys_of(stream));
    if (may_read(task, stream, sizeof(dropped)))
        (void)receive(stream, dropped, sizeof(dropped));
}

/* Waits until something was sent, or the peer has closed. What it says meanwhile is dropped and is
 * no progress: who only talks is not to be waited for. */
static int stir(struct task *task, struct stream *stream)
{
    drop_input(task, stream);
    look_again(task, stream);
    stream->flags |= STREAM_DRAINING;
    int rc = task_wait(task, &stream->waiting, stream->error || (stream->flags & STREAM_PROGRESS));
    if (rc == 0)
        stream->flags &= (uint8_t) ~(STREAM_PROGRESS | STREAM_DRAINING);
    return rc;
}

/* Whether closing now loses nothing: the peer has closed too, or has acknowledged everything. */
static bool finished(const struct stream *stream)
{
    struct sys *sys = sys_of(stream);
    if (stream->error)
        return true;
    if (!(stream->flags & STREAM_SHUT))
        return false;
    return (stream->flags & STREAM_ENDED) || sys->unsent(sys, stream->descriptor.fd) == 0;
}

static void shut_when_sent(struct stream *stream)
{
    struct sys *sys = sys_of(stream);
    if ((stream->flags & STREAM_SHUT) || send_plan_owed(&stream->outbox))
        return;
    stream->flags |= STREAM_SHUT;
    int rc = sys->shutdown_write(sys, stream->descriptor.fd);
    if (rc < 0)
        stream_fail(stream, rc);
}

/* Whether the peer has acknowledged something since the last look: all that moves once everything
 * is in the kernel's hands. */
static bool acknowledged(struct stream_finish *self, const struct stream *stream)
{
    struct sys *sys = sys_of(stream);
    int before = self->unsent_bytes;
    int unsent = sys->unsent(sys, stream->descriptor.fd);
    if (unsent >= 0) /* else nothing is known: no progress, and not the end */
        self->unsent_bytes = unsent;
    return self->unsent_bytes < before;
}

/* Judges an await that ended: whether to go on, and after which pause to look again. */
static bool still_moving(struct stream_finish *self, int64_t now_ns, bool moved)
{
    if (moved) {
        self->moved_ns = now_ns;
        self->pause_ns = FINISH_PAUSE_NS;
    } else if (self->pause_ns < FINISH_PAUSE_MAX_NS) {
        self->pause_ns *= 2;
    }
    bool in_time = self->limit_ns == 0 || now_ns < time_after(self->begun_ns, self->limit_ns);
    return in_time && now_ns < time_after(self->moved_ns, self->linger_ns);
}

int stream_finish(struct task *task, struct stream_finish *const self, struct stream *stream)
{
    TASK_BEGIN();
    self->pause_ns = FINISH_PAUSE_NS;
    self->begun_ns = task->loop->now_ns;
    self->moved_ns = self->begun_ns;
    while (shut_when_sent(stream), !finished(stream)) {
        cancel_scope_open(task, &self->deadline, self->pause_ns);
        TASK_AWAIT(self->rc, stir(task, stream));
        bool pause_over = cancel_scope_close(task, &self->deadline);
        if (self->rc < 0 && !pause_over)
            TASK_RETURN(self->rc);
        bool moved = acknowledged(self, stream) || self->rc == 0;
        if (!still_moving(self, task->loop->now_ns, moved))
            TASK_RETURN(-ETIMEDOUT);
    }
    TASK_RETURN(stream->error);
    TASK_END();
}
