/*
 * client: somebody who talks to a server that is under test.
 *
 * What the server sends is kept from the first byte to the last; lines are
 * taken from it one after the other, and each must end with CR LF. A check that
 * fails shows everything that this client received.
 *
 * Silence is proved by a barrier, never by waiting: the client sends /ping and
 * reads up to the answer, so all the server did for it before has been seen. A
 * barrier orders one client's lines only. To know that B's line had been
 * carried out when A looks, use a barrier on B first, then on A.
 *
 * The lines that announce newcomers (`#r -- ann joined`, and a guest's first
 * name, `#r -- guest3 is now ann`) come when the server's gathering ends, up
 * to 200 ms later, which says nothing about a test that isn't about them. They
 * are passed over, unless the client's hears_newcomers is set.
 */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include "tests/support/harness.h"

#define CLIENT_NAME_MAX 20

struct client {
    struct client *next;
    struct server *server;
    int fd;
    bool hears_newcomers;
    char name[CLIENT_NAME_MAX + 1]; /* as greeted or as given; "" until greeted */
    struct bytes received; /* everything since the connection was made */
    size_t taken; /* how much of that was handed out as lines or bytes */
    char **lines; /* the lines handed out, in order */
    size_t line_count;
    size_t line_capacity;
    size_t collected_start; /* the lines that the last barrier or end collected: from here ... */
    size_t collected_count; /* ... so many */
};

/* Connects to the server's first listener, or to the given one, and reads nothing yet.
 * client_open_address connects to any address (127.0.0.1:1, [::1]:1, unix:PATH). */
#define client_open(server) client_open_at(HERE, server, (server)->listening[0])
#define client_open_listener(server, index) client_open_at(HERE, server, (server)->listening[index])
#define client_open_address(server, address) client_open_at(HERE, server, address)
struct client *client_open_at(const char *here, struct server *server, const char *address);

/* Connects and reads the greeting (and whatever else there is: it ends with a barrier).
 * client_open_as also takes a name. */
#define client_guest(server) client_guest_at(HERE, server)
#define client_open_as(server, name) client_open_as_at(HERE, server, name)
struct client *client_guest_at(const char *here, struct server *server);
struct client *client_open_as_at(const char *here, struct server *server, const char *name);

/* Takes the next line, which must be the greeting's first, and learns the guest's name from it. */
#define expect_greeting(client, server_name) expect_greeting_at(HERE, client, server_name)
void expect_greeting_at(const char *here, struct client *client, const char *server_name);

/* Sends one line, CR LF added. Sends bytes as they are. Neither reads what comes back. */
#define say(client, ...) say_at(HERE, client, __VA_ARGS__)
#define send_bytes(client, data, length) send_bytes_at(HERE, client, data, length)
#define send_text(client, text) send_text_at(HERE, client, text)
void say_at(const char *here, struct client *client, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void send_bytes_at(const char *here, struct client *client, const void *data, size_t length);
void send_text_at(const char *here, struct client *client, const char *text);

/* Ends the sending direction; closes; closes with a reset. After the last two only the lines
 * already taken may be looked at. */
void client_half_close(struct client *client);
void client_close(struct client *client);
void client_reset(struct client *client);

/* Takes and returns the next line, without its CR LF; it stays valid until server_stop. Fails
 * at the end of input. next_line_or_end returns NULL there. */
#define next_line(client) next_line_at(HERE, client)
#define next_line_or_end(client) next_line_or_end_at(HERE, client)
const char *next_line_at(const char *here, struct client *client);
const char *next_line_or_end_at(const char *here, struct client *client);

/* Takes the next `length` bytes as they are, which must be `data`. */
#define expect_bytes(client, data, length) expect_bytes_at(HERE, client, data, length)
void expect_bytes_at(const char *here, struct client *client, const void *data, size_t length);

/* Takes lines until one is exactly this; until one begins with this, and returns it. */
#define expect(client, ...) expect_at(HERE, client, __VA_ARGS__)
#define expect_prefix(client, prefix) expect_prefix_at(HERE, client, prefix)
void expect_at(const char *here, struct client *client, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *expect_prefix_at(const char *here, struct client *client, const char *prefix);

/* The very next line is exactly this; is `! ` and a text that holds `what`, and is returned. */
#define expect_next(client, ...) expect_next_at(HERE, client, __VA_ARGS__)
#define expect_refusal(client, what) expect_refusal_at(HERE, client, what)
void expect_next_at(const char *here, struct client *client, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *expect_refusal_at(const char *here, struct client *client, const char *what);

/* Sends a /ping and takes all lines up to its answer. Returns how many stood before it; heard()
 * gives them, 0 being the first. */
#define barrier(client) barrier_at(HERE, client)
size_t barrier_at(const char *here, struct client *client);
const char *heard(const struct client *client, size_t index);

/* A barrier, and: no line before it; none that begins with `! `. */
#define expect_quiet(client) expect_quiet_at(HERE, client)
#define expect_accepted(client) expect_accepted_at(HERE, client)
void expect_quiet_at(const char *here, struct client *client);
void expect_accepted_at(const char *here, struct client *client);

/* Among the lines that the last barrier, or expect_end, collected: how many hold `text`; exactly
 * one does, and is returned; none does. */
size_t heard_count(const struct client *client, const char *text);
#define expect_heard(client, text) expect_heard_at(HERE, client, text)
#define expect_unheard(client, text) expect_unheard_at(HERE, client, text)
const char *expect_heard_at(const char *here, struct client *client, const char *text);
void expect_unheard_at(const char *here, struct client *client, const char *text);

/* Takes all that is left: up to an orderly end of input; up to a reset. */
#define expect_end(client) expect_end_at(HERE, client)
#define expect_reset(client) expect_reset_at(HERE, client)
void expect_end_at(const char *here, struct client *client);
void expect_reset_at(const char *here, struct client *client);

/* True for `~ YYYY-MM-DD hh:mm:ss LINE` with exactly this LINE. */
bool is_remembered(const char *line, const char *remembered);

/* True for `guest` followed by digits. */
bool is_guest_name(const char *name);

/* True where `text` holds `word` with nothing before or behind it that could be part of a name. */
bool has_word(const char *text, const char *word);

/* Fails the test like harness_fail, and shows what `client` received. */
_Noreturn void client_fail(const char *here, struct client *client, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Closes and releases all clients of `server`; server_stop calls it. */
void clients_release(struct server *server);

#endif
