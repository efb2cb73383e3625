#include "tools/chatload/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chat/text/units.h"

/* `#room <nick> `: 31 + 2 + 20 + 2 bytes at most. */
#define PREFIX_BYTES 64

/* A gap line may also count events and other people's lines: this many at most. */
#define CLIENT_OTHER_LINES 1000000

/* Message `number`, and so all before it, has arrived. */
static void acknowledge(struct window *window, uint32_t number)
{
    if (number < window->settled)
        return;
    window->settled = number + 1;
    wait_list_wake_first(&window->waiting);
}

/* A message of this run, sent in this room. */
static void hear_message(struct client *client, const struct message *message, int64_t now_ns)
{
    struct load *load = client->load;
    uint32_t rooms = load->settings->rooms;
    uint32_t slot = rooms == 1 ? message->from : message->from / rooms;
    if (message->from == client->number) {
        load->echoed++;
        return;
    }
    if (!check_hear(&load->check, &client->receiver, slot, message->number))
        return;
    int64_t due_ns = load->epoch_ns + message->due_ns;
    if (due_ns >= load->from_ns && due_ns < load->until_ns)
        histogram_record(&load->recent, now_ns - due_ns);
    if (client->watched && client->watched->from == message->from)
        acknowledge(client->watched, message->number);
}

/* Whether such a message was sent, in the room of this client. */
static bool plausible(const struct client *client, const struct message *message)
{
    const struct load *load = client->load;
    return message->from < load->settings->senders &&
           (load->settings->rooms == 1 || message->from % load->settings->rooms == client->room) &&
           message->number < load->windows[message->from].next;
}

/* Where the text of a spoken line begins; NULL: it is none. */
static inline const char *text_of_line(const struct client *client, const char *line, size_t size)
{
    if (client->load->settings->protocol == PROTOCOL_RAW)
        return line;
    if (line[0] != '#')
        return NULL;
    const char *nick_end = memchr(line, '>', size < PREFIX_BYTES ? size : PREFIX_BYTES);
    return nick_end && nick_end + 2 <= line + size ? nick_end + 2 : NULL;
}

/* A line that is, from one end to the other, a message of this run: the usual case, in which its
 * newline is where the message's size says. Returns its length, or 0 if it is anything else. */
static inline size_t hear_spoken(struct client *client, const char *line, size_t size,
                                 int64_t now_ns)
{
    struct load *load = client->load;
    struct message message;
    const char *text = text_of_line(client, line, size);
    if (!text)
        return 0;
    const char *end = text + load->settings->size_bytes;
    if (end + 2 > line + size && end + 1 != line + size)
        return 0;
    size_t newline = *end == '\r' && end + 2 <= line + size;
    if (end[newline] != '\n' || !message_read(&message, load->tag, text) ||
        !plausible(client, &message))
        return 0;
    if (client->receiver.senders > 0)
        hear_message(client, &message, now_ns);
    return (size_t)(end - line) + newline + 1;
}

static void hear_pong(struct client *client, const char *token)
{
    struct ping *ping = &client->ping;
    if (strcmp(token, "in") == 0) {
        client->in = true;
    } else if (ping->asked_ns) {
        struct sys *sys = client->load->loop->sys;
        ping->waited_ns += sys->monotonic_ns(sys) - ping->asked_ns;
        ping->answers++;
        ping->asked_ns = 0;
    }
}

/* `* N lines of #room skipped: ...`. More lines than there can have been excuse nothing. */
static void hear_gap(struct client *client, const char *text)
{
    struct load *load = client->load;
    struct units_range possible = {1, load->sent + CLIENT_OTHER_LINES};
    uint64_t lines;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || strncmp(text + digits, " lines of #", strlen(" lines of #")) != 0)
        return;
    if (units_parse_number(text, digits, &possible, &lines) == 0)
        check_skipped(&load->check, &client->receiver, lines);
    else
        load_note(&load->garbled, text, strlen(text));
}

/* A message of this run that is not as it was sent: cut, glued or invented. The roll call is no
 * sender's message. */
static void hear_odd_message(struct client *client, const char *text, size_t size)
{
    struct load *load = client->load;
    struct message message;
    if (size >= MESSAGE_HEAD_BYTES && message_read(&message, load->tag, text) &&
        message.from == MESSAGE_FROM_MAX) {
        load->called += !client->called;
        client->called = true;
        return;
    }
    if (client->receiver.senders > 0)
        load_note(&load->garbled, text, size);
}

