#include "tools/chatload/crowd.h"

#include <errno.h>
#include <string.h>

#include "tools/chatload/sender.h"

static void *allocate_zeroed(const struct load *load, size_t count, size_t size)
{
    struct sys *sys = load->loop->sys;
    void *block = sys->allocate(sys, count * size);
    if (block)
        memset(block, 0, count * size);
    return block;
}

static void init_clients(struct crowd *crowd)
{
    struct load *load = crowd->load;
    const struct settings *settings = load->settings;
    uint32_t most = load_room_senders(load, 0); /* of any room */
    for (uint32_t i = 0; i < settings->clients; i++)
        client_init(&load->clients[i], load, i, crowd->sequences + (size_t)i * most);
    for (uint32_t i = 0; i < settings->senders; i++)
        sender_init(&load->senders[i], load, i);
    for (uint32_t i = 0; i < crowd->extra_count; i++) {
        client_init(&crowd->extras[i].client, load, settings->clients + i, NULL);
        crowd->extras[i].client.receiver.senders = 0; /* what it receives is not checked */
    }
}

int crowd_open(struct crowd *crowd, struct load *load)
{
    const struct settings *settings = load->settings;
    size_t pairs = (size_t)settings->clients * load_room_senders(load, 0);
    *crowd = (struct crowd){.load = load, .extra_count = settings->stalled + settings->churn};
    load->text = allocate_zeroed(load, settings->size_bytes + 1, 1);
    load->clients = allocate_zeroed(load, settings->clients, sizeof(*load->clients));
    load->senders = allocate_zeroed(load, settings->senders, sizeof(*load->senders));
    load->windows = allocate_zeroed(load, settings->senders, sizeof(*load->windows));
    crowd->sequences = allocate_zeroed(load, pairs, sizeof(*crowd->sequences));
    crowd->extras = allocate_zeroed(load, crowd->extra_count + 1, sizeof(*crowd->extras));
    if (!load->text || !load->clients || !load->senders || !load->windows || !crowd->sequences ||
        !crowd->extras)
        return -ENOMEM;
    init_clients(crowd);
    return 0;
}

void crowd_release(struct crowd *crowd)
{
    struct load *load = crowd->load;
    if (!load)
        return;
    struct sys *sys = load->loop->sys;
    sys->release(sys, crowd->extras);
    sys->release(sys, crowd->sequences);
    sys->release(sys, load->windows);
    sys->release(sys, load->senders);
    sys->release(sys, load->clients);
    sys->release(sys, load->text);
}

/* The client is in, and stops reading. */
static void begin_stalling(struct extra_client *extra)
{
    struct load *load = extra->client.load;
    struct sys *sys = load->loop->sys;
    /* If this fails, it only takes longer until the connection is full. */
    (void)sys->set_option(sys, extra->client.stream.descriptor.fd, SOL_SOCKET, SO_RCVBUF,
                          CROWD_STALLED_RECEIVE_BYTES);
    load->stalled_in++;
}

static void tell_refused(struct client *client, int rc)
{
    char why[CLIENT_REASON_TEXT];
    load_fail(client->load, "%s: stalled client: %s", client->load->address_text,
              client_reason(client, rc, why));
}

static int stalled_step(struct task *task)
{
    struct extra_client *const self = container_of(task, struct extra_client, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, semaphore_acquire(task, &self->client.load->connecting));
    if (self->rc < 0)
        TASK_RETURN(0);
    TASK_AWAIT(self->rc, client_enter(task, &self->client.entry, &self->client));
    semaphore_release(&self->client.load->connecting);
    if (self->rc == 0) {
        begin_stalling(self);
        TASK_AWAIT(self->rc, task_sleep(task, TIME_NEVER));
    } else if (self->rc != -ECANCELED) {
        tell_refused(&self->client, self->rc);
    }
    client_close(&self->client);
    TASK_RETURN(0);
    TASK_END();
}

/* A visit that fails is not counted. If the server is gone, the healthy clients report that. */
static int churn_step(struct task *task)
{
    struct extra_client *const self = container_of(task, struct extra_client, task);

    TASK_BEGIN();
    while (!task_cancelled(task)) {
        self->client.in = false;
        TASK_AWAIT(self->rc, client_enter(task, &self->client.entry, &self->client));
        self->client.load->visits += self->rc == 0;
        TASK_AWAIT(self->rc, task_sleep(task, CROWD_STAY_NS));
        client_close(&self->client);
        TASK_AWAIT(self->rc, task_sleep(task, CROWD_STAY_NS));
    }
    TASK_RETURN(0);
    TASK_END();
}

void crowd_spawn_stalled(struct crowd *crowd, struct task_group *group)
{
    for (uint32_t i = 0; i < crowd->load->settings->stalled; i++)
        (void)task_group_spawn(group, &crowd->extras[i].task, "stalled", stalled_step);
}

/* A group that is cancelled refuses, here as above: the run is over then. */
void crowd_spawn_churn(struct crowd *crowd, struct task_group *group)
{
    for (uint32_t i = crowd->load->settings->stalled; i < crowd->extra_count; i++)
        (void)task_group_spawn(group, &crowd->extras[i].task, "churn", churn_step);
}
