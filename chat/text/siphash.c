#include "chat/text/siphash.h"

#include <string.h>

/* How often the state is stirred for each word, and at the end: the "2-4" of the name. */
#define WORD_ROUNDS 2
#define FINAL_ROUNDS 4

static uint64_t rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

/* SipRound: additions, rotations and exclusive-ors, which take the same time for all data. */
static void stir(uint64_t v[4], int rounds)
{
    for (; rounds > 0; rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] = rotate_left(v[2], 32);
    }
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    stir(v, WORD_ROUNDS);
    v[0] ^= word;
}

/* Up to eight bytes as a little-endian number, whatever the machine's own order. */
static uint64_t read_word(const unsigned char *bytes, size_t count)
{
    uint64_t word = 0;

    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    const size_t tail = length % sizeof(uint64_t);
    /* The constants are the letters "somepseudorandomlygeneratedbytes". */
    uint64_t v[4] = {
        key->half[0] ^ UINT64_C(0x736f6d6570736575),
        key->half[1] ^ UINT64_C(0x646f72616e646f6d),
        key->half[0] ^ UINT64_C(0x6c7967656e657261),
        key->half[1] ^ UINT64_C(0x7465646279746573),
    };

    for (size_t i = 0; i < length - tail; i += sizeof(uint64_t))
        absorb(v, read_word(bytes + i, sizeof(uint64_t)));
    /* The last word holds what is left and, in its top byte, the length. */
    absorb(v, read_word(bytes + length - tail, tail) | (uint64_t)length << 56);
    v[2] ^= 0xff;
    stir(v, FINAL_ROUNDS);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
