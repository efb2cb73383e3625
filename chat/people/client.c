#include "chat/people/client.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/text/text.h"

static struct sys *sys_of(const struct client *client)
{
    return client_chat(client)->loop->sys;
}

/* Calls the client guestN, N being the lowest number that is free. */
static int take_guest_name(struct client *client, struct chat *chat)
{
    uint32_t number;
    int rc = guests_take(&chat->guests, &number);
    if (rc < 0)
        return rc;
    (void)text_put_number(stpcpy(client->name, NAMES_GUEST), number);
    rc = names_add(&chat->people, client->name);
    if (rc < 0)
        guests_give_back(&chat->guests, number);
    return rc;
}

/* Frees the number in a guest's name: nobody else can have a name of that form. */
static void give_back_guest(struct chat *chat, const char *name)
{
    const char *number = name + strlen(NAMES_GUEST);
    if (strncmp(name, NAMES_GUEST, strlen(NAMES_GUEST)) != 0)
        return;
    if (*number && number[strspn(number, "0123456789")] == '\0')
        guests_give_back(&chat->guests, (uint32_t)strtoul(number, NULL, 10));
}

int client_open(struct client *client, struct chat *chat, int fd)
{
    *client = (struct client){.came_ns = chat->loop->now_ns, .heard_ns = chat->loop->now_ns};
    int rc = tags_reserve(&chat->tags);
    if (rc < 0)
        return rc;
    rc = take_guest_name(client, chat);
    if (rc < 0)
        return rc;
    rc = stream_open(&client->stream, &chat->fanout, fd, chat->last_tag + 1);
    if (rc < 0) {
        names_remove(&chat->people, client->name);
        give_back_guest(chat, client->name);
        return rc;
    }
    chat->last_tag++;
    tags_add(&chat->tags, client);
    return 0;
}

void client_leave_held(struct client *client)
{
    struct held_name *held = client->extra ? client->extra->held_name : NULL;
    if (!held)
        return;
    held->holder = 0;
    held->left_ns = client_chat(client)->loop->now_ns;
    client->extra->held_name = NULL;
}

int client_reserve_guest(const struct client *client, uint32_t *number)
{
    return guests_take(&client_chat(client)->guests, number);
}

void client_become_guest(struct client *client, uint32_t number)
{
    char name[sizeof(client->name)];
    (void)text_put_number(stpcpy(name, NAMES_GUEST), number);
    int rc = client_rename(client, name, strlen(name));
    assert(rc == 0); /* only the server gives such a name */
}

void client_go(struct client *client)
{
    struct chat *chat = client_chat(client);
    client_leave_held(client);
    tags_remove(&chat->tags, client);
    names_remove(&chat->people, client->name);
    give_back_guest(chat, client->name);
}

void client_release(struct client *client)
{
    struct sys *sys = sys_of(client);
    if (client->extra) {
        sys->release(sys, client->extra->away);
        sys->release(sys, client->extra->parting);
        sys->release(sys, client->extra);
    }
    stream_close(&client->stream);
}

struct client_extra *client_extra(struct client *client)
{
    struct sys *sys = sys_of(client);
    if (!client->extra) {
        client->extra = sys->allocate(sys, sizeof(*client->extra));
        if (client->extra)
            *client->extra = (struct client_extra){0};
    }
    return client->extra;
}

struct client *client_find(const struct chat *chat, const char *name, size_t length)
{
    const char *found = names_find(&chat->people, name, length);
    return found ? client_of_name(found) : NULL;
}

int client_rename(struct client *client, const char *name, size_t length)
{
    struct chat *chat = client_chat(client);
    char before[sizeof(client->name)];
    memcpy(before, client->name, sizeof(before));
    int rc = names_rename(&chat->people, client->name, name, length);
    if (rc == 0)
        give_back_guest(chat, before);
    return rc;
}

/* Queues a line; out of memory is the end of this connection, since it has missed something. */
static void put(struct client *client, const char *line, size_t length)
{
    int rc = stream_write(&client->stream, line, length);
    if (rc < 0)
        stream_fail(&client->stream, rc);
}

/* Composes a line in the scratch: a mark and a space (0: neither), the text, CR LF. */
static size_t compose(struct chat *chat, char mark, const char *format, va_list arguments)
{
    size_t most = chat->output_size - 2;
    size_t length = 0;
    if (mark) {
        chat->output[length++] = mark;
        chat->output[length++] = ' ';
    }
    int added = vsnprintf(chat->output + length, most - length, format, arguments);
    assert(added >= 0);
    length += (size_t)added;
    if (length >= most) /* longer than any line is meant to be: cut */
        length = most - 1;
    memcpy(chat->output + length, "\r\n", 2);
    return length + 2;
}

