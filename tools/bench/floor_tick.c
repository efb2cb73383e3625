/*
 * floor_tick: a relay that gathers what a turn has brought, and then does one
 * send a receiver.
 *
 * The yardstick at saturation: as few sends as a program can make that serves
 * everybody in every turn. A receiver that has spoken in the turn gets what
 * lies around its own bytes by one sendmsg; the others by a plain send.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tools/bench/relay.h"

struct chunk {
    int author;
    size_t end; /* behind its last byte; it begins where the one before it ends */
};

/* A turn reads once from each at most: this always has room. */
static char gathered[RELAY_EVENTS_MAX * RELAY_READ_BYTES];
static struct chunk chunks[RELAY_EVENTS_MAX];
static int chunk_count;

static size_t gathered_bytes(void)
{
    return chunk_count ? chunks[chunk_count - 1].end : 0;
}

static void gather(struct relay *relay, int author, const char *bytes, size_t size)
{
    (void)relay; /* sends at the end of the turn */
    size_t begin = gathered_bytes();
    memcpy(gathered + begin, bytes, size);
    chunks[chunk_count++] = (struct chunk){.author = author, .end = begin + size};
}

static bool has_spoken(int fd)
{
    for (int i = 0; i < chunk_count; i++)
        if (chunks[i].author == fd)
            return true;
    return false;
}

static bool send_all(int fd)
{
    size_t size = gathered_bytes();
    return send(fd, gathered, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool send_others(int fd)
{
    struct iovec parts[RELAY_EVENTS_MAX];
    struct msghdr message = {.msg_iov = parts};
    size_t begin = 0;
    size_t size = 0;
    for (int i = 0; i < chunk_count; i++) {
        size_t length = chunks[i].end - begin;
        if (chunks[i].author != fd) {
            parts[message.msg_iovlen++] =
                (struct iovec){.iov_base = gathered + begin, .iov_len = length};
            size += length;
        }
        begin = chunks[i].end;
    }
    return size == 0 || sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)size;
}

static void send_gathered(struct relay *relay)
{
    if (chunk_count == 0)
        return;
    for (int i = relay->count - 1; i >= 0; i--) {
        int fd = relay->members[i];
        if (!(has_spoken(fd) ? send_others(fd) : send_all(fd)))
            relay_drop(relay, fd);
    }
    chunk_count = 0;
}

int main(int count, char **arguments)
{
    static const struct relay_rules rules = {.chunk = gather, .turn_end = send_gathered};
    return relay_main(count, arguments, &rules);
}
