#define _GNU_SOURCE 1
#include "tests/support/client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* A failure shows the end of what was received: the rest of a long talk explains nothing. */
#define SHOWN_BYTES 6000

static const char *shown(const struct client *client)
{
    size_t length = client->received.length;

    if (length == 0)
        return "(nothing)\n";
    return client->received.data + (length > SHOWN_BYTES ? length - SHOWN_BYTES : 0);
}

_Noreturn void client_fail(const char *here, struct client *client, const char *format, ...)
{
    char message[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    harness_fail(here, client->server, "%s\n--- received by %s (%zu bytes):\n%s", message,
                 client->name[0] ? client->name : "a client", client->received.length,
                 shown(client));
}

/* ---- connecting ---- */

/* HOST:PORT with a numeric host, which may be empty, or [V6]:PORT. */
static void parse_host(const char *here, const char *address, struct sockaddr_storage *to)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)to;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
    const char *port_text = strrchr(address, ':');
    char host[64];
    bool bracket = address[0] == '[';
    size_t host_length = strlen(address) - (port_text ? strlen(port_text) : 0);

    if (!port_text || host_length >= sizeof host)
        harness_fail(here, NULL, "not an address: %s", address);
    in_port_t port = htons((uint16_t)strtoul(port_text ? port_text + 1 : "", NULL, 10));
    snprintf(host, sizeof host, "%.*s", (int)host_length - 2 * bracket, address + bracket);
    to->ss_family = bracket ? AF_INET6 : AF_INET;
    *(bracket ? &v6->sin6_port : &v4->sin_port) = port;
    if (inet_pton(to->ss_family, host[0] ? host : "127.0.0.1",
                  bracket ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) != 1)
        harness_fail(here, NULL, "not an address: %s", address);
}

static int open_socket(const char *here, const char *address)
{
    struct sockaddr_storage to = {0};
    struct sockaddr_un *local = (struct sockaddr_un *)&to;
    socklen_t length = sizeof to;
    int fd, one = 1;

    if (strncmp(address, "unix:", 5) == 0) {
        local->sun_family = AF_UNIX;
        snprintf(local->sun_path, sizeof local->sun_path, "%s", address + 5);
        length = sizeof *local;
    } else {
        parse_host(here, address, &to);
        length =
            to.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    }
    fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, length) < 0)
        harness_fail(here, NULL, "connect to %s: %s", address, strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* a unix socket has none */
    return fd;
}

struct client *client_open_at(const char *here, struct server *server, const char *address)
{
    struct client *client = calloc(1, sizeof *client);

    if (!client)
        abort();
    client->fd = open_socket(here, address);
    client->server = server;
    client->next = server->clients;
    server->clients = client;
    return client;
}

struct client *client_guest_at(const char *here, struct server *server)
{
    struct client *client = client_open_at(here, server, server->listening[0]);

    expect_greeting_at(here, client, "chatd");
    barrier_at(here, client);
    return client;
}

struct client *client_open_as_at(const char *here, struct server *server, const char *name)
{
    struct client *client = client_open_at(here, server, server->listening[0]);

    expect_prefix_at(here, client, "* Welcome to ");
    say_at(here, client, "/nick %s", name);
    expect_accepted_at(here, client);
    snprintf(client->name, sizeof client->name, "%s", name);
    return client;
}

void expect_greeting_at(const char *here, struct client *client, const char *server_name)
{
    const char *line = next_line_at(here, client);
    char expected[256], name[CLIENT_NAME_MAX + 1] = "";
    const char *found = strstr(line, ". You are guest");

    if (found)
        sscanf(found, ". You are %20[a-z0-9]", name);
    snprintf(expected, sizeof expected, "* Welcome to %s. You are %s in #lobby.", server_name,
             name);
    if (!is_guest_name(name) || strcmp(line, expected) != 0)
        client_fail(here, client, "not a greeting: %s", line);
    memcpy(client->name, name, sizeof name);
}

void client_half_close(struct client *client)
{
    shutdown(client->fd, SHUT_WR);
}

void client_close(struct client *client)
{
    close(client->fd);
    client->fd = -1;
}

void client_reset(struct client *client)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    client_close(client);
}

void clients_release(struct server *server)
{
    while (server->clients) {
        struct client *client = server->clients;

        server->clients = client->next;
        if (client->fd >= 0)
            close(client->fd);
        for (size_t i = 0; i < client->line_count; i++)
            free(client->lines[i]);
        free(client->lines);
        free(client->received.data);
        free(client);
    }
}

/* ---- sending ---- */

