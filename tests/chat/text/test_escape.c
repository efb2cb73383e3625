#include "chat/text/escape.h"

#include <criterion/criterion.h>
#include <regex.h>
#include <stdint.h>
#include <string.h>

/* The sequence that the text begins with is so long. */
#define EXPECT(text, expected) cr_assert_eq(escape_length(text, sizeof(text) - 1), expected)

Test(escape, text_begins_no_sequence)
{
    EXPECT("", 0);
    EXPECT("[31m", 0);
    EXPECT("\u00A0", 0);
    EXPECT("\x9B"
           "31m",
           0);
    EXPECT("\xC2", 0);
}

Test(escape, csi_goes_up_to_its_final_byte)
{
    EXPECT("\x1B[31mred", 5);
    EXPECT("\x1B[?25;1 ~x", 9);
    EXPECT("\x1B[200~paste", 6);
    EXPECT("\x1B[@x", 3);
    EXPECT("\302\23331mred", 5);
}

Test(escape, a_control_character_is_part_of_the_csi_around_it)
{
    EXPECT("\x1B[3\a1mx", 6);
}

Test(escape, the_function_keys_of_linux_consoles_are_csi)
{
    EXPECT("\x1B[[Ax", 4);
    EXPECT("\x1B[[", 3);
    EXPECT("\x1B[[\u00E9", 3);
}

Test(escape, osc_goes_up_to_bel_or_st)
{
    EXPECT("\x1B]0;t\ax", 6);
    EXPECT("\x1B]0;t\x1B\\x", 7);
    EXPECT("\302\2350;\u00E9\302\234x", 8);
}

Test(escape, the_other_strings_go_up_to_st)
{
    EXPECT("\x1BPa\ab\x1B\\x", 7);
    EXPECT("\x1BXab\302\234x", 6);
    EXPECT("\x1B^ab\x1B\\x", 6);
    EXPECT("\x1B_ab\x1B\\x", 6);
    EXPECT("\x1Bkab\x1B\\x", 6);
    EXPECT("\302\220ab\x1B\\x", 6);
    EXPECT("\302\230ab\x1B\\x", 6);
    EXPECT("\302\236\302\234x", 4);
    EXPECT("\302\237ab\x1B\\x", 6);
}

Test(escape, ss2_and_ss3_take_one_character)
{
    EXPECT("\x1BOPx", 3);
    EXPECT("\x1BN\u20ACx", 5);
    EXPECT("\302\217\u20ACx", 5);
    EXPECT("\302\216ax", 3);
    EXPECT("\x1BO\nx", 2);
    EXPECT("\x1BO\x7Fx", 2);
    EXPECT("\x1BO\302\237x", 2);
    EXPECT("\x1BO\xFFx", 2);
    EXPECT("\x1BO", 2);
}

Test(escape, short_sequences_end_with_their_final_byte)
{
    EXPECT("\x1B(Bx", 3);
    EXPECT("\x1B#8x", 3);
    EXPECT("\x1B $0x", 4);
    EXPECT("\x1B"
           "cx",
           2);
    EXPECT("\x1B"
           "7x",
           2);
    EXPECT("\x1B\\x", 2);
    EXPECT("\x1B~x", 2);
}

Test(escape, an_escape_that_introduces_nothing_goes_alone)
{
    EXPECT("\x1B", 1);
    EXPECT("\x1B\x1B[A", 1);
    EXPECT("\x1B\nx", 1);
    EXPECT("\x1B\u00E9", 1);
    EXPECT("\x1B( ", 1);
    EXPECT("\x1B(\u00E9", 1);
    EXPECT("\302\205x", 2);
}

Test(escape, can_and_sub_abort_a_sequence)
{
    EXPECT("\x1B[3\x18mx", 4);
    EXPECT("\x1B]0;\x1Amx", 5);
}

Test(escape, an_escape_begins_another_sequence)
{
    EXPECT("\x1B[3\x1B[1m", 3);
    EXPECT("\x1B]0;\x1B[1m", 4);
    EXPECT("\x1B[3\u00E9m", 3);
}

Test(escape, what_does_not_end_goes_up_to_the_end_of_the_text)
{
    EXPECT("\x1B[31", 4);
    EXPECT("\x1B]0;title", 9);
    EXPECT("\x1BPabc\a", 6);
    EXPECT("\x1B]0;\x1B", 4);
    EXPECT("\x1B]0;\xC2", 5);
}

/* The same in regular expressions over bytes, without NUL. */

#define STRING(most) "([^" most "\xC2]|\xC2+[^" most "\xC2\x9C])*\xC2*(\x1B\\\\|\xC2\x9C"

static const char *const patterns[] = {
    "^(\x1B\\[|\xC2\x9B)[^\x18\x1A\x1B@-~\x80-\xFF]*[\x18\x1A@-~]?",
    "^(\x1B\\[|\xC2\x9B)\\[[ -~]",
    "^(\x1B]|\xC2\x9D)" STRING("\a\x18\x1A\x1B") "|[\a\x18\x1A])?",
    "^(\x1B[PX^_k]|\xC2[\x90\x98\x9E\x9F])" STRING("\x18\x1A\x1B") "|[\x18\x1A])?",
    "^(\x1B[NO]|\xC2[\x8E\x8F])([ -~]|\xC2[\xA0-\xBF]|\xC3[\x80-\xBF])?",
    "^\x1B[ -/]*[0-~]",
    "^\x1B",
    "^\xC2[\x80-\x9F]",
};

enum { PATTERNS = sizeof(patterns) / sizeof(patterns[0]) };

/* The longest that any of them matches. */
static size_t oracle_length(regex_t *compiled, const char *text)
{
    size_t length = 0;

    for (size_t i = 0; i < PATTERNS; i++) {
        regmatch_t match;
        if (regexec(&compiled[i], text, 1, &match, 0) == 0 && (size_t)match.rm_eo > length)
            length = (size_t)match.rm_eo;
    }
    return length;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void random_text(char *text, size_t length, uint64_t *random)
{
    static const char bytes[] =
        "\x1B\x1B\xC2\xC2\xA0\xBF\x9B\x9C\x9D\x90\x8F\\[[]PXNOk^_(#08mA;?~ \a\x18\x1A"
        "\x7F\t\xC3";
    for (size_t i = 0; i < length; i++)
        text[i] = bytes[next_random(random) % (sizeof(bytes) - 1)];
    text[0] = next_random(random) % 4 ? '\x1B' : '\xC2';
    text[length] = '\0';
}

Test(escape, random_sequences_are_as_regular_expressions_say)
{
    regex_t compiled[PATTERNS];
    char text[16];
    uint64_t random = 42;

    for (size_t i = 0; i < PATTERNS; i++)
        cr_assert_eq(regcomp(&compiled[i], patterns[i], REG_EXTENDED), 0, "pattern %zu", i);
    for (int i = 0; i < 300000; i++) {
        size_t length = 1 + next_random(&random) % 12;
        random_text(text, length, &random);
        size_t expected = oracle_length(compiled, text);
        text[length] = "m\a\x1A\\"[i % 4]; /* what follows the text is none of its business */
        cr_assert_eq(escape_length(text, length), expected, "expected %zu of '%s'", expected, text);
    }
    for (size_t i = 0; i < PATTERNS; i++)
        regfree(&compiled[i]);
}
