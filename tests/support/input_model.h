/*
 * input_model: what input.h should make of a client's bytes, told the naive way.
 *
 * It has all bytes at once, finds each telnet command's end by looking ahead,
 * and erases by counting characters from the line's beginning. It writes the
 * text that input_transcript.h writes.
 */
#ifndef TESTS_SUPPORT_INPUT_MODEL_H
#define TESTS_SUPPORT_INPUT_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/input_transcript.h"
#include "tests/support/utf8_oracle.h"

struct model {
    char text[TRANSCRIPT_BYTES];
    size_t length;
    char line[TRANSCRIPT_BYTES];
    size_t line_length;
    size_t max_bytes;
    size_t skipped; /* 0: the line is not too long */
    int before; /* the data byte before, -1 at the beginning */
};

static inline void model_tell(struct model *model, const char *text)
{
    size_t size = strlen(text);
    memcpy(model->text + model->length, text, size + 1);
    model->length += size;
}

static inline void model_tell_line(struct model *model, const char *open, const char *close)
{
    model->line[model->line_length] = '\0';
    model_tell(model, open);
    model_tell(model, model->line);
    model_tell(model, close);
    model->line_length = 0;
}

static inline void model_add(struct model *model, uint8_t byte)
{
    if (model->skipped > 0) {
        if (++model->skipped % model->max_bytes == 0)
            model_tell(model, "<skip>");
    } else if (model->line_length == model->max_bytes) {
        model->skipped = 1;
        model->line_length = 0;
        model_tell(model, "<long>");
    } else {
        model->line[model->line_length++] = (char)byte;
    }
}

static inline void model_data(struct model *model, uint8_t byte)
{
    bool pair = model->before == '\r' && (byte == '\n' || byte == '\0');
    bool empty = model->line_length == 0 && model->skipped == 0;

    model->before = pair ? -1 : byte;
    if (pair || byte == '\0')
        return;
    if ((byte == '\n' || byte == '\r') && model->skipped > 0)
        model->skipped = 0;
    else if (byte == '\n' || byte == '\r')
        model_tell_line(model, "[", "]");
    else if ((byte == 8 || byte == 127) && model->skipped == 0)
        model->line_length -= utf8_oracle_last(model->line, model->line_length);
    else if (byte == 3 && empty)
        model_tell(model, "<intr>");
    else if (byte == 4 && empty)
        model_tell(model, "<end>");
    else
        model_add(model, byte);
}

/* The bytes of the subnegotiation that `bytes` begins with. */
static inline size_t model_subnegotiation(const uint8_t *bytes, size_t size)
{
    for (size_t i = 2; i + 1 < size; i++) {
        if (bytes[i] == 255 && bytes[i + 1] == 240)
            return i + 2;
        if (bytes[i] == 255)
            i++;
    }
    return size;
}

/* The bytes of the command that `bytes` begins with, which is carried out if it is whole. */
static inline size_t model_command(struct model *model, const uint8_t *bytes, size_t size)
{
    static const struct {
        uint8_t command;
        const char *name;
    } told[] = {{236, "<end>"}, {244, "<intr>"}, {246, "<ayt>"}};
    char text[16];

    if (size < 2)
        return size;
    if (bytes[1] == 250)
        return model_subnegotiation(bytes, size);
    if (bytes[1] >= 251 && bytes[1] <= 254) {
        if (size < 3)
            return size;
        snprintf(text, sizeof(text), "<%s %u>", bytes[1] == 253 ? "wont" : "dont", bytes[2]);
        if (bytes[1] == 253 || bytes[1] == 251)
            model_tell(model, text);
        return 3;
    }
    if (bytes[1] == 236 && model->line_length > 0)
        model_tell_line(model, "[", "]");
    for (size_t i = 0; i < 3; i++) {
        if (bytes[1] == told[i].command)
            model_tell(model, told[i].name);
    }
    if (bytes[1] == 255)
        model_data(model, 255);
    if (bytes[1] == 247)
        model->line_length -= utf8_oracle_last(model->line, model->line_length);
    if (bytes[1] == 248)
        model->line_length = 0;
    return 2;
}

/* Two sizes side by side: the bytes', then the longest line's, as in a transcript. */
static inline void model_run(struct model *model, const char *text, size_t size, size_t max_bytes)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t at = 0;

    *model = (struct model){.max_bytes = max_bytes, .before = -1};
    while (at < size) {
        if (bytes[at] == 255)
            at += model_command(model, bytes + at, size - at);
        else
            model_data(model, bytes[at++]);
    }
    if (model->line_length > 0)
        model_tell_line(model, "{", "}");
}

#endif
