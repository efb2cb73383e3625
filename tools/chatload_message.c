#include "tools/chatload_message.h"

#include <assert.h>

static char *write_digits(char *text, uint64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        text[i] = (char)('0' + (value & 63));
        value >>= 6;
    }
    return text + count;
}

void message_tag(uint32_t random, char tag[MESSAGE_TAG_BYTES])
{
    tag[0] = '=';
    write_digits(tag + 1, random, MESSAGE_TAG_BYTES - 1);
}

void message_write(const struct message *message, const char tag[MESSAGE_TAG_BYTES], char *text,
                   size_t size)
{
    assert(size >= MESSAGE_HEAD_BYTES);
    assert(message->from <= MESSAGE_FROM_MAX);
    assert(message->number <= MESSAGE_NUMBER_MAX);
    memcpy(text, tag, MESSAGE_TAG_BYTES);
    char *at = text + MESSAGE_TAG_BYTES;
    at = write_digits(at, message->from, MESSAGE_FROM_DIGITS);
    at = write_digits(at, message->number, MESSAGE_NUMBER_DIGITS);
    at = write_digits(at, (uint64_t)message->due_ns, MESSAGE_DUE_DIGITS);
    memset(at, 'x', size - MESSAGE_HEAD_BYTES);
}
