#include "chat/journal/recovery.h"

#include <errno.h>
#include <string.h>

#define WINDOW_BYTES (2 * (RECORD_HEAD_BYTES + RECORD_CONTENT_MAX))

/* The part of the file that is in memory. */
struct window {
    struct sys *sys;
    int fd;
    uint64_t left_bytes; /* that may still be read */
    bool at_end; /* nothing is left to be read */
    size_t start; /* what is left of it begins here ... */
    size_t end; /* ... and ends here */
    char bytes[WINDOW_BYTES];
};

/* Reads until the window is full or the file has ended. */
static int window_fill(struct window *window)
{
    memmove(window->bytes, window->bytes + window->start, window->end - window->start);
    window->end -= window->start;
    window->start = 0;
    while (!window->at_end && window->end < WINDOW_BYTES) {
        size_t room = WINDOW_BYTES - window->end;
        size_t size = window->left_bytes < room ? (size_t)window->left_bytes : room;
        ssize_t got = 0;
        if (size > 0)
            got = window->sys->read(window->sys, window->fd, window->bytes + window->end, size);
        if (got < 0)
            return (int)got;
        window->at_end = got == 0;
        window->end += (size_t)got;
        window->left_bytes -= (uint64_t)got;
    }
    return 0;
}

/* Whether all that a record may need is in the window. */
static bool window_holds_a_record(const struct window *window)
{
    return window->at_end || window->end - window->start >= WINDOW_BYTES / 2;
}

static int read_header(struct window *window, struct recovery *recovery)
{
    int rc = window_fill(window);
    if (rc < 0)
        return rc;
    size_t there = window->end < RECORD_HEADER_BYTES ? window->end : RECORD_HEADER_BYTES;
    if (memcmp(window->bytes, RECORD_HEADER, there) != 0)
        return -EBADMSG;
    window->start = there;
    if (there == RECORD_HEADER_BYTES)
        recovery->end_bytes = there;
    else
        recovery->tail_bytes = there;
    return 0;
}

/* A disk loses whole blocks of this size, or multiples of it. */
#define BLOCK_BYTES 512

/* Whether damaged bytes at `offset` of the file hold the end of a block that is zero: it was never
 * written. */
static bool has_lost_block(uint64_t offset, const char *bytes, size_t size)
{
    size_t to_end = BLOCK_BYTES - offset % BLOCK_BYTES;
    for (; to_end <= size; to_end += BLOCK_BYTES)
        if (bytes[to_end - 1] == 0)
            return true;
    return false;
}

/* Damaged bytes belong to the tail until a good record follows. */
static void note_damage(struct recovery *recovery, const char *bytes, size_t size)
{
    uint64_t offset = recovery->end_bytes + recovery->tail_bytes;
    if (recovery->hole_bytes == UINT64_MAX && has_lost_block(offset, bytes, size))
        recovery->hole_bytes = recovery->end_bytes;
    recovery->tail_bytes += size;
}

/* A good record ends the damage in front of it. */
static void note_good(struct recovery *recovery, const struct record *record, size_t bytes)
{
    if (record->type == RECORD_SYNCED && (uint64_t)record->stamp_ns > recovery->hole_bytes)
        recovery->hole_bytes = UINT64_MAX;
    recovery->records++;
    recovery->middle_bytes += recovery->tail_bytes;
    recovery->end_bytes += recovery->tail_bytes + bytes;
    recovery->tail_bytes = 0;
}

/* Takes the next record or the next damaged bytes off the window, which isn't empty. */
static int read_next(struct window *window, struct recovery *recovery, recovery_visit *visit,
                     void *context)
{
    struct record record;
    const char *bytes = window->bytes + window->start;
    struct record_found found = record_find(bytes, window->end - window->start, &record);
    window->start += found.bytes;
    if (found.outcome != RECORD_GOOD) {
        note_damage(recovery, bytes, found.bytes);
        return 0;
    }
    note_good(recovery, &record, found.bytes);
    return visit(context, &record);
}

int recovery_skip(void *context, const struct record *record)
{
    (void)context;
    (void)record;
    return 0;
}

static int read_records(struct window *window, struct recovery *recovery, recovery_visit *visit,
                        void *context)
{
    int rc = read_header(window, recovery);
    while (rc == 0) {
        if (!window_holds_a_record(window))
            rc = window_fill(window);
        if (rc == 0 && window->start == window->end)
            break;
        if (rc == 0)
            rc = read_next(window, recovery, visit, context);
    }
    return rc;
}

int recovery_read(struct recovery *recovery, struct sys *sys, int fd, uint64_t limit_bytes,
                  recovery_visit *visit, void *context)
{
    *recovery = (struct recovery){.hole_bytes = UINT64_MAX};
    struct window *window = sys->allocate(sys, sizeof(*window));
    if (!window)
        return -ENOMEM;
    window->sys = sys;
    window->fd = fd;
    window->left_bytes = limit_bytes;
    window->at_end = false;
    window->start = window->end = 0;
    int rc = read_records(window, recovery, visit, context);
    sys->release(sys, window);
    return rc;
}
