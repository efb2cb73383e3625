/*
 * The buffer beside a model that keeps its bytes in a plain array, on a door that counts blocks and
 * refuses the Nth.
 */
#include "reactor/base/buffer.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Plain, where a test checks millions of things: an assertion of Criterion's is a message. */
#define must(condition, ...)             \
    do {                                 \
        if (!(condition))                \
            cr_assert_fail(__VA_ARGS__); \
    } while (0)

/* --- a door with nothing but memory behind it --- */

struct heap {
    struct sys sys; /* first: the door is the heap */
    size_t live; /* blocks given out and not yet back */
    size_t requests; /* for memory, refused ones included */
    size_t refuse; /* the request to refuse; 0: none */
    size_t asked; /* the size of the last request */
    size_t largest; /* above which every request is refused */
};

static bool refuses(struct heap *heap, size_t size)
{
    heap->asked = size;
    return ++heap->requests == heap->refuse || size > heap->largest;
}

static void *heap_allocate(struct sys *sys, size_t size)
{
    struct heap *heap = (struct heap *)sys;

    cr_assert_gt(size, 0);
    if (refuses(heap, size))
        return NULL;
    heap->live++;
    return malloc(size);
}

static void *heap_resize(struct sys *sys, void *block, size_t size)
{
    struct heap *heap = (struct heap *)sys;

    if (refuses(heap, size))
        return NULL;
    heap->live += block == NULL;
    return realloc(block, size);
}

static void heap_release(struct sys *sys, void *block)
{
    struct heap *heap = (struct heap *)sys;

    heap->live -= block != NULL;
    free(block);
}

static struct heap heap;
static struct sys *const sys = &heap.sys;
static struct buffer buffer;

static void begin(void)
{
    heap = (struct heap){
        .sys = {.allocate = heap_allocate, .resize = heap_resize, .release = heap_release},
        .largest = (size_t)1 << 24,
    };
    buffer = (struct buffer){0};
}

/* Asserts, for Criterion doesn't count what its own find in a `.fini`. */
static void end(void)
{
    buffer_release(&buffer, sys);
    assert(heap.live == 0);
}

TestSuite(buffer, .init = begin, .fini = end);

static void expect_content(const char *expected)
{
    cr_assert_eq(buffer_length(&buffer), strlen(expected));
    cr_assert_arr_eq(buffer_data(&buffer), expected, strlen(expected));
}

static void append_text(const char *text)
{
    cr_assert_eq(buffer_append(&buffer, sys, text, strlen(text)), 0);
}

/* Appends `size` bytes, whatever they are. */
static void append_bytes(size_t size)
{
    cr_assert_eq(buffer_reserve(&buffer, sys, size), 0);
    memset(buffer_tail(&buffer), 'x', size);
    buffer_commit(&buffer, size);
}

/* --- what the header promises, one by one --- */

Test(buffer, an_empty_buffer_is_one_null_pointer)
{
    cr_assert_eq(sizeof(struct buffer), sizeof(void *));
    cr_assert_eq(buffer_length(&buffer), 0);
    cr_assert_null(buffer_data(&buffer));
    cr_assert_null(buffer_tail(&buffer));
    cr_assert_eq(buffer_room(&buffer), 0);
}

Test(buffer, nothing_done_to_an_empty_buffer_takes_memory)
{
    cr_assert_eq(buffer_reserve(&buffer, sys, 0), 0);
    cr_assert_eq(buffer_append(&buffer, sys, NULL, 0), 0);
    cr_assert_eq(buffer_prepend(&buffer, sys, NULL, 0), 0);
    buffer_commit(&buffer, 0);
    buffer_consume(&buffer, 0);
    buffer_trim(&buffer, sys);
    buffer_release(&buffer, sys);
    cr_assert_eq(heap.requests, 0);
    cr_assert_null(buffer.block);
}

Test(buffer, bytes_come_out_in_the_order_they_went_in)
{
    append_text("hello, ");
    append_text("world");
    expect_content("hello, world");
    buffer_consume(&buffer, 7);
    expect_content("world");
    append_text("!");
    expect_content("world!");
}

Test(buffer, what_is_written_at_the_tail_counts_once_it_is_committed)
{
    append_text("ab");
    cr_assert_eq(buffer_reserve(&buffer, sys, 10), 0);
    cr_assert_geq(buffer_room(&buffer), 10);
    memcpy(buffer_tail(&buffer), "cdefg", 5);
    expect_content("ab");
    buffer_commit(&buffer, 3);
    expect_content("abcde");
}

