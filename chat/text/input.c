#include "chat/text/input.h"

#include <assert.h>
#include <string.h>

#include "chat/text/text.h"

enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, DELETE = 127 };

static void advance(struct input *input, struct input_raw *raw, size_t size)
{
    raw->bytes += size;
    raw->size -= size;
    input->unpaid_bytes += (uint32_t)size;
}

/* What is not a chat. */

/* How much of a beginning that is looked for has come. */
enum opening { NOTHING_YET, MARK_1, MARK_2, HELLO_1, HELLO_2, OPENED };

/* The first bytes: a byte order mark (EF BB BF) vanishes; a TLS record with a hello (16, version
 * 03 00 to 03 04) is none of ours. */
static enum input_event open_with(struct input *input, struct input_line *line, uint8_t byte)
{
    enum opening before = input->opening;

    input->opening = OPENED;
    if (before == NOTHING_YET && byte == 0xEF)
        input->opening = MARK_1;
    else if (before == MARK_1 && byte == 0xBB)
        input->opening = MARK_2;
    else if (before == MARK_2 && byte == 0xBF)
        line->length = 0;
    else if (before == NOTHING_YET && byte == 0x16)
        input->opening = HELLO_1;
    else if (before == HELLO_1 && byte == 0x03)
        input->opening = HELLO_2;
    else if (before == HELLO_2 && byte <= 0x04)
        return INPUT_FOREIGN;
    return INPUT_MORE;
}

