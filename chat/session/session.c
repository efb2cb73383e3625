#include "chat/session/session.h"

#include <errno.h>
#include <string.h>

#include "chat/people/ignore.h"
#include "chat/people/memory.h"
#include "chat/session/answer.h"
#include "chat/session/command.h"
#include "chat/text/text.h"

/* Read at once from a client that is ahead of its rate: what it sent beyond that may stay where it
 * is. */
#define SESSION_AHEAD_BYTES ((size_t)4 * 1024)

/* What is carried out of one client's input in one turn: so many bytes, where each line counts as
 * so many more than it has. That is 256 empty lines, and bounds what one client can say before
 * others are heard and the room's readers are served. */
#define SESSION_SHARE_BYTES ((uint32_t)16 * 1024)
#define SESSION_SHARE_LINE_BYTES 64

/* Between two slices of a search, so that others take their turns. */
#define SESSION_SEARCH_NS NS_PER_MS

/* How long after Ctrl-C a telnet may take to ask for the timing mark. */
#define SESSION_MARK_NS (100 * NS_PER_MS)

/* The greeting's second line, and the room that 80 columns leave for naming the others, with a NUL.
 */
#define SESSION_HELP "Type to talk. /nick NAME, /help, /quit. "
#define SESSION_OTHERS_TEXT (ANSWER_COLUMNS - sizeof("* " SESSION_HELP "."))

static struct sessions *sessions_of(const struct session *self)
{
    return container_of(self->task.group, struct sessions, group);
}

static struct chat *chat_of(const struct session *self)
{
    return client_chat(&self->client);
}

/* Coming in. */

static void enter(struct session *self)
{
    struct client *client = &self->client;
    struct chat *chat = chat_of(self);
    char others[SESSION_OTHERS_TEXT];
    peer_check_stir(&sessions_of(self)->check);
    if (room_join(chat->lobby, client) < 0) {
        client_refuse(client, "Out of memory: try again later.");
        self->client.end = CLIENT_QUIT;
        return;
    }
    (void)answer_others(client, chat->lobby, others, sizeof(others));
    client_tell(client, "Welcome to %s. You are %s in %s.", chat->config->name, client->name,
                chat->lobby->name);
    client_tell(client, SESSION_HELP "%s.", others);
    if (chat->lobby->topic)
        client_tell(client, "The topic of %s is: %s", chat->lobby->name, chat->lobby->topic);
    answer_motd(client);
    answer_remembered(client, chat->lobby);
}

/* Reading. */

/* Puts the line under construction where it survives the next await. */
static void keep_partial(struct session *self, const struct input_line *line)
{
    int rc = buffer_append(&self->reading.partial, self->task.loop->sys, line->bytes, line->length);
    if (rc < 0)
        stream_fail(&self->client.stream, rc);
}

/* The line under construction, in the scratch that all sessions share. */
static struct input_line resume_line(struct session *self)
{
    struct chat *chat = chat_of(self);
    struct buffer *partial = &self->reading.partial;
    struct input_line line = {.bytes = chat->line, .max_bytes = chat->config->max_line_bytes};
    line.length = buffer_length(partial);
    if (line.length > 0)
        memcpy(line.bytes, buffer_data(partial), line.length);
    buffer_release(partial, self->task.loop->sys);
    return line;
}

static void refuse_long_line(struct session *self, size_t max_bytes)
{
    client_refuse(&self->client, "That line is over %zu bytes and was not sent.", max_bytes);
}

