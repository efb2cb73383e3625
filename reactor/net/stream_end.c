#include <assert.h>
#include <errno.h>

#include "reactor/broadcast/send_plan.h"
#include "reactor/net/stream_internal.h"

/* The first and the longest pause between two looks at what is unacknowledged: no event reports
 * when that changes. */
#define FINISH_PAUSE_NS (5 * NS_PER_MS)
#define FINISH_PAUSE_MAX_NS (100 * NS_PER_MS)

/* Sends the end once all that is owed is in the hands of the kernel. */
static void shut_when_sent(struct stream *stream)
{
    struct sys *sys = stream_sys(stream);
    if ((stream->flags & STREAM_SHUT) || send_plan_owed(&stream->outbox))
        return;
    stream->flags |= STREAM_SHUT;
    int rc = sys->shutdown_write(sys, stream->descriptor.fd);
    if (rc < 0)
        stream_fail(stream, rc);
}

int stream_shutdown_write(struct task *task, struct stream *stream)
{
    bool sent = !send_plan_owed(&stream->outbox);
    if (!sent)
        stream->flags |= STREAM_DRAINING;
    int rc = task_wait(task, &stream->waiting, sent || stream->error);
    if (rc < 0)
        return rc;
    if (!stream->error)
        shut_when_sent(stream);
    return stream->error;
}

void stream_reset(struct stream *stream)
{
    if (stream->descriptor.fd >= 0) /* a socket that can't be reset is closed all the same */
        (void)stream_sys(stream)->reset_on_close(stream_sys(stream), stream->descriptor.fd);
    stream_close(stream);
}

/* Waits until something was sent, or the peer has closed. What it says meanwhile is dropped and is
 * no progress: who only talks is not to be waited for. */
static int stir(struct task *task, struct stream *stream)
{
    stream_drop_input(task, stream);
    stream_look_again(task, stream);
    stream->flags |= STREAM_DRAINING;
    int rc = task_wait(task, &stream->waiting, stream->error || (stream->flags & STREAM_PROGRESS));
    if (rc == 0)
        stream->flags &= (uint8_t) ~(STREAM_PROGRESS | STREAM_DRAINING);
    return rc;
}

/* Whether closing now loses nothing: the peer has closed too, or has acknowledged everything. */
static bool finished(const struct stream *stream)
{
    struct sys *sys = stream_sys(stream);
    if (stream->error)
        return true;
    if (!(stream->flags & STREAM_SHUT))
        return false;
    return (stream->flags & STREAM_ENDED) || sys->unsent(sys, stream->descriptor.fd) == 0;
}

/* Whether the peer has acknowledged something since the last look: all that moves once everything
 * is in the kernel's hands. */
static bool acknowledged(struct stream_finish *self, const struct stream *stream)
{
    struct sys *sys = stream_sys(stream);
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
