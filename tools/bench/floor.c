/*
 * floor: a relay that does one send a receiver for each chunk it reads.
 *
 * The yardstick where nothing can be gathered: what one message costs the
 * kernel for each of its receivers, which no server can do for less.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "tools/bench/relay.h"

static void pass_on(struct relay *relay, int author, const char *bytes, size_t size)
{
    for (int i = relay->count - 1; i >= 0; i--) {
        int fd = relay->members[i];
        if (fd != author && send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
            relay_drop(relay, fd);
    }
}

int main(int count, char **arguments)
{
    static const struct relay_rules rules = {.chunk = pass_on};
    return relay_main(count, arguments, &rules);
}
