#include "chat/text/input.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/input_model.h"
#include "tests/support/input_transcript.h"

/* The bytes a test is about, and the longest line. */
struct script {
    const char *bytes;
    size_t size;
    size_t max_bytes;
};

static struct transcript whole, split;

static void feed_whole(const struct script *script)
{
    transcript_begin(&whole, script->max_bytes);
    transcript_feed(&whole, script->bytes, script->size);
    transcript_end(&whole);
}

static void expect_same(const char *how, size_t at)
{
    transcript_end(&split);
    cr_assert(transcript_equal(&whole, &split), "%s %zu: '%s' but whole '%s'", how, at, split.text,
              whole.text);
}

static void feed_byte_by_byte(const struct script *script)
{
    transcript_begin(&split, script->max_bytes);
    for (size_t i = 0; i < script->size; i++)
        transcript_feed(&split, script->bytes + i, 1);
    expect_same("each", 1);
}

/* In two reads, split at every position, with an empty read in between. */
static void feed_in_halves(const struct script *script)
{
    for (size_t at = 0; at <= script->size; at++) {
        transcript_begin(&split, script->max_bytes);
        transcript_feed(&split, script->bytes, at);
        transcript_feed(&split, "", 0);
        transcript_feed(&split, script->bytes + at, script->size - at);
        expect_same("split at", at);
    }
}

/* Every expectation of this file is one about every split. */
static void expect(struct script script, const char *expected)
{
    feed_whole(&script);
    cr_assert_str_eq(whole.text, expected);
    feed_byte_by_byte(&script);
    feed_in_halves(&script);
}

/* For string literals, which may hold NUL bytes. */
#define EXPECT(bytes, expected) EXPECT_WITHIN(64, bytes, expected)
#define EXPECT_WITHIN(max, bytes, expected) \
    expect((struct script){bytes, sizeof(bytes) - 1, max}, expected)

Test(input, the_state_between_reads_is_small)
{
    cr_assert_leq(sizeof(struct input), 16);
}

Test(input, lf_and_cr_lf_and_cr_nul_and_cr_end_a_line)
{
    EXPECT("one\ntwo\r\nthree\r\0four\rfive\n", "[one][two][three][four][five]");
}

Test(input, a_line_is_complete_at_its_cr)
{
    EXPECT("hi\r", "[hi]");
}

Test(input, one_lf_or_nul_after_a_cr_belongs_to_it_even_in_a_later_read)
{
    EXPECT("a\r\nb\r\0c\r\n\nd\r\0\ne\r\0\0\n", "[a][b][c][][d][][e][]");
}

Test(input, telnet_commands_do_not_come_between_a_cr_and_its_lf)
{
    EXPECT("a\r\xFF\xF1\n\xFF\xF1"
           "b\r\xFF\xFA\x01\xFF\xF0\nc\r\xFF\xF6\nd\n",
           "[a][b][c]<ayt>[d]");
}

Test(input, anything_but_lf_or_nul_parts_a_cr_from_what_follows)
{
    EXPECT("a\r\b\nb\r \nc\r\r\n", "[a][][b][ ][c][]");
    EXPECT("a\r\x7F\0\nb\r\x03\n", "[a][][b]<intr>[]");
}

Test(input, an_empty_line_is_told_since_it_costs)
{
    EXPECT("\n\r\n\r\0\r", "[][][][]");
}

Test(input, nul_bytes_vanish)
{
    EXPECT("\0a\0\0b\0\nc\0", "[ab]{c}");
    EXPECT_WITHIN(4, "\0\0\0a\0\0b\0\0\0\n", "<bytes><bytes>[ab]");
}

Test(input, a_last_line_without_an_end_counts)
{
    EXPECT("a\nb", "[a]{b}");
    EXPECT("hi", "{hi}");
}

Test(input, at_the_end_an_empty_line_is_none)
{
    EXPECT("", "");
    EXPECT("a\n", "[a]");
    EXPECT("a\r", "[a]");
    EXPECT("a\nb\b", "[a]");
    EXPECT("a\n\0", "[a]");
}

Test(input, at_the_end_half_a_telnet_command_is_nothing)
{
    EXPECT("a\xFF", "{a}");
    EXPECT("a\xFF\xFD", "{a}");
    EXPECT("\xFF\xFA\x18more", "");
}

Test(input, backspace_and_del_and_ec_erase_the_last_character)
{
    EXPECT("abc\b\n", "[ab]");
    EXPECT("abc\x7F\x7F\n", "[a]");
    EXPECT("abc\xFF\xF7\xFF\xF7\n", "[a]");
}

