/*
 * relay: what the two yardsticks of the benchmark have in common.
 *
 * A yardstick passes on what it reads to everybody but the one it read it from,
 * and does nothing else: no lines, no names, no queues. Plain libc and one
 * epoll, level-triggered; every call is checked, and none is made that a relay
 * could do without. floor.c sends each chunk that it reads, floor_tick.c what a
 * turn has brought: these two functions are all in which they differ.
 *
 * What has no place here is what a server owes to those who read slowly: who
 * can't take a whole send at once is let go.
 */
#ifndef TOOLS_BENCH_RELAY_H
#define TOOLS_BENCH_RELAY_H

#include <stddef.h>

/* One read. It is a chatd's too. */
#define RELAY_READ_BYTES ((size_t)16 * 1024)

/* Events taken a turn, and so reads at most. */
#define RELAY_EVENTS_MAX 256

struct relay {
    int poll;
    int listener;
    int *members; /* their descriptors; the order means nothing */
    int *places; /* by descriptor: its place in `members` */
    int count;
    int capacity; /* of both tables: the limit of descriptors */
};

/* What a yardstick does with a chunk, and at the end of each turn. */
struct relay_rules {
    void (*chunk)(struct relay *relay, int author, const char *bytes, size_t size);
    void (*turn_end)(struct relay *relay); /* NULL: nothing */
};

/* Lets a member go. A walk over the members that may do this goes backwards. */
void relay_drop(struct relay *relay, int fd);

/* The program: `-l HOST:PORT` (IPv4) in `arguments`, both lines of readiness on stdout, then turns
 * without end. Returns the exit status where it can't start. */
int relay_main(int count, char **arguments, const struct relay_rules *rules);

#endif
