#include "chat/text/text.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/utf8_oracle.h"

#define REPLACED "\xEF\xBF\xBD"

static void expect_clean(const char *in, const char *expected)
{
    char out[512];
    size_t length = text_clean(out, in, strlen(in));
    cr_assert_eq(length, strlen(expected), "%zu bytes of '%.*s'", length, (int)length, out);
    cr_assert_arr_eq(out, expected, length);
}

/* The oracle knows no escape sequences: test_escape.c does. */
static bool has_escape(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == 0x1B || bytes[i] == 0xC2)
            return true;
    }
    return false;
}

static bool is_cleaned_as_expected(const char *text, size_t length)
{
    char cleaned[3 * 16], expected[3 * 16];
    size_t clean_length = text_clean(cleaned, text, length);
    return clean_length == utf8_oracle_clean(expected, text, length) &&
           memcmp(cleaned, expected, clean_length) == 0;
}

/* Everything text.h says of some bytes, against the oracle. */
static void compare(const uint8_t *bytes, size_t length)
{
    const char *text = (const char *)bytes;
    uint32_t code_point, expected_code_point;

    size_t part = text_decode(text, length, &code_point);
    bool same = part == utf8_oracle_part(text, length, &expected_code_point) &&
                code_point == expected_code_point &&
                (has_escape(bytes, length) || is_cleaned_as_expected(text, length)) &&
                text_last_character(text, length) == utf8_oracle_last(text, length);
    for (size_t most = 0; most <= length; most++)
        same = same && text_cut(text, length, most) == utf8_oracle_cut(text, length, most);
    if (!same)
        cr_assert_fail("%zu bytes from %02x %02x %02x %02x", length, bytes[0], bytes[1], bytes[2],
                       bytes[3]);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(text, every_text_of_one_two_and_three_bytes_is_as_the_oracle_says)
{
    uint8_t bytes[4] = {0};

    for (uint32_t value = 0; value < 1u << 24; value++) {
        bytes[0] = (uint8_t)(value >> 16);
        bytes[1] = (uint8_t)(value >> 8);
        bytes[2] = (uint8_t)value;
        if ((value & 0xFFFF) == 0)
            compare(bytes, 1);
        if ((value & 0xFF) == 0)
            compare(bytes, 2);
        compare(bytes, 3);
    }
}

Test(text, four_bytes_at_all_edges_are_as_the_oracle_says)
{
    static const uint8_t edges[] = {0x00, 0x0A, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                    0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xFF};

    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++)
            for (size_t i = 0; i < sizeof(edges) * sizeof(edges); i++) {
                uint8_t third = edges[i / sizeof(edges)], fourth = edges[i % sizeof(edges)];
                compare((uint8_t[]){(uint8_t)first, (uint8_t)second, third, fourth}, 4);
            }
}

/* Twelve bytes hold several parts, mostly broken ones: bytes below C0 are made rarer. */
Test(text, random_texts_are_as_the_oracle_says)
{
    uint64_t random = 20240229;

    for (int i = 0; i < 500000; i++) {
        uint8_t bytes[12];
        for (size_t k = 0; k < sizeof(bytes); k++) {
            uint64_t value = next_random(&random);
            bytes[k] = (uint8_t)(value >> 8 & 1 ? value | 0xC0 : value | 0x80);
            if ((value >> 16 & 7) == 0)
                bytes[k] = (uint8_t)(value >> 24);
        }
        compare(bytes, 4 + next_random(&random) % 9);
    }
}

Test(text, cleaning_twice_is_cleaning_once)
{
    uint64_t random = 7;

    for (int i = 0; i < 100000; i++) {
        char bytes[12], once[36], twice[108];
        for (size_t k = 0; k < sizeof(bytes); k++)
            bytes[k] = (char)(next_random(&random) >> 32);
        size_t length = text_clean(once, bytes, sizeof(bytes));
        cr_assert(utf8_oracle_showable(once, length));
        cr_assert_eq(text_clean(twice, once, length), length);
        cr_assert_arr_eq(twice, once, length);
    }
}

Test(text, well_formed_text_passes)
{
    expect_clean("", "");
    expect_clean("plain ~ text", "plain ~ text");
    expect_clean("Grüße, Ελλάδα, 日本, 👍🏽",
                 "Grüße, Ελλάδα, 日本, 👍🏽");
    expect_clean("\xF4\x8F\xBF\xBD " REPLACED, "\xF4\x8F\xBF\xBD " REPLACED);
}

