#include "tools/chatload/message.h"

#include <assert.h>

static void write_digits(char *text, uint64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        text[i] = (char)('0' + (value & 63));
        value >>= 6;
    }
}

void message_tag(uint32_t random, char tag[MESSAGE_TAG_BYTES])
{
    tag[0] = '=';
    write_digits(tag + 1, random, MESSAGE_TAG_BYTES - 1);
}

void message_write(const struct message *message, const char tag[MESSAGE_TAG_BYTES], char *text,
                   size_t size)
{
    uint64_t who = (uint64_t)message->from << MESSAGE_NUMBER_BITS | message->number;
    assert(size >= MESSAGE_HEAD_BYTES);
    assert(message->from <= MESSAGE_FROM_MAX);
    assert(message->number <= MESSAGE_NUMBER_MAX);
    memcpy(text, tag, MESSAGE_TAG_BYTES);
    write_digits(text + MESSAGE_TAG_BYTES, who, MESSAGE_WORD_BYTES);
    write_digits(text + MESSAGE_TAG_BYTES + MESSAGE_WORD_BYTES, (uint64_t)message->due_ns,
                 MESSAGE_WORD_BYTES);
    memset(text + MESSAGE_HEAD_BYTES, 'x', size - MESSAGE_HEAD_BYTES);
}