void client_tell(struct client *client, const char *format, ...)
{
    struct chat *chat = client_chat(client);
    va_list arguments;
    va_start(arguments, format);
    size_t length = compose(chat, '*', format, arguments);
    va_end(arguments);
    put(client, chat->output, length);
}

void client_refuse(struct client *client, const char *format, ...)
{
    struct chat *chat = client_chat(client);
    va_list arguments;
    va_start(arguments, format);
    size_t length = compose(chat, '!', format, arguments);
    va_end(arguments);
    put(client, chat->output, length);
}

void client_show(struct client *client, const char *format, ...)
{
    struct chat *chat = client_chat(client);
    va_list arguments;
    va_start(arguments, format);
    size_t length = compose(chat, 0, format, arguments);
    va_end(arguments);
    put(client, chat->output, length);
}

/* How much may wait for somebody who doesn't read: 64 KiB, or a backlog if that is less. */
static size_t messages_limit(const struct chat *chat)
{
    size_t backlog = chat->config->backlog_bytes;
    return backlog < CHAT_MESSAGES_BYTES ? backlog : CHAT_MESSAGES_BYTES;
}

/* Queues the line of `length` bytes in the scratch as a message. */
static int put_message(struct client *client, int length)
{
    struct chat *chat = client_chat(client);
    struct outbox *outbox = &client->stream.outbox;
    assert(length > 0 && (size_t)length < chat->output_size);
    if (stream_waiting_bytes(&client->stream, OUTBOX_MESSAGE) >= messages_limit(chat))
        return -EAGAIN;
    int rc = outbox_write(outbox, &chat->fanout, OUTBOX_MESSAGE, chat->output, (size_t)length);
    return rc < 0 ? -ENOMEM : 0;
}

int client_message(struct client *client, const char *from, const char *text, size_t length)
{
    struct chat *chat = client_chat(client);
    return put_message(
        client, snprintf(chat->output, chat->output_size, "@%s %.*s\r\n", from, (int)length, text));
}

int client_invite(struct client *client, const char *from, const char *room, const char *key)
{
    struct chat *chat = client_chat(client);
    return put_message(client, snprintf(chat->output, chat->output_size,
                                        "* %s invites you: /join %s%s%s\r\n", from, room,
                                        key[0] ? " " : "", key));
}

int client_announce(struct client *client, const char *text)
{
    struct chat *chat = client_chat(client);
    return put_message(
        client, snprintf(chat->output, chat->output_size, "* the operator says: %s\r\n", text));
}

void client_format_address(const struct client *client, char text[static CLIENT_ADDRESS_TEXT])
{
    char address[NET_TEXT] = "unix";
    if (client->from.bits > 0)
        net_format(&client->from, address);
    if (client->from.bits == 0)
        (void)snprintf(text, CLIENT_ADDRESS_TEXT, "%s", address);
    else if (strchr(address, ':'))
        (void)snprintf(text, CLIENT_ADDRESS_TEXT, "[%s]:%u", address, client->port);
    else
        (void)snprintf(text, CLIENT_ADDRESS_TEXT, "%s:%u", address, client->port);
}

/* Parentheses become brackets: a parting word cannot close the ones that it stands in. */
static void use_brackets(char *text)
{
    for (; *text; text++)
        if (*text == '(' || *text == ')')
            *text = *text == '(' ? '[' : ']';
}

char *client_reason(const struct client *client, const char *before, const char *text,
                    size_t length)
{
    size_t prefix = strlen(before);
    char *reason = sys_of(client)->allocate(sys_of(client), prefix + length + 1);
    if (!reason)
        return NULL;
    memcpy(reason, before, prefix);
    memcpy(reason + prefix, text, length);
    reason[prefix + length] = '\0';
    use_brackets(reason + prefix);
    return reason;
}

void client_set_parting(struct client *client, const char *text, size_t length)
{
    struct client_extra *extra = client_extra(client);
    if (!extra)
        return;
    sys_of(client)->release(sys_of(client), extra->parting);
    extra->parting = client_reason(client, "quit: ", text, length);
}

char *client_copy_text(const struct client *client, const char *text, size_t length)
{
    struct sys *sys = sys_of(client);
    char *copy = sys->allocate(sys, length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}