Test(text, every_character_alone_is_as_the_oracle_says)
{
    for (uint32_t c = 1; c <= 0x10FFFF; c++) {
        char text[4], cleaned[12];
        size_t length = utf8_oracle_put(text, c);
        if ((c >= 0xD800 && c <= 0xDFFF))
            continue;
        size_t clean_length = text_clean(cleaned, text, length);
        if (c == '\t' || c == 0x2028 || c == 0x2029) {
            cr_assert(clean_length == 1 && cleaned[0] == ' ', "U+%04X", c);
        } else {
            cr_assert_eq(clean_length, utf8_oracle_forbidden(c) ? 0 : length, "U+%04X", c);
            cr_assert_arr_eq(cleaned, text, clean_length);
        }
        cr_assert_eq(text_visible(text, length), !utf8_oracle_blank(c), "U+%04X", c);
    }
}

Test(text, control_characters_are_dropped)
{
    expect_clean("\a\x01"
                 "a\bb\x7F"
                 "c\r\n",
                 "abc");
    expect_clean("\xC2\x80"
                 "a\xC2\x85"
                 "b\xC2\x99\xC2\xA0",
                 "ab\xC2\xA0");
}

Test(text, a_tab_becomes_a_space)
{
    expect_clean("a\tb\t\tc", "a b  c");
}

Test(text, a_nul_byte_is_dropped)
{
    char out[9];
    cr_assert_eq(text_clean(out, "a\0b", 3), 2);
    cr_assert_arr_eq(out, "ab", 2);
}

Test(text, escape_sequences_are_dropped_whole)
{
    expect_clean("\x1B[31mred\x1B[0m", "red");
    expect_clean("\x1B[200~pasted\x1B[201~ text", "pasted text");
    expect_clean("a\x1B]0;title\ab\xC2\x9B"
                 "1mc",
                 "abc");
    expect_clean("x\x1B", "x");
}

Test(text, bidirectional_controls_are_dropped)
{
    expect_clean("\u202Aa\u202Bb\u202Cc\u202Dd\u202Ee", "abcde");
    expect_clean("\u2066a\u2067b\u2068c\u2069d", "abcd");
    expect_clean("\u200Ea\u200Fb\u061Cc", "abc");
    expect_clean("\u2065\u2027\u202F", "\u2065\u2027\u202F");
}

Test(text, invisible_format_characters_are_dropped)
{
    expect_clean("a\u200Bb\u2060c\uFEFFd\u00ADe\u180Ef", "abcdef");
    expect_clean("a\uFFF9b\uFFFAc\uFFFBd", "abcd");
    expect_clean("\U0001F3F4\U000E0067\U000E0062\U000E007F!", "\U0001F3F4!");
}

Test(text, visible_signs_of_the_same_category_stay)
{
    static const char signs[] = "\u0600\u0605\u06DD\u070F\u0890\u0891\u08E2\U000110BD\U000110CD";
    expect_clean(signs, signs);
}

Test(text, joiners_stay_between_visible_characters)
{
    expect_clean("👩\u200D🚀 \u0915\u094D\u200C\u0937", "👩\u200D🚀 \u0915\u094D\u200C\u0937");
    expect_clean("\u2764\uFE0F\u200D\U0001F525", "\u2764\uFE0F\u200D\U0001F525");
    expect_clean("a\u200D\u200Bb", "a\u200Db");
    expect_clean("a\u200D\u200Cb", "a\u200Cb");
}

Test(text, joiners_with_nothing_to_join_are_dropped)
{
    expect_clean("\u200Da", "a");
    expect_clean("a\u200D", "a");
    expect_clean("a\u200C b", "a b");
    expect_clean("a \u200Cb", "a b");
    expect_clean("a long text\u200D\t\u200Dwith eight", "a long text with eight");
    expect_clean("a\u200D\u2800\u200Db", "a\u2800b");
    expect_clean("\uFE0F\u200Da", "\uFE0Fa");
}

Test(text, line_and_paragraph_separators_become_a_space)
{
    expect_clean("a\u2028b\u2029c", "a b c");
}

static void expect_visible(const char *text, bool expected)
{
    cr_assert_eq(text_visible(text, strlen(text)), expected, "'%s'", text);
}

Test(text, blanks_of_any_kind_are_not_visible)
{
    expect_visible("", false);
    expect_visible("   ", false);
    expect_visible("\u00A0\u1680\u2003\u202F\u205F\u3000", false);
    expect_visible("\u2800\u3164\u115F\u1160\uFFA0\u00AD\uFE0F\u034F", false);
    expect_visible(" \u2800.", true);
    expect_visible("\u0301", true);
    expect_visible("\xFF", true);
}

/* The examples of the Unicode Standard, tables 3-8 to 3-11. */
Test(text, each_maximal_part_that_is_not_well_formed_becomes_one_replacement)
{
    expect_clean("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41",
                 REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED "A");
    expect_clean("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41",
                 REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED REPLACED "A");
    expect_clean("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
                 REPLACED REPLACED REPLACED REPLACED REPLACED "A" REPLACED REPLACED "B");
    expect_clean("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", REPLACED REPLACED REPLACED REPLACED "A");
}

