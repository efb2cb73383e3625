/*
 * chatload message: what a load message says. Pure.
 *
 *      =Kq3 000A01Gk 3:TlP2f0 xxxxxxxx...      (without the blanks)
 *      tag  who      when     padding
 *
 * The text alone tells a receiver who sent the message, its number, and when it
 * was due. These are two words of 48 bits, each written as eight characters of
 * six bits from '0' on. Eight characters are read at once, because receivers
 * read up to ten million messages per second. Each run has its own tag: another
 * chatload's messages in the same room are ignored.
 */
#ifndef TOOLS_CHATLOAD_MESSAGE_H
#define TOOLS_CHATLOAD_MESSAGE_H

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MESSAGE_TAG_BYTES 4
#define MESSAGE_WORD_BYTES 8
#define MESSAGE_HEAD_BYTES (MESSAGE_TAG_BYTES + 2 * MESSAGE_WORD_BYTES)

/* The first word is shared by two numbers. */
#define MESSAGE_NUMBER_BITS 31
#define MESSAGE_FROM_MAX ((UINT32_C(1) << (48 - MESSAGE_NUMBER_BITS)) - 1)
#define MESSAGE_NUMBER_MAX ((UINT32_C(1) << MESSAGE_NUMBER_BITS) - 1)

struct message {
    uint32_t from; /* the sender, from 0 */
    uint32_t number; /* of this sender, counted from 0 */
    int64_t due_ns; /* when it was due: since the run began, and less than 78 hours */
};

/* Reads the word at `text`: all eight digits become bytes from 0 to 63 at once, then pairs of 12
 * bits, fours of 24, and one of 48. UINT64_MAX if a character is no digit. */
static inline uint64_t message_word(const char text[MESSAGE_WORD_BYTES])
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    word = be64toh(word) - UINT64_C(0x3030303030303030);
    if (word & UINT64_C(0xc0c0c0c0c0c0c0c0))
        return UINT64_MAX;
    word = (word & UINT64_C(0x003f003f003f003f)) | (word & UINT64_C(0x3f003f003f003f00)) >> 2;
    word = (word & UINT64_C(0x00000fff00000fff)) | (word & UINT64_C(0x0fff00000fff0000)) >> 4;
    return (word & UINT64_C(0xffffff)) | (word & UINT64_C(0x00ffffff00000000)) >> 8;
}

/* Reads the MESSAGE_HEAD_BYTES at `text`. False if they are no message of this tag. */
static inline bool message_read(struct message *message, const char tag[MESSAGE_TAG_BYTES],
                                const char *text)
{
    if (memcmp(text, tag, MESSAGE_TAG_BYTES) != 0)
        return false;
    uint64_t who = message_word(text + MESSAGE_TAG_BYTES);
    uint64_t when = message_word(text + MESSAGE_TAG_BYTES + MESSAGE_WORD_BYTES);
    message->from = (uint32_t)(who >> MESSAGE_NUMBER_BITS);
    message->number = (uint32_t)who & MESSAGE_NUMBER_MAX;
    message->due_ns = (int64_t)when;
    return who != UINT64_MAX && when != UINT64_MAX;
}

static inline void write_digits(char *text, uint64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        text[i] = (char)('0' + (value & 63));
        value >>= 6;
    }
}

static inline void message_tag(uint32_t random, char tag[MESSAGE_TAG_BYTES])
{
    tag[0] = '=';
    write_digits(tag + 1, random, MESSAGE_TAG_BYTES - 1);
}

static inline void message_write(const struct message *message, const char tag[MESSAGE_TAG_BYTES],
                                 char *text, size_t size)
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

#endif
