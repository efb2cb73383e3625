#include "reactor/net/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "reactor/broadcast/send_plan.h"
#include "reactor/net/stream_internal.h"

static void transmit(struct outbox *outbox);

/* The note phase: a socket that takes data again is looked at by the flush, a waiting task looks at
 * everything else. */
static void notify(struct descriptor *descriptor)
{
    struct stream *stream = container_of(descriptor, struct stream, descriptor);
    if ((descriptor->ready & SYS_WRITABLE) && stream->outbox.blocked) {
        stream->outbox.blocked = false;
        outbox_mark(&stream->outbox, stream->fanout);
    }
    if (descriptor->ready & STREAM_INPUT_BITS)
        wait_list_wake_all(&stream->waiting);
}

static void prepare(struct stream *stream, struct fanout *fanout, uint64_t tag)
{
    *stream = (struct stream){.fanout = fanout, .read_turn = (uint32_t)fanout->loop->turn - 1};
    fanout->transmit = transmit;
    outbox_init(&stream->outbox, tag);
    wait_list_init(&stream->waiting);
}

int stream_open(struct stream *stream, struct fanout *fanout, int fd, uint64_t tag)
{
    prepare(stream, fanout, tag);
    return loop_watch(fanout->loop, &stream->descriptor, fd, notify);
}

void stream_adopt(struct stream *stream, struct fanout *fanout, struct descriptor *from)
{
    prepare(stream, fanout, 0);
    loop_adopt(fanout->loop, &stream->descriptor, from, notify);
}

void stream_close(struct stream *stream)
{
    assert(list_empty(&stream->waiting.tasks));
    outbox_release(&stream->outbox, stream->fanout);
    buffer_release(&stream->input, stream_sys(stream));
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
    struct sys *sys = stream_sys(stream);
    const struct iovec *first = &plan->segments[0];
    if (plan->count == 1)
        return sys->send(sys, stream->descriptor.fd, first->iov_base, first->iov_len);
    return sys->send_segments(sys, stream->descriptor.fd, plan->segments, plan->count);
}

/* Accounts for what was sent of a plan. Returns whether another send makes sense. */
static bool account(struct stream *stream, const struct send_plan *plan, ssize_t sent)
{
    if (sent > 0)
        stream->flags |= STREAM_PROGRESS | STREAM_OWED;
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

/* Sends until the socket takes no more or nothing is owed. */
static void transmit_planned(struct stream *stream)
{
    while (!stream->outbox.blocked && transmit_once(stream))
        continue;
    broadcast_finish_ended(&stream->outbox);
    buffer_trim(&stream->outbox.queue, stream_sys(stream));
}

/* Accounts for a piece of which `sent` bytes went: a plan would begin with it. */
static void account_short(struct stream *stream, ssize_t sent)
{
    struct send_plan plan;
    send_plan_make(&plan, &stream->outbox, stream->fanout);
    (void)account(stream, &plan, sent); /* the next plan shows whether there is more to send */
}

/* The fast path, without a plan: sends what lies in one piece. Returns whether that was all there
 * was to do; if not, transmit_planned does the rest. */
static bool transmit_piece(struct stream *stream)
{
    struct sys *sys = stream_sys(stream);
    struct iovec piece;
    struct subscriber *only = send_plan_one_piece(&stream->outbox, &piece);
    if (!only)
        return false;
    ssize_t sent = sys->send(sys, stream->descriptor.fd, piece.iov_base, piece.iov_len);
    if (sent != (ssize_t)piece.iov_len) {
        account_short(stream, sent);
        return false;
    }
    stream->flags |= STREAM_PROGRESS | STREAM_OWED;
    broadcast_advance(only, broadcast_limit(only));
    return only->end == SUBSCRIBER_OPEN;
}

/* Wakes only tasks that wait for the outbox: one that waits for input has nothing to do with it. */
static void transmit(struct outbox *outbox)
{
    struct stream *stream = container_of(outbox, struct stream, outbox);
    if (!transmit_piece(stream))
        transmit_planned(stream);
    if (stream->flags & STREAM_DRAINING) {
        stream->flags &= (uint8_t)~STREAM_DRAINING;
        wait_list_wake_all(&stream->waiting);
    }
}

int stream_write(struct stream *stream, const char *bytes, size_t size)
{
    if (stream->flags & STREAM_SHUT)
        return -EPIPE;
    return outbox_write(&stream->outbox, stream->fanout, OUTBOX_ANSWER, bytes, size);
}

/* What doesn't fit on the stack is written into a block for a moment. */
static int print_long(struct stream *stream, size_t size, const char *format, va_list arguments)
{
    struct sys *sys = stream_sys(stream);
    char *text = sys->allocate(sys, size + 1);
    if (!text)
        return -ENOMEM;
    (void)vsnprintf(text, size + 1, format, arguments);
    int rc = stream_write(stream, text, size);
    sys->release(sys, text);
    return rc;
}

int stream_print(struct stream *stream, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert(length >= 0 && "a format that can't be printed");
    if ((size_t)length < sizeof(text))
        return stream_write(stream, text, (size_t)length);
    va_start(arguments, format);
    int rc = print_long(stream, (size_t)length, format, arguments);
    va_end(arguments);
    return rc;
}

int stream_drain(struct task *task, struct stream *stream, size_t low_bytes)
{
    bool low = stream->outbox.waiting_bytes[OUTBOX_ANSWER] <= low_bytes;
    if (!low)
        stream->flags |= STREAM_DRAINING;
    int rc = task_wait(task, &stream->waiting, low || stream->error);
    return rc == 0 ? stream->error : rc;
}

/* Vanished peers. */

/* The peer has vanished if it acknowledges nothing, retransmissions included, for longer than any
 * network takes. One that only stopped reading answers the probes of its window, but at intervals
 * of up to 120.6 s, so there one lost answer must be survived. */
#define SILENT_NS (150 * NS_PER_SECOND)
#define SILENT_SHUT_NS (240 * NS_PER_SECOND)
#define PROBES_LOST 2

static bool has_vanished(const struct sys_peer_state *state)
{
    if (state->unacked_segments > 0)
        return state->silent_ns > SILENT_NS;
    return state->probes >= PROBES_LOST && state->silent_ns > SILENT_SHUT_NS;
}

bool stream_check_peer(struct stream *stream)
{
    struct sys *sys = stream_sys(stream);
    struct sys_peer_state state;
    if (!(stream->flags & STREAM_OWED) || stream->error)
        return false;
    if (sys->unsent(sys, stream->descriptor.fd) <= 0) {
        stream->flags &= (uint8_t)~STREAM_OWED;
        return false;
    }
    if (sys->peer_state(sys, stream->descriptor.fd, &state) == 0 && has_vanished(&state))
        stream_fail(stream, -ETIMEDOUT);
    return !stream->error;
}
