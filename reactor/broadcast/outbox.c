#include "reactor/broadcast/outbox.h"

#include <assert.h>
#include <string.h>

void outbox_init(struct outbox *outbox, uint64_t tag)
{
    *outbox = (struct outbox){.tag = tag};
    list_init(&outbox->dirty);
}

void outbox_release(struct outbox *outbox, struct fanout *fanout)
{
    assert(!outbox->subscribers);
    list_remove(&outbox->dirty);
    buffer_release(&outbox->queue, fanout->pool.sys);
}

void outbox_mark(struct outbox *outbox, struct fanout *fanout)
{
    if (!list_linked(&outbox->dirty))
        list_append(&outbox->dirty, &fanout->dirty);
}

/* Several answers in a row are one entry, and so one segment to send. Whether `added` is of that
 * kind: it would be the second entry and have the place of the first; that is then made `added`. */
static bool extends_first(const struct outbox *outbox, struct outbox_entry *added)
{
    struct outbox_entry first;
    if (!outbox_entry_at(outbox, 0, &first) || first.sequence != added->sequence ||
        first.kind != added->kind || sizeof(first) + first.length != buffer_length(&outbox->queue))
        return false;
    added->length += first.length;
    return true;
}

int outbox_write(struct outbox *outbox, struct fanout *fanout, enum outbox_kind kind,
                 const char *bytes, size_t size)
{
    if (outbox->dead || size == 0)
        return 0;
    struct sys *sys = fanout->pool.sys;
    struct outbox_entry entry = {
        .sequence = fanout->sequence, .length = (uint32_t)size, .kind = (uint32_t)kind};
    int rc = buffer_reserve(&outbox->queue, sys, sizeof(entry) + size);
    if (rc < 0)
        return rc;
    size_t before = buffer_length(&outbox->queue);
    if (extends_first(outbox, &entry))
        memcpy(buffer_data(&outbox->queue), &entry, sizeof(entry)); /* it isn't aligned */
    else
        (void)buffer_append(&outbox->queue, sys, &entry, sizeof(entry)); /* the room is there */
    (void)buffer_append(&outbox->queue, sys, bytes, size);
    outbox->waiting_bytes[kind] += (uint32_t)(buffer_length(&outbox->queue) - before);
    outbox_mark(outbox, fanout);
    return 0;
}

void outbox_kill(struct outbox *outbox, struct fanout *fanout)
{
    outbox->dead = true;
    outbox->blocked = false;
    memset(outbox->waiting_bytes, 0, sizeof(outbox->waiting_bytes));
    buffer_release(&outbox->queue, fanout->pool.sys);
    outbox_mark(outbox, fanout);
}

const char *outbox_entry_at(const struct outbox *outbox, size_t offset, struct outbox_entry *entry)
{
    if (offset >= buffer_length(&outbox->queue))
        return NULL;
    const char *head = buffer_data(&outbox->queue) + offset;
    memcpy(entry, head, sizeof(*entry)); /* entries aren't aligned */
    return head + sizeof(*entry);
}

/* The head moves up to what is left of the entry. */
void outbox_consume(struct outbox *outbox, size_t sent)
{
    struct outbox_entry entry;
    const char *bytes = outbox_entry_at(outbox, 0, &entry);
    assert(bytes);
    assert(sent <= entry.length);
    outbox->waiting_bytes[entry.kind] -= (uint32_t)sent;
    if (sent == entry.length) {
        outbox->waiting_bytes[entry.kind] -= (uint32_t)sizeof(entry);
        buffer_consume(&outbox->queue, sizeof(entry) + sent);
        return;
    }
    entry.length -= (uint32_t)sent;
    entry.sequence = 0;
    buffer_consume(&outbox->queue, sent);
    memcpy(buffer_data(&outbox->queue), &entry, sizeof(entry));
}

int outbox_keep_rest(struct outbox *outbox, struct fanout *fanout, const char *rest, size_t size)
{
    struct sys *sys = fanout->pool.sys;
    const struct outbox_entry entry = {.length = (uint32_t)size, .kind = OUTBOX_REST};
    int rc = buffer_prepend(&outbox->queue, sys, rest, size);
    if (rc < 0)
        return rc;
    rc = buffer_prepend(&outbox->queue, sys, &entry, sizeof(entry));
    if (rc < 0) {
        buffer_consume(&outbox->queue, size);
        return rc;
    }
    outbox->waiting_bytes[OUTBOX_REST] += (uint32_t)(sizeof(entry) + size);
    return 0;
}
