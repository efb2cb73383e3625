#include "chat/motd.h"

#include <errno.h>

/* Reads to the end of the file, at most `size` bytes. Returns how many, or -errno. */
static ssize_t read_all(struct sys *sys, int fd, char *text, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t got = sys->read(sys, fd, text + length, size - length);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

/* One byte more than is accepted, so that a file that is too large is seen. */
static ssize_t read_file(struct sys *sys, const char *path, char *text)
{
    int fd = sys->open_read(sys, path);
    if (fd < 0)
        return fd;
    ssize_t length = read_all(sys, fd, text, MOTD_BYTES + 1);
    (void)sys->close(sys, fd); /* it was only read */
    return length > (ssize_t)MOTD_BYTES ? -EFBIG : length;
}

int motd_load(struct chat *chat, const char *path)
{
    struct sys *sys = chat->loop->sys;
    char *text = sys->allocate(sys, MOTD_BYTES + 1);
    if (!text)
        return -ENOMEM;
    ssize_t length = read_file(sys, path, text);
    if (length < 0) {
        sys->release(sys, text);
        return (int)length;
    }
    /* Most are short: what isn't needed is given back, and where that fails, kept. */
    char *shrunk = sys->resize(sys, text, (size_t)length + 1);
    motd_release(chat);
    chat->motd = shrunk ? shrunk : text;
    chat->motd_length = (size_t)length;
    chat->motd_version++;
    return 0;
}

void motd_release(struct chat *chat)
{
    chat->loop->sys->release(chat->loop->sys, chat->motd);
    chat->motd = NULL;
    chat->motd_length = 0;
}
