#include "reactor/broadcast/fanout.h"

#include <assert.h>

#include "reactor/broadcast/broadcast.h"

struct slice {
    uint32_t sends_max;
    uint32_t sends;
    uint32_t looks;
};

static bool slice_used_up(const struct slice *slice)
{
    return slice->sends >= slice->sends_max || slice->looks >= FANOUT_SLICE_LOOKS;
}

static struct broadcast *first_pass(const struct fanout *fanout)
{
    return container_of(fanout->passes.next, struct broadcast, pass);
}

/* What outboxes have of their own. Those marked meanwhile wait for the next turn. */
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

/* A walk over the members, so it counts as that many looks. */
static void trim(struct broadcast *broadcast, struct slice *slice)
{
    slice->looks += broadcast->count;
    broadcast_trim(broadcast);
}

/* Serves the next member of a pass. The send comes last: it may end the subscription, and the
 * `ended` rule may then free the broadcast. A blocked member is settled all the same, so that its
 * own lines are not kept for it. */
static void serve_next(struct fanout *fanout, struct broadcast *broadcast, struct slice *slice)
{
    if (broadcast->position >= broadcast->count)
        broadcast->position = 0;
    struct subscriber *member = broadcast->members[broadcast->position++];
    broadcast->left--;
    slice->looks++;
    if (!broadcast_settle_fast(member) || member->outbox->blocked)
        return;
    slice->sends++;
    fanout->transmit(member->outbox);
}

/* Serves the first pass of the list, a member at a time, and looks at the list anew after each. A
 * pass with nobody left ends with a look for chunks that nobody needs any more. */
static void serve_passes(struct fanout *fanout, struct slice *slice)
{
    while (!list_empty(&fanout->passes) && !slice_used_up(slice)) {
        struct broadcast *broadcast = first_pass(fanout);
        if (broadcast->left > 0) {
            serve_next(fanout, broadcast, slice);
        } else {
            list_remove(&broadcast->pass);
            trim(broadcast, slice);
        }
    }
}

/* Lets the next broadcast have the next slice. One that is ahead of its readers gets its space as
 * soon as they allow it, not only when its pass is done. */
static void rotate_passes(struct fanout *fanout, struct slice *slice)
{
    if (list_empty(&fanout->passes))
        return;
    struct broadcast *broadcast = first_pass(fanout);
    list_remove(&broadcast->pass);
    list_append(&broadcast->pass, &fanout->passes);
    if (!broadcast_has_space(broadcast))
        trim(broadcast, slice);
}

/* The hook. Returns whether more is to be served now. Runs no callbacks but the rules. */
static bool flush(struct hook *hook)
{
    struct fanout *fanout = container_of(hook, struct fanout, hook);
    struct slice slice = {.sends_max = fanout->under_way ? FANOUT_SLICE_SENDS : FANOUT_FIRST_SENDS};
    serve_dirty(fanout);
    serve_passes(fanout, &slice);
    rotate_passes(fanout, &slice);
    fanout->under_way = !list_empty(&fanout->passes);
    return fanout->under_way || !list_empty(&fanout->dirty);
}

void fanout_init(struct fanout *fanout, struct loop *loop, const struct fanout_rules *rules)
{
    static const struct fanout_rules no_rules;
    *fanout = (struct fanout){.loop = loop, .rules = rules ? rules : &no_rules};
    chunk_pool_init(&fanout->pool, loop->sys);
    list_init(&fanout->passes);
    list_init(&fanout->dirty);
    wait_list_init(&fanout->space);
    fanout->hook.run = flush;
    loop_add_hook(loop, &fanout->hook);
}

void fanout_release(struct fanout *fanout)
{
    assert(list_empty(&fanout->passes));
    assert(list_empty(&fanout->dirty));
    assert(list_empty(&fanout->space.tasks));
    loop_remove_hook(&fanout->hook);
    chunk_pool_release(&fanout->pool);
}
