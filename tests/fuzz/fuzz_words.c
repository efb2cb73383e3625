/*
 * A fuzz target for libFuzzer: the words of a command, against strtok_r. `make fuzz` runs it.
 */
#include <stdlib.h>
#include <string.h>

#include "chat/session/call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *copy = malloc(size + 1), *rest = NULL;
    memcpy(text, size > 0 ? data : (const uint8_t *)"", size);
    text[size] = '\0';
    size = strlen(text); /* cleaned text holds no NUL */
    memcpy(copy, text, size + 1);

    struct word line = {.text = text, .length = size}, word;
    char *expected = strtok_r(copy, " ", &rest);
    while ((word = word_take(&line)).text) {
        require(expected && strlen(expected) == word.length);
        require(memcmp(expected, word.text, word.length) == 0 && word_is(word, expected));
        require(word.text - text == expected - copy);
        require(word_shown(word) <= 40 && (size_t)word_shown(word) <= word.length);
        expected = strtok_r(NULL, " ", &rest);
    }
    require(!expected && line.length == 0);
    free(text);
    free(copy);
    return 0;
}
