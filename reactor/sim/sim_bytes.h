/*
 * sim_bytes: a byte queue of the simulator's own. Private to sim/.
 *
 * Not buffer.h, which allocates through a door: what the simulated kernel
 * stores must not show up among the blocks of the program under test, nor fail
 * when that program's allocations are made to.
 */
#ifndef REACTOR_SIM_SIM_BYTES_H
#define REACTOR_SIM_SIM_BYTES_H

#include <stddef.h>

/* A zeroed one is empty. data[start .. start + size) counts, and a zero follows it. */
struct sim_bytes {
    char *data;
    size_t start;
    size_t size;
    size_t capacity;
};

/* Zeroed memory, or the end of the process. Released with free(). */
void *sim_own(size_t size);

void sim_bytes_append(struct sim_bytes *bytes, const void *data, size_t size);

/* Moves at most `size` bytes from the front into `buffer` (NULL: drops them); returns how many. */
size_t sim_bytes_take(struct sim_bytes *bytes, void *buffer, size_t size);

/* Moves at most `size` bytes from the front of `from` to the end of `to`. */
void sim_bytes_move(struct sim_bytes *from, struct sim_bytes *to, size_t size);

/* The content as a text, "" where there is none. */
const char *sim_bytes_text(const struct sim_bytes *bytes);

/* Empties and releases the storage. */
void sim_bytes_clear(struct sim_bytes *bytes);

#endif
