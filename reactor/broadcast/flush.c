#include "reactor/broadcast/flush.h"

#include "reactor/broadcast/broadcast.h"

struct slice {
    int sends_max;
    int sends;
    int looks;
};

static bool slice_used_up(const struct slice *slice)
{
    return slice->sends >= slice->sends_max || slice->looks >= FLUSH_SLICE_LOOKS;
}

/* What outboxes have of their own. Those that are marked meanwhile wait for the next turn. */
static void serve_dirty(struct fanout *fanout)
{
    struct list dirty;
    list_init(&dirty);
    list_splice(&fanout->dirty, &dirty);
    for (struct list *node; (node = list_pop(&dirty));) {
        struct outbox *outbox = container_of(node, struct outbox, dirty);
        if (!outbox->blocked)
            fanout->transmit(outbox);
    }
}

static void serve_member(struct fanout *fanout, struct subscriber *member, struct slice *slice)
{
    slice->looks++;
    /* One that is blocked is settled all the same: its own lines must not be kept for it. */
    if (!broadcast_settle(member) || member->outbox->blocked)
        return;
    slice->sends++;
    fanout->transmit(member->outbox);
}

/* Serves members from the position on, until the pass is done or the slice used up. */
static void serve_pass(struct fanout *fanout, struct broadcast *broadcast, struct slice *slice)
{
    while (broadcast->left > 0 && broadcast->count > 0 && !slice_used_up(slice)) {
        if (broadcast->position >= broadcast->count)
            broadcast->position = 0;
        broadcast->left--;
        serve_member(fanout, broadcast->members[broadcast->position++], slice);
    }
}

/* A pass of which nothing is left ends with a look for chunks that nobody needs any more. */
static void step_pass(struct fanout *fanout, struct broadcast *broadcast, struct slice *slice)
{
    serve_pass(fanout, broadcast, slice);
    list_remove(&broadcast->pass);
    if (broadcast->left > 0 && broadcast->count > 0)
        list_append(&broadcast->pass, &fanout->passes);
    else
        broadcast_trim(broadcast);
}

bool flush_run(struct hook *hook)
{
    struct fanout *fanout = container_of(hook, struct fanout, hook);
    struct slice slice = {.sends_max = fanout->under_way ? FLUSH_SLICE_SENDS : FLUSH_FIRST_SENDS};
    serve_dirty(fanout);
    while (!list_empty(&fanout->passes) && !slice_used_up(&slice))
        step_pass(fanout, container_of(fanout->passes.next, struct broadcast, pass), &slice);
    fanout->under_way = !list_empty(&fanout->passes);
    return fanout->under_way || !list_empty(&fanout->dirty);
}
