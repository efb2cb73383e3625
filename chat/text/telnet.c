#include "chat/text/telnet.h"

/* The second byte of a command, as far as we look at it. */
enum {
    END_OF_FILE = 236, /* RFC 1184 */
    SUBNEGOTIATION_END = 240,
    INTERRUPT_PROCESS = 244,
    ARE_YOU_THERE = 246,
    ERASE_CHARACTER = 247,
    ERASE_LINE = 248,
    SUBNEGOTIATION = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254
};

enum state {
    BETWEEN_COMMANDS,
    AFTER_IAC,
    AFTER_WILL, /* the option follows, for these three */
    AFTER_DO,
    AFTER_REFUSAL, /* WONT or DONT */
    IN_SUBNEGOTIATION,
    IN_SUBNEGOTIATION_AFTER_IAC
};

static enum telnet_event enter(struct telnet *telnet, enum state state)
{
    telnet->state = state;
    return TELNET_NOTHING;
}

/* The byte after an IAC. A command that means nothing here, or no command at all, is ignored. */
static enum telnet_event command(struct telnet *telnet, uint8_t byte)
{
    telnet->state = BETWEEN_COMMANDS;
    switch (byte) {
    case TELNET_IAC:
        return TELNET_DATA;
    case WILL:
        return enter(telnet, AFTER_WILL);
    case DO:
        return enter(telnet, AFTER_DO);
    case WONT:
    case DONT:
        return enter(telnet, AFTER_REFUSAL);
    case SUBNEGOTIATION:
        return enter(telnet, IN_SUBNEGOTIATION);
    case ARE_YOU_THERE:
        return TELNET_ARE_YOU_THERE;
    case ERASE_CHARACTER:
        return TELNET_ERASE_CHARACTER;
    case ERASE_LINE:
        return TELNET_ERASE_LINE;
    case INTERRUPT_PROCESS:
        return TELNET_INTERRUPT;
    case END_OF_FILE:
        return TELNET_END;
    default:
        return TELNET_NOTHING;
    }
}

static enum telnet_event refuse(struct telnet *telnet, uint8_t verb, uint8_t *answer,
                                unsigned option)
{
    answer[0] = TELNET_IAC;
    answer[1] = verb;
    answer[2] = (uint8_t)option;
    telnet->state = BETWEEN_COMMANDS;
    return TELNET_ANSWER;
}

bool telnet_ends_with(const struct telnet *telnet, uint8_t byte)
{
    return telnet->state == AFTER_IAC && byte == END_OF_FILE;
}

enum telnet_event telnet_feed(struct telnet *telnet, uint8_t byte,
                              uint8_t answer[TELNET_ANSWER_BYTES])
{
    switch ((enum state)telnet->state) {
    case BETWEEN_COMMANDS:
        return byte == TELNET_IAC ? enter(telnet, AFTER_IAC) : TELNET_DATA;
    case AFTER_IAC:
        return command(telnet, byte);
    case AFTER_WILL:
        return refuse(telnet, DONT, answer, byte);
    case AFTER_DO:
        return refuse(telnet, WONT, answer, byte);
    case AFTER_REFUSAL:
        return enter(telnet, BETWEEN_COMMANDS);
    case IN_SUBNEGOTIATION:
        return byte == TELNET_IAC ? enter(telnet, IN_SUBNEGOTIATION_AFTER_IAC) : TELNET_NOTHING;
    case IN_SUBNEGOTIATION_AFTER_IAC:
        /* A doubled IAC is a parameter. So is, for the server, anything else but the end. */
        return enter(telnet, byte == SUBNEGOTIATION_END ? BETWEEN_COMMANDS : IN_SUBNEGOTIATION);
    }
    return TELNET_NOTHING;
}
