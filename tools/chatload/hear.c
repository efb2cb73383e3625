#include "tools/chatload/hear.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/text/units.h"
#include "tools/chatload/sender.h"

/* `#room <nick> `: 31 + 2 + 20 + 2 bytes at most. */
#define PREFIX_BYTES 64

/* What a gap line may count besides the messages of this run: events, and other people's lines. */
#define HEAR_OTHER_LINES 1000000

/* A message of this run that somebody of this room sent. */
static void hear_message(struct user *user, const struct message *message, int64_t now_ns)
{
    struct load *load = user->load;
    uint32_t rooms = load->settings->rooms;
    uint32_t slot = rooms == 1 ? message->from : message->from / rooms;
    if (message->from == user->number) {
        load->echoed++;
        return;
    }
    if (!check_hear(&load->check, &user->ear, slot, message->number))
        return;
    int64_t due_ns = load->epoch_ns + message->due_ns;
    if (due_ns >= load->from_ns && due_ns < load->until_ns)
        histogram_record(&load->recent, now_ns - due_ns);
    if (user->watched && user->watched->from == message->from)
        sender_acknowledge(user->watched, message->number);
}

/* Whether such a message was sent, in the room of this client. */
static bool plausible(const struct user *user, const struct message *message)
{
    const struct load *load = user->load;
    return message->from < load->settings->senders &&
           (load->settings->rooms == 1 || message->from % load->settings->rooms == user->room) &&
           message->number < load->senders[message->from].next;
}

/* Where the text of a spoken line begins; NULL: it is none. */
static inline const char *text_of_line(const struct user *user, const char *line, size_t size)
{
    if (user->load->settings->protocol == PROTOCOL_RAW)
        return line;
    if (line[0] != '#')
        return NULL;
    const char *nick_end = memchr(line, '>', size < PREFIX_BYTES ? size : PREFIX_BYTES);
    return nick_end && nick_end + 2 <= line + size ? nick_end + 2 : NULL;
}

/* A line that is, from one end to the other, a message of this run: the usual case, in which its
 * newline is where the message's size says. Returns its length, or 0 where it is anything else. */
static inline size_t hear_spoken(struct user *user, const char *line, size_t size, int64_t now_ns)
{
    struct load *load = user->load;
    struct message message;
    const char *text = text_of_line(user, line, size);
    if (!text)
        return 0;
    const char *end = text + load->settings->size_bytes;
    if (end + 2 > line + size && end + 1 != line + size)
        return 0;
    size_t newline = *end == '\r' && end + 2 <= line + size;
    if (end[newline] != '\n' || !message_read(&message, load->tag, text) ||
        !plausible(user, &message))
        return 0;
    if (user->ear.senders > 0)
        hear_message(user, &message, now_ns);
    return (size_t)(end - line) + newline + 1;
}

static void hear_pong(struct user *user, const char *token)
{
    struct question *question = &user->question;
    if (strcmp(token, "in") == 0) {
        user->in = true;
    } else if (question->asked_ns) {
        struct sys *sys = user->load->loop->sys;
        question->waited_ns += sys->monotonic_ns(sys) - question->asked_ns;
        question->answers++;
        question->asked_ns = 0;
    }
}

/* `* N lines of #room skipped: ...`. More lines than there can have been excuse nothing. */
static void hear_gap(struct user *user, const char *text)
{
    struct load *load = user->load;
    struct units_range possible = {1, load->sent + HEAR_OTHER_LINES};
    uint64_t lines;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || strncmp(text + digits, " lines of #", strlen(" lines of #")) != 0)
        return;
    if (units_parse_number(text, digits, &possible, &lines) == 0)
        check_told(&load->check, &user->ear, lines);
    else
        load_note(&load->garbled, text, strlen(text));
}

/* A message of this run that is not as it was sent: cut, glued or invented. The roll call is one
 * that nobody has sent. */
static void hear_odd_message(struct user *user, const char *text, size_t size)
{
    struct load *load = user->load;
    struct message message;
    if (size >= MESSAGE_HEAD_BYTES && message_read(&message, load->tag, text) &&
        message.from == MESSAGE_FROM_MAX) {
        load->called += !user->called;
        user->called = true;
        return;
    }
    if (user->ear.senders > 0)
        load_note(&load->garbled, text, size);
}

/* Any other line; `line` is cut to what is looked at. */
static void hear_other(struct user *user, const char *line, size_t size)
{
    char words[160];
    struct load *load = user->load;
    const char *text = text_of_line(user, line, size);
    size_t left = text ? (size_t)(line + size - text) : 0;
    if (left >= MESSAGE_TAG_BYTES && memcmp(text, load->tag, MESSAGE_TAG_BYTES) == 0)
        hear_odd_message(user, text, left);
    if (load->settings->protocol == PROTOCOL_RAW || size < 2 || line[1] != ' ')
        return;
    size_t length = size < sizeof(words) ? size : sizeof(words) - 1;
    memcpy(words, line, length);
    words[length] = '\0';
    words[strcspn(words, "\r")] = '\0';
    if (strncmp(words, "* pong ", strlen("* pong ")) == 0)
        hear_pong(user, words + strlen("* pong "));
    else if (words[0] == '*')
        hear_gap(user, words + 2);
    else if (words[0] == '!')
        load_note(&load->refused, words + 2, strlen(words + 2));
}

/* Takes whole lines; returns how many bytes they were. */
static size_t hear_lines(struct user *user, const char *bytes, size_t size, int64_t now_ns)
{
    size_t taken = 0;
    while (taken < size) {
        const char *line = bytes + taken;
        size_t length = hear_spoken(user, line, size - taken, now_ns);
        if (!length) {
            const char *newline = memchr(line, '\n', size - taken);
            if (!newline)
                break;
            length = (size_t)(newline - line) + 1;
            hear_other(user, line, length - 1);
        }
        taken += length;
    }
    return taken;
}

/* Puts the first line of the input behind its beginning. Returns how many bytes of the input
 * belonged to it, or -errno. */
static ssize_t hear_rest(struct user *user, const char *bytes, size_t size, int64_t now_ns)
{
    struct sys *sys = user->load->loop->sys;
    const char *newline = memchr(bytes, '\n', size);
    size_t rest = newline ? (size_t)(newline - bytes) + 1 : size;
    int rc = buffer_append(&user->partial, sys, bytes, rest);
    if (rc < 0)
        return rc;
    if (newline) {
        size_t length = buffer_length(&user->partial);
        (void)hear_lines(user, buffer_data(&user->partial), length, now_ns);
        buffer_consume(&user->partial, length);
    }
    return (ssize_t)rest;
}

int hear_bytes(struct user *user, const char *bytes, size_t size)
{
    struct sys *sys = user->load->loop->sys;
    int64_t now_ns = sys->monotonic_ns(sys); /* the turn may have begun long ago */
    ssize_t rest = 0;
    if (buffer_length(&user->partial) > 0)
        rest = hear_rest(user, bytes, size, now_ns);
    if (rest < 0)
        return (int)rest;
    size_t taken = (size_t)rest + hear_lines(user, bytes + rest, size - (size_t)rest, now_ns);
    if (taken < size && buffer_append(&user->partial, sys, bytes + taken, size - taken) < 0)
        return -ENOMEM;
    return buffer_length(&user->partial) > HEAR_LINE_BYTES ? -EMSGSIZE : 1;
}

int hear_input(struct user *user)
{
    size_t size;
    const char *bytes = stream_input(&user->stream, &size);
    int rc = hear_bytes(user, bytes, size);
    stream_consume(&user->stream, size);
    return rc;
}
