/*
 * telnet: takes the telnet protocol out of a client's bytes (RFC 854, 855,
 * 860, 1143). Pure: it is fed one byte at a time and says what the byte was.
 *
 * The server supports no option and never starts a negotiation, so somebody
 * with nc sees no stray bytes. Each DO is answered with WONT and each WILL with
 * DONT, repeats too: that is the option NO of RFC 1143, which needs no memory,
 * and DO TIMING-MARK must be answered every time, since Debian's telnet shows
 * nothing after Ctrl-C until it is. WONT and DONT are never answered, which is
 * what makes a loop impossible; a peer that asks again and again pays for each
 * answer with its line rate (pace.h), which is the caller's business.
 *
 * A subnegotiation is skipped up to its IAC SE, however long, and nothing of it
 * is kept; until then the client is deaf to itself. Hazard: telnet sends the DM
 * of a Synch as urgent data, which the kernel takes out of the stream unless
 * the socket has SO_OOBINLINE; the IAC left behind would swallow the next byte.
 */
#ifndef CHAT_TEXT_TELNET_H
#define CHAT_TEXT_TELNET_H

#include <stdbool.h>
#include <stdint.h>

/* IAC, "interpret as command": begins every command, and doubled is the byte 255. */
#define TELNET_IAC 255

/* Bytes of an answer: IAC, DONT or WONT, the option. */
#define TELNET_ANSWER_BYTES 3

/* What a byte turned out to be. */
enum telnet_event {
    TELNET_NOTHING, /* part of a command, or of one that is ignored */
    TELNET_DATA, /* a byte for the chat; 255 where it came doubled */
    TELNET_ANSWER, /* the end of a request: `answer` is to be sent */
    TELNET_ARE_YOU_THERE, /* AYT: the client wants to see a sign of life */
    TELNET_ERASE_CHARACTER, /* EC */
    TELNET_ERASE_LINE, /* EL */
    TELNET_INTERRUPT, /* IP: Ctrl-C */
    TELNET_END /* EOF: Ctrl-D */
};

/* Where in a command a client's bytes stand. A zeroed one is ready for the first byte. */
struct telnet {
    uint8_t state; /* telnet.c's; 0 between commands */
};

/* True where the next byte, unless it is TELNET_IAC, is data: a caller in a hurry may then take
 * such bytes without asking. */
static inline bool telnet_between_commands(const struct telnet *telnet)
{
    return telnet->state == 0;
}

/* True where the next byte, if it is this one, is TELNET_END: a caller who has something to do
 * before that need not take it yet. */
bool telnet_ends_with(const struct telnet *telnet, uint8_t byte);

/* Takes the next `byte` and returns what it was. `answer` is written where that is TELNET_ANSWER,
 * and only there. */
enum telnet_event telnet_feed(struct telnet *telnet, uint8_t byte,
                              uint8_t answer[TELNET_ANSWER_BYTES]);

#endif
