#include "tools/chatload/user.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/chatload/hear.h"

void user_init(struct user *user, struct load *load, uint32_t number, struct heard *heard)
{
    *user = (struct user){.load = load, .number = number};
    user->room = number % load->settings->rooms;
    user->ear = (struct ear){
        .heard = heard,
        .senders = load_room_senders(load, user->room),
        .first_sender = user->room,
        .stride = load->settings->rooms,
        .receiver = number,
    };
}

static void say(struct user *user, const char *text, size_t length)
{
    if (stream_write(&user->stream, text, length) < 0)
        load_fail(user->load, "out of memory");
}

/* Writes what it takes to get in: nothing where the protocol knows no such thing. */
static void ask_in(struct user *user)
{
    char text[128];
    if (user->load->settings->protocol == PROTOCOL_RAW)
        return;
    if (user->load->settings->rooms == 1)
        say(user, HEAR_ENTERED_PING, strlen(HEAR_ENTERED_PING));
    else
        say(user, text,
            (size_t)snprintf(text, sizeof(text), "/join #load%u\n/leave #lobby\n%s", user->room + 1,
                             HEAR_ENTERED_PING));
}

void user_ask(struct user *user)
{
    if (user->question.asked_ns || !user->in)
        return;
    user->question.asked_ns = user->load->loop->sys->monotonic_ns(user->load->loop->sys);
    say(user, HEAR_QUESTION_PING, strlen(HEAR_QUESTION_PING));
}

void user_call_roll(struct user *user)
{
    char line[MESSAGE_HEAD_BYTES + 1];
    struct message roll_call = {.from = MESSAGE_FROM_MAX};
    message_write(&roll_call, user->load->tag, line, MESSAGE_HEAD_BYTES);
    line[MESSAGE_HEAD_BYTES] = '\n';
    if (user->in)
        say(user, line, sizeof(line));
}

int user_listen(struct task *task, struct user *user)
{
    int rc = stream_fill(task, &user->stream, STREAM_READ_BYTES);
    if (rc != 1)
        return rc;
    return hear_input(user);
}

void user_close(struct user *user)
{
    user->in = false;
    if (!user->open)
        return;
    user->open = false;
    buffer_release(&user->partial, user->load->loop->sys);
    stream_close(&user->stream);
}

/* Whoever connects later than others waits that long first. */
static int64_t ramp_ns(const struct user *user)
{
    const struct settings *settings = user->load->settings;
    return settings->ramp_ns / settings->clients * user->number;
}

int user_enter(struct task *task, struct entry *const self, struct user *user)
{
    TASK_BEGIN();
    self->connect = (struct stream_connect){
        .address = user->load->address,
        .source = load_source(user->load, user->number),
    };
    TASK_AWAIT(self->rc, stream_connect(task, &self->connect, &user->stream, &user->load->fanout));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    user->open = true;
    user->in = user->load->settings->protocol == PROTOCOL_RAW;
    ask_in(user);
    while (!user->in) {
        TASK_AWAIT(self->rc, user_listen(task, user));
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

const char *user_reason(const struct user *user, int rc)
{
    if (rc == -EPIPE && user->load->refused.count > 0)
        return user->load->refused.first;
    if (rc == -ETIMEDOUT && user->open)
        return "its /ping was not answered in 30 s (a server that only relays needs --proto raw)";
    return reason(rc);
}

static void tell_refused(struct user *user, int rc)
{
    struct load *load = user->load;
    load_fail(load, "%s: client %u of %u: %s", load->address_text, user->number + 1,
              load->settings->clients, user_reason(user, rc));
}

static void tell_in(struct load *load)
{
    load->in++;
    if (load->in == load->settings->clients)
        event_set(&load->over);
}

static void tell_gone(struct user *user, int rc)
{
    struct load *load = user->load;
    const char *why = reason(rc);
    load->gone++;
    load_note(&load->losses, why, strlen(why));
    if (load->gone == load->settings->clients)
        load_fail(load, "%s: every client was disconnected: %s", load->address_text,
                  load->losses.first);
}

int user_step(struct task *task)
{
    struct user *const self = container_of(task, struct user, task);

    TASK_BEGIN();
    TASK_AWAIT(self->rc, task_sleep(task, ramp_ns(self)));
    TASK_AWAIT(self->rc, semaphore_acquire(task, &self->load->doors));
    if (self->rc < 0)
        TASK_RETURN(0);
    cancel_scope_open(task, &self->limit, CLIENT_ENTER_NS);
    TASK_AWAIT(self->rc, user_enter(task, &self->entry, self));
    (void)cancel_scope_close(task, &self->limit); /* the result says it */
    semaphore_release(&self->load->doors);
    if (self->rc < 0 && self->rc != -ECANCELED)
        tell_refused(self, self->rc);
    if (self->rc < 0)
        goto close;
    tell_in(self->load);
    do
        TASK_AWAIT(self->rc, user_listen(task, self));
    while (self->rc > 0);
    if (self->rc != -ECANCELED)
        tell_gone(self, self->rc);
close:
    user_close(self);
    TASK_RETURN(0);
    TASK_END();
}
