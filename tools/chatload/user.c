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

/* A send may meet the server's reset before what the server said was read: read it now. */
static void hear_last_words(struct user *user)
{
    char words[1024];
    struct sys *sys = user->load->loop->sys;
    ssize_t size = sys->receive(sys, user->stream.descriptor.fd, words, sizeof(words));
    if (size > 0)
        (void)hear_bytes(user, words, (size_t)size); /* the connection is lost either way */
}

int user_listen(struct task *task, struct user *user)
{
    int rc = stream_fill(task, &user->stream, STREAM_READ_BYTES);
    if (rc == 1)
        return hear_input(user);
    if (rc == -ECONNRESET || rc == -EPIPE)
        hear_last_words(user);
    return rc;
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

static void begin_attempt(struct entry *entry, struct user *user)
{
    entry->address_at = user->load->address_at;
    entry->connect = (struct stream_connect){
        .address = user->load->address,
        .source = load_source(user->load, user->number),
    };
}

/* The last address gets all the time there is. */
static int64_t attempt_ns(const struct load *load)
{
    bool last = load->reached || load->address_at + 1 >= load->address_count;
    return last ? CLIENT_ENTER_NS : CLIENT_ADDRESS_NS;
}

static bool queue_is_full(const struct load *load, int rc)
{
    return rc == -EAGAIN && load->address.any.sa_family == AF_UNIX;
}

static bool try_again(const struct entry *entry, struct user *user)
{
    return queue_is_full(user->load, entry->rc) ||
           load_next_address(user->load, entry->address_at, entry->rc);
}

int user_enter(struct task *task, struct entry *const self, struct user *user)
{
    TASK_BEGIN();
    do {
        begin_attempt(self, user);
        cancel_scope_open(task, &self->limit, attempt_ns(user->load));
        TASK_AWAIT(self->rc,
                   stream_connect(task, &self->connect, &user->stream, &user->load->fanout));
        (void)cancel_scope_close(task, &self->limit); /* the result says it */
        self->paused = 0;
        if (queue_is_full(user->load, self->rc))
            TASK_AWAIT(self->paused, task_sleep(task, CLIENT_QUEUE_PAUSE_NS));
        if (self->paused < 0)
            TASK_RETURN(self->paused);
    } while (self->rc < 0 && try_again(self, user));
    if (self->rc < 0)
        TASK_RETURN(self->rc);
    user->load->reached = true;
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

const char *user_reason(const struct user *user, int rc, char text[static USER_REASON_TEXT])
{
    const char *words = user->load->refused.first;
    bool closed = rc == -EPIPE || rc == -ECONNRESET;
    if (closed && user->load->refused.count > 0)
        snprintf(text, USER_REASON_TEXT, "%s%s", words, load_refusal_advice(words));
    else if (rc == -ETIMEDOUT && user->open)
        snprintf(text, USER_REASON_TEXT,
                 "its /ping was not answered in 30 s (a server that only relays needs --proto "
                 "raw)");
    else
        snprintf(text, USER_REASON_TEXT, "%s", reason(rc));
    return text;
}

static void tell_refused(struct user *user, int rc)
{
    struct load *load = user->load;
    char why[USER_REASON_TEXT];
    load_fail(load, "%s%s: client %u of %u: %s", load->tried, load->address_text, user->number + 1,
              load->settings->clients, user_reason(user, rc, why));
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
