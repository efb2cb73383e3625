/*
 * A fuzz target for libFuzzer: the telnet protocol, byte by byte, against a model that has all
 * bytes at once and finds each command's end by looking ahead. `make fuzz` runs it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/text/telnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Data bytes as they are, events as their number after a byte 255, which data doubles. */
struct story {
    uint8_t bytes[4 * 4096];
    size_t length;
};

static struct story fed, modelled;

static void tell(struct story *story, const void *bytes, size_t size)
{
    memcpy(story->bytes + story->length, bytes, size);
    story->length += size;
}

static void tell_event(struct story *story, enum telnet_event event, const uint8_t *detail)
{
    tell(story, (const uint8_t[]){255, (uint8_t)event}, 2);
    if (event == TELNET_ANSWER)
        tell(story, detail, TELNET_ANSWER_BYTES);
    else if (event == TELNET_DATA)
        tell(story, detail, 1);
}

static void feed(const uint8_t *data, size_t size)
{
    struct telnet telnet = {0};
    uint8_t answer[TELNET_ANSWER_BYTES];

    for (size_t i = 0; i < size; i++) {
        bool ends = telnet_ends_with(&telnet, data[i]);
        bool plain = telnet_between_commands(&telnet) && data[i] != TELNET_IAC;
        enum telnet_event event = telnet_feed(&telnet, data[i], answer);
        if (ends != (event == TELNET_END) || (plain && event != TELNET_DATA))
            abort();
        if (event != TELNET_NOTHING)
            tell_event(&fed, event, event == TELNET_DATA ? data + i : answer);
    }
}

static size_t skip_subnegotiation(const uint8_t *data, size_t size)
{
    for (size_t i = 2; i + 1 < size; i++) {
        if (data[i] == 255 && data[i + 1] == 240)
            return i + 2;
        i += data[i] == 255;
    }
    return size;
}

/* Tells the command that `data` begins with, if it is whole, and returns its bytes. */
static size_t model_command(const uint8_t *data, size_t size)
{
    static const struct {
        uint8_t byte;
        enum telnet_event event;
    } commands[] = {{236, TELNET_END},           {244, TELNET_INTERRUPT},
                    {246, TELNET_ARE_YOU_THERE}, {247, TELNET_ERASE_CHARACTER},
                    {248, TELNET_ERASE_LINE},    {255, TELNET_DATA}};

    if (size < 2)
        return size;
    if (data[1] == 250)
        return skip_subnegotiation(data, size);
    if (data[1] >= 251 && data[1] <= 254) {
        if (size >= 3 && (data[1] == 251 || data[1] == 253))
            tell_event(&modelled, TELNET_ANSWER,
                       (const uint8_t[]){255, data[1] == 253 ? 252 : 254, data[2]});
        return size < 3 ? size : 3;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].byte == data[1])
            tell_event(&modelled, commands[i].event, data + 1);
    return 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    fed.length = modelled.length = 0;
    feed(data, size);
    for (size_t at = 0; at < size;) {
        if (data[at] == 255) {
            at += model_command(data + at, size - at);
        } else {
            tell_event(&modelled, TELNET_DATA, data + at);
            at++;
        }
    }
    if (fed.length != modelled.length || memcmp(fed.bytes, modelled.bytes, fed.length) != 0)
        abort();
    return 0;
}
