#include "tools/chatload/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/chatload/host.h"
#include "tools/chatload/sender.h"
#include "tools/chatload/user.h"

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
    stream_fanout_init(&load->fanout, loop, NULL);
    check_init(&load->check, loop->sys);
    semaphore_init(&load->doors, LOAD_DOORS);
    event_init(&load->over);
    (void)loop->sys->random(loop->sys, &random, sizeof(random)); /* else it is the tag 0 */
    message_tag(random, load->tag);
}

static void *allocate_zeroed(struct load *load, size_t count, size_t size)
{
    struct sys *sys = load->loop->sys;
    void *block = sys->allocate(sys, count * size);
    if (block)
        memset(block, 0, count * size);
    return block;
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

static void seat_clients(struct load *load)
{
    uint32_t seats = load_room_senders(load, 0); /* the most of any room */
    for (uint32_t i = 0; i < load->settings->clients; i++)
        user_init(&load->users[i], load, i, load->heard + (size_t)i * seats);
    for (uint32_t i = 0; i < load->settings->senders; i++)
        sender_init(&load->senders[i], load, i);
}

int load_open(struct load *load)
{
    const struct settings *settings = load->settings;
    size_t pairs = (size_t)settings->clients * load_room_senders(load, 0);
    load->text = allocate_zeroed(load, settings->size_bytes + 1, 1);
    load->heard = allocate_zeroed(load, pairs, sizeof(*load->heard));
    load->users = allocate_zeroed(load, settings->clients, sizeof(*load->users));
    load->senders = allocate_zeroed(load, settings->senders, sizeof(*load->senders));
    if (!load->text || !load->heard || !load->users || !load->senders)
        return -ENOMEM;
    seat_clients(load);
    return 0;
}

void load_release(struct load *load)
{
    struct sys *sys = load->loop->sys;
    sys->release(sys, load->senders);
    sys->release(sys, load->users);
    sys->release(sys, load->heard);
    sys->release(sys, load->text);
    check_release(&load->check);
    stream_fanout_release(&load->fanout);
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
