#include "tools/chatload_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/chatload_hear.h"

void client_init(struct client *client, struct load *load, uint32_t number, struct heard *heard)
{
    *client = (struct client){.load = load, .number = number};
    client->room = number % load->settings->rooms;
    client->ear = (struct ear){
        .heard = heard,
        .senders = load_room_senders(load, client->room),
        .first_sender = client->room,
        .stride = load->settings->rooms,
        .receiver = number,
    };
}

static void say(struct client *client, const char *text, size_t length)
{
    if (stream_write(&client->stream, text, length) < 0)
        load_fail(client->load, "out of memory");
}

/* Writes what it takes to get in: nothing where the protocol knows no such thing. */
static void ask_in(struct client *client)
{
    char text[128];
    if (client->load->settings->protocol == PROTOCOL_RAW)
        return;
    if (client->load->settings->rooms == 1)
        say(client, HEAR_ENTERED_PING, strlen(HEAR_ENTERED_PING));
    else
        say(client, text,
            (size_t)snprintf(text, sizeof(text), "/join #load%u\n/leave #lobby\n%s",
                             client->room + 1, HEAR_ENTERED_PING));
}

void client_ask(struct client *client)
{
    if (client->question.asked_ns || !client->in)
        return;
    client->question.asked_ns = client->load->loop->sys->monotonic_ns(client->load->loop->sys);
    say(client, HEAR_QUESTION_PING, strlen(HEAR_QUESTION_PING));
}

void client_call_roll(struct client *client)
{
    char line[MESSAGE_HEAD_BYTES + 1];
    struct message roll_call = {.from = MESSAGE_FROM_MAX};
    message_write(&roll_call, client->load->tag, line, MESSAGE_HEAD_BYTES);
    line[MESSAGE_HEAD_BYTES] = '\n';
    if (client->in)
        say(client, line, sizeof(line));
}

int client_listen(struct task *task, struct client *client)
{
    int rc = stream_fill(task, &client->stream, STREAM_READ_BYTES);
    if (rc != 1)
        return rc;
    return hear_input(client);
}

void client_close(struct client *client)
{
    client->in = false;
    if (!client->open)
        return;
    client->open = false;
    buffer_release(&client->partial, client->load->loop->sys);
    stream_close(&client->stream);
}

/* Whoever connects later than others waits that long first. */
static int64_t ramp_ns(const struct client *client)
{
    const struct settings *settings = client->load->settings;
    return settings->ramp_ns / settings->clients * client->number;
}

int client_enter(struct task *task, struct entry *const self, struct client *client)
{
    TASK_BEGIN();
    self->connect = (struct stream_connect){
        .address = client->load->address,
        .source = load_source(client->load, client->number),
    };
    TASK_AWAIT(self->rc, stream_connect(task, &self->connect, &client->stream, &client->load->hub));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    client->open = true;
    client->in = client->load->settings->protocol == PROTOCOL_RAW;
    ask_in(client);
    while (!client->in) {
        TASK_AWAIT(self->rc, client_listen(task, client));
        if (self->rc <= 0)
            TASK_RETURN(self->rc < 0 ? self->rc : -EPIPE);
    }
    TASK_RETURN(0);
    TASK_END();
}

static const char *reason(int rc)
{
    return rc == 0 || rc == -EPIPE ? "the server closed the connection" : strerror(-rc);
}

/* What the server said before it closed is a better reason than that it closed. */
static void tell_refused(struct client *client, int rc)
{
    struct load *load = client->load;
    bool told = rc == -EPIPE && load->refused.count > 0;
    load_fail(load, "%s: client %u of %u: %s", load->address_text, client->number + 1,
              load->settings->clients, told ? load->refused.first : reason(rc));
}

static void tell_in(struct load *load)
{
    load->in++;
    if (load->in == load->settings->clients)
        event_set(&load->over);
}

static void tell_gone(struct client *client, int rc)
{
    struct load *load = client->load;
    const char *why = reason(rc);
    load->gone++;
    load_note(&load->losses, why, strlen(why));
    if (load->gone == load->settings->clients)
        load_fail(load, "%s: every client was disconnected: %s", load->address_text,
                  load->losses.first);
}

int client_step(struct task *task)
{
    struct client *const self = container_of(task, struct client, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, ramp_ns(self)));
    TASK_AWAIT(self->rc, semaphore_acquire(task, &self->load->doors));
    if (self->rc < 0)
        TASK_RETURN(0);
    task_deadline_open(task, &self->limit, CLIENT_ENTER_NS);
    TASK_AWAIT(self->rc, client_enter(task, &self->entry, self));
    (void)task_deadline_close(task, &self->limit); /* the result says it */
    semaphore_release(&self->load->doors);
    if (self->rc < 0 && self->rc != -ECANCELED)
        tell_refused(self, self->rc);
    if (self->rc < 0)
        goto close;
    tell_in(self->load);
    do
        TASK_AWAIT(self->rc, client_listen(task, self));
    while (self->rc > 0);
    if (self->rc != -ECANCELED)
        tell_gone(self, self->rc);
close:
    client_close(self);
    TASK_RETURN(0);
    TASK_END();
}