Test(buffer, prepended_bytes_come_out_first)
{
    append_text("world");
    cr_assert_eq(buffer_prepend(&buffer, sys, "hello, ", 7), 0);
    expect_content("hello, world");
}

Test(buffer, prepending_to_an_empty_buffer_appends)
{
    cr_assert_eq(buffer_prepend(&buffer, sys, "hello", 5), 0);
    expect_content("hello");
}

Test(buffer, prepending_nothing_changes_nothing)
{
    append_text("hello");
    cr_assert_eq(buffer_prepend(&buffer, sys, NULL, 0), 0);
    expect_content("hello");
}

Test(buffer, what_was_consumed_can_be_put_back_without_moving_the_rest)
{
    append_text("hello, world");
    const char *rest = buffer_data(&buffer) + 7;
    buffer_consume(&buffer, 7);
    cr_assert_eq(buffer_prepend(&buffer, sys, "HELLO, ", 7), 0);
    expect_content("HELLO, world");
    cr_assert_eq(buffer_data(&buffer) + 7, rest);
}

Test(buffer, putting_back_needs_no_room_at_the_tail)
{
    append_bytes(1);
    append_bytes(buffer_room(&buffer));
    buffer_consume(&buffer, 7);
    cr_assert_eq(buffer_prepend(&buffer, sys, "HELLO, ", 7), 0);
    cr_assert_arr_eq(buffer_data(&buffer), "HELLO, x", 8);
    cr_assert_eq(heap.requests, 1);
}

Test(buffer, a_block_is_no_smaller_than_its_minimum)
{
    append_text("x");
    cr_assert_eq(heap.asked, BUFFER_BLOCK_MIN);
}

Test(buffer, growing_doubles_the_block)
{
    append_text("x");
    for (size_t size = 2 * BUFFER_BLOCK_MIN; size <= 16 * BUFFER_BLOCK_MIN; size *= 2) {
        append_bytes(buffer_room(&buffer));
        append_text("x");
        cr_assert_eq(heap.asked, size);
        cr_assert_eq(heap.live, 1);
    }
}

Test(buffer, a_large_request_gets_what_it_asked_for_and_no_more)
{
    append_text("abc");
    cr_assert_eq(buffer_reserve(&buffer, sys, 100000), 0);
    cr_assert_eq(buffer_room(&buffer), 100000);
    expect_content("abc");
}

Test(buffer, room_that_consuming_has_made_is_used_before_more_memory)
{
    append_text("x");
    append_bytes(buffer_room(&buffer));
    size_t size = buffer_length(&buffer);
    buffer_consume(&buffer, size - 10);
    cr_assert_eq(buffer_reserve(&buffer, sys, size - 10), 0);
    cr_assert_eq(heap.requests, 1);
    cr_assert_eq(buffer_room(&buffer), size - 10);
}

Test(buffer, an_emptied_buffer_offers_its_whole_block)
{
    append_bytes(100);
    size_t whole = buffer_length(&buffer) + buffer_room(&buffer);
    buffer_consume(&buffer, 100);
    cr_assert_eq(buffer_room(&buffer), whole);
}

/* One byte in and one out of a long queue: moving all of it each time would be quadratic. */
Test(buffer, a_long_queue_does_not_move_for_every_byte)
{
    const size_t length = 10000;
    size_t moves = 0;

    append_bytes(length);
    for (size_t i = 0; i < 10 * length; i++) {
        buffer_consume(&buffer, 1);
        const char *before = buffer_data(&buffer);
        append_bytes(1);
        moves += buffer_data(&buffer) != before;
    }
    cr_assert_leq(moves, 11);
    cr_assert_leq(heap.asked, 4 * length);
}

Test(buffer, trim_gives_an_empty_block_back_and_keeps_a_full_one)
{
    append_text("abc");
    buffer_trim(&buffer, sys);
    expect_content("abc");
    cr_assert_eq(heap.live, 1);
    buffer_consume(&buffer, 3);
    cr_assert_eq(heap.live, 1);
    buffer_trim(&buffer, sys);
    cr_assert_eq(heap.live, 0);
    cr_assert_null(buffer.block);
}

