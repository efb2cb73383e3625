#define _GNU_SOURCE 1 /* memmem */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reactor/net/stream_internal.h"

/* What makes a read that came back short no sign that there is nothing more. */
#define MORE_BITS ((uint32_t)SYS_HANGUP | SYS_ERROR | SYS_URGENT)

/* No more comes: the input has ended, or the connection is lost. */
static bool is_over(const struct stream *stream)
{
    return stream->flags & STREAM_ENDED;
}

/* Whether there may be something to read. */
static bool is_ready(const struct stream *stream)
{
    return (stream->descriptor.ready & STREAM_INPUT_BITS) && !is_over(stream);
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
    struct sys *sys = stream_sys(stream);
    struct descriptor *descriptor = &stream->descriptor;
    ssize_t got = sys->receive(sys, descriptor->fd, room, size);
    bool announced = descriptor->ready & MORE_BITS;
    if (got == -EAGAIN || (got > 0 && (size_t)got < size && !announced))
        descriptor->ready &= ~STREAM_INPUT_BITS;
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
    if (buffer_reserve(&stream->input, stream_sys(stream), size) < 0)
        stream_fail(stream, -ENOMEM);
    else
        buffer_commit(&stream->input, receive(stream, buffer_tail(&stream->input), size));
}

void stream_look_again(struct task *task, const struct stream *stream)
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
        buffer_trim(&stream->input, stream_sys(stream));
        stream_look_again(task, stream);
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

int stream_fill_beyond(struct task *task, struct stream *stream, size_t have)
{
    assert(have < STREAM_HELD_BYTES && "what is read and not consumed has a limit");
    buffer_scrub(&stream->input);
    if (buffer_length(&stream->input) <= have)
        read_more(task, stream, STREAM_READ_BYTES);
    return wait_input(task, stream, buffer_length(&stream->input) > have);
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

/* Whole pieces of the input. */

int stream_read_exactly(struct task *task, struct stream *stream, size_t size, char **bytes)
{
    assert(size > 0 && "a read of nothing would look like the end of the input");
    int rc = stream_fill_beyond(task, stream, size - 1);
    if (rc == 0 && buffer_length(&stream->input) > 0)
        return -ENODATA;
    if (rc != 1)
        return rc;
    *bytes = buffer_data(&stream->input);
    buffer_consume(&stream->input, size); /* stays where it is until the next await */
    return 1;
}

/* The first piece of the input. */
struct piece {
    size_t size; /* of what stands before the delimiter */
    size_t taken; /* with it; 0: the piece isn't complete. As large as `size`: there is none */
};

/* Drops what has come of a piece that was too long. Its delimiter may have come in part. */
static void skip(struct stream *stream, const char *delimiter)
{
    size_t size = strlen(delimiter);
    size_t length = buffer_length(&stream->input);
    const char *data = buffer_data(&stream->input);
    const char *end = length ? memmem(data, length, delimiter, size) : NULL;
    if (end) {
        stream->flags &= (uint8_t)~STREAM_SKIPPING;
        buffer_consume(&stream->input, (size_t)(end - data) + size);
    } else if (length >= size) {
        buffer_consume(&stream->input, length - (size - 1));
    }
}

/* Looks no further than the end of the longest piece of at most `max` bytes. */
static struct piece find(struct stream *stream, const char *delimiter, size_t max)
{
    if (stream->flags & STREAM_SKIPPING)
        skip(stream, delimiter);
    if (stream->flags & STREAM_SKIPPING)
        return (struct piece){0};
    size_t size = strlen(delimiter);
    size_t length = buffer_length(&stream->input);
    size_t window = length < max + size ? length : max + size;
    const char *data = buffer_data(&stream->input);
    const char *end = window ? memmem(data, window, delimiter, size) : NULL;
    bool last = (stream->flags & STREAM_ENDED) && !stream->error; /* what is cut off is no line */
    if (!end && window < max + size && !last)
        return (struct piece){0};
    if (!end)
        return (struct piece){.size = length, .taken = length};
    return (struct piece){.size = (size_t)(end - data), .taken = (size_t)(end - data) + size};
}

/* Waits for the first piece. Returns 1 with it in *found, which is not taken yet. */
static int await_piece(struct task *task, struct stream *stream, const char *delimiter, size_t max,
                       struct piece *found)
{
    assert(max < STREAM_READ_BYTES + 1 && "a piece fits a read");
    buffer_scrub(&stream->input);
    *found = find(stream, delimiter, max);
    if (!found->taken) {
        read_more(task, stream, STREAM_READ_BYTES);
        *found = find(stream, delimiter, max);
    }
    return wait_input(task, stream, found->taken);
}

/* Hands out a piece that was found, or refuses one that is too long: the rest of it is skipped. */
static int take(struct stream *stream, struct piece found, size_t max, char **bytes)
{
    if (found.size > max) {
        stream->flags |= STREAM_SKIPPING;
        return -EMSGSIZE;
    }
    /* Only a last line without a newline needs another byte, for the NUL. */
    if (found.taken == found.size && buffer_reserve(&stream->input, stream_sys(stream), 1) < 0) {
        stream_fail(stream, -ENOMEM);
        return stream->error;
    }
    *bytes = buffer_data(&stream->input);
    assert(*bytes && "a piece that was found is stored");
    buffer_consume(&stream->input, found.taken); /* stays where it is until the next await */
    (*bytes)[found.size] = '\0';
    return 1;
}

int stream_read_until(struct task *task, struct stream *stream, const char *delimiter, size_t max,
                      char **bytes, size_t *size)
{
    assert(*delimiter && "a delimiter isn't empty");
    struct piece found;
    int rc = await_piece(task, stream, delimiter, max, &found);
    if (rc != 1)
        return rc;
    if (found.taken == found.size && found.size <= max)
        return -ENODATA;
    *size = found.size;
    return take(stream, found, max, bytes);
}

int stream_read_line(struct task *task, struct stream *stream, size_t max, char **line,
                     size_t *size)
{
    struct piece found;
    int rc = await_piece(task, stream, "\n", max + 1, &found); /* one more, for a CR */
    if (rc != 1)
        return rc;
    if (found.size > 0 && found.size < found.taken)
        found.size -= buffer_data(&stream->input)[found.size - 1] == '\r';
    *size = found.size;
    return take(stream, found, max, line);
}

void stream_drop_input(const struct task *task, struct stream *stream)
{
    char dropped[STREAM_READ_BYTES];
    buffer_release(&stream->input, stream_sys(stream));
    if (may_read(task, stream, sizeof(dropped)))
        (void)receive(stream, dropped, sizeof(dropped));
}