Test(input, a_whole_code_point_is_erased)
{
    EXPECT("aé\b\n", "[a]");
    EXPECT("a€\x7F"
           "b\n",
           "[ab]");
    EXPECT("a👍\xFF\xF7\n", "[a]");
    EXPECT("a👍🏽\b\n", "[a👍]");
}

Test(input, of_bytes_that_are_no_utf8_the_last_invalid_part_is_erased)
{
    EXPECT("a\xF0\x9F\x91\b\n", "[a]");
    EXPECT("aé\x80\b\n", "[aé]");
    EXPECT("a\xE0\x80\b\n", "[a\xE0]");
    EXPECT("a\xC3\b\xA9\n", "[a\xA9]");
}

Test(input, erasing_stops_at_the_beginning_of_the_line)
{
    EXPECT("a\nb\b\b\b\bc\n", "[a][c]");
    EXPECT("\b\x7F\xFF\xF7\xFF\xF8\n", "[]");
}

Test(input, el_erases_the_line)
{
    EXPECT("a\nwrong €\xFF\xF8right\n", "[a][right]");
}

Test(input, other_control_bytes_are_left_to_text_clean)
{
    EXPECT("\x1B[31m\t\x01\n", "[\x1B[31m\t\x01]");
}

Test(input, ctrl_d_on_an_empty_line_ends_at_once)
{
    EXPECT("\x04", "<end>");
    EXPECT("a\r\n\x04", "[a]<end>");
    EXPECT("\x04\r\n", "<end>[]");
    EXPECT("\x04more\n", "<end>[more]");
}

Test(input, ctrl_c_on_an_empty_line_interrupts_at_once)
{
    EXPECT("\x03", "<intr>");
    EXPECT("\x03\n", "<intr>[]");
    EXPECT("\x03\x03hi\n", "<intr><intr>[hi]");
}

Test(input, a_line_counts_as_empty_where_all_of_it_was_erased_or_never_counted)
{
    EXPECT("ab\b\b\x04", "<end>");
    EXPECT("ab\xFF\xF8\x03", "<intr>");
    EXPECT("\0\x04", "<end>");
    EXPECT("\xFF\xFD\x06\x04", "<wont 6><end>");
}

Test(input, ctrl_d_amid_a_line_is_a_control_byte)
{
    EXPECT("b\x04"
           "c\n\x01\x04\n",
           "[b\x04"
           "c][\x01\x04]");
}

Test(input, ctrl_c_amid_a_line_begins_it_anew)
{
    EXPECT("wrong\x03right\n", "[right]");
    EXPECT("wrong\x03\x03right\n", "<intr>[right]");
    EXPECT("wrong\x03\x04", "<end>");
}

Test(input, iac_ip_counts_anywhere_and_begins_the_line_anew)
{
    EXPECT("ab\xFF\xF4"
           "cd\n",
           "<intr>[cd]");
}

Test(input, iac_eof_ends_the_line_before_it)
{
    EXPECT("\xFF\xEC", "<end>");
    EXPECT("ab\xFF\xEC"
           "cd",
           "[ab]<end>{cd}");
    EXPECT("ab\n\xFF\xEC", "[ab]<end>");
    EXPECT("ab\b\b\xFF\xEC", "<end>");
    EXPECT("ab\xFF\xEC\xFF\xEC", "[ab]<end><end>");
}

Test(input, ctrl_c_of_debians_telnet_interrupts_and_gets_its_timing_mark)
{
    EXPECT("\xFF\xF4\xFF\xFD\x06", "<intr><wont 6>");
    EXPECT("\xFF\xF4\xFF\xF2\xFF\xFD\x06", "<intr><wont 6>");
}

Test(input, are_you_there_is_told)
{
    EXPECT("a\xFF\xF6"
           "b\n",
           "<ayt>[ab]");
}

Test(input, requests_are_refused_where_they_stand_among_the_lines)
{
    EXPECT("\xFF\xFB\x18\xFF\xFD\x01"
           "a\n\xFF\xFD\x01"
           "b\xFF\xFE\x01\xFF\xFC\x18\n",
           "<dont 24><wont 1>[a]<wont 1>[b]");
}

Test(input, telnet_sequences_never_reach_a_line)
{
    EXPECT("a\xFF\xF1"
           "b\xFF\xFA\x18\x00\r\n\x04\x7F\xFF\xFF\xFF\xF0"
           "c\xFF\xF9"
           "d\n",
           "[abcd]");
}

