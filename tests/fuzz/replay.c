/*
 * replay: what stands in for libFuzzer where there is none: replay [FILE...]
 *
 * Feeds a fuzz target the files of a corpus, and then inputs of its own from a fixed seed. So the
 * pure modules are tried with compilers and machines that know no fuzzer.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX 4096
#define ROUNDS 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* xorshift64. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Bytes that mean something to telnet, UTF-8, escape sequences and lines come often. */
static uint8_t next_byte(uint64_t *state)
{
    static const uint8_t telling[] = {0,    1,    3,    4,    8,    9,    10,   13,  27,
                                      127,  0xc2, 0x9b, 0xe2, 0x80, 0xae, 0xef, 250, 240,
                                      0xf0, 241,  246,  247,  248,  251,  253,  255, 255};
    uint64_t random = next_random(state);
    return random & 1 ? telling[(random >> 8) % sizeof(telling)] : (uint8_t)(random >> 16);
}

static int replay_file(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file); /* it was only read */
    return LLVMFuzzerTestOneInput(bytes, size);
}

int main(int argc, char **argv)
{
    uint64_t state = 88172645463325252;
    for (int i = 1; i < argc; i++)
        if (replay_file(argv[i]) != 0)
            return 1;
    for (int round = 0; round < ROUNDS; round++) {
        static uint8_t bytes[INPUT_MAX];
        size_t size = next_random(&state) % (round % 50 == 0 ? INPUT_MAX : 64);
        for (size_t i = 0; i < size; i++)
            bytes[i] = next_byte(&state);
        (void)LLVMFuzzerTestOneInput(bytes, size);
    }
    printf("%d files and %d inputs replayed\n", argc - 1, ROUNDS);
    return 0;
}