void send_bytes_at(const char *here, struct client *client, const void *data, size_t length)
{
    const char *next = data;
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;

    while (length > 0) {
        ssize_t sent = send(client->fd, next, length, MSG_NOSIGNAL);

        if (sent > 0) {
            next += sent;
            length -= (size_t)sent;
        } else if (errno != EAGAIN && errno != EINTR) {
            client_fail(here, client, "send: %s", strerror(errno));
        } else if (!harness_wait(client->server, client->fd, POLLOUT, deadline_ms)) {
            client_fail(here, client, "the server does not read");
        }
    }
}

void send_text_at(const char *here, struct client *client, const char *text)
{
    send_bytes_at(here, client, text, strlen(text));
}

void say_at(const char *here, struct client *client, const char *format, ...)
{
    char *text;
    char *line;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0 || (length = asprintf(&line, "%s\r\n", text)) < 0)
        abort();
    send_bytes_at(here, client, line, (size_t)length);
    free(line);
    free(text);
}

/* ---- receiving ---- */

/* Reads more; 0 at an orderly end, -errno at any other, -ETIMEDOUT at the limit. */
static ssize_t receive_more(struct client *client, int64_t deadline_ms)
{
    ssize_t count = bytes_read(&client->received, client->fd);

    while (count == -EAGAIN) {
        if (!harness_wait(client->server, client->fd, POLLIN, deadline_ms))
            return -ETIMEDOUT;
        count = bytes_read(&client->received, client->fd);
    }
    return count;
}

/* True for the lines that come when the gathering of newcomers ends: see the header. */
static bool is_newcomers_line(const char *line)
{
    static const char joined[] = " joined";
    const char *event = line[0] == '#' ? strchr(line, ' ') : NULL;
    int digits = 0;

    if (!event || strncmp(event, " -- ", 4) != 0)
        return false;
    sscanf(event, " -- guest%*[0-9]%n", &digits);
    if (digits > 0 && strncmp(event + digits, " is now ", 8) == 0)
        return true;
    return strlen(line) > strlen(joined) &&
           strcmp(line + strlen(line) - strlen(joined), joined) == 0;
}

static char *keep_line(struct client *client, const char *data, size_t length)
{
    if (client->line_count == client->line_capacity) {
        client->line_capacity = client->line_capacity * 2 + 16;
        client->lines = realloc(client->lines, client->line_capacity * sizeof *client->lines);
        if (!client->lines)
            abort();
    }
    return client->lines[client->line_count++] = strndup(data, length);
}

/* The next whole line that was already received, passed over or not, or NULL. */
static const char *take_any_line(const char *here, struct client *client)
{
    const char *start = client->received.data + client->taken;
    size_t left = client->received.length - client->taken;
    const char *end = left ? memchr(start, '\n', left) : NULL;

    if (!end)
        return NULL;
    if (end == start || end[-1] != '\r')
        client_fail(here, client, "a line does not end with CR LF");
    if (memchr(start, '\0', (size_t)(end - start)))
        client_fail(here, client, "a line holds a NUL byte");
    client->taken += (size_t)(end + 1 - start);
    return keep_line(client, start, (size_t)(end - 1 - start));
}

/* The same without those that are passed over. */
static const char *take_line(const char *here, struct client *client)
{
    const char *line;

    while ((line = take_any_line(here, client))) {
        if (client->hears_newcomers || !is_newcomers_line(line))
            return line;
        free(client->lines[--client->line_count]);
    }
    return NULL;
}

const char *next_line_or_end_at(const char *here, struct client *client)
{
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;
    const char *line;

    while (!(line = take_line(here, client))) {
        ssize_t count = receive_more(client, deadline_ms);

        if (count == 0 && client->taken != client->received.length)
            client_fail(here, client, "the input ends within a line");
        if (count == 0)
            return NULL;
        if (count < 0)
            client_fail(here, client, "no further line: %s", strerror((int)-count));
    }
    return line;
}

const char *next_line_at(const char *here, struct client *client)
{
    const char *line = next_line_or_end_at(here, client);

    if (!line)
        client_fail(here, client, "no further line: end of input");
    return line;
}

void expect_bytes_at(const char *here, struct client *client, const void *data, size_t length)
{
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;

    while (client->received.length - client->taken < length) {
        ssize_t count = receive_more(client, deadline_ms);

        if (count <= 0)
            client_fail(here, client, "%zu bytes expected: %s", length, strerror((int)-count));
    }
    if (memcmp(client->received.data + client->taken, data, length) != 0)
        client_fail(here, client, "other bytes came than were expected");
    client->taken += length;
}

