#include "tools/chatload/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/chatload/host.h"

/* Part of the ports of an address is left to others; and beyond half of them the kernel takes
 * longer and longer to find a free one. */
#define PORT_SHARE(ports) ((ports)*2 / 5)

void load_init(struct load *load, struct loop *loop, const struct settings *settings)
{
    uint32_t random = 0;
    *load = (struct load){
        .settings = settings,
        .loop = loop,
        .ports_per_source = PORT_SHARE(host_local_ports()),
        .from_ns = TIME_NEVER,
        .until_ns = TIME_NEVER,
        .epoch_ns = loop->now_ns,
    };
    fanout_init(&load->fanout, loop, NULL);
    check_init(&load->check, loop->sys);
    semaphore_init(&load->connecting, LOAD_CONNECTING_MAX);
    event_init(&load->over);
    (void)loop->sys->random(loop->sys, &random, sizeof(random)); /* else it is the tag 0 */
    message_tag(random, load->tag);
}

static uint32_t dealt(uint32_t count, uint32_t rooms, uint32_t room)
{
    return count / rooms + (room < count % rooms);
}

uint32_t load_room_members(const struct load *load, uint32_t room)
{
    return dealt(load->settings->clients, load->settings->rooms, room);
}

uint32_t load_room_senders(const struct load *load, uint32_t room)
{
    return dealt(load->settings->senders, load->settings->rooms, room);
}

void load_release(struct load *load)
{
    check_release(&load->check);
    fanout_release(&load->fanout);
}

void load_use_address(struct load *load, uint32_t at)
{
    load->address_at = at;
    load->address = load->addresses[at];
    sys_address_format(&load->address, load->address_text);
}

static void note_tried(struct load *load, int rc)
{
    size_t length = strlen(load->tried);
    (void)snprintf(load->tried + length, sizeof(load->tried) - length, "%s: %s; ",
                   load->address_text, strerror(-rc)); /* what does not fit is left out */
}

bool load_next_address(struct load *load, uint32_t at, int rc)
{
    if (rc == -ECANCELED)
        return false;
    if (at != load->address_at)
        return true; /* another client has moved on already */
    if (load->reached || at + 1 >= load->address_count)
        return false;
    note_tried(load, rc);
    load_use_address(load, at + 1);
    return true;
}

const char *load_refusal_advice(const char *words)
{
    if (strncmp(words, "too many connections from your address", 38) == 0)
        return " (chatd's --max-per-host; 0 lifts the limit)";
    if (strncmp(words, "you connect too often", 21) == 0)
        return " (chatd's --connect-rate; 0 lifts the limit)";
    return "";
}

void load_fail(struct load *load, const char *format, ...)
{
    va_list arguments;
    if (load->problem[0])
        return;
    va_start(arguments, format);
    (void)vsnprintf(load->problem, sizeof(load->problem), format, arguments);
    va_end(arguments);
    event_set(&load->over);
}

void load_interrupt(struct load *load)
{
    load->interrupts++;
    event_set(&load->over);
}

void load_note(struct load_oddity *oddity, const char *text, size_t length)
{
    if (oddity->count++ > 0)
        return;
    size_t room = sizeof(oddity->first) - 1;
    size_t kept = length < room ? length : room;
    for (size_t i = 0; i < kept; i++)
        oddity->first[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : ' ';
    oddity->first[kept] = '\0';
}

/* 127.0.0.0/8, of which every address is this machine. */
static bool is_loopback(const struct sys_address *address)
{
    const struct sockaddr_in *ip4 = (const struct sockaddr_in *)&address->storage;
    return address->any.sa_family == AF_INET && ntohl(ip4->sin_addr.s_addr) >> 24 == 127;
}

struct sys_address load_source(const struct load *load, uint32_t number)
{
    struct sys_address source = {0};
    struct sockaddr_in ip4 = {.sin_family = AF_INET};
    const struct settings *settings = load->settings;
    uint64_t connections = (uint64_t)settings->clients + settings->stalled + settings->churn;
    if (!is_loopback(&load->address) || connections <= load->ports_per_source)
        return source;
    ip4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / load->ports_per_source);
    source.length = sizeof(ip4);
    memcpy(&source.storage, &ip4, sizeof(ip4));
    return source;
}
