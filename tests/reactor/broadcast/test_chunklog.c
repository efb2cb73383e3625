#include "reactor/broadcast/chunklog.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fake_door.h"
#include "tests/support/fixture.h"

/* The longest line: larger than the smallest chunk, so that some need one made to measure. */
#define LINE_MAX_BYTES 6000

#define LARGE ((size_t)1024 * 1024)

static struct fake_door door;
static struct chunk_pool pool;
static struct chunklog chunklog;

static void open_log(void)
{
    fake_door_init(&door);
    chunk_pool_init(&pool, &door.sys);
    chunklog_init(&chunklog, &pool, LARGE);
}

static void close_log(void)
{
    chunklog_release(&chunklog);
    chunk_pool_release(&pool);
    assert(door.blocks == 0); /* Criterion counts no assertion of its own in here, but a crash */
}

TestSuite(chunklog, .init = open_log, .fini = close_log);

/* What line `number` of `size` bytes holds: bytes that no other line has at the same place. */
static void write_line(char *bytes, size_t size, uint64_t number)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(number * 131 + i * 7 + (i >> 8));
}

static int append(struct chunklog *to, size_t size)
{
    char bytes[LINE_MAX_BYTES];
    must(size <= sizeof(bytes), "%zu", size);
    write_line(bytes, size, to->end);
    return chunklog_append(to, bytes, size, to->end % 5, 1000 + 3 * to->end);
}

static void must_hold(const struct chunklog *log, uint64_t number, size_t size)
{
    char bytes[LINE_MAX_BYTES];
    const struct line_record *record = chunklog_record(log, number);
    write_line(bytes, size, number);
    must(record->length == size, "line %" PRIu64 ": %u bytes, not %zu", number, record->length,
         size);
    must(memcmp(chunklog_bytes(record), bytes, size) == 0, "line %" PRIu64, number);
    must(record->author == number % 5, "line %" PRIu64, number);
    must(record->sequence == 1000 + 3 * number, "line %" PRIu64, number);
}

static size_t chunk_count(const struct chunklog *log)
{
    size_t count = 0;
    list_for_each(node, &log->chunks)
        count++;
    return count;
}

/* The sizes of the chunks with their heads, oldest first, as a text: "4096 16384". */
static const char *chunk_sizes(const struct chunklog *log)
{
    static char text[256];
    size_t length = 0;
    text[0] = '\0';
    list_for_each(node, &log->chunks) {
        const struct chunk *chunk = container_of(node, struct chunk, node);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%zu", length ? " " : "",
                                   sizeof(*chunk) + chunk->capacity);
    }
    return text;
}

/* Appends lines of 100 bytes until there are `chunks`, the last of which is full. */
static void fill_chunks(struct chunklog *log, size_t chunks)
{
    const struct chunk *last;
    do {
        cr_assert_eq(append(log, 100), 0);
        last = container_of(log->chunks.prev, struct chunk, node);
    } while (chunk_count(log) < chunks || last->capacity - last->used >= 100);
}

/* --- lines --- */

Test(chunklog, lines_have_numbers_and_records)
{
    cr_assert_eq(append(&chunklog, 10), 0);
    cr_assert_eq(append(&chunklog, 1), 0);
    cr_assert_eq(append(&chunklog, 300), 0);
    cr_assert_eq(chunklog.first, 0);
    cr_assert_eq(chunklog.end, 3);
    cr_assert_eq(chunklog.bytes, 311);
    must_hold(&chunklog, 0, 10);
    must_hold(&chunklog, 1, 1);
    must_hold(&chunklog, 2, 300);
    chunklog_check(&chunklog);
}

Test(chunklog, lines_of_one_chunk_follow_each_other_in_memory)
{
    for (size_t size = 1; size <= 20; size++)
        cr_assert_eq(append(&chunklog, size), 0);
    const char *at = chunklog_bytes(chunklog_record(&chunklog, 0));
    for (uint64_t line = 0; line < 20; line++) {
        cr_assert_eq(chunklog_bytes(chunklog_record(&chunklog, line)), at);
        at += line + 1;
    }
}

