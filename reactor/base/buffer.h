/*
 * buffer: a growable queue of bytes.
 *
 * Bytes are appended at the tail and consumed at the front; now and then some
 * are put back in front. While nothing was ever stored, or after
 * buffer_trim, a buffer is one NULL pointer: an idle connection pays eight bytes
 * for each direction. What is stored lies in one block on the heap, in one piece,
 * so it can be parsed and sent in place:
 *
 *      block -> | header | consumed | content       | room             |
 *                                   ^ buffer_data   ^ buffer_tail
 *
 * Appending and consuming cost amortised constant time a byte. Memory comes from
 * the door (sys.h), which must be the same one for the whole life of a buffer.
 * Pointers into the content hold until the next call that takes the door, or
 * consumes. Not a stream: a buffer knows no descriptor and no line.
 */
#ifndef REACTOR_BASE_BUFFER_H
#define REACTOR_BASE_BUFFER_H

#include "reactor/base/sys.h"

#include <stddef.h>
#include <stdint.h>

/* The most bytes in one buffer. Far above every limit of its users: it keeps the offsets in 32 bits
 * from overflowing where such a limit was forgotten. */
#define BUFFER_MAX ((size_t)1 << 30)

/* The least that is asked of the door for a block, header included. */
#define BUFFER_BLOCK_MIN 256

/* What is stored: start <= end <= capacity <= BUFFER_MAX; where nothing is, start == end == 0. */
struct buffer_block {
    uint32_t capacity; /* of `bytes` */
    uint32_t start; /* the first byte of the content */
    uint32_t end; /* one past its last */
    char bytes[];
};

/* Zeroed: empty. Whoever embeds it calls buffer_release before the memory goes away. */
struct buffer {
    struct buffer_block *block; /* NULL: nothing stored and nothing reserved */
};

/* Bytes stored and not yet consumed. */
static inline size_t buffer_length(const struct buffer *buffer)
{
    const struct buffer_block *block = buffer->block;
    return block ? block->end - block->start : 0;
}

/* The first of them; NULL where there is no block. */
static inline char *buffer_data(const struct buffer *buffer)
{
    struct buffer_block *block = buffer->block;
    return block ? block->bytes + block->start : NULL;
}

/*
 * Makes sure that `room` bytes can be written at buffer_tail, by moving the content to the front of
 * its block or into a larger one: twice as large, or as large as asked where that is not enough.
 * 0, -ENOBUFS where the buffer would exceed BUFFER_MAX, or -ENOMEM; then nothing has changed.
 */
int buffer_reserve(struct buffer *buffer, struct sys *sys, size_t room);

/* Where to write next, and how many bytes: NULL and 0 where there is no block. */
char *buffer_tail(struct buffer *buffer);
size_t buffer_room(const struct buffer *buffer);

/* Makes the first `added` bytes at buffer_tail, at most buffer_room, part of the content. */
void buffer_commit(struct buffer *buffer, size_t added);

/* Copies `size` bytes to the end. `data` must not lie in the buffer. Fails like buffer_reserve. */
int buffer_append(struct buffer *buffer, struct sys *sys, const void *data, size_t size);

/*
 * Copies `size` bytes in front of the content. `data` must not lie in the buffer. Moves the whole
 * content unless at least as much was consumed before: not for a loop. Fails like buffer_reserve.
 */
int buffer_prepend(struct buffer *buffer, struct sys *sys, const void *data, size_t size);

/* Drops the first `size` bytes, at most buffer_length. */
void buffer_consume(struct buffer *buffer, size_t size);

/* True in sanitizer builds, as either compiler says it. */
#if defined(__SANITIZE_ADDRESS__)
#define BUFFER_SCRUBS true
#elif defined(__has_feature)
#define BUFFER_SCRUBS __has_feature(address_sanitizer)
#else
#define BUFFER_SCRUBS false
#endif

/* Overwrites what was consumed, where BUFFER_SCRUBS: a pointer that was kept too long is then
 * seen. */
void buffer_scrub(struct buffer *buffer);

/* Gives the block back where nothing is in it; otherwise does nothing. To be called before the
 * owner goes to sleep. */
void buffer_trim(struct buffer *buffer, struct sys *sys);

/* Drops the content and gives the block back: the buffer is empty, and may be used again. */
void buffer_release(struct buffer *buffer, struct sys *sys);

#endif
