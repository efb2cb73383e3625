#include "chat/people/motd.h"

#include <errno.h>
#include <string.h>

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
    struct sys_file_info file;
    ssize_t length = sys->file_info(sys, fd, &file);
    if (length == 0 && file.kind != SYS_FILE_REGULAR)
        length = -EINVAL; /* a fifo has no content to show twice, and reads as empty */
    if (length == 0)
        length = read_all(sys, fd, text, MOTD_BYTES + 1);
    (void)sys->close(sys, fd); /* it was only read */
    return length > (ssize_t)MOTD_BYTES ? -EFBIG : length;
}

const char *motd_cause(int error)
{
    return error == -EINVAL ? "not a regular file" : strerror(-error);
}

int motd_load(struct chat *chat, const char *path)
{
    struct sys *sys = chat->loop->sys;
    struct motd *motd = sys->allocate(sys, sizeof(*motd) + MOTD_BYTES + 1);
    if (!motd)
        return -ENOMEM;
    ssize_t length = read_file(sys, path, motd->text);
    if (length < 0) {
        sys->release(sys, motd);
        return (int)length;
    }
    motd->holders = 1;
    motd->length = (uint32_t)length;
    /* Most are short: what isn't needed is given back, and where that fails, kept. */
    struct motd *shrunk = sys->resize(sys, motd, sizeof(*motd) + (size_t)length);
    motd_drop(chat->motd, sys);
    chat->motd = shrunk ? shrunk : motd;
    return 0;
}

void motd_hold(struct motd *motd)
{
    if (motd)
        motd->holders++;
}

void motd_drop(struct motd *motd, struct sys *sys)
{
    if (motd && --motd->holders == 0)
        sys->release(sys, motd);
}