Test(chunklog, a_line_never_spans_two_chunks)
{
    size_t capacity = CHUNKLOG_SIZE_MIN - sizeof(struct chunk);

    cr_assert_eq(append(&chunklog, capacity - 10), 0);
    cr_assert_eq(append(&chunklog, 11), 0);
    cr_assert_eq(chunk_count(&chunklog), 2, "ten bytes were left, and aren't used");
    must_hold(&chunklog, 1, 11);
    cr_assert_eq(chunklog_record(&chunklog, 1)->offset, 0);
}

Test(chunklog, a_line_that_just_fits_fills_its_chunk)
{
    size_t capacity = CHUNKLOG_SIZE_MIN - sizeof(struct chunk);

    cr_assert_eq(append(&chunklog, capacity - 10), 0);
    cr_assert_eq(append(&chunklog, 10), 0);
    cr_assert_eq(chunk_count(&chunklog), 1);
    cr_assert_eq(chunklog_oldest(&chunklog)->end_line, 2);
}

Test(chunklog, numbers_are_never_used_again)
{
    fill_chunks(&chunklog, 1);
    uint64_t end = chunklog.end;
    chunklog_drop_below(&chunklog, end);
    cr_assert_eq(chunklog.first, end);
    cr_assert_eq(append(&chunklog, 5), 0);
    cr_assert_eq(chunklog.end, end + 1);
    must_hold(&chunklog, end, 5);
    chunklog_release(&chunklog);
    cr_assert_eq(chunklog.end, end + 1);
}

/* --- chunks --- */

Test(chunklog, chunks_grow_from_4_to_16_to_64_kib)
{
    fill_chunks(&chunklog, 4);
    cr_assert_str_eq(chunk_sizes(&chunklog), "4096 16384 65536 65536");
}

Test(chunklog, a_log_begins_with_a_chunk_for_all_that_it_held_the_last_time)
{
    fill_chunks(&chunklog, 1);
    cr_assert_eq(append(&chunklog, 100), 0);
    chunklog_drop_below(&chunklog, chunklog.end - 1);
    chunklog_drop_below(&chunklog, chunklog.end);
    cr_assert_eq(append(&chunklog, 100), 0);
    cr_assert_str_eq(chunk_sizes(&chunklog), "16384");
    fill_chunks(&chunklog, 2);
    chunklog_drop_below(&chunklog, chunklog.end);
    cr_assert_eq(append(&chunklog, 100), 0);
    cr_assert_str_eq(chunk_sizes(&chunklog), "65536");
    chunklog_drop_below(&chunklog, chunklog.end);
    cr_assert_eq(append(&chunklog, 100), 0);
    cr_assert_str_eq(chunk_sizes(&chunklog), "4096", "little, this time");
}

Test(chunklog, it_begins_so_where_that_just_fits)
{
    size_t capacity = CHUNKLOG_SIZE_MIN - sizeof(struct chunk);
    for (size_t more = 0; more <= 1; more++) {
        cr_assert_eq(append(&chunklog, capacity - 1), 0);
        cr_assert_eq(append(&chunklog, 1 + more), 0);
        chunklog_drop_below(&chunklog, chunklog.end);
        cr_assert_eq(append(&chunklog, 1), 0);
        cr_assert_str_eq(chunk_sizes(&chunklog), more ? "16384" : "4096");
        chunklog_drop_below(&chunklog, chunklog.end);
    }
}

Test(chunklog, chunks_are_no_larger_than_the_logs_maximum)
{
    struct chunklog small;
    struct chunklog middle;

    chunklog_init(&small, &pool, CHUNKLOG_SIZE_MIN);
    fill_chunks(&small, 3);
    cr_assert_str_eq(chunk_sizes(&small), "4096 4096 4096");
    chunklog_release(&small);

    chunklog_init(&middle, &pool, 16 * CHUNKLOG_SIZE_MIN - 1);
    fill_chunks(&middle, 3);
    cr_assert_str_eq(chunk_sizes(&middle), "4096 16384 16384");
    chunklog_release(&middle);
}

