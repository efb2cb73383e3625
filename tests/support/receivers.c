#include "tests/support/receivers.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <stdio.h>

#include "reactor/broadcast/send_plan.h"

struct fake_door door;
static struct loop loop; /* which never turns */
struct fanout fanout;
struct fanout_rules rules;
unsigned ended_count;
struct subscriber *ended_last;
void (*reader_took)(struct reader *reader, const char *bytes, size_t size);

/* Takes what the socket takes of a plan. Returns how much that is. */
static size_t take(struct reader *reader, const struct send_plan *plan)
{
    size_t left = reader->window < reader->send_max ? reader->window : reader->send_max;
    size_t taken = 0;
    for (int i = 0; i < plan->count && left > 0; i++) {
        const struct iovec *segment = &plan->segments[i];
        size_t size = segment->iov_len < left ? segment->iov_len : left;
        if (reader_took)
            reader_took(reader, segment->iov_base, size);
        size_t room = sizeof(reader->text) - 1 - reader->text_bytes;
        memcpy(reader->text + reader->text_bytes, segment->iov_base, size < room ? size : room);
        reader->text_bytes += size < room ? size : room;
        taken += size;
        left -= size;
    }
    if (reader->window != SIZE_MAX)
        reader->window -= taken;
    reader->taken_bytes += taken;
    reader->segments += (size_t)plan->count;
    reader->sends += taken > 0;
    return taken;
}

/* What lies in one piece is all that a plan would be, so it may be sent without one. */
static void check_piece(struct outbox *outbox)
{
    struct iovec piece;
    struct send_plan plan;
    struct subscriber *only = send_plan_one_piece(outbox, &piece);
    if (!only)
        return;
    send_plan_make(&plan, outbox, &fanout);
    cr_assert(plan.whole);
    cr_assert_eq(plan.count, 1);
    cr_assert_eq(plan.segments[0].iov_base, piece.iov_base);
    cr_assert_eq(plan.segments[0].iov_len, piece.iov_len);
    cr_assert_eq(only->cursor, broadcast_limit(only));
    cr_assert_eq(send_plan_sent(&plan, outbox, &fanout, 0), 0);
}

/* As stream.c does it where that is not so. */
static void transmit(struct outbox *outbox)
{
    struct reader *reader = container_of(outbox, struct reader, outbox);
    struct send_plan plan;
    check_piece(outbox);
    while (send_plan_make(&plan, outbox, &fanout), plan.count > 0) {
        size_t taken = take(reader, &plan);
        if (send_plan_sent(&plan, outbox, &fanout, taken) < 0) {
            outbox_kill(outbox, &fanout);
        } else if (taken == 0) {
            outbox->blocked = true;
            break;
        }
    }
    broadcast_finish_ended(outbox);
    if (buffer_length(&outbox->queue) == 0)
        buffer_trim(&outbox->queue, &door.sys);
}

static size_t compose_gap(const struct subscriber *subscriber, uint64_t lines, char *text,
                          size_t size)
{
    int length =
        snprintf(text, size, "%s<%ju lost>\n", subscriber->broadcast->name, (uintmax_t)lines);
    return (size_t)length;
}

static void note_end(struct subscriber *subscriber)
{
    ended_count++;
    ended_last = subscriber;
}

void receivers_open(void)
{
    fake_door_init(&door);
    rules = (struct fanout_rules){.gap = compose_gap, .ended = note_end};
    loop = (struct loop){.sys = &door.sys};
    list_init(&loop.hooks);
    fanout_init(&fanout, &loop, &rules);
    fanout.transmit = transmit;
}

void receivers_close(void)
{
    fanout_release(&fanout);
    assert(door.blocks == 0);
}

void reader_init(struct reader *reader, uint64_t tag)
{
    *reader = (struct reader){.window = SIZE_MAX, .send_max = SIZE_MAX};
    outbox_init(&reader->outbox, tag);
}

void reader_release(struct reader *reader)
{
    while (reader->outbox.subscribers)
        broadcast_unsubscribe(reader->outbox.subscribers);
    outbox_release(&reader->outbox, &fanout);
}

void reader_stall(struct reader *reader)
{
    reader->window = 0;
}

void reader_take(struct reader *reader, size_t bytes)
{
    reader->window = bytes;
    reader->outbox.blocked = false;
    outbox_mark(&reader->outbox, &fanout);
}

void reader_resume(struct reader *reader)
{
    reader_take(reader, SIZE_MAX);
}

void reader_tell(struct reader *reader, const char *text)
{
    cr_assert_eq(outbox_write(&reader->outbox, &fanout, OUTBOX_ANSWER, text, strlen(text)), 0);
}

void say(struct broadcast *broadcast, struct subscriber *author, const char *text)
{
    cr_assert_eq(broadcast_append(broadcast, author, text, strlen(text)), 0);
}

bool flush_once(void)
{
    return fanout.hook.run(&fanout.hook);
}

void flush(void)
{
    while (flush_once())
        continue;
}

void expect(struct reader *reader, const char *text)
{
    reader->text[reader->text_bytes] = '\0';
    cr_assert_str_eq(reader->text, text);
    reader->text_bytes = 0;
}