Test(text, a_character_cut_off_at_the_end_becomes_one_replacement)
{
    expect_clean("ab\xF0\x9F\x91", "ab" REPLACED);
    expect_clean("ab\xC3", "ab" REPLACED);
}

Test(text, clean_text_is_at_most_three_times_as_long)
{
    char out[3 * 64];
    char in[64];

    memset(in, 0xFF, sizeof(in));
    cr_assert_eq(text_clean(out, in, sizeof(in)), TEXT_CLEAN_GROWTH * sizeof(in));
}

Test(text, the_last_character_is_a_whole_code_point)
{
    cr_assert_eq(text_last_character("", 0), 0);
    cr_assert_eq(text_last_character("a", 1), 1);
    cr_assert_eq(text_last_character("aé", 3), 2);
    cr_assert_eq(text_last_character("a€", 4), 3);
    cr_assert_eq(text_last_character("a👍", 5), 4);
}

Test(text, the_last_character_of_a_broken_text_is_its_last_maximal_part)
{
    cr_assert_eq(text_last_character("a\xF0\x9F\x91", 4), 3);
    cr_assert_eq(text_last_character("a\xE0\x80", 3), 1);
    cr_assert_eq(text_last_character("\x80\x80\x80\x80\x80", 5), 1);
    cr_assert_eq(text_last_character("é\x80", 3), 1);
}

Test(text, a_cut_divides_no_character)
{
    cr_assert_eq(text_cut("abc", 3, 5), 3);
    cr_assert_eq(text_cut("abc", 3, 2), 2);
    cr_assert_eq(text_cut("a€b", 5, 4), 4);
    cr_assert_eq(text_cut("a€b", 5, 3), 1);
    cr_assert_eq(text_cut("👍", 4, 3), 0);
    cr_assert_eq(text_cut("\x80\x80\x80\x80\x80", 5, 4), 4);
}

Test(text, folding_is_of_ascii_letters_alone)
{
    for (int byte = 0; byte < 256; byte++) {
        bool upper = byte >= 'A' && byte <= 'Z';
        cr_assert_eq(text_fold((char)byte), (char)(upper ? byte + 32 : byte));
    }
}

Test(text, names_are_equal_whatever_their_case)
{
    cr_assert(text_equal_folded("AnnE_9", "aNNe_9", 6));
    cr_assert(text_equal_folded("", "", 0));
    cr_assert_not(text_equal_folded("[", "{", 1));
    cr_assert_not(text_equal_folded("ann", "anm", 3));
}

static void expect_trimmed(const char *text, const char *expected)
{
    const char *start = text;
    size_t length = text_trim(&start, strlen(text));
    cr_assert_eq(length, strlen(expected), "'%s'", text);
    cr_assert_arr_eq(start, expected, length);
}

Test(text, trimming_takes_spaces_off_both_ends)
{
    expect_trimmed("", "");
    expect_trimmed("   ", "");
    expect_trimmed("word", "word");
    expect_trimmed("  two words ", "two words");
}

Test(text, numbers_are_written_in_decimal)
{
    static const uint32_t numbers[] = {0, 7, 10, 99, 100, 1234567890, UINT32_MAX};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        char written[TEXT_NUMBER];
        char expected[TEXT_NUMBER + 1];
        (void)snprintf(expected, sizeof(expected), "%" PRIu32, numbers[i]);
        cr_assert_eq(text_put_number(written, numbers[i]), written + strlen(written));
        cr_assert_str_eq(written, expected);
    }
}

Test(text, words_stand_together)
{
    char written[16] = "before";
    const char *const none[] = {NULL};
    cr_assert_eq(text_put_words(written, none), written);
    cr_assert_str_eq(written, "");
    const char *const words[] = {"You are ", "", "ann", ".", NULL};
    cr_assert_eq(text_put_words(written, words), written + strlen("You are ann."));
    cr_assert_str_eq(written, "You are ann.");
}

/* One byte of each value in each place, beside bytes at the edges of what is let through. */
Test(text, a_stride_shows_each_byte_that_is_looked_for)
{
    static const uint8_t others[] = {' ', '~', 0x80, 0xFE};
    for (size_t at = 0; at < 256 * TEXT_STRIDE * sizeof(others); at++) {
        uint8_t byte = (uint8_t)(at % 256);
        uint8_t other = others[at / 256 % sizeof(others)];
        char text[TEXT_STRIDE];
        memset(text, other, sizeof(text));
        text[at / 256 / sizeof(others)] = (char)byte;
        uint64_t bytes = text_stride(text);
        cr_assert_eq(text_controls(bytes) != 0, byte < ' ' || byte == 0x7F || byte == 0xFF,
                     "%d among %d", byte, other);
        cr_assert_eq(text_beyond_ascii(bytes) != 0, byte >= 0x80 || other >= 0x80, "%d among %d",
                     byte, other);
    }
}
