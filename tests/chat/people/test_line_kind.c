#include "chat/people/line_kind.h"

#include <criterion/criterion.h>
#include <string.h>

static enum line_kind kind(const char *line)
{
    return line_kind(line, strlen(line));
}

Test(line_kind, speech_and_emotes_are_speech_whatever_they_say)
{
    cr_assert_eq(kind("#tea <ann> hi\r\n"), LINE_SPEECH);
    cr_assert_eq(kind("#tea <ann> -- bob joined\r\n"), LINE_SPEECH);
    cr_assert_eq(kind("#tea * ann left\r\n"), LINE_SPEECH);
    cr_assert_eq(kind("#tea * ann -- bob left\r\n"), LINE_SPEECH);
    cr_assert_eq(kind("#tea"), LINE_SPEECH);
    cr_assert_eq(kind(""), LINE_SPEECH);
}

Test(line_kind, joins_leaves_and_renames_are_presence)
{
    static const char *const lines[] = {
        "#t -- ann joined\r\n",
        "#t -- ann and bob joined\r\n",
        "#t -- ann, bob and eve joined\r\n",
        "#t -- ann, bob, cat, dog, eve and 1 other joined\r\n",
        "#t -- ann, bob, cat, dog, eve and 12 others left\r\n",
        "#t -- ann left (quit: kicked)\r\n",
        "#t -- ann left (connection closed)\r\n",
        "#t -- 12 others left\r\n",
        "#t -- 1 other left\r\n",
        "#t -- ann is now eve\r\n",
        "#t -- and and and left\r\n",
        "#t -- left, joined and set joined\r\n",
        "#t -- is is now and\r\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_assert_eq(kind(lines[i]), LINE_PRESENCE, "%s", lines[i]);
}

Test(line_kind, topics_kicks_and_the_like_are_events)
{
    static const char *const lines[] = {
        "#t -- ann set the topic: eve left\r\n",
        "#t -- left set the topic: x joined\r\n",
        "#t -- ann left (kicked: spam)\r\n",
        "#t -- ann left (kicked)\r\n",
        "#t -- joined now owns the room\r\n",
        "#t -- 12 wrong keys were tried\r\n",
        "#t -- \r\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_assert_eq(kind(lines[i]), LINE_EVENT, "%s", lines[i]);
}

Test(line_kind, a_line_that_is_cut_anywhere_is_read_to_its_end_alone)
{
    const char line[] = "#t -- ann, bob and 12 others left (kicked: spam)\r\n";
    for (size_t length = 0; length < sizeof(line); length++) {
        char copy[sizeof(line)];
        memset(copy, '!', sizeof(copy));
        memcpy(copy, line, length);
        (void)line_kind(copy, length);
    }
    cr_assert_eq(line_kind("#t -- ann left", 14), LINE_PRESENCE);
    cr_assert_eq(line_kind("#t -- ann left", 13), LINE_EVENT);
}