/* Any other line; `line` is cut to what is looked at. */
static void hear_other(struct client *client, const char *line, size_t size)
{
    char words[160];
    struct load *load = client->load;
    const char *text = text_of_line(client, line, size);
    size_t left = text ? (size_t)(line + size - text) : 0;
    if (left >= MESSAGE_TAG_BYTES && memcmp(text, load->tag, MESSAGE_TAG_BYTES) == 0)
        hear_odd_message(client, text, left);
    if (load->settings->protocol == PROTOCOL_RAW || size < 2 || line[1] != ' ')
        return;
    size_t length = size < sizeof(words) ? size : sizeof(words) - 1;
    memcpy(words, line, length);
    words[length] = '\0';
    words[strcspn(words, "\r")] = '\0';
    if (strncmp(words, "* pong ", strlen("* pong ")) == 0)
        hear_pong(client, words + strlen("* pong "));
    else if (words[0] == '*')
        hear_gap(client, words + 2);
    else if (words[0] == '!')
        load_note(&load->refused, words + 2, strlen(words + 2));
}

/* Takes whole lines; returns how many bytes they were. */
static size_t hear_lines(struct client *client, const char *bytes, size_t size, int64_t now_ns)
{
    size_t taken = 0;
    while (taken < size) {
        const char *line = bytes + taken;
        size_t length = hear_spoken(client, line, size - taken, now_ns);
        if (!length) {
            const char *newline = memchr(line, '\n', size - taken);
            if (!newline)
                break;
            length = (size_t)(newline - line) + 1;
            hear_other(client, line, length - 1);
        }
        taken += length;
    }
    return taken;
}

/* Completes the line whose beginning was kept. Returns how many bytes of the input belonged to it,
 * or -errno. */
static ssize_t hear_rest(struct client *client, const char *bytes, size_t size, int64_t now_ns)
{
    struct sys *sys = client->load->loop->sys;
    const char *newline = memchr(bytes, '\n', size);
    size_t rest = newline ? (size_t)(newline - bytes) + 1 : size;
    int rc = buffer_append(&client->partial, sys, bytes, rest);
    if (rc < 0)
        return rc;
    if (newline) {
        size_t length = buffer_length(&client->partial);
        (void)hear_lines(client, buffer_data(&client->partial), length, now_ns);
        buffer_consume(&client->partial, length);
    }
    return (ssize_t)rest;
}

/* Takes all of the stream's input. Returns 1, -ENOMEM, or -EMSGSIZE if a line has no end. */
static int hear_input(struct client *client)
{
    struct sys *sys = client->load->loop->sys;
    int64_t now_ns = sys->monotonic_ns(sys); /* the turn may have begun long ago */
    size_t size;
    const char *bytes = stream_input(&client->stream, &size);
    ssize_t rest = 0;
    if (buffer_length(&client->partial) > 0)
        rest = hear_rest(client, bytes, size, now_ns);
    if (rest < 0)
        return (int)rest;
    size_t taken = (size_t)rest + hear_lines(client, bytes + rest, size - (size_t)rest, now_ns);
    if (taken < size && buffer_append(&client->partial, sys, bytes + taken, size - taken) < 0)
        return -ENOMEM;
    stream_consume(&client->stream, size);
    return buffer_length(&client->partial) > CLIENT_LINE_BYTES ? -EMSGSIZE : 1;
}

void client_init(struct client *client, struct load *load, uint32_t number, struct sequence *heard)
{
    *client = (struct client){.load = load, .number = number};
    client->room = number % load->settings->rooms;
    client->receiver = (struct receiver){
        .heard = heard,
        .senders = load_room_senders(load, client->room),
        .first_sender = client->room,
        .stride = load->settings->rooms,
        .receiver = number,
    };
}

static void say(struct client *client, const char *text, size_t length)
{
    if (stream_write(&client->stream, text, length) < 0)
        load_fail(client->load, "out of memory");
}

/* Writes the commands that enter the room; the raw protocol has none. */
static void ask_in(struct client *client)
{
    char text[128];
    if (client->load->settings->protocol == PROTOCOL_RAW)
        return;
    if (client->load->settings->rooms == 1)
        say(client, CLIENT_ENTERED_PING, strlen(CLIENT_ENTERED_PING));
    else
        say(client, text,
            (size_t)snprintf(text, sizeof(text), "/join #load%u\n/leave #lobby\n%s",
                             client->room + 1, CLIENT_ENTERED_PING));
}

void client_ask(struct client *client)
{
    if (client->ping.asked_ns || !client->in)
        return;
    client->ping.asked_ns = client->load->loop->sys->monotonic_ns(client->load->loop->sys);
    say(client, CLIENT_QUESTION_PING, strlen(CLIENT_QUESTION_PING));
}

void client_call_roll(struct client *client)
{
    char line[MESSAGE_HEAD_BYTES + 1];
    struct message roll_call = {.from = MESSAGE_FROM_MAX};
    message_write(&roll_call, client->load->tag, line, MESSAGE_HEAD_BYTES);
    line[MESSAGE_HEAD_BYTES] = '\n';
    if (client->in)
        say(client, line, sizeof(line));
}

int client_listen(struct task *task, struct client *client)
{
    int rc = stream_fill(task, &client->stream, STREAM_READ_BYTES);
    if (rc != 1)
        return rc;
    return hear_input(client);
}