static bool is_known_method(const char *text, size_t length)
{
    static const char *const methods[] = {"GET",     "HEAD",    "POST",  "PUT",   "DELETE",
                                          "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strlen(methods[i]) == length && memcmp(methods[i], text, length) == 0)
            return true;
    return false;
}

/* Where the target stands if `line` begins like a request, else NULL. A page may invent a method,
 * but what a browser then sends as the target begins with a slash. */
static const char *request_target(const struct input_line *line)
{
    const char *end = line->bytes + line->length;
    const char *space = memchr(line->bytes, ' ', line->length);

    if (!space)
        return NULL;
    if (is_known_method(line->bytes, (size_t)(space - line->bytes)))
        return space + 1;
    return space > line->bytes && end - space > 1 && space[1] == '/' ? space + 1 : NULL;
}

/* METHOD, space, target, space, `HTTP/` and a digit. */
static bool is_request(const struct input_line *line)
{
    static const char version[] = " HTTP/";
    const char *end = line->bytes + line->length;
    const char *target = request_target(line);
    const char *space = target ? memchr(target, ' ', (size_t)(end - target)) : NULL;

    if (!space || space == target || (size_t)(end - space) < sizeof(version))
        return false;
    char digit = space[sizeof(version) - 1];
    return memcmp(space, version, sizeof(version) - 1) == 0 && digit >= '0' && digit <= '9';
}

/* Lines. */

static enum input_event end_line(struct input *input, const struct input_line *line)
{
    bool first = !input->first_seen;

    input->first_seen = true;
    if (input->skipping) {
        input->skipping = false;
        return INPUT_MORE;
    }
    input->line_taken = true;
    return first && is_request(line) ? INPUT_FOREIGN : INPUT_LINE;
}

static void begin_anew(struct input *input, struct input_line *line)
{
    input->skipping = false;
    line->length = 0;
}

static enum input_event append_byte(struct input *input, struct input_line *line, uint8_t byte)
{
    bool first = !input->first_seen;

    if (line->length < line->max_bytes) {
        line->bytes[line->length++] = (char)byte;
        return INPUT_MORE;
    }
    input->first_seen = true;
    bool foreign = first && request_target(line);
    line->length = 0;
    input->skipping = true;
    return foreign ? INPUT_FOREIGN : INPUT_TOO_LONG;
}

static void erase_character(struct input_line *line)
{
    line->length -= text_last_character(line->bytes, line->length);
}

static enum input_event interrupt(struct input *input, struct input_line *line)
{
    bool alone = line->length == 0 && !input->skipping;

    begin_anew(input, line);
    return alone ? INPUT_INTERRUPT : INPUT_MORE;
}

static enum input_event take_data(struct input *input, struct input_line *line, uint8_t byte)
{
    bool after_cr = input->after_cr;

    input->after_cr = byte == '\r';
    if (byte == '\0' || (byte == '\n' && after_cr))
        return INPUT_MORE;
    if (byte == '\n' || byte == '\r')
        return end_line(input, line);
    if (byte == CTRL_C)
        return interrupt(input, line);
    if (input->skipping)
        return INPUT_MORE;
    if (byte == BACKSPACE || byte == DELETE) {
        erase_character(line);
        return INPUT_MORE;
    }
    if (byte == CTRL_D && line->length == 0)
        return INPUT_END;
    return append_byte(input, line, byte);
}

static enum input_event take_first_data(struct input *input, struct input_line *line, uint8_t byte)
{
    enum input_event event = take_data(input, line, byte);

    if (input->opening != OPENED && open_with(input, line, byte) == INPUT_FOREIGN)
        return INPUT_FOREIGN;
    return event;
}

static enum input_event take_byte(struct input *input, struct input_line *line, uint8_t byte)
{
    switch (telnet_feed(&input->telnet, byte, input->answer)) {
    case TELNET_NOTHING:
        break;
    case TELNET_DATA:
        return take_first_data(input, line, byte);
    case TELNET_ANSWER:
        return INPUT_ANSWER;
    case TELNET_ARE_YOU_THERE:
        return INPUT_ARE_YOU_THERE;
    case TELNET_ERASE_CHARACTER:
        erase_character(line);
        break;
    case TELNET_ERASE_LINE:
        begin_anew(input, line);
        break;
    case TELNET_INTERRUPT:
        begin_anew(input, line);
        return INPUT_INTERRUPT;
    case TELNET_END:
        return INPUT_END;
    }
    return INPUT_MORE;
}

/* The fast path. */

/* Bytes that mean something; any other just becomes part of the line. */
static const bool is_special[256] = {
    [0] = true,    [CTRL_C] = true, [CTRL_D] = true, [BACKSPACE] = true,
    ['\n'] = true, ['\r'] = true,   [DELETE] = true, [TELNET_IAC] = true,
};

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

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* Appends a stretch of bytes without meaning at once, as far as the line has room for it and short
 * of the byte that costs. take_byte does the same for any byte. */
static void take_ordinary(struct input *input, struct input_line *line, struct input_raw *raw)
{
    if (!telnet_between_commands(&input->telnet) || input->skipping || input->opening != OPENED)
        return;
    size_t most = least(line->max_bytes - line->length, line->max_bytes - 1 - input->unpaid_bytes);
    size_t size = ordinary_length(raw->bytes, least(raw->size, most));
    if (size == 0)
        return;
    memcpy(line->bytes + line->length, raw->bytes, size);
    line->length += size;
    input->after_cr = false;
    advance(input, raw, size);
}

/* Pulling. */

static enum input_event pay(struct input *input, enum input_event event)
{
    input->unpaid_bytes = 0;
    return event;
}

static void begin_pull(struct input *input, struct input_line *line)
{
    if (input->line_taken)
        line->length = 0;
    input->line_taken = false;
    assert(line->max_bytes >= INPUT_MAX_BYTES_LEAST);
    assert(line->length <= line->max_bytes);
    assert(input->unpaid_bytes < line->max_bytes);
    assert(!input->skipping || line->length == 0);
}

enum input_event input_pull(struct input *input, struct input_line *line, struct input_raw *raw)
{
    begin_pull(input, line);
    while (raw->size > 0) {
        take_ordinary(input, line, raw);
        if (raw->size == 0)
            break;
        uint8_t byte = *raw->bytes;
        /* A last line without its end is handed out first: the end of file is met again. */
        if (line->length > 0 && telnet_ends_with(&input->telnet, byte))
            return pay(input, end_line(input, line));
        advance(input, raw, 1);
        enum input_event event = take_byte(input, line, byte);
        if (event != INPUT_MORE)
            return pay(input, event);
        if (input->unpaid_bytes == line->max_bytes)
            return pay(input, INPUT_BYTES);
    }
    return INPUT_MORE;
}

enum input_event input_finish(const struct input *input, const struct input_line *line)
{
    if (input->line_taken || line->length == 0)
        return INPUT_MORE;
    return !input->first_seen && is_request(line) ? INPUT_FOREIGN : INPUT_LINE;
}
