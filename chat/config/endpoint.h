/*
 * endpoint: where to listen or whom to call, as people type it. Pure.
 *
 *      HOST:PORT   127.0.0.1:7777, localhost:7777
 *      [V6]:PORT   [::1]:7777, [fe80::1%eth0]:7777
 *      :PORT       every address, both families
 *      unix:PATH   unix:/run/chatd.sock
 *
 * Only the form is judged here: whether a host exists is for sys->resolve to
 * say, when a program starts.
 */
#ifndef CHAT_CONFIG_ENDPOINT_H
#define CHAT_CONFIG_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

/* Longer than any name in the DNS (253), and the most a unix address holds, unix(7). */
#define ENDPOINT_HOST_MAX 255
#define ENDPOINT_PATH_MAX 107

enum endpoint_kind { ENDPOINT_TCP, ENDPOINT_UNIX };

/* Bytes of an endpoint as text, the closing zero included. */
#define ENDPOINT_TEXT (ENDPOINT_HOST_MAX + 16)

struct endpoint {
    enum endpoint_kind kind;
    uint16_t port; /* TCP; 0: any free one */
    char host[ENDPOINT_HOST_MAX + 1]; /* TCP; "": every address; an IPv6 one without its brackets */
    const char *path; /* unix; points into the parsed text */
};

/* Reads `text`, which must stay as long as the endpoint. 0, or -EINVAL with nothing changed. */
int endpoint_parse(const char *text, struct endpoint *endpoint);

/* Writes it as people type it. */
void endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT]);

/* True where both can't be had at once, as far as their spelling tells. Port 0 is a new one each
 * time. */
bool endpoint_same(const struct endpoint *one, const struct endpoint *other);

#endif
