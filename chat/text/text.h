/*
 * text: UTF-8 that is safe to show on somebody else's terminal. Pure.
 *
 * What a client sends is bytes; what others are shown has gone through
 * text_clean and is well-formed UTF-8 without anything that could move a
 * cursor, start an escape sequence or turn the direction of the line around.
 * Bytes that are no UTF-8 are told apart as the Unicode Standard recommends
 * (chapter 3, "U+FFFD Substitution of Maximal Subparts"): the longest beginning
 * of some well-formed character is one part, any other byte one by itself. So
 * every text, well-formed or not, falls into parts of one to four bytes in
 * exactly one way.
 *
 * Case and blanks are ASCII's alone: names, rooms and commands are ASCII, and
 * no locale is ever asked.
 */
#ifndef CHAT_TEXT_TEXT_H
#define CHAT_TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* REPLACEMENT CHARACTER: what stands for a part that is not well-formed. */
#define TEXT_REPLACEMENT 0xFFFD

/* How much longer cleaned text can be: one bad byte becomes the three of U+FFFD. */
#define TEXT_CLEAN_GROWTH 3

/* What text_controls and text_beyond_ascii look at in a row: as many bytes as a word has. */
#define TEXT_STRIDE 8

/* The first TEXT_STRIDE bytes of `text` as a word, for those two. */
static inline uint64_t text_stride(const char *text)
{
    uint64_t bytes;
    memcpy(&bytes, text, sizeof(bytes));
    return bytes;
}

/* Zero where none of these bytes is a control character of ASCII or 255, which is in no UTF-8 and
 * begins telnet's commands: by a borrow or a carry into its highest bit each such byte shows. */
static inline uint64_t text_controls(uint64_t bytes)
{
    const uint64_t ones = UINT64_MAX / UINT8_MAX;
    const uint64_t low = ones * 0x7F;
    const uint64_t high = ones * 0x80;
    uint64_t below_space = (bytes - ones * ' ') & ~bytes;
    uint64_t delete_or_255 = (bytes & low) + ones;
    return (below_space | delete_or_255) & high;
}

/* Zero where all of these bytes are ASCII. */
static inline uint64_t text_beyond_ascii(uint64_t bytes)
{
    return bytes & (UINT64_MAX / UINT8_MAX * 0x80);
}

/* Looks at the first part of `text` (`length` > 0 bytes) and returns its bytes, 1 to 4. Sets
 * `code_point` to its character, or to TEXT_REPLACEMENT where the part is not well-formed. */
size_t text_decode(const char *text, size_t length, uint32_t *code_point);

/* Writes `in` to `out` as others may see it and returns the bytes written. Dropped are control
 * characters but the tab (C0, DEL, C1) and bidirectional embeddings, overrides and isolates; line
 * and paragraph separators become a space; each part that is not well-formed becomes one U+FFFD.
 * `out` holds TEXT_CLEAN_GROWTH x `length` bytes and does not overlap `in`. */
size_t text_clean(char *out, const char *in, size_t length);

/* The bytes of the last part of `text`, which is what a backspace erases: 0 where there is none. */
size_t text_last_character(const char *text, size_t length);

/* `byte` with A-Z made lower case. */
static inline char text_fold(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

/* True where the two texts, both of `length` bytes, are the same whatever their case. */
bool text_equal_folded(const char *one, const char *other, size_t length);

/* Moves `*text` past leading blanks (spaces and tabs) and returns its length without those and
 * without trailing ones. */
size_t text_trim(const char **text, size_t length);

/* Room for a number of text_put_number's with its NUL. */
#define TEXT_NUMBER 11

/* Writes `number` in decimal and a NUL to `to`, and returns where the NUL is: for what is said to
 * each of ten thousand who come, where snprintf is most of the work. */
char *text_put_number(char *to, uint32_t number);

/* Writes `words`, of which NULL is the last, one behind the other and a NUL to `to`, and returns
 * where the NUL is: for the same use. */
char *text_put_words(char *to, const char *const words[]);

#endif