Test(input, an_option_or_command_that_looks_like_a_newline_is_none)
{
    EXPECT("a\xFF\xFD\n"
           "b\xFF\xFE\r\xFF\r"
           "c\n",
           "<wont 10>[abc]");
}

Test(input, a_doubled_iac_is_a_byte_of_the_line)
{
    EXPECT("a\xFF\xFF\n", "[a\xFF]");
    EXPECT("a\xFF\xFF\b\n", "[a]");
    EXPECT_WITHIN(6, "abcde\xFF\xFF\n", "<bytes>[abcde\xFF]");
}

Test(input, a_line_of_exactly_the_limit_is_taken_and_one_byte_more_is_too_long)
{
    EXPECT_WITHIN(4, "abcd\nabcde\nabc\r\n", "<bytes>[abcd]<bytes><long><bytes>[abc]");
    EXPECT_WITHIN(4, "abcd", "<bytes>{abcd}");
    EXPECT_WITHIN(4, "a€\na€b\n", "<bytes>[a€]<bytes><long>");
}

Test(input, the_limit_counts_the_line_as_edited)
{
    EXPECT_WITHIN(7, "abcdefg\be\b\bfg\n", "<bytes>[abcdefg]");
    EXPECT_WITHIN(7, "abc\xFF\xF8tuvwxyz\n", "<bytes>[tuvwxyz]");
    EXPECT_WITHIN(7, "abcdefgh\b\n", "<bytes><long>");
}

Test(input, a_line_that_is_too_long_is_told_once_and_skipped_to_its_end)
{
    EXPECT_WITHIN(16, "0123456789abcdefgh\nnext\n", "<bytes><long>[next]");
    EXPECT_WITHIN(16, "0123456789abcdefgh\r\nnext\r\n", "<bytes><long>[next]");
    EXPECT_WITHIN(16, "0123456789abcdefgh\r\0next\n", "<bytes><long>[next]");
    EXPECT_WITHIN(16, "0123456789abcdefgh\rnext\n", "<bytes><long>[next]");
}

Test(input, nothing_is_left_of_a_line_that_is_too_long_at_the_end_of_input)
{
    EXPECT_WITHIN(4, "a\n12345", "[a]<bytes><long>");
    EXPECT_WITHIN(4, "12345\n", "<bytes><long>");
}

Test(input, each_further_length_of_a_skipped_line_costs_one)
{
    EXPECT_WITHIN(4, "12345678\n", "<bytes><long><bytes>");
    EXPECT_WITHIN(4, "123456789abcd\nok\n", "<bytes><long><bytes><bytes>[ok]");
}

Test(input, bytes_that_make_no_line_cost_as_much_as_long_ones)
{
    EXPECT_WITHIN(4, "\0\0\0\0\0\0\0\0\0", "<bytes><bytes>");
    EXPECT_WITHIN(4, "a\ba\ba\ba\b", "<bytes><bytes>");
    EXPECT_WITHIN(4, "\xFF\xF1\xFF\xF1\xFF\xF1\xFF\xF1", "<bytes><bytes>");
    EXPECT_WITHIN(4, "\xFF\xFA\x18xxxxxxxxx\xFF\xF0ok\n", "<bytes><bytes><bytes><bytes>[ok]");
    EXPECT_WITHIN(4, "\xFF\xFE\x01\xFF\xFC\x01\xFF\xFE\x01", "<bytes><bytes>");
    EXPECT_WITHIN(4,
                  "a\x03"
                  "b\x03"
                  "c\x03"
                  "d\x03",
                  "<bytes><bytes>");
}

Test(input, what_costs_pays_for_the_bytes_before_it)
{
    EXPECT_WITHIN(4, "abc\nabc\nabc\n", "[abc][abc][abc]");
    EXPECT_WITHIN(4,
                  "ab\xFF\xF6"
                  "cd\n",
                  "<ayt>[abcd]");
}

Test(input, editing_does_not_revive_a_skipped_line)
{
    EXPECT_WITHIN(4, "12345\b\b\xFF\xF7\x7Fxy\nok\n", "<bytes><long><bytes><bytes>[ok]");
}

Test(input, el_and_ctrl_c_begin_a_skipped_line_anew)
{
    EXPECT_WITHIN(4, "12345\xFF\xF8ok\n", "<bytes><long><bytes>[ok]");
    EXPECT_WITHIN(4, "12345\xFF\xF4ok\n", "<bytes><long><intr>[ok]");
    EXPECT_WITHIN(4, "12345\x03ok\n", "<bytes><long>[ok]");
    EXPECT_WITHIN(4, "12345\x03\x03ok\n", "<bytes><long><intr>[ok]");
}

