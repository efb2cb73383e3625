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
    size_t unpaid; /* bytes since the last thing that was told */
    bool skipping;
    bool not_first; /* the first line is over */
    bool closed;
    uint8_t opening[3]; /* the first data bytes */
    size_t opening_count;
    int before; /* the data byte before, -1 at the beginning */
};

static inline void model_tell(struct model *model, const char *text)
{
    size_t size = strlen(text);
    memcpy(model->text + model->length, text, size + 1);
    model->length += size;
    model->unpaid = 0;
}

static inline void model_close(struct model *model)
{
    model_tell(model, "<foreign>");
    model->closed = true;
}

/* A request line, found by splitting at blanks. `whole`: with its version. */
static inline bool model_is_request(const char *line, bool whole)
{
    static const char methods[] = " GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PRI ";
    char method[TRANSCRIPT_BYTES / 64];
    const char *space = strchr(line, ' ');
    size_t length = space ? (size_t)(space - line) : 0;

    if (length == 0)
        return false;
    snprintf(method, sizeof(method), " %.*s ", (int)length, line);
    if (!strstr(methods, method) && space[1] != '/')
        return false;
    if (!whole)
        return true;
    const char *version = strchr(space + 1, ' ');
    return version && version > space + 1 && strncmp(version, " HTTP/", 6) == 0 &&
           strchr("0123456789", version[6]) && version[6];
}

static inline void model_tell_line(struct model *model, const char *open, const char *close)
{
    bool first = !model->not_first;

    model->not_first = true;
    model->line[model->line_length] = '\0';
    if (first && model_is_request(model->line, true)) {
        model_close(model);
        return;
    }
    model_tell(model, open);
    model_tell(model, model->line);
    model_tell(model, close);
    model->line_length = 0;
}

static inline void model_add(struct model *model, uint8_t byte)
{
    bool first = !model->not_first;

    if (model->skipping)
        return;
    if (model->line_length < model->max_bytes) {
        model->line[model->line_length++] = (char)byte;
        return;
    }
    model->line[model->line_length] = '\0';
    model->skipping = model->not_first = true;
    model->line_length = 0;
    if (first && model_is_request(model->line, false))
        model_close(model);
    else
        model_tell(model, "<long>");
}

static inline void model_begin_anew(struct model *model)
{
    model->line_length = 0;
    model->skipping = false;
}

static inline void model_end_line(struct model *model)
{
    if (model->skipping)
        model_begin_anew(model);
    else
        model_tell_line(model, "[", "]");
}

static inline void model_byte(struct model *model, uint8_t byte)
{
    bool pair = model->before == '\r' && (byte == '\n' || byte == '\0');
    bool empty = model->line_length == 0 && !model->skipping;

    model->before = pair ? -1 : byte;
    if (pair || byte == '\0')
        return;
    if (byte == 3)
        model_begin_anew(model);
    if (byte == '\n' || byte == '\r')
        model_end_line(model);
    else if ((byte == 8 || byte == 127) && !model->skipping)
        model->line_length -= utf8_oracle_last(model->line, model->line_length);
    else if (byte == 3 && empty)
        model_tell(model, "<intr>");
    else if (byte == 4 && empty)
        model_tell(model, "<end>");
    else if (byte != 3 && byte != 8 && byte != 127)
        model_add(model, byte);
}

/* A byte for the chat; the first three may be a byte order mark or a TLS hello. */
static inline void model_data(struct model *model, uint8_t byte)
{
    if (model->opening_count < 3)
        model->opening[model->opening_count++] = byte;
    bool opened = model->opening_count == 3;
    if (opened && memcmp(model->opening, "\x16\x03", 2) == 0 && model->opening[2] <= 4) {
        model_close(model);
        return;
    }
    model_byte(model, byte);
    if (opened && memcmp(model->opening, "\xEF\xBB\xBF", 3) == 0)
        model->line_length = 0;
    if (opened)
        memset(model->opening, 0, 3);
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

/* The bytes of the command that `bytes` begins with, or as many as there are of it. */
static inline size_t model_command_size(const uint8_t *bytes, size_t size)
{
    size_t whole = size > 1 && bytes[1] >= 251 && bytes[1] <= 254 ? 3 : 2;
    if (size > 1 && bytes[1] == 250)
        return model_subnegotiation(bytes, size);
    return whole < size ? whole : size;
}

static inline void model_refuse(struct model *model, const uint8_t *bytes)
{
    char text[16];

    snprintf(text, sizeof(text), "<%s %u>", bytes[1] == 253 ? "wont" : "dont", bytes[2]);
    if (bytes[1] == 253 || bytes[1] == 251)
        model_tell(model, text);
}

/* Carries out a command of two bytes. */
static inline void model_command(struct model *model, uint8_t command)
{
    static const struct {
        uint8_t command;
        const char *name;
    } told[] = {{236, "<end>"}, {244, "<intr>"}, {246, "<ayt>"}};

    if (command == 236 && model->line_length > 0)
        model_tell_line(model, "[", "]");
    if (model->closed)
        return;
    if (command == 244 || command == 248)
        model_begin_anew(model);
    for (size_t i = 0; i < 3; i++) {
        if (command == told[i].command)
            model_tell(model, told[i].name);
    }
    if (command == 255)
        model_data(model, 255);
    if (command == 247)
        model->line_length -= utf8_oracle_last(model->line, model->line_length);
}

/* Counts a byte that told nothing. */
static inline void model_count(struct model *model)
{
    if (++model->unpaid == model->max_bytes)
        model_tell(model, "<bytes>");
}

/* Carries out the data byte, or the command, that is `bytes`: what it tells, it tells last. */
static inline void model_step(struct model *model, const uint8_t *bytes, size_t size)
{
    for (size_t i = 1; i < size; i++)
        model_count(model);
    size_t told = model->length;
    if (bytes[0] != 255)
        model_data(model, bytes[0]);
    else if (size == 3 && bytes[1] >= 251 && bytes[1] <= 254)
        model_refuse(model, bytes);
    else if (size == 2 && (bytes[1] < 250 || bytes[1] == 255))
        model_command(model, bytes[1]);
    if (model->length == told)
        model_count(model);
}

/* Two sizes side by side: the bytes', then the longest line's, as in a transcript. */
static inline void model_run(struct model *model, const char *text, size_t size, size_t max_bytes)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t at = 0;

    memset(model, 0, sizeof(*model));
    model->max_bytes = max_bytes;
    model->before = -1;
    while (at < size && !model->closed) {
        size_t step = bytes[at] == 255 ? model_command_size(bytes + at, size - at) : 1;
        model_step(model, bytes + at, step);
        at += step;
    }
    if (model->line_length > 0 && !model->closed)
        model_tell_line(model, "{", "}");
}

#endif