Test(buffer, a_released_buffer_can_be_used_again)
{
    append_text("abc");
    buffer_release(&buffer, sys);
    cr_assert_eq(heap.live, 0);
    cr_assert_eq(buffer_length(&buffer), 0);
    append_text("def");
    expect_content("def");
}

/* --- running out --- */

Test(buffer, beyond_its_limit_it_refuses_before_asking_for_memory)
{
    append_text("abc");
    size_t requests = heap.requests;
    cr_assert_eq(buffer_reserve(&buffer, sys, BUFFER_MAX - 2), -ENOBUFS);
    cr_assert_eq(buffer_reserve(&buffer, sys, BUFFER_MAX + 1), -ENOBUFS);
    cr_assert_eq(buffer_reserve(&buffer, sys, SIZE_MAX), -ENOBUFS);
    cr_assert_eq(buffer_append(&buffer, sys, "", SIZE_MAX), -ENOBUFS);
    cr_assert_eq(buffer_prepend(&buffer, sys, "", SIZE_MAX), -ENOBUFS);
    cr_assert_eq(heap.requests, requests);
    expect_content("abc");
}

Test(buffer, up_to_its_limit_it_asks_for_what_it_needs)
{
    append_text("abc");
    cr_assert_eq(buffer_reserve(&buffer, sys, BUFFER_MAX - 3), -ENOMEM);
    cr_assert_geq(heap.asked, BUFFER_MAX);
    cr_assert_lt(heap.asked, BUFFER_MAX + 64);
    expect_content("abc");
}

/* The pages are reserved, and hardly any of them touched. */
Test(buffer, a_block_of_more_than_half_the_limit_grows_to_the_limit_and_then_moves)
{
    heap.largest = SIZE_MAX;
    cr_assert_eq(buffer_reserve(&buffer, sys, BUFFER_MAX / 2 + 1), 0);
    buffer_commit(&buffer, 100);
    cr_assert_eq(buffer_reserve(&buffer, sys, BUFFER_MAX / 2 + 1), 0);
    cr_assert_eq(buffer_room(&buffer), BUFFER_MAX - 100);
    memcpy(buffer_data(&buffer) + 98, "yz", 2);
    buffer_consume(&buffer, 1);
    size_t requests = heap.requests;
    cr_assert_eq(buffer_reserve(&buffer, sys, BUFFER_MAX - 99), 0);
    cr_assert_eq(heap.requests, requests);
    cr_assert_arr_eq(buffer_data(&buffer) + 97, "yz", 2);
    cr_assert_eq(buffer_reserve(&buffer, sys, BUFFER_MAX - 98), -ENOBUFS);
}

static int refused_append(void)
{
    static const char many[1000];
    return buffer_append(&buffer, sys, many, sizeof many);
}

static int refused_prepend(void)
{
    static const char many[1000];
    return buffer_prepend(&buffer, sys, many, sizeof many);
}

static int refused_reserve(void)
{
    return buffer_reserve(&buffer, sys, 1000);
}

Test(buffer, without_memory_it_stays_as_it_was)
{
    int (*const calls[])(void) = {refused_append, refused_prepend, refused_reserve};

    append_text("hello, world");
    buffer_consume(&buffer, 7);
    const char *data = buffer_data(&buffer);
    size_t room = buffer_room(&buffer);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        heap.refuse = heap.requests + 1;
        cr_assert_eq(calls[i](), -ENOMEM);
        cr_assert_eq(heap.requests, heap.refuse);
        expect_content("world");
        cr_assert_eq(buffer_data(&buffer), data);
        cr_assert_eq(buffer_room(&buffer), room);
        cr_assert_eq(heap.live, 1);
    }
}

Test(buffer, without_memory_an_empty_one_stays_a_null_pointer)
{
    int (*const calls[])(void) = {refused_append, refused_prepend, refused_reserve};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        heap.refuse = heap.requests + 1;
        cr_assert_eq(calls[i](), -ENOMEM);
        cr_assert_null(buffer.block);
    }
}

/* --- the model --- */

enum { MODEL_MAX = 1 << 16, MODEL_STEPS = 400, MODEL_SEEDS = 400 };

struct model {
    uint64_t seed;
    uint64_t random;
    size_t length;
    unsigned char next; /* the byte to be appended next: neighbours differ */
    unsigned char bytes[MODEL_MAX];
};

