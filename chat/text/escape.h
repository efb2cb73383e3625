/*
 * escape: finds the control sequences of a terminal in text. Pure.
 *
 * Programs and keys send them in the middle of text: an arrow key, a colour, a
 * window title, the brackets around a paste. Removing only the ESC would leave
 * `[31m` behind, so text_clean (text.h) asks how long the sequence is and removes
 * all of it:
 *
 *      ESC [ 3 1 m          CSI: up to a final byte @ to ~
 *      ESC ] 0 ; t BEL      OSC: up to BEL or ST (ESC \)
 *      ESC P ... ESC \      DCS, and likewise SOS, PM, APC and the title of screen: up to ST
 *      ESC O A              SS2, SS3: one character more
 *      ESC ( B              intermediate bytes, space to /, and a final byte 0 to ~
 *      ESC c                any other: two bytes
 *
 * The one-character forms (U+0090, U+0098, U+009B, ...) begin the same sequences.
 * As in a terminal, CAN and SUB abort a sequence and an ESC begins another one.
 * A sequence that does not end goes up to the end of `text`: it costs the rest of
 * its own line and nothing of the next.
 */
#ifndef CHAT_TEXT_ESCAPE_H
#define CHAT_TEXT_ESCAPE_H

#include <stddef.h>

/* The bytes of the control sequence that `text` begins with; 0 if it begins with none. An ESC that
 * introduces nothing is a sequence of one byte. */
size_t escape_length(const char *text, size_t length);

#endif
