#include "chat/text/input.h"

#include <assert.h>
#include <string.h>

#include "chat/text/text.h"

enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, DELETE = 127 };

/* Bytes that mean something; any other just becomes part of the line. */
static const bool is_special[256] = {
    [0] = true,    [CTRL_C] = true, [CTRL_D] = true, [BACKSPACE] = true,
    ['\n'] = true, ['\r'] = true,   [DELETE] = true, [TELNET_IAC] = true,
};

static void advance(struct input_raw *raw, size_t size)
{
    raw->bytes += size;
    raw->size -= size;
}

/* The bytes without meaning that these begin with. */
static size_t ordinary_length(const uint8_t *bytes, size_t length)
{
    size_t size = 0;

    while (length - size >= TEXT_STRIDE && !text_controls(text_stride((const char *)bytes + size)))
        size += TEXT_STRIDE;
    while (size < length && !is_special[bytes[size]])
        size++;
    return size;
}

/* The fast path: a stretch of bytes without meaning, as far as the line has room for it. */
static void take_ordinary(struct input *input, struct input_line *line, struct input_raw *raw)
{
    size_t room = line->max_bytes - line->length;
    size_t size = ordinary_length(raw->bytes, raw->size < room ? raw->size : room);
    if (size == 0)
        return;
    memcpy(line->bytes + line->length, raw->bytes, size);
    line->length += size;
    input->after_cr = false;
    advance(raw, size);
}

static enum input_event end_line(struct input *input)
{
    if (input->skipping) {
        input->skipping = false;
        return INPUT_MORE;
    }
    input->line_taken = true;
    return INPUT_LINE;
}

static enum input_event skip_byte(struct input *input, size_t max_bytes)
{
    if (++input->skipped_bytes < max_bytes)
        return INPUT_MORE;
    input->skipped_bytes = 0;
    return INPUT_SKIPPED;
}

/* The byte for which there is no room counts as the first one skipped: so a line of any length
 * costs about as much as the longest ones that would hold its bytes. */
static enum input_event append_byte(struct input *input, struct input_line *line, uint8_t byte)
{
    if (line->length < line->max_bytes) {
        line->bytes[line->length++] = (char)byte;
        return INPUT_MORE;
    }
    line->length = 0;
    input->skipping = true;
    input->skipped_bytes = 1;
    return INPUT_TOO_LONG;
}

static void erase_character(struct input_line *line)
{
    line->length -= text_last_character(line->bytes, line->length);
}

static enum input_event take_data(struct input *input, struct input_line *line, uint8_t byte)
{
    bool after_cr = input->after_cr;

    input->after_cr = byte == '\r';
    if (byte == '\0' || (byte == '\n' && after_cr))
        return INPUT_MORE;
    if (byte == '\n' || byte == '\r')
        return end_line(input);
    if (input->skipping)
        return skip_byte(input, line->max_bytes);
    if (byte == BACKSPACE || byte == DELETE) {
        erase_character(line);
        return INPUT_MORE;
    }
    if (byte == CTRL_C && line->length == 0)
        return INPUT_INTERRUPT;
    if (byte == CTRL_D && line->length == 0)
        return INPUT_END;
    return append_byte(input, line, byte);
}

static enum input_event take_byte(struct input *input, struct input_line *line, uint8_t byte)
{
    switch (telnet_feed(&input->telnet, byte, input->answer)) {
    case TELNET_NOTHING:
        break;
    case TELNET_DATA:
        return take_data(input, line, byte);
    case TELNET_ANSWER:
        return INPUT_ANSWER;
    case TELNET_ARE_YOU_THERE:
        return INPUT_ARE_YOU_THERE;
    case TELNET_ERASE_CHARACTER:
        erase_character(line);
        break;
    case TELNET_ERASE_LINE:
        line->length = 0;
        break;
    case TELNET_INTERRUPT:
        return INPUT_INTERRUPT;
    case TELNET_END:
        return INPUT_END;
    }
    return INPUT_MORE;
}

static void begin_pull(struct input *input, struct input_line *line)
{
    if (input->line_taken)
        line->length = 0;
    input->line_taken = false;
    assert(line->max_bytes >= INPUT_MAX_BYTES_LEAST);
    assert(line->length <= line->max_bytes);
    assert(!input->skipping || line->length == 0);
}

enum input_event input_pull(struct input *input, struct input_line *line, struct input_raw *raw)
{
    begin_pull(input, line);
    while (raw->size > 0) {
        if (telnet_between_commands(&input->telnet) && !input->skipping)
            take_ordinary(input, line, raw);
        if (raw->size == 0)
            break;
        uint8_t byte = *raw->bytes;
        /* A last line without its end is handed out first: the end of file is met again. */
        if (line->length > 0 && telnet_ends_with(&input->telnet, byte))
            return end_line(input);
        advance(raw, 1);
        enum input_event event = take_byte(input, line, byte);
        if (event != INPUT_MORE)
            return event;
    }
    return INPUT_MORE;
}

bool input_finish(const struct input *input, const struct input_line *line)
{
    return !input->line_taken && line->length > 0;
}
