/* What a load message says, written and read. */
#include "tools/chatload/message.h"

#include <criterion/criterion.h>

#include "tests/support/fixture.h"

Test(chatload_message, what_is_written_is_read)
{
    char tag[MESSAGE_TAG_BYTES];
    char text[64];
    uint64_t seed = 4711;
    message_tag(0x2f3a7, tag);
    for (int round = 0; round < 10000; round++) {
        struct message written = {
            .from = fixture_random(&seed, MESSAGE_FROM_MAX + 1),
            .number = fixture_random(&seed, MESSAGE_NUMBER_MAX + UINT32_C(1)),
            .due_ns = (int64_t)fixture_random(&seed, UINT32_MAX) * 65536 + round,
        };
        struct message read;
        message_write(&written, tag, text, sizeof(text));
        must(message_read(&read, tag, text), "round %d isn't read", round);
        must(read.from == written.from && read.number == written.number &&
                 read.due_ns == written.due_ns,
             "round %d is read wrong", round);
    }
}

Test(chatload_message, holds_nothing_that_a_server_would_change)
{
    char tag[MESSAGE_TAG_BYTES];
    char text[64];
    struct message message = {.from = MESSAGE_FROM_MAX, .number = 63, .due_ns = INT64_MAX >> 15};
    message_tag(UINT32_MAX, tag);
    message_write(&message, tag, text, sizeof(text));
    cr_assert_neq(text[0], '/');
    for (size_t i = 0; i < sizeof(text); i++)
        cr_assert(text[i] > ' ' && text[i] < 0x7f);
}

Test(chatload_message, another_runs_and_a_damaged_one_are_none)
{
    char tag[MESSAGE_TAG_BYTES];
    char other[MESSAGE_TAG_BYTES];
    char text[64];
    struct message message = {.from = 1};
    message_tag(1, tag);
    message_tag(2, other);
    message_write(&message, tag, text, sizeof(text));
    cr_assert_not(message_read(&message, other, text));
    for (size_t i = 0; i < MESSAGE_HEAD_BYTES; i++) {
        char kept = text[i];
        text[i] = ' ';
        must(!message_read(&message, tag, text), "a blank at %zu is read", i);
        text[i] = kept;
    }
    cr_assert(message_read(&message, tag, text));
}
