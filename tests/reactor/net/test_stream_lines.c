/*
 * Lines of a stream: where they begin and end, however the bytes come in.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/stream_pair.h"

static struct stream_pair ann;

/* Reads lines to the end, and writes down what it got: "hello|x|<0>", or "hello|<-90>" where a line
 * was too long. */
struct reader {
    struct task task;
    struct frame frame;
    int rc;
    size_t max;
    char *line;
    size_t size;
    size_t length;
    char log[4 * STREAM_READ_BYTES];
};

static struct reader reader;

static void note(struct reader *self)
{
    if (self->rc == 1) {
        cr_assert_eq(self->line[self->size], '\0');
        memcpy(self->log + self->length, self->line, self->size);
        self->length += self->size;
        self->log[self->length++] = '|';
    } else {
        self->length += (size_t)snprintf(self->log + self->length, 16, "<%d>", self->rc);
    }
}

static int reader_step(struct task *task)
{
    struct reader *const self = container_of(task, struct reader, task);

    TASK_BEGIN();
    do {
        TASK_AWAIT(self->rc,
                   stream_read_line(task, &ann.stream, self->max, &self->line, &self->size));
        note(self);
    } while (self->rc == 1 || self->rc == -EMSGSIZE);
    TASK_END();
}

static void start_reader(size_t max)
{
    memset(&reader, 0, sizeof(reader));
    reader.max = max;
    cr_assert_eq(task_group_spawn(&actor_group, &reader.task, "reader", reader_step), 0);
}

static void close_ann(void)
{
    stream_pair_close(&ann);
    stream_pairs_close();
}

static void open_ann(void)
{
    stream_pairs_open();
    stream_pair_open(&ann, 1);
}

TestSuite(stream_lines, .init = open_ann, .fini = close_ann);

/* Has the peer send `text` and no more, and compares what the reader gets. */
static void must_read(size_t max, const char *text, size_t size, const char *expected)
{
    start_reader(max);
    sim_peer_send(ann.peer, text, size);
    sim_peer_shutdown(ann.peer);
    fixture_settle();
    must(strcmp(reader.log, expected) == 0, "max %zu: \"%s\" is read as \"%s\", not \"%s\"", max,
         text, reader.log, expected);
    stream_pair_close(&ann);
    stream_pair_open(&ann, 1);
}

#define MUST_READ(max, text, expected) must_read(max, text, sizeof(text) - 1, expected)

Test(stream_lines, a_line_ends_with_lf_or_cr_lf)
{
    MUST_READ(100, "one\ntwo\r\nthree\n", "one|two|three|<0>");
}

Test(stream_lines, a_cr_alone_is_part_of_the_line)
{
    MUST_READ(100, "a\rb\nc\r\r\n\rd\n", "a\rb|c\r|\rd|<0>");
    MUST_READ(100, "hello\r", "hello\r|<0>");
}

Test(stream_lines, empty_lines_are_lines)
{
    MUST_READ(100, "\n\r\n\n", "|||<0>");
}

Test(stream_lines, a_last_line_needs_no_newline)
{
    MUST_READ(100, "one\ntwo", "one|two|<0>");
    MUST_READ(100, "x", "x|<0>");
}

Test(stream_lines, no_input_is_no_line)
{
    MUST_READ(100, "", "<0>");
}

Test(stream_lines, nul_bytes_are_part_of_the_line)
{
    start_reader(100);
    sim_peer_send(ann.peer, "a\0b\n", 4);
    sim_peer_shutdown(ann.peer);
    fixture_settle();
    cr_assert_eq(memcmp(reader.log, "a\0b|<0>", 8), 0);
}

Test(stream_lines, a_line_of_max_bytes_is_read_and_a_longer_one_is_not)
{
    MUST_READ(5, "hello\n", "hello|<0>");
    MUST_READ(5, "hello\r\n", "hello|<0>");
    MUST_READ(5, "hello", "hello|<0>");
    MUST_READ(5, "hello!\n", "<-90><0>");
    MUST_READ(5, "hello!\r\n", "<-90><0>");
    MUST_READ(5, "hello!", "<-90><0>");
    MUST_READ(5, "hello\r!\n", "<-90><0>");
    MUST_READ(5, "hello\r\r\n", "<-90><0>");
    MUST_READ(0, "\n\r\n", "||<0>");
    MUST_READ(0, "a\n", "<-90><0>");
}

Test(stream_lines, a_line_that_is_too_long_is_found_before_its_end)
{
    start_reader(5);
    sim_peer_say(ann.peer, "hello!!");
    fixture_settle();
    cr_assert_str_eq(reader.log, "<-90>");
    cr_assert_not(task_ended(&reader.task), "it waits for the end of that line");
    sim_peer_say(ann.peer, "!!\nbye\n");
    sim_peer_shutdown(ann.peer);
    fixture_settle();
    cr_assert_str_eq(reader.log, "<-90>bye|<0>");
}

Test(stream_lines, a_line_without_end_is_refused_once_and_costs_one_read)
{
    static char text[20 * STREAM_READ_BYTES];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    start_reader(100);
    sim_peer_send(ann.peer, text, sizeof(text));
    fixture_settle();
    cr_assert_str_eq(reader.log, "<-90>");
    cr_assert_eq(sim_peer_unsent(ann.peer), 0);
    cr_assert_null(ann.stream.input.block, "what is skipped is not kept");
    sim_peer_say(ann.peer, "next\n");
    sim_peer_shutdown(ann.peer);
    fixture_settle();
    cr_assert_str_eq(reader.log, "<-90>next|<0>");
}

