/*
 * fake_door: the least door to the kernel that a module without sockets needs.
 *
 * It counts what is allocated and not yet released, fails the allocation a test
 * names, says what a test wants of the clock and the kernel's generator, and
 * keeps what is written. Everything else is NULL: a module that reaches for
 * more crashes its test.
 */
#ifndef TESTS_SUPPORT_FAKE_DOOR_H
#define TESTS_SUPPORT_FAKE_DOOR_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/list.h"
#include "reactor/base/sys.h"

#define FAKE_DOOR_WRITTEN_MAX 8192

struct fake_door {
    struct sys sys;
    size_t blocks; /* allocated, not yet released */
    size_t allocations; /* asked for since the start, granted or not */
    size_t fail_at; /* the allocation that fails, from 1; 0: none */
    bool fail_after; /* so do all that follow it */
    int64_t realtime_ns;
    int random_error; /* what random answers; 0: it fills in `random_byte` */
    unsigned char random_byte;
    size_t write_most; /* bytes that one write takes; 0: it fails with -EAGAIN */
    char written[FAKE_DOOR_WRITTEN_MAX];
    size_t written_bytes;
    size_t writes;
    bool stopped; /* who reads what is written has stopped */
    int64_t waited_ns; /* for that */
    int64_t now_ns; /* of the monotonic clock, which only waiting moves on */
    int64_t reader_ns; /* how long the reader takes to make room for a line */
};

static inline struct fake_door *fake_door_of(struct sys *sys)
{
    return container_of(sys, struct fake_door, sys);
}

/* Counts one allocation; true where it is to fail. */
static inline bool fake_door_fails(struct fake_door *door)
{
    door->allocations++;
    if (door->fail_at == 0)
        return false;
    return door->allocations == door->fail_at ||
           (door->fail_after && door->allocations > door->fail_at);
}

static inline void *fake_door_allocate(struct sys *sys, size_t size)
{
    struct fake_door *door = fake_door_of(sys);

    if (size == 0)
        abort();
    if (fake_door_fails(door))
        return NULL;
    door->blocks++;
    /* What is handed out isn't zero, so that whoever counts on it is found. */
    return memset(malloc(size), 0xa5, size);
}

static inline void *fake_door_resize(struct sys *sys, void *block, size_t size)
{
    struct fake_door *door = fake_door_of(sys);

    if (size == 0)
        abort();
    if (fake_door_fails(door))
        return NULL;
    if (!block)
        door->blocks++;
    return realloc(block, size);
}

static inline void fake_door_release(struct sys *sys, void *block)
{
    if (block)
        fake_door_of(sys)->blocks--;
    free(block);
}

static inline int64_t fake_door_realtime_ns(struct sys *sys)
{
    return fake_door_of(sys)->realtime_ns;
}

static inline int64_t fake_door_monotonic_ns(struct sys *sys)
{
    return fake_door_of(sys)->now_ns;
}

static inline int fake_door_random(struct sys *sys, void *buffer, size_t size)
{
    struct fake_door *door = fake_door_of(sys);

    if (door->random_error)
        return door->random_error;
    memset(buffer, door->random_byte, size);
    return 0;
}

static inline int fake_door_takes(struct sys *sys, int fd, int64_t timeout_ns)
{
    struct fake_door *door = fake_door_of(sys);

    (void)fd; /* there is one place to write to */
    bool taken = !door->stopped && door->reader_ns <= timeout_ns;
    int64_t waited_ns = taken ? door->reader_ns : timeout_ns;
    door->waited_ns += waited_ns;
    door->now_ns += waited_ns;
    return taken;
}

static inline ssize_t fake_door_write(struct sys *sys, int fd, const void *data, size_t size)
{
    struct fake_door *door = fake_door_of(sys);

    (void)fd; /* there is one place to write to */
    door->writes++;
    if (door->write_most == 0)
        return -EAGAIN;
    if (size > door->write_most)
        size = door->write_most;
    if (size > FAKE_DOOR_WRITTEN_MAX - door->written_bytes)
        return -ENOSPC;
    memcpy(door->written + door->written_bytes, data, size);
    door->written_bytes += size;
    return (ssize_t)size;
}

/* Makes a door that grants everything, at 1970. */
static inline void fake_door_init(struct fake_door *door)
{
    memset(door, 0, sizeof(*door));
    door->write_most = SIZE_MAX;
    door->sys.allocate = fake_door_allocate;
    door->sys.resize = fake_door_resize;
    door->sys.release = fake_door_release;
    door->sys.monotonic_ns = fake_door_monotonic_ns;
    door->sys.realtime_ns = fake_door_realtime_ns;
    door->sys.random = fake_door_random;
    door->sys.takes = fake_door_takes;
    door->sys.write = fake_door_write;
}

#endif