Test(chunklog, a_line_larger_than_a_chunk_gets_one_made_to_measure)
{
    struct chunklog small;
    char expected[64];

    chunklog_init(&small, &pool, CHUNKLOG_SIZE_MIN);
    cr_assert_eq(append(&small, 5000), 0);
    must_hold(&small, 0, 5000);
    cr_assert_eq(append(&small, 50), 0);
    (void)snprintf(expected, sizeof(expected), "%zu 4096", 5000 + sizeof(struct chunk));
    cr_assert_str_eq(chunk_sizes(&small), expected, "and the next is of the usual size");
    chunklog_release(&small);
}

Test(chunklog, whole_chunks_are_dropped_and_no_parts)
{
    fill_chunks(&chunklog, 3);
    uint64_t first_end = chunklog_oldest(&chunklog)->end_line;
    size_t first_bytes = chunklog_oldest(&chunklog)->used;
    size_t bytes = chunklog.bytes;

    chunklog_drop_below(&chunklog, first_end - 1);
    cr_assert_eq(chunklog.first, 0, "its last line is still held");
    chunklog_drop_below(&chunklog, first_end);
    cr_assert_eq(chunklog.first, first_end);
    cr_assert_eq(chunklog.bytes, bytes - first_bytes);
    chunklog_drop_below(&chunklog, first_end);
    cr_assert_eq(chunk_count(&chunklog), 2);
    for (uint64_t line = chunklog.first; line < chunklog.end; line++)
        must_hold(&chunklog, line, 100);
    chunklog_check(&chunklog);
}

/* --- memory --- */

Test(chunklog, an_empty_log_holds_no_memory)
{
    fill_chunks(&chunklog, 3);
    chunklog_drop_below(&chunklog, chunklog.end);
    cr_assert_null(chunklog_oldest(&chunklog));
    cr_assert_null(chunklog.records);
    cr_assert_eq(chunklog.bytes, 0);
    chunk_pool_release(&pool);
    cr_assert_eq(door.blocks, 0);
    chunklog_check(&chunklog);
}

Test(chunklog, a_pool_hands_its_chunks_to_other_logs)
{
    struct chunklog other;

    fill_chunks(&chunklog, 3);
    chunklog_release(&chunklog);
    chunklog_init(&other, &pool, LARGE);
    cr_assert_eq(append(&other, 100), 0);
    size_t allocations = door.allocations;
    size_t lines = other.record_capacity;
    while (other.end < lines)
        cr_assert_eq(append(&other, 300), 0);
    cr_assert_eq(chunk_count(&other), 2);
    cr_assert_eq(door.allocations, allocations, "the second chunk was there");
    chunklog_release(&other);
}

Test(chunklog, a_pool_keeps_so_much_and_no_more)
{
    size_t chunks = CHUNK_POOL_KEPT_BYTES / (16 * CHUNKLOG_SIZE_MIN) + 5;

    fill_chunks(&chunklog, chunks);
    chunklog_release(&chunklog);
    cr_assert_leq(pool.kept_bytes, CHUNK_POOL_KEPT_BYTES);
    cr_assert_gt(pool.kept_bytes, CHUNK_POOL_KEPT_BYTES - 16 * CHUNKLOG_SIZE_MIN);
    cr_assert_leq(door.blocks, chunks - 4, "the rest went back to the door");
}

Test(chunklog, a_kept_chunk_is_used_again_as_often_as_needed)
{
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(append(&chunklog, 100), 0);
        cr_assert_eq(pool.kept_bytes, 0, "the kept chunk is in use");
        cr_assert_eq(chunklog_oldest(&chunklog)->used, 100, "it begins empty");
        must_hold(&chunklog, (uint64_t)i, 100);
        chunklog_release(&chunklog);
        cr_assert_eq(pool.kept_bytes, CHUNKLOG_SIZE_MIN);
        cr_assert_eq(door.blocks, 1);
    }
}

Test(chunklog, a_chunk_made_to_measure_is_not_kept)
{
    cr_assert_eq(append(&chunklog, 5000), 0);
    chunklog_release(&chunklog);
    cr_assert_eq(pool.kept_bytes, 0);
    cr_assert_eq(door.blocks, 0);
}

