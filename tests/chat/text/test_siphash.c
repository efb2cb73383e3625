#include <criterion/criterion.h>
#include <stdio.h>

#include "chat/text/siphash.h"

/* The key and the messages of the paper's appendix A: bytes that count up from 0. */
static const struct siphash_key key = {
    {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

static uint64_t hash_of_counting(size_t length)
{
    unsigned char message[64];

    for (size_t i = 0; i < length; i++)
        message[i] = (unsigned char)i;
    return siphash(&key, message, length);
}

Test(siphash, the_papers_example_comes_out)
{
    cr_assert_eq(hash_of_counting(15), UINT64_C(0xa129ca6149be45e5));
}

/* Made with another implementation: openssl mac -macopt size:8 ... SIPHASH (little-endian). */
Test(siphash, each_length_of_the_last_word_is_right)
{
    static const struct {
        size_t length;
        uint64_t hash;
    } known[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
        {2, UINT64_C(0x0d6c8009d9a94f5a)},  {3, UINT64_C(0x85676696d7fb7e2d)},
        {4, UINT64_C(0xcf2794e0277187b7)},  {5, UINT64_C(0x18765564cd99a68d)},
        {6, UINT64_C(0xcbc9466e58fee3ce)},  {7, UINT64_C(0xab0200f58b01d137)},
        {8, UINT64_C(0x93f5f5799a932462)},  {9, UINT64_C(0x9e0082df0ba9e4b0)},
        {16, UINT64_C(0x3f2acc7f57c29bdb)}, {31, UINT64_C(0x32d892fad841c342)},
        {63, UINT64_C(0x958a324ceb064572)},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        cr_assert_eq(hash_of_counting(known[i].length), known[i].hash, "length %zu",
                     known[i].length);
}

Test(siphash, another_key_is_another_hash)
{
    struct siphash_key other = key;

    for (int half = 0; half < 2; half++)
        for (int bit = 0; bit < 64; bit++) {
            other = key;
            other.half[half] ^= UINT64_C(1) << bit;
            cr_assert_neq(siphash(&other, "ann", 3), siphash(&key, "ann", 3));
        }
}
