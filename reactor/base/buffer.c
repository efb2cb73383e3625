#include "reactor/base/buffer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

char *buffer_tail(struct buffer *buffer)
{
    struct buffer_block *block = buffer->block;
    return block ? block->bytes + block->end : NULL;
}

size_t buffer_room(const struct buffer *buffer)
{
    const struct buffer_block *block = buffer->block;
    return block ? block->capacity - block->end : 0;
}

/* Moves the content within its block, so that it begins at `start`. */
static void move_content(struct buffer_block *block, size_t start)
{
    size_t length = block->end - block->start;

    assert(start + length <= block->capacity);
    memmove(block->bytes + start, block->bytes + block->start, length);
    block->start = (uint32_t)start;
    block->end = (uint32_t)(start + length);
}

/*
 * Is moving the content to the front the way to make room for `room` more bytes? Only where it fits
 * then, and where at least as much has been consumed as would be moved: otherwise one byte in and
 * one byte out of a full block would move all of it each time. A block too large to be doubled has
 * no other way.
 */
static bool worth_moving(const struct buffer_block *block, size_t room)
{
    size_t length = block->end - block->start;
    if (length + room > block->capacity)
        return false;
    return block->start >= length || block->capacity > BUFFER_MAX / 2;
}

/* The size of the block that takes over from `old` (may be NULL) for `capacity` bytes at least. */
static size_t next_block_size(const struct buffer_block *old, size_t capacity)
{
    size_t size = old ? 2 * (sizeof *old + old->capacity) : BUFFER_BLOCK_MIN;
    size_t asked = sizeof *old + capacity;
    size_t largest = sizeof *old + BUFFER_MAX;

    if (size < asked)
        return asked;
    return size < largest ? size : largest;
}

/* Moves the content to the front of a new block with room for `capacity` bytes at least. A new one
 * rather than a resized one: consumed bytes are not copied, and nothing has changed on failure. */
static int replace_block(struct buffer *buffer, struct sys *sys, size_t capacity)
{
    struct buffer_block *old = buffer->block;
    size_t length = buffer_length(buffer);
    size_t size = next_block_size(old, capacity);
    struct buffer_block *block = sys->allocate(sys, size);

    if (!block)
        return -ENOMEM;
    block->capacity = (uint32_t)(size - sizeof *block);
    block->start = 0;
    block->end = (uint32_t)length;
    if (length > 0)
        memcpy(block->bytes, buffer_data(buffer), length);
    sys->release(sys, old);
    buffer->block = block;
    return 0;
}

int buffer_reserve(struct buffer *buffer, struct sys *sys, size_t room)
{
    size_t length = buffer_length(buffer);

    if (room <= buffer_room(buffer))
        return 0;
    if (room > BUFFER_MAX - length)
        return -ENOBUFS;
    if (!buffer->block || !worth_moving(buffer->block, room))
        return replace_block(buffer, sys, length + room);
    move_content(buffer->block, 0);
    return 0;
}

void buffer_commit(struct buffer *buffer, size_t added)
{
    assert(added <= buffer_room(buffer));
    if (added > 0)
        buffer->block->end += (uint32_t)added;
}

int buffer_append(struct buffer *buffer, struct sys *sys, const void *data, size_t size)
{
    if (size == 0)
        return 0;
    int rc = buffer_reserve(buffer, sys, size);
    if (rc < 0)
        return rc;
    memcpy(buffer_tail(buffer), data, size);
    buffer_commit(buffer, size);
    return 0;
}

int buffer_prepend(struct buffer *buffer, struct sys *sys, const void *data, size_t size)
{
    if (size == 0 || buffer_length(buffer) == 0)
        return buffer_append(buffer, sys, data, size);
    if (size > buffer->block->start) {
        int rc = buffer_reserve(buffer, sys, size);
        if (rc < 0)
            return rc;
        move_content(buffer->block, size);
    }
    buffer->block->start -= (uint32_t)size;
    memcpy(buffer_data(buffer), data, size);
    return 0;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    struct buffer_block *block = buffer->block;

    assert(size <= buffer_length(buffer));
    if (size == 0)
        return;
    block->start += (uint32_t)size;
    if (block->start == block->end) {
        block->start = 0;
        block->end = 0;
    }
}

static void spoil(struct buffer_block *block)
{
    memset(block->bytes, '#', block->start);
    memset(block->bytes + block->end, '#', block->capacity - block->end);
}

void buffer_scrub(struct buffer *buffer)
{
    if (BUFFER_SCRUBS && buffer->block)
        spoil(buffer->block);
}

void buffer_trim(struct buffer *buffer, struct sys *sys)
{
    if (buffer->block && buffer_length(buffer) == 0)
        buffer_release(buffer, sys);
}

void buffer_release(struct buffer *buffer, struct sys *sys)
{
    sys->release(sys, buffer->block);
    buffer->block = NULL;
}
