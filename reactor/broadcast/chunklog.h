/*
 * chunklog: numbered lines in chunks of memory.
 *
 * Lines are appended at the end and dropped at the front, a chunk at a time. Each
 * line has a number that is never used again (64 bits, from 0), and a record: where
 * its bytes are, how many, who wrote them, and the line's place in the order of all
 * logs. Neighbours in a chunk are neighbours in memory, so a stretch of lines is sent
 * straight from the chunk:
 *
 *        first                              end
 *          v                                 v
 *      ... | 7 | 8 | 9 | 10 | 11 | 12 | 13 | (14)      line numbers
 *          [ chunk       ] [ chunk         ]           a line never spans two
 *
 * Readers are line numbers, too. They live elsewhere (broadcast.h): the log does not
 * count them. A log without lines holds no memory. Chunks go back to a pool that all
 * logs of a program share.
 */
#ifndef REACTOR_BROADCAST_CHUNKLOG_H
#define REACTOR_BROADCAST_CHUNKLOG_H

#include <stdint.h>

#include "reactor/base/list.h"
#include "reactor/base/sys.h"

/* The sizes of chunks, in bytes with their heads. The first is small, because most rooms are quiet;
 * further ones are larger, because a send from one piece ends with its chunk. A log that held much
 * the last time begins with a large one. */
#define CHUNKLOG_SIZES 3
#define CHUNKLOG_SIZE_MIN ((size_t)4 * 1024)

/* The longest line: offsets and sizes in a chunk are 32 bits wide. */
#define CHUNKLOG_LINE_MAX ((size_t)1 << 30)

/* What a pool keeps for reuse; more is given back to the system. */
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
    size_t bytes; /* of the lines held, without their records */
    size_t peak_bytes; /* held at once at most since it last began with nothing */
};

void chunk_pool_init(struct chunk_pool *pool, struct sys *sys);

/* Frees the chunks kept for reuse. Logs must be released before. */
void chunk_pool_release(struct chunk_pool *pool);

/* Makes an empty log whose chunks are at most `chunk_max` bytes (at least CHUNKLOG_SIZE_MIN). */
void chunklog_init(struct chunklog *log, struct chunk_pool *pool, size_t chunk_max);

/* Drops all lines and frees all memory; the numbers go on from where they are. */
void chunklog_release(struct chunklog *log);

/* Appends a copy of `size` bytes (1 to CHUNKLOG_LINE_MAX) as line number log->end. Returns 0, or
 * -ENOMEM with the log as it was. */
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

/* The oldest chunk, NULL if no line is held. */
static inline const struct chunk *chunklog_oldest(const struct chunklog *log)
{
    return list_empty(&log->chunks) ? NULL : container_of(log->chunks.next, struct chunk, node);
}

/* What the lines held cost in memory: their bytes and their records. A line of a few bytes costs
 * mostly its record. */
static inline size_t chunklog_held(const struct chunklog *log)
{
    return log->bytes + (size_t)(log->end - log->first) * sizeof(struct line_record);
}

/* Where the log has to begin to be held to a limit: the end of the last chunk that is followed by
 * lines that cost more than `held_max`. log->first if there is no such chunk. */
uint64_t chunklog_boundary(const struct chunklog *log, size_t held_max);

/* Asserts the invariants; for tests. */
void chunklog_check(const struct chunklog *log);

#endif