/* Takes all that is left and returns how the input ended: 0 or -errno. */
static ssize_t receive_rest(const char *here, struct client *client)
{
    int64_t deadline_ms = harness_now_ms() + HARNESS_LIMIT_MS;
    ssize_t count;

    do
        count = receive_more(client, deadline_ms);
    while (count > 0);
    client->collected_start = client->line_count;
    while (take_line(here, client))
        ;
    client->collected_count = client->line_count - client->collected_start;
    return count;
}

void expect_end_at(const char *here, struct client *client)
{
    ssize_t end = receive_rest(here, client);

    if (end != 0)
        client_fail(here, client, "end of input expected: %s", strerror((int)-end));
    if (client->taken != client->received.length)
        client_fail(here, client, "the input ends within a line");
}

void expect_reset_at(const char *here, struct client *client)
{
    ssize_t end = receive_rest(here, client);

    if (end != -ECONNRESET)
        client_fail(here, client, "a reset expected: %s",
                    end ? strerror((int)-end) : "end of input");
}

/* ---- expectations ---- */

void expect_at(const char *here, struct client *client, const char *format, ...)
{
    char expected[20000];
    const char *line;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    while ((line = next_line_or_end_at(here, client)))
        if (strcmp(line, expected) == 0)
            return;
    client_fail(here, client, "input ended before: %s", expected);
}

const char *expect_prefix_at(const char *here, struct client *client, const char *prefix)
{
    const char *line;

    while ((line = next_line_or_end_at(here, client)))
        if (strncmp(line, prefix, strlen(prefix)) == 0)
            return line;
    client_fail(here, client, "input ended before: %s...", prefix);
}

void expect_next_at(const char *here, struct client *client, const char *format, ...)
{
    char expected[20000];
    const char *line = next_line_at(here, client);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    if (strcmp(line, expected) != 0)
        client_fail(here, client, "expected: %s\ncame:     %s", expected, line);
}

const char *expect_refusal_at(const char *here, struct client *client, const char *what)
{
    const char *line = next_line_at(here, client);

    if (strncmp(line, "! ", 2) != 0 || !strstr(line, what))
        client_fail(here, client, "expected: ! ...%s...\ncame:     %s", what, line);
    return line;
}

size_t barrier_at(const char *here, struct client *client)
{
    static unsigned count;
    char pong[64];

    snprintf(pong, sizeof pong, "* pong barrier-%u", ++count);
    say_at(here, client, "/ping barrier-%u", count);
    client->collected_start = client->line_count;
    for (client->collected_count = 0;; client->collected_count++)
        if (strcmp(next_line_at(here, client), pong) == 0)
            return client->collected_count;
}

const char *heard(const struct client *client, size_t index)
{
    cr_assert(index < client->collected_count, "%s heard only %zu lines", client->name,
              client->collected_count);
    return client->lines[client->collected_start + index];
}

void expect_quiet_at(const char *here, struct client *client)
{
    if (barrier_at(here, client) > 0)
        client_fail(here, client, "silence expected, came: %s", heard(client, 0));
}

void expect_accepted_at(const char *here, struct client *client)
{
    size_t count = barrier_at(here, client);

    for (size_t i = 0; i < count; i++)
        if (strncmp(heard(client, i), "! ", 2) == 0)
            client_fail(here, client, "refused: %s", heard(client, i));
}

size_t heard_count(const struct client *client, const char *text)
{
    size_t count = 0;

    for (size_t i = 0; i < client->collected_count; i++)
        count += strstr(heard(client, i), text) != NULL;
    return count;
}

const char *expect_heard_at(const char *here, struct client *client, const char *text)
{
    if (heard_count(client, text) != 1)
        client_fail(here, client, "%zu lines instead of one hold: %s", heard_count(client, text),
                    text);
    size_t at = 0;
    while (!strstr(heard(client, at), text))
        at++;
    return heard(client, at);
}

void expect_unheard_at(const char *here, struct client *client, const char *text)
{
    if (heard_count(client, text) != 0)
        client_fail(here, client, "a line holds: %s", text);
}

/* ---- words ---- */

bool is_remembered(const char *line, const char *remembered)
{
    static const char shape[] = "~ 0000-00-00 00:00:00 ";

    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == '0' ? !isdigit((unsigned char)line[i]) : line[i] != shape[i])
            return false;
    return strcmp(line + strlen(shape), remembered) == 0;
}

bool is_guest_name(const char *name)
{
    size_t digits = strspn(name + strnlen(name, 5), "0123456789");

    return strncmp(name, "guest", 5) == 0 && digits > 0 && name[5 + digits] == '\0';
}

static bool is_name_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_' || byte == '-';
}

bool has_word(const char *text, const char *word)
{
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || !is_name_byte(at[-1])) && !is_name_byte(at[strlen(word)]))
            return true;
    return false;
}
