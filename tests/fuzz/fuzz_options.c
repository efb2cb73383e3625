/*
 * A fuzz target for libFuzzer: command lines and endpoints. `make fuzz` runs it.
 *
 * The input is the words, each ended by a newline. A refusal is one line of UTF-8 that is fit to
 * be shown; an endpoint that is accepted reads the same again after it was written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chat/config/config.h"
#include "tests/support/utf8_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 32 };

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_endpoint(const char *text)
{
    struct endpoint first, again;
    char written[ENDPOINT_TEXT], rewritten[ENDPOINT_TEXT];

    if (endpoint_parse(text, &first) < 0)
        return;
    endpoint_format(&first, written);
    require(endpoint_parse(written, &again) == 0);
    endpoint_format(&again, rewritten);
    require(strcmp(written, rewritten) == 0 && first.kind == again.kind);
    require(endpoint_same(&first, &again) || first.port == 0);
}

static void check_command_line(char **argv)
{
    static struct config config;
    char problem[CONFIG_PROBLEM_TEXT];
    int rc = config_parse(&config, argv, problem, sizeof(problem));

    require(rc == 0 || rc == -EINVAL || rc == CONFIG_HELP || rc == CONFIG_VERSION);
    require((rc == -EINVAL) == (problem[0] != '\0'));
    require(utf8_oracle_showable(problem, strlen(problem)));
    require(rc != -EINVAL || strncmp(problem, "chatd: ", 7) == 0);
    require(rc != 0 || (config.listener_count >= 1 && config.max_line_bytes >= 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words[WORDS_MAX + 2] = {(char[]){"chatd"}};
    char *text = malloc(size + 1);
    size_t count = 1;

    memcpy(text, size > 0 ? data : (const uint8_t *)"", size);
    text[size] = '\0';
    for (char *at = text, *end; count <= WORDS_MAX && (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        words[count++] = at;
        check_endpoint(at);
    }
    check_command_line(words);
    free(text);
    return 0;
}
