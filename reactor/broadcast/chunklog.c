#include "reactor/broadcast/chunklog.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define RECORDS_MIN 16

static const size_t chunk_sizes[CHUNKLOG_SIZES] = {CHUNKLOG_SIZE_MIN, 4 * CHUNKLOG_SIZE_MIN,
                                                   16 * CHUNKLOG_SIZE_MIN};

static size_t chunk_bytes(const struct chunk *chunk)
{
    return sizeof(*chunk) + chunk->capacity;
}

/* Which of the pool's sizes `bytes` is exactly, or CHUNKLOG_SIZES for a chunk made to measure. */
static int size_class(size_t bytes)
{
    int class = 0;
    while (class < CHUNKLOG_SIZES && chunk_sizes[class] != bytes)
        class ++;
    return class;
}

void chunk_pool_init(struct chunk_pool *pool, struct sys *sys)
{
    *pool = (struct chunk_pool){.sys = sys};
    for (int i = 0; i < CHUNKLOG_SIZES; i++)
        list_init(&pool->kept[i]);
}

void chunk_pool_release(struct chunk_pool *pool)
{
    for (int i = 0; i < CHUNKLOG_SIZES; i++)
        for (struct list *node; (node = list_pop(&pool->kept[i]));)
            pool->sys->release(pool->sys, container_of(node, struct chunk, node));
    pool->kept_bytes = 0;
}

static struct chunk *pool_take(struct chunk_pool *pool, size_t bytes)
{
    int class = size_class(bytes);
    struct list *node = class < CHUNKLOG_SIZES ? list_pop(&pool->kept[class]) : NULL;
    struct chunk *chunk;
    if (node) {
        chunk = container_of(node, struct chunk, node);
        pool->kept_bytes -= bytes;
    } else {
        chunk = pool->sys->allocate(pool->sys, bytes);
        if (!chunk)
            return NULL;
        chunk->capacity = (uint32_t)(bytes - sizeof(*chunk));
    }
    chunk->used = 0;
    return chunk;
}

static void pool_give(struct chunk_pool *pool, struct chunk *chunk)
{
    size_t bytes = chunk_bytes(chunk);
    int class = size_class(bytes);
    if (class == CHUNKLOG_SIZES || pool->kept_bytes + bytes > CHUNK_POOL_KEPT_BYTES) {
        pool->sys->release(pool->sys, chunk);
        return;
    }
    list_append(&chunk->node, &pool->kept[class]);
    pool->kept_bytes += bytes;
}

void chunklog_init(struct chunklog *log, struct chunk_pool *pool, size_t chunk_max)
{
    assert(chunk_max >= CHUNKLOG_SIZE_MIN);
    *log = (struct chunklog){.pool = pool, .chunk_max = chunk_max};
    list_init(&log->chunks);
}

void chunklog_release(struct chunklog *log)
{
    chunklog_drop_below(log, log->end);
}

static struct chunk *newest(const struct chunklog *log)
{
    if (list_empty(&log->chunks))
        return NULL;
    return container_of(log->chunks.prev, struct chunk, node);
}

/* Whether the next chunk is to be larger than `size`: the first holds all that the log held at once
 * the last time, so that it lies in one piece; each further one is larger than the one before. */
static bool is_too_small(const struct chunklog *log, size_t size)
{
    const struct chunk *last = newest(log);
    return last ? size <= chunk_bytes(last) : size - sizeof(*last) < log->peak_bytes;
}

static size_t next_size(const struct chunklog *log, size_t line_size)
{
    size_t bytes = chunk_sizes[0];
    for (int i = 1; i < CHUNKLOG_SIZES && chunk_sizes[i] <= log->chunk_max; i++)
        if (is_too_small(log, chunk_sizes[i - 1]))
            bytes = chunk_sizes[i];
    size_t needed = sizeof(struct chunk) + line_size;
    return needed > bytes ? needed : bytes;
}

static struct chunk *add_chunk(struct chunklog *log, size_t line_size)
{
    struct chunk *chunk = pool_take(log->pool, next_size(log, line_size));
    if (!chunk)
        return NULL;
    if (list_empty(&log->chunks))
        log->peak_bytes = 0;
    chunk->end_line = log->end;
    list_append(&chunk->node, &log->chunks);
    return chunk;
}

