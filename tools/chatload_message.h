/*
 * chatload_message: what a load message says. Pure.
 *
 *      =Kq3 000A 0001Gk 03:TlP2f xxxxxxxx...      (without the blanks)
 *      tag  from number due      padding
 *
 * Whoever hears it learns from the text alone who sent it, the how manieth it is
 * and when it was due. The fields have fixed places and widths, six bits a
 * character from '0' on, so reading one is a few additions; it has to be, for a
 * receiver may be handed ten million of them a second. The tag belongs to one
 * run: another chatload's messages in the same room are nobody's business.
 */
#ifndef TOOLS_CHATLOAD_MESSAGE_H
#define TOOLS_CHATLOAD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MESSAGE_TAG_BYTES 4
#define MESSAGE_FROM_DIGITS 4
#define MESSAGE_NUMBER_DIGITS 5
#define MESSAGE_DUE_DIGITS 9
#define MESSAGE_HEAD_BYTES \
    (MESSAGE_TAG_BYTES + MESSAGE_FROM_DIGITS + MESSAGE_NUMBER_DIGITS + MESSAGE_DUE_DIGITS)

/* What the digits hold. */
#define MESSAGE_FROM_MAX ((UINT32_C(1) << (6 * MESSAGE_FROM_DIGITS)) - 1)
#define MESSAGE_NUMBER_MAX ((UINT32_C(1) << (6 * MESSAGE_NUMBER_DIGITS)) - 1)

struct message {
    uint32_t from; /* the sender, from 0 */
    uint32_t number; /* the how manieth of this sender, from 0 */
    int64_t due_ns; /* when it was to be sent, on the monotonic clock */
};

/* Makes a tag of random bits: '=', which begins no command, and 18 bits. */
void message_tag(uint32_t random, char tag[MESSAGE_TAG_BYTES]);

/* Writes a message of `size` bytes, MESSAGE_HEAD_BYTES at least, without an end. */
void message_write(const struct message *message, const char tag[MESSAGE_TAG_BYTES], char *text,
                   size_t size);

/* Reads the digits at `text`; *valid becomes false where one isn't. */
static inline uint64_t message_digits(const char *text, int count, bool *valid)
{
    uint64_t value = 0;
    unsigned beyond = 0;
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned char)text[i] - (unsigned)'0';
        beyond |= digit;
        value = value << 6 | (digit & 63);
    }
    if (beyond > 63)
        *valid = false;
    return value;
}

/* Reads the MESSAGE_HEAD_BYTES at `text`. False where they are no message of this tag. */
static inline bool message_read(struct message *message, const char tag[MESSAGE_TAG_BYTES],
                                const char *text)
{
    bool valid = true;
    if (memcmp(text, tag, MESSAGE_TAG_BYTES) != 0)
        return false;
    text += MESSAGE_TAG_BYTES;
    message->from = (uint32_t)message_digits(text, MESSAGE_FROM_DIGITS, &valid);
    text += MESSAGE_FROM_DIGITS;
    message->number = (uint32_t)message_digits(text, MESSAGE_NUMBER_DIGITS, &valid);
    text += MESSAGE_NUMBER_DIGITS;
    message->due_ns = (int64_t)message_digits(text, MESSAGE_DUE_DIGITS, &valid);
    return valid;
}

#endif
