/*
 * chunklog: lines by number, in chunks.
 *
 * Lines are appended at the end and dropped from the front, a chunk at a time.
 * Each has a number that is never used again (64 bits, from 0), and a record
 * that says where its bytes are, how many, whose they are and which place it has
 * in the order of all logs. Lines that follow each other in one chunk follow
 * each other in memory, so a stretch of them is sent from where it lies:
 *
 *        first                              end
 *          v                                 v
 *      ... | 7 | 8 | 9 | 10 | 11 | 12 | 13 | (14)      line numbers
 *          [ chunk       ] [ chunk         ]           a line never spans two
 *
 * Readers are line numbers too and live elsewhere (broadcast.h): the log keeps
 * no count of them. It holds no memory while it holds no lines. Chunks go back
 * to a pool that all logs of a program share.
 */
#ifndef REACTOR_BROADCAST_CHUNKLOG_H
#define REACTOR_BROADCAST_CHUNKLOG_H

#include <stdint.h>

#include "reactor/base/list.h"
#include "reactor/base/sys.h"

/* The sizes of chunks, in bytes with their heads: small at first, since most rooms are quiet; then
 * larger, since a stretch ends where its chunk does. A log that has held much begins with a large
 * one when it is empty. */
#define CHUNKLOG_SIZES 3
#define CHUNKLOG_SIZE_MIN ((size_t)4 * 1024)

/* What a pool keeps for the next chunk that is needed; more goes back to the door. */
#define CHUNK_POOL_KEPT_BYTES ((size_t)1024 * 1024)

struct chunk_pool {
    struct sys *sys;
    struct list kept[CHUNKLOG_SIZES]; /* by size */
    size_t kept_bytes;
};

struct chunk {
    struct list node; /* in its log, oldest first, or in the pool */
    uint64_t end_line; /* the number after its last line's */
    uint32_t used;
    uint32_t capacity;
    char bytes[];
};

struct line_record {
    uint64_t sequence; /* grows over all logs that share a counter */
    uint64_t author; /* 0: nobody */
    struct chunk *chunk;
    uint32_t offset; /* in the chunk's bytes */
    uint32_t length; /* in bytes */
};

struct chunklog {
    struct chunk_pool *pool;
    size_t chunk_max; /* bytes; only a line that needs it gets a larger chunk */
    struct list chunks; /* oldest first */
    struct line_record *records; /* a ring, indexed by the low bits of the number */
    size_t record_capacity; /* a power of two, or 0 */
    uint64_t first; /* the oldest line held */
    uint64_t end; /* the number the next line gets */
    size_t bytes; /* of the lines held */
    size_t peak_bytes; /* held at once at most since it last began with nothing */
};

void chunk_pool_init(struct chunk_pool *pool, struct sys *sys);

/* Gives what is kept back to the door. Logs must be released before. */
void chunk_pool_release(struct chunk_pool *pool);

/* Makes an empty log whose chunks are at most `chunk_max` bytes (at least CHUNKLOG_SIZE_MIN). */
void chunklog_init(struct chunklog *log, struct chunk_pool *pool, size_t chunk_max);

/* Drops all lines and frees all memory; the numbers go on from where they are. */
void chunklog_release(struct chunklog *log);

/* Appends a copy of `size` > 0 bytes as line number log->end. Returns 0, or -ENOMEM with the log as
 * it was. */
int chunklog_append(struct chunklog *log, const char *bytes, size_t size, uint64_t author,
                    uint64_t sequence);

/* Frees the chunks that hold no line numbered `line` or above; all of them for log->end. */
void chunklog_drop_below(struct chunklog *log, uint64_t line);

/* The record of a line that is held: first <= line < end. Valid until the log changes. */
static inline const struct line_record *chunklog_record(const struct chunklog *log, uint64_t line)
{
    return &log->records[line & (log->record_capacity - 1)];
}

/* The bytes of a line. */
static inline char *chunklog_bytes(const struct line_record *record)
{
    return record->chunk->bytes + record->offset;
}

/* The oldest chunk, NULL where no line is held. */
static inline const struct chunk *chunklog_oldest(const struct chunklog *log)
{
    return list_empty(&log->chunks) ? NULL : container_of(log->chunks.next, struct chunk, node);
}

/* Asserts the invariants; for tests. */
void chunklog_check(const struct chunklog *log);

#endif