static size_t draw(struct model *model, size_t limit)
{
    model->random ^= model->random << 13;
    model->random ^= model->random >> 7;
    model->random ^= model->random << 17;
    return (size_t)(model->random >> 11) % limit;
}

/* Of any magnitude: mostly a few bytes, at times a few thousand. */
static size_t draw_size(struct model *model)
{
    size_t size = draw(model, (size_t)1 << draw(model, 13));
    return model->length + size < MODEL_MAX ? size : 0;
}

/* `size` new bytes, to be put somewhere. */
static const unsigned char *draw_bytes(struct model *model, size_t size)
{
    static unsigned char bytes[MODEL_MAX];
    for (size_t i = 0; i < size; i++)
        bytes[i] = model->next++;
    return bytes;
}

static void model_append(struct model *model)
{
    size_t size = draw_size(model);
    const unsigned char *bytes = draw_bytes(model, size);

    if (buffer_append(&buffer, sys, bytes, size) < 0)
        return;
    memcpy(model->bytes + model->length, bytes, size);
    model->length += size;
}

static void model_prepend(struct model *model)
{
    size_t size = draw_size(model);
    const unsigned char *bytes = draw_bytes(model, size);

    if (buffer_prepend(&buffer, sys, bytes, size) < 0)
        return;
    memmove(model->bytes + size, model->bytes, model->length);
    memcpy(model->bytes, bytes, size);
    model->length += size;
}

/* As a stream reads: reserves more than it then gets. */
static void model_receive(struct model *model)
{
    size_t room = draw_size(model);

    if (buffer_reserve(&buffer, sys, room) < 0)
        return;
    must(buffer_room(&buffer) >= room, "seed %ju: too little room", (uintmax_t)model->seed);
    size_t size = draw(model, room + 1);
    if (size == 0)
        return;
    const unsigned char *bytes = draw_bytes(model, size);
    memcpy(buffer_tail(&buffer), bytes, size);
    memcpy(model->bytes + model->length, bytes, size);
    buffer_commit(&buffer, size);
    model->length += size;
}

static void model_consume(struct model *model)
{
    size_t size = draw(model, 3) ? draw(model, model->length + 1) : model->length;

    buffer_consume(&buffer, size);
    model->length -= size;
    memmove(model->bytes, model->bytes + size, model->length);
}

static void model_compare(struct model *model)
{
    uintmax_t seed = model->seed;

    must(buffer_length(&buffer) == model->length, "seed %ju: length", seed);
    must(heap.live == (buffer.block != NULL), "seed %ju: %zu blocks", seed, heap.live);
    if (model->length == 0)
        return;
    must(!memcmp(buffer_data(&buffer), model->bytes, model->length), "seed %ju: content", seed);
    must(buffer_tail(&buffer) == buffer_data(&buffer) + model->length, "seed %ju: tail", seed);
}

static void model_step(struct model *model)
{
    switch (draw(model, 16)) {
    case 0:
        buffer_trim(&buffer, sys);
        must(model->length > 0 || !buffer.block, "seed %ju: not trimmed", (uintmax_t)model->seed);
        break;
    case 1:
    case 2:
        model_prepend(model);
        break;
    case 3:
    case 4:
    case 5:
        model_receive(model);
        break;
    case 6:
    case 7:
    case 8:
    case 9:
        model_append(model);
        break;
    default:
        model_consume(model);
    }
}

/* Runs all steps, with the request for memory number `refuse` (0: none) refused. */
static void model_run(uint64_t seed, size_t refuse)
{
    static struct model model;

    model.seed = seed;
    model.random = seed * UINT64_C(0x9e3779b97f4a7c15);
    model.length = 0;
    heap.requests = 0;
    heap.refuse = refuse;
    for (int step = 0; step < MODEL_STEPS; step++) {
        model_step(&model);
        model_compare(&model);
    }
    buffer_release(&buffer, sys);
    must(heap.live == 0, "seed %ju: leak", (uintmax_t)seed);
}

/* Seeds are 1, 2, 3 ...; a failure names its own. */
Test(buffer, does_what_a_naive_model_does)
{
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++)
        model_run(seed, 0);
}

Test(buffer, does_so_whichever_request_for_memory_is_refused)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        model_run(seed, 0);
        size_t requests = heap.requests;
        for (size_t refuse = 1; refuse <= requests; refuse++)
            model_run(seed, refuse);
    }
}
