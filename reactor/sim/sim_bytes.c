#include "reactor/sim/sim_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *sim_own(size_t size)
{
    void *block = calloc(1, size);
    if (!block) {
        fprintf(stderr, "sim: no memory for the simulator itself\n");
        abort();
    }
    return block;
}

/* Makes room for `size` more and a zero: first by moving to the front, then by doubling. */
static void reserve(struct sim_bytes *bytes, size_t size)
{
    size_t needed = bytes->size + size + 1;
    if (bytes->start + needed <= bytes->capacity)
        return;
    /* Moved only once half is free, so that a byte is moved once on average. */
    if (needed > bytes->capacity / 2) {
        size_t capacity = needed < 32 ? 64 : needed * 2;
        char *data = sim_own(capacity);
        if (bytes->size)
            memcpy(data, bytes->data + bytes->start, bytes->size);
        free(bytes->data);
        bytes->data = data;
        bytes->capacity = capacity;
    } else {
        memmove(bytes->data, bytes->data + bytes->start, bytes->size);
    }
    bytes->start = 0;
}

void sim_bytes_append(struct sim_bytes *bytes, const void *data, size_t size)
{
    if (!size)
        return;
    reserve(bytes, size);
    memcpy(bytes->data + bytes->start + bytes->size, data, size);
    bytes->size += size;
    bytes->data[bytes->start + bytes->size] = '\0';
}

size_t sim_bytes_take(struct sim_bytes *bytes, void *buffer, size_t size)
{
    size_t taken = size < bytes->size ? size : bytes->size;
    if (buffer && taken)
        memcpy(buffer, bytes->data + bytes->start, taken);
    bytes->start += taken;
    bytes->size -= taken;
    if (!bytes->size)
        sim_bytes_clear(bytes);
    return taken;
}

void sim_bytes_move(struct sim_bytes *from, struct sim_bytes *to, size_t size)
{
    size_t moved = size < from->size ? size : from->size;
    if (moved)
        sim_bytes_append(to, from->data + from->start, moved);
    sim_bytes_take(from, NULL, moved);
}

const char *sim_bytes_text(const struct sim_bytes *bytes)
{
    return bytes->size ? bytes->data + bytes->start : "";
}

void sim_bytes_clear(struct sim_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct sim_bytes){0};
}