/* The chunk that has room for a line of `size` bytes: the newest, or a new one. */
static struct chunk *chunk_with_room(struct chunklog *log, size_t size)
{
    if (list_empty(&log->chunks))
        return add_chunk(log, size);
    struct chunk *chunk = newest(log);
    return chunk->capacity - chunk->used >= size ? chunk : add_chunk(log, size);
}

/* Makes room for one more record, doubling the ring: each moves to its place in the new one. */
static int reserve_record(struct chunklog *log)
{
    size_t count = (size_t)(log->end - log->first);
    if (count < log->record_capacity)
        return 0;
    struct sys *sys = log->pool->sys;
    size_t capacity = log->record_capacity ? 2 * log->record_capacity : RECORDS_MIN;
    struct line_record *records = sys->allocate(sys, capacity * sizeof(*records));
    if (!records)
        return -ENOMEM;
    for (uint64_t line = log->first; line < log->end; line++)
        records[line & (capacity - 1)] = *chunklog_record(log, line);
    sys->release(sys, log->records);
    log->records = records;
    log->record_capacity = capacity;
    return 0;
}

int chunklog_append(struct chunklog *log, const char *bytes, size_t size, uint64_t author,
                    uint64_t sequence)
{
    assert(size > 0);
    assert(size <= CHUNKLOG_LINE_MAX);
    if (reserve_record(log) < 0)
        return -ENOMEM;
    struct chunk *chunk = chunk_with_room(log, size);
    if (!chunk) {
        chunklog_drop_below(log, log->first); /* frees an unused ring if nothing is held */
        return -ENOMEM;
    }
    log->records[log->end & (log->record_capacity - 1)] =
        (struct line_record){.sequence = sequence,
                             .author = author,
                             .chunk = chunk,
                             .offset = chunk->used,
                             .length = (uint32_t)size};
    memcpy(chunk->bytes + chunk->used, bytes, size);
    chunk->used += (uint32_t)size;
    chunk->end_line = ++log->end;
    log->bytes += size;
    if (log->bytes > log->peak_bytes)
        log->peak_bytes = log->bytes;
    return 0;
}

void chunklog_drop_below(struct chunklog *log, uint64_t line)
{
    const struct chunk *oldest;
    while ((oldest = chunklog_oldest(log)) && oldest->end_line <= line) {
        struct chunk *chunk = container_of(list_pop(&log->chunks), struct chunk, node);
        log->first = chunk->end_line;
        log->bytes -= chunk->used;
        pool_give(log->pool, chunk);
    }
    if (!oldest) {
        log->pool->sys->release(log->pool->sys, log->records);
        log->records = NULL;
        log->record_capacity = 0;
    }
}

uint64_t chunklog_boundary(const struct chunklog *log, size_t held_max)
{
    uint64_t boundary = log->first;
    size_t held = chunklog_held(log);
    for (const struct list *node = log->chunks.next; node != &log->chunks; node = node->next) {
        const struct chunk *chunk = container_of(node, struct chunk, node);
        held -= chunk->used + (size_t)(chunk->end_line - boundary) * sizeof(struct line_record);
        if (held <= held_max)
            break;
        boundary = chunk->end_line;
    }
    return boundary;
}

void chunklog_check(const struct chunklog *log)
{
    uint64_t line = log->first;
    size_t bytes = 0;
    for (struct list *node = log->chunks.next; node != &log->chunks; node = node->next) {
        const struct chunk *chunk = container_of(node, struct chunk, node);
        uint32_t offset = 0;
        assert(chunk->end_line > line);
        for (; line < chunk->end_line; line++) {
            const struct line_record *record = chunklog_record(log, line);
            assert(record->chunk == chunk);
            assert(record->offset == offset);
            offset += record->length;
        }
        assert(offset == chunk->used);
        assert(chunk->used <= chunk->capacity);
        bytes += chunk->used;
    }
    assert(line == log->end);
    assert(bytes == log->bytes);
    assert(log->peak_bytes >= bytes);
    assert(log->end - log->first <= log->record_capacity);
}