Test(input, ctrl_d_in_a_skipped_line_is_not_alone)
{
    EXPECT_WITHIN(4, "12345\x04\nok\n", "<bytes><long><bytes>[ok]");
}

Test(input, telnet_is_heard_in_a_skipped_line)
{
    EXPECT_WITHIN(4,
                  "12345\xFF\xF6\xFF\xFD\x06\xFF\xFB\n\xFF\xFA\n\xFF\xF0"
                  "6\nok\n",
                  "<bytes><long><ayt><wont 6><dont 10><bytes><bytes>[ok]");
}

Test(input, a_byte_order_mark_at_the_beginning_vanishes)
{
    EXPECT("\xEF\xBB\xBF/nick ann\n", "[/nick ann]");
    EXPECT("\xEF\xBB\xBF\x04", "<end>");
    EXPECT("\xFF\xFD\x01\xEF\xBB\xBFhi\n", "<wont 1>[hi]");
    EXPECT("\xEF\xBB\xBF", "");
    EXPECT_WITHIN(5,
                  "\xEF\xBB\xBF"
                  "abcde\n",
                  "<bytes>[abcde]");
}

Test(input, a_mark_elsewhere_or_in_part_is_left_to_text_clean)
{
    EXPECT("\xEF\xBB\xBF\xEF\xBB\xBFhi\n", "[\xEF\xBB\xBFhi]");
    EXPECT("a\xEF\xBB\xBF\n\xEF\xBB\xBF\n", "[a\xEF\xBB\xBF][\xEF\xBB\xBF]");
    EXPECT("\xEF\xBB", "{\xEF\xBB}");
    EXPECT("\xEF\xBB\xBE\n", "[\xEF\xBB\xBE]");
    EXPECT("\xEF\xEF\xBB\xBF\n", "[\xEF\xEF\xBB\xBF]");
}

Test(input, a_tls_hello_is_foreign)
{
    EXPECT("\x16\x03\x00more\n", "<foreign>");
    EXPECT("\x16\x03\x01\x02\x00\x01", "<foreign>");
    EXPECT("\x16\x03\x03\n\n", "<foreign>");
    EXPECT("\x16\x03\x04", "<foreign>");
}

Test(input, what_only_begins_like_a_tls_hello_is_not_foreign)
{
    EXPECT("\x16\x03\x05hi\n", "[\x05hi]");
    EXPECT("\x16\x04\x01hi\n", "[\x16\x04\x01hi]");
    EXPECT("\n\x16\x03\x01hi\n", "[][\x01hi]");
}

Test(input, a_first_line_that_is_an_http_request_is_foreign)
{
    EXPECT("GET / HTTP/1.1\r\nHost: x\r\n", "<foreign>");
    EXPECT("POST /a?b=c HTTP/1.0\nx", "<foreign>");
    EXPECT("OPTIONS * HTTP/1.1\r\n", "<foreign>");
    EXPECT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "<foreign>");
    EXPECT("CONNECT a:1 HTTP/1.1\r\n", "<foreign>");
    EXPECT("made-up /x HTTP/1.1\r\n", "<foreign>");
    EXPECT("GET / HTTP/1.1", "<foreign>");
    EXPECT("GET / HTTP/1\xFF\xEC", "<foreign>");
}

Test(input, a_first_line_that_is_too_long_and_begins_like_a_request_is_foreign)
{
    EXPECT_WITHIN(8, "POST /abcdef HTTP/1.1\r\n", "<bytes><foreign>");
    EXPECT_WITHIN(8, "GET well soon\n", "<bytes><foreign>");
    EXPECT_WITHIN(8, "GETTING well soon\nhi\n", "<bytes><long><bytes>[hi]");
}

Test(input, speech_is_not_foreign)
{
    EXPECT("GET well soon\n", "[GET well soon]");
    EXPECT("GET\n", "[GET]");
    EXPECT("GET /\n", "[GET /]");
    EXPECT("GET / HTTP/\n", "[GET / HTTP/]");
    EXPECT("GET / HTTP/x\n", "[GET / HTTP/x]");
    EXPECT("GET  HTTP/1.1\n", "[GET  HTTP/1.1]");
    EXPECT("GET / http/1.1\n", "[GET / http/1.1]");
    EXPECT("GETS / some\n", "[GETS / some]");
    EXPECT("what is HTTP/2?\n", "[what is HTTP/2?]");
    EXPECT(" / HTTP/1.1\n", "[ / HTTP/1.1]");
    EXPECT("hi\nGET / HTTP/1.1\n", "[hi][GET / HTTP/1.1]");
    EXPECT("\nGET / HTTP/1.1", "[]{GET / HTTP/1.1}");
    EXPECT_WITHIN(8, "too long then\nGET /abcdef\n", "<bytes><long><bytes><long>");
}