void client_close(struct client *client)
{
    client->in = false;
    if (!client->open)
        return;
    client->open = false;
    buffer_release(&client->partial, client->load->loop->sys);
    stream_close(&client->stream);
}

/* Whoever connects later than others waits that long first. */
static int64_t ramp_ns(const struct client *client)
{
    const struct settings *settings = client->load->settings;
    return settings->ramp_ns / settings->clients * client->number;
}

static void begin_attempt(struct client_entry *entry, struct client *client)
{
    entry->address_at = client->load->address_at;
    entry->connect = (struct stream_connect){
        .address = client->load->address,
        .source = load_source(client->load, client->number),
    };
}

/* The last address gets all the time there is. */
static int64_t attempt_ns(const struct load *load)
{
    bool last = load->reached || load->address_at + 1 >= load->address_count;
    return last ? CLIENT_ENTER_NS : CLIENT_ADDRESS_NS;
}

static bool queue_is_full(const struct load *load, int rc)
{
    return rc == -EAGAIN && load->address.any.sa_family == AF_UNIX;
}

static bool try_again(const struct client_entry *entry, struct client *client)
{
    return queue_is_full(client->load, entry->rc) ||
           load_next_address(client->load, entry->address_at, entry->rc);
}

int client_enter(struct task *task, struct client_entry *const self, struct client *client)
{
    TASK_BEGIN();
    do {
        begin_attempt(self, client);
        cancel_scope_open(task, &self->limit, attempt_ns(client->load));
        TASK_AWAIT(self->rc,
                   stream_connect(task, &self->connect, &client->stream, &client->load->fanout));
        (void)cancel_scope_close(task, &self->limit); /* the result says it */
        self->paused = 0;
        if (queue_is_full(client->load, self->rc))
            TASK_AWAIT(self->paused, task_sleep(task, CLIENT_QUEUE_PAUSE_NS));
        if (self->paused < 0)
            TASK_RETURN(self->paused);
    } while (self->rc < 0 && try_again(self, client));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    client->load->reached = true;
    client->open = true;
    client->in = client->load->settings->protocol == PROTOCOL_RAW;
    ask_in(client);
    while (!client->in) {
        TASK_AWAIT(self->rc, client_listen(task, client));
        if (self->rc <= 0)
            TASK_RETURN(self->rc < 0 ? self->rc : -EPIPE);
    }
    TASK_RETURN(0);
    TASK_END();
}

static const char *reason(int rc)
{
    return rc == 0 || rc == -EPIPE ? "the server closed the connection" : strerror(-rc);
}

const char *client_reason(const struct client *client, int rc, char text[static CLIENT_REASON_TEXT])
{
    const char *words = client->load->refused.first;
    bool closed = rc == -EPIPE || rc == -ECONNRESET;
    if (closed && client->load->refused.count > 0)
        snprintf(text, CLIENT_REASON_TEXT, "%s%s", words, load_refusal_advice(words));
    else if (rc == -ETIMEDOUT && client->open)
        snprintf(text, CLIENT_REASON_TEXT,
                 "its /ping was not answered in 30 s (a server that only relays needs --proto "
                 "raw)");
    else
        snprintf(text, CLIENT_REASON_TEXT, "%s", reason(rc));
    return text;
}

static void tell_refused(struct client *client, int rc)
{
    struct load *load = client->load;
    char why[CLIENT_REASON_TEXT];
    load_fail(load, "%s%s: client %u of %u: %s", load->tried, load->address_text,
              client->number + 1, load->settings->clients, client_reason(client, rc, why));
}

static void tell_in(struct load *load)
{
    load->in++;
    if (load->in == load->settings->clients)
        event_set(&load->over);
}

static void tell_gone(struct client *client, int rc)
{
    struct load *load = client->load;
    const char *why = reason(rc);
    load->disconnected++;
    load_note(&load->losses, why, strlen(why));
    if (load->disconnected == load->settings->clients)
        load_fail(load, "%s: every client was disconnected: %s", load->address_text,
                  load->losses.first);
}

int client_step(struct task *task)
{
    struct client *const self = container_of(task, struct client, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, ramp_ns(self)));
    TASK_AWAIT(self->rc, semaphore_acquire(task, &self->load->connecting));
    if (self->rc < 0)
        TASK_RETURN(0);
    cancel_scope_open(task, &self->limit, CLIENT_ENTER_NS);
    TASK_AWAIT(self->rc, client_enter(task, &self->entry, self));
    (void)cancel_scope_close(task, &self->limit); /* the result says it */
    semaphore_release(&self->load->connecting);
    if (self->rc < 0 && self->rc != -ECANCELED)
        tell_refused(self, self->rc);
    if (self->rc < 0)
        goto close;
    tell_in(self->load);
    do
        TASK_AWAIT(self->rc, client_listen(task, self));
    while (self->rc > 0);
    if (self->rc != -ECANCELED)
        tell_gone(self, self->rc);
close:
    client_close(self);
    TASK_RETURN(0);
    TASK_END();
}