/* Appends up to `lines`, its `nth` allocation failing. True if one did: the log is then as it was,
 * and takes the line once there is memory. */
static bool append_failing(size_t nth, uint64_t lines)
{
    door.fail_at = door.allocations + nth;
    while (chunklog.end < lines) {
        struct chunklog before = chunklog;
        size_t chunks = chunk_count(&chunklog);
        size_t size = 1 + chunklog.end * 37 % 400;
        int rc = append(&chunklog, size);
        if (rc == 0)
            continue;
        cr_assert_eq(rc, -ENOMEM);
        chunklog_check(&chunklog);
        cr_assert_eq(chunklog.first, before.first);
        cr_assert_eq(chunklog.end, before.end);
        cr_assert_eq(chunklog.bytes, before.bytes);
        cr_assert_eq(chunk_count(&chunklog), chunks);
        cr_assert(chunks > 0 || door.blocks == 0, "an empty log holds nothing, failed or not");
        cr_assert_eq(append(&chunklog, size), 0);
        return true;
    }
    return false;
}

Test(chunklog, an_allocation_that_fails_leaves_the_log_as_it_was)
{
    size_t nth = 1;
    for (; append_failing(nth, 600); nth++) {
        for (uint64_t line = 0; line < chunklog.end; line++)
            must_hold(&chunklog, line, 1 + line * 37 % 400);
        chunklog_release(&chunklog);
        chunk_pool_release(&pool);
        cr_assert_eq(door.blocks, 0);
        chunklog_init(&chunklog, &pool, LARGE);
    }
    cr_assert_gt(nth, 8, "chunks and rings were made");
}

/* --- against a model: an array of all the lines there ever were --- */

#define MODEL_LINES 3000
#define MODEL_SEEDS 60

struct model {
    uint64_t seed;
    uint64_t random;
    uint64_t end;
    size_t size[MODEL_LINES];
};

static size_t random_size(uint64_t *random)
{
    if (fixture_random(random, 50) == 0)
        return 1 + fixture_random(random, LINE_MAX_BYTES);
    return 1 + fixture_random(random, 200);
}

static void compare(const struct model *model)
{
    must(chunklog.end == model->end, "seed %" PRIu64, model->seed);
    size_t bytes = 0;
    for (uint64_t line = chunklog.first; line < model->end; line++) {
        must_hold(&chunklog, line, model->size[line]);
        bytes += model->size[line];
    }
    must(chunklog.bytes == bytes, "seed %" PRIu64, model->seed);
    chunklog_check(&chunklog);
}

/* Drops below any line, held or not: what is left ends above it, and only what is below went. */
static void drop_somewhere(struct model *model)
{
    uint64_t before = chunklog.first;
    uint64_t line = fixture_random(&model->random, (unsigned)model->end + 1);
    chunklog_drop_below(&chunklog, line);
    const struct chunk *oldest = chunklog_oldest(&chunklog);
    must(!oldest || oldest->end_line > line, "seed %" PRIu64 ": a chunk is left", model->seed);
    must(chunklog.first <= (line > before ? line : before),
         "seed %" PRIu64 ": a line above %" PRIu64 " went", model->seed, line);
    must(oldest || chunklog.first == chunklog.end, "seed %" PRIu64, model->seed);
}

static void run_model(struct model *model)
{
    while (model->end < MODEL_LINES) {
        if (fixture_random(&model->random, 100) == 0)
            drop_somewhere(model);
        size_t size = random_size(&model->random);
        door.fail_at = fixture_random(&model->random, 10) == 0 ? door.allocations + 1 : 0;
        if (append(&chunklog, size) == 0)
            model->size[model->end++] = size;
        if (fixture_random(&model->random, 100) == 0)
            compare(model);
    }
    compare(model);
}

Test(chunklog, it_agrees_with_a_model)
{
    static struct model model;

    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++) {
        memset(&model, 0, sizeof(model));
        model.seed = seed;
        model.random = seed;
        chunklog_init(&chunklog, &pool,
                      CHUNKLOG_SIZE_MIN * (1 + fixture_random(&model.random, 20)));
        run_model(&model);
        chunklog_release(&chunklog);
    }
}
