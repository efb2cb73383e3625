/*
 * telnet: removes the telnet protocol from a client's bytes (RFC 854, 855, 860,
 * 1143). Pure: it is fed one byte at a time and returns what the byte was.
 *
 *      event = telnet_feed(&telnet, byte, answer);
 *      if (event == TELNET_DATA)
 *          ...                          the byte is for the chat
 *      else if (event == TELNET_ANSWER)
 *          send(answer)
 *
 * The server supports no option and never starts a negotiation, so an nc user
 * sees no stray bytes. Each DO is answered with WONT and each WILL with DONT,
 * repeats too: the state NO of RFC 1143, which needs no memory. DO TIMING-MARK
 * must be answered every time, because Debian's telnet shows nothing after
 * Ctrl-C until it is. WONT and DONT are never answered, so there can be no loop.
 * A peer that keeps asking pays for each answer with its rate (pace.h), which
 * the caller charges.
 *
 * A subnegotiation is skipped up to its IAC SE, however long it is, and nothing
 * of it is stored. Hazard: telnet sends the DM of a Synch as urgent data, which
 * the kernel takes out of the stream unless the socket has SO_OOBINLINE; the IAC
 * left behind would swallow the next byte.
 */
#ifndef CHAT_TEXT_TELNET_H
#define CHAT_TEXT_TELNET_H

#include <stdbool.h>
#include <stdint.h>

/* IAC, "interpret as command", begins every command. Doubled, it is the byte 255. */
#define TELNET_IAC 255

/* Bytes of an answer: IAC, DONT or WONT, the option. */
#define TELNET_ANSWER_BYTES 3

/* What a byte turned out to be. */
enum telnet_event {
    TELNET_NOTHING, /* part of a command, or of one that is ignored */
    TELNET_DATA, /* a byte for the chat; 255 if it came doubled */
    TELNET_ANSWER, /* the end of a request: `answer` is to be sent */
    TELNET_ARE_YOU_THERE, /* AYT: the client wants to see a sign of life */
    TELNET_ERASE_CHARACTER, /* EC */
    TELNET_ERASE_LINE, /* EL */
    TELNET_INTERRUPT, /* IP: Ctrl-C */
    TELNET_END /* EOF: Ctrl-D */
};

/* How far into a command a client's bytes are. A zeroed one is ready for the first byte. */
struct telnet {
    uint8_t state; /* telnet.c's; 0 between commands */
};

/* True if the next byte, unless it is TELNET_IAC, is data: a caller in a hurry may then take such
 * bytes without telnet_feed. */
static inline bool telnet_between_commands(const struct telnet *telnet)
{
    return telnet->state == 0;
}

/* True if `byte`, were it fed next, would be TELNET_END: a caller with something to do before that
 * need not feed it yet. */
bool telnet_ends_with(const struct telnet *telnet, uint8_t byte);

/* Takes the next `byte` and returns what it was. `answer` is written only for TELNET_ANSWER. */
enum telnet_event telnet_feed(struct telnet *telnet, uint8_t byte,
                              uint8_t answer[TELNET_ANSWER_BYTES]);

#endif