/* Each byte that is not UTF-8 becomes three once it is cleaned: a line may become too long here. */
/* Commands that give memory back, and ping, are carried out even if the limit is exceeded. */
static bool needs_memory(const char *line)
{
    static const char *const others[] = {"/q", "/exit", "/l", "/part", "/pi"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (strncmp(line, others[i], strlen(others[i])) == 0)
            return false;
    return true;
}

static void run_line(struct session *self, const struct input_line *line)
{
    char *clean = chat_of(self)->clean;
    size_t length = text_clean(clean, line->bytes, line->length);
    if (length > line->max_bytes) {
        refuse_long_line(self, line->max_bytes);
        return;
    }
    clean[length] = '\0';
    self->client.held = NULL;
    if (!memory_settle(chat_of(self)) && needs_memory(clean)) {
        client_refuse(&self->client, "The server's memory is used up: try again later.");
        return;
    }
    command_run(&self->client, clean, length);
    if (self->client.confirming)
        self->reading.confirmed_by = chat_of(self)->journal.added;
    if (self->client.held || self->client.confirming)
        keep_partial(self, line);
}

/* Waits until the room is no longer ahead for which a line is held back. */
static int wait_for_room(struct task *task, struct session *self)
{
    return task_wait(task, &chat_of(self)->fanout.space, !room_holds_back(&self->client));
}

static struct journal *journal_of(const struct session *self)
{
    return &chat_of(self)->journal;
}

/* Waits until the line that was held back may be carried out. A journal that fails is no reason to
 * wait: the command says so. */
static int wait_for_held(struct task *task, struct session *self)
{
    if (!self->client.confirming)
        return wait_for_room(task, self);
    int rc = journal_confirm(task, journal_of(self), self->reading.confirmed_by);
    return rc == -EIO ? 0 : rc;
}

/* Carries out the line that was held back. */
static void take_held(struct session *self)
{
    struct input_line line = resume_line(self);
    run_line(self, &line);
}

/* Charges a part of the input to the client's share of this turn. */
static void use_share(struct session *self, size_t bytes)
{
    struct session_reading *reading = &self->reading;
    uint32_t turn = (uint32_t)self->task.loop->turn;
    if (reading->turn != turn)
        reading->share_bytes = 0;
    reading->turn = turn;
    reading->share_bytes += (uint32_t)bytes + SESSION_SHARE_LINE_BYTES;
}

static bool share_used_up(const struct session *self)
{
    return self->reading.turn == (uint32_t)self->task.loop->turn &&
           self->reading.share_bytes >= SESSION_SHARE_BYTES;
}

/*
 * Debian's telnet shows nothing after Ctrl-C until its DO TIMING-MARK, which follows at once, is
 * answered: what is said before that is never seen. So how to leave is said behind the answer,
 * before whatever else comes, or after a moment in which nothing does.
 */
static void tell_how_to_leave(struct session *self)
{
    if (self->client.interrupted)
        client_tell(&self->client, "to leave, type /quit or press Ctrl-D");
    self->client.interrupted = false;
}

static void send_answer(struct session *self)
{
    struct stream *stream = &self->client.stream;
    const char *answer = (const char *)self->reading.input.answer;
    int rc = stream_write(stream, answer, TELNET_ANSWER_BYTES);
    if (rc < 0)
        stream_fail(stream, rc);
}

static void carry_out(struct session *self, enum input_event event, const struct input_line *line)
{
    struct client *client = &self->client;
    if (event == INPUT_ANSWER)
        send_answer(self);
    tell_how_to_leave(self);
    switch (event) {
    case INPUT_LINE:
        run_line(self, line);
        break;
    case INPUT_TOO_LONG:
        refuse_long_line(self, line->max_bytes);
        break;
    case INPUT_ARE_YOU_THERE:
        client_tell(client, "yes, %s is here", chat_of(self)->config->name);
        break;
    case INPUT_INTERRUPT:
        self->client.interrupted = true;
        break;
    case INPUT_END:
        self->client.end = CLIENT_QUIT;
        break;
    case INPUT_FOREIGN:
        client_refuse(client, "This is a chat server without HTTP or TLS: use telnet or nc.");
        self->client.end = CLIENT_QUIT;
        break;
    case INPUT_ANSWER:
    case INPUT_BYTES:
    case INPUT_MORE:
        break;
    }
}

/* Carries out the next thing in what was read. False: there is nothing whole in it. */
static bool take_event(struct session *self)
{
    struct stream *stream = &self->client.stream;
    struct session_reading *reading = &self->reading;
    size_t size;
    const char *bytes = stream_input(stream, &size);
    if (size == 0)
        return false;
    struct input_line line = resume_line(self);
    struct input_raw raw = {.bytes = (const uint8_t *)bytes, .size = size};
    enum input_event event = input_pull(&reading->input, &line, &raw);
    stream_consume(stream, size - raw.size);
    use_share(self, size - raw.size);
    chat_of(self)->counts.bytes += size - raw.size;
    if (event != INPUT_LINE && event != INPUT_FOREIGN && line.length > 0)
        keep_partial(self, &line);
    if (event == INPUT_MORE)
        return false;
    chat_of(self)->counts.lines += event == INPUT_LINE;
    pace_charge(&reading->pace, &chat_of(self)->config->rate, self->task.loop->now_ns, 1);
    carry_out(self, event, &line);
    return true;
}

/* The input has ended: a last line without a newline counts, and is answered before the end. */
static void take_last_line(struct session *self)
{
    struct input_line line = resume_line(self);
    enum input_event event = input_finish(&self->reading.input, &line);
    carry_out(self, event, &line);
    if (event == INPUT_MORE)
        self->client.end = CLIENT_CLOSED;
}

/* How long it has to wait before its next line is taken. */
static int64_t ahead_ns(const struct session *self)
{
    return pace_ready_at(&self->reading.pace, &chat_of(self)->config->rate) -
           self->task.loop->now_ns;
}

static size_t read_size(const struct session *self)
{
    return self->reading.pace.due_ns > self->task.loop->now_ns ? SESSION_AHEAD_BYTES
                                                               : STREAM_READ_BYTES;
}

/* Composes answers as long as the reader takes them. True if one is still looked for: the next
 * slice of the search is for another turn. */
static bool compose_answers(struct session *self)
{
    const struct stream *stream = &self->client.stream;
    enum answer_step step = ANSWER_LINE;
    if (self->client.stream.error)
        answer_release(&self->client); /* nobody gets the rest */
    while (step == ANSWER_LINE && stream_waiting_bytes(stream, OUTBOX_ANSWER) < CHAT_UNREAD_BYTES)
        step = answer_next(&self->client);
    return step == ANSWER_SEARCHES;
}

/* Waits until most of the answers were sent. A connection that takes no more ends the session only
 * once its input is read: the client's last words may still be there. */
static int drain_answers(struct task *task, struct session *self)
{
    struct stream *stream = &self->client.stream;
    int rc = stream_drain(task, stream, CHAT_UNREAD_BYTES / 2);
    bool lost = rc < 0 && rc != TASK_PENDING && rc != -ECANCELED && stream->error;
    return lost ? 0 : rc;
}

/* Begins to wait for the client: for as long as it may be silent. */
static void open_idle(struct session *self)
{
    int64_t idle_ns = chat_of(self)->config->idle_timeout_ns;
    if (idle_ns == 0)
        idle_ns = TIME_NEVER;
    if (self->client.interrupted)
        idle_ns = SESSION_MARK_NS;
    /* From the turn's instant: this is done for every line, and a clock read would show. */
    cancel_scope_open_at(&self->task, &self->reading.idle,
                         time_after(self->task.loop->now_ns, idle_ns));
}

/* Finds out what the result of a wait means for the session. The connection's own error may be
 * -ETIMEDOUT too (keep-alive): only the session's deadline makes it idle. */
static void judge_wait(struct session *self, bool idle)
{
    if (self->rc >= 0 || self->client.end)
        return;
    if (self->rc == -ETIMEDOUT && idle)
        self->client.end = CLIENT_IDLE;
    else if (self->rc == -ECANCELED)
        self->client.end = CLIENT_SHUTDOWN;
    else
        self->client.end = CLIENT_LOST;
}

static void close_idle(struct session *self)
{
    bool idle = cancel_scope_close(&self->task, &self->reading.idle);
    if (self->rc == -ETIMEDOUT && idle && self->client.interrupted) {
        tell_how_to_leave(self);
        return;
    }
    judge_wait(self, idle);
}

/* What a read came to: bytes, or the end of the input. */
static void note_read(struct session *self)
{
    peer_check_stir(&sessions_of(self)->check);
    if (self->rc > 0)
        self->client.heard_ns = self->task.loop->now_ns;
    else if (self->rc == 0)
        take_last_line(self);
}

/* Going. */

static const char *reason_of(const struct session *self)
{
    switch ((enum client_end)self->client.end) {
    case CLIENT_CLOSED:
        return "connection closed";
    case CLIENT_LOST:
        return "connection lost";
    case CLIENT_IDLE:
        return "idle";
    case CLIENT_TOO_SLOW:
        return "too slow";
    case CLIENT_REPLACED:
        return "replaced";
    case CLIENT_KICKED:
        return self->client.extra && self->client.extra->parting ? self->client.extra->parting
                                                                 : "kicked";
    default:
        return self->client.extra ? self->client.extra->parting : NULL;
    }
}

/* Whether the server ends in the middle of an answer: it was asked before, and is owed whole. */
static bool answers_owed(struct session *self)
{
    if (self->client.end != CLIENT_SHUTDOWN || self->rc < 0)
        return false;
    if (compose_answers(self))
        answer_release(&self->client); /* a search has found nothing yet that would be owed */
    return self->client.answer;
}

static void log_leaving(const struct session *self)
{
    const char *reason = reason_of(self);
    log_write(chat_of(self)->log, LOG_LEVEL_DEBUG, "%s leaves (%s)", self->client.name,
              reason ? reason : "without a word");
}

/* Leaves the rooms and the name; what was said up to here is still owed. */
static void say_farewell(struct session *self)
{
    struct client *client = &self->client;
    bool shutdown = self->client.end == CLIENT_SHUTDOWN;
    if (shutdown)
        client_tell(client, "server is shutting down");
    else if (self->client.end == CLIENT_IDLE)
        client_tell(client, "idle for too long");
    log_leaving(self);
    room_leave_all(client, reason_of(self));
    if (self->client.end == CLIENT_TOO_SLOW)
        room_forget(client); /* the lines are not waited for; what is its own still arrives */
    client_go(client);
    answer_release(client);
    buffer_release(&self->reading.partial, self->task.loop->sys);
    self->finish = (struct stream_finish){.linger_ns = shutdown ? TIME_NEVER : STREAM_LINGER_NS,
                                          .limit_ns = shutdown ? 0 : STREAM_FINISH_NS};
}

/* The farewell is over, or was cut short. */
static void release_client(struct session *self)
{
    struct client *client = &self->client;
    if (self->rc == -ECANCELED)
        sessions_of(self)->cut++;
    sessions_of(self)->open--;
    chat_of(self)->connections--;
    hosts_leave(&sessions_of(self)->hosts, self->host);
    room_forget(client);
    ignore_release(client);
    client_release(client);
}

static int session_step(struct task *task)
{
    struct session *const self = container_of(task, struct session, task);

    TASK_BEGIN();
    pace_begin(&self->reading.pace, &chat_of(self)->config->rate, task->loop->now_ns);
    enter(self);
    while (!self->client.end) {
        /* A line waits for a room that is ahead of its readers, and a /ping for the journal. */
        if (self->client.held || self->client.confirming) {
            TASK_AWAIT(self->rc, wait_for_held(task, self));
            judge_wait(self, false);
            if (!self->client.end)
                take_held(self);
            continue;
        }
        if (compose_answers(self)) {
            TASK_AWAIT(self->rc, task_sleep(task, SESSION_SEARCH_NS));
            judge_wait(self, false);
            continue;
        }
        /* A client that does not read its answers is not read from. */
        open_idle(self);
        TASK_AWAIT(self->rc, drain_answers(task, self));
        close_idle(self);
        if (self->client.end || self->client.answer)
            continue;

        if (journal_is_full(journal_of(self))) {
            TASK_AWAIT(self->rc, journal_wait_space(task, journal_of(self)));
            judge_wait(self, false);
            continue;
        }

        /* Who is above its rate is read more slowly. */
        if (ahead_ns(self) > 0) {
            TASK_AWAIT(self->rc, task_sleep(task, ahead_ns(self)));
            judge_wait(self, false);
            continue;
        }
        if (share_used_up(self)) {
            TASK_AWAIT(self->rc, task_sleep(task, 0)); /* the next turn */
            judge_wait(self, false);
            continue;
        }
        if (take_event(self))
            continue;
        open_idle(self);
        TASK_AWAIT(self->rc, stream_fill(task, &self->client.stream, read_size(self)));
        close_idle(self);
        note_read(self);
    }
    task_shield(task);
    self->rc = 0;
    while (answers_owed(self))
        TASK_AWAIT(self->rc, stream_drain(task, &self->client.stream, CHAT_UNREAD_BYTES / 2));
    say_farewell(self);
    if (self->client.end != CLIENT_LOST)
        TASK_AWAIT(self->rc, stream_finish(task, &self->finish, &self->client.stream));
    task_unshield(task);
    release_client(self);
    TASK_END();
}

/* The reap phase: nobody holds a pointer to the session any more. */
static void release_session(struct task_group *group, struct task *task)
{
    struct sessions *sessions = container_of(group, struct sessions, group);
    struct session *self = container_of(task, struct session, task);
    group->loop->sys->release(group->loop->sys, self);
    sessions->on_left(sessions);
}

static struct stream *stream_of_session(struct task *task)
{
    return &container_of(task, struct session, task)->client.stream;
}

void sessions_open(struct sessions *sessions, struct task *owner, struct chat *chat)
{
    sessions->chat = chat;
    sessions->open = 0;
    sessions->cut = 0;
    task_group_open(&sessions->group, owner, "sessions", GROUP_CONTAIN);
    sessions->group.release = release_session;
    peer_check_open(&sessions->check, &sessions->group, stream_of_session);
}

int session_start(struct sessions *sessions, int fd, struct host *host,
                  const struct sys_address *peer)
{
    struct sys *sys = sessions->chat->loop->sys;
    int rc = -ENOMEM;
    struct session *self = sys->allocate(sys, sizeof(*self));
    if (!self)
        goto close_fd;
    *self = (struct session){.host = host};
    rc = client_open(&self->client, sessions->chat, fd);
    if (rc < 0)
        goto free_session;
    self->client.origin = hosts_origin(&sessions->hosts, peer);
    if (net_of_address(peer, &self->client.from))
        self->client.port = sys_address_port(peer);
    rc = task_group_spawn(&sessions->group, &self->task, self->client.name, session_step);
    if (rc < 0)
        goto release_client;
    sessions->open++;
    sessions->chat->counts.accepted++;
    sessions->chat->connections++;
    return 0;

release_client:
    client_go(&self->client);
    client_release(&self->client);
    fd = -1; /* closed with the client */
free_session:
    sys->release(sys, self);
close_fd:
    if (fd >= 0)
        (void)sys->close(sys, fd); /* nothing was sent on it */
    hosts_leave(&sessions->hosts, host);
    return rc;
}

void session_fell_behind(struct subscriber *subscriber)
{
    struct client *client = client_of_outbox(subscriber->outbox);
    struct session *self = container_of(client, struct session, client);
    if (self->client.end)
        return;
    self->client.end = CLIENT_TOO_SLOW;
    task_cancel(&self->task, TIME_NEVER); /* what it was sent may still arrive */
}

void session_kick(struct client *client, const char *why)
{
    struct session *self = container_of(client, struct session, client);
    struct client_extra *extra = client_extra(client);
    struct sys *sys = self->task.loop->sys;
    if (client->end)
        return;
    client_tell(client, *why ? "The operator removed you: %s" : "The operator removed you.%s", why);
    if (!*why)
        why = "by the operator";
    if (extra) { /* without memory it is just `kicked` */
        sys->release(sys, extra->parting);
        extra->parting = client_reason(client, "kicked: ", why, strlen(why));
    }
    client->end = CLIENT_KICKED;
    task_cancel(&self->task, TIME_NEVER); /* what it is owed still arrives */
}

int session_replace(struct client *client)
{
    struct session *self = container_of(client, struct session, client);
    uint32_t number;
    int rc = client_reserve_guest(client, &number);
    if (rc < 0)
        return rc;
    client_tell(client, "%s was taken with its key by another connection.", client->name);
    if (!client->end) {
        client->end = CLIENT_REPLACED;
        task_cancel(&self->task, TIME_NEVER); /* what it is owed still arrives */
    }
    room_leave_all(client, "replaced");
    client_leave_held(client);
    client_become_guest(client, number);
    return 0;
}
