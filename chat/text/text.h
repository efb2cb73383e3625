/*
 * text: UTF-8 that is safe to show on somebody else's terminal. Pure.
 *
 * A client sends bytes. What others are shown has gone through text_clean: it is
 * well-formed UTF-8, and nothing in it can move a cursor, begin a forged line,
 * start an escape sequence, hide text or turn its direction around.
 *
 *      length = text_clean(clean, line, length);     TEXT_CLEAN_GROWTH x length bytes
 *      if (!text_visible(clean, length))
 *          return;                                   nothing that anybody could see
 *
 * Bytes that are not UTF-8 are divided as the Unicode Standard recommends
 * (chapter 3, "U+FFFD Substitution of Maximal Subparts"): the longest beginning
 * of some well-formed character is one part, any other byte is a part by itself.
 * Every text, well-formed or not, divides into parts of one to four bytes in
 * exactly one way.
 *
 * Names, rooms and commands are ASCII, so case and the blanks between words are
 * ASCII's alone, and no locale is ever consulted.
 */
#ifndef CHAT_TEXT_TEXT_H
#define CHAT_TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* REPLACEMENT CHARACTER: it stands for a part that is not well-formed. */
#define TEXT_REPLACEMENT 0xFFFD

/* How much longer text can be once it is cleaned: one bad byte becomes the three of U+FFFD. */
#define TEXT_CLEAN_GROWTH 3

/* The bytes that text_controls and text_beyond_ascii examine at once: those of a machine word. */
#define TEXT_STRIDE 8

/* The first TEXT_STRIDE bytes of `text` as a word, for these two. */
static inline uint64_t text_stride(const char *text)
{
    uint64_t bytes;
    memcpy(&bytes, text, sizeof(bytes));
    return bytes;
}

/* Zero if none of these bytes is a control character of ASCII or 255, which occurs in no UTF-8 and
 * begins telnet's commands. Each such byte shows by a borrow or a carry into its highest bit. */
static inline uint64_t text_controls(uint64_t bytes)
{
    const uint64_t ones = UINT64_MAX / UINT8_MAX;
    const uint64_t low = ones * 0x7F;
    const uint64_t high = ones * 0x80;
    uint64_t below_space = (bytes - ones * ' ') & ~bytes;
    uint64_t delete_or_255 = (bytes & low) + ones;
    return (below_space | delete_or_255) & high;
}

/* Zero if all of these bytes are ASCII. */
static inline uint64_t text_beyond_ascii(uint64_t bytes)
{
    return bytes & (UINT64_MAX / UINT8_MAX * 0x80);
}

/* Decodes the first part of `text` (`length` > 0 bytes) and returns its bytes, 1 to 4. Sets
 * `code_point` to its character, or to TEXT_REPLACEMENT if the part is not well-formed. */
size_t text_decode(const char *text, size_t length, uint32_t *code_point);

/*
 * Writes `in` to `out` as others may see it and returns the bytes written. `out` holds
 * TEXT_CLEAN_GROWTH x `length` bytes and does not overlap `in`.
 *
 * - A part that is not well-formed becomes one U+FFFD.
 * - A tab, U+2028 and U+2029 become a space.
 * - Escape sequences (escape.h) go whole.
 * - Control characters (C0, DEL, C1), invisible format characters and tags go. ZWJ and ZWNJ stay
 *   if they stand between visible characters; of several in a row the last one stays.
 */
size_t text_clean(char *out, const char *in, size_t length);

/* True if something in `text` can be seen: not only blanks of any kind and characters that show
 * nothing by themselves. */
bool text_visible(const char *text, size_t length);

/* The bytes of the last part of `text`, which a backspace erases; 0 if there is none. */
size_t text_last_character(const char *text, size_t length);

/* The bytes of the longest beginning of `text` that is at most `most` bytes and divides no part:
 * `length` if all of it fits. */
size_t text_cut(const char *text, size_t length, size_t most);

/* `byte` with A-Z made lower case. */
static inline char text_fold(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

/* True if the two texts, both of `length` bytes, are the same whatever their case. */
bool text_equal_folded(const char *one, const char *other, size_t length);

/* Moves `*text` past leading spaces and returns its length without those and without trailing
 * ones. Cleaned text has no tabs. */
size_t text_trim(const char **text, size_t length);

/* Room for what text_put_number writes, NUL included. */
#define TEXT_NUMBER 11

/* Writes `number` in decimal and a NUL to `to`, and returns where the NUL is. Ten thousand
 * newcomers are each greeted with numbers, and snprintf would be most of that work. */
char *text_put_number(char *to, uint32_t number);

/* Writes `words` (the last is NULL) one after the other and a NUL to `to`, and returns where the
 * NUL is. For the same use. */
char *text_put_words(char *to, const char *const words[]);

#endif
