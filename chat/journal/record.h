/*
 * record: one change, as the journal's file holds it. Pure.
 *
 * A journal is a header and then records, oldest first:
 *
 *      "chatd journal 1\n"
 *      0xFF | type | length (4) | checksum (4) | content (length bytes)
 *
 * Numbers are little-endian. The checksum is CRC-32C over the type, the length
 * and the content (RFC 3720, appendix B.4). The first byte never occurs in
 * UTF-8, and all text in a journal is UTF-8: a reader that met damage looks for
 * that byte, and nobody can plant a record in a line of chat.
 *
 *      content: stamp (8) | length of the room's name (1) | room | text
 *
 * Reading is a loop over a window of the file:
 *
 *      struct record record;
 *      struct record_found found = record_find(bytes, size, &record);
 *
 * A type that this program does not know, with a good checksum, is no damage:
 * record_find returns it without texts, and the caller skips it.
 */
#ifndef CHAT_JOURNAL_RECORD_H
#define CHAT_JOURNAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The file's first bytes, without a NUL. */
#define RECORD_HEADER "chatd journal 1\n"
#define RECORD_HEADER_BYTES ((size_t)16)

/* In front of each record's content. */
#define RECORD_HEAD_BYTES ((size_t)10)

/* The most bytes of one content. The longest line is 16384 bytes of input, three times that after
 * cleaning, and the names around it; a length above this is damage. */
#define RECORD_CONTENT_MAX ((size_t)64 * 1024)

enum record_type {
    RECORD_LINE = 1, /* text: speech or an emote, as it was sent, without its CR LF */
    RECORD_TOPIC = 2, /* text: the room's topic */
    RECORD_KEY = 3, /* text: the room's key; empty: the room asks for none any more */
    RECORD_END = 4, /* the room has ended, and what it remembered with it */
    RECORD_BAN = 5, /* text: ADDRESS/BITS; stamp: when it ends, INT64_MAX: never; no room */
    RECORD_UNBAN = 6, /* text: ADDRESS/BITS; no room */
    RECORD_SYNCED =
        7 /* stamp: so many bytes of the file were on the disk before this was written */
};

/* The texts point into the caller's memory, or into the window that was read. They have no NUL. */
struct record {
    uint8_t type; /* enum record_type, or one that a later version writes */
    int64_t stamp_ns; /* the wall's clock; 0 if the type has none */
    const char *room; /* with its # */
    size_t room_bytes; /* 255 at most */
    const char *text;
    size_t text_bytes;
};

/* What record_find met at the start of a window. */
enum record_outcome {
    RECORD_GOOD, /* a record of `bytes` bytes */
    RECORD_PARTIAL, /* the window ends before the record does; if the file ends there: damaged */
    RECORD_DAMAGED /* no record begins here; the next may, after `bytes` > 0 bytes */
};

struct record_found {
    enum record_outcome outcome;
    size_t bytes; /* of the record; otherwise the distance to the next place to look at */
};

/* How many bytes record_write writes. */
size_t record_size(const struct record *record);

/* Writes `record` to `to`, which has room for record_size(record) bytes. Asserts that the content
 * is at most RECORD_CONTENT_MAX and the room's name at most 255 bytes. */
void record_write(const struct record *record, char *to);

/* Looks at the start of `bytes`, `size` > 0 of them, and fills in `record` if there is a good one:
 * its texts point into `bytes`. */
struct record_found record_find(const char *bytes, size_t size, struct record *record);

/* CRC-32C (Castagnoli) of `size` bytes after those that gave `crc`; 0 to begin. */
uint32_t record_checksum(uint32_t crc, const void *bytes, size_t size);

#endif