Test(stream_lines, the_longest_line_that_fits_a_read)
{
    static char text[STREAM_READ_BYTES + 2];
    static char expected[STREAM_READ_BYTES + 16];
    size_t max = STREAM_READ_BYTES - 1;
    memset(text, 'x', max);
    memcpy(text + max, "\r\n", 3);
    memset(expected, 'x', max);
    memcpy(expected + max, "|<0>", 5);
    must_read(max, text, max + 2, expected);
    memcpy(text + max, "x\n", 3);
    must_read(max, text, max + 2, "<-90><0>");
}

/* --- against a model, for every way of cutting --- */

#define MODEL_BYTES 256

/* What is to be read of `text`: what a reader would note. */
static void model(const char *text, size_t max, char expected[static MODEL_BYTES])
{
    size_t used = 0;
    while (*text) {
        const char *newline = strchr(text, '\n');
        size_t size = newline ? (size_t)(newline - text) : strlen(text);
        const char *next = newline ? newline + 1 : text + size;
        if (newline && size > 0 && text[size - 1] == '\r')
            size--;
        if (size > max) {
            used += (size_t)snprintf(expected + used, MODEL_BYTES - used, "<%d>", -EMSGSIZE);
        } else {
            memcpy(expected + used, text, size);
            used += size;
            expected[used++] = '|';
        }
        text = next;
    }
    (void)snprintf(expected + used, MODEL_BYTES - used, "<0>");
}

static void read_as_modelled(const char *text, size_t max)
{
    char expected[MODEL_BYTES];
    model(text, max, expected);
    must_read(max, text, strlen(text), expected);
}

Test(stream_lines, every_short_text_is_read_as_modelled)
{
    static const char letters[] = "a\r\n";
    for (unsigned combination = 0; combination < 3 * 3 * 3 * 3 * 3 * 3; combination++) {
        char text[7];
        unsigned rest = combination;
        for (int i = 0; i < 6; i++, rest /= 3)
            text[i] = letters[rest % 3];
        text[6] = '\0';
        for (size_t max = 0; max <= 4; max++)
            read_as_modelled(text + combination % 4, max);
    }
}

static void random_text(uint64_t *dice, char *text)
{
    size_t length = fixture_random(dice, 100);
    for (size_t i = 0; i < length; i++)
        text[i] = fixture_random(dice, 4) ? (char)('a' + i % 26) : "\r\n"[fixture_random(dice, 2)];
    text[length] = '\0';
}

Test(stream_lines, it_makes_no_difference_how_the_bytes_come)
{
    static const enum sim_segments segments[] = {SIM_WHOLE, SIM_BYTES, SIM_RANDOM};
    uint64_t dice = 1;
    sim_options(sim)->segment_max_bytes = 5;
    for (int i = 0; i < 600; i++) {
        char text[128];
        sim_options(sim)->segments = segments[i % 3];
        sim_options(sim)->short_read_ppm = i % 2 ? 300000 : 0;
        random_text(&dice, text);
        read_as_modelled(text, fixture_random(&dice, 40));
    }
}

Test(stream_lines, a_whole_line_needs_no_memory_of_its_own)
{
    static char text[STREAM_READ_BYTES];
    memset(text, 'x', sizeof(text) - 1);
    for (size_t i = 9; i < sizeof(text); i += 10)
        text[i] = '\n';
    text[sizeof(text) - 1] = '\n';
    uint64_t before = sim_count(sim, SIM_ALLOCATE);
    start_reader(100);
    sim_peer_send(ann.peer, text, sizeof(text));
    fixture_settle();
    cr_assert_eq(sim_count(sim, SIM_ALLOCATE) - before, 2, "a full read, and one that finds none");
    sim_peer_shutdown(ann.peer);
    fixture_settle();
}

struct line {
    char *text;
    size_t size;
};

static int reads_a_line(struct task *task, void *object)
{
    struct line *line = object;
    return stream_read_line(task, &ann.stream, 100, &line->text, &line->size);
}

Test(stream_lines, a_line_is_valid_until_the_next_one_is_read)
{
    struct line one, two;
    struct actor first = {.call = reads_a_line, .object = &one};
    struct actor second = {.call = reads_a_line, .object = &two};
    sim_peer_say(ann.peer, "hello\nworld\nand");
    actor_start(&first, "first");
    fixture_settle();
    cr_assert_str_eq(one.text, "hello");
    actor_start(&second, "second");
    fixture_settle();
    cr_assert_str_eq(two.text, "world");
    cr_assert_eq(one.text[0], BUFFER_SCRUBS ? '#' : 'h', "a sanitizer build shows who keeps it");
}

Test(stream_lines, a_last_line_without_memory_is_the_connections_error)
{
    /* The input is full and has ended: there is no room for the zero. */
    do
        cr_assert_eq(buffer_append(&ann.stream.input, loop.sys, "x", 1), 0);
    while (buffer_room(&ann.stream.input) > 0);
    ann.stream.flags |= STREAM_ENDED;
    sim_options(sim)->no_memory_ppm = 1000000;
    start_reader(1000);
    fixture_turn();
    sim_options(sim)->no_memory_ppm = 0;
    cr_assert_str_eq(reader.log, "<-12>");
    cr_assert_eq(ann.stream.error, -ENOMEM);
}
