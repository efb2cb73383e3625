#include "chat/text/telnet.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { SE = 240, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };

/* What telnet_feed says of some bytes: data as they are, events in angle brackets. */
struct story {
    char text[4096];
    size_t length;
};

static void tell(struct story *story, const char *text)
{
    size_t size = strlen(text);
    memcpy(story->text + story->length, text, size + 1);
    story->length += size;
}

static void tell_byte(struct story *story, struct telnet *telnet, uint8_t byte)
{
    static const char *const names[] = {
        [TELNET_NOTHING] = "",
        [TELNET_ARE_YOU_THERE] = "<ayt>",
        [TELNET_ERASE_CHARACTER] = "<ec>",
        [TELNET_ERASE_LINE] = "<el>",
        [TELNET_INTERRUPT] = "<ip>",
        [TELNET_END] = "<eof>",
    };
    uint8_t answer[TELNET_ANSWER_BYTES] = {0};
    char text[32] = "";
    enum telnet_event event = telnet_feed(telnet, byte, answer);

    if (event == TELNET_DATA)
        snprintf(text, sizeof(text), byte < 128 ? "%c" : "\\%u", byte);
    else if (event == TELNET_ANSWER)
        snprintf(text, sizeof(text), "<%u %u %u>", answer[0], answer[1], answer[2]);
    else
        snprintf(text, sizeof(text), "%s", names[event]);
    tell(story, text);
    if (event != TELNET_ANSWER)
        cr_assert(answer[0] == 0 && answer[1] == 0 && answer[2] == 0);
}

static void expect(const char *bytes, size_t size, const char *expected)
{
    struct story story = {.text = ""};
    struct telnet telnet = {0};

    for (size_t i = 0; i < size; i++)
        tell_byte(&story, &telnet, (uint8_t)bytes[i]);
    cr_assert_str_eq(story.text, expected);
}

/* For string literals, which may hold NUL bytes. */
#define EXPECT(bytes, expected) expect(bytes, sizeof(bytes) - 1, expected)

Test(telnet, the_state_of_a_client_is_one_byte)
{
    cr_assert_eq(sizeof(struct telnet), 1);
}

Test(telnet, bytes_other_than_iac_are_data)
{
    struct telnet telnet = {0};
    uint8_t answer[TELNET_ANSWER_BYTES];

    for (unsigned byte = 0; byte < IAC; byte++) {
        cr_assert_eq(telnet_feed(&telnet, (uint8_t)byte, answer), TELNET_DATA);
        cr_assert(telnet_between_commands(&telnet));
    }
}

Test(telnet, a_doubled_iac_is_the_byte_255)
{
    EXPECT("a\xFF\xFF"
           "b\xFF\xFF\xFF\xFF",
           "a\\255b\\255\\255");
}

Test(telnet, every_do_is_answered_with_wont_and_every_will_with_dont)
{
    for (unsigned option = 0; option < 256; option++) {
        char do_it[] = {(char)IAC, (char)DO, (char)option, 'x'};
        char will[] = {(char)IAC, (char)WILL, (char)option, 'x'};
        char expected[32];
        snprintf(expected, sizeof(expected), "<255 252 %u>x", option);
        expect(do_it, sizeof(do_it), expected);
        snprintf(expected, sizeof(expected), "<255 254 %u>x", option);
        expect(will, sizeof(will), expected);
    }
}

Test(telnet, do_timing_mark_is_answered_each_time)
{
    EXPECT("\xFF\xFD\x06\xFF\xFD\x06", "<255 252 6><255 252 6>");
}

Test(telnet, wont_and_dont_are_never_answered)
{
    for (unsigned option = 0; option < 256; option++) {
        char wont[] = {(char)IAC, (char)WONT, (char)option, 'x'};
        char dont[] = {(char)IAC, (char)DONT, (char)option, 'x'};
        expect(wont, sizeof(wont), "x");
        expect(dont, sizeof(dont), "x");
    }
}

/* So two servers of this kind, connected to each other, fall silent. */
Test(telnet, an_answer_is_never_answered)
{
    static const uint8_t requests[] = {WILL, WONT, DO, DONT};

    for (unsigned i = 0; i < 4 * 256; i++) {
        struct telnet one = {0}, other = {0};
        uint8_t answer[TELNET_ANSWER_BYTES], none[TELNET_ANSWER_BYTES];
        (void)telnet_feed(&one, IAC, answer);
        (void)telnet_feed(&one, requests[i % 4], answer);
        if (telnet_feed(&one, (uint8_t)(i / 4), answer) != TELNET_ANSWER)
            continue;
        for (size_t k = 0; k < TELNET_ANSWER_BYTES; k++)
            cr_assert_eq(telnet_feed(&other, answer[k], none), TELNET_NOTHING);
        cr_assert(telnet_between_commands(&other));
    }
}

Test(telnet, commands_that_edit_interrupt_end_or_ask_are_told)
{
    EXPECT("a\xFF\xF6"
           "b\xFF\xF7"
           "c\xFF\xF8"
           "d\xFF\xF4"
           "e\xFF\xEC"
           "f",
           "a<ayt>b<ec>c<el>d<ip>e<eof>f");
}

Test(telnet, every_other_command_is_ignored)
{
    for (unsigned command = 0; command < 256; command++) {
        if (command >= SB || command == 236 || (command >= 246 && command <= 248) || command == 244)
            continue;
        char bytes[] = {'a', (char)IAC, (char)command, 'b'};
        expect(bytes, sizeof(bytes), "ab");
    }
}

Test(telnet, a_subnegotiation_is_skipped)
{
    EXPECT("a\xFF\xFA\x18\x00xterm\xFF\xF0"
           "b",
           "ab");
    EXPECT("a\xFF\xFA\xFF\xF0"
           "b",
           "ab");
}

Test(telnet, a_doubled_iac_inside_a_subnegotiation_does_not_end_it)
{
    EXPECT("\xFF\xFA\x1F\x00\xFF\xFF\xF0\xFF\xFF\x18\xFF\xF0"
           "b",
           "b");
}

Test(telnet, only_iac_se_ends_a_subnegotiation)
{
    EXPECT("\xFF\xFA\x1F\xF0\xFF\xFD\x01\xFF\xF6\r\nquiet\xFF\xF0"
           "b",
           "b");
}

Test(telnet, a_subnegotiation_of_any_length_is_skipped)
{
    struct telnet telnet = {0};
    uint8_t answer[TELNET_ANSWER_BYTES];

    (void)telnet_feed(&telnet, IAC, answer);
    (void)telnet_feed(&telnet, SB, answer);
    for (unsigned i = 0; i < 10u << 20; i++)
        cr_assert_eq(telnet_feed(&telnet, (uint8_t)(i % 255), answer), TELNET_NOTHING);
    (void)telnet_feed(&telnet, IAC, answer);
    cr_assert_eq(telnet_feed(&telnet, SE, answer), TELNET_NOTHING);
    cr_assert_eq(telnet_feed(&telnet, 'b', answer), TELNET_DATA);
}

Test(telnet, data_may_be_taken_without_asking_only_between_commands)
{
    static const uint8_t bytes[] = {IAC, DO, 1, IAC, SB, 'x', IAC, 'y', IAC, SE, IAC, 241, 'z'};
    static const bool between[] = {false, false, true, false, false, false, false,
                                   false, false, true, false, true,  true};
    struct telnet telnet = {0};
    uint8_t answer[TELNET_ANSWER_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)telnet_feed(&telnet, bytes[i], answer);
        cr_assert_eq(telnet_between_commands(&telnet), between[i], "byte %zu", i);
    }
}
