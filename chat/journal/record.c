#include "chat/journal/record.h"

#include <assert.h>
#include <string.h>

#define RECORD_FIRST_BYTE 0xFF

/* In front of the names in a content. */
#define CONTENT_HEAD_BYTES ((size_t)9)

uint32_t record_checksum(uint32_t crc, const void *bytes, size_t size)
{
    /* Four bits at a time: a table of 16 words that a reader can check by hand. */
    static const uint32_t table[16] = {0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1,
                                       0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
                                       0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
                                       0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75};
    crc = ~crc;
    for (const uint8_t *at = bytes, *end = at + size; at < end; at++) {
        crc ^= *at;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static char *put_number(char *to, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *to++ = (char)(number >> 8 * i);
    return to;
}

static uint64_t get_number(const char *from, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number |= (uint64_t)(uint8_t)from[i] << 8 * i;
    return number;
}

static char *put_bytes(char *to, const char *bytes, size_t size)
{
    if (size > 0)
        memcpy(to, bytes, size);
    return to + size;
}

static size_t content_size(const struct record *record)
{
    return CONTENT_HEAD_BYTES + record->room_bytes + record->text_bytes;
}

size_t record_size(const struct record *record)
{
    return RECORD_HEAD_BYTES + content_size(record);
}

/* Of a whole record at `head`: over the type and the length, then over the content. */
static uint32_t checksum_of(const char *head, size_t content_bytes)
{
    uint32_t crc = record_checksum(0, head + 1, 5);
    return record_checksum(crc, head + RECORD_HEAD_BYTES, content_bytes);
}

void record_write(const struct record *record, char *to)
{
    size_t size = content_size(record);
    assert(size <= RECORD_CONTENT_MAX);
    assert(record->room_bytes <= UINT8_MAX);
    char *head = to;
    *to++ = (char)RECORD_FIRST_BYTE;
    *to++ = (char)record->type;
    to = put_number(to, size, 4);
    char *checksum = to;
    to = put_number(to + 4, (uint64_t)record->stamp_ns, 8);
    *to++ = (char)record->room_bytes;
    to = put_bytes(to, record->room, record->room_bytes);
    (void)put_bytes(to, record->text, record->text_bytes);
    put_number(checksum, checksum_of(head, size), 4);
}

/* How far it is to the next byte that may begin a record. */
static size_t distance_to_next(const char *bytes, size_t size)
{
    const char *next = memchr(bytes + 1, RECORD_FIRST_BYTE, size - 1);
    return next ? (size_t)(next - bytes) : size;
}

/* Whether the lengths inside a content fit into it. */
static bool content_fits(const char *content, size_t size)
{
    return size >= CONTENT_HEAD_BYTES && (uint8_t)content[8] <= size - CONTENT_HEAD_BYTES;
}

static void read_content(const char *content, size_t size, struct record *record)
{
    if (!content_fits(content, size))
        return; /* of a type that has another content */
    record->stamp_ns = (int64_t)get_number(content, 8);
    record->room_bytes = (uint8_t)content[8];
    record->room = content + CONTENT_HEAD_BYTES;
    record->text = record->room + record->room_bytes;
    record->text_bytes = size - CONTENT_HEAD_BYTES - record->room_bytes;
}

static bool is_known(uint8_t type)
{
    return type >= RECORD_LINE && type <= RECORD_SYNCED;
}

struct record_found record_find(const char *bytes, size_t size, struct record *record)
{
    const struct record_found damaged = {RECORD_DAMAGED, distance_to_next(bytes, size)};
    const struct record_found partial = {RECORD_PARTIAL, damaged.bytes};
    if ((uint8_t)bytes[0] != RECORD_FIRST_BYTE)
        return damaged;
    if (size < RECORD_HEAD_BYTES)
        return partial;
    size_t content_bytes = get_number(bytes + 2, 4);
    if (content_bytes > RECORD_CONTENT_MAX)
        return damaged;
    if (size - RECORD_HEAD_BYTES < content_bytes)
        return partial;
    const char *content = bytes + RECORD_HEAD_BYTES;
    if (get_number(bytes + 6, 4) != checksum_of(bytes, content_bytes))
        return damaged;
    *record = (struct record){.type = (uint8_t)bytes[1]};
    if (is_known(record->type) && !content_fits(content, content_bytes))
        return damaged;
    read_content(content, content_bytes, record);
    return (struct record_found){RECORD_GOOD, RECORD_HEAD_BYTES + content_bytes};
}