Test(input, it_stops_after_each_event)
{
    char bytes[64];
    struct input input = {.after_cr = false};
    struct input_line line = {.bytes = bytes, .max_bytes = sizeof(bytes)};
    struct input_raw raw = {(const uint8_t *)"one\r\n\xFF\xF6two\nth", 13};

    cr_assert_eq(input_pull(&input, &line, &raw), INPUT_LINE);
    cr_assert_eq(raw.size, 9);
    cr_assert_eq(line.length, 3);
    cr_assert_eq(input_pull(&input, &line, &raw), INPUT_ARE_YOU_THERE);
    cr_assert_eq(raw.size, 6);
    cr_assert_eq(line.length, 0);
    cr_assert_eq(input_pull(&input, &line, &raw), INPUT_LINE);
    cr_assert_eq(raw.size, 2);
    cr_assert_eq(input_pull(&input, &line, &raw), INPUT_MORE);
    cr_assert_eq(raw.size, 0);
    cr_assert_eq(line.length, 2);
    cr_assert_eq(input_finish(&input, &line), INPUT_LINE);
}

/* A line that was handed out is not a last line, though its bytes are still there. */
Test(input, a_complete_line_is_not_told_again_at_the_end)
{
    char bytes[8];
    struct input input = {.after_cr = false};
    struct input_line line = {.bytes = bytes, .max_bytes = sizeof(bytes)};
    struct input_raw raw = {(const uint8_t *)"one\n", 4};

    cr_assert_eq(input_pull(&input, &line, &raw), INPUT_LINE);
    cr_assert_eq(input_finish(&input, &line), INPUT_MORE);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Mostly bytes that mean something somewhere, so that their every meeting is met. */
static struct script random_script(char *bytes, size_t most, uint64_t seed)
{
    static const char *const openings[] = {"", "\xEF\xBB\xBF", "\x16\x03\x01", "GET / HTTP/1.1"};
    static const char alphabet[] = "abc \t\xC3\xA9\xE2\x82\xAC\xF0\x9F\x91\x80\x80\b\b\x7F\x03\x04"
                                   "\r\r\r\n\n\0\0\xFF\xFF\xFF\xFF\xFF\xEC\xF0\xF0\xF1\xF4\xF6"
                                   "\xF7\xF8\xFA\xFB\xFC\xFD\xFE\x06";
    uint64_t random = seed * 0x9E3779B97F4A7C15u;
    struct script script = {.bytes = bytes, .size = next_random(&random) % (most + 1)};

    script.max_bytes = INPUT_MAX_BYTES_LEAST + next_random(&random) % 20;
    for (size_t i = 0; i < script.size; i++)
        bytes[i] = alphabet[next_random(&random) % (sizeof(alphabet) - 1)];
    const char *opening = openings[seed % 4];
    if (script.size >= strlen(opening))
        memcpy(bytes, opening, strlen(opening));
    return script;
}

Test(input, random_bytes_give_what_the_model_says_and_the_same_however_they_are_split)
{
    static struct model model;
    char bytes[48];

    for (uint64_t seed = 1; seed <= 4000; seed++) {
        struct script script = random_script(bytes, sizeof(bytes), seed);
        feed_whole(&script);
        model_run(&model, script.bytes, script.size, script.max_bytes);
        cr_assert_str_eq(whole.text, model.text, "seed %llu: '%s' but model '%s'",
                         (unsigned long long)seed, whole.text, model.text);
        feed_byte_by_byte(&script);
        feed_in_halves(&script);
    }
}

Test(input, long_random_bytes_are_the_same_in_reads_of_any_size)
{
    static char bytes[5000];

    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct script script = random_script(bytes, sizeof(bytes), seed);
        uint64_t random = seed;
        feed_whole(&script);
        transcript_begin(&split, script.max_bytes);
        for (size_t at = 0, size; at < script.size; at += size) {
            size = 1 + next_random(&random) % 100;
            size = size < script.size - at ? size : script.size - at;
            transcript_feed(&split, bytes + at, size);
        }
        expect_same("seed", seed);
    }
}
